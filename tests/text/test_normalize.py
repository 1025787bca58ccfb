"""Normalisation steps and their alignment, against the reference on random strings."""

import random
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from text_reference import (
    CODE_POINTS,
    FLAGS,
    RICH,
    load_tables,
    our_spans,
    reference_normalizer,
    reference_spans,
    rich_texts,
    same,
)

from pytxenc import _core

QUOTES = [("Replace", "``", '"'), ("Replace", "''", '"')]
SEQUENCES = [
    [("NFC",)],
    [("NFD",)],
    [("NFKC",)],
    [("NFKD",)],
    [("NFKD",), ("StripAccents",)],
    [("NFKD",), ("NFC",), ("NFKC",), ("NFD",)],
    [("Lowercase",), ("NFC",)],
    [("Strip", True, False)],
    [("Strip", False, True)],
    [("Strip", True, True), ("NFKC",)],
    [("Prepend", "\u2581")],
    [("Prepend", "ab\u0301"), ("NFC",)],
    [("Replace", "a", "")],
    [("Replace", "a", "\u00e9\u0301x"), ("NFKC",)],
    [("NFD",), ("Replace", "\u0301", "zz"), ("Strip", True, True)],
    [*QUOTES, ("NFKD",), ("StripAccents",), ("Lowercase",)],
    *([("BertNormalizer", *flags)] for flags in FLAGS),
]


@pytest.mark.parametrize("steps", SEQUENCES, ids=str)
def test_random_texts(steps):
    for text in rich_texts(len(str(steps)), 4000):
        ours = our_spans(steps, text)
        assert ours == reference_spans(steps, text), ascii(text)
        without = _core._text_run(steps, [], text, False)
        assert without[0].decode() == "".join(c for c, _ in ours)
        assert without[1] is None


@pytest.mark.parametrize("steps", SEQUENCES, ids=str)
def test_empty_and_blank(steps):
    for text in ("", " ", "\0", "\u0301", "\ufffd", "\u3000 \u3000"):
        assert our_spans(steps, text) == reference_spans(steps, text)


@pytest.mark.parametrize(
    "pattern, text",
    [
        ("aa", "aaaaa"),
        ("aab", "aaaab aab aaab"),
        ("abab", "abaabababab"),
        ("a" * 50 + "b", "a" * 80 + "b" + "a" * 50 + "b"),
        ("\u00e9", "e\u00e9\u00e8\u00e9"),
        ("abc", "ab"),
    ],
)
def test_replace(pattern, text):
    steps = [("Replace", pattern, "X\u00e9")]
    assert our_spans(steps, text) == reference_spans(steps, text)
    assert [c for c, _ in our_spans(steps, text)] == list(text.replace(pattern, "X\u00e9"))


def test_replace_random():
    rng = random.Random(5)
    for _ in range(3000):
        pattern = "".join(rng.choices("ab", k=rng.randint(1, 40)))
        text = "".join(rng.choices(["a", "b", pattern, pattern[:-1]], k=rng.randint(0, 9)))
        ours = _core._text_run([("Replace", pattern, "-")], [], text, False)[0].decode()
        assert ours == text.replace(pattern, "-")


def test_origin_shifts_the_spans():
    steps = [("NFKD",), ("Lowercase",)]
    text = "\u00c9\ufdfa a"
    _, spans, _ = _core._text_run(steps, [], text)
    _, shifted, _ = _core._text_run(steps, [], text, True, 1000)
    assert (shifted == spans + 1000).all()


def test_text_too_long_for_spans():
    with pytest.raises(ValueError, match="too long for offsets"):
        _core._text_run([], [], "ab", True, 2**32 - 2)
    assert _core._text_run([], [], "ab", True, 2**32 - 3)[1].max() == 2**32 - 1
    assert _core._text_run([], [], "ab", False, 2**32)[0] == b"ab"


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_long_runs_of_marks(form):
    """Ordered stably and in linear time however many there are."""
    rng = random.Random(3)
    for length in (31, 32, 33, 500, 20000):
        text = "x" + "".join(rng.choices("\u0301\u0323\u0334\u0345\u0308\u0f73\u1ab0", k=length))
        assert same(our_spans([(form,)], text), reference_spans([(form,)], text))
    _core._text_run([(form,)], [], "e" + "\u0301\u0323" * 500_000)


# ---- SentencePiece's precompiled maps ----


def property_runs(tables) -> list[int]:
    """The entries of property_runs in unicode_tables.h."""
    header = Path(tables.__file__).with_suffix(".h").read_text(encoding="utf-8")
    array = header.partition("property_runs[] = {")[2].partition("}")[0]
    return [int(entry, 16) for entry in array.replace(",", " ").split()]


def test_random_maps():
    """Maps that make clusters, removals and expansions visible."""
    tables = load_tables()
    by_class: dict[int, list[str]] = {}
    for run, following in pairwise(property_runs(tables)):
        characters = map(chr, range(run >> 11, following >> 11))
        by_class.setdefault(run & 15, []).extend(characters)
    assert len(by_class) == len(tables.GRAPHEME_CLASSES)
    classes = list(by_class.values())
    rng = random.Random(7)
    for _ in range(400):
        letters = rng.choices(RICH, k=4) + [rng.choice(rng.choice(classes)) for _ in range(6)]
        letters += ["a", "\u0301", "\xa9"]
        pairs = ["".join(rng.choices(letters, k=2)) for _ in range(3)]
        entries = {
            key: key if rng.random() < 0.7 else rng.choice(["", "Z", "xyz", "\u0301", "\xe9a"])
            for key in rng.sample(letters, k=9) + pairs
            if "\0" not in key
        }
        steps = [("Precompiled", tables.charsmap(entries))]
        for _ in range(40):
            text = "".join(rng.choices(letters, k=rng.randint(0, 9)))
            assert our_spans(steps, text) == reference_spans(steps, text), ascii((text, entries))


def model_charsmap(model: bytes) -> bytes:
    """The precompiled_charsmap (field 2) of the normalizer_spec (field 3) of a .model."""

    def fields(data: bytes):
        at = 0

        def varint() -> int:
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    return value

        while at < len(data):
            tag = varint()
            if tag & 7 == 2:
                size = varint()
                yield tag >> 3, data[at : at + size]
                at += size
            elif tag & 7 == 0:
                varint()
            else:
                at += 4 if tag & 7 == 5 else 8

    spec = dict(fields(model))[3]
    return dict(fields(spec))[2]


@pytest.fixture(scope="module")
def albert_map(data_dir):
    path = data_dir / "tokenizers" / "albert-base-v2" / "spiece.model"
    if not path.exists():
        pytest.skip(f"no {path}")
    return model_charsmap(path.read_bytes())


def test_albert_map_on_every_code_point(albert_map):
    steps = [("Precompiled", albert_map)]
    reference = reference_normalizer(steps)
    for template in ("{}", "{}-", "a{}"):
        for start in range(0, len(CODE_POINTS), 1 << 16):
            some = CODE_POINTS[start : start + (1 << 16)]
            text = "".join(template.replace("{}", chr(c)) for c in some)
            ours = _core._text_run(steps, [], text, False)[0].decode()
            assert same(ours, reference.normalize_str(text))


@pytest.mark.parametrize("before", [[], [*QUOTES, ("NFKD",), ("StripAccents",), ("Lowercase",)]])
def test_albert_map_on_random_texts(albert_map, before):
    steps = [*before, ("Precompiled", albert_map)]
    for text in rich_texts(11, 300):
        assert our_spans(steps, text) == reference_spans(steps, text), ascii(text)


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "0 bytes, at least 4"),
        (b"\0\0\0", "3 bytes, at least 4"),
        (b"\0\0\0\0abc\0", "a trie of 0 bytes"),
        (struct.pack("<III", 6, 0, 0), "a trie of 6 bytes"),
        (struct.pack("<II", 8, 0), "a trie of 8 bytes"),
        (struct.pack("<II", 4, 0) + b"\xff\0", "not valid UTF-8"),
    ],
)
def test_malformed_maps(data, message):
    with pytest.raises(ValueError, match=message):
        _core._text_run([("Precompiled", data)], [], "abc")


def test_damaged_maps_do_no_harm():
    """Whatever the units say, lookups stay inside the map and the text stays UTF-8."""
    tables = load_tables()
    letters = "ab\u00e9\u0301\u1100\U0001f468"
    good = tables.charsmap({**{c: c + "\u00e9" for c in letters}, "ab": "\U0001f468"})
    rng = random.Random(9)
    used = [i for i in range(4, len(good), 4) if any(good[i : i + 4])]
    refused = 0
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            data[rng.choice(used) + rng.randrange(4)] = rng.randrange(256)
        try:
            out = _core._text_run([("Precompiled", bytes(data))], [], letters * 2)[0]
        except ValueError:
            refused += 1
        else:
            out.decode()
    assert refused < 3000
