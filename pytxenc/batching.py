"""Cutting rows of tokens into batches that are computed together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

__all__ = ["cut_by_length"]


def cut_by_length(
    lengths: Sequence[int], most: int | None, budget: int | None
) -> Iterator[list[int]]:
    """Indices of rows in batches of like length, the longest rows first.

    lengths: tokens of each row.
    most: rows in a batch.
    budget: tokens in a batch, padding included; a row above it is alone in its batch.

    Rows of one length stay in their order.
    """
    order = np.argsort(-np.asarray(lengths, np.int64), kind="stable").tolist()
    start = 0
    while start < len(order):
        count = len(order) if most is None else most
        if budget is not None:  # the first row of a batch is its longest
            count = min(count, max(1, budget // max(1, lengths[order[start]])))
        yield order[start : start + count]
        start += count
