"""Averages of parameters against their definitions in float64."""

import numpy as np
import pytest
from flat_arrays import flat_parameters

from pytxenc import ExponentialMovingAverage, LastAverage


def walk(flat, average, steps):
    """Change the parameters and update; all values after each step."""
    random = np.random.default_rng(3)
    history = []
    for _ in range(steps):
        flat.values += 0.1 * random.standard_normal(flat.values.size, np.float32)
        average.update()
        history.append(np.float64(flat.values))
    return history


@pytest.mark.parametrize("warmup", [False, True])
def test_exponential(warmup):
    flat = flat_parameters()
    expected = np.float64(flat.values)
    average = ExponentialMovingAverage(flat, 0.9, warmup=warmup)
    assert np.array_equal(average.average(), flat.values)
    for n, values in enumerate(walk(flat, average, 100), 1):
        decay = min(0.9, (1 + n) / (10 + n)) if warmup else 0.9
        expected = decay * expected + (1 - decay) * values
    np.testing.assert_allclose(average.average(), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_mean_of_the_last(steps):
    flat = flat_parameters()
    average = LastAverage(flat, 3)
    assert np.array_equal(average.average(), flat.values)
    history = walk(flat, average, steps)
    np.testing.assert_allclose(average.average(), np.mean(history[-3:], 0), rtol=0, atol=1e-7)


@pytest.fixture(params=[lambda f: ExponentialMovingAverage(f, 0.5), lambda f: LastAverage(f, 2)])
def make(request):
    return request.param


def test_swapped(make):
    class Session:
        flat = flat_parameters()
        synced = ()

        def sync(self):
            self.synced = (*self.synced, self.flat.values[0])

    session = Session()
    average = make(session)
    walk(session.flat, average, 3)
    before, mean = session.flat.values.copy(), average.average().copy()
    assert not np.array_equal(before, mean)
    with pytest.raises(RuntimeError, match="inside"), average.swapped():
        assert np.array_equal(session.flat.values, mean)
        raise RuntimeError("inside")
    assert np.array_equal(session.flat.values, before)
    assert session.synced == (mean[0], before[0])
    assert np.array_equal(average.average(), mean)
    average.copy_to()
    assert np.array_equal(session.flat.values, mean)


def test_state_goes_on_where_it_was(make):
    flat = flat_parameters()
    average = make(flat)
    walk(flat, average, 3)
    state = average.state_dict()
    state = {
        "state": {name: array.copy() for name, array in state["state"].items()},
        "numbers": dict(state["numbers"]),
    }
    other_flat = flat_parameters(seed=8)
    other_flat.values[...] = flat.values
    other = make(other_flat)
    other.load_state_dict(state)
    walk(flat, average, 2)
    walk(other_flat, other, 2)
    assert np.array_equal(average.average(), other.average())
    assert other.updates == 5


def test_state_of_other_parameters_is_refused(make):
    other = make(flat_parameters({"weight": (3,)}))
    other.update()
    with pytest.raises(ValueError, match=r"float32 \(16,\)"):
        make(flat_parameters()).load_state_dict(other.state_dict())


@pytest.mark.parametrize("decay", [-0.1, 1.1, np.nan])
def test_decays_that_make_no_sense(decay):
    with pytest.raises(ValueError, match="decay"):
        ExponentialMovingAverage(flat_parameters(), decay)


@pytest.mark.parametrize("k", [0, -1, 1.5])
def test_counts_that_make_no_sense(k):
    with pytest.raises(ValueError, match="k = "):
        LastAverage(flat_parameters(), k)


def test_another_count_is_refused():
    flat = flat_parameters()
    with pytest.raises(ValueError, match="k = 3, this one's is 2"):
        LastAverage(flat, 2).load_state_dict(LastAverage(flat, 3).state_dict())
