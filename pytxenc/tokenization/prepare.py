"""Ids made ready for a model: special tokens around them, truncation, padding."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .batch_encoding import BatchEncoding
from .call_options import CallOptions
from .calls import Calls
from .decoding import as_lists
from .templates import template_items


class Preparing(Calls):
    """The part of a tokenizer that starts from ids, where a call starts from texts.

    Most of it are methods of transformers 4 that later versions lack.
    """

    _post_processor: dict[str, Any] | None

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """Special tokens that a call adds to a text or a pair."""
        return self._core.num_special_tokens_to_add(bool(pair))

    def _around(
        self, first: Sequence[int], second: Sequence[int] | None, of: Callable[..., list[int]]
    ) -> list[int]:
        """`of(item, ids)` for every item of the template, joined; ids are None if special."""
        texts = (first, second)
        joined: list[int] = []
        for item in template_items(self._post_processor, second is not None):
            joined += of(item, None if item.text is None else texts[item.text])
        return joined

    def build_inputs_with_special_tokens(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """Ids of one or two texts with the special tokens around and between them."""
        return self._around(
            token_ids_0, token_ids_1, lambda item, ids: list(item.ids if ids is None else ids)
        )

    def create_token_type_ids_from_sequences(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """Token type ids of what `build_inputs_with_special_tokens` returns."""
        return self._around(
            token_ids_0,
            token_ids_1,
            lambda item, ids: [item.type_id] * len(item.ids if ids is None else ids),
        )

    def get_special_tokens_mask(
        self,
        token_ids_0: Sequence[int],
        token_ids_1: Sequence[int] | None = None,
        already_has_special_tokens: bool = False,
    ) -> list[int]:
        """1 for special tokens, 0 for others.

        With `already_has_special_tokens` of the ids given, by value; without, of what
        `build_inputs_with_special_tokens` makes of them.
        """
        if not already_has_special_tokens:
            return self._around(
                token_ids_0,
                token_ids_1,
                lambda item, ids: [1] * len(item.ids) if ids is None else [0] * len(ids),
            )
        if token_ids_1 is not None:
            raise ValueError(
                "with already_has_special_tokens=True all ids are in token_ids_0; token_ids_1"
                " must not be given"
            )
        special = set(self.all_special_ids)
        return [int(index in special) for index in as_lists(token_ids_0)]

    def truncate_sequences(
        self,
        ids: Sequence[int],
        pair_ids: Sequence[int] | None = None,
        num_tokens_to_remove: int = 0,
        truncation_strategy: str = "longest_first",
        stride: int = 0,
    ) -> tuple[list[int], list[int] | None, list[int]]:
        """(ids, pair ids, what was cut off and `stride` ids beside it) after truncation.

        Cuts on `truncation_side`.  With "longest_first" and a pair, what is cut off is not
        told.  ValueError when the text to cut is shorter than what should go.
        """
        first, second = list(ids), None if pair_ids is None else list(pair_ids)
        strategy = getattr(truncation_strategy, "value", truncation_strategy)
        if strategy not in ("longest_first", "only_first", "only_second", "do_not_truncate"):
            raise ValueError(
                "truncation_strategy must be 'longest_first', 'only_first', 'only_second' or"
                f" 'do_not_truncate', not {truncation_strategy!r}"
            )
        if num_tokens_to_remove <= 0 or strategy == "do_not_truncate":
            return first, second, []
        if strategy == "longest_first" and second is not None:
            left = len(first) + len(second) - num_tokens_to_remove
            if left < 0:
                raise _too_short(len(first) + len(second), num_tokens_to_remove)
            shorter = min(len(first), len(second))
            if left < 2 * shorter:  # both are cut; the odd token stays in the first text
                keep = left - left // 2, left // 2
            elif len(first) > len(second):
                keep = left - shorter, shorter
            else:
                keep = shorter, left - shorter
            return self._cut(first, keep[0], 0)[0], self._cut(second, keep[1], 0)[0], []
        cut = second if strategy == "only_second" else first
        if cut is None:
            raise ValueError("truncation_strategy is 'only_second', but there is no second text")
        if len(cut) < num_tokens_to_remove:
            raise _too_short(len(cut), num_tokens_to_remove)
        kept, overflowing = self._cut(cut, len(cut) - num_tokens_to_remove, stride)
        return (first, kept, overflowing) if cut is second else (kept, second, overflowing)

    def _cut(self, ids: list[int], keep: int, stride: int) -> tuple[list[int], list[int]]:
        """(the ids kept, those cut off and `stride` kept ones beside them)."""
        if self.truncation_side == "left":
            return ids[len(ids) - keep :], ids[: len(ids) - keep + stride]
        return ids[:keep], ids[max(keep - stride, 0) :]

    def prepare_for_model(
        self,
        ids: Sequence[int],
        pair_ids: Sequence[int] | None = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_length: bool = False,
        verbose: bool = True,
        prepend_batch_axis: bool = False,
    ) -> BatchEncoding:
        """What a call gives, from the ids of one or two texts instead of the texts.

        Arguments as in a call.  With `return_overflowing_tokens` what truncation cut off is
        in "overflowing_tokens" and its count in "num_truncated_tokens"; not with
        "longest_first" and a pair.
        """
        options = CallOptions(
            padding=padding,
            truncation=truncation,
            max_length=max_length,
            pad_to_multiple_of=pad_to_multiple_of,
            padding_side=padding_side,
            verbose=verbose,
        )
        strategy, limit, _ = self._resolve(options)
        if return_overflowing_tokens and strategy == "longest_first" and pair_ids is not None:
            raise ValueError(
                "what is cut off a pair cannot be told with truncation='longest_first'; use"
                " 'only_first' or 'only_second'"
            )
        first = as_lists(ids)
        second = None if pair_ids is None else as_lists(pair_ids)
        special = self.num_special_tokens_to_add(second is not None) if add_special_tokens else 0
        excess = 0
        if strategy is not None and limit is not None:
            excess = len(first) + len(second or ()) + special - limit
        cut_off: list[int] = []
        if excess > 0:
            first, second, cut_off = self.truncate_sequences(
                first, second, excess, strategy or "longest_first", stride
            )
        if add_special_tokens:
            row = self.build_inputs_with_special_tokens(first, second)
            types = self.create_token_type_ids_from_sequences(first, second)
            mask = self.get_special_tokens_mask(first, second)
        else:
            row = [*first, *(second or ())]
            types = mask = [0] * len(row)
        if limit is None and verbose:
            self._warn_if_too_long(len(row), self.model_max_length)
        data: dict[str, Any] = {"input_ids": row}
        names = self.model_input_names
        if "token_type_ids" in names if return_token_type_ids is None else return_token_type_ids:
            data["token_type_ids"] = types
        if return_special_tokens_mask:
            data["special_tokens_mask"] = mask
        padded = self.pad(
            data,
            padding,
            max_length if limit is None else limit,
            pad_to_multiple_of,
            padding_side,
            return_attention_mask,
            verbose=False,
        )
        if return_overflowing_tokens and return_tensors is None and cut_off:
            padded["overflowing_tokens"] = cut_off
            padded["num_truncated_tokens"] = excess
        if return_length:
            padded["length"] = len(padded["input_ids"])
        return BatchEncoding(
            padded.data, tensor_type=return_tensors, prepend_batch_axis=prepend_batch_axis
        )

    @contextlib.contextmanager
    def as_target_tokenizer(self) -> Iterator[None]:
        """Does nothing: labels are tokenized as inputs are; or pass text_target= to a call."""
        yield


def _too_short(have: int, remove: int) -> ValueError:
    return ValueError(f"cannot remove {remove} tokens from a text of {have}")
