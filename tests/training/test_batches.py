"""Orders of samples, steps and micro-batches: functions of (seed, epoch), whoever takes them."""

import itertools
import threading

import numpy as np
import pytest

from pytxenc.training.batches import BatchLoader, BatchPlan, sample_lengths
from pytxenc.training.samplers import (
    LengthGroupedSampler,
    RandomSampler,
    SequentialSampler,
    permutation,
)

LENGTHS = np.random.default_rng(5).integers(1, 60, 500)


def philox_10(counter, key):
    """Philox 4x64-10 as its paper defines it, in Python's integers."""
    counter, key, mask = list(counter), list(key), 2**64 - 1
    for _ in range(10):
        a, b = 0xD2E7470EE14C6C93 * counter[0], 0xCA5A826395121157 * counter[2]
        counter = [(b >> 64) ^ counter[1] ^ key[0], b & mask, (a >> 64) ^ counter[3] ^ key[1],
                   a & mask]  # fmt: skip
        key = [(key[0] + 0x9E3779B97F4A7C15) & mask, (key[1] + 0xBB67AE8584CAA73B) & mask]
    return counter


def test_permutation_is_of_philox():
    words = []
    for block in range(1, 4):  # NumPy counts before it draws
        words += philox_10([block, 0, 0, 1], [7, 3])
    expected = sorted(range(12), key=words.__getitem__)
    assert permutation(12, 7, 3, 1).tolist() == expected


def test_philox_known_answer():
    """The known answers that come with the reference implementation."""
    assert philox_10([0] * 4, [0] * 2) == [
        0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B,
    ]  # fmt: skip


def test_orders():
    sampler = RandomSampler(1000, seed=4)
    first, second = sampler.order(0), sampler.order(1)
    assert sorted(first) == sorted(second) == list(range(1000))
    assert (first != second).mean() > 0.9
    assert (first != RandomSampler(1000, seed=5).order(0)).mean() > 0.9
    np.testing.assert_array_equal(first, RandomSampler(1000, seed=4).order(0))
    np.testing.assert_array_equal(SequentialSampler(5).order(9), range(5))


def test_orders_are_uniform():
    """Each of the 24 orders of four samples as often as the others: chi-square, 23 degrees."""
    orders = [tuple(permutation(4, 1, epoch)) for epoch in range(4800)]
    counts = [orders.count(order) for order in itertools.permutations(range(4))]
    assert sum((count - 200) ** 2 / 200 for count in counts) < 49.7  # 0.1% are above


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seed_out_of_range(seed):
    with pytest.raises(ValueError, match=f"seed is {seed}"):
        permutation(3, seed, 0)


def samples_of(plan, epoch, step, rank=0, ranks=1):
    return [m.indices.tolist() for m in plan.step(epoch, step, rank, ranks)]


def all_samples(plan, epoch):
    steps = [samples_of(plan, epoch, step) for step in range(plan.steps(epoch))]
    return [sample for step in steps for micro in step for sample in micro]


PLANS = {
    "fixed": lambda: BatchPlan(RandomSampler(500, 1), batch_size=7, per_step=4),
    "padded": lambda: BatchPlan(RandomSampler(500, 1), max_tokens=200, lengths=LENGTHS, per_step=4),
    "summed": lambda: BatchPlan(
        RandomSampler(500, 1), max_tokens=200, lengths=LENGTHS, per_step=4, padded=False
    ),
    "both": lambda: BatchPlan(
        RandomSampler(500, 1), batch_size=5, max_tokens=200, lengths=LENGTHS, per_step=4
    ),
    "grouped": lambda: BatchPlan(
        LengthGroupedSampler(LENGTHS, 100, 1), batch_size=7, lengths=LENGTHS, per_step=4
    ),
    "grouped budget": lambda: BatchPlan(
        LengthGroupedSampler(LENGTHS, 100, 1), max_tokens=200, lengths=LENGTHS, per_step=4
    ),
}


@pytest.mark.parametrize("name", PLANS)
class TestPlan:
    def test_every_sample_once(self, name):
        for epoch in range(3):
            assert sorted(all_samples(PLANS[name](), epoch)) == list(range(500))

    def test_random_access(self, name):
        """Whatever was asked for before, a step is the same."""
        plan, other = PLANS[name](), PLANS[name]()
        for epoch, step in [(2, 3), (0, 0), (2, 4), (1, plan.steps(1) - 1)]:
            assert samples_of(plan, epoch, step) == samples_of(PLANS[name](), epoch, step)
        all_samples(other, 0)
        assert samples_of(other, 2, 3) == samples_of(plan, 2, 3)

    def test_ranks_share_each_step(self, name):
        plan = PLANS[name]()
        for step in range(plan.steps(0)):
            whole = plan.step(0, step)
            for ranks in (2, 4):
                parts = [plan.step(0, step, rank, ranks) for rank in range(ranks)]
                for number, micro in enumerate(whole):
                    part = parts[number % ranks][number // ranks]
                    assert part.first_sample == micro.first_sample
                    np.testing.assert_array_equal(part.indices, micro.indices)
                assert sum(map(len, parts)) == len(whole)

    def test_numbers_within_the_step(self, name):
        for micros in [PLANS[name]().step(0, step) for step in (0, 1)]:
            assert len(micros) == 4
            sizes = [len(micro.indices) for micro in micros]
            assert [m.first_sample for m in micros] == [sum(sizes[:i]) for i in range(4)]

    def test_no_such_step(self, name):
        plan = PLANS[name]()
        with pytest.raises(IndexError, match=f"not {plan.steps(0)}"):
            plan.step(0, plan.steps(0))


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("lengths", [LENGTHS, np.full(5000, 1), np.array([3, 500, 2, 2, 0])])
def test_budget(padded, lengths):
    """As full as can be, in the order of the samples; what is too long is alone."""
    plan = BatchPlan(
        SequentialSampler(len(lengths)), max_tokens=200, lengths=lengths, padded=padded
    )

    def tokens(indices):
        of = [max(int(lengths[i]), 1) for i in indices]
        return max(of) * len(of) if padded else sum(of)

    expected, batch = [], []
    for i in range(len(lengths)):
        if batch and tokens([*batch, i]) > 200:
            expected.append(batch)
            batch = []
        batch.append(i)
    expected.append(batch)
    assert [samples_of(plan, 0, step)[0] for step in range(plan.steps(0))] == expected


def test_sizes_of_ranks_and_accumulation_do_not_matter():
    """The samples of a step stay while batch size x accumulation x ranks does."""
    plans = [
        BatchPlan(RandomSampler(203, 3), batch_size=size, per_step=24 // size)
        for size in (2, 4, 8, 24)
    ]
    assert {plan.steps(0) for plan in plans} == {9}
    for step in range(9):
        sets = [str(np.concatenate(samples_of(plan, 0, step)).tolist()) for plan in plans]
        assert len(set(sets)) == 1


def test_grouped_lengths():
    plan = PLANS["grouped"]()
    spread = [np.ptp(LENGTHS[i]) for s in range(plan.steps(0)) for i in samples_of(plan, 0, s)]
    mixed = PLANS["fixed"]()
    others = [np.ptp(LENGTHS[i]) for s in range(mixed.steps(0)) for i in samples_of(mixed, 0, s)]
    assert np.mean(spread) < 0.25 * np.mean(others)
    tokens = [LENGTHS[np.concatenate(samples_of(plan, 0, s))].sum() for s in range(plan.steps(0))]
    assert tokens[0] == max(tokens)
    assert tokens[1:] != sorted(tokens[1:], reverse=True)


def test_drop_last():
    plan = BatchPlan(SequentialSampler(11), batch_size=4, drop_last=True)
    assert all_samples(plan, 0) == list(range(8)) and plan.steps(0) == 2
    assert all_samples(BatchPlan(SequentialSampler(11), batch_size=4), 0) == list(range(11))
    grouped = BatchPlan(LengthGroupedSampler(LENGTHS[:11], 11, 0), batch_size=4, drop_last=True)
    assert len(all_samples(grouped, 0)) == 8


@pytest.mark.parametrize(
    ("count", "options", "match"),
    [
        (3, {}, "batch_size or max_tokens"),
        (3, {"batch_size": 0}, "batch_size is 0"),
        (3, {"max_tokens": 9}, "needs the lengths"),
        (3, {"max_tokens": 9, "lengths": [1, 2]}, r"shape \(2,\); there are 3"),
        (3, {"batch_size": 4, "drop_last": True}, "leaves nothing of 3"),
        (3, {"max_tokens": 9, "lengths": [1] * 3, "drop_last": True}, "one size"),
        (3, {"batch_size": 1, "per_step": 0}, "per_step is 0"),
        (0, {"batch_size": 1}, "0 samples"),
    ],
)
def test_refused(count, options, match):
    with pytest.raises(ValueError, match=match):
        BatchPlan(SequentialSampler(count), **options)


class Dataset:
    lengths = None

    def __init__(self, bad=None):
        self.bad, self.threads = bad, set()

    def __len__(self):
        return 20

    def __getitem__(self, i):
        self.threads.add(threading.current_thread())
        if i == self.bad:
            raise KeyError(f"sample {i} is broken")
        return {"input_ids": [i] * (i % 5 + 1)}


def first_ids(samples):
    return {"input_ids": np.array([sample["input_ids"][0] for sample in samples])}


def loader(dataset, **options):
    plan = BatchPlan(SequentialSampler(20), batch_size=3, per_step=2)
    return BatchLoader(dataset, first_ids, plan, **options)


@pytest.mark.parametrize("prefetch", [0, 1, 3, 50])
def test_loader(prefetch):
    steps = list(loader(Dataset(), prefetch=prefetch).epoch(0))
    ids = [batch.inputs["input_ids"].tolist() for step in steps for batch in step]
    assert ids == [list(range(i, min(i + 3, 20))) for i in range(0, 20, 3)]
    assert [[batch.first_sample for batch in step] for step in steps] == [[0, 3]] * 3 + [[0]]
    later = list(loader(Dataset(), prefetch=prefetch).epoch(0, start=2))
    assert str(later) == str(steps[2:])


def test_loader_of_a_rank():
    """In the last step there is nothing for the second of two ranks."""
    steps = list(loader(Dataset(), rank=1, ranks=2).epoch(0))
    assert [[b.indices.tolist() for b in step] for step in steps] == [
        [[3, 4, 5]], [[9, 10, 11]], [[15, 16, 17]], [],
    ]  # fmt: skip
    with pytest.raises(ValueError, match="2 micro-batches"):
        loader(Dataset(), rank=0, ranks=3)


@pytest.mark.parametrize("prefetch", [0, 2])
def test_exceptions_come_where_they_are_due(prefetch):
    steps = loader(Dataset(bad=8), prefetch=prefetch).epoch(0)
    assert len(next(steps)) == 2
    with pytest.raises(KeyError, match="sample 8 is broken"):
        next(steps)
    with pytest.raises(StopIteration):
        next(steps)


def test_threads_end():
    before = set(threading.enumerate())
    dataset = Dataset()
    steps = loader(dataset, prefetch=2).epoch(0)
    next(steps)
    assert set(threading.enumerate()) != before
    steps.close()
    assert set(threading.enumerate()) == before
    assert threading.current_thread() not in dataset.threads


def test_batches_of_the_data_set():
    class Corpus(Dataset):
        def set_epoch(self, epoch):
            self.epoch = epoch

        def batch(self, indices, epoch):
            assert epoch == self.epoch
            return {"input_ids": np.asarray(indices) * 10 + epoch}

    plan = BatchPlan(SequentialSampler(20), batch_size=20)
    ((batch,),) = BatchLoader(Corpus(), None, plan).epoch(4)
    assert batch.inputs["input_ids"].tolist() == [10 * i + 4 for i in range(20)]
    with pytest.raises(TypeError, match="Dataset makes no batches"):
        BatchLoader(Dataset(), None, plan)


def test_collators_that_draw():
    """What is drawn depends on the seed and the place of a micro-batch, on nothing before."""

    class Noise:
        generator = None

        def for_batch(self, *position):
            assert self.generator is None
            other = Noise()
            other.generator = np.random.default_rng(position)
            return other

        def __call__(self, samples):
            return {"noise": self.generator.random(len(samples)).tolist()}

    def drawn(epoch, start=0, **options):
        plan = BatchPlan(SequentialSampler(20), batch_size=3, per_step=2)
        steps = BatchLoader(Dataset(), Noise(), plan, **options).epoch(epoch, start)
        return [batch.inputs["noise"] for step in steps for batch in step]

    whole = drawn(1)
    assert len({str(noise) for noise in [*whole, *drawn(0), *drawn(1, seed=9)]}) == 21
    assert drawn(1, start=2, prefetch=0) == whole[4:]
    assert drawn(1, rank=1, ranks=2) == whole[1::2]


def test_samples_are_prepared():
    plan = BatchPlan(SequentialSampler(20), batch_size=20)
    prepare = lambda sample: {"input_ids": [-sample["input_ids"][0]]}  # noqa: E731
    ((batch,),) = BatchLoader(Dataset(), first_ids, plan, prepare=prepare).epoch(0)
    assert batch.inputs["input_ids"].tolist() == [-i for i in range(20)]


def test_lengths():
    expected = [i % 5 + 1 for i in range(20)]
    assert sample_lengths(Dataset()).tolist() == expected
    dataset = Dataset()
    dataset.lengths = list(range(20))
    assert sample_lengths(dataset).tolist() == list(range(20))

    class Columns(Dataset):
        column_names = ("length",)

        def __getitem__(self, i):
            return [3] * 20 if i == "length" else super().__getitem__(i)

    assert sample_lengths(Columns()).tolist() == [3] * 20
    for wrong in ([1.5] * 20, [-1] * 20, [1] * 19):
        dataset.lengths = wrong
        with pytest.raises(ValueError, match="one number of tokens for each of 20"):
            sample_lengths(dataset)
    with pytest.raises(ValueError, match='sample 0 has no "input_ids"'):
        sample_lengths([{"text": "a"}])
