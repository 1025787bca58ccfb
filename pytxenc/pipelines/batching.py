"""Items as batches: which go together, how they are padded, and what comes of each.

An item is what `preprocess` makes of an input: a mapping that holds arrays with one row
("input_ids" of shape (1, length), ...) and anything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..batching import cut_by_length
from ..tensor import is_tensor, kind_of, like, to_numpy

# What rows are widened with; other arrays with 0.
_FILLS = {"special_tokens_mask": 1, "p_mask": 1}


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or is_tensor(value)


def shape_of(item: Any) -> tuple[int, int]:
    """(rows, length) of an item's "input_ids"; (1, 1) where it has none."""
    ids = item.get("input_ids") if isinstance(item, Mapping) else None
    if ids is None or not _is_array(ids) or len(ids.shape) != 2:
        return 1, 1
    return int(ids.shape[0]), int(ids.shape[1])


def cut_batches(
    items: Sequence[Any], largest: int | None, budget: int | None
) -> Iterator[list[int]]:
    """Indices of the items that go into one batch together, items of like length.

    largest: items in a batch.
    budget: tokens in a batch, padding included; an item above it goes alone, as does one
        that has several rows.  With neither, every item goes alone.
    """
    if largest is None and budget is None:
        largest = 1
    shapes = [shape_of(item) for item in items]
    yield from ([index] for index, (rows, _) in enumerate(shapes) if rows != 1)
    single = [index for index, (rows, _) in enumerate(shapes) if rows == 1]
    for batch in cut_by_length([shapes[index][1] for index in single], largest, budget):
        yield [single[place] for place in batch]


def collate(items: Sequence[Mapping[str, Any]], pad_token_id: int) -> dict[str, Any]:
    """Several items as one: arrays padded on the right and stacked, other values as lists.

    Padding is hidden from the model by "attention_mask", which is made where it is needed
    and absent.  ValueError where the items have different keys.
    """
    first = items[0]
    for item in items:
        if item.keys() != first.keys():
            raise ValueError(
                f"items with the keys {sorted(first)} and {sorted(item)} cannot be in one batch; "
                "use batch_size=1"
            )
    fills = {"input_ids": pad_token_id, **_FILLS}
    batch = {
        key: _stack([item[key] for item in items], fills.get(key, 0))
        if _is_array(value)
        else [item[key] for item in items]
        for key, value in first.items()
    }
    if "input_ids" in batch and "attention_mask" not in batch:
        lengths = [shape_of(item)[1] for item in items]
        if min(lengths) < max(lengths):
            mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
            batch["attention_mask"] = like(mask.astype(np.int64), kind_of(batch["input_ids"]))
    return batch


def _stack(values: Sequence[Any], fill: int) -> Any:
    arrays = [to_numpy(value) for value in values]
    if arrays[0].ndim > 1:
        width = max(array.shape[1] for array in arrays)
        arrays = [_widened(array, width, fill) for array in arrays]
    return like(np.concatenate(arrays), kind_of(*values))


def _widened(array: Any, width: int, fill: int) -> Any:
    missing = width - array.shape[1]
    if not missing:
        return array
    return np.pad(array, [(0, 0), (0, missing), *[(0, 0)] * (array.ndim - 2)], constant_values=fill)


def separate(outputs: Any, count: int) -> list[Any]:
    """What came out of a batch of `count` items, item by item; arrays keep a first axis of 1.

    Arrays and lists with an entry an item are taken apart, also inside mappings and tuples;
    anything else goes to every item.
    """
    return [_part(outputs, index, count) for index in range(count)]


def _part(value: Any, index: int, count: int) -> Any:
    if isinstance(value, Mapping):
        parts = {key: _part(entry, index, count) for key, entry in value.items()}
        return type(value)(parts)  # type: ignore[call-arg]
    if isinstance(value, tuple):
        return tuple(_part(entry, index, count) for entry in value)
    if _is_array(value):
        whole = len(value.shape) and value.shape[0] == count
        return value[index : index + 1] if whole else value
    if isinstance(value, list) and len(value) == count:
        return value[index]
    return value
