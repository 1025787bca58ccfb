"""Bytes of documents to token ids, by any of the tokenizers."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..tokenization import PreTrainedTokenizerBase

__all__ = ["encode_documents", "fingerprint", "id_dtype"]


def encode_documents(
    tokenizer: PreTrainedTokenizerBase,
    data: NDArray[np.uint8],
    ends: NDArray[np.int64],
    *,
    dtype: str,
    add_special_tokens: bool,
    split_special_tokens: bool,
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Ids [N] ("uint16" or "uint32") of the documents data[ends[d - 1]:ends[d]], and where in
    the ids each document ends [D]."""
    core: Any = tokenizer._core
    if isinstance(core, _core.Tokenizer):
        return core.encode_flat(
            data,
            ends,
            dtype=dtype,
            add_special_tokens=add_special_tokens,
            split_special_tokens=split_special_tokens,
        )
    raw, bounds = data.tobytes(), [0, *ends.tolist()]
    rows: list[list[int]] = []
    if len(ends):
        rows = tokenizer(
            [raw[start:end].decode() for start, end in itertools.pairwise(bounds)],
            add_special_tokens=add_special_tokens,
            split_special_tokens=split_special_tokens,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
    ids = np.fromiter(itertools.chain.from_iterable(rows), dtype)
    return ids, np.cumsum([len(row) for row in rows], dtype=np.int64)


def id_dtype(tokenizer: PreTrainedTokenizerBase, dtype: str | None) -> str:
    """The dtype of ids: `dtype` where the tokenizer's ids fit in, or the smallest they do."""
    largest = max(tokenizer.get_vocab().values(), default=0)
    if dtype is None:
        return "uint16" if largest < 1 << 16 else "uint32"
    if dtype not in ("uint16", "uint32"):
        raise ValueError(f"dtype must be 'uint16' or 'uint32', not {dtype!r}")
    if dtype == "uint16" and largest >= 1 << 16:
        raise ValueError(
            f"dtype uint16 holds ids up to 65535, but this tokenizer has ids up to {largest}; use"
            " uint32"
        )
    return dtype


def fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 of what decides the tokenizer's ids: its tokenizer.json, keys in order.

    Tokenizers that were loaded from other files but are the same have the same one.
    """
    what: dict[str, Any] = {"tokenizer.json": tokenizer._tokenizer_json()}
    if getattr(tokenizer, "original_rules", False):
        what["original_rules"] = True
    text = json.dumps(what, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
