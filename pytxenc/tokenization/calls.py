"""Calling a tokenizer: texts in, BatchEncoding out."""

from __future__ import annotations

import dataclasses
import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, overload

import numpy as np

from ..tensor import as_tensor, is_tensor, to_numpy
from .batch_encoding import BatchEncoding, check_tensor_kind
from .call_options import (
    MORE_THAN_ANY,
    PADDING,
    TRUNCATION,
    CallOptions,
    arrange_texts,
    check_count,
    check_side,
    check_strategy,
    copy_words,
)
from .encoding import ALL_FIELDS, Encodings
from .special_tokens import SpecialTokens

logger = logging.getLogger("pytxenc")

LARGE_INTEGER = int(1e20)  # a model_max_length above this stands for "none"
_MAX_PLANS = 64
# What scripts look up and set in `deprecation_warnings`, which remembers what was warned of.
_TOO_LONG = "sequence-length-is-longer-than-the-specified-maximum"


class Padding(NamedTuple):
    """How rows are widened: to `width` tokens or the longest row's, up to a multiple."""

    width: int | None
    multiple: int | None
    left: bool
    pad_id: int
    type_id: int

    def options(self, token: str) -> dict[str, Any]:
        """The same for the core; `token` is what pads are called."""
        return {
            "padding": "longest" if self.width is None else self.width,
            "pad_to_multiple_of": self.multiple or 0,
            "padding_side": "left" if self.left else "right",
            "pad_id": self.pad_id,
            "pad_type_id": self.type_id,
            "pad_token": token,
        }


class Plan(NamedTuple):
    """A call's arguments, worked out; it is used again as long as the tokenizer is as it was."""

    core: Any
    special_tokens: Any
    model_input_names: list[str]
    encode: Any  # for the core: what the call returns ...
    describe: Any  # ... and everything there is to know about each token
    kind: str | None
    words: bool
    overflow: bool
    limit: int | None  # of tokens, beyond which there is a warning
    refusals: tuple[str, str]  # why a text and a pair cannot be encoded, or ""


def _too_short(core: Any, max_length: int, pair: bool) -> str:
    special = core.num_special_tokens_to_add(pair)
    if max_length >= special:
        return ""
    return f"max_length ({max_length}) has no room even for the {special} special tokens"


class Calls(SpecialTokens):
    """The part of a tokenizer that encodes texts."""

    _core: Any
    _plans: dict[Any, Plan]
    deprecation_warnings: dict[str, bool]
    _model_max_length: int
    model_max_length: int
    padding_side: str
    truncation_side: str
    model_input_names: list[str]
    split_special_tokens: bool

    def __call__(
        self,
        text: Any = None,
        text_pair: Any = None,
        text_target: Any = None,
        text_pair_target: Any = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_length: bool = False,
        verbose: bool = True,
        tokenizer_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> BatchEncoding:
        """Encode a text, a batch of texts, or pairs of them.

        text: a str; a list of str (a batch); a list of pairs of str; with
            `is_split_into_words` a list of words, or a batch of such lists.
        text_pair: the second text, or as many as `text` has.
        text_target, text_pair_target: encoded likewise into "labels" beside `text`.
        padding: False; True or "longest" (the longest row of the batch); "max_length".
        truncation: None or False; True or "longest_first" (one token at a time off the
            longer text); "only_first"; "only_second".  `max_length` alone implies True.
        max_length: tokens in a row, special ones included; by default model_max_length.
        stride: tokens that a cut-off row repeats of the row before it.
        pad_to_multiple_of: widen padded rows to a multiple of this.
        padding_side: "right" or "left" instead of the tokenizer's own.
        return_tensors: None for lists, "np" for int64 arrays, "pt" for torch tensors (or,
            without torch, light tensors).
        return_*: whether to add "token_type_ids", "attention_mask", "special_tokens_mask",
            "offset_mapping" ((start, end) in code points), "length"; with
            `return_overflowing_tokens` rows cut off follow their text and
            "overflow_to_sample_mapping" tells whose they are.
        split_special_tokens: treat special tokens in the text as plain text.
        max_target_length: max_length of `text_target`.

        ValueError where the texts cannot be truncated as asked or rows of unequal length
        should become a tensor; TypeError for what is no text or an unknown argument.
        """
        if kwargs or tokenizer_kwargs or text_target is not None or text is None:
            arguments = {
                "add_special_tokens": add_special_tokens,
                "padding": padding,
                "truncation": truncation,
                "max_length": max_length,
                "stride": stride,
                "is_split_into_words": is_split_into_words,
                "pad_to_multiple_of": pad_to_multiple_of,
                "padding_side": padding_side,
                "return_tensors": return_tensors,
                "return_token_type_ids": return_token_type_ids,
                "return_attention_mask": return_attention_mask,
                "return_overflowing_tokens": return_overflowing_tokens,
                "return_special_tokens_mask": return_special_tokens_mask,
                "return_offsets_mapping": return_offsets_mapping,
                "return_length": return_length,
                "verbose": verbose,
                **(tokenizer_kwargs or {}),
                **kwargs,
            }
            return self._encode_with_target(
                text, text_pair, text_target, text_pair_target, arguments
            )
        plan = self._plan(
            (
                add_special_tokens,
                padding,
                truncation,
                max_length,
                stride,
                is_split_into_words,
                pad_to_multiple_of,
                padding_side,
                return_tensors,
                return_token_type_ids,
                return_attention_mask,
                return_overflowing_tokens,
                return_special_tokens_mask,
                return_offsets_mapping,
                return_length,
                verbose,
                None,
            )
        )
        return self._encode(text, text_pair, plan)

    def _encode_with_target(
        self, text: Any, pair: Any, target: Any, target_pair: Any, arguments: dict[str, Any]
    ) -> BatchEncoding:
        target_length = arguments.pop("max_target_length", None)
        options = CallOptions.of(type(self).__name__, arguments)
        if text is None and target is None:
            raise ValueError("either text or text_target must be given")
        if text is not None:
            encoded = self._encode(text, pair, self._plan(options.values()))
            if target is None:
                return encoded
        if target_length is not None:  # in the place of max_length where that is used
            truncation, _, padding = self._resolve(options)
            if truncation is not None or (padding is not None and padding.width is not None):
                options = dataclasses.replace(
                    options, truncation=truncation or False, max_length=target_length
                )
        labels = self._encode(target, target_pair, self._plan(options.values()))
        if text is None:
            return labels
        encoded["labels"] = labels["input_ids"]
        return encoded

    def encode_plus(self, text: Any, text_pair: Any = None, **kwargs: Any) -> BatchEncoding:
        """The call under its older name, for one text."""
        return self(text, text_pair, **kwargs)

    def batch_encode_plus(
        self, batch_text_or_text_pairs: Sequence[Any], **kwargs: Any
    ) -> BatchEncoding:
        """The call under its older name, for a batch of texts or of pairs."""
        return self(batch_text_or_text_pairs, **kwargs)

    @overload
    def encode(
        self,
        text: Any,
        text_pair: Any = None,
        add_special_tokens: bool = True,
        *,
        return_tensors: None = None,
        **kwargs: Any,
    ) -> list[int]: ...
    @overload
    def encode(
        self,
        text: Any,
        text_pair: Any = None,
        add_special_tokens: bool = True,
        *,
        return_tensors: str,
        **kwargs: Any,
    ) -> Any: ...
    def encode(
        self,
        text: Any,
        text_pair: Any = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """The "input_ids" that a call with these arguments gives."""
        arguments = {
            "add_special_tokens": add_special_tokens,
            "padding": padding,
            "truncation": truncation,
            "max_length": max_length,
            "stride": stride,
            "padding_side": padding_side,
            "return_tensors": return_tensors,
            **kwargs,
        }
        plan = self._plan(CallOptions.of("encode", arguments).values())
        return self._encode(text, text_pair, plan)["input_ids"]

    def tokenize(
        self, text: Any, pair: Any = None, add_special_tokens: bool = False, **kwargs: Any
    ) -> list[str]:
        """The token strings of a text (and its pair); other arguments as in a call.

        They are what was found in the text: an added token that takes in a space shows it,
        and a character that a unigram model does not know is itself.
        `convert_ids_to_tokens` gives the vocabulary's strings.
        """
        arguments = {"add_special_tokens": add_special_tokens, **kwargs}
        options = CallOptions.of("tokenize", arguments)
        if arrange_texts(text, pair, options.is_split_into_words)[0]:
            raise TypeError("tokenize() takes one text; call it for each text of a batch")
        return self._encode(text, pair, self._plan(options.values())).tokens()

    def _plan(self, options: tuple[Any, ...]) -> Plan:
        """The plan of a call with these values of CallOptions."""
        key = (
            options,
            tuple(map(type, options)),  # True is not 1 here
            self.padding_side,
            self.truncation_side,
            self._model_max_length,
            self.split_special_tokens,
            self.pad_token_type_id,
        )
        try:
            plan = self._plans.get(key)
        except TypeError:  # something that cannot be hashed, and will be refused
            return self._make_plan(CallOptions(*options))
        if (
            plan is None
            or plan.core is not self._core
            or plan.special_tokens is not self._special_tokens
            or plan.model_input_names != self.model_input_names
        ):
            plan = self._make_plan(CallOptions(*options))
            if len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
            self._plans[key] = plan
        return plan

    def _resolve(self, options: CallOptions) -> tuple[str | None, int | None, Padding | None]:
        """(truncation, max_length, padding) as the arguments together mean them."""
        max_length = options.max_length
        if max_length is not None:
            max_length = check_count("max_length", max_length)
        padding = check_strategy("padding", options.padding, PADDING, ("longest", "max_length"))
        truncation = check_strategy(
            "truncation",
            options.truncation,
            TRUNCATION,
            ("longest_first", "only_first", "only_second"),
        )
        if max_length is not None and options.padding is False and options.truncation is None:
            truncation = "longest_first"
        ignored = options.padding is True and max_length is not None and truncation is None
        if ignored and options.verbose:
            warnings.warn(
                "max_length is ignored with padding=True and no truncation; to pad to it use"
                " padding='max_length'",
                stacklevel=4,
            )
        if max_length is None and (padding == "max_length" or truncation is not None):
            if self.model_max_length <= LARGE_INTEGER:
                max_length = min(self.model_max_length, MORE_THAN_ANY)
            else:
                padding = None if padding == "max_length" else padding
                truncation = None
        multiple = options.pad_to_multiple_of
        if multiple is not None:
            multiple = check_count("pad_to_multiple_of", multiple)
        if padding is None:
            return truncation, max_length, None
        if truncation is not None and multiple and max_length is not None and max_length % multiple:
            raise ValueError(
                f"max_length ({max_length}) is not a multiple of pad_to_multiple_of ({multiple}),"
                " so rows cannot be both truncated to the one and padded to the other"
            )
        pad_id = self.pad_token_id
        if pad_id is None:
            raise ValueError(
                "padding was asked for but the tokenizer has no pad_token; set one, e.g."
                " tokenizer.add_special_tokens({'pad_token': '[PAD]'})"
            )
        side = self.padding_side if options.padding_side is None else options.padding_side
        left = check_side("padding_side", side) == "left"
        width = max_length if padding == "max_length" else None
        return (
            truncation,
            max_length,
            Padding(width, multiple, left, pad_id, self.pad_token_type_id),
        )

    def _make_plan(self, options: CallOptions) -> Plan:
        kind = check_tensor_kind(options.return_tensors)
        truncation, max_length, padding = self._resolve(options)
        core = self._core
        split = options.split_special_tokens
        overflow = bool(options.return_overflowing_tokens)
        refusals = ("", "")
        if truncation is not None and max_length is not None and options.add_special_tokens:
            refusals = _too_short(core, max_length, False), _too_short(core, max_length, True)
        common = {
            "pretokenized": bool(options.is_split_into_words),
            "add_special_tokens": bool(options.add_special_tokens),
            "truncation": truncation,
            "max_length": max_length if truncation is not None else 0,
            "stride": check_count("stride", options.stride),
            "truncation_side": self.truncation_side,
            "split_special_tokens": bool(self.split_special_tokens if split is None else split),
            **({} if padding is None else padding.options(str(self.pad_token or ""))),
        }

        def wanted(value: bool | None, key: str) -> bool:
            return key in self.model_input_names if value is None else bool(value)

        fields = {"ids": "input_ids"}
        if wanted(options.return_token_type_ids, "token_type_ids"):
            fields["type_ids"] = "token_type_ids"
        if wanted(options.return_attention_mask, "attention_mask"):
            fields["attention_mask"] = "attention_mask"
        if options.return_special_tokens_mask:
            fields["special_tokens_mask"] = "special_tokens_mask"
        if options.return_offsets_mapping:
            fields["offsets"] = "offset_mapping"
        if options.return_length:
            fields["length"] = "length"
        if overflow:
            fields["sample"] = "overflow_to_sample_mapping"
        form = "lists" if kind is None else "arrays"
        warns = max_length is None and options.verbose and self.model_max_length > 0
        return Plan(
            core,
            self._special_tokens,
            list(self.model_input_names),
            core.plan(**common, fields=fields, form=form, overflow=overflow),
            core.plan(**common, fields=ALL_FIELDS, overflow=True),
            kind,
            bool(options.is_split_into_words),
            overflow,
            self.model_max_length if warns and self.model_max_length < MORE_THAN_ANY else None,
            refusals,
        )

    def _encode(self, text: Any, pair: Any, plan: Plan) -> BatchEncoding:
        batched = False
        texts, pairs = text, None
        if text.__class__ is not str or pair is not None or plan.words:
            batched, texts, pairs = arrange_texts(text, pair, plan.words)
            if plan.words:  # the encodings may be worked out after they change
                texts = [copy_words(words) for words in texts]
                pairs = None if pairs is None else [copy_words(words) for words in pairs]
        refusal = plan.refusals[pairs is not None]
        if refusal:
            raise ValueError(refusal)
        data = plan.core.encode(texts, pairs, plan.encode, not batched)
        if plan.limit is not None:
            self._warn_if_too_long(_longest(data["input_ids"]), plan.limit)
        if plan.kind == "pt":
            data = {key: as_tensor(value, "pt") for key, value in data.items()}
        encodings = Encodings(
            plan.core, plan.describe, texts, pairs, plan.overflow, 1 if pairs is None else 2
        )
        return BatchEncoding.of_call(data, encodings)

    def _warn_if_too_long(self, length: int, limit: int) -> None:
        if length > limit and not self.deprecation_warnings.get(_TOO_LONG, False):
            self.deprecation_warnings[_TOO_LONG] = True
            logger.warning(
                "a sequence of %d tokens is longer than the model's maximum of %d: the model will"
                " refuse it; use truncation=True to cut it",
                length,
                limit,
            )

    def pad(
        self,
        encoded_inputs: Any,
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
        verbose: bool = True,
    ) -> BatchEncoding:
        """Pad encoded texts: a mapping of fields to rows (or to one row), or a list of mappings.

        "input_ids" get the pad id, "attention_mask" 0 (it is made when absent),
        "token_type_ids" 0 and "special_tokens_mask" 1; other fields stay as they are.
        Arrays or tensors come back as what they were unless `return_tensors` says otherwise.
        """
        if isinstance(encoded_inputs, Mapping):
            fields = dict(encoded_inputs)
        elif isinstance(encoded_inputs, (list, tuple)) and all(
            isinstance(example, Mapping) for example in encoded_inputs
        ):
            keys = list(encoded_inputs[0]) if encoded_inputs else []
            for index, example in enumerate(encoded_inputs):
                if set(example) != set(keys):
                    raise ValueError(
                        f"example {index} has the fields {sorted(example)}, the first one"
                        f" {sorted(keys)}"
                    )
            fields = {key: [example[key] for example in encoded_inputs] for key in keys}
        else:
            raise TypeError(
                "pad() takes a mapping of fields or a list of such mappings,"
                f" not {type(encoded_inputs).__name__}"
            )
        main = self.model_input_names[0]
        if main not in fields:
            raise ValueError(f"pad() needs '{main}', but was given {list(fields)}")
        kind = check_tensor_kind(return_tensors)
        if kind is None:
            kind = _kind_of(fields[main])
        lists = {key: _to_lists(value) for key, value in fields.items()}
        single = not lists[main] or not isinstance(lists[main][0], (list, tuple))
        if single and lists[main]:
            lists = {key: [value] for key, value in lists.items()}
        options = CallOptions(
            padding=padding,
            max_length=max_length,
            truncation=False,
            pad_to_multiple_of=pad_to_multiple_of,
            padding_side=padding_side,
            verbose=verbose,
        )
        wants_mask = return_attention_mask
        if wants_mask is None:
            # As in the reference, nothing at all gets no mask either.
            wants_mask = "attention_mask" in self.model_input_names and bool(lists[main])
        lists = self._pad_lists(lists, main, self._resolve(options)[2], wants_mask)
        if single and lists[main]:
            lists = {key: value[0] for key, value in lists.items()}
        return BatchEncoding(lists, tensor_type=kind)

    def _pad_lists(
        self, lists: dict[str, Any], main: str, padding: Padding | None, wants_mask: bool
    ) -> dict[str, Any]:
        rows = lists[main]
        for key, value in lists.items():
            if len(value) != len(rows):
                raise ValueError(f"'{key}' has {len(value)} rows but '{main}' has {len(rows)}")
        if wants_mask and "attention_mask" not in lists:
            lists["attention_mask"] = [[1] * len(row) for row in rows]
        if padding is None:
            return lists
        fills = {main: padding.pad_id, "token_type_ids": padding.type_id, "special_tokens_mask": 1}
        if wants_mask:
            fills["attention_mask"] = 0
        widths = _widths(padding, [len(row) for row in rows])
        for key, fill in fills.items():
            if key in lists:
                lists[key] = [
                    [fill] * (width - len(rows[i])) + list(row)
                    if padding.left
                    else list(row) + [fill] * (width - len(rows[i]))
                    for i, (row, width) in enumerate(zip(lists[key], widths, strict=True))
                ]
        return lists


def _widths(padding: Padding, lengths: list[int]) -> list[int]:
    """Width of every row after padding; a row too long already stays as it is."""
    width = max(lengths, default=0) if padding.width is None else padding.width
    if padding.multiple:
        width += -width % padding.multiple
    return [max(length, width) for length in lengths]


def _longest(rows: Any) -> int:
    """Tokens of the longest row of a call's "input_ids"."""
    if isinstance(rows, np.ndarray):
        return int(rows.shape[-1])
    if rows and isinstance(rows[0], list):
        return max(map(len, rows))
    return len(rows)


def _kind_of(value: Any) -> str | None:
    """The tensor kind of a field: of itself or of the first of its rows or items."""
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    if is_tensor(value):
        return "pt"
    return "np" if isinstance(value, (np.ndarray, np.generic)) else None


def _to_lists(value: Any) -> Any:
    if is_tensor(value) or isinstance(value, (np.ndarray, np.generic)):
        return to_numpy(value).tolist()
    if isinstance(value, (list, tuple)):
        return [_to_lists(item) for item in value]
    return value
