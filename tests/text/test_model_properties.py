"""BPE and unigram over vocabularies and merges that no training would have made."""

import random

import pytest
import random_models
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline_reference import BYTE_LEVEL, Both, bpe, spec, unigram, word_piece

from pytxenc._core import Tokenizer

EXAMPLES = 250  # each with several texts
often = settings(max_examples=EXAMPLES, deadline=None)
seeds = st.integers(0, 2**40)


def texts(rng, letters):
    """Short ones mostly; the longest do not fit what is kept on the stack."""
    made = [random_models.text(rng, rng.choice((4, 12, 80, 300)), letters) for _ in range(6)]
    made += [letter * rng.randint(1, 300) for letter in rng.sample(("a", "ab", "b"), 1)]
    return [text for text in made if text]


@often
@given(seeds)
def test_bpe(seed):
    rng = random.Random(seed)
    Both(spec(random_models.bpe_model(rng))).check(texts(rng, random_models.ALPHABET + " <u"))


@often
@given(seeds)
def test_byte_level_bpe(seed):
    rng = random.Random(seed)
    split = {**BYTE_LEVEL, "use_regex": rng.random() < 0.5}
    both = Both(spec(random_models.byte_level_bpe_model(rng), pre_tokenizer=split))
    both.check(texts(rng, random_models.ALPHABET + "aab <"))


@often
@given(seeds)
def test_unigram(seed):
    rng = random.Random(seed)
    letters = rng.choice((random_models.ALPHABET, "aaab", "a\xe9", random_models.ALPHABET + "<u"))
    Both(spec(random_models.unigram_model(rng))).check(texts(rng, letters))


@pytest.mark.parametrize("length", [61, 62, 63, 64, 65, 255, 256, 257, 4096])
def test_long_words_as_the_reference_has_them(length):
    """Around the lengths at which another way of merging or other memory is used."""
    rng = random.Random(length)
    made = ["".join(rng.choices("ab ", k=length)) for _ in range(3)]
    made += ["a" * length, "ab" * (length // 2) + "b" * (length % 2)]
    for _ in range(10):
        vocab = list(dict.fromkeys(["a", "b", "\u0120", *(made[0][i : i + 3] for i in range(9))]))
        vocab = [token.replace(" ", "\u0120") for token in vocab]
        vocab += [c for c in random_models.BYTE_CHARS.values() if c not in vocab]
        vocab += [a + b for a in vocab[:6] for b in vocab[:6] if a + b not in vocab]
        merges = random_models.merges_of(rng, vocab[:12] + vocab[-30:], "")
        split = {**BYTE_LEVEL, "use_regex": False}
        Both(spec(bpe(vocab, merges), pre_tokenizer=split)).check(made)
        Both(spec(bpe([*vocab, " "], merges))).check(made)
        pieces = [("<unk>", 0.0), *((token, rng.choice((-0.1, -0.3))) for token in vocab)]
        Both(spec(unigram(pieces))).check(made)


def test_bytes_that_no_merge_joins_cut_long_words():
    """Parts of a long word between such bytes are merged on their own."""
    vocab = [*random_models.BYTE_CHARS.values(), "ab", "abab", "ba", "aa"]
    merges = [("b", "a"), ("a", "b"), ("a", "a"), ("ab", "ab")]
    both = Both(spec(bpe(vocab, merges), pre_tokenizer={**BYTE_LEVEL, "use_regex": False}))
    rng = random.Random(5)
    both.check(["".join(rng.choices("abc", k=k)) for k in (100, 500, 3000) for _ in range(5)])
    both.check(["ab" * 100 + "c" + "ba" * 100, "c" * 200, "abc" * 100, "bbbbaaaa" * 40])


def test_pieces_as_long_as_may_be():
    """A piece that nearly matches everywhere costs its length at every place, no more."""
    piece, text = "a" * 1021 + "b", "a" * 20_000 + "b"
    both = Both(spec(unigram([("<unk>", 0.0), ("a", -1.0), ("b", -1.0), ("aa" + piece, -1.5)])))
    both.check([text])
    model = word_piece("a", "##a", "##b", "##" + piece, longest=30_000)
    ids = Tokenizer(spec(model)).encode_batch([text])["ids"].tolist()
    assert ids == [1] + [2] * (20_000 - 1022) + [4]


def test_pieces_longer_than_any_word():
    """They cannot match, so their length does not matter."""
    both = Both(spec(word_piece("a", "a" * 5000, "##" + "b" * 3000, "##b", longest=100)))
    both.check(["a" + "b" * 99, "a" * 100, "a" + "b" * 100])


def test_segmentations_that_meet_only_at_the_end():
    """Every position can be crossed by a piece: nothing is settled before the end."""
    length = 300_000
    both = Both(spec(unigram([("<unk>", 0.0), ("a", -1.0), ("aa", -1.9), ("aaa", -3.0)])))
    both.check(["a" * 1001, "a" * 4000])
    ids = both.ours.encode_batch(["a" * length])["ids"]
    assert len(ids) == length // 2 and set(ids.tolist()) == {2}


def test_unknown_characters_are_one_token_however_many():
    both = Both(spec(unigram([("<unk>", 0.0), ("a", -1.0), ("\xe9\xe9", -1.0)])))
    both.check(["\xe9" * 701 + "a", "a" + "\u4e2d" * 3000 + "aa", "\u4e2d" * 5000])
