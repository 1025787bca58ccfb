"""Layer normalisation, softmax and addition of every instruction set."""

import numpy as np
import pytest

from pytxenc import _core

SIZES = [*range(1, 71), 127, 128, 768, 1000]


def layernorm(v, gamma, beta, eps):
    """The formula in double precision."""
    v = v.astype(float)
    d = v - v.mean(-1, keepdims=True)
    return d / np.sqrt((d * d).mean(-1, keepdims=True) + eps) * gamma + beta


def run_layernorm(isa, y, x, bias, residual, gamma, beta, eps=1e-5):
    T, C = x.shape
    _core._kernel_layernorm(isa, y, x, bias, residual, gamma, beta, eps, T, C)


def normal(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("with_residual", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
def test_layernorm(isa, place, with_bias, with_residual, rng):
    for C in SIZES:
        x, gamma, beta = normal(rng, 2, C), normal(rng, C), normal(rng, C)
        bias = normal(rng, C) if with_bias else None
        residual = normal(rng, 2, C) if with_residual else None
        total = x if bias is None else x + bias
        total = total if residual is None else total + residual
        exact = layernorm(total, gamma, beta, 1e-5)
        y = place(np.full_like(x, np.nan))
        arguments = [place(a) for a in (x, bias, residual, gamma, beta)]
        run_layernorm(isa, y, *arguments)
        assert np.abs(y - exact).max() <= 1e-6 * np.abs(exact).max(), C
        np.testing.assert_array_equal(arguments[0], x)
        # In place of x, and of the residual.
        run_layernorm(isa, arguments[0], *arguments)
        np.testing.assert_array_equal(arguments[0], y)
        if with_residual:
            arguments[0] = x
            run_layernorm(isa, arguments[2], *arguments)
            np.testing.assert_array_equal(arguments[2], y)


@pytest.mark.parametrize("mean", [1e2, 1e4, -1e5])
@pytest.mark.parametrize("C", [5, 64, 768])
def test_layernorm_with_a_large_mean(isa, mean, C, rng):
    x, ones, zeros = normal(rng, 8, C) + np.float32(mean), np.ones(C), np.zeros(C)
    y = np.empty_like(x)
    run_layernorm(isa, y, x, None, None, ones.astype("f"), zeros.astype("f"))
    assert np.abs(y - layernorm(x, ones, zeros, 1e-5)).max() <= 3e-6


def test_layernorm_of_unusual_rows(isa):
    C = 37
    gamma, beta = np.full(C, 2, np.float32), np.full(C, 3, np.float32)
    x = np.zeros((7, C), np.float32)
    x[1] = 5.0
    x[2] = 0.1
    x[3] = 1e6 + 0.1
    x[4, 3] = np.nan
    x[5, 3] = np.inf
    x[6] = np.linspace(1e-42, 9e-42, C)  # denormals: a variance of 0
    y = np.empty_like(x)
    run_layernorm(isa, y, x, None, None, gamma, beta, 1e-12)
    np.testing.assert_array_equal(y[0], beta)
    np.testing.assert_allclose(y[[1, 2, 6]], 3, atol=1e-6)
    assert np.isfinite(y[3]).all()
    assert np.isnan(y[4:6]).all()


def softmax(v):
    """The formula in double precision."""
    with np.errstate(invalid="ignore"):
        e = np.exp(v - v.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("mask_rows", [None, 0, 3], ids=["plain", "one-mask", "masks"])
def test_softmax(isa, place, mask_rows, rng):
    rows = 3
    for n in SIZES:
        gap = n % 4
        full = normal(rng, rows, n + gap) * np.float32(4)
        mask, mask_stride = None, 0
        scores = full[:, :n].astype(float) * np.float32(0.3)
        if mask_rows is not None:
            mask_stride = 0 if mask_rows == 0 else n + 1
            mask = normal(rng, max(1, mask_rows), n + 1)
            mask[:, n // 3 : n // 2] = -np.inf
            scores = scores + mask[:, :n]
            mask = mask.ravel()[: (mask_rows or 1) * (n + 1) - 1]
        x = place(full.ravel()[: full.size - gap])
        _core._kernel_softmax(isa, x, rows, n, n + gap, 0.3, place(mask), mask_stride)
        result = np.append(x, full.ravel()[full.size - gap :]).reshape(rows, n + gap)
        exact = softmax(scores)
        limit = 1e-6 + 2e-7 * np.abs(scores[np.isfinite(scores)]).max()
        np.testing.assert_allclose(result[:, :n], exact, rtol=limit, atol=1e-44)
        np.testing.assert_array_equal(result[:, n:], full[:, n:])


def test_softmax_extremes(isa):
    lowest = np.finfo(np.float32).min
    n = 21
    x = np.zeros((7, n), np.float32)
    x[0, 1:] = -np.inf  # one left
    x[1] = -np.inf  # nothing left
    x[2] = lowest  # all equally masked
    x[3, 4] = np.inf
    x[4, 20] = np.nan
    x[5] = np.linspace(-3e38, 3e38, n)
    x[6] = np.linspace(-110, 0, n)  # into the denormals
    exact = softmax(x.astype(float))
    _core._kernel_softmax(isa, x, 7, n, n, 1.0, None, 0)
    np.testing.assert_array_equal(x[0], exact[0])
    np.testing.assert_allclose(x[2], 1 / n, rtol=1e-6)
    assert np.isnan(x[[1, 3, 4]]).all()
    np.testing.assert_array_equal(x[5], exact[5])
    np.testing.assert_allclose(x[6], exact[6], rtol=1e-6, atol=2e-45)


def test_softmax_of_nothing(isa):
    x = np.ones(4, np.float32)
    _core._kernel_softmax(isa, x, 0, 4, 4, 1.0, None, 0)
    _core._kernel_softmax(isa, x, 4, 0, 1, 1.0, None, 0)
    np.testing.assert_array_equal(x, 1)


def test_add(isa, place, rng):
    for n in [*range(71), 1000]:
        a, b, c = normal(rng, n), normal(rng, n), normal(rng, n)
        for third in (None, c):
            exact = a + b if third is None else (a + b) + c
            y = place(np.full(n, np.nan, np.float32))
            first = place(a)
            _core._kernel_add(isa, y, first, place(b), place(third), n)
            np.testing.assert_array_equal(y, exact)
            _core._kernel_add(isa, first, first, place(b), place(third), n)
            np.testing.assert_array_equal(first, exact)
