"""Cutting an epoch into optimiser steps and micro-batches, and making these ahead of time.

A step is a run of micro-batches.  Of R ranks, rank r takes those whose number within the step
is r modulo R, so that the samples of a step, and the number of each within it, do not depend
on R while micro-batch size x accumulation x ranks stays the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .samplers import Sampler

__all__ = ["Batch", "BatchLoader", "BatchPlan", "MicroBatch", "sample_lengths"]

_WINDOW = 1024  # samples looked at together where a batch is filled up to a budget


class MicroBatch(NamedTuple):
    """The samples that are computed together."""

    indices: NDArray[np.int64]  # of the samples in the data set
    first_sample: int  # number of the first of them within the step


class Batch(NamedTuple):
    """A micro-batch with what the model is given."""

    inputs: Mapping[str, Any]
    indices: NDArray[np.int64]
    first_sample: int


class BatchPlan:
    """Which samples every micro-batch of every step of every epoch holds.

    Args:
        sampler: gives the order of the samples.
        batch_size: most samples in a micro-batch.
        max_tokens: most tokens in a micro-batch; a longer sample is alone in its micro-batch.
        lengths: (count,) tokens of each sample; needed for max_tokens.
        padded: count tokens as batch x longest; False: their sum, as for models that compute
            without padding.
        per_step: micro-batches in a step over all ranks: accumulation x ranks.
        drop_last: leave out the last micro-batch of an epoch if it is smaller than batch_size.

    Raises:
        ValueError: neither batch_size nor max_tokens, one that is not positive, max_tokens
            without lengths or with drop_last, lengths of another number than the samples.
    """

    def __init__(
        self,
        sampler: Sampler,
        *,
        batch_size: int | None = None,
        max_tokens: int | None = None,
        lengths: ArrayLike | None = None,
        padded: bool = True,
        per_step: int = 1,
        drop_last: bool = False,
    ) -> None:
        sizes = {"batch_size": batch_size, "max_tokens": max_tokens, "per_step": per_step}
        for name, size in sizes.items():
            if size is not None and size < 1:
                raise ValueError(f"{name} is {size}; it must be at least 1")
        if batch_size is None and max_tokens is None:
            raise ValueError("batches need a batch_size or max_tokens")
        if max_tokens is not None and lengths is None:
            raise ValueError("max_tokens needs the lengths of the samples")
        if drop_last and max_tokens is not None:
            raise ValueError("drop_last is for batches of one size; with max_tokens they differ")
        if drop_last and batch_size is not None and sampler.count < batch_size:
            raise ValueError(
                f"drop_last leaves nothing of {sampler.count} samples in batches of {batch_size}"
            )
        self._lengths = None if lengths is None else np.asarray(lengths, np.int64)
        if self._lengths is not None and self._lengths.shape != (sampler.count,):
            raise ValueError(
                f"lengths have shape {self._lengths.shape}; there are {sampler.count} samples"
            )
        self.sampler = sampler
        self.per_step = per_step
        self._batch_size, self._max_tokens = batch_size, max_tokens
        self._padded, self._drop_last = padded, drop_last
        self._cut: _Epoch | None = None  # the epoch last asked for

    def steps(self, epoch: int) -> int:
        """Number of optimiser steps in an epoch; the last may have fewer micro-batches."""
        if self._max_tokens is None:
            return -(-self._fixed_batches() // self.per_step)
        return len(self._epoch(epoch).steps)

    def step(self, epoch: int, step: int, rank: int = 0, ranks: int = 1) -> list[MicroBatch]:
        """The micro-batches of a step that are the rank's: perhaps none in the last of an epoch.

        IndexError when the epoch has no such step.
        """
        cut = self._epoch(epoch)
        if not 0 <= step < len(cut.steps):
            raise IndexError(f"epoch {epoch} has steps 0 to {len(cut.steps) - 1}, not {step}")
        first = int(cut.steps[step]) * self.per_step
        bounds = cut.bounds[first : first + self.per_step + 1].tolist()
        return [
            MicroBatch(cut.order[bounds[i] : bounds[i + 1]], bounds[i] - bounds[0])
            for i in range(rank, len(bounds) - 1, ranks)
        ]

    def _fixed_batches(self) -> int:
        assert self._batch_size is not None
        whole, rest = divmod(self.sampler.count, self._batch_size)
        return whole + (rest > 0 and not self._drop_last)

    def _epoch(self, epoch: int) -> _Epoch:
        cut = self._cut  # one read: threads may ask for different epochs
        if cut is None or cut.epoch != epoch:
            order = self.sampler.order(epoch)
            bounds = self._bounds(order)
            sizes = np.ones(len(order), np.int64) if self._lengths is None else self._lengths[order]
            firsts = bounds[:-1][:: self.per_step]
            tokens = np.add.reduceat(sizes[: bounds[-1]], firsts)
            cut = self._cut = _Epoch(epoch, order, bounds, self.sampler.steps(tokens, epoch))
        return cut

    def _bounds(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where in the order micro-batches begin, and where the last ends."""
        if self._max_tokens is None:
            assert self._batch_size is not None
            starts = np.arange(self._fixed_batches() + 1) * self._batch_size
            return np.minimum(starts, len(order))
        assert self._lengths is not None
        lengths = np.maximum(self._lengths[order], 1)
        bounds = [0]
        while bounds[-1] < len(order):
            bounds.append(bounds[-1] + self._fill(lengths, bounds[-1], self._max_tokens))
        return np.array(bounds)

    def _fill(self, lengths: NDArray[np.int64], start: int, budget: int) -> int:
        """How many samples from `start` on fit into one micro-batch: at least 1."""
        most = self._batch_size or len(lengths)
        count, longest, total = 0, 0, 0
        while count < most:
            window = lengths[start + count : start + min(count + _WINDOW, most)]
            if self._padded:
                peaks = np.maximum(np.maximum.accumulate(window), longest)
                tokens = peaks * np.arange(count + 1, count + len(window) + 1)
                longest = int(peaks[-1]) if len(peaks) else 0
            else:
                tokens = total + np.cumsum(window)
                total = int(tokens[-1]) if len(tokens) else 0
            fitting = int(np.searchsorted(tokens, budget, side="right"))
            count += fitting
            if fitting < _WINDOW:
                break
        return max(count, 1)


class _Epoch(NamedTuple):
    epoch: int
    order: NDArray[np.int64]  # of the samples
    bounds: NDArray[np.int64]  # of the micro-batches in it
    steps: NDArray[np.int64]  # order of the steps


class BatchLoader:
    """Makes the micro-batches of a plan, the next ones in a thread while the last are computed.

    Args:
        dataset: `len(dataset)`, `dataset[i]`; where it has it, `dataset.set_epoch(epoch)` is
            called before an epoch.
        collate: from a list of samples to the model's arguments; None for data sets that make
            them by themselves, by `dataset.batch(indices, epoch)`.
        plan: what goes together.
        prepare: what is done to each sample before it is collated.
        seed: of collators that draw: one with a method `for_batch(seed, epoch, step,
            first_sample)` is asked by it for the collator of a micro-batch, so that what it draws
            depends on nothing else.
        rank, ranks: whose micro-batches are made.
        prefetch: steps made ahead; 0 makes them when they are asked for, in the caller's thread.
            One thread makes them, in order.
    """

    def __init__(
        self,
        dataset: Any,
        collate: Callable[[list[Any]], Mapping[str, Any]] | None,
        plan: BatchPlan,
        *,
        prepare: Callable[[Any], Any] | None = None,
        seed: int = 0,
        rank: int = 0,
        ranks: int = 1,
        prefetch: int = 1,
    ) -> None:
        if collate is None and not hasattr(dataset, "batch"):
            raise TypeError(f"a {type(dataset).__name__} makes no batches: a collator is needed")
        if not 0 <= rank < ranks or plan.per_step % ranks:
            raise ValueError(
                f"rank {rank} of {ranks}: the {plan.per_step} micro-batches of a step must be a "
                "multiple of the ranks"
            )
        if prefetch < 0:
            raise ValueError(f"prefetch is {prefetch}; it must be at least 0")
        self.dataset, self.collate, self.plan = dataset, collate, plan
        self.prepare, self.seed = prepare, seed
        self.rank, self.ranks, self.prefetch = rank, ranks, prefetch

    def epoch(self, epoch: int, start: int = 0) -> Iterator[list[Batch]]:
        """The rank's micro-batches of every step of an epoch, from step `start` on.

        What the data set or the collator raise is raised where the step is due.  Closing the
        iterator ends its thread.
        """
        steps = range(start, self.plan.steps(epoch))
        if hasattr(self.dataset, "set_epoch"):
            self.dataset.set_epoch(epoch)
        if self.prefetch == 0:
            for step in steps:
                yield self._make(epoch, step)
            return
        pool = ThreadPoolExecutor(1, "pytxenc-batches")
        pending: deque[Future[list[Batch]]] = deque()
        try:
            for step in steps:
                pending.append(pool.submit(self._make, epoch, step))
                if len(pending) > self.prefetch:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _make(self, epoch: int, step: int) -> list[Batch]:
        return [
            Batch(self._inputs(micro, epoch, step), *micro)
            for micro in self.plan.step(epoch, step, self.rank, self.ranks)
        ]

    def _inputs(self, micro: MicroBatch, epoch: int, step: int) -> Mapping[str, Any]:
        if self.collate is None:
            return self.dataset.batch(micro.indices, epoch)
        samples = [self.dataset[i] for i in micro.indices.tolist()]
        if self.prepare is not None:
            samples = [self.prepare(sample) for sample in samples]
        collate = self.collate
        if hasattr(collate, "for_batch"):
            collate = collate.for_batch(self.seed, epoch, step, micro.first_sample)
        return collate(samples)


def sample_lengths(dataset: Any, column: str = "length") -> NDArray[np.int64]:
    """int64 (n,): tokens of every sample.

    They are `dataset.lengths`, else the column of that name, else every sample is looked at
    once for the length of its "input_ids".  ValueError when they are not one number a sample.
    """
    lengths = getattr(dataset, "lengths", None)
    if lengths is None and column in (getattr(dataset, "column_names", None) or ()):
        lengths = dataset[column]
    if lengths is None:
        lengths = [_length(dataset[i], i) for i in range(len(dataset))]
    array = np.asarray(lengths)
    if array.shape != (len(dataset),) or array.dtype.kind not in "iu" or array.min(initial=0) < 0:
        raise ValueError(
            f"lengths must be one number of tokens for each of {len(dataset)} samples; they are "
            f"{array.dtype} of shape {array.shape}"
        )
    return array.astype(np.int64)


def _length(sample: Mapping[str, Sequence[int]], i: int) -> int:
    try:
        return len(sample["input_ids"])
    except (KeyError, TypeError, IndexError):
        raise ValueError(f'sample {i} has no "input_ids" to tell its length by') from None
