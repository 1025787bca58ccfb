"""Cutting many texts into batches: windows in the order they come, batches by length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..batching import cut_by_length

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


def batches(lengths: Sequence[int], most: int | None) -> Iterator[list[int]]:
    """Indices of rows of such lengths in batches of at most `most`, by `cut_by_length`."""
    return cut_by_length(lengths, most, _BATCH_TOKENS)
