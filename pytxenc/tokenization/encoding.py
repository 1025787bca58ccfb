"""Encoded texts with everything known about each token, worked out only when asked for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

# What the core is asked for beside the ids, and what a pad position holds of each.
FIELD_FILL = {
    "type_ids": 0,
    "special_tokens_mask": 1,
    "offsets": 0,
    "word_ids": -1,
    "sequence_ids": -1,
}

_MAX_WIDTH = 2**40  # more than any memory holds; sizes in bytes still fit in 64 bits


class Padding:
    """How rows are widened: to `width` tokens or the longest row's, up to a multiple."""

    __slots__ = ("left", "multiple", "pad_id", "type_id", "width")

    def __init__(
        self, width: int | None, multiple: int | None, left: bool, pad_id: int, type_id: int
    ) -> None:
        self.width = width
        self.multiple = multiple
        self.left = left
        self.pad_id = pad_id
        self.type_id = type_id

    def fill(self, field: str) -> int:
        """What pad positions hold in `field`."""
        if field == "ids":
            return self.pad_id
        return self.type_id if field == "type_ids" else FIELD_FILL[field]

    def widths(self, lengths: Ints, main: Ints | None = None) -> Ints:
        """Width of every row after padding; a row too long already stays as it is."""
        width = self.width
        if width is None:  # rows that truncation cut off do not count, as in the reference
            width = int((lengths if main is None else lengths[main]).max(initial=0))
        if self.multiple:
            width += -width % self.multiple
        if width > _MAX_WIDTH:
            raise ValueError(f"rows cannot be padded to {width} tokens: at most {_MAX_WIDTH}")
        return np.maximum(lengths, width)


def pad_fields(
    arrays: dict[str, NDArray[Any]], padding: Padding | None
) -> tuple[dict[str, NDArray[Any]], Ints]:
    """Spread flat arrays over padded rows.

    `arrays` is what `_core.Tokenizer.encode_batch` returns.  Returns the fields over all
    padded positions, an "attention_mask" among them, and where each row starts, [R + 1].
    """
    rows = arrays["rows"]
    fields = {name: a for name, a in arrays.items() if name not in ("rows", "sample", "tokens")}
    count = len(arrays["ids"])
    if padding is not None:
        lengths = np.diff(rows)
        sample = arrays.get("sample")
        main = None if sample is None else np.flatnonzero(np.diff(sample, prepend=-1))
        widths = padding.widths(lengths, main)
        starts = np.zeros(len(widths) + 1, dtype=np.int64)
        np.cumsum(widths, out=starts[1:])
        if starts[-1] != count:
            shift = starts[:-1] - rows[:-1]
            if padding.left:
                shift = shift + widths - lengths
            index = np.arange(count) + np.repeat(shift, lengths)
            for name, flat in fields.items():
                wide = np.full((int(starts[-1]), *flat.shape[1:]), padding.fill(name), np.int64)
                wide[index] = flat
                fields[name] = wide
            mask = np.zeros(int(starts[-1]), dtype=np.int64)
            mask[index] = 1
            fields["attention_mask"] = mask
            return fields, starts
    fields["attention_mask"] = np.ones(count, dtype=np.int64)
    return fields, rows


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

    `encode()` runs the tokenizer again on the texts of the call, this time for every field
    and the tokens' strings; `pad_token` stands at pads.  With `overflow`, rows that
    truncation cut off are items of their own; they are in their text's `overflowing` in
    any case.
    """

    def __init__(
        self,
        encode: Callable[[], dict[str, Any]],
        pad_token: str,
        padding: Padding | None,
        overflow: bool,
        n_sequences: int,
    ) -> None:
        self.n_sequences = n_sequences
        self._encode: Callable[[], dict[str, Any]] | None = encode
        self._pad_token = pad_token
        self._padding = padding
        self._overflow = overflow
        self._items: list[Encoding] | None = None

    def _build(self) -> list[Encoding]:
        assert self._encode is not None
        arrays = self._encode()
        main = np.flatnonzero(np.diff(arrays["sample"], prepend=-1))
        padding = self._padding
        if padding is not None and padding.width is None and not self._overflow:
            lengths = np.diff(arrays["rows"])[main]
            padding = Padding(
                int(lengths.max(initial=0)),
                padding.multiple,
                padding.left,
                padding.pad_id,
                padding.type_id,
            )
        fields, starts = pad_fields(arrays, padding)
        tokens = [arrays["tokens"][start:end] for start, end in itertools.pairwise(arrays["rows"])]
        every = [
            self._row(fields, int(start), int(end), tokens[row])
            for row, (start, end) in enumerate(itertools.pairwise(starts))
        ]
        ends = [*main[1:].tolist(), len(every)]
        for first, end in zip(main.tolist(), ends, strict=True):
            every[first].overflowing = every[first + 1 : end]
        return every if self._overflow else [every[first] for first in main.tolist()]

    def _row(
        self, fields: dict[str, NDArray[Any]], start: int, end: int, tokens: list[str]
    ) -> Encoding:
        row = {name: flat[start:end] for name, flat in fields.items()}
        if len(tokens) < end - start:
            left = iter(tokens)
            tokens = [next(left) if real else self._pad_token for real in row["attention_mask"]]
        return Encoding(row, tokens, self.n_sequences)

    def _all(self) -> list[Encoding]:
        if self._items is None:
            self._items = self._build()
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
