"""Fits the polynomials of coefficients.h:  python fit.py > coefficients.h

Each is the minimax polynomial in relative error, found by Remez exchange in many digits and
rounded to f32.  Needs mpmath; the result does not depend on the machine.
"""

import numpy as np
from mpmath import mp, mpf

mp.dps = 80


def chebyshev(lo, hi, count):
    """Chebyshev nodes of [lo, hi], ascending."""
    return [
        (lo + hi) / 2 - (hi - lo) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * count))
        for k in range(count)
    ]


def remez(values, count, lo, hi):
    """Coefficients, lowest first, that minimise the largest |weight (target - polynomial)|.

    `values` is a function: x -> (target, weight), the weight positive.
    """
    grid = [(x, *values(x)) for x in chebyshev(lo, hi, 400)]
    points = chebyshev(lo, hi, count + 1)
    c = []
    for _ in range(10):
        matrix, right = mp.matrix(count + 1), mp.matrix(count + 1, 1)
        for row, x in enumerate(points):
            target, weight = values(x)
            for i in range(count):
                matrix[row, i] = x**i
            matrix[row, count] = (-1) ** row / weight
            right[row] = target
        solution = mp.lu_solve(matrix, right)
        c = [solution[i] for i in range(count)]
        # The largest error of each run of one sign: alternating points for the next round.
        peaks = []
        for x, target, weight in grid:
            error = weight * (target - mp.polyval(c[::-1], x))
            if peaks and (peaks[-1][1] > 0) == (error > 0):
                if abs(error) > abs(peaks[-1][1]):
                    peaks[-1] = (x, error)
            else:
                peaks.append((x, error))
        while len(peaks) > count + 1:
            peaks.pop(0 if abs(peaks[0][1]) < abs(peaks[-1][1]) else -1)
        if len(peaks) < count + 1:
            break
        points = [x for x, _ in peaks]
    return c


def fit(function, lo, hi, degree, fixed):
    """f32 coefficients after the `fixed` ones, and the relative error that all leave."""
    lo, hi, known = mpf(lo), mpf(hi), [mpf(x) for x in fixed]

    def rest(x):
        power, exact = x ** len(known), function(x)
        return (exact - mp.polyval(known[::-1], x) if known else exact) / power, abs(power / exact)

    c = [mpf(float(np.float32(float(x)))) for x in remez(rest, degree + 1 - len(known), lo, hi)]
    error = max(
        abs(1 - mp.polyval((known + c)[::-1], x) / function(x)) for x in chebyshev(lo, hi, 1000)
    )
    return c, error


def odd_over_x(function):
    """f(x) / x as a function of x^2."""
    return lambda s: function(mp.sqrt(s)) / mp.sqrt(s)


NORMAL_K = mpf(4)
NORMAL_MAX = mpf(15)


def normal_tail(w):
    """Q(t) exp(t^2/2) (t + K) at t = K (1 + w) / (1 - w), Q the upper tail of N(0, 1)."""
    t = NORMAL_K * (1 + w) / (1 - w)
    return mp.erfc(t / mp.sqrt(2)) / 2 * mp.exp(t * t / 2) * (t + NORMAL_K)


def gelu_rest(t):
    """max(t, 0) - gelu(t): what is symmetric in t."""
    return t * mp.erfc(t / mp.sqrt(2)) / 2


def gelu_tanh_rest(t):
    """The same of gelu's approximation by tanh."""
    return t * (1 - mp.tanh(mp.sqrt(2 / mp.pi) * (t + mpf("0.044715") * t**3))) / 2


SEGMENTS, DEGREE, PER_UNIT = 16, 5, mpf("2.625")


def fit_segments(function):
    """Rows of f32 coefficients [DEGREE + 1][SEGMENTS] and the absolute error.

    Segment i is where t * PER_UNIT rounds to i, and a polynomial in the difference.
    """
    columns, error = [], mpf(0)
    for i in range(SEGMENTS):
        lo = mpf(0) if i == 0 else mpf("-0.5")
        hi = mpf(0) if i == SEGMENTS - 1 else mpf("0.5")

        def shifted(u, i=i):
            return function((i + u) / PER_UNIT)

        if i == 0:  # 0 at 0
            c = [mpf(0), *remez(lambda u: (shifted(u) / u, u), DEGREE, lo, hi)]
        else:
            c = remez(lambda u: (shifted(u), mpf(1)), DEGREE + 1, lo, hi)
        c = [mpf(float(np.float32(float(x)))) for x in c]
        columns.append(c)
        for u in chebyshev(lo, hi, 100):
            error = max(error, abs(mp.polyval(c[::-1], u) - shifted(u)))
    return [[column[k] for column in columns] for k in range(DEGREE + 1)], error


TABLES = [
    ("GELU", "max(t, 0) - gelu(t)", gelu_rest),
    ("GELU_TANH", "the same of gelu's approximation by tanh", gelu_tanh_rest),
]

FITS = [
    # name, formula, function, lo, hi, degree, leading coefficients that are given.
    # (-0.347, 0.3472): log(2)/2 and some slack, and no Chebyshev node at 0.
    ("EXP", "exp(x) = 1 + x + x^2 P(x), |x| <= log(2)/2", mp.exp, "-0.347", "0.3472", 6, (1, 1)),
    (
        "TANH",
        "tanh(x) = x + x^3 P(x^2), |x| <= 0.625",
        odd_over_x(mp.tanh),
        0,
        mpf("0.625") ** 2,
        5,
        (1,),
    ),
    ("ATANH", "atanh(x) = x + x^3 P(x^2), |x| <= 1/3", odd_over_x(mp.atanh), 0, "0.1112", 5, (1,)),
    (
        "NORMAL",
        "Q(t) = exp(-t^2/2) / (t + 4) P((t - 4) / (t + 4)), 0 <= t <= 15",
        normal_tail,
        -1,
        (NORMAL_MAX - NORMAL_K) / (NORMAL_MAX + NORMAL_K),
        9,
        (),
    ),
]


def main():
    """Print the header."""
    print("/* Written by fit.py; do not edit.  Lowest coefficient first; the error stated is")
    print(" * relative, of the whole formula, before rounding in its evaluation. */")
    print("/* clang-format off */")
    print("#ifndef TXE_KERNELS_COEFFICIENTS_H\n#define TXE_KERNELS_COEFFICIENTS_H")
    for name, formula, function, lo, hi, degree, fixed in FITS:
        c, error = fit(function, lo, hi, degree, fixed)
        print(f"\n/* {formula}; error {mp.nstr(error, 2)} */")
        print(f"static const float {name}_POLY[] = {{")
        for value in c:
            print(f"    {float(value).hex().replace('0000000p', 'p')}f,")
        print("};")
    for name, formula, function in TABLES:
        rows, error = fit_segments(function)
        print(f"\n/* {formula}, in segments of width")
        print(" * 1/2.625 around their middles: the row is the power of the distance from there,")
        print(f" * times 2.625, the column the segment; absolute error {mp.nstr(error, 2)} */")
        print(f"static const float {name}_TABLE[{DEGREE + 1}][{SEGMENTS}] = {{")
        for row in rows:
            values = ", ".join(f"{float(value).hex().replace('0000000p', 'p')}f" for value in row)
            print(f"    {{{values}}},")
        print("};")
    print("\n#endif")


if __name__ == "__main__":
    main()
