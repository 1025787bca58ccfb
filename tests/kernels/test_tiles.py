"""One tile of every size, instruction set and precision, between pages that trap."""

import numpy as np
import pytest
from precisions import (
    KINDS,
    PER_STEP,
    assert_within,
    make_rows,
    product,
    random_rows,
    random_weights,
    to_bfloat16,
)  # fmt: skip

from pytxenc import _core

STEPS = (1, 2, 3, 17)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def lay_out(kind, w, columns):
    """The panel [steps, columns] of weights [n, K], and int8's scales and sums of columns."""
    n, K = w.shape
    per_step = PER_STEP[kind]
    whole, scale = w, None
    if kind == "int8":
        scale = np.abs(w).max(axis=1, initial=1e-9) / 127
        whole = np.rint(w / scale[:, None])
    stored = to_bfloat16(whole) if kind == "bfloat16" else whole
    dtype = {"float32": np.float32, "bfloat16": np.uint16, "int8": np.int8}[kind]
    full = np.zeros((columns, -(-K // per_step) * per_step), dtype)
    full[:n, :K] = stored
    panel = np.ascontiguousarray(full.view(np.uint32).T)
    if scale is None:
        return panel, None, None
    scales, sums = np.zeros((2, columns), np.float32)
    scales[:n], sums[:n] = scale, w.sum(axis=1)
    return panel, scales, sums


def run_tile(isa, rows, place, panel, scales, sums, bias, out, add, vectors, last):
    T, stride = rows.data.shape
    _core._kernel_tile(
        isa, KINDS[rows.kind], place(rows.data), stride, place(panel), panel.shape[0],
        place(rows.scale), place(rows.low), place(bias), place(scales), place(sums),
        out, out.shape[1], add, T, vectors, last,
    )  # fmt: skip


def test_every_size(isa, kind, place, rng):
    lanes, panel_vectors, most_rows = _core._kernel_tile_sizes(isa, KINDS[kind])
    for vectors in range(1, panel_vectors + 1):
        for T in range(1, most_rows + 1):
            steps = STEPS[(T + vectors) % len(STEPS)]
            last = int(rng.integers(1, lanes + 1)) if T % 2 else lanes
            check(isa, kind, place, rng, T, vectors, last, steps)


def test_every_tail_of_columns(isa, kind, place, rng):
    lanes, panel_vectors, most_rows = _core._kernel_tile_sizes(isa, KINDS[kind])
    for vectors in range(1, panel_vectors + 1):
        for last in range(1, lanes + 1):
            check(isa, kind, place, rng, min(2, most_rows), vectors, last, 2)


def check(isa, kind, place, rng, T, vectors, last, steps):
    lanes = _core._kernel_tile_sizes(isa, KINDS[kind])[0]
    width, n, K = vectors * lanes, (vectors - 1) * lanes + last, steps * PER_STEP[kind]
    rows = random_rows(rng, kind, T, K)
    w, value = random_weights(rng, kind, n, K)
    layout = lay_out(kind, w, width)
    bias = np.full(width, np.nan, np.float32)  # beyond the columns: read, but not used
    bias[:n] = rng.normal(size=n)
    for add in (False, True):
        before = rng.normal(size=(T, n)).astype(np.float32)
        out = place(before)
        run_tile(isa, rows, place, *layout, bias if add else None, out, add, vectors, last)
        exact = product(rows, value, *((bias[:n], before) if add else ()))
        assert_within(out, *exact, (T, vectors, last, steps, add))


def test_gaps_between_rows_are_left_alone(isa, kind, rng):
    lanes, panel_vectors, most_rows = _core._kernel_tile_sizes(isa, KINDS[kind])
    for gap in (1, 3, 16):
        n, K = (panel_vectors - 1) * lanes + max(1, lanes - 3), 3 * PER_STEP[kind]
        rows = random_rows(rng, kind, most_rows, K, gap)
        w, value = random_weights(rng, kind, n, K)
        out = np.full((most_rows, n + gap), 7, np.float32)
        layout = lay_out(kind, w, panel_vectors * lanes)
        last = n - (panel_vectors - 1) * lanes
        run_tile(isa, rows, lambda array: array, *layout, None, out, False, panel_vectors, last)
        assert_within(out[:, :n], *product(rows, value))
        assert (out[:, n:] == 7).all()


def test_no_steps_give_the_bias(isa, kind):
    lanes, _, _ = _core._kernel_tile_sizes(isa, KINDS[kind])
    empty = make_rows(kind, np.ones((1, 1), np.float32))
    bias, zeros = np.arange(lanes, dtype=np.float32), np.zeros(lanes, np.float32)
    out = np.full((1, lanes), 7, np.float32)
    panel = np.zeros((0, lanes), np.uint32)
    run_tile(isa, empty, lambda array: array, panel, zeros, zeros, bias, out, False, 1, lanes)
    np.testing.assert_array_equal(out[0], bias)


def test_sizes_that_no_tile_has(isa, kind):
    lanes, panel_vectors, most_rows = _core._kernel_tile_sizes(isa, KINDS[kind])
    for T, vectors, last in (
        (most_rows + 1, 1, 1), (0, 1, 1), (1, panel_vectors + 1, 1), (1, 0, 1),
        (1, 1, lanes + 1), (1, 1, 0),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="size"):
            _core._kernel_tile(
                isa, KINDS[kind], b"", 0, b"", 0, *[None] * 5, bytearray(), 0, False, T, vectors,
                last,
            )  # fmt: skip
