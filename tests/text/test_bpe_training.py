"""Learning BPE and WordPiece vocabularies: the reference's tokens and merges, in its order.

What is random in the reference is taken from its result: the order in which characters with a
prefix or suffix are numbered.  Cases are left out where it chooses at random which of equally
frequent characters to keep.
"""

import json
import logging
import lzma
import random
import threading
from collections import Counter

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers, trainers

from pytxenc.tokenization.training import learn_vocabulary

BYTE_ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
WORDS = {
    "model": {"type": "BPE"},
    "normalizer": None,
    "pre_tokenizer": {"type": "WhitespaceSplit"},
}
BYTE_LEVEL = {
    **WORDS,
    "pre_tokenizer": {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": True,
    },
}
BERT = {
    "model": {"type": "WordPiece"},
    "normalizer": {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": True,
    },
    "pre_tokenizer": {"type": "BertPreTokenizer"},
}


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    """No word of small vocabulary sizes, of which there are many here."""
    logger = logging.getLogger("pytxenc")
    before = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(before)


def reference(spec, texts, **options):
    """(tokens, merges) of the `tokenizers` library; no merges of WordPiece."""
    if spec is BERT:
        tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(show_progress=False, **options)
    else:
        tokenizer = tokenizers.Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = (
            pre_tokenizers.WhitespaceSplit()
            if spec is WORDS
            else pre_tokenizers.ByteLevel(add_prefix_space=False)
        )
        trainer = trainers.BpeTrainer(show_progress=False, **options)
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    return tokens, [tuple(merge) for merge in model.get("merges", [])]


def words_of(spec, texts):
    if spec is BERT:
        normalize, cut = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
        for text in texts:
            yield from (word for word, _ in cut.pre_tokenize_str(normalize.normalize_str(text)))
    else:
        for text in texts:
            yield from text.split()


def affixed(spec, texts, tokens, options):
    """Characters with prefix or suffix in the order that the reference came upon them."""
    prefix = options.get("continuing_subword_prefix", "##" if spec is BERT else "")
    suffix = options.get("end_of_word_suffix", "")
    present, needed = set(tokens), set()
    for word in set(words_of(spec, texts)) if prefix or suffix else ():
        for i, c in enumerate(word):
            if c in present:
                needed.add((prefix if i else "") + c + (suffix if i == len(word) - 1 else ""))
    return [token for token in tokens if token in needed]


def learned(spec, texts, order=(), **options):
    options.setdefault("vocab_size", 30000)
    options["special_tokens"] = options.get("special_tokens", ())
    return learn_vocabulary(spec, texts, affixed=order, show_progress=False, **options)


def check(spec, texts, **options):
    tokens, merges = reference(spec, texts, **options)
    order = affixed(spec, texts, tokens, options)
    ours = learned(spec, texts, order, **options)
    assert ours.tokens == tokens
    if spec is not BERT:
        assert ours.merges == merges


def limit_is_clear(texts, options):
    """Whether the characters to be kept are more frequent than all others."""
    counts = Counter(c for text in texts for word in text.split() for c in word)
    counts |= {s[0]: 1 << 60 for s in options.get("initial_alphabet", ()) if s}
    ranked = sorted(counts.values(), reverse=True)
    limit = options.get("limit_alphabet", len(ranked))
    return limit == 0 or limit >= len(ranked) or ranked[limit - 1] > ranked[limit]


# Few letters make many ties, words that overlap themselves and tokens found in two ways.
ALPHABETS = ["ab", "abc", "abcdefgh", "aé日😀", "a#b", "abcdefghijklmnopqrstuvwxyz"]


@st.composite
def corpora(draw):
    alphabet = draw(st.sampled_from(ALPHABETS))
    words = draw(st.lists(st.text(alphabet, min_size=1, max_size=14), min_size=1, max_size=12))
    chosen = st.lists(st.sampled_from(words), max_size=20)
    return [" ".join(draw(chosen)) for _ in range(draw(st.integers(0, 5)))]


OPTIONS = st.fixed_dictionaries(
    {
        "vocab_size": st.sampled_from([0, 3, 12, 40, 1000]),
        "min_frequency": st.sampled_from([0, 1, 2, 5]),
    },
    optional={
        "special_tokens": st.sampled_from([["ab"], ["<s>", "a"], ["<s>", "<s>", "abab"]]),
        "initial_alphabet": st.sampled_from([["z", "日本", ""], ["a"]]),
        "limit_alphabet": st.sampled_from([0, 1, 2, 4]),
    },
)
AFFIXES = st.fixed_dictionaries(
    {},
    optional={
        "continuing_subword_prefix": st.sampled_from(["##", "@", "."]),
        "end_of_word_suffix": st.sampled_from(["</w>", "_"]),
    },
)


@settings(max_examples=300, deadline=None)
@given(texts=corpora(), options=OPTIONS, length=st.none() | st.integers(0, 9))
def test_bpe(texts, options, length):
    if limit_is_clear(texts, options):
        check(WORDS, texts, **options, max_token_length=length)


@settings(max_examples=300, deadline=None)
@given(texts=corpora(), options=OPTIONS, affixes=AFFIXES, length=st.none() | st.integers(2, 9))
def test_bpe_with_affixes(texts, options, affixes, length):
    if limit_is_clear(texts, options):
        check(WORDS, texts, **options, **affixes, max_token_length=length)


@settings(max_examples=300, deadline=None)
@given(texts=corpora(), options=OPTIONS)
def test_wordpiece(texts, options):
    if limit_is_clear(texts, {**options, "limit_alphabet": 10**6}):
        options.pop("limit_alphabet", None)  # spaces around Chinese characters change counts
        check(BERT, texts, **options)


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(st.text(max_size=40), max_size=6), size=st.sampled_from([250, 270, 400]))
def test_byte_level_of_any_text(texts, size):
    check(BYTE_LEVEL, texts, vocab_size=size, initial_alphabet=BYTE_ALPHABET)


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(st.text(max_size=40), max_size=6))
def test_wordpiece_of_any_text(texts):
    check(BERT, texts, vocab_size=200, special_tokens=["[UNK]", "##"])


def test_tokens_found_in_two_ways():
    """Pairs that come up again are queued again, with counts that were never taken back."""
    draw = random.Random(0)
    for _ in range(150):
        letters = draw.choice(["ab", "abc"])
        words = ["".join(draw.choices(letters, k=draw.choice([5, 8, 20, 60]))) for _ in range(20)]
        texts = [" ".join(draw.choices(words, k=15)) for _ in range(8)]
        check(WORDS, texts, vocab_size=300)


FILES = {
    "botchan": "text/botchan.txt",
    "wagahaiwa": "text/wagahaiwa-ja.txt",
    "wikitext": "text/wikitext-2-valid.txt",
    "conll": "tasks/conll2000/test.txt",
    "open corpus": "text/open-corpus.txt.xz",  # the beginning of it
}


@pytest.mark.parametrize("spec", [BYTE_LEVEL, BERT], ids=["byte level", "wordpiece"])
@pytest.mark.parametrize("file", FILES)
def test_real_texts(data_dir, file, spec):
    path = data_dir / FILES[file]
    if not path.exists():
        pytest.skip(f"no {path}")
    with (lzma.open if path.suffix == ".xz" else open)(path, "rt", encoding="utf-8") as file:
        texts = file.read(2_000_000).split("\n")
    alphabet = {"initial_alphabet": BYTE_ALPHABET} if spec is BYTE_LEVEL else {}
    check(spec, texts, vocab_size=3000, special_tokens=["<pad>", "[UNK]"], **alphabet)
    check(spec, texts, vocab_size=15000, min_frequency=2, **alphabet)
    if spec is BYTE_LEVEL:
        check(spec, texts, vocab_size=4000, max_token_length=7)


# ---- what the reference does not say ----


def test_affixed_characters_follow_each_other_by_code_point():
    tokens, _ = learned(BERT, ["cab cbb", "ba"], vocab_size=0)
    assert tokens == ["a", "b", "c", "##a", "##b"]


def test_rare_characters_with_high_code_points_go_first():
    assert learned(WORDS, ["aab", "bcd"], vocab_size=0, limit_alphabet=3).tokens == ["a", "b", "c"]


@pytest.mark.slow
def test_counts_do_not_overflow():
    """The reference's counts of pairs are 32 bits wide; "aa" is there 2.5e9 times."""
    texts = ["a" * 1_000_000 + " bc" * 100] * 500
    _, merges = learned(WORDS, (texts for _ in range(5)), vocab_size=6)
    assert merges == [("a", "a"), ("aa", "aa"), ("aaaa", "aaaa")]


def test_one_long_word():
    """A million letters in a row: linear time, though the reference's would be quadratic."""
    draw = random.Random(0)
    word = "".join(draw.choices("abcdefgh", k=1_000_000))
    for spec in (BYTE_LEVEL, BERT):
        tokens, merges = learned(spec, [word], vocab_size=2000)
        assert len(tokens) == 2000 and len(merges) > 1900
    tokens, merges = learned(WORDS, ["a" * 1_000_000])
    assert merges[:2] == [("a", "a"), ("aa", "aa")] and len(merges) == 25


def test_long_words_are_merged_as_short_ones_are():
    """Places in the middle of a long word, against the reference on what it can still do."""
    draw = random.Random(1)
    texts = ["".join(draw.choices("abcd", k=3000)) for _ in range(2)]
    check(WORDS, texts, vocab_size=400)
    check(WORDS, texts, vocab_size=400, max_token_length=6)


def test_nothing_to_learn_from():
    assert learned(BYTE_LEVEL, []) == ([], [])
    assert learned(BERT, ["", " \x00 "], special_tokens=["[UNK]"]) == (["[UNK]"], [])
    assert learned(WORDS, ["ab"], vocab_size=1).tokens == ["a", "b"]


def test_nul_is_a_character():
    assert learned(WORDS, ["a\x00b"] * 3).tokens == ["\x00", "a", "b", "\x00b", "a\x00b"]
    check(WORDS, ["a\x00b", "a\x00\x00"], vocab_size=50)


def test_progress_is_reported_and_may_stop():
    from pytxenc import _core

    draw = random.Random(2)
    counter = _core.WordCounter({**WORDS, "model": {"type": "BPE", "vocab": {}, "merges": []}})
    counter.add(["".join(draw.choices("abcdefghij", k=10)) for _ in range(20_000)])
    seen = []
    counter.train_bpe(2000, 0, (), progress=seen.append)
    assert seen == sorted(seen) and len(seen) > 5 and seen[-1] <= 2000

    def stop(ntokens):
        if ntokens > 500:
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        counter.train_bpe(2000, 0, (), progress=stop)
    assert len(counter.train_bpe(100, 0, ())[0]) == 100  # the counter is as it was


def test_signals_are_heeded():
    """Ctrl-C ends a training."""
    import signal

    draw = random.Random(3)
    text = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=3_000_000))
    # A shell's background jobs start with the signal ignored.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(1, signal.raise_signal, [signal.SIGINT])
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            while True:
                learned(WORDS, [text], vocab_size=100_000)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, handler)


@pytest.mark.parametrize(
    "options, error, match",
    [
        ({"vocab_size": -1}, ValueError, "vocab_size must be a number from 0 on, not -1"),
        ({"vocab_size": 2.5}, TypeError, "vocab_size must be an int, not float"),
        ({"min_frequency": "2"}, TypeError, "min_frequency must be an int, not str"),
        ({"limit_alphabet": -3}, ValueError, "limit_alphabet"),
        ({"max_token_length": True}, TypeError, "max_token_length must be an int, not bool"),
        ({"initial_alphabet": ["a", 3]}, TypeError, "initial_alphabet must be a list of str"),
        ({"end_of_word_suffix": 5}, TypeError, "end_of_word_suffix must be a str, not int"),
        ({"min_frequence": 5}, TypeError, "did you mean 'min_frequency'"),
    ],
)
def test_bad_options(options, error, match):
    with pytest.raises(error, match=match):
        learned(WORDS, ["a"], **options)


def test_other_models_are_refused():
    with pytest.raises(ValueError, match="a Unigram vocabulary cannot be learned here"):
        learned({**WORDS, "model": {"type": "Unigram"}}, ["a"])
