"""What schedules multiply the base rate by, as functions of the step.

Steps may be any real number from 0 on.  w is the number of warm-up steps, during which the rate
rises as s / max(1, w) unless said otherwise; T the number of all steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = [
    "Factor",
    "constant",
    "cosine",
    "cosine_with_restarts",
    "early_cosine",
    "inverse_sqrt",
    "linear",
    "one_cycle",
    "polynomial",
    "warmup",
    "warmup_stable_decay",
]

Factor = Callable[[float], float]

_SHAPES: dict[str, Callable[[float], float]] = {  # from 0 to 1
    "linear": lambda p: p,
    "cosine": lambda p: 0.5 * (1.0 - math.cos(math.pi * p)),
    "1-sqrt": lambda p: 1.0 - math.sqrt(1.0 - p),
}


def constant(s: float) -> float:
    return 1.0


def warmup(w: float, after: Factor) -> Factor:
    """`after` from step w on."""
    return lambda s: s / max(1, w) if s < w else after(s)


def linear(w: float, T: float) -> Factor:
    """Falls to 0 at T."""
    return warmup(w, lambda s: max(0.0, (T - s) / max(1, T - w)))


def _wave(p: float, cycles: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * cycles * 2.0 * p))


def cosine(w: float, T: float, cycles: float, lowest: float = 0.0) -> Factor:
    """Falls as a cosine from 1 to `lowest`; half a wave is 0.5 cycles."""

    def after(s: float) -> float:
        wave = _wave((s - w) / max(1, T - w), cycles)
        return max(0.0, wave * (1 - lowest) + lowest)

    return warmup(w, after)


def early_cosine(w: float, T: float, cycles: float, lowest: float, start: float | None) -> Factor:
    """`cosine` one step ahead: the warm-up begins above 0, at `start` or 1 / w."""

    def factor(s: float) -> float:
        if s < w:
            if start is None:
                return (s + 1) / max(1, w)
            return start + (1 - start) * s / max(1, w - 1)
        wave = _wave((s - w + 1) / max(1, T - w), cycles)
        return max(0.0, wave * (1 - lowest) + lowest)

    return factor


def cosine_with_restarts(w: float, T: float, cycles: float) -> Factor:
    """Falls as a half wave from 1 to 0, `cycles` times."""

    def after(s: float) -> float:
        p = (s - w) / max(1, T - w)
        return 0.0 if p >= 1 else max(0.0, 0.5 * (1 + math.cos(math.pi * (cycles * p % 1.0))))

    return warmup(w, after)


def polynomial(w: float, T: float, power: float, lowest: float) -> Factor:
    """Falls as (1 - p)^power to `lowest` at T, where it stays."""

    def after(s: float) -> float:
        if s > T:
            return lowest
        return (1 - lowest) * (1 - (s - w) / max(1, T - w)) ** power + lowest

    return warmup(w, after)


def inverse_sqrt(w: float, timescale: float) -> Factor:
    """Falls as 1 / sqrt(1 + (s - w) / timescale)."""
    return warmup(w, lambda s: 1.0 / math.sqrt((s + timescale - w) / timescale))


def warmup_stable_decay(
    w: float,
    stable: float,
    decay: float,
    warmup_type: str,
    decay_type: str,
    lowest: float,
    cycles: float,
) -> Factor:
    """Rises from `lowest` to 1, stays there, falls to `lowest`, stays there."""

    def fall(p: float) -> float:
        if decay_type == "cosine":
            return _wave(p, cycles)
        return 1.0 - (p if decay_type == "linear" else math.sqrt(p))

    def factor(s: float) -> float:
        if s < w:
            share = _SHAPES[warmup_type](s / max(1, w))
        elif s < w + stable:
            return 1.0
        elif s < w + stable + decay:
            share = fall((s - w - stable) / max(1, decay))
        else:
            return lowest
        return max(0.0, share * (1 - lowest) + lowest)

    return factor


def one_cycle(peak: float, T: float, start: float, end: float, shape: str) -> Factor:
    """Rises from `start` to 1 at step `peak`, then falls to `end` at T, where it stays."""
    rise = _SHAPES[shape]

    def factor(s: float) -> float:
        if s < peak:
            return start + (1 - start) * rise(s / peak)
        p = min(1.0, (s - peak) / (T - peak)) if peak < T else 1.0
        return 1 + (end - 1) * rise(p)

    return factor
