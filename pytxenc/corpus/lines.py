"""The lines inside documents."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .text import blank_lines, joined

__all__ = ["split_lines"]


def split_lines(
    data: NDArray[np.uint8], ends: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Documents as lines without their ends; lines that are empty or white space are left out.

    data [N] and ends [D] are those of a batch.  Returns data [M], line ends [L] in it, and for
    each document the number of lines up to its end [D].
    """
    # Where lines stop, in order: 2 * position at the end of a document, + 1 at a line end, so
    # that a document's end comes before a line end that is the next document's first byte.
    stops = np.sort(np.concatenate([2 * ends, 2 * np.flatnonzero(data == 10) + 1]))
    at_newline = stops & 1
    stops >>= 1
    starts = np.append(0, stops + at_newline)[:-1]
    raw = data.tobytes()
    if b"\r" in raw:
        stops = stops - (at_newline & (stops > starts) & (data[stops - 1] == 13))
    full = ~blank_lines(raw, data, starts, stops)
    lines, line_ends = joined(raw, starts[full], stops[full])
    return lines, line_ends, np.cumsum(full)[at_newline == 0]
