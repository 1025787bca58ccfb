"""Collators: lists of features to padded batches, with the names and arguments of transformers.

Each is called with a list of features and gives a dict of arrays.  `return_tensors` is "np",
"pt" (torch tensors, or light ones where torch is not installed), or None: "pt" where the process
uses torch, else "np".
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..tensor import as_tensor, to_numpy
from ..tokenization import BatchEncoding, PreTrainedTokenizerBase
from .words import word_starts

__all__ = [
    "DataCollatorForLanguageModeling",
    "DataCollatorForMultipleChoice",
    "DataCollatorForSOP",
    "DataCollatorForTokenClassification",
    "DataCollatorForWholeWordMask",
    "DataCollatorWithFlattening",
    "DataCollatorWithPadding",
    "DefaultDataCollator",
    "default_data_collator",
]

T = TypeVar("T", bound="DataCollatorForLanguageModeling")
IGNORED = -100  # the label of what has none


def _kind(return_tensors: str | None) -> str:
    kind = getattr(return_tensors, "value", return_tensors)
    if kind is None:
        return "pt" if hasattr(sys.modules.get("torch"), "Tensor") else "np"
    if kind not in ("np", "pt"):
        raise ValueError(f"return_tensors must be 'np', 'pt' or None, not {return_tensors!r}")
    return kind


def _examples(features: Any) -> list[Any]:
    """The features as a list; ValueError when there are none."""
    examples = list(features)
    if not examples:
        raise ValueError("there are no features to make a batch of")
    return examples


def _mappings(features: Any) -> list[Mapping[str, Any]]:
    """The features as mappings of the same keys as the first."""
    examples = [f if isinstance(f, Mapping) else vars(f) for f in _examples(features)]
    for index, example in enumerate(examples):
        if missing := [key for key in examples[0] if key not in example]:
            raise ValueError(
                f"feature {index} has no {missing[0]!r}, which the first one has; it has"
                f" {', '.join(map(repr, example)) or 'nothing'}"
            )
    return examples


def _finish(batch: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {
        key: as_tensor(value, kind) if isinstance(value, np.ndarray) else value
        for key, value in batch.items()
    }


def _stacked(key: str, values: Sequence[Any], dtype: Any = None) -> NDArray[Any]:
    try:
        array = np.array([to_numpy(value) for value in values], dtype)
    except (ValueError, TypeError) as error:
        shapes = [np.shape(value) for value in values]
        raise ValueError(
            f"{key!r} cannot be stacked: {error}"
            if len(set(shapes)) == 1
            else f"{key!r} has features of the shapes {shapes[0]} and"
            f" {next(s for s in shapes if s != shapes[0])}; pad them first"
        ) from None
    return array.astype(np.float32) if array.dtype == np.float64 else array


def _labels(values: Sequence[Any]) -> NDArray[Any]:
    first = to_numpy(values[0])
    return _stacked("labels", values, np.int64 if first.dtype.kind in "iub" else np.float32)


def default_data_collator(features: Any, return_tensors: str | None = None) -> dict[str, Any]:
    """Stack features of equal shapes; `label` or `label_ids` become `labels`.

    Labels are int64, or float32 where the first is a fraction.  Strings and None are left out.
    ValueError for no features, a key that one lacks and shapes that differ.
    """
    kind = _kind(return_tensors)
    examples = _mappings(features)
    batch: dict[str, Any] = {}
    for name in ("label", "label_ids"):
        if examples[0].get(name) is not None:
            batch["labels"] = _labels([example[name] for example in examples])
            break
    for key, value in examples[0].items():
        if key not in ("label", "label_ids") and value is not None and not isinstance(value, str):
            batch[key] = _stacked(key, [example[key] for example in examples])
    return _finish(batch, kind)


@dataclass
class DefaultDataCollator:
    """`default_data_collator` as an object."""

    return_tensors: str | None = None

    def __call__(self, features: Any, return_tensors: str | None = None) -> dict[str, Any]:
        return default_data_collator(features, return_tensors or self.return_tensors)


class DataCollatorWithFlattening(DefaultDataCollator):
    """Features in one row without padding, for models that keep sequences apart by position.

    Gives input_ids and labels int64 [1, T], where the first label of each sequence is
    `separator_id`, with `return_position_ids` position_ids that begin anew at
    `position_ids_start` in each (RoBERTa's is padding_idx + 1), with `return_seq_idx` the number
    of the sequence int32 [1, T], and with `return_flash_attn_kwargs` cu_seq_lens_q and _k int32
    [B + 1] and max_length_q and _k.
    """

    def __init__(
        self,
        return_tensors: str | None = None,
        *,
        return_position_ids: bool = True,
        separator_id: int = IGNORED,
        return_flash_attn_kwargs: bool = False,
        return_seq_idx: bool = False,
        position_ids_start: int = 0,
    ) -> None:
        super().__init__(return_tensors)
        self.return_position_ids = return_position_ids
        self.separator_id = separator_id
        self.return_flash_attn_kwargs = return_flash_attn_kwargs
        self.return_seq_idx = return_seq_idx
        self.position_ids_start = position_ids_start

    def __call__(
        self, features: Any, return_tensors: str | None = None, separator_id: int | None = None
    ) -> dict[str, Any]:
        kind = _kind(return_tensors or self.return_tensors)
        separator = self.separator_id if separator_id is None else separator_id
        examples = _mappings(features)
        if "input_ids" not in examples[0]:
            raise ValueError(f"features need 'input_ids', but have {list(examples[0])}")
        rows = [to_numpy(example["input_ids"]).astype(np.int64) for example in examples]
        name = "labels" if "labels" in examples[0] else "input_ids"
        labels = [to_numpy(example[name]).astype(np.int64) for example in examples]
        lengths = [len(row) for row in rows]
        for index, (row, label) in enumerate(zip(rows, labels, strict=True)):
            if len(row) != len(label):
                raise ValueError(f"feature {index} has {len(row)} ids but {len(label)} labels")
        marked = [np.where(np.arange(len(row)) == 0, separator, row) for row in labels]
        batch: dict[str, Any] = {
            "input_ids": np.concatenate(rows)[None],
            "labels": np.concatenate(marked)[None],
        }
        if self.return_position_ids:
            positions = np.concatenate([np.arange(n) for n in lengths])
            batch["position_ids"] = (positions + self.position_ids_start)[None]
        if self.return_seq_idx:
            batch["seq_idx"] = np.repeat(np.arange(len(rows), dtype=np.int32), lengths)[None]
        if self.return_flash_attn_kwargs:
            ends = np.append(0, np.cumsum(lengths)).astype(np.int32)
            batch["cu_seq_lens_q"], batch["cu_seq_lens_k"] = ends, ends.copy()
            batch["max_length_q"] = batch["max_length_k"] = max(lengths)
        return _finish(batch, kind)


class _Padding:
    """Pads with a tokenizer, as its `pad` does."""

    tokenizer: PreTrainedTokenizerBase
    padding: bool | str
    max_length: int | None
    pad_to_multiple_of: int | None

    def _pad(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Arrays of the fields."""
        padded = self.tokenizer.pad(
            examples,
            padding=self.padding,
            max_length=self.max_length,
            pad_to_multiple_of=self.pad_to_multiple_of,
            return_tensors="np",
        )
        return dict(padded)


@dataclass
class DataCollatorWithPadding(_Padding):
    """Pad features to one length; `label` or `label_ids` become `labels`.

    Args:
        tokenizer: its `pad` is used.
        padding: True or "longest", "max_length", or False: they have one length already.
        max_length: for "max_length".
        pad_to_multiple_of: of the length.
        return_tensors: "np", "pt" or None, see this module.
    """

    tokenizer: PreTrainedTokenizerBase
    padding: bool | str = True
    max_length: int | None = None
    pad_to_multiple_of: int | None = None
    return_tensors: str | None = None

    def __call__(self, features: Any) -> BatchEncoding:
        batch = self._pad(_mappings(features))
        for name in ("label", "label_ids"):
            if name in batch:
                batch["labels"] = batch.pop(name)
        return BatchEncoding(_finish(batch, _kind(self.return_tensors)))


@dataclass
class DataCollatorForTokenClassification(_Padding):
    """`DataCollatorWithPadding` with a label for each token, padded with `label_pad_token_id`."""

    tokenizer: PreTrainedTokenizerBase
    padding: bool | str = True
    max_length: int | None = None
    pad_to_multiple_of: int | None = None
    label_pad_token_id: int = IGNORED
    return_tensors: str | None = None

    def __call__(self, features: Any, return_tensors: str | None = None) -> BatchEncoding:
        examples = _mappings(features)
        name = "label" if "label" in examples[0] else "labels"
        batch = self._pad([{k: v for k, v in e.items() if k != name} for e in examples])
        if name in examples[0]:
            width = batch["input_ids"].shape[1]
            labels = np.full((len(examples), width), self.label_pad_token_id, np.int64)
            for index, example in enumerate(examples):
                row = to_numpy(example[name])
                if row.ndim != 1 or len(row) > width:
                    raise ValueError(
                        f"feature {index} has labels of the shape {row.shape}, not one for each of"
                        f" at most {width} tokens"
                    )
                left = self.tokenizer.padding_side == "left"
                labels[index, width - len(row) if left else 0 :][: len(row)] = row
            batch[name] = labels
        return BatchEncoding(_finish(batch, _kind(return_tensors or self.return_tensors)))


@dataclass
class DataCollatorForMultipleChoice(_Padding):
    """Pad features whose fields hold a row for each choice: [B, choices, S], labels [B]."""

    tokenizer: PreTrainedTokenizerBase
    padding: bool | str = True
    max_length: int | None = None
    pad_to_multiple_of: int | None = None
    return_tensors: str | None = None

    def __call__(self, features: Any, return_tensors: str | None = None) -> dict[str, Any]:
        examples = _mappings(features)
        name = "label" if "label" in examples[0] else "labels"
        for key in (name, "input_ids"):
            if key not in examples[0]:
                raise ValueError(f"features need {key!r}, but have {list(examples[0])}")
        choices = len(examples[0]["input_ids"])
        for index, example in enumerate(examples):
            for key, value in example.items():
                if key != name and len(value) != choices:
                    raise ValueError(
                        f"feature {index} has {len(value)} choices in {key!r}, the first one"
                        f" {choices}"
                    )
        flat = [
            {key: value[choice] for key, value in example.items() if key != name}
            for example in examples
            for choice in range(choices)
        ]
        batch: dict[str, Any] = {
            key: value.reshape(len(examples), choices, *value.shape[1:])
            for key, value in self._pad(flat).items()
        }
        batch["labels"] = _stacked("labels", [example[name] for example in examples], np.int64)
        return _finish(batch, _kind(return_tensors or self.return_tensors))


@dataclass
class DataCollatorForLanguageModeling:
    """Pad features and mask them for masked language modelling, anew in every call.

    Args:
        tokenizer: pads, has the mask token, tells special tokens.
        mlm: mask; False: labels are the inputs, -100 at padding (causal language modelling).
        whole_word_mask: mask whole words, which the vocabulary tells apart (`word_starts`).
            transformers finds words by offsets, and masks each of their tokens with the mask
            token whatever the next two say.
        mlm_probability: of each token, or word, to be masked.
        mask_replace_prob, random_replace_prob: shares of masked tokens that become the mask token
            and a random one of the vocabulary; the rest stays as it is.
        pad_to_multiple_of: of the length.
        return_tensors: "np", "pt" or None, see this module.
        seed: of a generator of this collator's own; None: NumPy's global one (`set_seed`).
            What is drawn is what transformers draws with return_tensors="np".

    Features are mappings with "input_ids", or rows of ids, which get no attention mask.  Special
    tokens are those of "special_tokens_mask" or, without it, all ids that are special to the
    tokenizer; they are not masked.

    Raises:
        ValueError: a tokenizer without mask token, probabilities out of range; when called, no
            features or a key missing.
    """

    tokenizer: PreTrainedTokenizerBase
    mlm: bool = True
    whole_word_mask: bool = False
    mlm_probability: float | None = 0.15
    mask_replace_prob: float = 0.8
    random_replace_prob: float = 0.1
    pad_to_multiple_of: int | None = None
    return_tensors: str | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.mlm and self.tokenizer.mask_token is None:
            raise ValueError(
                f"this {type(self.tokenizer).__name__} has no mask token, which masked language"
                " modelling needs; mlm=False makes labels for causal language modelling"
            )
        if self.whole_word_mask and not self.mlm:
            raise ValueError("whole_word_mask=True needs mlm=True")
        for name, value in (
            ("mlm_probability", self.mlm_probability if self.mlm else 0.0),
            ("mask_replace_prob", self.mask_replace_prob),
            ("random_replace_prob", self.random_replace_prob),
            (
                "mask_replace_prob + random_replace_prob",
                self.mask_replace_prob + self.random_replace_prob,
            ),
        ):
            if value is None or not 0 <= value <= 1:
                raise ValueError(f"{name} must be from 0 to 1, not {value}")
        self.generator = None if self.seed is None else np.random.default_rng(self.seed)
        self._begins: NDArray[np.bool_] | None = None
        if self.whole_word_mask:
            self._begins = word_starts(self.tokenizer)

    def __call__(self, features: Any, return_tensors: str | None = None) -> Any:
        kind = _kind(return_tensors or self.return_tensors)
        batch = self._padded(_examples(features))
        special = batch.pop("special_tokens_mask", None)
        if self.mlm:
            batch["input_ids"], batch["labels"] = self.mask_tokens(batch["input_ids"], special)
        else:
            ids = batch["input_ids"]
            batch["labels"] = np.where(ids == self.tokenizer.pad_token_id, IGNORED, ids)
        return BatchEncoding(_finish(batch, kind))

    def for_batch(self: T, *position: int) -> T:
        """A copy whose draws are a function of (seed, position) alone, whatever came before.

        The Trainer uses it, so that a batch has the same masks in a run that was resumed.
        """
        other = copy.copy(self)
        seed = () if self.seed is None else (self.seed,)
        other.generator = np.random.default_rng([*seed, *position])
        return other

    def _padded(self, examples: list[Any]) -> dict[str, Any]:
        rows = not isinstance(examples[0], Mapping)
        if rows:
            examples = [{"input_ids": to_numpy(row)} for row in examples]
        examples = [
            {key: value for key, value in example.items() if key != "offset_mapping"}
            for example in _mappings(examples)
        ]
        batch = dict(
            self.tokenizer.pad(
                examples,
                pad_to_multiple_of=self.pad_to_multiple_of,
                return_attention_mask=False if rows else None,
                return_tensors="np",
            )
        )
        batch["input_ids"] = batch["input_ids"].astype(np.int64, copy=False)
        return batch

    def mask_tokens(
        self, inputs: NDArray[np.int64], special_tokens_mask: NDArray[Any] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(inputs with masks, labels) of ids [B, S], which are not changed."""
        if special_tokens_mask is None:
            special = np.isin(inputs, self.tokenizer.all_special_ids)
        else:
            special = np.asarray(special_tokens_mask).astype(bool)
        draw: Any = self.generator if self.generator is not None else np.random
        firsts = ~special if self._begins is None else self._word_firsts(inputs, special)
        chosen = draw.binomial(1, np.where(firsts, self.mlm_probability or 0.0, 0.0)).astype(bool)
        if self._begins is not None:
            words = np.cumsum(firsts).reshape(firsts.shape)  # rows begin new ones
            chosen = np.append(False, chosen[firsts])[words] & ~special
        labels = np.where(chosen, inputs, IGNORED)
        inputs = inputs.copy()
        masked = draw.binomial(1, self.mask_replace_prob, size=inputs.shape).astype(bool) & chosen
        inputs[masked] = self.tokenizer.mask_token_id
        if self.mask_replace_prob == 1 or self.random_replace_prob == 0:
            return inputs, labels
        share = min(1.0, self.random_replace_prob / (1 - self.mask_replace_prob))
        random = draw.binomial(1, share, size=inputs.shape).astype(bool) & chosen & ~masked
        count = int(random.sum())
        if self.generator is not None:
            ids = self.generator.integers(0, len(self.tokenizer), count, np.int64)
        else:
            ids = np.random.randint(0, len(self.tokenizer), count, np.int64)
        inputs[random] = ids
        return inputs, labels

    def _word_firsts(
        self, inputs: NDArray[np.int64], special: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """The first token of every word [B, S]."""
        assert self._begins is not None
        low, high = int(inputs.min(initial=0)), int(inputs.max(initial=0))
        if low < 0 or high >= len(self._begins):
            wrong = low if low < 0 else high
            raise ValueError(
                f"input_ids has the id {wrong}; the tokenizer's are below {len(self._begins)}"
            )
        after_special = np.ones_like(special)
        after_special[:, 1:] = special[:, :-1]
        return ~special & (self._begins[inputs] | after_special)


class DataCollatorForWholeWordMask(DataCollatorForLanguageModeling):
    """`DataCollatorForLanguageModeling` that masks whole words; transformers 5 lacks it."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        mlm: bool = True,
        mlm_probability: float | None = 0.15,
        mask_replace_prob: float = 0.8,
        random_replace_prob: float = 0.1,
        pad_to_multiple_of: int | None = None,
        return_tensors: str | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(
            tokenizer,
            mlm,
            mlm,
            mlm_probability,
            mask_replace_prob,
            random_replace_prob,
            pad_to_multiple_of,
            return_tensors,
            seed,
        )


class DataCollatorForSOP(DataCollatorForLanguageModeling):
    """`DataCollatorForLanguageModeling` for features with a "sentence_order_label".

    transformers 5 lacks it; there the attention mask hid masked tokens, here it hides padding.
    """

    def __call__(self, features: Any, return_tensors: str | None = None) -> Any:
        examples = _mappings(features)
        if "sentence_order_label" not in examples[0]:
            raise ValueError(f"features need 'sentence_order_label', but have {list(examples[0])}")
        return super().__call__(examples, return_tensors)
