"""Pre-tokenisers with offsets, against the reference on random strings."""

import pytest
from text_reference import our_words, reference_words, rich_texts

from pytxenc import _core

BYTE_LEVEL = [("ByteLevel", prefix, regex) for prefix in (False, True) for regex in (False, True)]
METASPACE = [
    ("Metaspace", cut, True, scheme)
    for cut in (False, True)
    for scheme in ("always", "first", "never")
]
SPLITS = [
    [],
    [("BertPreTokenizer",)],
    [("WhitespaceSplit",)],
    *([step] for step in BYTE_LEVEL + METASPACE),
    *([("WhitespaceSplit",), step] for step in BYTE_LEVEL + METASPACE),
    [("Metaspace", True, True, "first"), ("BertPreTokenizer",)],
    [("Metaspace", False, True, "always"), ("Metaspace", True, True, "first")],
    [("WhitespaceSplit",), ("BertPreTokenizer",), ("Metaspace", True, True, "first")],
]
NORMALIZERS = [
    [],
    [("Strip", True, True)],
    [("NFKC",)],
    [("NFKD",), ("StripAccents",), ("Lowercase",)],
    [("BertNormalizer", True, True, True, True)],
]


def texts(seed: int, count: int):
    for text in rich_texts(seed, count, longest=16):
        yield text
        yield text.replace("a", " ").replace("b", "\u2581")


@pytest.mark.parametrize("splits", SPLITS, ids=str)
@pytest.mark.parametrize("steps", NORMALIZERS, ids=str)
def test_random_texts(steps, splits):
    for text in texts(len(str((steps, splits))), 300):
        assert our_words(steps, splits, text) == reference_words(steps, splits, text), ascii(text)


CONTRACTIONS = [
    "I'm you're he'll we've it'd can't that's",
    "I'M YOU'RE 's 't 're 've 'm 'll 'd 'l 'r 'v 'x ' '' 's's '''s",
    "a's's 1's !'s  's\n's 'S 'll'll 'reread '\u00e9",
    "  a   b\n\nc \n d\t\t1\u00a0\u00a02 \u3000x  ",
    "   ",
    "\n",
    " \n ",
    "a ",
    " a",
    "x\r\n\r\ny",
    "1\u00bd\u2155 \u00b2 !? !! ?a",
]


@pytest.mark.parametrize("text", CONTRACTIONS, ids=ascii)
@pytest.mark.parametrize("step", BYTE_LEVEL, ids=str)
def test_byte_level_pattern(step, text):
    assert our_words([], [step], text) == reference_words([], [step], text)


@pytest.mark.parametrize("splits", SPLITS, ids=str)
def test_without_spans(splits):
    """The same words where offsets are not wanted and nothing has been normalised."""
    for text in texts(len(str(splits)), 200):
        data, _, words = _core._text_run([], splits, text)
        bare, spans, bare_words = _core._text_run([], splits, text, False)
        assert (bare, bare_words.tolist(), spans) == (data, words.tolist(), None)


def test_first_prefix_only_where_the_input_begins():
    steps = [("Metaspace", True, True, "first")]
    assert _core._text_run([], steps, "ab", True, 5, False)[0] == b"ab"
    assert _core._text_run([], steps, "ab", True, 0, True)[0] == "\u2581ab".encode()
    cut = [("WhitespaceSplit",), *steps]
    assert _core._text_run([], cut, " ab cd", True, 0, True)[2].tolist() == [[1, 3], [4, 6]]
    assert _core._text_run([], cut, "ab", True, 5, False)[0] == b"ab"


def test_long_texts_take_linear_time():
    for text in (" " * 300_000 + "x", "'" * 300_000, "\n " * 150_000, "a\u2581" * 100_000):
        for splits in SPLITS:
            _core._text_run([], splits, text)
