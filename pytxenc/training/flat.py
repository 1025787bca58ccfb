"""A model's parameters end to end in one array, and their gradients in another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..modeling import PreTrainedModel

__all__ = ["FlatParameters", "Segment"]

_ALIGNMENT = 16  # floats: a cache line


class Segment(NamedTuple):
    """Where a parameter stands in the flat arrays."""

    name: str  # in the state dict; of tied ones the one that stays
    shape: tuple[int, ...]
    offset: int  # of its first element
    size: int  # elements


class FlatParameters:
    """The distinct parameters of a model in one float32 array, the gradients in another.

    Attributes:
        segments: one for every distinct parameter, tied ones once, in state-dict order; between
            them gaps of zeros, so that each begins at a cache line.
        values: float32 (P,), the parameters.
        gradients: float32 (P,), zeros at first.

    The model's own arrays are views of `values` from now on, so that what is written there is
    what the model's state_dict shows; its calls see it after `model._set_weights`.
    """

    segments: list[Segment]
    values: NDArray[np.float32]
    gradients: NDArray[np.float32]

    def __init__(self, model: PreTrainedModel) -> None:
        self.segments, self.sources = [], {}
        offset = 0
        names: dict[int, str] = {}
        for name, value in model.state_dict().items():
            source = names.setdefault(id(value), name)
            self.sources[name] = source
            if source == name:
                self.segments.append(Segment(name, value.shape, offset, value.size))
                offset += -(-value.size // _ALIGNMENT) * _ALIGNMENT
        self.values = _zeros(offset)
        self.gradients = _zeros(offset)
        state = model.state_dict()
        for name, view in self.views(self.values).items():
            view[...] = state[name]

    def views(self, flat: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Every parameter by name and in its shape, within an array like `values`."""
        distinct = {
            s.name: flat[s.offset : s.offset + s.size].reshape(s.shape) for s in self.segments
        }
        return {name: distinct[source] for name, source in self.sources.items()}

    def zeros(self) -> NDArray[np.float32]:
        """A new array like `values`, of zeros."""
        return _zeros(self.values.size)

    def named(self, names: Iterable[str]) -> list[Segment]:
        """The segments of these names; KeyError for a name that is no distinct parameter."""
        by_name: Mapping[str, Segment] = {s.name: s for s in self.segments}
        return [by_name[name] for name in names]


def _zeros(size: int) -> NDArray[np.float32]:
    """float32 zeros that begin at a cache line."""
    room = np.zeros(size + _ALIGNMENT, np.float32)
    first = -room.ctypes.data % (4 * _ALIGNMENT) // 4
    return room[first : first + size]
