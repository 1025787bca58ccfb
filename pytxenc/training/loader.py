"""From a data set to the batches of training and evaluation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tensor import to_numpy
from .batches import Batch, BatchLoader

__all__ = [
    "ColumnFilter",
    "Loader",
    "StreamLoader",
    "as_arrays",
    "batch_size",
    "makes_batches",
    "shortened",
    "steps",
]

Arrays = dict[str, NDArray[Any]]


class ColumnFilter:
    """Keeps of a sample the fields that a model's forward, or a collator for it, takes.

    Fields named label and label_ids are kept: collators make labels of them.
    """

    def __init__(self, forward: Callable[..., Any], label_names: Iterable[str]) -> None:
        parameters = inspect.signature(forward).parameters.values()
        named = (p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
        self._known = {*named, "label", "label_ids", *label_names}

    def __call__(self, sample: Any) -> Any:
        if not isinstance(sample, Mapping):
            return sample
        kept = {name: value for name, value in sample.items() if name in self._known}
        if not kept:
            raise ValueError(
                f"the samples have the fields {sorted(sample)}, none of which the model takes: "
                "tokenize them first, or set remove_unused_columns=False for a collator that uses"
                " them"
            )
        return kept


class Loader:
    """Batches of a data set with a length: an iterable over those of one epoch.

    Args:
        dataset: where it has a set_epoch, other epochs may have other samples.
        make: makes what cuts a data set, as it is now, into batches.
    """

    def __init__(self, dataset: Any, make: Callable[[Any], BatchLoader]) -> None:
        self.dataset, self._make = dataset, make
        self.epoch = 0
        self.changes = hasattr(dataset, "set_epoch")  # from epoch to epoch
        self._made: tuple[int, BatchLoader] | None = None
        # The data set by the length of its samples, where it has one.
        self._packed: dict[int | None, Any] = {getattr(dataset, "block_size", None): dataset}

    def _of(self, epoch: int) -> BatchLoader:
        if self._made is None or (self.changes and self._made[0] != epoch):
            if self.changes:
                self.dataset.set_epoch(epoch)
            self._made = (epoch, self._make(self.dataset))
        return self._made[1]

    def of_length(self, length: int) -> Any:
        """The data set with samples of `length` tokens, packed once."""
        if length not in self._packed:
            self._packed[length] = self.dataset.with_block_size(length)
        return self._packed[length]

    def set_length(self, length: int) -> bool:
        """Let the data set be one of samples of `length` tokens; False where it cannot be."""
        if not hasattr(self.dataset, "with_block_size"):
            return False
        if self.dataset.block_size != length:
            self.dataset, self._made = self.of_length(length), None
        return True

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that iterating gives."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Batches of the epoch, over all processes."""
        plan = self._of(self.epoch).plan
        return sum(len(plan.step(self.epoch, step)) for step in range(plan.steps(self.epoch)))

    def __iter__(self) -> Iterator[Arrays]:
        for step in self._of(self.epoch).epoch(self.epoch):
            yield from (as_arrays(batch.inputs) for batch in step)

    def num_steps(self, epoch: int) -> int:
        """Optimiser steps in an epoch."""
        return self._of(epoch).plan.steps(epoch)

    def steps(self, epoch: int, start: int) -> Iterator[list[Batch]]:
        """This process's batches of every step of an epoch, from step `start` on."""
        return self._of(epoch).epoch(epoch, start)


class StreamLoader:
    """Batches of an iterable without a length, which begins anew each epoch.

    Of `ranks` batches in a row it gives this process's; at the end fewer than `ranks` batches are
    left out, so that all processes have the same number.
    """

    def __init__(
        self,
        dataset: Iterable[Any],
        collate: Callable[[list[Any]], Mapping[str, Any]],
        batch_size: int,
        drop_last: bool = False,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.dataset, self._collate, self._batch_size = dataset, collate, batch_size
        self._drop_last, self._rank, self._ranks = drop_last, rank, ranks

    def set_epoch(self, epoch: int) -> None:
        """Let a data set that shuffles know of the epoch."""
        if hasattr(self.dataset, "set_epoch"):
            self.dataset.set_epoch(epoch)

    def __iter__(self) -> Iterator[Arrays]:
        samples = iter(self.dataset)
        while True:
            batches = [list(islice(samples, self._batch_size)) for _ in range(self._ranks)]
            if not batches[-1] or (len(batches[-1]) < self._batch_size and self._drop_last):
                return
            yield as_arrays(self._collate(batches[self._rank]))


def makes_batches(dataset: Any) -> bool:
    """Whether a data set has `batch(indices, epoch)`, as those of pytxenc.data have."""
    method = getattr(dataset, "batch", None)
    return method is not None and "epoch" in inspect.signature(method).parameters


def steps(
    batches: Iterable[Any], accumulation: int, start: int, rank: int = 0, ranks: int = 1
) -> Iterator[list[Batch]]:
    """The batches of any iterable in groups of `accumulation`, from the `start`-th group on.

    What comes before it is read and left.
    """
    taken = islice(batches, start * accumulation, None)
    while group := list(islice(taken, accumulation)):
        step, first = [], 0
        for inputs in map(as_arrays, group):
            size = batch_size(inputs)
            step.append(Batch(inputs, np.empty(0, np.int64), first * ranks + rank * size))
            first += size
        yield step


def as_arrays(fields: Any) -> Arrays:
    """What a collator made as arrays by name; TypeError for anything but a mapping."""
    if not isinstance(fields, Mapping):
        raise TypeError(
            "a collator must return a mapping from the model's arguments to arrays, not "
            f"{type(fields).__name__}"
        )
    return {name: to_numpy(value) for name, value in fields.items() if value is not None}


def batch_size(batch: Mapping[str, NDArray[Any]]) -> int:
    """Sequences of a batch: the rows of its first field that has rows."""
    return next((len(value) for value in batch.values() if value.ndim), 0)


def shortened(batch: Arrays, length: int) -> Arrays:
    """A batch of sequences of at most `length` tokens.

    Where every field has a value a token, (batch, tokens), sequences are cut into pieces of that
    length, a shorter rest and pieces of padding alone being left out.  Where a field belongs to
    whole sequences, such as a label, their beginnings remain.
    """
    shape = batch["input_ids"].shape
    if shape[1] <= length:
        return batch
    by_token = {name for name, value in batch.items() if value.shape == shape}
    pieces = shape[1] // length if len(by_token) == len(batch) else 1
    cut = {
        name: value[:, : pieces * length].reshape(-1, length) if name in by_token else value
        for name, value in batch.items()
    }
    if pieces > 1 and "attention_mask" in cut:
        real = cut["attention_mask"].any(axis=1)
        cut = {name: value[real] for name, value in cut.items()}
    return cut
