"""Cutting rows into batches by length."""

import numpy as np
import pytest

from pytxenc.batching import cut_by_length
from pytxenc.pipelines.batching import cut_batches


@pytest.mark.parametrize("most", [None, 1, 3, 1000])
@pytest.mark.parametrize("budget", [None, 1, 40, 10**6])
def test_limits_and_order(most, budget):
    lengths = np.random.default_rng(0).integers(1, 60, 200).tolist()
    batches = list(cut_by_length(lengths, most, budget))
    assert sorted(index for batch in batches for index in batch) == list(range(200))
    flat = [index for batch in batches for index in batch]
    assert flat == sorted(range(200), key=lambda index: (-lengths[index], index))
    for batch, after in zip(batches, [*batches[1:], None], strict=True):
        longest = max(lengths[index] for index in batch)
        assert most is None or len(batch) <= most
        assert budget is None or len(batch) == 1 or len(batch) * longest <= budget
        # No batch could have taken the row that comes next.
        if after is not None:
            full = most is not None and len(batch) == most
            assert full or (budget is not None and (len(batch) + 1) * longest > budget)


def test_no_rows():
    assert list(cut_by_length([], 3, 10)) == []


def test_items_of_several_rows_go_alone():
    shapes = [(1, 4), (2, 4), (1, 9), (1, 4)]
    items = [{"input_ids": np.zeros(shape, np.int64)} for shape in shapes]
    assert sorted(map(sorted, cut_batches(items, None, 1000))) == [[0, 2, 3], [1]]
    assert sorted(map(sorted, cut_batches(items, 2, None))) == [[0, 2], [1], [3]]
    assert sorted(cut_batches(items, None, None)) == [[0], [1], [2], [3]]
    assert sorted(map(sorted, cut_batches([{}, "anything", None], None, 1000))) == [[0, 1, 2]]
