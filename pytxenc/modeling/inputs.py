"""What a call is given and what it gives back: arguments as arrays, arrays as outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..outputs import ModelOutput
from ..tensor import Kind, like, to_numpy


def as_array(what: str, value: Any) -> NDArray[Any] | None:
    """The argument as an array; a ragged list is a ValueError that names it."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        raise TypeError(
            f"{what} is a {type(value).__name__}, which holds several arguments: pass it as "
            "model(**encoding)"
        )
    try:
        return to_numpy(value)
    except ValueError:
        raise ValueError(
            f"{what}: the rows have different lengths; pad them, for example with "
            "tokenizer(..., padding=True)"
        ) from None


def as_integers(what: str, value: Any) -> NDArray[Any] | None:
    """The argument as an array of integers; TypeError for anything else."""
    array = as_array(what, value)
    if array is None or array.dtype.kind in "iu" or not array.size:
        return array if array is None or array.dtype.kind in "iu" else array.astype(np.int64)
    holds = {"U": "text: pass it through a tokenizer first", "O": "other objects"}
    raise TypeError(
        f"{what} must hold integers (int64), not {holds.get(array.dtype.kind, array.dtype)}"
    )


def as_bools(what: str, value: Any) -> NDArray[np.bool_] | None:
    """The argument as an array of bools; TypeError for other numbers."""
    array = as_array(what, value)
    if array is not None and array.dtype != bool:
        raise TypeError(f"{what} must hold bools (True where a token is meant), not {array.dtype}")
    return array


def as_flag(what: str, value: Any) -> bool:
    """The argument as a bool; TypeError for what is neither a bool nor 0 or 1."""
    if isinstance(value, (int, np.bool_)) and value in (0, 1):
        return bool(value)
    raise TypeError(f"{what} must be True or False, not {value!r}")


def as_states(value: Any) -> bool | list[int]:
    """The argument output_hidden_states: a bool, or indices of the states asked for."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    indices = [value] if isinstance(value, (int, np.integer)) else value
    if isinstance(indices, Sequence | np.ndarray) and all(
        isinstance(i, (int, np.integer)) and not isinstance(i, bool) for i in indices
    ):
        return [int(i) for i in indices]
    raise TypeError(
        f"output_hidden_states must be a bool, an index or a list of indices, not {value!r}"
    )


def spread(array: NDArray[Any] | None, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """The array, one row repeated over the batch."""
    if array is not None and len(shape) == 2 and array.shape == (1, shape[1]) != shape:
        array = np.broadcast_to(array, shape)
    return array


def split_mask(
    mask: NDArray[Any] | None,
) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    """A mask as (bool (batch, length), None) or (None, float32 four-dimensional)."""
    if mask is None:
        return None, None
    if mask.dtype.kind not in "biuf":
        raise TypeError(f"attention_mask must hold numbers or bools, not {mask.dtype}")
    if mask.ndim != 4:
        return mask.astype(bool, copy=False), None
    if mask.dtype == bool:
        return None, np.where(mask, np.float32(0), np.finfo(np.float32).min)
    if mask.dtype.kind != "f":
        raise TypeError(
            "attention_mask with four dimensions must be bool (True attends) or float "
            f"(added to the scores), not {mask.dtype}"
        )
    return None, mask.astype(np.float32, copy=False)


def causal_bias(mask: NDArray[Any] | None, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """What is added to the scores of a decoder: no token sees one after it, or padding."""
    hidden = np.triu(np.ones((1, 1, shape[1], shape[1]), bool), 1)
    if mask is not None:
        if mask.shape != shape:
            raise ValueError(f"attention_mask has shape {mask.shape}; the batch needs {shape}")
        hidden = hidden | ~mask[:, None, None, :]
    return np.where(hidden, np.finfo(np.float32).min, np.float32(0))


def finish(output: type[ModelOutput], as_dict: bool, kind: Kind, **values: Any) -> Any:
    """The results as an output object or a tuple, in the caller's kind of tensor."""

    def wrap(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(wrap(item) for item in value)
        return None if value is None else like(value, kind)

    result = output(**{name: wrap(value) for name, value in values.items()})
    return result if as_dict else result.to_tuple()


def chosen_states(states: Sequence[Any] | None, which: bool | list[int]) -> tuple[Any, ...] | None:
    """The hidden states asked for: all for True, else None in place of those not named."""
    if states is None or which is True:
        return None if states is None else tuple(states)
    wanted, n = which or [], len(states)
    for index in wanted:
        if not -n <= index < n:
            raise IndexError(f"output_hidden_states: {index} is not one of the {n} states")
    keep = {index % n for index in wanted}
    return tuple(state if i in keep else None for i, state in enumerate(states))
