"""Attention of every instruction set against double precision, in float32 and bfloat16."""

import numpy as np
import pytest
from precisions import KINDS, assert_within, from_bfloat16, to_bfloat16

from pytxenc import _core


@pytest.fixture(params=["float32", "bfloat16"])
def kind(request):
    return request.param


@pytest.fixture
def set_threads():
    before = _core.get_num_threads()
    yield _core.set_num_threads
    _core.set_num_threads(before)


class Case:
    """Queries, keys and values of the rows of a batch, side by side as a product leaves them.

    Rows of a sequence: its real tokens, then what else is computed; all where none is real.
    """

    def __init__(self, rng, kind, B, S, H, D, mask=None, needed=None, scale=1.0):
        self.kind, self.B, self.S, self.H, self.D = kind, B, S, H, D
        self.mask, self.bias, self.C = mask, None, H * D
        self.needed = np.zeros((B, S), bool) if needed is None else needed
        self.sequences = []  # (first row, positions, how many of them are keys)
        start = 0
        for b in range(B):
            real = np.flatnonzero(mask[b]) if mask is not None else np.arange(S)
            extra = np.flatnonzero(self.needed[b] & ~mask[b]) if mask is not None else []
            if len(real) == 0:
                real, extra = np.arange(S), []
            positions = np.concatenate([real, extra]).astype(int)
            self.sequences.append((start, positions, len(real)))
            start += len(positions)
        x = (rng.normal(size=(start, 3 * self.C)) * scale).astype(np.float32)
        self.stored = to_bfloat16(x) if kind == "bfloat16" else x
        self.value = (from_bfloat16(self.stored) if kind == "bfloat16" else x).astype(float)

    def results(self):
        """Rows whose positions are needed."""
        return [
            start + i
            for b, (start, positions, _) in enumerate(self.sequences)
            for i, position in enumerate(positions)
            if self.needed[b, position]
        ]

    def run(self, isa, narrow=False, results_only=False, probs=None, place=None):
        keys, values = (self.stored[:, i * self.C :] for i in (1, 2))
        if place is None:  # where the product left them: strided, one array
            flat, stride = self.stored.ravel(), 3 * self.C
            q, k, v = flat, flat[self.C :], flat[2 * self.C :]
        else:
            stride = self.C
            q, k, v = (place(part[:, : self.C]) for part in (self.stored, keys, values))
        n = len(self.stored)
        ldq = stride
        if results_only:
            chosen = self.results()
            n, ldq = len(chosen), self.C + 6
            q = np.full((n, ldq), 0x7FFF if self.kind == "bfloat16" else np.nan, q.dtype)
            q[:, : self.C] = self.stored[chosen, : self.C]
        gap = 4 if narrow else 0
        out = np.full((n, self.C + gap), 7, np.uint16 if narrow else np.float32)
        out = place(out) if place else out
        _core._kernel_attention(
            isa, KINDS[self.kind], out, self.C + gap, narrow, q, ldq, k, v, stride, self.B,
            self.S, self.H, self.D, self.mask, self.needed, results_only, self.bias, probs,
        )  # fmt: skip
        assert (out[:, self.C :] == 7).all()
        return out[:, : self.C]

    def exact(self):
        """The result [T, C], a bound of its error, and the probabilities [B, H, S, S]."""
        out, bound = np.zeros((2, len(self.value), self.C))
        probs = np.zeros((self.B, self.H, self.S, self.S))
        for b, (start, positions, nkeys) in enumerate(self.sequences):
            rows, keys = slice(start, start + len(positions)), slice(start, start + nkeys)
            uniform = self.mask is not None and not self.mask[b].any()
            for h in range(self.H):
                q, k, v = (self.value[:, i * self.C + h * self.D :][:, : self.D] for i in range(3))
                scores = q[rows] @ k[keys].T / np.sqrt(self.D) * (not uniform)
                if self.bias is not None:
                    scores = scores + self.bias[b, h]
                p = np.exp(scores - scores.max(axis=1, keepdims=True))
                p /= p.sum(axis=1, keepdims=True)
                columns = slice(h * self.D, (h + 1) * self.D)
                out[rows, columns] = p @ v[keys]
                # Of softmax, of the scores, and of probabilities rounded to bfloat16.
                relative = 4e-6 + 1e-6 * np.abs(scores[np.isfinite(scores)]).max()
                if self.kind == "bfloat16":
                    relative += 2.0**-8
                bound[rows, columns] = relative * (p @ np.abs(v[keys])) + 1e-44
                probs[b, h][np.ix_(positions, positions[:nkeys])] = p
        return out, bound, probs


def ragged(B, S):
    """Sequences of all lengths, at the right or the left end, one of them empty."""
    lengths = np.linspace(S, 0, B).astype(int)
    mask = np.arange(S) < lengths[:, None]
    mask[1::2] = mask[1::2, ::-1]
    return mask


@pytest.mark.parametrize("D", [1, 2, 5, 16, 31, 64, 80])
def test_every_length(isa, kind, D, rng):
    if kind == "bfloat16" and D % 2:
        pytest.skip("bfloat16 comes in pairs")
    for S in range(1, 71, 1 if D == 16 else 7):
        case = Case(rng, kind, 1, S, 2, D)
        exact, bound, _ = case.exact()
        assert_within(case.run(isa), exact, bound, S)


def test_nothing_outside_is_touched(isa, kind, place, rng):
    for B, S, H, D in [(1, 1, 1, 2), (1, 17, 3, 6), (2, 33, 1, 64), (1, 50, 2, 18)]:
        case = Case(rng, kind, B, S, H, D)
        exact, bound, _ = case.exact()
        out = case.run(isa, place=place)
        assert_within(out, exact, bound)
        np.testing.assert_array_equal(out, case.run(isa))


@pytest.mark.parametrize("scale", [1, 5], ids=["soft", "sharp"])
def test_ragged_batch(isa, kind, scale, rng):
    mask = ragged(6, 40)
    needed = np.zeros((6, 40), bool)
    needed[:, 0] = True
    case = Case(rng, kind, 6, 40, 3, 10, mask, needed, scale)
    exact, bound, exact_probs = case.exact()
    probs = np.zeros((6, 3, 40, 40), np.float32)
    assert_within(case.run(isa, probs=probs), exact, bound)
    np.testing.assert_allclose(probs, exact_probs, rtol=1e-4, atol=1e-30)
    assert (probs[exact_probs == 0] == 0).all()


def test_long_sequences(isa, kind, rng):
    case = Case(rng, kind, 2, 600, 1, 64, ragged(3, 600)[:2])
    exact, bound, _ = case.exact()
    assert_within(case.run(isa), exact, bound)


def test_bias(isa, kind, rng):
    case = Case(rng, kind, 2, 30, 3, 8)
    case.bias = rng.normal(size=(2, 3, 30, 30)).astype(np.float32) * 3
    case.bias[:, :, :, 7] = -np.inf
    case.bias[0, 1, 4] = np.finfo(np.float32).min
    exact, bound, exact_probs = case.exact()
    probs = np.zeros((2, 3, 30, 30), np.float32)
    assert_within(case.run(isa, probs=probs), exact, bound)
    np.testing.assert_allclose(probs, exact_probs, rtol=1e-4, atol=1e-30)


def test_a_sequence_without_tokens_attends_to_all_alike(isa, kind, rng):
    case = Case(rng, kind, 2, 9, 2, 6, np.array([[True] * 9, [False] * 9]))
    out = case.run(isa)[9:]
    mean = case.value[9:, 2 * case.C :].mean(axis=0)
    limit = 5e-3 if kind == "bfloat16" else 1e-6
    np.testing.assert_allclose(out, np.broadcast_to(mean, out.shape), atol=limit)


def test_results_alone(isa, kind, rng):
    needed = rng.random((5, 37)) < 0.2
    needed[:, 0] = True
    case = Case(rng, kind, 5, 37, 2, 12, ragged(5, 37), needed)
    whole = case.run(isa)
    np.testing.assert_array_equal(case.run(isa, results_only=True), whole[case.results()])


def test_results_in_bfloat16_are_the_others_rounded(isa, rng):
    case = Case(rng, "bfloat16", 3, 41, 2, 20, ragged(3, 41))
    whole = case.run(isa)
    np.testing.assert_array_equal(case.run(isa, narrow=True), to_bfloat16(whole))


@pytest.mark.parametrize("shape", [(1, 1, 2, 8), (1, 200, 1, 16), (7, 50, 3, 6), (2, 330, 2, 64)])
def test_threads_do_not_matter(isa, kind, shape, set_threads, rng):
    B, S, H, D = shape
    case = Case(rng, kind, B, S, H, D, ragged(B, S) if B > 1 else None)
    set_threads(1)
    alone = case.run(isa)
    for threads in (2, 3, 8):
        set_threads(threads)
        np.testing.assert_array_equal(case.run(isa), alone)


def test_other_sequences_do_not_matter(isa, kind, rng):
    mask = np.ones((4, 60), bool)
    mask[1, 33:] = mask[2, :20] = False
    case = Case(rng, kind, 4, 60, 2, 14, mask)
    whole = case.run(isa)
    for start, positions, _ in case.sequences:
        alone = Case(rng, kind, 1, len(positions), 2, 14)
        alone.stored = case.stored[start : start + len(positions)].copy()
        np.testing.assert_array_equal(alone.run(isa), whole[start : start + len(positions)])


def test_what_is_not_finite_stays_in_its_head(isa, kind, rng):
    case = Case(rng, kind, 2, 20, 2, 6)
    finite = case.run(isa)
    nan = 0x7FC0 if kind == "bfloat16" else np.nan
    case.stored[3, 2 * case.C + 1] = nan  # a value: one column of the first head
    case.stored[25, case.C + 8] = nan  # a key: the second head of the second sequence
    got = case.run(isa)
    touched = np.zeros(got.shape, bool)
    touched[:20, 1] = touched[20:, 6:] = True
    assert np.isnan(got[touched]).all()
    np.testing.assert_array_equal(got[~touched], finite[~touched])


def test_scores_beyond_exp(isa, kind, rng):
    """One key wins, without overflow on the way."""
    case = Case(rng, kind, 1, 25, 1, 8, scale=60)
    exact, _, _ = case.exact()
    got = case.run(isa)
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got, exact, rtol=6e-3, atol=0.5)
