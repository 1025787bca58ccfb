"""Activations of every instruction set against the formulas in double precision."""

import math

import numpy as np
import pytest

from pytxenc import _core

ERF = np.vectorize(math.erf, otypes=[float])
XIELU = np.array([0.8, 0.7, 0.5, -1e-6], np.float32)
LIMIT = 6e-7  # promised in kernels.h
PARAMS = {"prelu": np.array([0.25], np.float32), "xielu": XIELU}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def gelu(x):
    return x / 2 * (1 + ERF(x / math.sqrt(2)))


def gelu_tanh(x):
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def xielu(x):
    ap, an, beta, eps = XIELU.astype(float)
    low = (np.expm1(np.minimum(x, eps)) - x) * (beta + softplus(an)) + beta * x
    return np.where(x > 0, softplus(ap) * x * x + beta * x, low)


FORMULAS = {
    "linear": lambda x: x,
    "gelu": gelu,
    "gelu_new": gelu_tanh,
    "gelu_10": lambda x: np.clip(gelu(x), -10, 10),
    "quick_gelu": lambda x: x * sigmoid(1.702 * x),
    "relu": lambda x: np.maximum(x, 0),
    "relu2": lambda x: np.maximum(x, 0) ** 2,
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "silu": lambda x: x * sigmoid(x),
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "mish": lambda x: x * np.tanh(softplus(x)),
    "laplace": lambda x: (1 + ERF((x - 0.707107) / (0.282095 * math.sqrt(2)))) / 2,
    "hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "sqrtsoftplus": lambda x: np.sqrt(softplus(x)),
    "prelu": lambda x: np.where(x > 0, x, 0.25 * x),
    "xielu": xielu,
}
SAME = {
    "gelu_python": "gelu",
    "gelu_pytorch_tanh": "gelu_new",
    "gelu_python_tanh": "gelu_new",
    "gelu_fast": "gelu_new",
    "gelu_accurate": "gelu_new",
    "swish": "silu",
}


def run(isa, name, x, bias=None, stride=None):
    """act(x + bias) of a 2-D array, in place in a copy; the copy."""
    x = np.array(x, np.float32, ndmin=2)
    T, F = x.shape
    _core._kernel_bias_act(isa, x, bias, T, F, F, name, PARAMS.get(name))
    return x


def reference(name, x):
    with np.errstate(all="ignore"):
        return FORMULAS[name](np.asarray(x, np.float32).astype(float))


def inputs(rng):
    """A grid where the functions bend, random values, tiny and huge magnitudes."""
    magnitudes = np.geomspace(1e-44, 1e15, 3001)
    return np.concatenate(
        [np.linspace(-20, 20, 20001), rng.normal(size=5000) * 3, magnitudes, -magnitudes, [0.0]]
    ).astype(np.float32)


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(isa, name, rng):
    x = inputs(rng)
    exact = reference(name, x)
    error = np.abs(run(isa, name, x)[0] - exact) / np.maximum(1, np.abs(exact))
    assert error.max() <= LIMIT, x[error.argmax()]


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "sqrtsoftplus", "silu", "mish"])
def test_small_results_keep_their_digits(isa, name, rng):
    x = inputs(rng)
    exact = reference(name, x)
    normal = (np.abs(exact) > 1.2e-38) & (x > -87)
    error = np.abs(run(isa, name, x)[0][normal] / exact[normal] - 1)
    assert error.max() <= LIMIT, x[normal][error.argmax()]


@pytest.mark.parametrize("name", ["gelu", "gelu_new"])
def test_gelu_is_more_exact_than_others(isa, name, rng):
    x = inputs(rng)
    error = np.abs(run(isa, name, x)[0] - reference(name, x))
    assert (error <= 6e-8 + 6e-8 * np.abs(x)).all(), x[error.argmax()]
    assert run(isa, name, [0.0])[0, 0] == 0


@pytest.mark.parametrize("name", FORMULAS)
def test_specials(isa, name):
    x = np.array([np.inf, -np.inf, np.nan, -np.nan, 0.0, -0.0], np.float32)
    np.testing.assert_allclose(run(isa, name, x)[0], reference(name, x), rtol=1e-6)


@pytest.mark.parametrize("name", FORMULAS)
def test_huge_inputs_do_not_overflow_on_the_way(isa, name):
    x = np.array([1e38, 1e30, 1e20, -1e20, -1e30, -1e38], np.float32)
    with np.errstate(over="ignore"):
        exact = reference(name, x).astype(np.float32)
    np.testing.assert_allclose(run(isa, name, x)[0], exact, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("name", ["gelu", "xielu", "linear"])
def test_every_length_inside_guards(isa, place, name, with_bias, rng):
    for F in range(71):
        T, gap = 3, F % 3
        full = rng.normal(size=(T, F + gap)).astype(np.float32)
        bias = rng.normal(size=F).astype(np.float32) if with_bias else None
        # The last row ends with its last element: there is no gap behind it.
        x = place(full.ravel()[: full.size - gap])
        _core._kernel_bias_act(isa, x, place(bias), T, F, F + gap, name, PARAMS.get(name))
        result = np.append(x, full.ravel()[full.size - gap :]).reshape(T, F + gap)
        total = full[:, :F] + bias if with_bias else full[:, :F]
        np.testing.assert_allclose(result[:, :F], reference(name, total), atol=1e-6)
        np.testing.assert_array_equal(result[:, F:], full[:, F:])


def test_position_does_not_matter(isa, rng):
    """An element in a tail gets the bits that it gets inside a vector."""
    x = rng.normal(size=200).astype(np.float32)
    for name in FORMULAS:
        whole = run(isa, name, x)[0]
        for n in (1, 7, 15, 33, 77):
            np.testing.assert_array_equal(run(isa, name, x[:n])[0], whole[:n])


def test_names():
    for name, other in SAME.items():
        assert _core._kernel_activation(name) == _core._kernel_activation(other)
    indices = [_core._kernel_activation(name)[0] for name in FORMULAS]
    assert sorted(indices) == list(range(len(FORMULAS)))
    for name in FORMULAS:
        assert _core._kernel_activation(name)[1] == len(PARAMS.get(name, ()))
    for name in ("", "GELU", "gelu ", "softmax"):
        with pytest.raises(ValueError, match="unknown activation"):
            _core._kernel_activation(name)


def test_names_and_formulas_of_transformers(isa):
    torch = pytest.importorskip("torch")
    activations = pytest.importorskip("transformers.activations")
    assert set(activations.ACT2CLS) == set(FORMULAS) | set(SAME)
    x = np.linspace(-15, 15, 4001).astype(np.float32)
    for name in activations.ACT2CLS:
        if name == "xielu":
            continue  # its parameters are checked by the formula above
        function = activations.ACT2FN[name].double()
        with torch.no_grad():
            exact = function(torch.tensor(x.astype(float))).numpy()
        error = np.abs(run(isa, name, x)[0] - exact) / np.maximum(1, np.abs(exact))
        assert error.max() <= LIMIT, name


def test_xielu_of_transformers(isa):
    torch = pytest.importorskip("torch")
    activations = pytest.importorskip("transformers.activations")
    function = activations.XIELUActivation(dtype=torch.float64)
    state = [function.alpha_p, function.alpha_n, function.beta, function.eps]
    params = np.array([value.detach().double().item() for value in state], np.float32)
    x = np.linspace(-15, 15, 4001).astype(np.float32)
    with torch.no_grad():
        exact = function._xielu_python(torch.tensor(x.astype(float))).numpy()
    y = x.copy()
    _core._kernel_bias_act(isa, y, None, 1, y.size, y.size, "xielu", params)
    assert (np.abs(y - exact) <= LIMIT * np.maximum(1, np.abs(exact))).all()
