"""Samples of pretraining, packed and masked from a corpus of token ids."""

from __future__ import annotations

import itertools
import operator
import os
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, SupportsIndex, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from ..corpus import TokenCorpus
from ..tokenization import PreTrainedTokenizerBase
from ..tokenization.templates import template_items
from .words import all_ids, id_flags

__all__ = ["PretrainingDataset"]

Packing = Literal[
    "full_sentences", "doc_sentences", "contiguous", "segment_pair", "sentence_pair", "sop"
]
Masking = Literal["token", "whole_word", "ngram", "span"]
Count = Literal["exact", "fairseq", "bernoulli"]

_RUNS = ("full_sentences", "doc_sentences", "contiguous")
_PAIRS = ("segment_pair", "sentence_pair", "sop")
_MASKINGS = ("token", "whole_word", "ngram", "span")
_COUNTS = ("exact", "fairseq", "bernoulli")
_MAX_SIZE = (1 << 31) - 1  # of blocks
_LONGEST_SPAN = 64  # words
_NO_LIMIT = 1 << 62

T = TypeVar("T", bound="PretrainingDataset")


class _Packed(NamedTuple):
    """The samples of an epoch."""

    epoch: int
    starts: NDArray[np.int64]  # [N + 1] sample i is spans starts[i] to starts[i + 1]
    spans: NDArray[np.int64]  # [M, 2] begin and end in the corpus
    labels: NDArray[np.int8] | None  # [N]
    lengths: NDArray[np.int32]  # [N] tokens, special tokens counted


class PretrainingDataset:
    """Samples for MLM, with NSP or SOP where wanted, of a corpus that `encode_corpus` wrote.

    A sequence of unmasked samples: `len(ds)`, `ds[i]` (see `__getitem__`); `ds.batch(indices)`
    gives a padded batch with masks and labels, computed in C.  Nothing random is kept: packing is
    a function of (seed, epoch), the mask of a sample one of (seed, epoch, sample), so any sample
    of any epoch comes out the same in every process and after every restart.  Memory holds the
    places of the samples, about 24 bytes each, not their tokens.  It can be pickled: the corpus
    is opened again by its path.

    Args:
        corpus: a `TokenCorpus`, or its directory, encoded without special tokens.
        tokenizer: the one it was encoded with.
        block_size: most tokens of a sample, special tokens counted.
        packing: how samples are made.
            "full_sentences": whole lines, as many as there is room for; from one document to the
            next comes a separator (RoBERTa).  "doc_sentences": the same within documents.
            "contiguous": blocks that begin and end anywhere.  In these three every token of the
            corpus is in one sample; a line longer than a block is cut.
            "segment_pair": two segments of several sentences, in half of them the second from
            another document (BERT, for NSP).  "sentence_pair": the same with single sentences.
            "sop": two segments that follow each other, half of them swapped (ALBERT).  Label 0:
            as in the text; 1: random or swapped.  A pair too long loses tokens of the longer
            segment, at its front or back by coin.
            All but "contiguous" need a corpus with lines (`keep_lines`, `split_sentences`).
        masking: what is masked: "token", "whole_word", "ngram" (ALBERT: 1 to `max_ngram` words,
            p(n) ~ 1/n), "span" (SpanBERT: geometric with `span_probability`, at most `max_span`
            words, one replacement for a whole span); None: nothing.
        mlm_probability: the share of masked tokens.
        mask_replace_prob, random_replace_prob: shares of masked tokens that are seen as the mask
            token and as a random one; the rest is seen as it is.
        count: how many tokens of a sample of n (special tokens counted) are masked.
            "exact": max(1, round(mlm_probability n)) (BERT, ALBERT).  "fairseq":
            floor(mlm_probability n + u), u uniform from 0 to 1.  "bernoulli": each token or word
            by itself (transformers); not with n-grams and spans.  Special tokens, also those
            written in the text, are never masked.
        max_predictions: most masked tokens of a sample, for the first two counts.
        random_tokens: "all" ids of the vocabulary, or "no_specials".
        static_duplicates: 0: masks are new in every epoch; k: those of the first k epochs come
            again and again (static masking).  1 keeps the masks of an evaluation the same.
        repack: pack anew in every epoch: documents in another order, other pairs.  The number of
            samples may then change from epoch to epoch.  Else every epoch has the samples of
            epoch 0, with documents in their order.
        line_separators: a separator after every line and two after a document, as fairseq has it
            (in "full_sentences" and "doc_sentences").
        short_seq_prob: share of documents with a shorter target length, drawn uniformly
            ("segment_pair", "sop").
        reference_quirk: a segment that is one sentence has nothing to pair with and is left out;
            True pairs it with a random one and label 1 as google-research/bert and albert do.
        pad_to_multiple_of: of the length of batches.
        seed: from 0 to 2**64 - 1.

    Raises:
        ValueError: another tokenizer's corpus, one with special tokens or without lines; an
            argument out of its range; a tokenizer without a token that is needed; a corpus of
            which no pairs can be made.
    """

    def __init__(
        self,
        corpus: TokenCorpus | str | os.PathLike[str],
        tokenizer: PreTrainedTokenizerBase,
        *,
        block_size: int = 512,
        packing: Packing = "full_sentences",
        masking: Masking | None = "token",
        mlm_probability: float = 0.15,
        mask_replace_prob: float = 0.8,
        random_replace_prob: float = 0.1,
        count: Count = "exact",
        max_predictions: int | None = None,
        random_tokens: Literal["all", "no_specials"] = "all",
        max_ngram: int = 3,
        span_probability: float = 0.2,
        max_span: int = 10,
        static_duplicates: int = 0,
        repack: bool = False,
        line_separators: bool = False,
        short_seq_prob: float = 0.1,
        reference_quirk: bool = False,
        pad_to_multiple_of: int | None = None,
        seed: int = 0,
    ) -> None:
        self.corpus = corpus if isinstance(corpus, TokenCorpus) else TokenCorpus(corpus)
        self.tokenizer = tokenizer
        self._options = dict(
            packing=_one_of("packing", packing, _RUNS + _PAIRS),
            masking=masking if masking is None else _one_of("masking", masking, _MASKINGS),
            mlm_probability=_share("mlm_probability", mlm_probability),
            mask_replace_prob=_share("mask_replace_prob", mask_replace_prob),
            random_replace_prob=_share("random_replace_prob", random_replace_prob),
            count=_one_of("count", count, _COUNTS),
            max_predictions=_size("max_predictions", max_predictions, 0, optional=True),
            random_tokens=_one_of("random_tokens", random_tokens, ("all", "no_specials")),
            max_ngram=_size("max_ngram", max_ngram, 1, _LONGEST_SPAN),
            span_probability=_share("span_probability", span_probability),
            max_span=_size("max_span", max_span, 1, _LONGEST_SPAN),
            static_duplicates=_size("static_duplicates", static_duplicates, 0),
            repack=bool(repack),
            line_separators=bool(line_separators),
            short_seq_prob=_share("short_seq_prob", short_seq_prob),
            reference_quirk=bool(reference_quirk),
            pad_to_multiple_of=_size("pad_to_multiple_of", pad_to_multiple_of, 1, optional=True),
            seed=_size("seed", seed, 0, (1 << 64) - 1),
        )
        self.packing: str = packing
        self.epoch = 0
        self.check_tokenizer(tokenizer)
        self._parts = _template(tokenizer, pair=packing in _PAIRS)
        specials = int((self._parts[:, 0] < 0).sum())
        least = specials + (2 if packing in _PAIRS else 1)
        self.block_size = _size("block_size", block_size, least)
        self._flags = id_flags(tokenizer)
        self._masking = self._masking_rules()
        self._pad_id = _needed(tokenizer, "pad_token")
        crossing = packing in ("full_sentences", "contiguous") or line_separators
        self._separator = _needed(tokenizer, "sep_token") if crossing else -1
        self._check_corpus()
        self._packed: _Packed | None = None
        if not len(self) and len(self.corpus.ids) and packing in _PAIRS:
            raise ValueError(
                f"{self.corpus.path}: in blocks of {block_size} no two sentences of a document come"
                f" together, so there are no pairs for packing={packing!r}; was it encoded with"
                " split_sentences=True?"
            )

    # ---- checks ----

    def check_tokenizer(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """ValueError unless the corpus was encoded with this very tokenizer."""
        self.corpus.check_tokenizer(tokenizer)

    def _check_corpus(self) -> None:
        path, options = self.corpus.path, self.corpus.meta.get("options")
        if isinstance(options, dict) and options.get("add_special_tokens"):
            raise ValueError(
                f"{path} was encoded with add_special_tokens=True; pretraining puts special tokens"
                " around its own samples: encode it without"
            )
        if self.corpus.lines is None and self.packing != "contiguous":
            raise ValueError(
                f"{path} was written without lines, which packing={self.packing!r} needs: encode it"
                " with keep_lines=True or split_sentences=True, or use packing='contiguous'"
            )

    def _masking_rules(self) -> Any:
        """What `_core.make_batch` takes; None: no masks."""
        options = self._options
        kind, count = options["masking"], options["count"]
        mask, random = options["mask_replace_prob"], options["random_replace_prob"]
        if mask + random > 1 + 1e-9:
            raise ValueError(
                f"mask_replace_prob {mask} and random_replace_prob {random} are more than 1"
            )
        if kind is None:
            return None
        if count == "bernoulli" and kind in ("ngram", "span"):
            raise ValueError(f"masking={kind!r} needs count='exact' or 'fairseq'")
        weights = np.ones(1)
        if kind == "ngram":
            weights = 1.0 / np.arange(1, options["max_ngram"] + 1)
        elif kind == "span":
            weights = (1.0 - options["span_probability"]) ** np.arange(options["max_span"])
        most = options["max_predictions"]
        return (
            count,
            options["mlm_probability"],
            _NO_LIMIT if most is None else most,
            kind != "token",
            kind == "span",
            np.cumsum(weights),
            mask,
            random,
            _needed(self.tokenizer, "mask_token"),
            all_ids(self.tokenizer, options["random_tokens"] == "all"),
        )

    # ---- packing ----

    def _key(self, epoch: int | None) -> int:
        """The epoch that decides what is random in `epoch`."""
        number = self.epoch if epoch is None else _size("epoch", epoch, 0, (1 << 63) - 1)
        duplicates = self._options["static_duplicates"]
        return number % duplicates if duplicates else number

    def _samples(self, epoch: int | None = None) -> _Packed:
        key = self._key(epoch) if self._options["repack"] else 0
        packed = self._packed
        if packed is None or packed.epoch != key:
            packed = self._packed = self._pack(key)
        return packed

    def _pack(self, epoch: int) -> _Packed:
        options, kind = self._options, self.packing
        bounds, documents = _layout(self.corpus, whole_documents=kind == "contiguous")
        specials = int((self._parts[:, 0] < 0).sum())
        common = dict(room=self.block_size - specials, seed=options["seed"], epoch=epoch)
        labels: NDArray[np.int8] | None = None
        if kind in _PAIRS:
            starts, spans, labels = _core.pack_pairs(
                bounds,
                documents,
                kind=kind,
                short_prob=options["short_seq_prob"],
                quirk=options["reference_quirk"],
                **common,
            )
        else:
            starts, spans = _core.pack_runs(
                bounds,
                documents,
                cut_lines=kind == "contiguous",
                cross_documents=kind != "doc_sentences",
                line_separators=options["line_separators"] and kind != "contiguous",
                shuffle=options["repack"],
                **common,
            )
        tokens = np.append(0, np.cumsum(spans[:, 1] - spans[:, 0]))
        lengths = tokens[starts[1:]] - tokens[starts[:-1]] + specials
        if labels is None:
            lengths += np.diff(starts) - 1  # separators
        return _Packed(epoch, starts, spans, labels, lengths.astype(np.int32))

    # ---- the sequence ----

    def set_epoch(self, epoch: int) -> None:
        """The epoch whose samples and masks come next; from 0 on."""
        self.epoch = _size("epoch", epoch, 0, (1 << 63) - 1)

    def with_block_size(self: T, block_size: int) -> T:
        """The same with samples of another length, for a curriculum of lengths."""
        return self._with(block_size=block_size)

    def with_masking(self: T, masking: Masking | None) -> T:
        """The same samples, masked otherwise or not at all."""
        return self._with(masking=masking)

    def _with(self: T, **changes: Any) -> T:
        options = {"block_size": self.block_size, **self._options, **changes}
        other = type(self)(self.corpus, self.tokenizer, **options)
        other.epoch = self.epoch
        return other

    @property
    def lengths(self) -> NDArray[np.int32]:
        """Tokens of every sample [N] of this epoch, special tokens counted."""
        return self._samples().lengths

    @property
    def label_name(self) -> str | None:
        """The key of the labels of pairs: "next_sentence_label", "sentence_order_label", None."""
        if self.packing not in _PAIRS:
            return None
        return "sentence_order_label" if self.packing == "sop" else "next_sentence_label"

    def __len__(self) -> int:
        return len(self._samples().lengths)

    @overload
    def __getitem__(self, index: SupportsIndex) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> dict[str, Any] | list[dict[str, Any]]:
        """A sample without masks: input_ids and token_type_ids, int64 [n], and for pairs their
        label, int, under `label_name`."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = operator.index(index)
        if number < 0:
            number += len(self)
        if not 0 <= number < len(self):
            raise IndexError(f"sample {index!r} of a data set of {len(self)}")
        rows = np.array([number], np.int64)
        ids, _, types, _, _ = self._make(self._samples(), rows, int(self.lengths[number]), 0, None)
        features: dict[str, Any] = {"input_ids": ids[0], "token_type_ids": types[0]}
        labels = self._samples().labels
        if self.label_name is not None and labels is not None:
            features[self.label_name] = int(labels[number])
        return features

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for index in range(len(self)):
            yield self[index]

    def batch(
        self, indices: Sequence[int] | ArrayLike, epoch: int | None = None
    ) -> dict[str, NDArray[Any]]:
        """The samples `indices` as of an epoch, this one by default, padded on the right.

        Returns input_ids int64 [B, S], attention_mask bool, token_type_ids int64, labels int64
        (-100 where nothing is to be predicted; not with masking=None), and for pairs their labels
        int64 [B] under `label_name`.  Padding has token type 0.  IndexError for a sample that
        does not exist, ValueError for no samples.
        """
        packed = self._samples(epoch)
        rows = np.asarray(indices)
        if rows.ndim != 1 or not len(rows):
            raise ValueError(f"a batch needs the indices of samples, not an array {rows.shape}")
        if rows.dtype.kind not in "iu":
            raise TypeError(f"indices must be integers, not {rows.dtype}")
        low, high = int(rows.min()), int(rows.max())
        if low < 0 or high >= len(packed.lengths):
            wrong = low if low < 0 else high
            raise IndexError(f"sample {wrong} of a data set of {len(packed.lengths)}")
        rows = rows.astype(np.int64, copy=False)
        width = int(packed.lengths[rows].max())
        multiple = self._options["pad_to_multiple_of"]
        if multiple is not None:
            width += -width % multiple
        ids, attended, types, _, labels = self._make(
            packed, rows, width, self._key(epoch), self._masking
        )
        batch: dict[str, NDArray[Any]] = {
            "input_ids": ids,
            "attention_mask": attended,
            "token_type_ids": types,
        }
        if labels is not None:
            batch["labels"] = labels
        if self.label_name is not None and packed.labels is not None:
            batch[self.label_name] = packed.labels[rows].astype(np.int64)
        return batch

    def _make(
        self, packed: _Packed, rows: NDArray[np.int64], width: int, epoch: int, masking: Any
    ) -> Any:
        return _core.make_batch(
            self.corpus.ids,
            wide=self.corpus.ids.dtype == np.uint32,
            starts=packed.starts,
            spans=packed.spans,
            rows=rows,
            width=width,
            parts=self._parts,
            pairs=packed.labels is not None,
            separator=self._separator,
            pad=self._pad_id,
            flags=self._flags,
            masking=masking,
            seed=self._options["seed"],
            epoch=epoch,
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_packed": None}  # quicker made than sent

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.corpus.path!r}, packing={self.packing!r},"
            f" block_size={self.block_size}): {len(self)} samples"
        )


def _layout(
    corpus: TokenCorpus, whole_documents: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where lines begin in the ids [L + 1], and documents in the lines [D + 1], without empty
    ones; with `whole_documents` each document is one line."""
    if whole_documents:
        bounds = _rising(corpus.offsets)
        return bounds, np.arange(len(bounds))
    assert corpus.lines is not None and corpus.document_lines is not None
    bounds, documents = _rising(corpus.lines), corpus.document_lines
    if len(bounds) < len(corpus.lines):
        numbers = np.append(0, np.cumsum(corpus.lines[1:] != corpus.lines[:-1]))
        documents = numbers[documents]
    return bounds, _rising(documents)


def _rising(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Values that do not fall, each once."""
    new = values[1:] != values[:-1]
    return values if new.all() else values[np.append(True, new)]


def _template(tokenizer: PreTrainedTokenizerBase, pair: bool) -> NDArray[np.int64]:
    """Rows (text or -1, id, token type) of what the tokenizer makes of a text or a pair."""
    items = template_items(tokenizer._post_processor, pair)
    texts = [item.text for item in items if item.text is not None]
    if texts != [0, 1][: len(texts)] or len(texts) != 1 + pair:
        what = "pairs" if pair else "texts"
        raise ValueError(
            f"this {type(tokenizer).__name__} puts {what} together in a way that packing does not"
            " know: every text must be there once, the first before the second"
        )
    rows = itertools.chain.from_iterable(
        [(item.text, 0, item.type_id)]
        if item.text is not None
        else [(-1, index, item.type_id) for index in item.ids]
        for item in items
    )
    return np.array(list(rows), np.int64)


def _needed(tokenizer: PreTrainedTokenizerBase, name: str) -> int:
    """The id of a special token that must be there."""
    index = getattr(tokenizer, name + "_id")
    if index is None:
        raise ValueError(f"this {type(tokenizer).__name__} has no {name}, which is needed")
    return int(index)


def _one_of(name: str, value: Any, values: Sequence[str]) -> Any:
    if not isinstance(value, str) or value not in values:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, values))}, not {value!r}")
    return value


def _share(name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating)):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be from 0 to 1, not {value}")
    return float(value)


def _size(
    name: str, value: Any, least: int, most: int = _MAX_SIZE, *, optional: bool = False
) -> Any:
    if value is None and optional:
        return None
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if not least <= number <= most:
        raise ValueError(f"{name} must be from {least} to {most}, not {number}")
    return number
