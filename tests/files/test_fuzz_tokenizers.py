"""A short run of the fuzzers of tokenizers, what they once found, and hostile texts."""

import contextlib
import random

import fuzz_tokenizer_files
import fuzz_tokenizer_spec
import hostile_texts
import mutate
import pytest
import small_tokenizers as small

import pytxenc
from pytxenc._core import Tokenizer

RUNS = 600
HUGE = 10**30


def check_both_kinds(accepted, refused):
    """A fuzzer whose inputs are all refused, or none, looks at nothing."""
    assert accepted > RUNS / 20 and refused > RUNS / 20


def test_tokenizer_files(tmp_path):
    check_both_kinds(*mutate.run(fuzz_tokenizer_files.make_check(tmp_path), RUNS, 1))


def test_tokenizer_spec():
    check_both_kinds(*mutate.run(fuzz_tokenizer_spec.check, RUNS, 1))


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    return dict(hostile_texts.tokenizers(tmp_path_factory.mktemp("small"), 20_000))


@pytest.mark.parametrize("family", ["roberta", "albert", "albert original", "bert"])
@pytest.mark.parametrize("name", hostile_texts.TEXTS)
def test_hostile_texts_are_encoded(tokenizers, family, name):
    hostile_texts.encode(tokenizers[family], hostile_texts.TEXTS[name](20_000))


def test_refused_specifications_leak_nothing(resident):
    def rounds(count):
        for i in range(count):
            spec = fuzz_tokenizer_spec.make_spec(random.Random(i))
            with contextlib.suppress(ValueError, TypeError):
                Tokenizer(spec).encode_batch(["hello [MASK]"], fields=["offsets", "x"])

    rounds(1000)
    before = resident()
    rounds(1000)
    rounds(1000)
    assert resident() - before < 4 << 20


def test_ids_far_apart_take_no_memory(resident):
    """A table from ids to tokens would take half a gigabyte here."""
    before = resident()
    last = 2**27 - 1
    model = {"type": "WordLevel", "unk_token": "a", "vocab": {"a": 0, "b": last}}
    tokenizer = Tokenizer({"model": model})
    assert tokenizer.encode_batch(["b"])["ids"].tolist() == [last]
    assert (tokenizer.id_to_token(last), tokenizer.id_to_token(last - 1)) == ("b", None)
    assert resident() - before < 16 << 20


@pytest.mark.parametrize("lstrip", [False, True])
def test_added_tokens_in_white_space_that_another_took(lstrip):
    """They overlap, as in the reference, without searching the white space each time."""
    tokens = [
        {"id": 1, "content": "x", "normalized": False, "rstrip": True},
        {"id": 2, "content": " ", "normalized": False, "rstrip": True, "lstrip": lstrip},
        {"id": 3, "content": " z", "normalized": False},
    ]
    model = {"type": "WordLevel", "unk_token": "u", "vocab": {"u": 0}}
    tokenizer = Tokenizer({"model": model, "added_tokens": tokens})
    n = 1_000_000
    found = tokenizer.encode_batch(["x" + " " * n + "z"], fields=["offsets"])
    between = 0 if lstrip else n - 1
    assert found["ids"].tolist() == [1] + [2] * between + [3]
    assert found["offsets"][:-1, 1].tolist() == [n + 1] * (between + 1)
    assert found["offsets"][:, 0].tolist() == [0, *range(1, between + 1), n]


def test_original_rules_with_an_empty_piece():
    """An empty piece of score 0 is found everywhere and leads nowhere."""
    pieces = [("<pad>", 0.0), ("<unk>", 0.0), ("[CLS]", 0.0), ("[SEP]", 0.0), ("[MASK]", 0.0)]
    tokenizer = pytxenc.AlbertTokenizer([*pieces, ("", 0.0), *small.PIECES], original_rules=True)
    assert tokenizer.tokenize("a hello") == ["\u2581", "a", "\u2581hello"]


def test_original_rules_find_added_tokens():
    pieces = [("<pad>", 0.0), ("<unk>", 0.0), ("[CLS]", 0.0), ("[SEP]", 0.0), ("[MASK]", 0.0)]
    tokenizer = pytxenc.AlbertTokenizer([*pieces, *small.PIECES], original_rules=True)
    tokenizer.add_tokens([pytxenc.AddedToken("b", single_word=True), "bb", "9 9"])
    tokens = tokenizer.tokenize("ab b abb bb b [MASK] 9 9")
    assert tokens == ["\u2581", "a", "b", "b", "\u2581", "a", "bb", "bb", "b", "[MASK]", "9 9"]


def test_only_an_empty_token():
    """The bytes of a vocabulary without any are no null pointer to memcmp."""
    model = {"type": "WordLevel", "unk_token": "", "vocab": {"": 0}}
    tokenizer = Tokenizer({"model": model})
    assert tokenizer.encode_batch(["a"])["ids"].tolist() == [0]
    assert tokenizer.token_to_id("") == 0


@pytest.mark.parametrize("family", ["roberta", "albert", "bert"])
def test_huge_lengths(tokenizers, family):
    tokenizer = tokenizers[family]
    plain = tokenizer("a b")["input_ids"]
    assert tokenizer("a b", max_length=HUGE, truncation=True)["input_ids"] == plain
    for options in (
        {"max_length": HUGE, "padding": "max_length"},
        {"max_length": 5, "truncation": True, "stride": HUGE},
        {"padding": True, "pad_to_multiple_of": HUGE},
    ):
        with pytest.raises(ValueError, match=r"cannot be padded|does not fit"):
            tokenizer("a b", **options)


def test_huge_lengths_to_the_core():
    tokenizer = Tokenizer(small.bert_json())
    for options in ({"max_length": HUGE}, {"stride": HUGE}, {"stride": -HUGE}):
        with pytest.raises(ValueError):
            tokenizer.encode_batch(["a"], truncation="longest_first", **options)
    with pytest.raises(TypeError):
        tokenizer.encode_batch(["a"], stride=1.5)
