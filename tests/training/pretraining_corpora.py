"""Small corpora of words that are one token each, and the χ² test."""

import itertools
import math

import numpy as np

import pytxenc
from pytxenc.corpus import encode_corpus

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD, UNK, CLS, SEP, MASK = range(5)
FIRST = 6  # the id of word 0; "##s" is 5


def bert_tokenizer(words):
    """A BERT tokenizer of the words w0, w1, ... and "##s", which may be at the end of each."""
    vocabulary = [*SPECIALS, "##s", *(f"w{i}" for i in range(words))]
    return pytxenc.BertTokenizer(vocab={token: i for i, token in enumerate(vocabulary)})


def byte_level_vocabulary():
    """Letters and digits, the space as "Ġ", and words."""
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "Ġ"]
    tokens += [chr(c) for c in range(33, 127)] + ["Ġa", "Ġb", "ab", "Ċ"]
    return {token: i for i, token in enumerate(tokens)}


def roberta_tokenizer():
    """A RoBERTa tokenizer that knows "Ġa", "Ġb" and "ab"."""
    merges = ["Ġ a", "Ġ b", "a b"]
    return pytxenc.RobertaTokenizer(vocab=byte_level_vocabulary(), merges=merges)


def write(folder, tokenizer, documents, **options):
    """The corpus of documents, which are lists of lines; by default with lines."""
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / "text.txt"
    text.write_text("\n\n".join("\n".join(lines) for lines in documents), encoding="utf-8")
    options = {"keep_lines": True, "force": True, **options}
    return encode_corpus(tokenizer, text, folder / "corpus", **options)


def distinct(lengths):
    """Documents of lines with these numbers of words, no word twice; (documents, words)."""
    count = itertools.count()
    documents = [
        [" ".join(f"w{next(count)}" for _ in range(length)) for length in lines]
        for lines in lengths
    ]
    return documents, next(count)


def random_lengths(seed, documents, longest=20, lines=12):
    """Numbers of words of the lines of documents."""
    rng = np.random.default_rng(seed)
    return [
        rng.integers(1, longest + 1, rng.integers(1, lines + 1)).tolist() for _ in range(documents)
    ]


def tokens(ids):
    """The numbers of the words among ids."""
    return [int(i) - FIRST for i in ids if i >= FIRST]


def chi_squared(observed, expected):
    """The χ² statistic over the value that it exceeds once in 2000 times."""
    observed, expected = np.asarray(observed, float), np.asarray(expected, float)
    assert expected.min() > 5 and math.isclose(observed.sum(), expected.sum())
    df = len(observed) - 1
    limit = df * (1 - 2 / (9 * df) + 3.29 * math.sqrt(2 / (9 * df))) ** 3  # Wilson and Hilferty
    return ((observed - expected) ** 2 / expected).sum() / limit
