"""Rows of a data set as one batch of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..modeling.losses import IGNORED_LABEL
from .base import Features

__all__ = ["pad_rows"]


def pad_rows(rows: Sequence[Features], pad_id: int | None) -> dict[str, NDArray[Any]]:
    """Rows of lists of numbers as arrays, padded on the right.

    rows: with the same fields each; a field is a number, a list of numbers, or for texts with
        choices a list of such lists.
    pad_id: what "input_ids" are filled with, 0 where it is None; "labels" are filled with -100,
        everything else with 0.

    Returns arrays (rows,), (rows, length) or (rows, choices, length), int64, or float32 for
    numbers that are not whole.
    """
    fills = {"input_ids": pad_id or 0, "labels": IGNORED_LABEL}
    return {name: _stacked([row[name] for row in rows], fills.get(name, 0)) for name in rows[0]}


def _stacked(values: list[Any], fill: int) -> NDArray[Any]:
    if not isinstance(values[0], list):
        array = np.array(values)
        return array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
    if values[0] and isinstance(values[0][0], list):
        flat = _stacked([part for value in values for part in value], fill)
        return flat.reshape(len(values), len(values[0]), -1)
    padded = np.full((len(values), max(map(len, values))), fill, np.int64)
    for number, value in enumerate(values):
        padded[number, : len(value)] = value
    return padded
