"""Encoded texts with everything known about each token, worked out only when asked for."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

# What the core is asked for to describe every token.
ALL_FIELDS = (
    "ids",
    "type_ids",
    "attention_mask",
    "special_tokens_mask",
    "offsets",
    "word_ids",
    "sequence_ids",
    "tokens",
    "sample",
)

_NUMBERS = tuple(name for name in ALL_FIELDS if name not in ("tokens", "sample"))


def _or_none(values: Ints) -> list[int | None]:
    return [None if value < 0 else value for value in values.tolist()]


class Encoding:
    """One encoded text (or pair), as the tokenizers library shows it.

    Positions are token positions in the padded row; characters are code points of the
    original text; words are what the pre-tokenizer (or the caller) cut.
    """

    __slots__ = ("_fields", "_tokens", "n_sequences", "overflowing")

    def __init__(
        self,
        fields: dict[str, NDArray[Any]],
        tokens: list[str],
        n_sequences: int,
    ) -> None:
        self._fields = fields
        self._tokens = tokens
        self.n_sequences = n_sequences  # 1, or 2 for a pair
        self.overflowing: list[Encoding] = []  # rows that truncation cut off

    def __len__(self) -> int:
        return len(self._fields["ids"])

    def __repr__(self) -> str:
        return (
            f"Encoding(num_tokens={len(self)}, attributes=[ids, type_ids, tokens, offsets,"
            " attention_mask, special_tokens_mask, overflowing])"
        )

    def __getstate__(self) -> tuple[Any, ...]:
        fields = {name: flat.copy() for name, flat in self._fields.items()}
        return fields, self.tokens, self.n_sequences, self.overflowing

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._fields, self._tokens, self.n_sequences, self.overflowing = state

    @property
    def ids(self) -> list[int]:
        """Token ids."""
        return self._fields["ids"].tolist()

    @property
    def type_ids(self) -> list[int]:
        """Token type (segment) ids."""
        return self._fields["type_ids"].tolist()

    @property
    def attention_mask(self) -> list[int]:
        """1 at tokens, 0 at pads."""
        return self._fields["attention_mask"].tolist()

    @property
    def special_tokens_mask(self) -> list[int]:
        """1 at tokens that the template or padding added."""
        return self._fields["special_tokens_mask"].tolist()

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """(start, end) of every token in its text."""
        return [(start, end) for start, end in self._fields["offsets"].tolist()]

    @property
    def tokens(self) -> list[str]:
        """Token strings."""
        return list(self._tokens)

    @property
    def word_ids(self) -> list[int | None]:
        """Index of each token's word in its sequence; None at special tokens."""
        return _or_none(self._fields["word_ids"])

    words = word_ids

    @property
    def sequence_ids(self) -> list[int | None]:
        """0 or 1 for tokens of the first or second text; None at special tokens."""
        return _or_none(self._fields["sequence_ids"])

    def _at(self, field: str, token: int) -> Any:
        if not 0 <= token < len(self) or self._fields["sequence_ids"][token] < 0:
            return None
        return self._fields[field][token]

    def token_to_sequence(self, token_index: int) -> int | None:
        """Which text the token is of, or None."""
        found = self._at("sequence_ids", token_index)
        return None if found is None else int(found)

    def token_to_word(self, token_index: int) -> int | None:
        """The token's word, or None."""
        found = self._at("word_ids", token_index)
        return None if found is None or found < 0 else int(found)

    def token_to_chars(self, token_index: int) -> tuple[int, int] | None:
        """The token's (start, end) in its text, or None."""
        found = self._at("offsets", token_index)
        return None if found is None else (int(found[0]), int(found[1]))

    def _of_word(self, word_index: int, sequence_index: int) -> Ints:
        fields = self._fields
        here = (fields["word_ids"] == word_index) & (fields["sequence_ids"] == sequence_index)
        return np.flatnonzero(here) if word_index >= 0 else np.empty(0, np.int64)

    def word_to_tokens(self, word_index: int, sequence_index: int = 0) -> tuple[int, int] | None:
        """(first, last + 1) of the word's tokens, or None."""
        found = self._of_word(word_index, sequence_index)
        return (int(found[0]), int(found[-1]) + 1) if len(found) else None

    def word_to_chars(self, word_index: int, sequence_index: int = 0) -> tuple[int, int] | None:
        """The word's (start, end) in its text, or None."""
        found = self._of_word(word_index, sequence_index)
        if not len(found):
            return None
        offsets = self._fields["offsets"]
        return int(offsets[found[0], 0]), int(offsets[found[-1], 1])

    def char_to_token(self, char_pos: int, sequence_index: int = 0) -> int | None:
        """The first token over the character, or None."""
        offsets = self._fields["offsets"]
        here = (offsets[:, 0] <= char_pos) & (char_pos < offsets[:, 1])
        found = np.flatnonzero(here & (self._fields["sequence_ids"] == sequence_index))
        return int(found[0]) if len(found) else None

    def char_to_word(self, char_pos: int, sequence_index: int = 0) -> int | None:
        """The word of the first token over the character, or None."""
        token = self.char_to_token(char_pos, sequence_index)
        return None if token is None else self.token_to_word(token)


class Encodings(Sequence[Encoding]):
    """The Encoding of every row of a batch, computed when first looked at.

    The core then encodes the texts of the call again, this time with every field.  With
    `overflow`, rows that truncation cut off are items of their own; they are in their text's
    `overflowing` in any case.
    """

    __slots__ = ("_call", "_items", "_overflow", "n_sequences")

    def __init__(
        self, core: Any, plan: Any, texts: Any, pairs: Any, overflow: bool, n_sequences: int
    ) -> None:
        self.n_sequences = n_sequences
        self._call: tuple[Any, Any, Any, Any] | None = (core, plan, texts, pairs)
        self._overflow = overflow
        self._items: list[Encoding] | None = None

    def _build(self) -> list[Encoding]:
        assert self._call is not None
        core, plan, texts, pairs = self._call
        arrays = core.encode(texts, pairs, plan, False)
        main = np.flatnonzero(np.diff(arrays["sample"], prepend=-1))
        tokens = arrays["tokens"]
        fields = {name: arrays[name] for name in _NUMBERS}
        every = [
            Encoding(
                {name: flat[start:end] for name, flat in fields.items()},
                tokens[start:end],
                self.n_sequences,
            )
            for start, end in itertools.pairwise(arrays["rows"].tolist())
        ]
        ends = [*main[1:].tolist(), len(every)]
        for first, end in zip(main.tolist(), ends, strict=True):
            every[first].overflowing = every[first + 1 : end]
        return every if self._overflow else [every[first] for first in main.tolist()]

    def _all(self) -> list[Encoding]:
        if self._items is None:
            self._items = self._build()
            self._call = None
        return self._items

    @overload
    def __getitem__(self, index: int) -> Encoding: ...
    @overload
    def __getitem__(self, index: slice) -> list[Encoding]: ...
    def __getitem__(self, index: int | slice) -> Encoding | list[Encoding]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (self._all(),)
