"""Products of training, whose operands change from call to call, of every instruction set."""

import numpy as np
import pytest
from precisions import (
    KINDS,
    UNIT,
    Rows,
    assert_within,
    from_bfloat16,
    product,
    random_rows,
    steps_of,
    to_bfloat16,
)  # fmt: skip

from pytxenc import _core

# What the product computes in, and what stands on its right.
OPERANDS = [("float32", "float32"), ("bfloat16", "float32"), ("bfloat16", "bfloat16")]
# Rows with every tail of every tile, columns and depths with every tail of vectors and
# steps, and some that make several tasks, groups of panels and blocks of rows.
SHAPES = [
    *((M, 50, 19) for M in (1, 2, 3, 5, 6, 7, 8, 9, 17, 25)),
    *((3, N, 6) for N in (*range(1, 20), 31, 32, 33, 47, 48, 49, 63, 64, 65, 97)),
    *((9, 40, K) for K in (0, 1, 2, 3, 4, 5, 16, 17, 33, 511, 512, 513, 515, 1030)),
    (0, 5, 3),
    (300, 70, 40),
    (60, 900, 33),
    (70, 500, 350),
    (30, 100, 3000),
]


@pytest.fixture(params=OPERANDS, ids=lambda pair: f"{pair[0]}-of-{pair[1]}")
def operands(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["columns", "rows"])
def by_rows(request):
    """Which way the right operand lies: [N, K], or [K, N]."""
    return request.param


@pytest.fixture
def set_threads():
    before = _core.get_num_threads()
    yield _core.set_num_threads
    _core.set_num_threads(before)


class Right:
    """A right operand [K, N] in pieces that share rows `stride` apart."""

    def __init__(self, rng, operands, K, N, by_rows, *, pieces=1, gap=0):
        kind, stored = operands
        total, width = (K, N) if by_rows else (N, K)
        self.K, self.N, self.by_rows, self.kind = K, N, by_rows, stored
        self.extent = max(1, -(-total // pieces))
        values = rng.normal(size=(total, width)).astype(np.float32)
        data = to_bfloat16(values) if stored == "bfloat16" else values
        rounded = values if kind == "float32" else from_bfloat16(to_bfloat16(values))
        self.value = (rounded if by_rows else rounded.T).astype(float)  # [K, N]
        # Behind the rows what must not count.
        room = np.full((total, width + gap), 0x7FFF if stored == "bfloat16" else np.nan, data.dtype)
        room[:, :width] = data
        starts = range(0, max(total, 1), self.extent)
        self.pieces = [room[start : start + self.extent].copy() for start in starts]
        self.stride = width + gap

    def split(self, bias):
        """A bias [N] in the pieces that the columns have."""
        if self.by_rows:
            return (bias,)
        if bias is None:
            return (None,) * len(self.pieces)
        return tuple(bias[start : start + self.extent] for start in range(0, self.N, self.extent))


def matmul(
    isa, a, right, y, *, bias=None, y_extent=0, add=False, act="linear", params=None, here=False
):  # fmt: skip
    """Run a product into the pieces y, each [rows, stride]."""
    biases = bias if isinstance(bias, tuple) else right.split(bias)
    _core._kernel_matmul(
        isa, KINDS[a.kind], tuple(y), y[0].shape[1], y_extent, y[0].dtype == np.uint16,
        a.data, a.data.shape[1], KINDS[right.kind], tuple(right.pieces), right.stride,
        right.extent, right.by_rows, biases, a.data.shape[0], right.N, right.K, add, act,
        params, here,
    )  # fmt: skip


def run(isa, a, right, bias=None, **options):
    y = np.full((a.data.shape[0], right.N), np.nan, np.float32)
    matmul(isa, a, right, [y], bias=bias, **options)
    return y


def random_bias(rng, N):
    return rng.normal(size=N).astype(np.float32)


def exactly(a, right, bias=None, before=None):
    return product(a, right.value.T, bias, before)


def test_all_tails(isa, operands, by_rows, rng):
    for M, N, K in SHAPES:
        a = random_rows(rng, operands[0], M, K)
        right = Right(rng, operands, K, N, by_rows)
        bias = random_bias(rng, N) if N % 2 else None
        got = run(isa, a, right, bias)
        assert_within(got, *exactly(a, right, bias), (M, N, K))
        np.testing.assert_array_equal(run(isa, a, right, bias, here=True), got)


def test_strides(isa, operands, by_rows, rng):
    """Gaps behind rows, odd and even, hold what would spoil a result, and stay."""
    for gap in (1, 2, 7):
        for K in (1, 20, 21):
            a = random_rows(rng, operands[0], 11, K, gap)
            right = Right(rng, operands, K, 53, by_rows, gap=gap)
            for dtype in (np.float32, np.uint16):
                y = np.full((11, 53 + gap), 7, dtype)
                matmul(isa, a, right, [y])
                assert (y[:, 53:] == 7).all()
                if dtype == np.float32:
                    assert_within(y[:, :53], *exactly(a, right), (gap, K))


def test_pieces_of_the_right(isa, operands, by_rows, rng):
    for pieces in (2, 3):
        for N, K in [(3, 3), (18, 17), (96, 40), (99, 101), (150, 64), (400, 33)]:
            for gap in (0, 1):
                a = random_rows(rng, operands[0], 9, K)
                right = Right(rng, operands, K, N, by_rows, pieces=pieces, gap=gap)
                bias = random_bias(rng, N)
                assert len(right.pieces) > 1
                got = run(isa, a, right, bias)
                assert_within(got, *exactly(a, right, bias), (pieces, N, K))


def test_pieces_without_a_bias(isa, rng):
    operands = OPERANDS[0]
    a = random_rows(rng, "float32", 5, 20)
    right = Right(rng, operands, 20, 90, False, pieces=3)
    bias = random_bias(rng, 90)
    for missing in range(3):
        parts = list(right.split(bias))
        parts[missing] = None
        known = bias.copy()
        known[30 * missing : 30 * missing + 30] = 0
        assert_within(run(isa, a, right, tuple(parts)), *exactly(a, right, known), missing)


def test_pieces_of_the_result(isa, operands, by_rows, rng):
    """Gradients of several weights at once: the same as in one."""
    for M, extent in [(9, 3), (30, 10), (96, 32), (100, 34), (600, 201)]:
        a = random_rows(rng, operands[0], M, 21)
        right = Right(rng, operands, 21, 51, by_rows)
        before = rng.normal(size=(M, 51)).astype(np.float32)
        y = [before[start : start + extent].copy() for start in range(0, M, extent)]
        matmul(isa, a, right, y, y_extent=extent, add=True)
        assert_within(np.vstack(y), *exactly(a, right, before=before), (M, extent))


def test_added_to_what_is_there(isa, operands, by_rows, rng):
    for M, N, K in [(1, 1, 1), (9, 49, 20), (130, 33, 7)]:
        a = random_rows(rng, operands[0], M, K)
        right = Right(rng, operands, K, N, by_rows)
        bias, before = random_bias(rng, N), rng.normal(size=(M, N)).astype(np.float32)
        y = before.copy()
        matmul(isa, a, right, [y], bias=bias, add=True)
        assert_within(y, *exactly(a, right, bias, before), (M, N, K))


@pytest.mark.parametrize("act", ["gelu", "relu", "tanh", "prelu"])
def test_activation(isa, operands, by_rows, act, rng):
    """The same bits as the activation by itself, which has tests of its own."""
    params = np.array([0.3], np.float32) if act == "prelu" else None
    for M, N, K in [(1, 3, 5), (10, 50, 16), (3, 100, 9)]:
        a = random_rows(rng, operands[0], M, K)
        right = Right(rng, operands, K, N, by_rows)
        bias = random_bias(rng, N)
        expected = run(isa, a, right, bias)
        _core._kernel_bias_act(isa, expected, None, M, N, N, act, params)
        got = run(isa, a, right, bias, act=act, params=params)
        np.testing.assert_array_equal(got, expected)
        y16 = np.zeros((M, N), np.uint16)
        matmul(isa, a, right, [y16], bias=bias, act=act, params=params)
        np.testing.assert_array_equal(y16, to_bfloat16(expected))


def test_results_in_bfloat16_are_the_others_rounded(isa, operands, by_rows, rng):
    for M, N, K in [(1, 1, 1), (9, 99, 20), (300, 50, 8)]:
        a = random_rows(rng, operands[0], M, K)
        right = Right(rng, operands, K, N, by_rows)
        y16 = np.zeros((M, N), np.uint16)
        matmul(isa, a, right, [y16])
        np.testing.assert_array_equal(y16, to_bfloat16(run(isa, a, right)))


@pytest.mark.parametrize("shape", [(7, 700, 512), (700, 50, 130), (520, 700, 40), (200, 96, 2000)])
def test_threads_do_not_matter(isa, operands, by_rows, shape, set_threads, rng):
    M, N, K = shape
    a = random_rows(rng, operands[0], M, K)
    right = Right(rng, operands, K, N, by_rows)
    set_threads(1)
    alone = run(isa, a, right)
    assert_within(alone, *exactly(a, right))
    np.testing.assert_array_equal(run(isa, a, right, here=True), alone)
    for threads in (2, 3, 8):
        set_threads(threads)
        np.testing.assert_array_equal(run(isa, a, right), alone)


def test_other_rows_do_not_matter(isa, operands, by_rows, set_threads, rng):
    set_threads(2)
    a = random_rows(rng, operands[0], 300, 40)
    right = Right(rng, operands, 40, 77, by_rows)
    whole = run(isa, a, right)
    for chosen in ([0], [299], [5, 17], slice(100, 240), slice(None, None, -1)):
        np.testing.assert_array_equal(run(isa, a[chosen], right), whole[chosen])


def test_nothing_outside_is_touched(isa, operands, by_rows, place, rng):
    for M, N, K in [(1, 1, 1), (3, 17, 5), (7, 50, 9), (13, 97, 34), (2, 16, 64)]:
        a = random_rows(rng, operands[0], M, K)
        right = Right(rng, operands, K, N, by_rows, pieces=2 if min(N, K) > 1 else 1)
        bias = random_bias(rng, N)
        guarded = Rows(a.kind, place(a.data), a.value)
        split = tuple(place(part) for part in right.split(bias))
        right.pieces = [place(piece) for piece in right.pieces]
        y = place(np.full((M, N), np.nan, np.float32))
        matmul(isa, guarded, right, [y], bias=split)
        assert_within(y, *exactly(a, right, bias), (M, N, K))
        y16 = place(np.zeros((M, N), np.uint16))
        matmul(isa, guarded, right, [y16], bias=split)
        np.testing.assert_array_equal(y16, to_bfloat16(y))


def test_what_stands_behind_an_odd_row_does_not_count(isa, by_rows, rng):
    """As where rows of an odd width lie one behind the other."""
    operands = OPERANDS[2]
    a = random_rows(rng, "bfloat16", 9, 21)
    a.data[:, 21] = to_bfloat16(rng.normal(size=9) * 1e30)
    right = Right(rng, operands, 21, 50, by_rows)
    assert_within(run(isa, a, right), *exactly(a, right))


def test_against_the_product_of_inference(isa, rng):
    """The same tiles: the same bits."""
    for kind in ("float32", "bfloat16"):
        a = random_rows(rng, kind, 70, 90)
        right = Right(rng, (kind, "float32"), 90, 130, False)
        y = np.full((70, 130), np.nan, np.float32)
        _core._kernel_multiply(
            isa, KINDS[kind], y, 130, False, a.data, a.data.shape[1], None, None, 70,
            (right.pieces[0],), (None,), 130, 90, 0, 0, False, "linear", None, False,
        )  # fmt: skip
        np.testing.assert_array_equal(run(isa, a, right), y)


# ---- transposing ----


def transpose(isa, kind, x, C, out, sums=None, here=False):
    _core._kernel_matmul_transpose(
        isa, KINDS[kind], out, out.shape[1], sums, x, x.shape[1], x.shape[0], C, here
    )


TRANSPOSED = [
    *((T, 5) for T in (0, 1, 2, 3, 8, 15, 16, 17, 127, 128, 129, 130, 257)),
    *((9, C) for C in (1, 2, 7, 15, 16, 17, 63, 64, 65, 130, 300)),
]


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_transpose(isa, kind, place, rng):
    for T, C in TRANSPOSED:
        width = 2 * steps_of(kind, T) if kind == "bfloat16" else T
        for gap in (0, 1):
            rows = random_rows(rng, "float32", T, C + gap).value
            x = to_bfloat16(rows) if kind == "bfloat16" else rows.astype(np.float32)
            out = np.full((C, width + 2), 7, x.dtype)
            expected = out.copy()
            expected[:, :width] = 0
            expected[:, :T] = x[:, :C].T
            out = out if gap else out[:, :width].copy()
            expected = expected if gap else expected[:, :width]
            out, before = place(out), random_bias(rng, C)
            sums = place(before.copy())
            transpose(isa, kind, place(x), C, out, sums)
            np.testing.assert_array_equal(out, expected, str((T, C)))
            value = (from_bfloat16(x) if kind == "bfloat16" else x)[:, :C].astype(float)
            bound = (2 + np.sqrt(T)) * UNIT * (np.abs(value).sum(0) + np.abs(before))
            assert_within(sums, before + value.sum(0), bound, (T, C))
            again = np.full_like(out, 7)
            transpose(isa, kind, x, C, again, here=True)
            np.testing.assert_array_equal(again, expected)


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_threads_do_not_matter_to_sums(isa, kind, set_threads, rng):
    x = random_rows(rng, kind, 700, 333).data[:, :333].copy()
    results = []
    for threads in (1, 2, 3, 8):
        set_threads(threads)
        out, sums = np.zeros((333, 700), x.dtype), np.zeros(333, np.float32)
        transpose(isa, kind, x, 333, out, sums)
        results.append(sums)
        np.testing.assert_array_equal(out, x.T)
    for sums in results[1:]:
        np.testing.assert_array_equal(sums, results[0])
    # Nor do the columns beside.
    narrow = np.zeros(10, np.float32)
    transpose(isa, kind, x[:, 60:70].copy(), 10, np.zeros((10, 700), x.dtype), narrow)
    np.testing.assert_array_equal(narrow, results[0][60:70])


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_gradient_of_weights(isa, kind, set_threads, rng):
    """dW = dy^T x through both: sums over rows."""
    set_threads(2)
    T = 301
    dy = random_rows(rng, kind, T, 50)
    x = Right(rng, (kind, kind), T, 70, True)
    turned = np.zeros((50, T if kind == "float32" else T + 1), dy.data.dtype)
    transpose(isa, kind, dy.data, 50, turned)
    a = Rows(kind, turned, dy.value.T)
    assert_within(run(isa, a, x), *exactly(a, x))


# ---- two rows in one ----


def test_interleave(isa, place, rng):
    for n in (0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 48, 100):
        low, high = rng.integers(0, 65536, (2, n)).astype(np.uint16)
        y = place(np.zeros(n, np.uint32))
        _core._kernel_interleave(isa, y, place(low), place(high), n)
        np.testing.assert_array_equal(y, low + 65536 * high.astype(np.uint32))
