"""Embeddings in fewer bits."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tensor import to_numpy

logger = logging.getLogger("pytxenc")

PRECISIONS = ("float32", "int8", "uint8", "binary", "ubinary")
_FEW = 100


def check_precision(precision: str) -> str:
    """The precision; ValueError for an unknown one."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; it must be one of {', '.join(PRECISIONS)}")
    return precision


def quantize_embeddings(
    embeddings: Any,
    precision: str,
    ranges: Any = None,
    calibration_embeddings: Any = None,
) -> NDArray[Any]:
    """Embeddings in fewer bits, as sentence-transformers stores them.

    Args:
        embeddings: floats (n, dim) or (dim,).
        precision: "int8" or "uint8", 256 equal steps between the least and the greatest value
            of each column; "binary" or "ubinary", one bit a value, set where it is above
            zero, eight to an int8 or uint8; "float32".
        ranges: (2, dim), the least and the greatest values for "int8" and "uint8".
        calibration_embeddings: floats (m, dim), by default the embeddings themselves, whose
            values give the ranges.

    Returns:
        An array (n, dim), or (n, ceil(dim / 8)) of bits, of the dtype that the name says.

    Raises:
        TypeError: the embeddings are integers.
        ValueError: an unknown precision, or ranges to be found in a single embedding.
    """
    check_precision(precision)
    values = to_numpy(embeddings)
    if values.dtype.kind != "f":
        raise TypeError(f"embeddings to quantize must be floats, not {values.dtype}")
    if precision == "float32":
        return values.astype(np.float32)
    if precision in ("binary", "ubinary"):
        bits = np.packbits(values > 0, axis=-1)
        return bits if precision == "ubinary" else (bits ^ 0x80).view(np.int8)
    if values.size == 0:
        return values.astype(precision)
    if ranges is None:
        ranges = _ranges(values if calibration_embeddings is None else calibration_embeddings)
    least, greatest = to_numpy(ranges).astype(np.float32)
    steps = (greatest - least) / np.float32(255)
    steps[steps == 0] = 1
    levels = np.clip(np.floor((values - least) / steps), 0, 255).astype(np.uint8)
    return levels if precision == "uint8" else (levels ^ 0x80).view(np.int8)


def _ranges(embeddings: Any) -> NDArray[Any]:
    """The least and the greatest value of each column, (2, dim)."""
    values = to_numpy(embeddings)
    if values.ndim == 1 or len(values) == 1:
        raise ValueError(
            "a single embedding does not tell the ranges of int8 and uint8: pass ranges or "
            "calibration_embeddings to quantize_embeddings"
        )
    if len(values) < _FEW:
        logger.warning(
            "the ranges of int8 and uint8 come from %d embeddings alone; more are better, "
            "as calibration_embeddings of quantize_embeddings",
            len(values),
        )
    return np.stack([values.min(axis=0), values.max(axis=0)])
