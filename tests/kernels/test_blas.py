"""Products by OpenBLAS with weights where they lie, for all shares of work over threads."""

import numpy as np
import pytest
from precisions import assert_within, make_rows, multiply, product

from pytxenc import _core

SHAPES = [
    (1, 1, 1),
    (3, 5, 7),
    (2, 130, 9),
    (8, 768, 64),
    (129, 65, 33),
    (300, 70, 64),
    (513, 200, 40),
    (4, 4, 0),
    (0, 3, 3),
    (3, 0, 3),
]


@pytest.fixture(params=[1, 2, 3, 8])
def threads(request):
    before = _core.get_num_threads()
    _core.set_num_threads(request.param)
    yield request.param
    _core.set_num_threads(before)


def padded(rng, rows, columns, gap):
    """Random values in rows that are `gap` elements apart."""
    return rng.normal(size=(rows, columns + gap)).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("gap", [0, 3])
@pytest.mark.parametrize("add", [False, True])
def test_linear(threads, shape, gap, add, rng):
    T, N, K = shape
    x, W, y = padded(rng, T, K, gap), padded(rng, N, K, 0), padded(rng, T, N, gap)
    before = y.copy()
    _core._kernel_blas_linear(y, N + gap, x, K + gap, W, T, N, K, add)
    exact = x[:, :K].astype(float) @ W.T.astype(float)
    if add:
        exact += before[:, :N]
    np.testing.assert_allclose(y[:, :N], exact, atol=1e-6 * max(1, K))
    np.testing.assert_array_equal(y[:, N:], before[:, N:])


def test_nothing_outside_is_touched(place, rng):
    for T, N, K in SHAPES[:7]:
        x, W = padded(rng, T, K, 0), padded(rng, N, K, 0)
        y = place(np.full((T, N), np.nan, np.float32))
        _core._kernel_blas_linear(y, N, place(x), K, place(W), T, N, K, False)
        exact = x.astype(float) @ W.T.astype(float)
        np.testing.assert_allclose(y, exact, atol=1e-6 * max(1, K))


@pytest.mark.parametrize("act", ["linear", "gelu"])
def test_layers(isa, threads, act, rng):
    """With bias, activation and parts, as the encoder runs them."""
    for T, width, K, nparts in [(1, 5, 7, 1), (9, 40, 33, 3), (300, 64, 20, 2)]:
        rows = make_rows("float32", padded(rng, T, K, 0))
        parts = [padded(rng, width, K, 0) for _ in range(nparts)]
        biases = [padded(rng, 1, width, 0)[0] for _ in range(nparts)]
        biases[-1] = None
        y = np.full((T, nparts * width + 2), 7, np.float32)
        multiply(isa, rows, parts, biases, y, N=nparts * width, act=act, plain=True)
        assert (y[:, nparts * width :] == 7).all()
        for i, (w, bias) in enumerate(zip(parts, biases, strict=True)):
            exact, bound = product(rows, w.astype(float), bias)
            if act == "gelu":
                exact32 = exact.astype(np.float32)
                _core._kernel_bias_act("scalar", exact32, None, T, width, width, act, None)
                exact, bound = exact32.astype(float), 1.2 * bound + 2e-7 * (1 + np.abs(exact))
            assert_within(y[:, i * width : (i + 1) * width], exact, bound, (T, i))


def test_added_to_what_is_there(isa, rng):
    rows, w = make_rows("float32", padded(rng, 9, 33, 0)), padded(rng, 40, 33, 0)
    bias, before = padded(rng, 1, 40, 0)[0], padded(rng, 9, 40, 0)
    y = before.copy()
    multiply(isa, rows, [w], [bias], y, add=True, plain=True)
    assert_within(y, *product(rows, w.astype(float), bias, before))
