"""Ids found chunk by chunk, from memory, against those that the whole pipeline finds."""

import os
import random
import subprocess
import sys

import numpy as np
import pytest

from pytxenc import _core

BYTES = {
    "type": "ByteLevel",
    "add_prefix_space": False,
    "trim_offsets": True,
    "use_regex": True,
}
METASPACE = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always"}
BERT = {
    "type": "BertNormalizer",
    "clean_text": True,
    "handle_chinese_chars": True,
    "strip_accents": True,
    "lowercase": True,
}
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def byte_level(prefix=False):
    letters = [chr(c) for c in [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x144)]]
    merges = [("t", "h"), ("th", "e"), ("\u0120", "the"), ("a", "n"), ("an", "d"), ("'", "s")]
    tokens = dict.fromkeys([*letters, *(a + b for a, b in merges)])
    model = {"type": "BPE", "vocab": {t: i for i, t in enumerate(tokens)}, "merges": merges}
    return {"model": model, "pre_tokenizer": {**BYTES, "add_prefix_space": prefix}}


def wordpiece(**changes):
    tokens = ["[UNK]", "the", "and", *LETTERS, *("##" + c for c in LETTERS), *",.!?'-_字語"]
    model = {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {t: i for i, t in enumerate(tokens)},
    }
    normalizer = {**BERT, **changes}
    return {"model": model, "normalizer": normalizer, "pre_tokenizer": {"type": "BertPreTokenizer"}}


def unigram(*steps):
    pieces = ["<unk>", "\u2581", "\u2581the", "\u2581and", *LETTERS, *",.!?'-_字語"]
    vocab = [[piece, -float(i)] for i, piece in enumerate(pieces)]
    return {
        "model": {"type": "Unigram", "vocab": vocab, "unk_id": 0, "byte_fallback": False},
        "normalizer": {"type": "Sequence", "normalizers": list(steps)},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "WhitespaceSplit"}, METASPACE],
        },
    }


def added(*contents, normalized):
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "special": False}
    return [
        {"id": 1000 + i, "content": content, "normalized": normalized, **flags}
        for i, content in enumerate(contents)
    ]


SPECS = {
    "bytes": byte_level(),
    "bytes with a space": byte_level(prefix=True),
    "bytes with tokens": {
        **byte_level(),
        "added_tokens": added("<mask>", "y ", normalized=False),
    },
    "bytes with normalized tokens": {
        **byte_level(),
        "added_tokens": added("foo bar", "thethe", normalized=True),
    },
    "wordpiece": wordpiece(),
    "wordpiece with accents": wordpiece(strip_accents=False, lowercase=False),
    "wordpiece without cleaning": wordpiece(clean_text=False, handle_chinese_chars=False),
    "wordpiece with tokens": {**wordpiece(), "added_tokens": added("a-b", "an", normalized=True)},
    "unigram": unigram({"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}),
    "unigram composed": unigram({"type": "NFKC"}),
    "unigram with a word of two": unigram(
        {"type": "Replace", "pattern": {"String": "x y"}, "content": "z"}
    ),
}
SEPARATORS = [
    *(" ", "  ", "\n", "\t", "\r\n", "\r", "\v", "\f", "\0", "", "", "\u00a0", "\u3000", "\u200d"),
    *(" \u0301", "\u0301 ", "\u0600 ", "'s", "'", "'ll ", "'re", ", ", ".", "-", "_", "=\u0338"),
    *(
        "\u201c",
        "\u2019",
        "\u2014",
        "字",
        "，",
        "é",
        "１２",
        "\u0e33",
        "\U0001f468\u200d\U0001f469",
    ),
    *("<mask>", "foo bar", "thethe", "a-b", "x y", "2024", " 's", "\u0130", "ǅ", "ﬁ"),
]


def texts(seed, count):
    """Words, white space and odd characters; words that come again; words of every length."""
    rnd = random.Random(seed)
    words = ["the", "and", "a", "The", "x", "y", "b" * 14, "c" * 15, "d" * 16, "e" * 62]
    words += ["f" * 63, "g" * 64, "h" * 65, "i" * 190, "j" * 191, "k" * 200]
    words += ["l" * 999, "m" * 1000, "n" * 1001, "o" * 3000]
    words += ["naïve", "語" * 30, "語" * 62, "zzzzzz"]
    for _ in range(count):
        parts = []
        for _ in range(rnd.choice([0, 1, 2, 5, 20, 80])):
            known = rnd.random() < 0.7
            parts.append(rnd.choice(words) if known else chr(rnd.randrange(1, 0xD800)))
            parts.append(" " if rnd.random() < 0.5 else rnd.choice(SEPARATORS))
        yield "".join(parts)


def rows(arrays):
    return [row.tolist() for row in np.split(arrays["ids"], arrays["rows"][1:-1])]


@pytest.mark.parametrize("name", SPECS)
def test_chunks_change_no_ids(name):
    core = _core.Tokenizer(SPECS[name])
    for seed in range(3):
        batch = list(texts(seed, 400))
        whole = rows(core.encode_batch(batch, fields=["offsets"]))
        for _ in range(2):  # not known, and remembered
            for text, ids, expected in zip(
                batch, rows(core.encode_batch(batch)), whole, strict=True
            ):
                assert ids == expected, text


@pytest.mark.parametrize("name", ["bytes", "wordpiece", "unigram"])
def test_every_code_point(name):
    core = _core.Tokenizer(SPECS[name])
    step = 7 if os.environ.get("PYTXENC_TEST_ALL") is None else 1
    points = [c for c in range(1, 0x110000, step) if not 0xD800 <= c < 0xE000]
    points = [*range(1, 0x3100), *points]
    batch = [f"a {chr(c)} b x{chr(c)}y, {chr(c)}{chr(c)}'s\n{chr(c)}" for c in points]
    whole = core.encode_batch(batch, fields=["word_ids"])
    ids = core.encode_batch(batch)
    np.testing.assert_array_equal(ids["rows"], whole["rows"])
    np.testing.assert_array_equal(ids["ids"], whole["ids"])


def shifted_texts():
    """What depends on its neighbours, at every place of the blocks that loops go by."""
    ends = [
        "'s ",
        "'ll'll",
        "''s's",
        "'re\u3000 x",
        " \u00a0 'd",
        "  \u3000\u3000",
        "é'm",
        "語 's語",
    ]
    ends += ["!'s", "1'ves", " 't", "\t\n", "x\u0301'", "\U0001d400's", "½½ ½", "\u2028\u2029z"]
    return [
        filler * shift + end + "y the" for end in ends for filler in "a .1" for shift in range(70)
    ]


def broken_utf8(seed, count):
    """Bytes that are nearly UTF-8, and some that are."""
    rnd = random.Random(seed)
    pieces = [b"a" * 61, b"the ", "é".encode(), "語".encode(), "\U0001f468".encode(), b"\xc0\x80"]
    pieces += [
        b"\xe0\x9f\xbf",
        b"\xed\xa0\x80",
        b"\xf0\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xff",
        b"\x80",
    ]
    pieces += [
        b"\xed\x9f\xbf",
        b"\xef\xbf\xbf",
        b"\xf4\x8f\xbf\xbf",
        b"\xc2",
        b"\xe1\x80",
        b"\xf5\x80\x80\x80",
    ]
    for _ in range(count):
        good = b"".join(rnd.choices(pieces[:5], k=rnd.choice([1, 5, 40])))
        bad = bytearray(good + rnd.choice(pieces) + b"".join(rnd.choices(pieces[:5], k=20)))
        for _ in range(rnd.choice([0, 0, 1])):
            bad[rnd.randrange(len(bad))] = rnd.randrange(256)
        yield bytes(bad[: rnd.choice([len(bad), rnd.randrange(len(bad) + 1)])])


def check_utf8(core, seed, count):
    """encode_flat's errors against Python's own."""
    for data in broken_utf8(seed, count):
        found = expected = None
        try:
            data.decode()
        except UnicodeDecodeError as error:
            expected = f"document 0: byte {error.start} is not UTF-8"
        try:
            core.encode_flat(data, np.array([len(data)]))
        except ValueError as error:
            found = str(error)
        assert found == expected, data


CHECK = """
import sys
sys.path[:0] = [{here!r}]
import test_chunks as t
from pytxenc import _core
for name, spec in t.SPECS.items():
    core = _core.Tokenizer(spec)
    batch = list(t.texts(11, 300)) + t.shifted_texts()
    assert t.rows(core.encode_batch(batch)) == t.rows(core.encode_batch(batch, fields=["offsets"]))
t.check_utf8(_core.Tokenizer(t.SPECS["bytes"]), 5, 20_000)
print(_core.get_isa())
"""


@pytest.mark.parametrize("isa", _core._kernel_isas())
def test_every_instruction_set(isa):
    code = CHECK.format(here=os.path.dirname(__file__))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTXENC_ISA": isa},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [isa]


@pytest.mark.parametrize(("before", "count"), [(" w", 400_000), (" " + "w" * 20, 150_000)])
def test_more_words_than_are_remembered(before, count):
    core = _core.Tokenizer(SPECS["bytes"])
    words = [f"{before}{i:x}" for i in range(count)]
    text = "".join(words)
    whole = core.encode_batch([text], fields=["word_ids"])["ids"]
    for _ in range(2):
        np.testing.assert_array_equal(core.encode_batch([text])["ids"], whole)


def test_what_truncation_drops_is_not_needed():
    core = _core.Tokenizer(SPECS["bytes"])
    batch = [text * 20 for text in texts(5, 100)]
    for limit in (1, 2, 7, 100):
        for side in ("left", "right"):
            given = dict(truncation="longest_first", max_length=limit, truncation_side=side)
            short = core.encode_batch(batch, **given)
            whole = core.encode_batch(batch, fields=["offsets"], **given)
            assert rows(short) == rows(whole)


def test_a_stride_without_room_is_an_error_wherever_the_cut_is():
    core = _core.Tokenizer(SPECS["bytes"])
    given = dict(truncation="longest_first", max_length=2, stride=2, pretokenized=True)
    for words in (["x", "y", "z"], ["x y", "z"], ["xy", "z"]):
        for fields in ([], ["offsets"]):
            with pytest.raises(ValueError, match="stride"):
                core.encode_batch([words], fields=fields, **given)


def test_flat_ids_are_those_of_the_documents():
    core = _core.Tokenizer(SPECS["bytes"])
    documents = list(texts(3, 500))
    data = [text.encode() for text in documents]
    ends = np.cumsum([len(text) for text in data])
    expected = rows(core.encode_batch(documents))
    for dtype in ("uint16", "uint32"):
        for ids, found in (
            core.encode_flat(b"".join(data), ends, dtype=dtype),
            core.encode_flat(documents, dtype=dtype),
        ):
            assert ids.dtype == dtype
            assert [row.tolist() for row in np.split(ids, found[:-1])] == expected


@pytest.mark.parametrize(
    ("data", "ends", "message"),
    [
        (b"ab\xff", [1, 3], r"document 1: byte 1 is not UTF-8"),
        (b"a" * 40 + b"\xc3", [41], r"document 0: byte 40 is not UTF-8"),
        ("é".encode(), [1, 2], r"document 0: byte 0 is not UTF-8"),
        (b"ab", [2, 1], r"ends\[1\] is 1; it must be from 2 to 2"),
        (b"ab", [3], r"ends\[0\] is 3; it must be from 0 to 2"),
    ],
)
def test_bad_documents(data, ends, message):
    core = _core.Tokenizer(SPECS["bytes"])
    with pytest.raises(ValueError, match=message):
        core.encode_flat(data, np.array(ends))


def test_ids_that_do_not_fit():
    spec = {**byte_level(), "added_tokens": []}
    spec["model"] = {**spec["model"], "vocab": {**spec["model"]["vocab"], "the": 70_000}}
    core = _core.Tokenizer(spec)
    assert core.encode_flat(["the"])[0].tolist() == [70_000]
    with pytest.raises(ValueError, match="document 0: an id is above 65535"):
        core.encode_flat(["the"], dtype="uint16")
    with pytest.raises(ValueError, match="'uint16' or 'uint32', not 'int8'"):
        core.encode_flat(["the"], dtype="int8")
