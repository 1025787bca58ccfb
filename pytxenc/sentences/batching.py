"""Cutting many texts into batches: windows in the order they come, batches by length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

# What is held at once: so many texts or so many characters of text, whichever is less.
WINDOW_TEXTS = 4096
_WINDOW_CHARACTERS = 1 << 24
# Tokens of a batch, padding among them: enough for full speed, little enough for the cache.
_BATCH_TOKENS = 4096


def windows(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts in lists that follow each other."""
    window: list[str] = []
    held = 0
    for text in texts:
        window.append(text)
        held += len(text)
        if len(window) == WINDOW_TEXTS or held >= _WINDOW_CHARACTERS:
            yield window
            window, held = [], 0
    if window:
        yield window


def batches(lengths: Sequence[int], most: int | None) -> Iterator[NDArray[np.int64]]:
    """Indices of rows of such lengths in batches, the longest rows first.

    A batch has at most `most` rows, and no more tokens, padding counted, than are good for
    the computation; a row too long for that is alone in its batch.
    """
    order = np.argsort(-np.asarray(lengths, np.int64), kind="stable")
    start = 0
    while start < len(order):
        count = max(1, _BATCH_TOKENS // max(1, lengths[order[start]]))
        if most is not None:
            count = min(count, most)
        yield order[start : start + count]
        start += count
