"""Operands of products in every precision, and what the products are in double precision.

Rounding to bfloat16 is written here once more, by whole numbers.
"""

from dataclasses import dataclass

import numpy as np

from pytxenc import _core

KINDS = {"float32": "f", "bfloat16": "H", "int8": "B"}
PER_STEP = {"float32": 1, "bfloat16": 2, "int8": 4}
UNIT = 2.0**-24  # the largest relative error of one rounding to float32


def to_bfloat16(x):
    """The bits, uint16, of float32 numbers rounded to bfloat16, halves to even."""
    bits = np.asarray(x, np.float32).view(np.uint32).astype(np.int64)
    high, low = bits >> 16, bits & 0xFFFF
    rounded = high + ((low > 0x8000) | ((low == 0x8000) & (high % 2 == 1)))
    return np.where(bits & 0x7FFFFFFF > 0x7F800000, high | 0x40, rounded).astype(np.uint16)


def from_bfloat16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def steps_of(kind, K):
    return -(-K // PER_STEP[kind])


@dataclass
class Rows:
    """Rows [T, K] as a product takes them, and what they stand for."""

    kind: str
    data: np.ndarray  # [T, stride]; behind the last step of a row what must not be read
    value: np.ndarray  # [T, K] in double precision
    scale: np.ndarray | None = None  # int8
    low: np.ndarray | None = None

    def __getitem__(self, chosen):
        parts = (self.data, self.value, self.scale, self.low)
        return Rows(self.kind, *(part if part is None else part[chosen].copy() for part in parts))

    @property
    def quantized(self):
        """[T, K] of int8's whole numbers."""
        return self.data[:, : self.value.shape[1]].astype(float)


def make_rows(kind, x, gap=0):
    """Rows that stand for float32 numbers x [T, K] as near as they can."""
    T, K = x.shape
    width = steps_of(kind, K) * PER_STEP[kind]
    if kind == "float32":
        data = np.full((T, width + gap), np.nan, np.float32)
        data[:, :K] = x
        return Rows(kind, data, x.astype(float))
    if kind == "bfloat16":
        data = np.full((T, width + gap), 0x7FFF, np.uint16)
        data[:, :width] = 0
        data[:, :K] = to_bfloat16(x)
        return Rows(kind, data, from_bfloat16(data[:, :K]).astype(float))
    data = np.full((T, width + gap), 255, np.uint8)
    low = x.min(axis=1).astype(np.float32)
    scale = ((x.max(axis=1) - low) / 255).astype(np.float32)
    scale[scale == 0] = 1
    data[:, :K] = np.rint((x - low[:, None]) / scale[:, None])
    value = low[:, None].astype(float) + scale[:, None].astype(float) * data[:, :K]
    return Rows(kind, data, value, scale, low)


def random_rows(rng, kind, T, K, gap=0):
    return make_rows(kind, rng.normal(size=(T, K)).astype(np.float32), gap)


def random_weights(rng, kind, N, K):
    """Float32 weights [N, K], and what they are once they are packed.

    For int8 they are whole numbers times powers of two, which packing must find again."""
    if kind == "int8":
        whole = rng.integers(-127, 128, (N, K))
        whole[np.arange(N), rng.integers(0, K, N)] = rng.choice([-127, 127], N)
        w = (whole * 2.0 ** rng.integers(-12, -6, (N, 1))).astype(np.float32)
        return w, w.astype(float)
    w = rng.normal(size=(N, K)).astype(np.float32)
    return w, (w if kind == "float32" else from_bfloat16(to_bfloat16(w))).astype(float)


def product(rows, w, bias=None, before=None):
    """x w^T + bias + before in double precision, and a bound of the error of float32.

    Of a chain of K additions: independent roundings grow with the square root of K.  Sums
    of whole numbers have no error; what remains are five roundings."""
    x = rows.value
    exact = x @ w.T
    if rows.kind == "int8":
        scaled = rows.scale[:, None] * np.abs(rows.quantized @ w.T)
        bound = 4 * UNIT * (scaled + np.abs(rows.low[:, None] * w.sum(axis=1)))
    else:
        bound = (2 + np.sqrt(x.shape[1])) * UNIT * (np.abs(x) @ np.abs(w).T)
    for more in (bias, before):
        if more is not None:
            exact = exact + more
            bound = bound + UNIT * np.abs(more)
    return exact, bound + 2 * UNIT * np.abs(exact)


def multiply(
    isa, rows, weights, biases, y, *, columns=(0, 0), add=False, act="linear", params=None, N=None,
    plain=False,
):  # fmt: skip
    """Run a product into y [T, stride]; several weights are parts side by side."""
    N = sum(w.shape[0] for w in weights) if N is None else N
    _core._kernel_multiply(
        isa, KINDS[rows.kind], y, y.shape[1], y.dtype == np.uint16, rows.data, rows.data.shape[1],
        rows.scale, rows.low, rows.data.shape[0], tuple(weights), tuple(biases), N,
        weights[0].shape[1], *columns, add, act, params, plain,
    )  # fmt: skip


def run(isa, rows, w, bias=None, **options):
    """The product with one matrix, float32 [T, N]."""
    y = np.full((rows.data.shape[0], w.shape[0]), np.nan, np.float32)
    multiply(isa, rows, [w], [bias], y, **options)
    return y


def assert_within(got, exact, bound, what=""):
    error = np.abs(got - exact)
    assert (error <= bound).all(), f"{what}: {np.nanmax(error / bound)} times the bound"
