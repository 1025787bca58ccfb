"""Tokenizers of transformers with made-up vocabularies, and ours with the same."""

import string

import transformers

import pytxenc

WORDS = ["hello", "world", "in", "new", "york", "ada", "love", "lace", "the", "ing", "un", "able"]
MERGES = ["h e", "l l", "he ll", "hell o", "Ġ w", "o r", "Ġw or", "Ġ t", "Ġt he", "a d", "ad a"]


def _byte_characters():
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(256 - len(plain))]


def _wordpiece():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [*string.ascii_lowercase, *"0123456789.,!?'-\"é中"]
    later = ["##" + piece for piece in [*letters[:36], *WORDS]]
    return {token: i for i, token in enumerate([*special, *letters, *later, *WORDS])}


def _bpe():
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *_byte_characters()]
    tokens += [merge.replace(" ", "") for merge in MERGES]
    return {token: i for i, token in enumerate([*tokens, "<mask>"])}


def _unigram(special):
    pieces = [(token, 0.0) for token in special]
    pieces += [("▁" + word, -3.0 - 0.25 * i) for i, word in enumerate(WORDS)]
    pieces += [(word, -4.0 - 0.25 * i) for i, word in enumerate(WORDS)]
    return pieces + [(c, -9.0 - 0.125 * i) for i, c in enumerate("▁" + string.printable[:72])]


# family of models -> (class of tokenizers, what it is made of)
_KINDS = {
    "Bert": ("BertTokenizer", {"vocab": _wordpiece()}),
    "Roberta": (
        "RobertaTokenizer",
        {"vocab": _bpe(), "merges": [tuple(merge.split()) for merge in MERGES]},
    ),
    "Albert": (
        "AlbertTokenizer",
        {"vocab": _unigram(["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"])},
    ),
    "XLMRoberta": (
        "XLMRobertaTokenizer",
        {"vocab": _unigram(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])},
    ),
}
FAMILIES = tuple(_KINDS)


def make_tokenizers(family, **options):
    """A tokenizer of transformers that suits the family, and ours with the same vocabulary."""
    name, parts = _KINDS[family]
    return (
        getattr(transformers, name)(**parts, **options),
        getattr(pytxenc, name)(**parts, **options),
    )
