"""Half and bfloat16 to float32: all 65536 patterns of each, bit for bit."""

import numpy as np
import pytest

from pytxenc import _core

ALL = np.arange(65536, dtype=np.uint16)
QUIET = np.uint32(0x00400000)


def convert(isa, kind, x, place=lambda array: array):
    y = place(np.zeros(x.size, np.float32))
    getattr(_core, f"_kernel_from_{kind}")(isa, y, place(x), x.size)
    return y.view(np.uint32)


def quieted(bits):
    """float32 bits with every NaN made quiet."""
    nan = (bits & 0x7FFFFFFF) > 0x7F800000
    return np.where(nan, bits | QUIET, bits)


def test_all_halves(isa):
    exact = ALL.view(np.float16).astype(np.float32).view(np.uint32)
    np.testing.assert_array_equal(convert(isa, "f16", ALL), quieted(exact))


def test_all_bfloat16s(isa):
    exact = ALL.astype(np.uint32) << 16
    np.testing.assert_array_equal(convert(isa, "bf16", ALL), quieted(exact))


@pytest.mark.parametrize("kind", ["f16", "bf16"])
def test_all_patterns_as_torch_reads_them(isa, kind):
    torch = pytest.importorskip("torch")
    dtype = {"f16": torch.float16, "bf16": torch.bfloat16}[kind]
    exact = torch.from_numpy(ALL.view(np.int16)).view(dtype).float().numpy().view(np.uint32)
    np.testing.assert_array_equal(convert(isa, kind, ALL), quieted(exact))


@pytest.mark.parametrize("kind", ["f16", "bf16"])
def test_every_length_inside_guards(isa, place, kind, rng):
    x = rng.integers(0, 65536, 70, dtype=np.uint16)
    whole = convert(isa, kind, x)
    for n in range(71):
        np.testing.assert_array_equal(convert(isa, kind, x[:n], place), whole[:n])
        # From an odd address of 16-bit elements.
        np.testing.assert_array_equal(convert(isa, kind, x[1:n]), whole[1:n])
