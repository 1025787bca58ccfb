"""Properties of every code point, against the reference's own behaviour."""

import itertools
import random
import unicodedata

import pytest
from text_reference import (
    CODE_POINTS,
    FLAGS,
    Step,
    from_byte_level,
    load_tables,
    our_spans,
    reference_normalizer,
    reference_pre_tokenizer,
    reference_spans,
    same,
    tokenizers,
)

from pytxenc import _core

CHUNK = 1 << 14


def chunks(template: str):
    """Texts in which every code point stands in the template once."""
    for start in range(0, len(CODE_POINTS), CHUNK):
        yield "".join(template.replace("{}", chr(c)) for c in CODE_POINTS[start : start + CHUNK])


def normalized(steps: list[Step], text: str) -> str:
    return _core._text_run(steps, [], text, False)[0].decode()


NORMALIZERS = [
    [("NFC",)],
    [("NFD",)],
    [("NFKC",)],
    [("NFKD",)],
    [("Lowercase",)],
    [("StripAccents",)],
    *([("BertNormalizer", *flags)] for flags in FLAGS if sum(flags) in (1, 4)),
]


@pytest.mark.parametrize("steps", NORMALIZERS, ids=str)
def test_every_code_point_is_normalized(steps):
    reference = reference_normalizer(steps)
    changed = []
    for start in range(0, len(CODE_POINTS), CHUNK):
        some = [chr(c) for c in CODE_POINTS[start : start + CHUNK]]
        text = "-".join(some)
        ours = normalized(steps, text)
        assert same(ours, reference.normalize_str(text))
        if ours != text:
            changed += [c for c in some if normalized(steps, c) != c]
    text = "-".join(changed)
    assert same(our_spans(steps, text), reference_spans(steps, text))


def test_every_code_point_is_stripped_alone():
    steps = [("Strip", True, True)]
    reference = reference_normalizer(steps)
    different = [
        c for c in CODE_POINTS if normalized(steps, chr(c)) != reference.normalize_str(chr(c))
    ]
    assert different == []


@pytest.mark.slow
@pytest.mark.parametrize("template", ["a{}a", "1{}1", "!{}!", " {} ", "\n{}"])
@pytest.mark.parametrize(
    "split", [("BertPreTokenizer",), ("WhitespaceSplit",), ("ByteLevel", False, True)], ids=str
)
def test_every_code_point_is_split(split, template):
    reference = reference_pre_tokenizer([split])
    for text in chunks(template):
        data, _, words = _core._text_run([], [split], text, False)
        ours = [data[start:end] for start, end in words.tolist()]
        theirs = [piece for piece, _ in reference.pre_tokenize_str(text)]
        raw = from_byte_level if split[0] == "ByteLevel" else str.encode
        assert same(ours, [raw(piece) for piece in theirs])


def test_combining_classes():
    """Every mark goes on the same side of a mark of each class."""
    marks: dict[int, str] = {}
    for c in CODE_POINTS:
        if unicodedata.combining(chr(c)) and not unicodedata.decomposition(chr(c)):
            marks.setdefault(unicodedata.combining(chr(c)), chr(c))
    assert len(marks) > 50
    for mark in (marks[1], marks[240]):
        for template in (mark + "{}-", "{}" + mark + "-"):
            for text in chunks(template):
                reference = reference_normalizer([("NFD",)]).normalize_str(text)
                assert same(normalized([("NFD",)], text), reference)
    combining = [chr(c) for c in CODE_POINTS if unicodedata.combining(chr(c))]
    pairs = itertools.product(marks.values(), combining)
    text = "-".join(f"{a}{b}-{b}{a}" for a, b in pairs)
    reference = reference_normalizer([("NFD",)]).normalize_str(text)
    assert same(normalized([("NFD",)], text), reference)


def test_every_pair_composes():
    """All that begins some composite with all that ends one, and all of Hangul."""
    firsts, seconds = set(), set()
    for c in CODE_POINTS:
        parts = unicodedata.decomposition(chr(c)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            firsts.add(chr(int(parts[0], 16)))
            seconds.add(chr(int(parts[1], 16)))
    assert len(firsts) > 300 and len(seconds) > 50
    pairs = [a + b for a, b in itertools.product(sorted(firsts), sorted(seconds))]
    jamo = (range(0x10FF, 0x1114), range(0x1160, 0x1177), range(0x11A6, 0x11C4))
    pairs += [a + b + c for a, b, c in itertools.product(*(map(chr, r) for r in jamo))]
    pairs += [chr(s) + chr(t) for s in range(0xABFE, 0xD7A8) for t in (0x11A7, 0x11A8, 0x11C2)]
    text = "\n".join(pairs)
    reference = reference_normalizer([("NFC",)]).normalize_str(text)
    assert same(normalized([("NFC",)], text), reference)


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_utf8_valid():
    leads = [0, 0x7F, 0x80, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF]
    leads += [0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFC, 0xFF]
    nexts = [0, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]
    samples = [bytes(p) for n in range(4) for p in itertools.product(leads, *[nexts] * n)]
    rng = random.Random(1)
    samples += [bytes(rng.choices(leads + nexts, k=rng.randint(0, 9))) for _ in range(20000)]
    wrong = [data for data in samples if _core._text_utf8_valid(data) != is_utf8(data)]
    assert wrong == []
    assert _core._text_utf8_valid("".join(map(chr, CODE_POINTS)).encode())


@pytest.mark.slow
@pytest.mark.skipif(
    not tokenizers.__version__.startswith("0.23."), reason="the tables are those of 0.23"
)
def test_tables_are_the_references_answers():
    tables = load_tables()
    with open(tables.__file__.replace(".py", ".h"), encoding="utf-8") as file:
        ours = file.read().split("\n", 1)[1]  # after the line that names the version
    assert same(tables.header().split("\n", 1)[1], ours)
