"""Averages of parameters over steps, to evaluate or to keep in place of the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .base import flat_of, not_in

if TYPE_CHECKING:
    from ..training.flat import FlatParameters
    from ..training.session import Session

__all__ = ["ExponentialMovingAverage", "LastAverage"]


class _Average:
    """An average of flat parameters that can take their place for a while."""

    def __init__(self, target: FlatParameters | Session) -> None:
        self.flat = flat_of(target)
        self._sync = getattr(target, "sync", None)

    def average(self) -> NDArray[np.float32]:
        """The average now, float32 (P,), in the layout of `flat.values`; do not write to it."""
        raise NotImplementedError

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Within it the parameters are the average; after it they are what they were.

        Made from a Session, it calls its `sync`; else calls of the model must be told.
        """
        before = self.flat.values.copy()
        self.copy_to()
        try:
            yield
        finally:
            self._write(before)

    def copy_to(self) -> None:
        """Set the parameters to the average."""
        self._write(self.average())

    def _write(self, values: NDArray[np.float32]) -> None:
        self.flat.values[...] = values
        if self._sync is not None:
            self._sync()

    def _load(self, array: NDArray[np.float32], loaded: Any) -> None:
        if loaded.shape != array.shape or loaded.dtype != array.dtype:
            raise ValueError(
                f"the state is {loaded.dtype} {loaded.shape}, not {array.dtype} {array.shape}"
            )
        array[...] = loaded


class ExponentialMovingAverage(_Average):
    """average = d * average + (1 - d) * parameters with every `update()`.

    Args:
        decay: d, from 0 to 1.
        warmup: take min(decay, (1 + n) / (10 + n)) in update n (from 1), so that the first
            parameters do not weigh for long, as tf.train.ExponentialMovingAverage does.

    The average begins as the parameters when it is made.
    """

    def __init__(
        self, target: FlatParameters | Session, decay: float = 0.999, *, warmup: bool = False
    ) -> None:
        problem = not_in(decay, 0.0, 1.0)
        if problem:
            raise ValueError(f"decay = {decay!r}, but it must be {problem}")
        super().__init__(target)
        self.decay, self.warmup = decay, warmup
        self.updates = 0
        self._average = self.flat.zeros()
        self._average[...] = self.flat.values

    def update(self) -> None:
        """Take the parameters as they are now into the average; once after each step."""
        self.updates += 1
        decay = self.decay
        if self.warmup:
            decay = min(decay, (1 + self.updates) / (10 + self.updates))
        _core.blend(self._average, self.flat.values, 1.0 - decay)

    def average(self) -> NDArray[np.float32]:
        return self._average

    def state_dict(self) -> dict[str, Any]:
        """{"state": {"average": array, not copied}, "numbers": the rest}."""
        return {"state": {"average": self._average}, "numbers": {"updates": self.updates}}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` gave; ValueError for other parameters."""
        self._load(self._average, state_dict["state"]["average"])
        self.updates = int(state_dict["numbers"]["updates"])


class LastAverage(_Average):
    """The mean of the parameters at the last k calls of `update()`, which it keeps.

    Args:
        k: at least 1; memory is k times the parameters.

    Before the first update the average is the parameters themselves.
    """

    def __init__(self, target: FlatParameters | Session, k: int) -> None:
        if not_in(k, 1) or k != int(k):
            raise ValueError(f"k = {k!r}, but it must be a whole number, at least 1")
        super().__init__(target)
        self.k = int(k)
        self.updates = 0
        self._snapshots: list[NDArray[np.float32]] = []

    def update(self) -> None:
        """Keep the parameters as they are now, in place of the oldest ones of k."""
        if len(self._snapshots) < self.k:
            self._snapshots.append(self.flat.zeros())
        self._snapshots[self.updates % self.k][...] = self.flat.values
        self.updates += 1

    def average(self) -> NDArray[np.float32]:
        if not self._snapshots:
            return self.flat.values
        mean = self.flat.zeros()
        for count, snapshot in enumerate(self._snapshots, 1):
            _core.blend(mean, snapshot, 1.0 / count)
        return mean

    def state_dict(self) -> dict[str, Any]:
        """{"state": the snapshots by number, not copied, "numbers": the rest}."""
        state = {f"snapshot_{i}": array for i, array in enumerate(self._snapshots)}
        return {"state": state, "numbers": {"updates": self.updates, "k": self.k}}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` gave; ValueError for other parameters or another k."""
        state, numbers = state_dict["state"], state_dict["numbers"]
        if numbers["k"] != self.k:
            raise ValueError(f"the state has k = {numbers['k']!r}, this one's is {self.k}")
        snapshots = [self.flat.zeros() for _ in state]
        for i, snapshot in enumerate(snapshots):
            self._load(snapshot, state[f"snapshot_{i}"])
        self._snapshots, self.updates = snapshots, int(numbers["updates"])
