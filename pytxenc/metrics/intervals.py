"""Means over seeds, with the interval that their spread leaves open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Interval", "mean_interval", "paired_difference", "t_quantile"]


class Interval(NamedTuple):
    """A mean with its confidence interval; NaN for what one value cannot tell."""

    mean: float
    sd: float  # of the values, with n - 1
    low: float
    high: float
    n: int  # values


def _inside(t: float, freedom: int) -> float:
    """P(|T| <= t) of Student's distribution, by Abramowitz and Stegun 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    square = math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(2 + odd, freedom, 2):
        term *= square * (k - 1) / k
        total += term
    total *= math.sin(angle)
    return (angle + total) * 2 / math.pi if odd else total


def t_quantile(freedom: int, level: float = 0.95) -> float:
    """The t that Student's distribution stays within, on both sides, with probability `level`.

    freedom: degrees of freedom, at least 1.
    level: between 0 and 1, at most 1 - 1e-9.

    ValueError for anything else.
    """
    if freedom < 1:
        raise ValueError(f"degrees of freedom must be at least 1, not {freedom}")
    if not 0 < level <= 1 - 1e-9:
        raise ValueError(f"level must be between 0 and 1, not {level}")
    low, high = 0.0, 1.0
    while _inside(high, freedom) < level:
        high *= 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if _inside(middle, freedom) < level:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Mean, standard deviation and t-interval of values that chance alone makes differ.

    ValueError without values; one value has a mean only.
    """
    numbers = [float(value) for value in values]
    count = len(numbers)
    if not count:
        raise ValueError("there are no values")
    mean = math.fsum(numbers) / count
    if count == 1:
        return Interval(mean, math.nan, math.nan, math.nan, 1)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in numbers) / (count - 1))
    half = t_quantile(count - 1, level) * sd / math.sqrt(count)
    return Interval(mean, sd, mean - half, mean + half, count)


def paired_difference(
    first: Sequence[float], second: Sequence[float], level: float = 0.95
) -> Interval:
    """`mean_interval` of first[i] - second[i]: two ways of training under the same seeds.

    An interval that holds 0 shows no difference.  ValueError where the lengths differ.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} values cannot be paired with {len(second)}")
    return mean_interval([a - b for a, b in zip(first, second, strict=True)], level)
