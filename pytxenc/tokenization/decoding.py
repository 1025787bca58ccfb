"""From tokens and ids back to text."""

from __future__ import annotations

import functools
import logging
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..arguments import unknown_keyword
from ..tensor import is_tensor, to_numpy
from .added_tokens import AddedToken
from .special_tokens import SpecialTokens

logger = logging.getLogger("pytxenc")

_IGNORED = ("spaces_between_special_tokens", "use_source_tokenizer")  # of slow tokenizers


class Decoding(SpecialTokens):
    """The part of a tokenizer that goes between ids, tokens and text."""

    _core: Any
    _spec: dict[str, Any]
    _warned: set[str]
    clean_up_tokenization_spaces: bool
    clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output: bool

    def _token_to_id(self, token: str) -> int | None:
        return self._core.token_to_id(token)

    def convert_tokens_to_ids(self, tokens: Any) -> Any:
        """The id of a token or the ids of several; the unknown token's for others."""
        if tokens is None:
            return None
        if isinstance(tokens, (str, AddedToken)):
            index = self._token_to_id(str(tokens))
            return self._unk_id() if index is None else index
        return [self.convert_tokens_to_ids(token) for token in tokens]

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """The token of an id or the tokens of several; None where no token has the id."""
        ids = as_lists(ids)
        if not isinstance(ids, list):
            return self._id_to_token(ids)
        skip = set(self.all_special_ids) if skip_special_tokens else set()
        return [self._id_to_token(index) for index in ids if index not in skip]

    def _id_to_token(self, index: Any) -> str | None:
        index = operator.index(index)
        return self._core.id_to_token(index) if 0 <= index < 2**31 else None

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Text of token strings."""
        if isinstance(tokens, str):
            raise TypeError(f"expected a list of tokens, not the str {tokens!r:.80}")
        return self._core.decode_tokens(list(tokens))

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Text of ids; for a batch of rows of ids (2-D) a list of texts.

        Takes an int, lists, arrays, tensors, or what a call returned.  Ids outside the
        vocabulary add nothing.  `clean_up_tokenization_spaces` removes the space before
        punctuation; the tokenizer's own setting by default.  Two arguments of version 4 that
        mean nothing here are taken too.
        """
        for name in kwargs:
            if name not in _IGNORED:
                known = ("skip_special_tokens", "clean_up_tokenization_spaces")
                raise unknown_keyword("decode", name, known)
        if isinstance(token_ids, Mapping):
            token_ids = token_ids["input_ids"]
        ids = as_lists(token_ids)
        clean = clean_up_tokenization_spaces
        if clean is None:
            clean = self.clean_up_tokenization_spaces
        decode = functools.partial(self._decode, skip=bool(skip_special_tokens), clean=bool(clean))
        if not isinstance(ids, list):
            return decode([ids])
        if ids and isinstance(ids[0], list):
            return [decode(row) for row in ids]
        return decode(ids)

    def batch_decode(
        self,
        sequences: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """`decode`, always as a list."""
        if isinstance(sequences, (list, tuple)) and not sequences:
            return []
        text = self.decode(sequences, skip_special_tokens, clean_up_tokenization_spaces, **kwargs)
        return [text] if isinstance(text, str) else text

    def _decode(self, ids: list[Any], skip: bool, clean: bool) -> str:
        for position, index in enumerate(ids):
            if isinstance(index, bool) or not hasattr(index, "__index__"):
                raise TypeError(f"decode() takes integer ids, but item {position} is {index!r:.80}")
            if index < 0:
                raise ValueError(
                    f"decode() was given the negative id {index} (item {position}); labels use"
                    " such values for positions without one: replace them first"
                )
        text = self._core.decode([i for i in ids if i < 2**31], skip)
        anyway = self.clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output
        if clean and self._spec["model"]["type"] == "BPE" and not anyway:
            if "clean up" not in self._warned:
                self._warned.add("clean up")
                logger.warning(
                    "clean_up_tokenization_spaces is ignored: %s decodes to the very text",
                    type(self).__name__,
                )
            return text
        return self.clean_up_tokenization(text) if clean else text

    @staticmethod
    def clean_up_tokenization(text: str) -> str:
        """Remove the space before punctuation and English contractions."""
        for mark in (" .", " ?", " !", " ,"):
            text = text.replace(mark, mark[1:])
        text = text.replace(" ' ", "'")
        for ending in (" n't", " 'm", " 's", " 've", " 're"):
            text = text.replace(ending, ending[1:])
        return text


def as_lists(value: Any) -> Any:
    """Arrays and tensors, alone or inside lists, as Python numbers and lists."""
    if is_tensor(value) or isinstance(value, (np.ndarray, np.generic)):
        return to_numpy(value).tolist()
    if isinstance(value, (list, tuple, range)):
        return [as_lists(v) for v in value]
    if isinstance(value, (str, bytes)) or value is None or not hasattr(value, "__index__"):
        raise TypeError(f"expected an id, a list or an array of ids, not {value!r:.80}")
    return value
