"""Texts with several continuations, of which one is right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..metrics import accuracy
from ..tokenization import PreTrainedTokenizerBase
from .base import Features, TaskDataset, check_lengths, rows

__all__ = ["MultipleChoiceDataset"]


class MultipleChoiceDataset(TaskDataset):
    """Texts, each with the same number of choices.

    Args:
        tokenizer: encodes every text with each of its choices, as a pair.
        texts: as many str as there are examples.
        choices: for every text a list of str.
        targets: number of the right choice, or None where it is not known.
        max_length: tokens of a pair, special ones included, beyond which it is cut.

    A row's fields have a list for every choice; "labels" is the number of the right one.

    ValueError for columns of different lengths or texts with unlike numbers of choices,
    IndexError for a target that is no choice.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        texts: Sequence[str],
        choices: Sequence[Sequence[str]],
        targets: Iterable[int] | None = None,
        *,
        max_length: int | None = None,
    ) -> None:
        numbers = None if targets is None else [int(target) for target in targets]
        count = check_lengths(texts=texts, choices=choices, labels=numbers)
        width = len(choices[0]) if count else 0
        for row, given in enumerate(choices):
            if len(given) != width or not given:
                raise ValueError(f"example {row} has {len(given)} choices, the first {width}")
        for row, number in enumerate(numbers or ()):
            if not 0 <= number < width:
                raise IndexError(
                    f"the label of example {row} is {number}; it must be from 0 to {width - 1}"
                )
        super().__init__(tokenizer, count)
        self._texts, self._choices, self._targets = texts, choices, numbers
        self._width, self._max_length = width, max_length

    def _encode(self, start: int, stop: int) -> list[Features]:
        texts = [text for text in self._texts[start:stop] for _ in range(self._width)]
        choices = [choice for given in self._choices[start:stop] for choice in given]
        encoded = rows(self.tokenizer(texts, choices, truncation=True, max_length=self._max_length))
        features: list[Features] = []
        for number in range(stop - start):
            pairs = encoded[number * self._width : (number + 1) * self._width]
            features.append({name: [pair[name] for pair in pairs] for name in pairs[0]})
            if self._targets is not None:
                features[-1]["labels"] = self._targets[start + number]
        return features

    def predictions(self, scores: Sequence[Any]) -> list[int]:
        """The number of every text's likeliest choice; scores (n, choices)."""
        return np.asarray(scores).argmax(axis=-1).tolist()

    def score(self, scores: Sequence[Any]) -> dict[str, Any]:
        if self._targets is None:
            raise ValueError("the examples have no labels to compare with")
        return {"accuracy": accuracy(self._targets, self.predictions(scores))}
