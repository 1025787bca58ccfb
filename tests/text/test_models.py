"""WordPiece, BPE, unigram and word-level models against the `tokenizers` library."""

import copy
import random
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline_reference import (
    BYTE_CHARS,
    BYTE_LEVEL,
    FIELDS,
    MARK,
    Both,
    bpe,
    rows,
    spec,
    tokenizers,
    unigram,
    word_level,
    word_piece,
)

from pytxenc._core import Tokenizer

few = st.text(alphabet="ab\xe9\u4e2d\U0001f600", min_size=1, max_size=4)
words = st.lists(st.text(alphabet="ab\xe9\u4e2d\U0001f600x", max_size=12), min_size=1, max_size=5)
anything = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=4)
often = settings(max_examples=150, deadline=None)


@often
@given(st.lists(few, max_size=15), words, st.sampled_from([100, 5]))
def test_word_piece(pieces, texts, longest):
    pieces = [*pieces, *("##" + piece for piece in pieces[1:])]
    Both(spec(word_piece(*pieces, longest=longest))).check(texts)


@often
@given(st.lists(few, max_size=10), words)
def test_word_level(pieces, texts):
    Both(spec(word_level(*pieces))).check(texts)


@often
@given(
    st.dictionaries(few, st.sampled_from([-1.0, -2.0, -3.0, 0.0, 30.0, -0.1]), max_size=15),
    words,
    st.sampled_from([0, 1, None]),
)
def test_unigram(pieces, texts, unk_id):
    pairs = [("<unk>", 0.0), (MARK, -1.0), *pieces.items()]
    Both(spec(unigram(pairs, unk_id))).check(texts)


merge_choices = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=25)


def merge_model(alphabet, choices, **options):
    vocab, merges = list(alphabet), []
    for i, j in choices:
        merge = vocab[i % len(vocab)], vocab[j % len(vocab)]
        if merge not in merges:
            merges.append(merge)
            vocab.append("".join(merge))
    return bpe([*vocab, "<unk>"], merges, **options)


@often
@given(
    merge_choices,
    words,
    st.sampled_from([None, "<unk>"]),
    st.booleans(),
    st.booleans(),
)
def test_bpe(choices, texts, unk, fuse_unk, ignore_merges):
    options = dict(unk_token=unk, fuse_unk=fuse_unk, ignore_merges=ignore_merges)
    Both(spec(merge_model("ab\xe9\U0001f600", choices, **options))).check(texts)


@often
@given(merge_choices, st.one_of(words, anything), st.booleans(), st.booleans())
def test_byte_level_bpe(choices, texts, ignore_merges, prefix):
    first = [BYTE_CHARS[b] for b in b" ab\xc3\xa9\xf0"]
    alphabet = [*first, *(c for c in BYTE_CHARS.values() if c not in first)]
    split = {**BYTE_LEVEL, "add_prefix_space": prefix}
    model = merge_model(alphabet, choices, ignore_merges=ignore_merges)
    Both(spec(model, pre_tokenizer=split, decoder=BYTE_LEVEL)).check(texts)


def test_bytes_without_a_token_shift_offsets_as_in_the_reference():
    alphabet = [c for b, c in BYTE_CHARS.items() if b not in b"a \xc3\xb8"]
    both = Both(spec(bpe(alphabet, []), pre_tokenizer=BYTE_LEVEL))
    both.check(["bab", "\xe9b\xe9", "a\u4e2d b", "\u4e2d\u4e2d", "aaa", " a b a", "caab"])


@pytest.mark.parametrize("length", [46, 47, 48, 49, 50, 3000])
def test_short_and_long_words_merge_alike(length):
    rng = random.Random(length)
    vocab, merges = list("abc"), []
    while len(merges) < 60:
        merge = rng.choice(vocab), rng.choice(vocab)
        if merge not in merges and len("".join(merge)) < 9:
            merges.append(merge)
            vocab.append("".join(merge))
    both = Both(spec(bpe(vocab, merges)))
    both.check(["".join(rng.choices("abc", k=length)) for _ in range(20)])


def test_merges_as_strings_and_the_version_line():
    model = bpe(["a", "b", "c", "ab", "abc"], [])
    model["merges"] = ["#version: 0.2", "a b", "ab c"]
    Both(spec(model)).check(["abcab", "cab"])


@pytest.mark.parametrize(
    "model",
    [
        bpe(["a", "b", "ab"], [("a", "b")]),
        word_piece("a", "##b"),
        word_level("a", "ab"),
        unigram([("<unk>", 0.0), ("a", -1.0), ("b", -2.0)]),
    ],
)
def test_models_of_old_files_without_a_type(model):
    del model["type"]
    Both(spec(model)).check(["ab", "a", "b"])


MILLION = 1_000_000


@pytest.mark.parametrize("letters", ["a", "ab", "abc"])
def test_a_word_of_a_million_letters(letters):
    """The length decides nothing but the time: what is right is plain to see."""
    text = letters * (MILLION // len(letters))
    vocab = ["[UNK]", *"abc", "aa", "ab", "abc", "aaaa"]
    merges = [("a", "a"), ("aa", "aa"), ("a", "b"), ("ab", "c")]
    piece = {"a": "aaaa", "ab": "ab", "abc": "abc"}[letters]
    count = len(text) // len(piece)
    scored = [(token, 0.0 if token == "[UNK]" else -1.0) for token in vocab]
    continued = [*vocab, *("##" + token for token in vocab)]
    for model in (
        bpe(vocab, merges),
        unigram(scored),
        word_piece(*continued, longest=MILLION),
    ):
        tokenizer = Tokenizer(spec(model))
        ids = tokenizer.encode_batch([text])["ids"]
        assert len(ids) == count
        strings = {tokenizer.id_to_token(int(i)).removeprefix("##") for i in set(ids.tolist())}
        assert strings == {piece}
    assert Tokenizer(spec(word_piece(*continued))).encode_batch([text])["ids"].tolist() == [0]


def test_unknown_characters_that_spell_a_piece():
    """With scores far above zero two unknown characters beat the piece that they spell."""
    pairs = [("<unk>", 500.0), ("xy", 100.0), ("a", 100.0)]
    both = Both(spec(unigram(pairs)))
    both.check(["xy", "axya", "xyxy", "xx", "ax"])
    assert both.ours.encode_batch(["xy"])["ids"].tolist() == [1]


def test_equal_pieces_in_a_unigram_vocabulary():
    """The last of them counts, as in the reference."""
    both = Both(spec(unigram([("<unk>", 0.0), ("a", -1.0), ("b", -2.0), ("a", -5.0)])))
    both.check(["a", "ab", "aab"])
    assert both.ours.encode_batch(["a"])["ids"].tolist() == [3]
    assert both.ours.get_vocab_size() == both.theirs.get_vocab_size() == 4
    assert both.ours.id_to_token(1) == "a"


@pytest.mark.parametrize("kind", [word_level, word_piece])
def test_unknown_word_without_an_unknown_token(kind):
    model = kind("a")
    del model["vocab"]["[UNK]"]
    tokenizer = Tokenizer(spec(model))
    assert tokenizer.encode_batch(["a"])["ids"].tolist() == [1]
    with pytest.raises(ValueError, match=r"texts\[1\]: the word 'q' is unknown"):
        tokenizer.encode_batch(["a", "q"])


def test_unknown_character_without_an_unknown_piece():
    tokenizer = Tokenizer(spec(unigram([("a", 0.0)], None)))
    with pytest.raises(ValueError, match=r"texts\[0\]: the character '\u4e2d' is unknown"):
        tokenizer.encode_batch(["a\u4e2d"])


def changed(model, **changes):
    return {**model, **changes}


PIECE, MERGE = word_piece("a", "##a"), bpe(["a", "b", "ab"], [("a", "b")])
SCORES = unigram([("<unk>", 0.0), ("a", -1.0)])


@pytest.mark.parametrize(
    "model, message",
    [
        (None, "model: expected a dict, got nothing"),
        ([], "model: expected a dict, got list"),
        ({}, "model.vocab: expected a dict, got nothing"),
        ({"type": 3}, "model.type: expected a str, got int"),
        ({"type": "CharLevel"}, "model: the type 'CharLevel' is not supported"),
        (changed(PIECE, vocab=None), "model.vocab: expected a dict, got nothing"),
        (changed(PIECE, vocab=["a"]), "model.vocab: expected a dict, got list"),
        (changed(PIECE, vocab={"a": 0, "b": 0}), "'a' and 'b' have the same id 0"),
        (changed(PIECE, vocab={"a": -1}), "model.vocab: a number out of range"),
        (changed(PIECE, vocab={"a": 2**27}), "must be from 0 to 134217727"),
        (changed(PIECE, vocab={"a": 10**30}), "model.vocab: a number out of range"),
        (changed(PIECE, vocab={"a": 1.0}), "model.vocab: expected an int, got float"),
        (changed(PIECE, vocab={"a": True}), "model.vocab: expected an int, got bool"),
        (changed(PIECE, vocab={1: 1}), "model.vocab: expected a str, got int"),
        (changed(PIECE, vocab={"\ud800": 1}), "model.vocab: lone surrogate"),
        (changed(PIECE, unk_token=None), "model.unk_token: expected a str, got nothing"),
        (changed(PIECE, continuing_subword_prefix=3), "prefix: expected a str, got int"),
        (changed(PIECE, max_input_chars_per_word="9"), "per_word: expected an int, got str"),
        (changed(PIECE, max_input_chars_per_word=-1), "per_word: a number out of range"),
        (changed(MERGE, merges=None), "model.merges: expected a list, got nothing"),
        (changed(MERGE, merges=["ab"]), r"model.merges\[0\]: a merge must be two tokens"),
        (changed(MERGE, merges=["a b", "a b c"]), r"model.merges\[1\]: a merge must be two"),
        (changed(MERGE, merges=[["a"]]), r"model.merges\[0\]: a merge must be of two tokens"),
        (changed(MERGE, merges=[["a", 1]]), r"model.merges\[0\]: expected a str, got int"),
        (changed(MERGE, merges=[3]), r"model.merges\[0\]: expected a list, got int"),
        (changed(MERGE, merges=["a q"]), r"model.merges\[0\]: 'q' is not in the vocabulary"),
        (changed(MERGE, merges=["b a"]), r"model.merges\[0\]: 'ba' is not in the vocabulary"),
        (changed(MERGE, unk_token="?"), "model: unk_token is not in the vocabulary"),
        (changed(MERGE, dropout=0.5), "dropout is not supported"),
        (changed(MERGE, dropout="x"), "dropout must be null or a number, not str"),
        (changed(MERGE, byte_fallback=1), "model.byte_fallback: expected a bool, got int"),
        (
            changed(MERGE, byte_fallback=True, end_of_word_suffix="</w>"),
            "byte_fallback is not supported together with",
        ),
        (changed(MERGE, fuse_unk=1), "model.fuse_unk: expected a bool, got int"),
        (changed(MERGE, end_of_word_suffix=3), "word_suffix: expected a str, got int"),
        (changed(MERGE, end_of_word_suffix="x" * 65), "suffix of 65 bytes is too long"),
        (
            changed(MERGE, continuing_subword_prefix="##"),
            r"merges\[0\]: 'b' does not begin with the continuing_subword_prefix",
        ),
        (changed(SCORES, vocab={"a": 0}), "model.vocab: expected a list, got dict"),
        (changed(SCORES, vocab=["a"]), r"model.vocab\[0\]: expected a list, got str"),
        (changed(SCORES, vocab=[["a"]]), r"model.vocab\[0\]: expected a piece and its score"),
        (changed(SCORES, vocab=[["a", "b"]]), r"vocab\[0\]: a score must be a number, not str"),
        (changed(SCORES, vocab=[["a", float("nan")]]), r"vocab\[0\]: a score must be finite"),
        (changed(SCORES, vocab=[["a", float("-inf")]]), r"vocab\[0\]: a score must be finite"),
        (changed(SCORES, unk_id=2), "model.unk_id: a number out of range"),
        (changed(SCORES, unk_id=-1), "model.unk_id: a number out of range"),
        (changed(SCORES, byte_fallback=1), "byte_fallback: expected a bool, got int"),
        (changed(SCORES, vocab=[["a", 1e101]]), r"the score 1e\+101 of piece 0 is out of range"),
        (changed(SCORES, vocab=[["a" * 1025, 0.0]]), r"piece 0, 'a{40}...', has 1025 bytes"),
        (
            changed(PIECE, vocab={"a" * 1025: 1}, max_input_chars_per_word=1025),
            r"piece 0, 'a{40}...', has 1025 bytes",
        ),
    ],
)
def test_bad_models(model, message):
    with pytest.raises(ValueError, match=message):
        Tokenizer(spec(model))


def test_building_does_not_change_the_spec_or_hold_it():
    original = spec(MERGE)
    given_spec = copy.deepcopy(original)
    before = sys.getrefcount(given_spec["model"]["vocab"])
    tokenizer = Tokenizer(given_spec)
    after = sys.getrefcount(given_spec["model"]["vocab"])
    assert given_spec == original and after == before
    given_spec["model"]["vocab"].clear()
    assert tokenizer.get_vocab() == original["model"]["vocab"]


def test_sparse_ids():
    model = word_level("a", "b")
    model["vocab"] = {"[UNK]": 7, "a": 100_000_000, "b": 3}
    both = Both(spec(model))
    both.check(["a", "b", "c"])
    both.check_decode([3, 100_000_000, 7, 8, 0])
    assert both.ours.get_vocab_size() == tokenizers.Tokenizer.get_vocab_size(both.theirs) == 3
    assert rows(both.ours.encode_batch(["b"], fields=FIELDS), "ids") == [{"ids": [3]}]
