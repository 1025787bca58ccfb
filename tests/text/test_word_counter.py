"""Counting the words of a corpus: as the reference's normalizers and pre-tokenizers cut them."""

import random
import sys
import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_reference import from_byte_level, rich_texts
from tokenizers import normalizers, pre_tokenizers

import pytxenc
from pytxenc import _core

BPE = {"type": "BPE", "vocab": {}, "merges": []}
WORDPIECE = {
    "type": "WordPiece",
    "vocab": {"[UNK]": 0},
    "unk_token": "[UNK]",
    "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100,
}


def bert(lower, chinese=True):
    spec = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": chinese,
        "strip_accents": None,
        "lowercase": lower,
    }
    return {"model": WORDPIECE, "normalizer": spec, "pre_tokenizer": {"type": "BertPreTokenizer"}}


def byte_level(add_prefix_space, normalizer=None, use_regex=True):
    pre_tokenizer = {
        "type": "ByteLevel",
        "add_prefix_space": add_prefix_space,
        "trim_offsets": True,
        "use_regex": use_regex,
    }
    return {"model": BPE, "normalizer": normalizer, "pre_tokenizer": pre_tokenizer}


WHITESPACE = {"type": "WhitespaceSplit"}
# Each with the reference's classes for the same.
PIPELINES = {
    "roberta": (byte_level(False), None, pre_tokenizers.ByteLevel(False)),
    "roberta, prefix": (byte_level(True), None, pre_tokenizers.ByteLevel(True)),
    "byte level, uncut": (
        byte_level(False, use_regex=False),
        None,
        pre_tokenizers.ByteLevel(False, use_regex=False),
    ),
    "byte level, NFC": (
        byte_level(False, {"type": "NFC"}),
        normalizers.NFC(),
        pre_tokenizers.ByteLevel(False),
    ),
    "bert": (bert(True), normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()),
    "bert, cased": (
        bert(False, False),
        normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=False),
        pre_tokenizers.BertPreTokenizer(),
    ),
    "NFKC at spaces": (
        {"model": BPE, "normalizer": {"type": "NFKC"}, "pre_tokenizer": WHITESPACE},
        normalizers.NFKC(),
        pre_tokenizers.WhitespaceSplit(),
    ),
    "stripped": (
        {
            "model": BPE,
            "normalizer": {"type": "Strip", "strip_left": True, "strip_right": False},
            "pre_tokenizer": WHITESPACE,
        },
        normalizers.Strip(True, False),
        pre_tokenizers.WhitespaceSplit(),
    ),
    "whole texts": (
        {"model": BPE, "normalizer": {"type": "Lowercase"}, "pre_tokenizer": None},
        normalizers.Lowercase(),
        None,
    ),
}


def expected(name, texts):
    """The reference's words, as bytes."""
    spec, normalizer, pre_tokenizer = PIPELINES[name]
    counts = Counter()
    for text in texts:
        text = normalizer.normalize_str(text) if normalizer else text
        if pre_tokenizer is None:
            pieces = [text] if text else []
        else:
            pieces = [piece for piece, _ in pre_tokenizer.pre_tokenize_str(text)]
        if spec["pre_tokenizer"] and spec["pre_tokenizer"]["type"] == "ByteLevel":
            counts.update(map(from_byte_level, pieces))
        else:
            counts.update(piece.encode() for piece in pieces)
    return dict(counts)


def counted(name, texts, batch=None):
    counter = _core.WordCounter(PIPELINES[name][0])
    for start in range(0, len(texts), batch or len(texts) or 1):
        counter.add(texts[start : start + (batch or len(texts))], start)
    return counter.words()


# White space and what normalizers change around it: controls, marks, letters of many kinds.
ODD = (
    " \t\n\r\v\f\x00\x1c\x85\u00a0\u2003\u2028\u3000\u200b\ufeff\ufffd"
    "\u0301\u0308\u1161\uac00\u00a8\ufdfa\u00e9\u0130\u00df\u4e2d\u3042\U0001f600a's'tb.,-12\u00bd"
)


@pytest.mark.parametrize("name", PIPELINES)
@settings(max_examples=150, deadline=None)
@given(texts=st.lists(st.text(st.sampled_from(ODD), max_size=24), max_size=4))
def test_odd_texts(name, texts):
    assert counted(name, texts) == expected(name, texts)


@pytest.mark.parametrize("name", PIPELINES)
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(max_size=30), max_size=4), data=st.data())
def test_any_texts(name, texts, data):
    batch = data.draw(st.integers(1, 3))
    assert counted(name, texts, batch) == expected(name, texts)


@pytest.mark.parametrize("name", PIPELINES)
def test_rich_texts(name):
    """Characters with rules of their own, between spaces of all kinds."""
    for seed in range(20):
        texts = list(rich_texts(seed, 40))
        texts += [" ".join(texts), "\n".join(texts[::2]), "\u2003 ".join(texts[1::2])]
        assert counted(name, texts) == expected(name, texts)


def long_text(seed, nwords):
    draw = random.Random(seed)
    words = [
        "the",
        "don't",
        "caf\u00e9",
        "\u4e2d\u56fd",
        "x" * 100,
        "a-b",
        "\u00a0",
        "12,5",
        "\x0b",
    ]
    spaces = [" ", " ", " ", "\n", "  ", "\t \n", "\u3000 ", " \u2003"]
    return "".join(draw.choice(words) + draw.choice(spaces) for _ in range(nwords))


@pytest.mark.parametrize("name", PIPELINES)
def test_long_texts_are_cut_where_it_makes_no_difference(name):
    if name in ("whole texts", "byte level, uncut"):
        pytest.skip("these make one word of a text")
    texts = [long_text(1, 50_000), long_text(2, 200)]
    assert len(texts[0]) > 1 << 19  # so that threads share it
    assert counted(name, texts) == expected(name, texts)


def test_threads_make_no_difference():
    texts = [long_text(seed, 40_000) for seed in range(4)]
    before = pytxenc.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 5):
            pytxenc.set_num_threads(threads)
            counter = _core.WordCounter(PIPELINES["bert"][0])
            for text in texts:
                counter.add([text])
            results.append((counter.words(), counter.train_bpe(300, 0, (), prefix="##")))
        assert results[0] == results[1] == results[2]
    finally:
        pytxenc.set_num_threads(before)


def test_more_distinct_parts_than_are_kept():
    """Parts of texts are forgotten when there are too many; their words are not."""
    texts = [" ".join(f"{n}-" for n in range(start, start + 100_000)) for start in (0, 50_000)]
    texts += [" ".join(map(str, range(1_150_000)))]
    words = counted("bert", texts)
    assert words[b"-"] == 200_000
    assert words[b"75000"] == 3 and words[b"1149999"] == 1
    assert len(words) == 1_150_001


def test_bad_texts_are_named():
    counter = _core.WordCounter(PIPELINES["roberta"][0])
    with pytest.raises(TypeError, match="text 12: expected str, got int"):
        counter.add(["a", "b", 3], 10)
    with pytest.raises(ValueError, match=r"text 1: lone surrogate U\+D800 at character 1"):
        counter.add(["a", "b\ud800"])
    with pytest.raises(TypeError, match="expected a list of str, got str"):
        counter.add("abc")
    counter.add(("ab", "ab"))  # nothing was counted of what was refused
    assert counter.words() == {b"ab": 2}


def test_one_thread_at_a_time():
    """A second thread is turned away while the first one works without the GIL."""
    counter = _core.WordCounter(PIPELINES["bert"][0])
    text = long_text(3, 100_000)
    outcomes = []

    def work():
        for _ in range(6):
            try:
                counter.add([text])
                outcomes.append("counted")
            except RuntimeError as error:
                assert "another thread" in str(error)
                outcomes.append("refused")

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = counter.words()[b"the"]
    assert times % outcomes.count("counted") == 0 and outcomes.count("counted") >= 6


def test_memory_is_given_back(resident):
    texts = [long_text(4, 30_000)]
    grown = []
    for turn in range(12):
        counter = _core.WordCounter(PIPELINES["roberta"][0])
        counter.add(texts)
        counter.train_bpe(500, 0, ("<s>",), initial_alphabet=("a", "b"))
        if turn >= 4:
            grown.append(resident())
    assert grown[-1] - grown[0] < 4 << 20


def test_references_are_given_back():
    token = "".join(["sp", "ecial"])
    counter = _core.WordCounter(PIPELINES["roberta"][0])
    counter.add(["some text"])
    before = sys.getrefcount(token)
    for _ in range(20):
        counter.train_bpe(50, 0, (token,), affixed=(token,), initial_alphabet=(token,))
    assert sys.getrefcount(token) == before
