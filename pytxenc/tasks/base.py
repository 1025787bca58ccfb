"""Data sets that encode their texts when they are asked for them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, SupportsIndex, overload

from ..tokenization import PreTrainedTokenizerBase

__all__ = ["Features", "TaskDataset"]

Features = dict[str, Any]
_BLOCK = 512  # examples that are encoded together


class TaskDataset(ABC):
    """A sequence of what a model takes: dicts of lists of numbers, with "labels" where known.

    Texts are encoded in blocks, by one call of the tokenizer each, when an example of the block
    is first asked for; they stay encoded.
    """

    tokenizer: PreTrainedTokenizerBase
    _own: ClassVar[tuple[str, ...]] = ()  # fields that the data set keeps to itself

    def __init__(self, tokenizer: PreTrainedTokenizerBase, count: int) -> None:
        self.tokenizer = tokenizer
        self._blocks: list[list[Features] | None] = [None] * -(-count // _BLOCK)
        self._count = count

    @abstractmethod
    def _encode(self, start: int, stop: int) -> list[Features]:
        """The features of examples [start, stop)."""

    @abstractmethod
    def predictions(self, scores: Sequence[Any]) -> list[Any]:
        """What the model's scores (logits) of every row say."""

    @abstractmethod
    def score(self, scores: Sequence[Any]) -> dict[str, Any]:
        """How well `predictions` agrees with the labels; ValueError without labels."""

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: SupportsIndex) -> Features: ...
    @overload
    def __getitem__(self, index: slice) -> list[Features]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Features | list[Features]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        try:
            number = range(len(self))[index]
        except IndexError:
            raise IndexError(f"example {index!r} of {len(self)}") from None
        return {k: value for k, value in self._row(number).items() if k not in self._own}

    def _row(self, number: int) -> Features:
        """All there is of an example, which the data set keeps."""
        block, place = divmod(number, _BLOCK)
        found = self._blocks[block]
        if found is None:
            start = block * _BLOCK
            found = self._blocks[block] = self._encode(start, min(start + _BLOCK, len(self)))
        return found[place]

    def __iter__(self) -> Iterator[Features]:
        for index in range(len(self)):
            yield self[index]


def rows(encoded: Any) -> list[Features]:
    """A batch of encoded texts as one dict a text."""
    names = list(encoded)
    return [dict(zip(names, values, strict=True)) for values in zip(*encoded.values(), strict=True)]


def check_lengths(**columns: Sequence[Any] | None) -> int:
    """The common length of columns; ValueError where they differ."""
    lengths = {name: len(column) for name, column in columns.items() if column is not None}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{count} {name}" for name, count in lengths.items())
        raise ValueError(f"there must be as many of each, but there are {shown}")
    return next(iter(lengths.values()))
