"""The kernels of training: in double against differences, in float32 against double."""

import numpy as np
import pytest
from dropout_reference import philox
from guarded_memory import guarded
from training_kernels import ACTIVATIONS, PARAMS, Kernels, half_words

from pytxenc import _core

SIZES = [*range(1, 71), 127, 128, 768, 1000]
STEP = 1e-5
CORNERS = [-3.0, 0.0, 3.0, 6.0, 10.0]


@pytest.fixture
def rng():
    return np.random.default_rng(20241128)


@pytest.fixture
def double(core64):
    return Kernels(core64, "double")


@pytest.fixture(params=[*_core._kernel_isas(), "double"])
def kernels(request):
    """Every table, that of the double build among them."""
    if request.param == "double":
        return Kernels(request.getfixturevalue("core64"), "double")
    return Kernels(_core, request.param)


@pytest.fixture(params=_core._kernel_isas())
def single(request):
    """The tables over float32, their arrays ending where memory does."""
    return Kernels(_core, request.param, lambda array: guarded(array, "end"))


def assert_close(found, exact, limit):
    """Errors of at most `limit` of the largest value."""
    assert np.shape(found) == np.shape(exact)
    error = np.abs(np.asarray(found, float) - exact).max()
    assert error <= limit * np.abs(exact).max() + limit * 1e-3, error


def differences(function, x):
    """The gradient of a scalar function by central differences."""
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[index] += STEP
        behind[index] -= STEP
        gradient[index] = (function(ahead) - function(behind)) / (2 * STEP)
    return gradient


# ---- layer normalisation ----


@pytest.mark.parametrize("C", [1, 2, 5, 16, 37])
def test_layernorm_against_differences(double, C, rng):
    x, dy = rng.normal(size=(2, 3, C))
    gamma, beta = rng.normal(size=(2, C))
    x += 3
    dx, dgamma, dbeta = double.layernorm_gradients(dy, x, gamma, 1e-3)
    for found, array, index in ((dx, x, 0), (dgamma, gamma, 1), (dbeta, beta, 2)):

        def loss(changed, index=index):
            given = [x, gamma, beta]
            given[index] = changed
            return (dy * double.layernorm_of(*given, 1e-3)).sum()

        assert_close(found, differences(loss, array), 1e-7)


def test_layernorm_of_float32(single, double, rng):
    for C in SIZES:
        x = (rng.normal(size=(3, C)) * 2 + 1).astype(np.float32)
        dy, gamma = rng.normal(size=(3, C)).astype("f"), rng.normal(size=C).astype("f")
        exact = double.layernorm_gradients(dy, x, gamma, 1e-5)
        found = single.layernorm_gradients(dy, x, gamma, 1e-5)
        in_place = single.layernorm_gradients(dy, x, gamma, 1e-5, in_place=True)
        for ours, theirs, again in zip(found, exact, in_place, strict=True):
            np.testing.assert_array_equal(ours, again)
            # Of two numbers the gradient is almost nothing beside what it is made of.
            assert np.abs(ours - theirs).max() <= 2e-6 * max(1, np.abs(theirs).max()), C


@pytest.mark.parametrize("mean", [1e2, 1e4, -1e5])
def test_layernorm_with_a_large_mean(single, double, mean, rng):
    x = (rng.normal(size=(4, 96)) + mean).astype(np.float32)
    dy, gamma = rng.normal(size=(4, 96)).astype("f"), rng.normal(size=96).astype("f")
    exact = double.layernorm_gradients(dy, x, gamma, 1e-5)
    for ours, theirs in zip(single.layernorm_gradients(dy, x, gamma, 1e-5), exact, strict=True):
        assert_close(ours, theirs, 1e-5)


def test_layernorm_adds_to_gradients_row_by_row(kernels, rng):
    C = 37
    x, dy = rng.normal(size=(2, 5, C))
    gamma = rng.normal(size=C)
    start = kernels.take(rng.normal(size=(2, C)))
    dx, whole = kernels.take(dy), start.copy()
    kernels.layernorm_backward(
        dx, whole[0], whole[1], kernels.take(dy), kernels.take(x), kernels.take(gamma), 1e-5, 5, C
    )
    rows, by_row = start.copy(), kernels.take(dy)
    for t in range(5):
        kernels.layernorm_backward(
            by_row[t], rows[0], rows[1], kernels.take(dy[t]), kernels.take(x[t]),
            kernels.take(gamma), 1e-5, 1, C,
        )  # fmt: skip
    np.testing.assert_array_equal(rows, whole)
    np.testing.assert_array_equal(by_row, dx)
    alone = kernels.take(dy)
    kernels.layernorm_backward(
        alone, None, None, alone, kernels.take(x), kernels.take(gamma), 1e-5, 5, C
    )
    np.testing.assert_array_equal(alone, dx)


def test_layernorm_of_a_constant_row_is_finite(kernels):
    x, dy = kernels.take(np.full((1, 33), 0.1)), kernels.take(np.linspace(-1, 1, 33)[None])
    for found in kernels.layernorm_gradients(dy, x, np.ones(33), 1e-12):
        assert np.isfinite(found).all()


# ---- activations ----


def grid(rng):
    """Numbers away from corners, small and large ones among them."""
    magnitudes = np.geomspace(1e-30, 1e5, 500)
    x = np.concatenate([np.linspace(-18, 18, 4001), magnitudes, -magnitudes, rng.normal(size=501)])
    x = x.astype(np.float32).astype(float)
    return x[np.abs(x[:, None] - CORNERS).min(1) > 1e-3]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_against_differences(double, name, rng):
    x = grid(rng)
    x = x[np.abs(x) < 50]
    dy = rng.normal(size=x.size)
    dx, y, dparams = double.act_gradients(name, dy, x)
    slope = (double.act_of(name, x + STEP) - double.act_of(name, x - STEP)) / (2 * STEP)
    np.testing.assert_allclose(dx, dy * slope, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(y, double.act_of(name, x), rtol=1e-12, atol=1e-15)
    if dparams is None:
        return

    def loss(params):
        return (dy * double.act_of(name, x, params)).sum()

    # The step of xielu's eps must not cross an x.
    x = x[np.abs(x) > 0.01]
    dy = rng.normal(size=x.size)
    dparams = double.act_gradients(name, dy, x)[2]
    assert_close(dparams, differences(loss, np.array(PARAMS[name])), 1e-7)


def test_gradient_of_the_bend_of_xielu(double):
    """eps counts where it is what x is held at."""
    params = np.array([0.8, 0.7, 0.5, -0.5])
    x, dy = np.array([-2.0, -0.3, -0.1, 1.0]), np.array([1.0, 2.0, 3.0, 4.0])
    dparams, dx = np.zeros(4), np.empty(4)
    double.act_backward(dx, None, dparams, dy, x, 4, "xielu", params)

    def loss(changed):
        return (dy * double.act_of("xielu", x, changed)).sum()

    assert_close(dparams, differences(loss, params), 1e-7)
    slope = double.act_of("xielu", x + STEP, params) - double.act_of("xielu", x - STEP, params)
    np.testing.assert_allclose(dx, dy * slope / (2 * STEP), rtol=1e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_of_float32(single, double, name, rng):
    x = np.concatenate([grid(rng), CORNERS]).astype(np.float32)
    ones = np.ones_like(x)
    exact, exact_y, _ = double.act_gradients(name, ones, x)
    slope, y, _ = single.act_gradients(name, ones, x)
    error = np.abs(slope - exact) / np.maximum(1, np.abs(exact))
    assert error.max() <= 1e-6, x[error.argmax()]
    error = np.abs(y - exact_y) / np.maximum(1, np.abs(exact_y))
    assert error.max() <= 1e-6, x[error.argmax()]


@pytest.mark.parametrize("name", ["gelu", "xielu", "prelu"])
def test_activation_of_every_length(single, double, name, rng):
    for n in SIZES:
        x, dy = rng.normal(size=(2, n)).astype(np.float32)
        found, exact = single.act_gradients(name, dy, x), double.act_gradients(name, dy, x)
        np.testing.assert_allclose(found[0], exact[0], rtol=2e-6, atol=2e-6)
        np.testing.assert_allclose(found[1], exact[1], rtol=2e-6, atol=2e-6)
        if exact[2] is not None:
            np.testing.assert_allclose(found[2], exact[2], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_in_place(kernels, name, rng):
    x, dy = rng.normal(size=(2, 77))
    dx, y, dparams = kernels.act_gradients(name, dy, x)
    x, dy = kernels.take(x), kernels.take(dy)
    params = kernels.params(name)
    sums = None if params is None else np.zeros_like(params)
    kernels.act_backward(dy, x, sums, dy, x, 77, name, params)
    np.testing.assert_array_equal(dy, dx)
    np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(sums, dparams)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_of_huge_numbers_are_finite(kernels, name):
    x = kernels.take([1e30, -1e30, 1e19, -1e19, 200.0, -200.0, 110.0, -110.0, 0.0])
    dx, _, _ = kernels.act_gradients(name, np.ones(x.size), x)
    assert np.isfinite(dx).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_against_torch(double, name, rng):
    torch = pytest.importorskip("torch")
    activations = pytest.importorskip("transformers.activations")
    if name == "xielu":
        function = activations.XIELUActivation(dtype=torch.float64)
        with torch.no_grad():
            for parameter, value in zip(function.parameters(), PARAMS[name], strict=False):
                parameter.fill_(value)
            function.beta.fill_(PARAMS[name][2])
            function.eps.fill_(PARAMS[name][3])
        call = function._xielu_python
    else:
        function = call = activations.ACT2FN[name].double()
    x = np.concatenate([grid(rng), CORNERS])
    # torch's softplus leaves out exp(-x) where x is above 20, and its square root divides 0 by 0.
    x = x[(x > -700) & ((x < 20) | (x > 40))]
    dy = rng.normal(size=x.size)
    theirs = torch.tensor(x, requires_grad=True)
    exact = call(theirs)
    exact.backward(torch.tensor(dy))
    dx, y, dparams = double.act_gradients(name, dy, x)
    np.testing.assert_allclose(y, exact.detach().numpy(), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(dx, theirs.grad.numpy(), rtol=1e-12, atol=1e-12)
    learnt = [parameter.grad.item() for parameter in function.parameters()]
    if learnt:
        np.testing.assert_allclose(dparams[: len(learnt)], learnt, rtol=1e-10)


# ---- softmax ----


@pytest.mark.parametrize("n", [1, 2, 7, 33])
def test_softmax_against_differences(double, n, rng):
    x, dp = rng.normal(size=(2, 3, n)) * 2
    ds = double.softmax_gradient(double.softmax_of(x, 0.3), dp, 0.3)
    exact = differences(lambda changed: (dp * double.softmax_of(changed, 0.3)).sum(), x)
    assert_close(ds, exact, 1e-7)


def test_softmax_of_float32(single, double, rng):
    for n in SIZES:
        x, dp = rng.normal(size=(2, 3, n)).astype(np.float32)
        p = double.softmax_of(x, 1.5).astype(np.float32)
        exact = double.softmax_gradient(p, dp, 0.25)
        found = single.softmax_gradient(p, dp, 0.25)
        assert np.abs(found - exact).max() <= 1e-6 * 0.25 * p.max() * np.abs(dp).max()


def test_softmax_leaves_gaps_alone(kernels, rng):
    rows, n, stride = 3, 21, 26
    p, dp = kernels.take(rng.random(size=(rows, stride))), kernels.take(rng.random((rows, stride)))
    dense = kernels.softmax_gradient(p[:, :n], dp[:, :n], 0.5)
    ds = kernels.take(np.full((rows, stride), 7.0))
    kernels.softmax_backward(ds, p, dp, rows, n, stride, 0.5)
    np.testing.assert_array_equal(ds[:, :n], dense)
    np.testing.assert_array_equal(ds[:, n:], 7)
    before = dp.copy()
    kernels.softmax_backward(dp, p, dp, rows, n, stride, 0.5)
    np.testing.assert_array_equal(dp[:, :n], dense)
    np.testing.assert_array_equal(dp[:, n:], before[:, n:])


# ---- dropout ----

# From the known answers of the authors' library, Random123.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ((2**32 - 1,) * 4, (2**32 - 1,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_philox_in_numpy(counter, key, answer):
    assert " ".join(f"{word:08x}" for word in philox(counter, key)) == answer


def test_first_block_is_the_known_answer(kernels):
    """The eight half-words, each by halving the range it is in."""
    found = np.zeros(8, int)
    for bit in reversed(range(16)):
        for i in range(8):
            candidate = int(found[i]) + (1 << bit)
            if kernels.kept(8, 0, 0, candidate, 0)[i]:
                found[i] = candidate
    words = found[1::2] << 16 | found[::2]
    assert " ".join(f"{word:08x}" for word in words) == KNOWN[0][2]


def test_dropout_follows_its_stream(kernels, rng):
    for n in [*range(1, 71), 127, 128, 129, 300, 768, 1000]:
        seed, row = (int(rng.integers(2**63)) * 2 + n % 2 for _ in range(2))
        site, threshold = int(rng.integers(2**32)), int(rng.integers(1, 65536))
        kept = half_words(n, seed, site, row) >= threshold
        np.testing.assert_array_equal(kernels.kept(n, seed, site, threshold, row), kept)
        scale = 65536 / (65536 - threshold)
        x, before = kernels.take(rng.normal(size=n)), kernels.take(rng.normal(size=n))
        exact = np.where(kept, x * kernels.dtype(scale), 0)
        y, added = kernels.take(x), before.copy()
        kernels.dropout(y, y, n, seed, site, threshold, scale, row, False)
        np.testing.assert_array_equal(y, exact)
        kernels.dropout(added, x, n, seed, site, threshold, scale, row, True)
        np.testing.assert_array_equal(added, before + exact)


def test_dropout_of_every_length_inside_guards(single):
    for n in [0, *SIZES]:
        single.kept(n, 1, 2, 30000, 3)


def test_no_rate_drops_nothing_and_a_full_one_all(kernels, rng):
    x = kernels.take(rng.normal(size=333))
    y = np.empty_like(x)
    kernels.dropout(y, x, 333, 5, 6, 0, 1.0, 7, False)
    np.testing.assert_array_equal(y, x)
    kernels.dropout(y, x, 333, 5, 6, 65536, np.inf, 7, False)
    np.testing.assert_array_equal(y, 0)
    dropped_nan = kernels.take([np.nan] * 64)
    kept = kernels.kept(64, 5, 6, 32768, 7)
    kernels.dropout(dropped_nan, dropped_nan, 64, 5, 6, 32768, 2.0, 7, False)
    np.testing.assert_array_equal(np.isnan(dropped_nan), kept)


def test_keep_rate(kernels):
    threshold, n = round(65536 * 0.1), 1 << 20
    rate = kernels.kept(n, 11, 22, threshold, 33).mean()
    p = 1 - threshold / 65536
    assert abs(rate - p) < 5 * np.sqrt(p * (1 - p) / n)
    # Other rows, places and seeds drop others.
    first = kernels.kept(4096, 11, 22, 32768, 33)
    for seed, site, row in ((12, 22, 33), (11 + 2**32, 22, 33), (11, 23, 33), (11, 22, 34),
                            (11, 22, 33 + 2**32)):  # fmt: skip
        same = (kernels.kept(4096, seed, site, 32768, row) == first).mean()
        assert abs(same - 0.5) < 5 * 0.5 / 64


# ---- cross-entropy ----


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("n", [1, 2, 5, 37])
def test_cross_entropy_against_differences(double, n, smoothing, rng):
    x, label = rng.normal(size=n) * 3, n // 2
    _, gradient = double.loss_and_gradient(x, label, smoothing, 0.7)
    exact = differences(lambda changed: 0.7 * double.loss(changed, label, smoothing), x)
    assert np.abs(gradient - exact).max() <= 1e-8


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("n", [*range(1, 40), 1000, 2048, 4097, 50265])
def test_cross_entropy_against_torch(kernels, n, smoothing, rng):
    torch = pytest.importorskip("torch")
    x, label = kernels.take(rng.normal(size=n) * 4 + 7), int(rng.integers(n))
    theirs = torch.tensor(x.astype(float), requires_grad=True)
    exact = torch.nn.functional.cross_entropy(
        theirs[None], torch.tensor([label]), label_smoothing=smoothing
    )
    (exact * 0.7).backward()
    loss, gradient = kernels.loss_and_gradient(x, label, smoothing, 0.7)
    limit = 1e-12 if kernels.isa == "double" else 1e-6
    assert abs(loss - exact.item()) <= limit * max(1, exact.item())
    assert np.abs(gradient - theirs.grad.numpy()).max() <= limit
    before = x.copy()
    assert kernels.cross_entropy(x, n, label, smoothing, 0.0) == (loss, int(before.argmax()))
    np.testing.assert_array_equal(x, before)


def test_cross_entropy_inside_guards(single, rng):
    for n in SIZES:
        single.loss_and_gradient(rng.normal(size=n), n - 1, 0.1, 1.0)


def test_the_best_is_the_first_of_equals(kernels):
    for n in (1, 16, 17, 5000, 50265):
        x = kernels.take(np.zeros(n))
        assert kernels.cross_entropy(x, n, 0, 0.0, 0.0)[1] == 0
        for best in {n - 1, n // 2, n // 3}:
            x[:] = -1
            x[best:] = 2
            assert kernels.cross_entropy(x, n, 0, 0.0, 0.0)[1] == best


def test_cross_entropy_of_extremes(kernels):
    x = kernels.take([-np.inf, 1e4, -1e4, 1e4, 0.0])
    loss, gradient = kernels.loss_and_gradient(x, 1, 0.0, 1.0)
    assert loss == pytest.approx(np.log(2), abs=1e-7)
    np.testing.assert_allclose(gradient, [0, -0.5, 0, 0.5, 0], atol=1e-7)
    assert kernels.loss(x, 0) == np.inf
    assert np.isnan(kernels.loss([0.0, np.nan, 1.0], 0))
    assert np.isnan(kernels.loss([np.nan] * 40, 0))


# ---- sums ----


def test_sum_columns(kernels, rng):
    for C in SIZES:
        T, gap = 5, C % 3
        x = kernels.take(rng.normal(size=(T, C + gap)))
        sums = kernels.take(rng.normal(size=C))
        exact = sums.copy()
        for row in x:
            exact += row[:C]
        flat = x.ravel()[: x.size - gap]
        kernels.sum_columns(sums, flat, T, C, C + gap)
        np.testing.assert_array_equal(sums, exact)


def test_forward_functions_are_those_of_the_encoder(single, rng):
    """layernorm, act, softmax and add do what the kernels of inference do, bit for bit."""
    x, gamma, beta = (rng.normal(size=size).astype("f") for size in ((3, 37), 37, 37))
    y = np.empty_like(x)
    _core._kernel_layernorm(single.isa, y, x, None, None, gamma, beta, 1e-5, 3, 37)
    np.testing.assert_array_equal(single.layernorm_of(x, gamma, beta, 1e-5), y)
    y = x.copy()
    _core._kernel_softmax(single.isa, y, 3, 37, 37, 0.5, None, 0)
    np.testing.assert_array_equal(single.softmax_of(x, 0.5), y)
    for name in ACTIVATIONS:
        y = x[0].copy()
        _core._kernel_bias_act(single.isa, y, None, 1, 37, 37, name, single.params(name))
        np.testing.assert_array_equal(single.act_of(name, x[0]), y)
    total = single.take(x[0])
    single.add(total, single.take(x[0]), single.take(x[1]), single.take(x[2]), 37)
    np.testing.assert_array_equal(total, x[0] + x[1] + x[2])


def test_forward_functions_in_double(double, rng):
    """What differences are taken of is right itself."""
    x, gamma, beta = (rng.normal(size=size) for size in ((3, 37), 37, 37))
    d = x - x.mean(1, keepdims=True)
    exact = d / np.sqrt((d * d).mean(1, keepdims=True) + 1e-5) * gamma + beta
    np.testing.assert_allclose(double.layernorm_of(x, gamma, beta, 1e-5), exact, rtol=1e-10)
    e = np.exp(0.5 * x)
    np.testing.assert_allclose(double.softmax_of(x, 0.5), e / e.sum(1, keepdims=True), rtol=1e-12)
