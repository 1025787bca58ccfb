"""The order in which an epoch takes its samples: a pure function of (seed, epoch).

Nothing but (epoch, position) has to be kept to go on in the middle of an epoch.
"""

from __future__ import annotations

import operator
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["LengthGroupedSampler", "RandomSampler", "Sampler", "SequentialSampler", "permutation"]

# What a permutation is of: the last word of Philox's counter.
_SAMPLES, _STEPS = 0, 1


def permutation(count: int, seed: int, epoch: int, purpose: int = _SAMPLES) -> NDArray[np.int64]:
    """int64 (count,): the numbers below `count` in an order given by the other arguments.

    They are sorted by the words that Philox 4x64-10 gives (Salmon et al. 2011, "Parallel random
    numbers: as easy as 1, 2, 3") with (seed, epoch) as key: the same on every machine and with
    every release of NumPy.  ValueError for a seed or epoch outside 0 to 2**64 - 1.
    """
    for name, value in (("seed", seed), ("epoch", epoch)):
        if not 0 <= operator.index(value) < 2**64:
            raise ValueError(f"{name} is {value}; it must be from 0 to {2**64 - 1}")
    key = np.array([seed, epoch], np.uint64)
    counter = np.array([0, 0, 0, purpose], np.uint64)
    words = np.random.Philox(key=key, counter=counter).random_raw(count)
    return np.argsort(words, kind="stable").astype(np.int64, copy=False)


class Sampler(Protocol):
    """Gives the orders of the samples of a data set."""

    count: int  # samples

    def order(self, epoch: int) -> NDArray[np.int64]:
        """int64 (count,): every sample once."""

    def steps(self, tokens: NDArray[np.int64], epoch: int) -> NDArray[np.int64]:
        """int64 (n,): the order in which the n steps cut from `order` are taken.

        tokens: int64 (n,), the tokens of each, or its samples where lengths are not known.
        """


class SequentialSampler:
    """As the data set has them, in every epoch."""

    def __init__(self, count: int) -> None:
        self.count = _checked_count(count)

    def order(self, epoch: int) -> NDArray[np.int64]:
        return np.arange(self.count)

    def steps(self, tokens: NDArray[np.int64], epoch: int) -> NDArray[np.int64]:
        return np.arange(len(tokens))


class RandomSampler(SequentialSampler):
    """Shuffled anew in every epoch."""

    def __init__(self, count: int, seed: int) -> None:
        super().__init__(count)
        self.seed = seed

    def order(self, epoch: int) -> NDArray[np.int64]:
        return permutation(self.count, self.seed, epoch)


class LengthGroupedSampler(RandomSampler):
    """Shuffled, then sorted by length within groups, so that batches hold samples of like length.

    The steps cut from that order are shuffled again; the largest comes first, so that a lack
    of memory shows at once.

    Args:
        lengths: (count,) tokens of each sample.
        group_size: samples in a group; some 50 batches are usual.
        seed: of both shufflings.
    """

    def __init__(self, lengths: ArrayLike, group_size: int, seed: int) -> None:
        self.lengths = np.asarray(lengths, np.int64)
        super().__init__(len(self.lengths), seed)
        if group_size < 1:
            raise ValueError(f"group_size is {group_size}; it must be at least 1")
        self.group_size = group_size

    def order(self, epoch: int) -> NDArray[np.int64]:
        order = super().order(epoch)
        groups = np.arange(self.count) // self.group_size
        return order[np.lexsort((-self.lengths[order], groups))]

    def steps(self, tokens: NDArray[np.int64], epoch: int) -> NDArray[np.int64]:
        order = permutation(len(tokens), self.seed, epoch, _STEPS)
        largest = int(np.argmax(tokens[order]))
        return np.concatenate((order[largest : largest + 1], np.delete(order, largest)))


def _checked_count(count: int) -> int:
    if operator.index(count) < 1:
        raise ValueError(f"the data set has {count} samples; training needs at least 1")
    return count
