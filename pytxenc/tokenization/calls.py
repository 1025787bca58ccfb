"""Calling a tokenizer: texts in, BatchEncoding out."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import unknown_keyword
from ..tensor import as_tensor, is_tensor, to_numpy
from .batch_encoding import BatchEncoding, check_tensor_kind
from .encoding import FIELD_FILL, Encodings, Padding, pad_fields
from .special_tokens import SpecialTokens

logger = logging.getLogger("pytxenc")

LARGE_INTEGER = int(1e20)  # a model_max_length above this stands for "none"
_MORE_THAN_ANY = 2**62  # tokens, more than a text can have

_PADDING = {False: None, None: None, "do_not_pad": None, True: "longest"}
_TRUNCATION = {False: None, None: None, "do_not_truncate": None, True: "longest_first"}


def _strategy(name: str, value: Any, aliases: Mapping[Any, Any], choices: Sequence[str]) -> Any:
    value = getattr(value, "value", value)
    if value is None or isinstance(value, (bool, str)):
        found = aliases.get(value, value)
        if found is None or found in choices:
            return found
    names = ", ".join(map(repr, [*choices, *(a for a in aliases if isinstance(a, str))]))
    raise ValueError(f"{name} must be True, False or one of {names}; got {value!r}")


def check_side(name: str, value: Any) -> str:
    """`value` if it is "left" or "right"; ValueError otherwise."""
    if value not in ("left", "right"):
        raise ValueError(f"{name} must be 'left' or 'right', not {value!r}")
    return value


def _check_count(name: str, value: Any) -> int:
    if isinstance(value, (bool, float)) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value < 0:
        raise ValueError(f"{name} must not be negative, got {value}")
    return min(int(value), _MORE_THAN_ANY)


@dataclasses.dataclass(slots=True)
class CallOptions:
    """The arguments of a call other than the texts, with their defaults."""

    add_special_tokens: bool = True
    padding: bool | str | None = False
    truncation: bool | str | None = None
    max_length: int | None = None
    stride: int = 0
    is_split_into_words: bool = False
    pad_to_multiple_of: int | None = None
    padding_side: str | None = None
    return_tensors: str | None = None
    return_token_type_ids: bool | None = None
    return_attention_mask: bool | None = None
    return_overflowing_tokens: bool = False
    return_special_tokens_mask: bool = False
    return_offsets_mapping: bool = False
    return_length: bool = False
    verbose: bool = True
    split_special_tokens: bool | None = None

    @classmethod
    def of(cls, what: str, arguments: Mapping[str, Any]) -> CallOptions:
        """Options from keyword arguments; TypeError for one that does not exist."""
        for name in arguments:
            if name not in cls.__dataclass_fields__:
                raise unknown_keyword(what, name, cls.__dataclass_fields__)
        return cls(**arguments)


def _check_text(name: str, value: Any, split: bool) -> None:
    if not isinstance(value, (list, tuple) if split else str):
        wanted = "a list of words (is_split_into_words=True)" if split else "a str"
        raise TypeError(f"{name} must be {wanted}, not {type(value).__name__}")


def arrange_texts(text: Any, pair: Any, split: bool) -> tuple[bool, list[Any], list[Any] | None]:
    """(is it a batch, texts, second texts or None) out of what a call may be given."""
    if not isinstance(text, (str, list, tuple)):
        raise ValueError(
            "text must be a str, a list of str (a batch; or one text of words with"
            " is_split_into_words=True) or a list of lists of words,"
            f" not {type(text).__name__}"
        )
    batched = isinstance(text, (list, tuple))
    if split and batched:
        batched = bool(text) and isinstance(text[0], (list, tuple))
    if not batched:
        _check_text("text", text, split)
        if pair is None:
            return False, [text], None
        _check_text("text_pair", pair, split)
        return False, [text], [pair] if pair else None
    if pair is not None:
        if not isinstance(pair, (list, tuple)):
            raise TypeError(
                "with a batch of texts text_pair must be a list of as many texts,"
                f" not {type(pair).__name__}"
            )
        if len(pair) != len(text):
            raise ValueError(f"{len(text)} texts but {len(pair)} second texts were given")
        return True, list(text), list(pair)
    if text and isinstance(text[0], (list, tuple)):
        first = text[0]
        if not split or (first and isinstance(first[0], (list, tuple))):
            for index, item in enumerate(text):
                if not isinstance(item, (list, tuple)) or len(item) != 2:
                    raise ValueError(
                        f"item {index} of a batch of pairs must be a pair of texts,"
                        f" got {item!r:.80}"
                        + ("" if split else "; for lists of words pass is_split_into_words=True")
                    )
            return True, [item[0] for item in text], [item[1] for item in text]
    elif text and not isinstance(text[0], str):
        hint = "; decode() turns ids into text" if isinstance(text[0], (int, np.integer)) else ""
        raise ValueError(f"a batch must hold texts, but item 0 is {text[0]!r:.80}{hint}")
    return True, list(text), None


def _copy(words: Any) -> Any:
    return list(words) if isinstance(words, (list, tuple)) else words


def _rectangle(key: str, flat: NDArray[Any], starts: NDArray[np.int64]) -> NDArray[Any]:
    widths = np.diff(starts)
    if len(widths) and (widths != widths[0]).any():
        raise ValueError(
            f"cannot make a tensor of '{key}': the rows hold from {widths.min()} to"
            f" {widths.max()} tokens; use padding=True and/or truncation=True to make them equal"
        )
    return flat.reshape(len(widths), -1 if flat.size else 0, *flat.shape[1:])


def _row_lists(flat: NDArray[Any], starts: NDArray[np.int64]) -> list[list[Any]]:
    items = flat.tolist()
    if flat.ndim == 2:
        items = [tuple(item) for item in items]
    bounds = starts.tolist()
    return [items[start:end] for start, end in itertools.pairwise(bounds)]


class Calls(SpecialTokens):
    """The part of a tokenizer that encodes texts."""

    _core: Any
    _warned: set[str]
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
        target_length = arguments.pop("max_target_length", None)
        options = CallOptions.of(type(self).__name__, arguments)
        if text is None and text_target is None:
            raise ValueError("either text or text_target must be given")
        if text is not None:
            encoded = self._encode(text, text_pair, options)
            if text_target is None:
                return encoded
        if target_length is not None:
            options = dataclasses.replace(options, max_length=target_length)
        target = self._encode(text_target, text_pair_target, options)
        if text is None:
            return target
        encoded["labels"] = target["input_ids"]
        return encoded

    def encode_plus(self, text: Any, text_pair: Any = None, **kwargs: Any) -> BatchEncoding:
        """The call under its older name, for one text."""
        return self(text, text_pair, **kwargs)

    def batch_encode_plus(
        self, batch_text_or_text_pairs: Sequence[Any], **kwargs: Any
    ) -> BatchEncoding:
        """The call under its older name, for a batch of texts or of pairs."""
        return self(batch_text_or_text_pairs, **kwargs)

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
        return self._encode(text, text_pair, CallOptions.of("encode", arguments))["input_ids"]

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
        return self._encode(text, pair, options).tokens()

    def _plan(self, options: CallOptions) -> tuple[str | None, int | None, Padding | None]:
        """(truncation, max_length, padding) as the arguments together mean them."""
        max_length = options.max_length
        if max_length is not None:
            max_length = _check_count("max_length", max_length)
        padding = _strategy("padding", options.padding, _PADDING, ("longest", "max_length"))
        truncation = _strategy(
            "truncation",
            options.truncation,
            _TRUNCATION,
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
                max_length = min(self.model_max_length, _MORE_THAN_ANY)
            else:
                padding = None if padding == "max_length" else padding
                truncation = None
        multiple = options.pad_to_multiple_of
        if multiple is not None:
            multiple = _check_count("pad_to_multiple_of", multiple)
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

    def _encode(self, text: Any, pair: Any, options: CallOptions) -> BatchEncoding:
        kind = check_tensor_kind(options.return_tensors)
        batched, texts, pairs = arrange_texts(text, pair, options.is_split_into_words)
        if options.is_split_into_words:  # the encodings may be worked out after they change
            texts = [_copy(words) for words in texts]
            pairs = None if pairs is None else [_copy(words) for words in pairs]
        truncation, max_length, padding = self._plan(options)
        split = options.split_special_tokens
        core = self._core
        overflow = bool(options.return_overflowing_tokens)
        if truncation is not None and max_length is not None and options.add_special_tokens:
            special = core.num_special_tokens_to_add(pairs is not None)
            if max_length < special:
                raise ValueError(
                    f"max_length ({max_length}) has no room even for the {special} special tokens"
                )
        encode = functools.partial(
            core.encode_batch,
            texts,
            pairs,
            pretokenized=bool(options.is_split_into_words),
            add_special_tokens=bool(options.add_special_tokens),
            truncation=truncation,
            max_length=max_length if truncation is not None else 0,
            stride=_check_count("stride", options.stride),
            truncation_side=self.truncation_side,
            split_special_tokens=bool(self.split_special_tokens if split is None else split),
        )

        def wanted(value: bool | None, key: str) -> bool:
            return key in self.model_input_names if value is None else bool(value)

        keys = {"input_ids": "ids"}
        if wanted(options.return_token_type_ids, "token_type_ids"):
            keys["token_type_ids"] = "type_ids"
        if wanted(options.return_attention_mask, "attention_mask"):
            keys["attention_mask"] = "attention_mask"
        if options.return_special_tokens_mask:
            keys["special_tokens_mask"] = "special_tokens_mask"
        if options.return_offsets_mapping:
            keys["offset_mapping"] = "offsets"
        arrays = encode(
            fields=[field for field in keys.values() if field in FIELD_FILL], overflow=overflow
        )
        fields, starts = pad_fields(arrays, padding)
        widths = np.diff(starts)
        self._warn_if_too_long(int(widths.max(initial=0)), max_length, options.verbose)
        per_row = {"length": widths} if options.return_length else {}
        if overflow:
            per_row["overflow_to_sample_mapping"] = arrays["sample"]
        data: dict[str, Any] = {}
        if kind is not None:
            for key, field in keys.items():
                data[key] = as_tensor(_rectangle(key, fields[field], starts), kind)
            data.update({key: as_tensor(values, kind) for key, values in per_row.items()})
        else:
            for key, field in keys.items():
                rows = _row_lists(fields[field], starts)
                data[key] = rows if batched or overflow else rows[0]
            data.update({key: values.tolist() for key, values in per_row.items()})
        encodings = Encodings(
            functools.partial(encode, fields=[*FIELD_FILL, "tokens"], overflow=True),
            str(self.pad_token or ""),
            padding,
            overflow,
            1 if pairs is None else 2,
        )
        return BatchEncoding(data, encodings)

    def _warn_if_too_long(self, length: int, max_length: int | None, verbose: bool) -> None:
        if max_length is not None or not verbose or not 0 < self.model_max_length < length:
            return
        if "too long" not in self._warned:
            self._warned.add("too long")
            logger.warning(
                "a sequence of %d tokens is longer than the model's maximum of %d: the model will"
                " refuse it; use truncation=True to cut it",
                length,
                self.model_max_length,
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
            wants_mask = "attention_mask" in self.model_input_names
        lists = self._pad_lists(lists, main, self._plan(options)[2], wants_mask)
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
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        if wants_mask and "attention_mask" not in lists:
            lists["attention_mask"] = [[1] * len(row) for row in rows]
        if padding is None:
            return lists
        fills = {main: padding.pad_id, "token_type_ids": padding.type_id, "special_tokens_mask": 1}
        if wants_mask:
            fills["attention_mask"] = 0
        widths = padding.widths(lengths).tolist()
        for key, fill in fills.items():
            if key in lists:
                lists[key] = [
                    [fill] * (width - len(rows[i])) + list(row)
                    if padding.left
                    else list(row) + [fill] * (width - len(rows[i]))
                    for i, (row, width) in enumerate(zip(lists[key], widths, strict=True))
                ]
        return lists


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
