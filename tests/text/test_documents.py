"""Validity, documents and lines of plain text in C, against Python's own."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytxenc import _core

PARTS = [b"a", b"bc", "é".encode(), "中".encode(), "😀".encode(), b"\xe4", b"\xb8", b"\xf0\x9f"]
EDGES = [0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFD, 0xFFFF, 0x10000, 0x10FFFF]


def is_utf8(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@settings(max_examples=500, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PARTS), st.binary(max_size=3))), st.integers(0, 9))
def test_valid(parts, before):
    data = b"x" * before + b"".join(parts)
    for text in (data, data + b"y" * 20):
        assert _core.text_valid(text) == is_utf8(text)
        assert _core.text_valid(np.frombuffer(text, np.uint8)) == is_utf8(text)


def test_valid_at_the_edges():
    assert all(_core.text_valid(chr(c).encode()) for c in EDGES) and _core.text_valid(b"")
    for c in (0xD800, 0xDBFF, 0xDC00, 0xDFFF):
        assert not _core.text_valid(chr(c).encode("utf-8", "surrogatepass"))
    too_long = [b"\xc0\x80", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf"]
    for data in [*too_long, b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xff", b"\xfe"]:
        assert not _core.text_valid(data) and not is_utf8(data)
    rng = random.Random(1)
    for _ in range(2000):
        data = bytes(rng.choices([0x41, 0x80, 0xBF, 0xC3, 0xE2, 0xED, 0xA0, 0xF0, 0xF4, 0x90], k=6))
        assert _core.text_valid(data) == is_utf8(data), data


TEXTS = st.text(st.sampled_from("ab \t\r\n\v\f\n\n"), max_size=60).map(str.encode)


def lines_of(text):
    """(begin, end) of the lines."""
    begin, spans = 0, []
    for line in text.split(b"\n"):
        spans.append((begin, begin + len(line)))
        begin += len(line) + 1
    last = spans.pop()
    spans = [(b, e - (e > b and text[e - 1] == 13)) for b, e in spans]
    return spans + [last] * (last[0] < last[1])


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_documents(text):
    lines = lines_of(text)
    assert _core.find_documents(text, True).reshape(-1, 2).tolist() == [list(s) for s in lines]
    documents = [[]]
    for begin, end in lines:
        if text[begin:end].strip():
            documents[-1].append((begin, end))
        else:
            documents.append([])
    expected = [[spans[0][0], spans[-1][1]] for spans in documents if spans]
    assert _core.find_documents(text, False).tolist() == expected


@settings(max_examples=500, deadline=None)
@given(st.lists(TEXTS, max_size=5))
def test_lines(documents):
    text = b"".join(documents)
    ends = np.cumsum([len(document) for document in documents], dtype=np.int64)
    spans, counts = _core.find_lines(text, ends)
    start, expected, count = 0, [], []
    for document in documents:
        kept = [(b, e) for b, e in lines_of(document) if document[b:e].strip()]
        expected += [[start + b, start + e] for b, e in kept]
        count.append(len(expected))
        start += len(document)
    assert spans.tolist() == expected and counts.tolist() == count
    assert spans.shape == (len(expected), 2) and spans.dtype == counts.dtype == np.int64


@settings(max_examples=500, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 60), max_size=8), st.booleans())
def test_join(text, cuts, drop_cr):
    cuts = sorted(min(cut, len(text)) for cut in cuts)
    cuts = cuts[: len(cuts) // 2 * 2]
    spans = np.array(cuts, np.int64).reshape(-1, 2)
    data, ends = _core.join_spans(text, spans, drop_cr)
    parts = [text[begin:end] for begin, end in spans.tolist()]
    if drop_cr:
        parts = [part.replace(b"\r\n", b"\n") for part in parts]
    assert data.tobytes() == b"".join(parts) and data.dtype == np.uint8
    assert ends.tolist() == np.cumsum([len(part) for part in parts], dtype=int).tolist()


@pytest.mark.parametrize(
    "spans",
    [[[0, 4]], [[-1, 2]], [[2, 1]], [[0, 2], [1, 3]], [[1 << 62, 1 << 62]], [0, 2], [[0, 1, 2]]],
)
def test_spans_outside_the_text(spans):
    with pytest.raises(ValueError, match="join_spans"):
        _core.join_spans(b"abc", np.array(spans, np.int64), False)


@pytest.mark.parametrize("ends", [[4], [-1], [2, 1], [1 << 62]])
def test_ends_outside_the_text(ends):
    with pytest.raises(ValueError, match="find_lines"):
        _core.find_lines(b"abc", np.array(ends, np.int64))


def test_wrong_types():
    with pytest.raises(TypeError):
        _core.text_valid("str")
    with pytest.raises(TypeError):
        _core.find_documents("str", False)
    with pytest.raises((TypeError, ValueError)):
        _core.join_spans(b"abc", [[0.5, 1.5]], False)
    with pytest.raises((TypeError, ValueError)):
        _core.find_lines(b"abc", [0.5])
