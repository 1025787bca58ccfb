"""Adafactor, which keeps sums over rows and columns in place of second moments."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .base import Optimizer, not_in

if TYPE_CHECKING:
    from ..training.flat import FlatParameters, Segment
    from ..training.session import Session

__all__ = ["Adafactor"]


class Adafactor(Optimizer):
    """Adafactor (Shazeer and Stern, 1804.04235), as transformers' class computes it.

    Args:
        lr: None, the default, with `relative_step`; else the rate.
        eps: added to squares of gradients; the least scale of a parameter.
        clip_threshold: the largest root mean square of an update before the rate.
        decay_rate: in step t the averages of squares keep 1 - t^decay_rate of what they were.
        beta1: of the average of updates; None for none.
        scale_parameter: multiply the rate by the root mean square of the parameter.
        relative_step: the rate is min(0.01, 1 / sqrt(t)), with `warmup_init` min(1e-6 t,
            1 / sqrt(t)); a schedule cannot change it.
        groups: dicts with "names" and any of the other arguments.

    Parameters of two or more dimensions have sums over the last two.  State, end to end for
    the parameters in the order of the groups: "exp_avg_sq_row", "exp_avg_sq_col",
    "exp_avg_sq" for those of one dimension; "exp_avg", like the parameters, with beta1.
    """

    _factored: ClassVar[tuple[str, str]] = ("exp_avg_sq_row", "exp_avg_sq_col")

    def __init__(
        self,
        target: FlatParameters | Session,
        lr: float | None = None,
        eps: tuple[float, float] = (1e-30, 1e-3),
        clip_threshold: float = 1.0,
        decay_rate: float = -0.8,
        beta1: float | None = None,
        weight_decay: float = 0.0,
        scale_parameter: bool = True,
        relative_step: bool = True,
        warmup_init: bool = False,
        *,
        groups: Iterable[Mapping[str, Any]] | None = None,
    ) -> None:
        defaults = dict(
            lr=lr, eps=eps, clip_threshold=clip_threshold, decay_rate=decay_rate, beta1=beta1,
            weight_decay=weight_decay, scale_parameter=scale_parameter,
            relative_step=relative_step, warmup_init=warmup_init,
        )  # fmt: skip
        super().__init__(target, defaults, groups)

    def _check(self) -> None:
        super()._check()
        for index, group in enumerate(self.param_groups):
            if (group["lr"] is None) != bool(group["relative_step"]):
                raise ValueError(f"group {index}: give lr, or relative_step=True, not both")
            if group["warmup_init"] and not group["relative_step"]:
                raise ValueError(f"group {index}: warmup_init needs relative_step")
            if group["beta1"] is not None and "exp_avg" not in self.state:
                raise ValueError(f"group {index}: beta1 cannot begin after the first step")

    def _problem(self, key: str, value: Any) -> str | None:
        if key in ("lr", "initial_lr", "beta1") and value is None:
            return None
        if key == "beta1":
            return not_in(value, 0.0) or (None if value < 1 else "below 1")
        if key == "eps":
            pair = isinstance(value, list | tuple) and len(value) == 2
            good = pair and all(not_in(eps, 0.0) is None for eps in value)
            return None if good else "two numbers, at least 0"
        if key == "clip_threshold":
            return not_in(value, 0.0) or (None if value > 0 else "above 0")
        if key == "decay_rate":
            return None if not_in(value, -10.0, 0.0) is None else "a number from -10 to 0"
        return super()._problem(key, value)

    def _new_state(self) -> dict[str, NDArray[np.float32]]:
        sizes = {"exp_avg_sq_row": 0, "exp_avg_sq_col": 0, "exp_avg_sq": 0}
        for segments in self._segments_of:
            for segment in segments:
                for name, shape in self._shapes(segment).items():
                    sizes[name] += math.prod(shape)
        state = {name: np.zeros(size, np.float32) for name, size in sizes.items() if size}
        if any(group["beta1"] is not None for group in self.param_groups):
            state["exp_avg"] = self.flat.zeros()
        return state

    def _shapes(self, segment: Segment) -> dict[str, tuple[int, ...]]:
        """The arrays of second moments of a parameter and their shapes."""
        shape = segment.shape
        if len(shape) < 2:
            return {"exp_avg_sq": shape}
        row, col = self._factored
        return {row: shape[:-1], col: (*shape[:-2], shape[-1])}

    def _update(self, clip: float, norm: float) -> None:
        used = dict.fromkeys(self.state, 0)
        for group, segments in zip(self.param_groups, self._segments_of, strict=True):
            for segment in segments:
                moments = {}
                for name, shape in self._shapes(segment).items():
                    size = math.prod(shape)
                    moments[name] = self.state[name][used[name] :][:size].reshape(shape)
                    used[name] += size
                self._update_one(group, segment, moments, np.float32(clip))

    def _update_one(
        self,
        group: Mapping[str, Any],
        segment: Segment,
        moments: Mapping[str, NDArray[np.float32]],
        clip: np.float32,
    ) -> None:
        def view(flat: NDArray[np.float32]) -> NDArray[np.float32]:
            return flat[segment.offset : segment.offset + segment.size].reshape(segment.shape)

        value = view(self.flat.values)
        gradient: NDArray[np.float32] = view(self.flat.gradients) * clip
        keep = 1.0 - self.steps ** group["decay_rate"]
        square = np.square(gradient)
        square += np.float32(group["eps"][0])
        if "exp_avg_sq" in moments:
            _average(moments["exp_avg_sq"], square, keep)
            gradient /= np.sqrt(moments["exp_avg_sq"])
        else:
            rows, cols = (moments[name] for name in self._factored)
            _average(rows, square.mean(-1), keep)
            _average(cols, square.mean(-2, dtype=np.float64), keep)
            mean = rows.mean(-1, keepdims=True)
            gradient /= np.sqrt(rows / mean)[..., None]
            gradient /= np.sqrt(cols)[..., None, :]
        update = gradient
        lr = self._rate(group, value)
        update *= np.float32(lr / max(1.0, _rms(update) / group["clip_threshold"]))
        if group["beta1"] is not None:
            average = view(self.state["exp_avg"])
            _average(average, update, group["beta1"])
            update = average
        if group["weight_decay"]:
            update = update + np.float32(group["weight_decay"] * lr) * value
        value -= update

    def _rate(self, group: Mapping[str, Any], value: NDArray[np.float32]) -> float:
        rate: float = group["lr"]
        if group["relative_step"]:
            first = 1e-6 * self.steps if group["warmup_init"] else 1e-2
            rate = min(first, 1.0 / math.sqrt(self.steps))
        return rate * max(group["eps"][1], _rms(value)) if group["scale_parameter"] else rate


def _average(average: NDArray[np.float32], new: NDArray[Any], keep: float) -> None:
    average *= np.float32(keep)
    average += (np.float32(1.0 - keep) * new).astype(np.float32, copy=False)


def _rms(array: NDArray[np.float32]) -> float:
    return math.sqrt(float(np.mean(np.square(array), dtype=np.float64))) if array.size else 0.0
