"""Products against double precision, for all shares of work over threads."""

import numpy as np
import pytest

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
def test_linear(threads, shape, gap, rng):
    T, N, K = shape
    x, W, y = padded(rng, T, K, gap), padded(rng, N, K, 0), padded(rng, T, N, gap)
    before = y.copy()
    _core._kernel_linear(y, N + gap, x, K + gap, W, T, N, K)
    exact = x[:, :K].astype(float) @ W.T.astype(float)
    np.testing.assert_allclose(y[:, :N], exact, atol=1e-6 * max(1, K))
    np.testing.assert_array_equal(y[:, N:], before[:, N:])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("transposed", [False, True])
def test_gemm1(shape, transposed, rng):
    M, N, K = shape
    A, C = padded(rng, M, K, 2), padded(rng, M, N, 1)
    B = padded(rng, N, K, 3) if transposed else padded(rng, K, N, 3)
    before = C.copy()
    _core._kernel_gemm1(C, N + 1, A, K + 2, B, B.shape[1], transposed, M, N, K)
    right = B[:, :K].T if transposed else B[:, :N]
    exact = A[:, :K].astype(float) @ right.astype(float)
    np.testing.assert_allclose(C[:, :N], exact, atol=1e-6 * max(1, K))
    np.testing.assert_array_equal(C[:, N:], before[:, N:])


def test_nothing_outside_is_touched(place, rng):
    for T, N, K in SHAPES[:7]:
        x, W = padded(rng, T, K, 0), padded(rng, N, K, 0)
        y = place(np.full((T, N), np.nan, np.float32))
        _core._kernel_linear(y, N, place(x), K, place(W), T, N, K)
        exact = x.astype(float) @ W.T.astype(float)
        np.testing.assert_allclose(y, exact, atol=1e-6 * max(1, K))
