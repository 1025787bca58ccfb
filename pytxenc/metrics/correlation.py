"""How well predicted numbers agree with the targets."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checking import paired

__all__ = ["average_ranks", "pearson", "spearman"]

Floats = NDArray[np.float64]


def average_ranks(values: Any) -> Floats:
    """Rank of every value from 1 on; equal values share the mean of theirs."""
    _, which, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which]


def pearson(labels: Any, predictions: Any) -> float:
    """Pearson's correlation coefficient.

    labels, predictions: (n,) numbers.

    NaN with a warning where either is constant or not finite; ValueError where shapes differ.
    """
    return _correlation("Pearson", *_numbers(labels, predictions))


def spearman(labels: Any, predictions: Any) -> float:
    """Spearman's rank correlation coefficient: Pearson's of the ranks, averages for ties."""
    first, second = _numbers(labels, predictions)
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return _correlation("Spearman", first, second)
    return _correlation("Spearman", average_ranks(first), average_ranks(second))


def _numbers(labels: Any, predictions: Any) -> tuple[Floats, Floats]:
    first, second = paired(labels, predictions)
    return first.astype(np.float64), second.astype(np.float64)


def _correlation(name: str, first: Floats, second: Floats) -> float:
    problem = None
    for what, values in (("labels", first), ("predictions", second)):
        if not np.isfinite(values).all():
            problem = f"the {what} are not all finite"
        elif (values == values[0]).all():
            problem = f"the {what} are constant"
    if problem:
        warnings.warn(f"{name}'s correlation is undefined: {problem}", UserWarning, stacklevel=3)
        return float("nan")
    a, b = (values - values.mean() for values in (first, second))
    # Scaled first, so that the squares of numbers of any size can be added up.
    a, b = (values / np.abs(values).max() for values in (a, b))
    return float(np.clip((a @ b) / np.sqrt((a @ a) * (b @ b)), -1.0, 1.0))
