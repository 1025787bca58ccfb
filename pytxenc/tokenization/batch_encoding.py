"""What a tokenizer call returns."""

from __future__ import annotations

import logging
from collections import UserDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..tensor import as_tensor, is_tensor
from .encoding import Encoding, Encodings

logger = logging.getLogger("pytxenc")

TENSOR_KINDS = ("pt", "np")


class CharSpan(NamedTuple):
    """Characters [start, end) of the original text."""

    start: int
    end: int


class TokenSpan(NamedTuple):
    """Tokens [start, end) of an encoded text."""

    start: int
    end: int


def check_tensor_kind(kind: Any) -> str | None:
    """`kind` as "pt", "np" or None; ValueError for anything else."""
    kind = getattr(kind, "value", kind)
    if kind is None or kind in TENSOR_KINDS:
        return kind
    raise ValueError(f"return_tensors must be 'pt', 'np' or None, got {kind!r}")


def to_array(key: str, value: Any) -> np.ndarray[Any, Any]:
    """Nested lists of numbers as an array; ValueError naming `key` if they are ragged."""
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"cannot make a tensor of '{key}': its rows differ in length or do not hold numbers;"
            " use padding=True and/or truncation=True to make them equal"
        )
    return array.astype(np.int64) if array.size == 0 else array


class BatchEncoding(UserDict[str, Any]):
    """The fields of encoded texts ("input_ids", "attention_mask", ...), by key or attribute.

    data: the fields.
    encoding: an Encoding, or one for every row, for the methods that go between tokens,
        words and characters; a tokenizer call works them out when first asked.
    tensor_type: "pt" or "np" to convert lists; prepend_batch_axis then adds an axis.
    n_sequences: 1, or 2 for pairs; taken from the encodings when not given.

    `be["key"]` is a field, `be[i]` the i-th Encoding, `be[a:b]` a list of them.
    """

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        encoding: Encoding | Sequence[Encoding] | None = None,
        tensor_type: str | None = None,
        prepend_batch_axis: bool = False,
        n_sequences: int | None = None,
    ) -> None:
        super().__init__(data)
        self._encodings = [encoding] if isinstance(encoding, Encoding) else encoding
        self._n_sequences = n_sequences
        self.convert_to_tensors(tensor_type, prepend_batch_axis)

    @classmethod
    def of_call(cls, data: dict[str, Any], encodings: Encodings) -> BatchEncoding:
        """What a tokenizer call returns; `data` becomes the encoding's own."""
        self = cls.__new__(cls)
        self.data = data
        self._encodings = encodings
        self._n_sequences = encodings.n_sequences
        return self

    @property
    def n_sequences(self) -> int | None:
        """Texts in each row: 1, 2 for pairs, None if unknown."""
        if self._n_sequences is None and self._encodings is not None:
            self._n_sequences = next((e.n_sequences for e in self._encodings), None)
        return self._n_sequences

    @property
    def is_fast(self) -> bool:
        """Whether the encodings are known."""
        return self._encodings is not None

    @property
    def encodings(self) -> Sequence[Encoding] | None:
        """The Encoding of every row, or None."""
        return self._encodings

    def __getitem__(self, item: str | int | slice) -> Any:  # type: ignore[override]
        if isinstance(item, str):
            return self.data[item]
        if self._encodings is not None:
            return self._encodings[item]
        if isinstance(item, slice):
            return {key: value[item] for key, value in self.data.items()}
        raise KeyError(
            f"{item!r}: without encodings only field names and slices can be looked up,"
            f" the fields are {list(self.data)}"
        )

    def __getattr__(self, item: str) -> Any:
        data = self.__dict__.get("data", {})
        try:
            return data[item]
        except KeyError:
            raise AttributeError(
                f"BatchEncoding has no field or attribute {item!r}; the fields are {list(data)}"
            ) from None

    def __getstate__(self) -> dict[str, Any]:
        return {
            "data": self.data,
            "encodings": None if self._encodings is None else list(self._encodings),
            "n_sequences": self._n_sequences,
        }

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.data = state["data"]
        self._encodings = state["encodings"]
        self._n_sequences = state["n_sequences"]

    def _encoding(self, batch_index: int) -> Encoding:
        if self._encodings is None:
            raise ValueError(
                "this BatchEncoding was not made by a tokenizer call, so it does not know"
                " tokens, words and characters"
            )
        return self._encodings[batch_index]

    def _locate(self, batch_or_index: int, index: int | None) -> tuple[Encoding, int]:
        """The encoding and the index in it, for methods called with or without a batch index."""
        if index is None:
            return self._encoding(0), batch_or_index
        return self._encoding(batch_or_index), index

    def _token(self, batch_or_token: int, token: int | None) -> tuple[Encoding, int]:
        encoding, index = self._locate(batch_or_token, token)
        return encoding, index + len(encoding) if index < 0 else index

    def tokens(self, batch_index: int = 0) -> list[str]:
        """Token strings of a row."""
        return self._encoding(batch_index).tokens

    def sequence_ids(self, batch_index: int = 0) -> list[int | None]:
        """For every token of a row: 0 or 1 for the first or second text, None if special."""
        return self._encoding(batch_index).sequence_ids

    def word_ids(self, batch_index: int = 0) -> list[int | None]:
        """For every token of a row: the index of its word, None if special."""
        return self._encoding(batch_index).word_ids

    words = word_ids

    def token_to_sequence(
        self, batch_or_token_index: int, token_index: int | None = None
    ) -> int | None:
        """Which text a token is of; a negative index counts from the end of the row."""
        encoding, token = self._token(batch_or_token_index, token_index)
        return encoding.token_to_sequence(token)

    def token_to_word(
        self, batch_or_token_index: int, token_index: int | None = None
    ) -> int | None:
        """A token's word; a negative index counts from the end of the row."""
        encoding, token = self._token(batch_or_token_index, token_index)
        return encoding.token_to_word(token)

    def token_to_chars(
        self, batch_or_token_index: int, token_index: int | None = None
    ) -> CharSpan | None:
        """A token's characters; a negative index counts from the end of the row."""
        encoding, token = self._token(batch_or_token_index, token_index)
        span = encoding.token_to_chars(token)
        return None if span is None else CharSpan(*span)

    def word_to_tokens(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> TokenSpan | None:
        """A word's tokens."""
        encoding, word = self._locate(batch_or_word_index, word_index)
        span = encoding.word_to_tokens(word, sequence_index)
        return None if span is None else TokenSpan(*span)

    def word_to_chars(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> CharSpan | None:
        """A word's characters."""
        encoding, word = self._locate(batch_or_word_index, word_index)
        span = encoding.word_to_chars(word, sequence_index)
        return None if span is None else CharSpan(*span)

    def char_to_token(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """The first token over a character."""
        encoding, char = self._locate(batch_or_char_index, char_index)
        return encoding.char_to_token(char, sequence_index)

    def char_to_word(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """The word over a character."""
        encoding, char = self._locate(batch_or_char_index, char_index)
        return encoding.char_to_word(char, sequence_index)

    def convert_to_tensors(
        self, tensor_type: str | None = None, prepend_batch_axis: bool = False
    ) -> BatchEncoding:
        """Turn the fields into tensors ("pt") or arrays ("np"), in place."""
        kind = check_tensor_kind(tensor_type)
        if kind is None:
            return self
        for key, value in self.data.items():
            if not prepend_batch_axis and (is_tensor(value) if kind == "pt" else False):
                continue
            array = to_array(key, value)
            self.data[key] = as_tensor(array[None] if prepend_batch_axis else array, kind)
        return self

    def to(self, device: Any, *, non_blocking: bool = False) -> BatchEncoding:
        """Call `.to(device)` on every field that has one."""
        for key, value in self.data.items():
            if callable(getattr(value, "to", None)):
                self.data[key] = value.to(device, non_blocking=non_blocking)
        return self
