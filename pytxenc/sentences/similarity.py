"""How alike embeddings are: cosine and dot product, Euclidean and Manhattan distance negated."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..numeric import unit
from ..tensor import as_tensor, kind_of, like, to_numpy

_Array = NDArray[np.float32]


def check_similarity(name: Any) -> str:
    """The name of a similarity, of an enumeration's member too; ValueError for others."""
    name = getattr(name, "value", name)
    if not isinstance(name, str) or name not in FUNCTIONS:
        raise ValueError(
            f"similarity_fn_name is {name!r}; it must be one of {', '.join(FUNCTIONS)}"
        )
    return name


def similarity(name: str, one: Any, other: Any, pairwise: bool) -> Any:
    """Scores of all rows of one with all rows of the other, or of rows in the same place."""
    left, right = _rows(one), _rows(other)
    if left.shape[-1] != right.shape[-1]:
        raise ValueError(
            f"embeddings of {left.shape[-1]} and of {right.shape[-1]} numbers cannot be compared"
        )
    if pairwise:
        if len(left) != len(right) and 1 not in (len(left), len(right)):
            raise ValueError(f"{len(left)} and {len(right)} embeddings make no pairs")
        scores = FUNCTIONS[name][1](left, right)
        if to_numpy(one).ndim == to_numpy(other).ndim == 1:
            scores = scores[0]
    else:
        scores = FUNCTIONS[name][0](left, right)
    scores = np.asarray(scores, np.float32)
    if kind_of(one, other) == "pt" or "torch" in sys.modules:
        return as_tensor(scores, "pt")
    return like(scores, "tensor")


def _rows(embeddings: Any) -> _Array:
    """Embeddings as float32 (n, dim); a list may hold tensors."""
    if isinstance(embeddings, (list, tuple)):
        embeddings = np.stack([to_numpy(row) for row in embeddings]) if embeddings else []
    rows = np.atleast_2d(to_numpy(embeddings).astype(np.float32, copy=False))
    if rows.ndim != 2:
        raise ValueError(f"embeddings have shape {rows.shape}; expected (n, dim) or (dim,)")
    return rows


def _dot(a: _Array, b: _Array) -> _Array:
    return a @ b.T


def _each(distance: Callable[[_Array], _Array]) -> Callable[[_Array, _Array], _Array]:
    """A function of all pairs, one row of the first at a time, from one of differences."""

    def score(a: _Array, b: _Array) -> _Array:
        scores = np.empty((len(a), len(b)), np.float32)
        for row, target in zip(a, scores, strict=True):
            target[:] = -distance(b - row)
        return scores

    return score


def _euclidean(difference: _Array) -> _Array:
    return np.asarray(np.linalg.norm(difference, axis=-1))


def _manhattan(difference: _Array) -> _Array:
    return np.asarray(np.abs(difference).sum(axis=-1))


Score = Callable[[_Array, _Array], _Array]

# name -> (of all pairs, of rows in the same place)
FUNCTIONS: dict[str, tuple[Score, Score]] = {
    "cosine": (
        lambda a, b: _dot(unit(a), unit(b)),
        lambda a, b: (unit(a) * unit(b)).sum(axis=-1),
    ),
    "dot": (_dot, lambda a, b: (a * b).sum(axis=-1)),
    "euclidean": (_each(_euclidean), lambda a, b: -_euclidean(a - b)),
    "manhattan": (_each(_manhattan), lambda a, b: -_manhattan(a - b)),
}
