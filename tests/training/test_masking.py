"""Masks: how many, where, what is seen instead, and what they depend on."""

import functools
import itertools
import pickle

import numpy as np
import pretraining_corpora as corpora
import pytest
from pretraining_corpora import CLS, FIRST, MASK, SEP

import pytxenc
from pytxenc import PretrainingDataset
from pytxenc.data import word_starts

WORDS = 94  # with the special tokens and "##s" the vocabulary has 100 ids
IGNORED = -100


@pytest.fixture(scope="module")
def tokenizer():
    return corpora.bert_tokenizer(WORDS)


@pytest.fixture(scope="module")
def flat(tmp_path_factory, tokenizer):
    """A thousand documents of one line of 98 words: samples of 100 tokens."""
    rng = np.random.default_rng(0)
    lines = [[" ".join(f"w{i}" for i in rng.integers(0, WORDS, 98))] for _ in range(1000)]
    return corpora.write(tmp_path_factory.mktemp("flat"), tokenizer, lines)


@pytest.fixture(scope="module")
def pieces(tmp_path_factory, tokenizer):
    """Three hundred lines of words of one to four tokens."""
    rng = np.random.default_rng(1)
    lines = [
        [" ".join(f"w{rng.integers(0, WORDS)}" + "s" * rng.choice([0, 0, 0, 1]) for _ in range(60))]
        for _ in range(300)
    ]
    return corpora.write(tmp_path_factory.mktemp("pieces"), tokenizer, lines)


def masked(corpus, tokenizer, epochs=1, **options):
    """The batch of everything in the first epochs, as one, and the ids without masks."""
    options = {"packing": "doc_sentences", "block_size": 128, **options}
    dataset = PretrainingDataset(corpus, tokenizer, **options)
    batches = [dataset.batch(np.arange(len(dataset)), epoch=epoch) for epoch in range(epochs)]
    joined = {key: np.concatenate([b[key] for b in batches]) for key in batches[0]}
    plain = np.concatenate(
        [dataset.with_masking(None).batch(np.arange(len(dataset)))["input_ids"]] * epochs
    )
    return joined, plain


def chosen(batch):
    return batch["labels"] != IGNORED


# ---- how many ----


@pytest.mark.parametrize(
    ("rate", "expected"), [(0.15, 15), (0.0, 0), (0.001, 1), (0.125, 12), (0.135, 14), (1.0, 98)]
)
def test_exact_count(flat, tokenizer, rate, expected):
    """round(rate · 100), halves to even, at least one; at most all but the special tokens."""
    batch, _ = masked(flat, tokenizer, mlm_probability=rate)
    assert (chosen(batch).sum(1) == expected).all()


def test_fairseq_count(flat, tokenizer):
    counts = chosen(masked(flat, tokenizer, mlm_probability=0.157, count="fairseq")[0]).sum(1)
    assert set(counts) == {15, 16}  # 15.7 + u
    assert corpora.chi_squared(np.bincount(counts)[15:], [300, 700]) < 1


def test_bernoulli_count(flat, tokenizer):
    picked = chosen(masked(flat, tokenizer, count="bernoulli")[0])[:, 1:-1]
    total = picked.sum()
    assert corpora.chi_squared([total, 98000 - total], [98000 * 0.15, 98000 * 0.85]) < 1
    variance = picked.sum(1).var()
    assert abs(variance / (98 * 0.15 * 0.85) - 1) < 0.2


@pytest.mark.parametrize("count", ["exact", "fairseq"])
def test_at_most_max_predictions(flat, tokenizer, count):
    batch, _ = masked(flat, tokenizer, count=count, max_predictions=7)
    assert (chosen(batch).sum(1) == 7).all()


# ---- where ----


@pytest.mark.parametrize("masking", ["token", "whole_word"])
@pytest.mark.parametrize("count", ["exact", "fairseq", "bernoulli"])
def test_every_place_is_as_likely(flat, tokenizer, masking, count):
    batch, _ = masked(flat, tokenizer, masking=masking, count=count)
    places = chosen(batch).sum(0)
    assert places[0] == places[-1] == 0
    # Sampling without replacement varies less than a multinomial, so the limit is on the safe side.
    assert corpora.chi_squared(places[1:-1], [places.sum() / 98] * 98) < 1


def test_special_tokens_are_never_masked(tmp_path, tokenizer):
    line = "w1 [SEP] w2 [MASK] w3 [UNK] nothing [PAD] w4"
    corpus = corpora.write(tmp_path, tokenizer, [[line], [line + " w5"]])
    for masking, count in itertools.product(["token", "whole_word"], ["exact", "bernoulli"]):
        batch, plain = masked(corpus, tokenizer, masking=masking, count=count, mlm_probability=1.0)
        assert (chosen(batch) == (plain >= FIRST)).all()
        assert (batch["input_ids"][~chosen(batch)] == plain[~chosen(batch)]).all()


def test_labels_are_what_was_there(pieces, tokenizer):
    for masking in ("token", "whole_word", "ngram", "span"):
        batch, plain = masked(pieces, tokenizer, masking=masking)
        picked = chosen(batch)
        assert picked.any() and (batch["labels"][picked] == plain[picked]).all()
        assert (batch["input_ids"][~picked] == plain[~picked]).all()
        assert not picked[~batch["attention_mask"]].any()


@pytest.mark.parametrize("masking", ["whole_word", "ngram", "span"])
@pytest.mark.parametrize("count", ["exact", "fairseq", "bernoulli"])
def test_words_are_masked_as_a_whole(pieces, tokenizer, masking, count):
    if count == "bernoulli" and masking != "whole_word":
        return
    batch, plain = masked(pieces, tokenizer, masking=masking, count=count)
    picked, continues = chosen(batch), plain == FIRST - 1  # "##s"
    assert continues.any()
    assert (picked[:, 1:] == picked[:, :-1])[continues[:, 1:]].all()
    counts, lengths = picked.sum(1), batch["attention_mask"].sum(1)
    if count == "exact":
        budget = np.rint(0.15 * lengths)
        assert (counts <= budget).all() and (counts == budget).mean() > 0.8


def runs(row):
    """Lengths of the runs of true values, longest first."""
    return tuple(sorted((len(list(g)) for v, g in itertools.groupby(row) if v), reverse=True))


def run_probabilities(weights, budget):
    """Of each multiset of span lengths, drawn with the weights and cut to what is left."""

    @functools.cache
    def after(left):
        if left == 0:
            return {(): 1.0}
        found = {}
        for length, weight in enumerate(weights, 1):
            length = min(length, left)
            for rest, p in after(left - length).items():
                key = tuple(sorted((length, *rest), reverse=True))
                found[key] = found.get(key, 0.0) + p * weight / sum(weights)
        return found

    return after(budget)


@pytest.fixture(scope="module")
def long_rows(tmp_path_factory, tokenizer):
    """Forty lines of 6000 words, so that few spans touch or meet each other."""
    rng = np.random.default_rng(2)
    lines = [[" ".join(f"w{i}" for i in rng.integers(0, WORDS, 6000))] for _ in range(40)]
    return corpora.write(tmp_path_factory.mktemp("long"), tokenizer, lines)


@pytest.mark.parametrize(
    ("masking", "options", "weights", "budget"),
    [
        ("ngram", {}, [1, 1 / 2, 1 / 3], 3),
        ("ngram", {"max_ngram": 2}, [1, 1 / 2], 4),
        ("span", {"max_span": 4}, [1, 0.8, 0.64, 0.512], 4),
        ("span", {"span_probability": 0.5, "max_span": 3}, [1, 0.5, 0.25], 3),
        ("whole_word", {}, [1], 2),
    ],
)
def test_lengths_are_as_drawn(long_rows, tokenizer, masking, options, weights, budget):
    """With a budget of a span or two every sequence of draws can be counted out."""
    dataset = PretrainingDataset(
        long_rows,
        tokenizer,
        block_size=8000,
        packing="doc_sentences",
        masking=masking,
        max_predictions=budget,
        **options,
    )
    found = {}
    for epoch in range(60):
        for row in dataset.batch(np.arange(40), epoch=epoch)["labels"]:
            key = runs(row != IGNORED)
            assert sum(key) == budget
            found[key] = found.get(key, 0) + 1
    expected = run_probabilities(weights, budget)
    assert set(found) >= set(expected)
    observed = [found[key] for key in expected]
    total = sum(observed)
    assert total == 2400 or total > 2390  # two spans side by side look like one
    if len(observed) > 1:
        assert corpora.chi_squared(observed, [p * total for p in expected.values()]) < 1


def test_spans_do_not_cross_special_tokens(tmp_path, tokenizer):
    lines = [["w1 w2", "w3 w4"]] * 50
    corpus = corpora.write(tmp_path, tokenizer, lines)
    options = dict(packing="sop", block_size=16, masking="span", span_probability=0.0)
    dataset = PretrainingDataset(corpus, tokenizer, mlm_probability=0.5, **options)
    for epoch in range(20):
        batch = dataset.batch(np.arange(50), epoch=epoch)
        picked = chosen(batch)
        assert not picked[:, [0, 3, 6]].any()
        assert picked.any(1).all()


# ---- what is seen ----


@pytest.mark.parametrize("split", [(0.8, 0.1), (0.5, 0.5), (1.0, 0.0), (0.0, 0.0), (0.3, 0.6)])
@pytest.mark.parametrize("count", ["exact", "bernoulli"])
def test_shares_of_replacements(flat, tokenizer, split, count):
    batch, plain = masked(
        flat,
        tokenizer,
        epochs=3,
        count=count,
        mask_replace_prob=split[0],
        random_replace_prob=split[1],
        random_tokens="no_specials",
    )
    picked = chosen(batch)
    seen, was = batch["input_ids"][picked], plain[picked]
    # A random token is the one that was there once in 95 times ("##s" can be drawn too).
    shares = np.array([split[0], split[1] * 94 / 95, 1 - split[0] - split[1] * 94 / 95])
    counts = np.array([(seen == MASK).sum(), ((seen != MASK) & (seen != was)).sum()])
    counts = np.append(counts, len(seen) - counts.sum())
    possible = shares > 1e-9
    assert not counts[~possible].any()
    if possible.sum() > 1:
        assert corpora.chi_squared(counts[possible], shares[possible] * len(seen)) < 1


@pytest.mark.parametrize("specials", [True, False])
def test_random_ids_are_uniform(flat, tokenizer, specials):
    batch, _ = masked(
        flat,
        tokenizer,
        mlm_probability=0.5,
        mask_replace_prob=0.0,
        random_replace_prob=1.0,
        random_tokens="all" if specials else "no_specials",
    )
    drawn = np.bincount(batch["input_ids"][chosen(batch)], minlength=100)
    if not specials:
        assert not drawn[:5].any()
        drawn = drawn[5:]
    assert corpora.chi_squared(drawn, [drawn.sum() / len(drawn)] * len(drawn)) < 1


@pytest.mark.parametrize("masking", ["span", "ngram"])
def test_one_replacement_for_a_span(long_rows, tokenizer, masking):
    """In a span all tokens become masks, or all random, or all stay; in an n-gram each its own."""
    dataset = PretrainingDataset(
        long_rows, tokenizer, block_size=8000, packing="doc_sentences", masking=masking,
        mlm_probability=0.01, mask_replace_prob=0.5, random_replace_prob=0.0,
    )  # fmt: skip
    batch = dataset.batch(np.arange(40))
    picked, seen = chosen(batch), batch["input_ids"] == MASK
    inside = picked[:, 1:] & picked[:, :-1]
    alike = (seen[:, 1:] == seen[:, :-1])[inside].mean()
    assert inside.sum() > 500
    assert alike > 0.98 if masking == "span" else 0.4 < alike < 0.6


# ---- what they depend on ----


def test_masks_are_a_function_of_seed_epoch_and_sample(flat, tokenizer):
    build = functools.partial(PretrainingDataset, flat, tokenizer, packing="doc_sentences")
    dataset = build(seed=7)
    batch = dataset.batch([3, 900, 41], epoch=5)
    dataset.batch([1, 2])
    again = pickle.loads(pickle.dumps(dataset))
    again.set_epoch(5)
    for row, index in enumerate([3, 900, 41]):
        for other in (dataset.batch([index], epoch=5), again.batch([index])):
            assert (other["labels"][0] == batch["labels"][row]).all()
            assert (other["input_ids"][0] == batch["input_ids"][row]).all()
    base = dataset.batch([0], epoch=0)["labels"]
    for other in (
        dataset.batch([0], epoch=1),
        build(seed=8).batch([0], epoch=0),
        dataset.batch([1], epoch=0),
    ):
        assert (chosen(other) != (base != IGNORED)).any()


def split_mix(*key):
    """SplitMix64, begun from numbers mixed in one after another."""
    mask = (1 << 64) - 1
    step = 0x9E3779B97F4A7C15

    def mix(x):
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & mask
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB & mask
        return x ^ (x >> 31)

    state = 0
    for number in key:
        state = mix(((state ^ number) + step) & mask)
    while True:
        state = (state + step) & mask
        yield mix(state)


def test_masks_by_the_generator_as_documented(flat, tokenizer):
    """The same on every machine and in every version: what resuming rests on."""
    seed, epoch, sample = 12345, 3, 2
    dataset = PretrainingDataset(flat, tokenizer, packing="doc_sentences", seed=seed)
    batch = dataset.batch([sample], epoch=epoch)
    ids = dataset[sample]["input_ids"]
    draw = split_mix(2, seed, epoch, sample)
    labels, order = np.full(100, IGNORED), list(range(98))
    for i in range(15):
        j = i + next(draw) % (98 - i)
        place = order[j] + 1
        order[j] = order[i]
        labels[place] = ids[place]
        share = (next(draw) >> 11) / 2**53
        if share < 0.8:
            ids[place] = MASK
        elif share < 0.9:
            ids[place] = next(draw) % 100
    assert (batch["labels"][0] == labels).all()
    assert (batch["input_ids"][0] == ids).all()


def test_masks_of_samples_are_independent(flat, tokenizer):
    """Neighbouring samples, epochs and seeds share as many places as chance has it."""
    first = chosen(masked(flat, tokenizer)[0])[:, 1:-1]
    for other in (
        np.roll(first, 1, axis=0),
        chosen(masked(flat, tokenizer, seed=1)[0])[:, 1:-1],
        chosen(masked(flat, tokenizer, epochs=2)[0])[1000:, 1:-1],
    ):
        shared = (first & other).sum(1)
        expected = 15 * 15 / 98
        assert abs(shared.mean() - expected) < 4 * np.sqrt(expected / 1000)


def test_static_masks(flat, tokenizer):
    dataset = PretrainingDataset(flat, tokenizer, packing="doc_sentences", static_duplicates=3)
    masks = [dataset.batch(np.arange(50), epoch=epoch)["labels"] for epoch in range(7)]
    for i, j in itertools.combinations(range(7), 2):
        assert (masks[i] == masks[j]).all() == (i % 3 == j % 3)


def test_without_masks(flat, tokenizer):
    batch = PretrainingDataset(flat, tokenizer, masking=None).batch([0])
    assert "labels" not in batch and not (batch["input_ids"] == MASK).any()


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"mlm_probability": 1.5}, ValueError, "mlm_probability"),
        ({"mlm_probability": float("nan")}, ValueError, "mlm_probability"),
        ({"mask_replace_prob": 0.8, "random_replace_prob": 0.3}, ValueError, "more than 1"),
        ({"masking": "words"}, ValueError, "masking"),
        ({"count": "some"}, ValueError, "count"),
        ({"count": "bernoulli", "masking": "span"}, ValueError, "needs count"),
        ({"max_predictions": -1}, ValueError, "max_predictions"),
        ({"max_ngram": 0}, ValueError, "max_ngram"),
        ({"max_span": 1000}, ValueError, "max_span"),
        ({"max_span": 2.0}, TypeError, "max_span"),
        ({"random_tokens": "none"}, ValueError, "random_tokens"),
        ({"span_probability": 2}, ValueError, "span_probability"),
    ],
)
def test_wrong_arguments(flat, tokenizer, options, error, match):
    with pytest.raises(error, match=match):
        PretrainingDataset(flat, tokenizer, **options)


def test_tokenizer_without_a_mask_token(tmp_path):
    tokenizer = corpora.bert_tokenizer(5)
    tokenizer.mask_token = None
    corpus = corpora.write(tmp_path, tokenizer, [["w1"]])
    with pytest.raises(ValueError, match="no mask_token"):
        PretrainingDataset(corpus, tokenizer)
    assert len(PretrainingDataset(corpus, tokenizer, masking=None)) == 1


# ---- words ----


def words_of(tokenizer, text):
    """The tokens of a text, those of a word together."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    table = word_starts(tokenizer)
    words = []
    for index, token in zip(ids, tokenizer.convert_ids_to_tokens(ids), strict=True):
        if table[index] or not words:
            words.append("")
        words[-1] += token.replace("##", "")
    return words


def test_words_of_wordpiece(tokenizer):
    assert words_of(tokenizer, "w1s w2") == ["w1s", "w2"]
    table = word_starts(tokenizer)
    assert len(table) == 100 and not table[FIRST - 1] and table[[CLS, SEP, MASK]].all()


def test_words_of_byte_level_bpe():
    tokenizer = corpora.roberta_tokenizer()
    assert words_of(tokenizer, "x ab\ny a.") == ["x", "Ġab", "Ċy", "Ġa."]
    assert word_starts(tokenizer)[tokenizer.mask_token_id]


REAL = {
    "roberta-base": ("RobertaTokenizer", ["Antidisestablishment", "Ġis", "Ġunwinded,", "Ġ42."]),
    "albert-base-v2": (
        "AlbertTokenizer",
        ["▁antidisestablishment", "▁is", "▁unwinded", ",", "▁42", "."],
    ),
    "bert-base-cased": (
        "BertTokenizer",
        ["antidisestablishment", "is", "unwinded", ",", "42", "."],
    ),
}


@pytest.mark.parametrize("folder", REAL)
def test_words_of_real_vocabularies(data_dir, folder):
    kind, expected = REAL[folder]
    tokenizer = getattr(pytxenc, kind).from_pretrained(data_dir / "tokenizers" / folder)
    assert words_of(tokenizer, "Antidisestablishment is unwinded, 42.") == expected


def test_ideographs_are_words_to_sentencepiece():
    from pytxenc.data.words import _begins_piece

    begin = ["▁the", "▁", "'", "19", "中", "の", "カ", "<unk>", "…"]
    go_on = ["ing", "ï", "é", "s."]
    assert all(map(_begins_piece, begin)) and not any(map(_begins_piece, go_on))
