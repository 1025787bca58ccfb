"""From float32 to lower precisions, and transposition, of every instruction set."""

import numpy as np
import pytest
from precisions import to_bfloat16

from pytxenc import _core

LENGTHS = (*range(1, 71), 127, 128, 768, 1000)
TINIEST, LARGEST = np.float32(1e-45), np.finfo(np.float32).max


def run_to_bf16(isa, x, place=lambda array: array):
    y = place(np.zeros(x.size, np.uint16))
    _core._kernel_to_bf16(isa, y, place(x), x.size)
    return y


def unusual_numbers(rng):
    """Every upper half of a float32, over lower halves about the points where rounding turns."""
    high = np.arange(65536, dtype=np.uint32) << 16
    low = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)
    bits = np.concatenate(
        [(high[:, None] | low).ravel(), rng.integers(0, 2**32, 100_000, dtype=np.uint32)]
    )
    return bits.view(np.float32)


def test_to_bfloat16_of_every_kind_of_number(isa, rng):
    x = unusual_numbers(rng)
    np.testing.assert_array_equal(run_to_bf16(isa, x), to_bfloat16(x))


def test_to_bfloat16_as_torch_rounds(isa, rng):
    torch = pytest.importorskip("torch")
    x = unusual_numbers(rng)
    x = x[~np.isnan(x)]  # torch makes one of all
    exact = torch.from_numpy(x).bfloat16().view(torch.int16).numpy().view(np.uint16)
    np.testing.assert_array_equal(run_to_bf16(isa, x), exact)


def test_bfloat16_ties_and_ends(isa):
    x = np.array([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, LARGEST, np.inf, -0.0, 2.0**-149], "f")
    y = run_to_bf16(isa, x)
    exact = [0x3F80, 0x3F82, 0xBF80, 0x7F80, 0x7F80, 0x8000, 0]
    np.testing.assert_array_equal(y, np.array(exact, np.uint16))
    nan = np.array([0x7F800001, 0xFF800001, 0x7FFFFFFF], np.uint32).view(np.float32)
    assert ((run_to_bf16(isa, nan) & 0x7FFF) > 0x7F80).all()


def test_to_bfloat16_of_every_length_inside_guards(isa, place, rng):
    x = rng.normal(size=70).astype(np.float32)
    for n in range(71):
        np.testing.assert_array_equal(run_to_bf16(isa, x[:n], place), to_bfloat16(x[:n]))
        # From an odd address.
        np.testing.assert_array_equal(run_to_bf16(isa, x[1:n]), to_bfloat16(x[1:n]))


# ---- bytes ----


def quantize(isa, x, place=lambda array: array):
    """What the bytes stand for in double precision, the bytes, scale and low."""
    y = place(np.full(x.size, 77, np.uint8))
    scale, low = _core._kernel_quantize(isa, y, place(x), x.size)
    return low + scale * y.astype(float), y, scale, low


def quantize_weights(isa, x, place=lambda array: array):
    y = place(np.full(x.size, 77, np.int8))
    scale, total = _core._kernel_quantize_weights(isa, y, place(x), x.size)
    return scale * y.astype(float), y, scale, total


def check_rows(isa, x, *place):
    value, y, scale, low = quantize(isa, x, *place)
    least, largest = float(x.min()), float(x.max())
    assert low == least
    assert scale == pytest.approx((largest - least) / 255, rel=3e-7, abs=1e-45)
    if scale > 0:
        assert y[x == x.min()].max() == 0 and y[x == x.max()].min() == 255
    # Half a step, and the roundings on the way to 255.
    limit = 0.5001 * scale + 2e-7 * max(abs(least), abs(largest)) + 1e-44
    assert np.abs(value - x).max() <= limit


def check_weights(isa, x, *place):
    value, y, scale, total = quantize_weights(isa, x, *place)
    bound = float(np.abs(x).max())
    assert scale == pytest.approx(bound / 127, rel=2e-7, abs=1e-45)
    assert y.min() >= -127 and (bound == 0 or np.abs(y.astype(int)).max() == 127)
    assert np.abs(value - x).max() <= 0.5001 * scale + 2e-7 * bound + 1e-44
    with np.errstate(over="ignore"):  # the sum of huge weights may be infinite
        exact = np.float32(scale * y.astype(float).sum())
    assert total == pytest.approx(exact, rel=2e-7, abs=1e-44)


@pytest.mark.parametrize("check", [check_rows, check_weights])
def test_bytes_of_every_length_inside_guards(isa, check, place, rng):
    for n in LENGTHS:
        check(isa, (rng.normal(size=n) + rng.normal()).astype(np.float32), place)


@pytest.mark.parametrize("check", [check_rows, check_weights])
@pytest.mark.parametrize(
    "scale", [1e-28, 1e-10, 1.0, 1e10, 1e30, 8e37], ids=lambda scale: f"{scale:.0e}"
)
def test_bytes_of_every_magnitude(isa, check, scale, rng):
    x = np.clip(rng.normal(size=100), -2, 2) * scale
    check(isa, x.astype(np.float32))
    check(isa, np.abs(x).astype(np.float32))
    check(isa, -np.abs(x).astype(np.float32))


def test_an_extreme_at_every_place(isa):
    for n in (1, 2, 7, 8, 9, 16, 33, 70, 200):
        for at in range(n):
            x = np.linspace(1, 2, n).astype(np.float32)
            for extreme in (-5, 9):
                x[at] = extreme
                check_rows(isa, x)
                check_weights(isa, x)


def test_halves_go_to_the_even_byte(isa):
    x = np.arange(0, 255.5, 0.5, dtype=np.float32)
    np.testing.assert_array_equal(quantize(isa, x)[1], np.rint(x))
    x = np.arange(-127, 127.5, 0.5, dtype=np.float32)
    np.testing.assert_array_equal(quantize_weights(isa, x)[1], np.rint(x))


@pytest.mark.parametrize("number", [0.0, -0.0, 1.0, -3.5, 3e38, -3e38, 1e-40, TINIEST])
def test_constant_rows(isa, number):
    for n in (1, 5, 16, 40):
        x = np.full(n, number, np.float32)
        value, y, scale, _ = quantize(isa, x)
        assert scale == 0 and (y == 0).all()
        np.testing.assert_array_equal(value, x)
        if number == 0 or abs(number) > 1e-30:
            check_weights(isa, x)


@pytest.mark.parametrize("tiny", [1e-31, 1e-38, 1e-44])
def test_ranges_too_small_to_divide(isa, tiny):
    """The error is that of the range, which is nothing."""
    x = np.linspace(-tiny, tiny, 50).astype(np.float32)
    for result in (quantize(isa, x), quantize_weights(isa, x)):
        value, _, *floats = result
        assert np.isfinite(floats).all()
        assert np.abs(value - x).max() <= 2.01 * tiny


@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite(isa, special):
    for n in (1, 2, 8, 16, 17, 33, 70):
        for at in {0, n // 2, n - 1}:
            x = np.linspace(-1, 1, n).astype(np.float32)
            x[at] = special
            for function in (quantize, quantize_weights):
                _, y, *floats = function(isa, x)
                assert np.isnan(floats).all() and (y == 0).all()


def test_a_range_that_is_not_finite(isa):
    x = np.array([-3e38, 0, 3e38], np.float32)
    for function in (quantize, quantize_weights):
        _, y, *floats = function(isa, x)
        assert np.isnan(floats).all() and (y == 0).all()
    check_rows(isa, np.array([0, LARGEST], np.float32))
    check_weights(isa, np.array([0, -LARGEST], np.float32))


def test_all_instruction_sets_make_the_same_bytes(rng):
    for n in (1, 5, 100, 768):
        x = (rng.normal(size=n) * 3 + 1).astype(np.float32)
        for function in (quantize, quantize_weights):
            results = [function(isa, x) for isa in _core._kernel_isas()]
            for _, y, *floats in results:
                np.testing.assert_array_equal(y, results[0][1])
                assert floats == list(results[0][2:])


# ---- transposition ----


def test_transpose_of_every_size_inside_guards(isa, place, rng):
    for rows in range(41):
        for columns in range(41):
            check_transpose(isa, rng, rows, columns, 0, 0, place)


def test_transpose_leaves_gaps_alone(isa, rng):
    for rows, columns in [(1, 1), (16, 16), (17, 33), (40, 7), (70, 50)]:
        check_transpose(isa, rng, rows, columns, 1, 3)


def check_transpose(isa, rng, rows, columns, x_gap, y_gap, place=lambda array: array):
    x = place(rng.integers(0, 2**32, (rows, columns + x_gap), dtype=np.uint32))
    y = place(np.full((columns, rows + y_gap), 7, np.uint32))
    _core._kernel_transpose(isa, y, rows + y_gap, x, columns + x_gap, rows, columns)
    np.testing.assert_array_equal(y[:, :rows], x[:, :columns].T)
    assert (y[:, rows:] == 7).all()
