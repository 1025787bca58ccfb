"""Where a tokenizer's vocabulary comes from: what the classes' constructors share."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .added_tokens import AddedToken
from .call_options import check_side
from .files import (
    FileText,
    PathLike,
    SentencePiece,
    TokenizerJson,
    check_scores,
    read_sentencepiece,
    read_tokenizer_json,
)
from .sentencepiece_file import CONTROL, NORMAL, UNKNOWN, USER_DEFINED

logger = logging.getLogger("pytxenc")


class Source(NamedTuple):
    """A vocabulary that was read or given."""

    where: str  # names it in error messages
    vocab: Any  # token to id, [(piece, score)], or the FileText of either
    merges: Any = None  # ["left right"], or FileText
    json: TokenizerJson | None = None  # the tokenizer.json it was in
    charsmap: str | None = None  # base64


def take_files(tokenizer: Any, vocab: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The vocabulary and the file arguments, taken out of a constructor's `kwargs`.

    The path of a vocabulary file becomes the tokenizer's `vocab_file`.
    """
    names = ("vocab_file", "merges_file", "tokenizer_file")
    files = {key: os.fspath(kwargs[key]) for key in names if kwargs.get(key) is not None}
    for key in names:
        kwargs.pop(key, None)
    vocab = files.get("vocab_file") if vocab is None else vocab
    if isinstance(vocab, (str, os.PathLike)):
        tokenizer.vocab_file = os.fspath(vocab)
    return vocab, files


def blank_ids(tokenizer: Any, pad: Any, unk: Any, cls: Any, sep: Any, mask: Any) -> dict[str, int]:
    """The vocabulary of a tokenizer made without one: its special tokens."""
    logger.warning(
        "%s was made without a vocabulary and knows its special tokens only; pass vocab= or use"
        " from_pretrained()",
        type(tokenizer).__name__,
    )
    return {str(token): index for index, token in enumerate((pad, unk, cls, sep, mask))}


def file_options(parsed: TokenizerJson | None, where: str) -> dict[str, Any]:
    """Options that a tokenizer.json's truncation and padding blocks stand for."""
    options = {}
    for key, block in (
        ("truncation_side", parsed and parsed.truncation),
        ("padding_side", parsed and parsed.padding),
    ):
        if block and "direction" in block:
            side = str(block["direction"]).lower()
            options[key] = check_side(f"{where}: {key}", side)
    return options


def unigram_source(
    vocab: Any, tokenizer_file: str | None, original: bool = False
) -> tuple[Source, list[str | AddedToken]]:
    """A Unigram vocabulary, and the special tokens that a SentencePiece model brings.

    With `original`, those are none: SentencePiece's own rules have another use for them.
    """
    if vocab is None:
        assert tokenizer_file is not None
        parsed = read_tokenizer_json(tokenizer_file)
        parsed.require("Unigram", tokenizer_file)
        scores = check_scores(parsed.model["vocab"], f"{tokenizer_file}: model.vocab")
        return Source(tokenizer_file, scores, json=parsed, charsmap=parsed.charsmap), []
    if isinstance(vocab, (str, os.PathLike)):
        model = read_sentencepiece(vocab, with_normal=original)
        extra: list[str | AddedToken] = []
        if original:
            _check_original(model, vocab)
        else:
            extra += [
                AddedToken(piece[0], normalized=False, special=piece[2] == CONTROL)
                for piece in filter(None, model.types)
                if piece[2] in (CONTROL, USER_DEFINED)
            ]
        return Source(os.fspath(vocab), model.pieces, charsmap=model.charsmap), extra
    return Source("vocab", check_scores(vocab, "vocab")), []


def check_unknown_piece(model: Mapping[str, Any]) -> None:
    """ValueError when a Unigram model's unknown piece is none; not for what C is to read."""
    pieces, index = model["vocab"], model["unk_id"]
    if not isinstance(pieces, FileText) and index >= len(pieces):
        raise ValueError(f"has no piece {index}, which is the unknown one")


def add_pieces_as_tokens(kwargs: dict[str, Any], pieces: list[str | AddedToken]) -> None:
    """Make `pieces` a constructor's extra special tokens, unless it was given a list of them."""
    if isinstance(kwargs.get("extra_special_tokens"), Mapping):
        kwargs["model_specific_special_tokens"] = {
            **(kwargs.get("model_specific_special_tokens") or {}),
            **kwargs.pop("extra_special_tokens"),
        }
    if pieces and not kwargs.keys() & {"extra_special_tokens", "additional_special_tokens"}:
        kwargs["extra_special_tokens"] = pieces


def typed_pieces(
    scores: Sequence[tuple[str, float]],
    unk_id: int,
    added: Mapping[int, AddedToken],
    original: bool = False,
) -> list[tuple[str, float, int]]:
    """(piece, score, type) as a SentencePiece model has them, from a Unigram vocabulary.

    Added tokens tell control and user-defined pieces; with `original` scores do.
    """
    types = {
        index: CONTROL if token.special else USER_DEFINED
        for index, token in added.items()
        if index < len(scores)
    }
    types[unk_id] = UNKNOWN
    return [
        (piece, score, types.get(index, USER_DEFINED if original and score >= 0 else NORMAL))
        for index, (piece, score) in enumerate(scores)
    ]


def unigram_spec(source: Source, unk_id: int, prefix: bool) -> dict[str, Any]:
    """Model and steps of a Unigram vocabulary that SentencePiece made."""
    normalizer = None
    if source.charsmap is not None:
        normalizer = {"type": "Precompiled", "precompiled_charsmap": source.charsmap}
    pre_tokenizer, decoder = metaspace(prefix)
    model = {"type": "Unigram", "unk_id": unk_id, "byte_fallback": False, "vocab": source.vocab}
    return {
        "model": model,
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "decoder": decoder,
    }


def metaspace(prefix: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Pre-tokenizer and decoder that write U+2581 for the space before a word."""
    spec = {
        "type": "Metaspace",
        "replacement": "\u2581",
        "prepend_scheme": "always" if prefix else "never",
        "split": True,
    }
    return {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, spec]}, spec


def _check_original(model: SentencePiece, path: PathLike) -> None:
    """Whether scores alone, which is what tokenizer.json keeps, tell the types of pieces."""
    odd = [
        piece
        for piece, score, kind in filter(None, model.types)
        if kind not in (NORMAL, UNKNOWN, CONTROL, USER_DEFINED) or (kind == NORMAL) != (score < 0)
    ]
    if odd or not model.usual:
        what = f"piece {odd[0]!r} is of an unusual type or score" if odd else "unusual white space"
        raise ValueError(f"{path}: original_rules cannot be used with this model: {what}")
