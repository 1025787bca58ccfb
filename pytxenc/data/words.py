"""What masking must know of a tokenizer: the ids that begin words, and special ones."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tokenization import PreTrainedTokenizerBase

__all__ = ["BEGINS_WORD", "SPECIAL", "all_ids", "id_flags", "word_starts"]

BEGINS_WORD, SPECIAL = 1, 2  # flags of an id, as in ext/data/masking.h

# Scripts that are written without spaces between words, by the names of their letters.
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "BOPOMOFO")


def word_starts(tokenizer: PreTrainedTokenizerBase) -> NDArray[np.bool_]:
    """Whether each id [V] begins a word; V is the largest id of the vocabulary and one.

    WordPiece: tokens without "##".  Byte-level BPE: tokens that begin with a space or another
    white space (so punctuation belongs to the word before it, as in fairseq, and so does the
    first word of a text that is encoded without a space before it).  SentencePiece: pieces that
    begin with "▁", with something else than a letter (punctuation, digits), or with a letter of a
    script without spaces, as in google-research/albert.  Added tokens begin words.
    """
    begins = _rule(tokenizer)
    added = set(tokenizer.get_added_vocab())
    vocabulary = tokenizer.get_vocab()
    table = np.zeros(max(vocabulary.values(), default=-1) + 1, np.bool_)
    for token, index in vocabulary.items():
        table[index] = token in added or begins(token)
    return table


def _rule(tokenizer: PreTrainedTokenizerBase) -> Callable[[str], bool]:
    spec: Any = tokenizer._tokenizer_json()
    model = spec["model"]
    if model["type"] == "WordPiece":
        prefix = model.get("continuing_subword_prefix") or "##"
        return lambda token: not token.startswith(prefix)
    if "ByteLevel" in json.dumps([spec.get("pre_tokenizer"), spec.get("decoder")]):
        return lambda token: token.startswith(_BYTE_LEVEL_SPACES)
    return _begins_piece


# " ", tab, line feed, vertical tab, form feed and carriage return as byte-level BPE writes them.
_BYTE_LEVEL_SPACES = tuple(chr(256 + byte) for byte in (9, 10, 11, 12, 13, 32))


def _begins_piece(piece: str) -> bool:
    first = piece[:1]
    if first == "▁" or not first.isalpha():
        return True
    return unicodedata.name(first, "").startswith(_UNSPACED)


def id_flags(tokenizer: PreTrainedTokenizerBase) -> NDArray[np.uint8]:
    """uint8 [V]: BEGINS_WORD and SPECIAL of every id."""
    flags = word_starts(tokenizer).astype(np.uint8) * np.uint8(BEGINS_WORD)
    special = [index for index in tokenizer.all_special_ids if index is not None]
    flags[[index for index in special if index < len(flags)]] |= SPECIAL
    return flags


def all_ids(tokenizer: PreTrainedTokenizerBase, specials: bool) -> NDArray[np.int32]:
    """The ids of the vocabulary in order, int32, with or without special tokens."""
    ids = set(tokenizer.get_vocab().values())
    if not specials:
        ids -= set(tokenizer.all_special_ids)
    return np.array(sorted(ids), np.int32)
