"""Products with packed weights, of every instruction set and precision."""

import numpy as np
import pytest
from precisions import (
    KINDS,
    Rows,
    assert_within,
    from_bfloat16,
    make_rows,
    multiply,
    product,
    random_rows,
    random_weights,
    run,
    steps_of,
    to_bfloat16,
)  # fmt: skip

from pytxenc import _core

PANEL = 48  # columns of the widest panel
# Rows with every tail of every tile, columns and depths with every tail of vectors and steps.
SHAPES = [
    *((T, 50, 19) for T in (1, 2, 3, 4, 5, 6, 7, 8, 9, 17, 129, 300)),
    *((3, N, 6) for N in range(1, 101)),
    *((9, 40, K) for K in (*range(1, 10), 63, 64, 65, 300, 768, 769)),
    (0, 5, 3),
]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def set_threads():
    before = _core.get_num_threads()
    yield _core.set_num_threads
    _core.set_num_threads(before)


def random_bias(rng, N):
    return rng.normal(size=N).astype(np.float32)


def test_all_tails(isa, kind, rng):
    for T, N, K in SHAPES:
        rows = random_rows(rng, kind, T, K)
        w, value = random_weights(rng, kind, N, K)
        bias = random_bias(rng, N) if N % 2 else None
        assert_within(run(isa, rows, w, bias), *product(rows, value, bias), (T, N, K))


def test_nothing_outside_is_touched(isa, kind, place, rng):
    for T, N, K in [(1, 1, 1), (3, 17, 5), (7, 50, 9), (13, 97, 34), (2, 16, 64)]:
        rows = random_rows(rng, kind, T, K)
        w, value = random_weights(rng, kind, N, K)
        bias = random_bias(rng, N)
        y = place(np.full((T, N), np.nan, np.float32))
        guarded = Rows(kind, *map(place, (rows.data, rows.value, rows.scale, rows.low)))
        multiply(isa, guarded, [place(w)], [place(bias)], y)
        assert_within(y, *product(rows, value, bias), (T, N, K))
        y16 = place(np.zeros((T, N), np.uint16))
        multiply(isa, guarded, [place(w)], [place(bias)], y16)
        np.testing.assert_array_equal(y16, to_bfloat16(y))


def test_gaps_between_rows_are_left_alone(isa, kind, rng):
    for gap in (1, 2, 7):
        rows = random_rows(rng, kind, 11, 21, gap)
        w, value = random_weights(rng, kind, 37, 21)
        for dtype, sentinel in ((np.float32, np.float32(7)), (np.uint16, 7)):
            y = np.full((11, 37 + gap), sentinel, dtype)
            multiply(isa, rows, [w], [None], y)
            assert (y[:, 37:] == sentinel).all()
            if dtype == np.float32:
                assert_within(y[:, :37], *product(rows, value))


def test_parts_side_by_side(isa, kind, rng):
    for width in (1, 5, 16, 17, 33):
        for missing in (None, 1):
            rows = random_rows(rng, kind, 7, 23)
            parts = [random_weights(rng, kind, width, 23) for _ in range(3)]
            biases = [random_bias(rng, width) for _ in range(3)]
            if missing is not None:
                biases[missing] = None
            y = np.full((7, 3 * width), np.nan, np.float32)
            multiply(isa, rows, [w for w, _ in parts], biases, y)
            for i, (_, value) in enumerate(parts):
                got = y[:, i * width : (i + 1) * width]
                assert_within(got, *product(rows, value, biases[i]), (width, i))


def test_added_to_what_is_there(isa, kind, rng):
    for T, N, K in [(1, 1, 1), (9, 49, 20), (130, 33, 7)]:
        rows = random_rows(rng, kind, T, K)
        w, value = random_weights(rng, kind, N, K)
        bias, before = random_bias(rng, N), rng.normal(size=(T, N)).astype(np.float32)
        y = before.copy()
        multiply(isa, rows, [w], [bias], y, add=True)
        assert_within(y, *product(rows, value, bias, before))


@pytest.mark.parametrize("act", ["gelu", "relu", "tanh", "prelu"])
def test_activation(isa, kind, act, rng):
    """The same bits as the activation by itself, which has tests of its own."""
    params = np.array([0.3], np.float32) if act == "prelu" else None
    for T, N, K in [(1, 3, 5), (10, 50, 16), (3, 100, 9)]:
        rows = random_rows(rng, kind, T, K)
        w, _ = random_weights(rng, kind, N, K)
        w, bias = w / np.float32(4), random_bias(rng, N)
        expected = run(isa, rows, w, bias)
        _core._kernel_bias_act(isa, expected, None, T, N, N, act, params)
        np.testing.assert_array_equal(run(isa, rows, w, bias, act=act, params=params), expected)
        y16 = np.zeros((T, N), np.uint16)
        multiply(isa, rows, [w], [bias], y16, act=act, params=params)
        np.testing.assert_array_equal(y16, to_bfloat16(expected))


def test_results_in_bfloat16_are_the_others_rounded(isa, kind, rng):
    for T, N, K in [(1, 1, 1), (9, 99, 20), (300, 50, 8)]:
        rows = random_rows(rng, kind, T, K)
        w, _ = random_weights(rng, kind, N, K)
        y16 = np.zeros((T, N), np.uint16)
        multiply(isa, rows, [w], [None], y16)
        np.testing.assert_array_equal(y16, to_bfloat16(run(isa, rows, w)))


def test_some_columns(isa, kind, rng):
    T, K, N = 5, 12, 200
    rows = random_rows(rng, kind, T, K)
    w, _ = random_weights(rng, kind, N, K)
    whole = run(isa, rows, w)
    for first, last in [(0, 1), (0, 200), (1, 2), (47, 49), (48, 96), (90, 150), (199, 200)]:
        y = np.full((T, N), np.nan, np.float32)
        multiply(isa, rows, [w], [None], y, columns=(first, last))
        np.testing.assert_array_equal(y[:, first:last], whole[:, first:last])
        untouched = np.isnan(y)
        np.testing.assert_array_equal(y[~untouched], whole[~untouched])
        assert untouched[:, : max(0, first - PANEL + 1)].all()
        assert untouched[:, last + PANEL - 1 :].all()


@pytest.mark.parametrize("plain", [False, True], ids=["packed", "plain"])
def test_columns_of_whole_parts(isa, plain, rng):
    """As the encoder asks for keys and values first, then for queries of some rows."""
    T, K, width = 6, 10, 40
    rows = random_rows(rng, "float32", T, K)
    parts = [rng.normal(size=(width, K)).astype(np.float32) for _ in range(3)]
    biases = [random_bias(rng, width) for _ in range(3)]
    for first, last in [(width, 3 * width), (0, width), (0, 3 * width)]:
        y = np.full((T, 3 * width), np.nan, np.float32)
        multiply(isa, rows, parts, biases, y, columns=(first, last), plain=plain)
        exact, bound = product(rows, np.vstack(parts).astype(float), np.concatenate(biases))
        inside = slice(first, last)
        assert_within(y[:, inside], exact[:, inside], bound[:, inside])


def shifted(array):
    """A copy that begins one element behind an aligned address."""
    if array is None:
        return None
    room = np.zeros(array.size + 64, array.dtype)
    start = (-room.ctypes.data % 64) // array.itemsize + 1
    copy = room[start : start + array.size].reshape(array.shape)
    copy[...] = array
    return copy


def test_misaligned(isa, kind, rng):
    rows = random_rows(rng, kind, 9, 33, gap=3)
    w, _ = random_weights(rng, kind, 51, 33)
    bias = random_bias(rng, 51)
    expected = run(isa, rows, w, bias)
    moved = Rows(kind, *map(shifted, (rows.data, rows.value, rows.scale, rows.low)))
    y = shifted(np.zeros((9, 51), np.float32))
    multiply(isa, moved, [shifted(w)], [shifted(bias)], y)
    np.testing.assert_array_equal(y, expected)
    y16 = shifted(np.zeros((9, 51), np.uint16))
    multiply(isa, moved, [shifted(w)], [shifted(bias)], y16)
    np.testing.assert_array_equal(y16, to_bfloat16(expected))


@pytest.mark.parametrize("shape", [(1, 700, 512), (40, 200, 130), (300, 96, 64), (513, 130, 40)])
def test_threads_do_not_matter(isa, kind, shape, set_threads, rng):
    T, N, K = shape
    rows = random_rows(rng, kind, T, K)
    w, value = random_weights(rng, kind, N, K)
    set_threads(1)
    alone = run(isa, rows, w)
    assert_within(alone, *product(rows, value))
    for threads in (2, 3, 8):
        set_threads(threads)
        np.testing.assert_array_equal(run(isa, rows, w), alone)


def test_other_rows_do_not_matter(isa, kind, set_threads, rng):
    set_threads(2)
    T, N, K = 300, 77, 40
    rows = random_rows(rng, kind, T, K)
    w, _ = random_weights(rng, kind, N, K)
    bias = random_bias(rng, N)
    whole = run(isa, rows, w, bias)
    for chosen in ([0], [299], [5, 17], slice(3, 10), slice(100, 240), slice(None, None, -1)):
        np.testing.assert_array_equal(run(isa, rows[chosen], w, bias), whole[chosen])


def test_other_columns_do_not_matter(isa, kind, rng):
    """A layer gives the same bits alone as beside others."""
    rows = random_rows(rng, kind, 7, 30)
    w, _ = random_weights(rng, kind, 90, 30)
    whole = run(isa, rows, w)
    for first, last in [(0, 30), (30, 31), (31, 90), (3, 80)]:
        np.testing.assert_array_equal(run(isa, rows, w[first:last]), whole[:, first:last])


def test_no_depth_gives_the_bias(isa, rng):
    for kind in ("float32", "bfloat16"):
        rows = random_rows(rng, kind, 3, 0)
        bias = random_bias(rng, 20)
        y = run(isa, rows, np.zeros((20, 0), np.float32), bias)
        np.testing.assert_array_equal(y, np.broadcast_to(bias, (3, 20)))


# ---- int8: whole numbers, exactly ----


def whole_product(isa, x, w):
    """Products of bytes x with whole numbers w of which each row has a 127."""
    T, K = x.shape
    ones, zeros = np.ones(T, np.float32), np.zeros(T, np.float32)
    data = np.full((T, 4 * steps_of("int8", K)), 255, np.uint8)
    data[:, :K] = x
    return run(isa, Rows("int8", data, x.astype(float), ones, zeros), w.astype(np.float32))


@pytest.mark.parametrize("K", [1, 2, 3, 4, 5, 64, 257])
def test_extreme_bytes_do_not_saturate(isa, K):
    x = np.array([[255] * K, [0] * K, [255, 0] * (K // 2) + [255] * (K % 2), [1] * K])
    w = np.array(
        [[127] * K, [-127] * K, [127, -127] * (K // 2) + [127] * (K % 2), [127] + [0] * (K - 1)]
    )
    np.testing.assert_array_equal(whole_product(isa, x, w), x @ w.T)


def test_sums_of_bytes_are_exact(isa, rng):
    x = rng.choice([0, 1, 127, 128, 254, 255], (30, 250))
    w = rng.choice([-127, -126, -1, 0, 1, 126, 127], (70, 250))
    w[:, 0] = 127
    np.testing.assert_array_equal(whole_product(isa, x, w), x @ w.T)
    # Beyond 2^24 a float32 has no room for every digit: the sum is rounded, once.
    K = 66_000  # the widest layer that int8 takes
    x, w = np.full((1, K), 255), np.full((1, K), 127)
    np.testing.assert_array_equal(whole_product(isa, x, w), np.float32(x @ w.T))


def test_all_instruction_sets_agree_in_int8(rng):
    rows = random_rows(rng, "int8", 20, 131)
    w = rng.normal(size=(60, 131)).astype(np.float32)
    first, *others = [run(isa, rows, w) for isa in _core._kernel_isas()]
    for other in others:  # but for the last roundings
        np.testing.assert_allclose(other, first, rtol=1e-6, atol=1e-5)


# ---- numbers that are none, and tiny ones ----


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan, 3e38])
def test_infinities_and_nan(isa, kind, special, rng):
    x = rng.normal(size=(9, 20)).astype(np.float32)
    w = rng.normal(size=(33, 20)).astype(np.float32)
    finite = run(isa, make_rows(kind, x), w)
    x[4, 7] = w[20, 3] = special
    rows = make_rows(kind, x)
    value = from_bfloat16(to_bfloat16(w)) if kind == "bfloat16" else w
    got = run(isa, rows, w)
    with np.errstate(all="ignore"):
        exact = (rows.value[:, None] * value.astype(float)).sum(-1).astype(np.float32)
    row, column = np.arange(9) == 4, np.arange(33) == 20
    touched = row[:, None] | column
    np.testing.assert_allclose(got[touched], exact[touched], rtol=1e-5)
    np.testing.assert_array_equal(got[~touched], finite[~touched])


def test_int8_of_what_is_not_finite_is_nan(isa, rng):
    rows = random_rows(rng, "int8", 9, 20)
    w = rng.normal(size=(33, 20)).astype(np.float32)
    finite = run(isa, rows, w)
    rows.scale[4] = rows.low[4] = np.nan
    w[20, 3], w[21, 3] = np.inf, np.nan
    touched = (np.arange(9) == 4)[:, None] | np.isin(np.arange(33), [20, 21])
    got = run(isa, rows, w)
    assert np.isnan(got[touched]).all()
    np.testing.assert_array_equal(got[~touched], finite[~touched])


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_denormals(isa, kind, rng):
    """Kept, but by avx512_bf16 and avx512_amx, whose instructions take bfloat16 denormals as
    zeros and make none."""
    x = np.full((3, 8), 1e-39, np.float32)
    x[1] = 2.0**-120
    w = np.full((18, 8), 2.0**-20, np.float32)
    w[:9] = 2.0**40
    rows = make_rows(kind, x)
    exact = rows.value @ w.astype(float).T
    if kind == "bfloat16" and isa in ("avx512_bf16", "avx512_amx"):
        exact[[0, 2]] = 0
        exact[1, 9:] = 0
    got = run(isa, rows, w)
    np.testing.assert_allclose(got, exact, rtol=1e-6, atol=8 * 2.0**-149)
    assert kind == "bfloat16" or (got > 0).all()
