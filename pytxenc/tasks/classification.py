"""Labels or numbers of texts, and of pairs of texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..metrics import metric_set
from ..tokenization import PreTrainedTokenizerBase
from .base import Features, TaskDataset, check_lengths, rows
from .labels import Labels
from .tables import Record

__all__ = ["ClassificationDataset", "RegressionDataset"]

MetricSet = Callable[[Any, Any], dict[str, float]]


class _TextDataset(TaskDataset):
    """Texts, or pairs of them, and a target for each."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        texts: Sequence[str],
        pairs: Sequence[str] | None,
        targets: list[Any] | None,
        max_length: int | None,
        metrics: MetricSet,
    ) -> None:
        super().__init__(tokenizer, check_lengths(texts=texts, pairs=pairs, labels=targets))
        self._texts, self._pairs, self._targets = texts, pairs, targets
        self._max_length, self._metrics = max_length, metrics

    def _encode(self, start: int, stop: int) -> list[Features]:
        pairs = None if self._pairs is None else list(self._pairs[start:stop])
        encoded = self.tokenizer(
            list(self._texts[start:stop]), pairs, truncation=True, max_length=self._max_length
        )
        features = rows(encoded)
        if self._targets is not None:
            for row, target in zip(features, self._targets[start:stop], strict=True):
                row["labels"] = target
        return features

    def _guesses(self, scores: Sequence[Any]) -> Any:
        raise NotImplementedError

    def score(self, scores: Sequence[Any]) -> dict[str, Any]:
        if self._targets is None:
            raise ValueError("the examples have no labels to compare with")
        return self._metrics(np.array(self._targets), self._guesses(scores))


class ClassificationDataset(_TextDataset):
    """Texts that each belong to a class.

    Args:
        tokenizer: encodes them.
        texts: as many str as there are examples.
        pairs: a second text for each, or None.
        targets: numbers of the classes, or None where they are not known.
        labels: the classes.
        max_length: tokens, special ones included, beyond which texts are cut; by default what
            the tokenizer says.
        metrics: what `score` computes from labels and predicted classes; by default accuracy.

    ValueError for columns of different lengths, IndexError for a target that is no class.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        texts: Sequence[str],
        pairs: Sequence[str] | None = None,
        targets: Iterable[int] | None = None,
        *,
        labels: Labels,
        max_length: int | None = None,
        metrics: MetricSet | None = None,
    ) -> None:
        numbers = None if targets is None else [int(target) for target in targets]
        for row, number in enumerate(numbers or ()):
            if not 0 <= number < len(labels):
                raise IndexError(
                    f"the label of example {row} is {number}; it must be from 0 to"
                    f" {len(labels) - 1}"
                )
        metrics = metrics or metric_set("accuracy")
        super().__init__(tokenizer, texts, pairs, numbers, max_length, metrics)
        self.labels = labels

    @classmethod
    def of_records(
        cls,
        tokenizer: PreTrainedTokenizerBase,
        records: Sequence[Record],
        labels: Labels | None = None,
        **options: Any,
    ) -> ClassificationDataset:
        """From rows with "text", and where there are such "pair" and "label".

        labels: the classes; by default those that occur.
        options: as for the class.
        """
        texts, pairs = _columns(records)
        names = [r.label("label") for r in records] if _has(records, "label") else None
        if labels is None:
            if names is None:
                raise ValueError("neither labels nor rows with a label were given")
            labels = Labels.found(names)
        targets = None
        if names is not None:
            known = labels
            pairs_of = zip(names, records, strict=True)
            targets = [known.id(name, record.where) for name, record in pairs_of]
        return cls(tokenizer, texts, pairs, targets, labels=labels, **options)

    def _guesses(self, scores: Sequence[Any]) -> Any:
        return np.asarray(scores).argmax(axis=-1)

    def predictions(self, scores: Sequence[Any]) -> list[str]:
        """The name of every text's likeliest class; scores (n, classes)."""
        return [self.labels.names[number] for number in self._guesses(scores).tolist()]


class RegressionDataset(_TextDataset):
    """Texts that each have a number.

    Args:
        targets: finite numbers, or None where they are not known.
        metrics: what `score` computes; by default Pearson's and Spearman's correlations and the
            mean squared error.

    The other arguments are those of `ClassificationDataset`.  ValueError for columns of
    different lengths or a target that is not finite.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        texts: Sequence[str],
        pairs: Sequence[str] | None = None,
        targets: Iterable[float] | None = None,
        *,
        max_length: int | None = None,
        metrics: MetricSet | None = None,
    ) -> None:
        numbers = None if targets is None else [float(target) for target in targets]
        for row, number in enumerate(numbers or ()):
            if not math.isfinite(number):
                raise ValueError(f"the target of example {row} is {number}; it must be finite")
        metrics = metrics or metric_set(["pearson", "spearmanr", "mse"])
        super().__init__(tokenizer, texts, pairs, numbers, max_length, metrics)

    @classmethod
    def of_records(
        cls, tokenizer: PreTrainedTokenizerBase, records: Sequence[Record], **options: Any
    ) -> RegressionDataset:
        """From rows with "text", and where there are such "pair" and "label", a number."""
        texts, pairs = _columns(records)
        targets = [r.number("label") for r in records] if _has(records, "label") else None
        return cls(tokenizer, texts, pairs, targets, **options)

    def _guesses(self, scores: Sequence[Any]) -> Any:
        return np.asarray(scores, np.float64).reshape(len(scores))

    def predictions(self, scores: Sequence[Any]) -> list[float]:
        """The number of every text; scores (n, 1)."""
        return self._guesses(scores).tolist()


def _has(records: Sequence[Record], name: str) -> bool:
    return bool(records) and name in records[0].values


def _columns(records: Sequence[Record]) -> tuple[list[str], list[str] | None]:
    pairs = [record.text("pair") for record in records] if _has(records, "pair") else None
    return [record.text("text") for record in records], pairs
