"""Random BPE and unigram models: vocabularies that no training would have made."""

import random
from typing import Any

from pipeline_reference import BYTE_CHARS, MARK, bpe, unigram

ALPHABET = "ab\xe9\u4e2d\U0001f600"
BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]


def text(rng: random.Random, longest: int, letters: str = ALPHABET) -> str:
    return "".join(rng.choices(letters, k=rng.randint(0, longest)))


def merges_of(rng: random.Random, vocab: list[str], prefix: str) -> list[tuple[str, str]]:
    """Some of the merges that the vocabulary allows, in any order, some given twice.

    A token may come of several merges, and of parts that only later ones make.
    """
    known = set(vocab)
    continued = [token for token in vocab if token.startswith(prefix)]
    pairs = [(a, b) for a in vocab for b in continued if a + b[len(prefix) :] in known]
    rng.shuffle(pairs)
    pairs = pairs[: rng.choice((len(pairs), 12, 3))]
    return pairs + rng.choices(pairs, k=rng.choice((0, 2))) if pairs else []


def bpe_model(rng: random.Random) -> dict[str, Any]:
    """Characters, not bytes; affixes, unknown tokens, byte fallback."""
    prefix, suffix = rng.choice((("", ""), ("", ""), ("##", ""), ("", "</w>"), ("_", "a")))
    fallback = not prefix and not suffix and rng.random() < 0.5
    letters = rng.sample(ALPHABET, rng.randint(2, len(ALPHABET)))
    strings = letters + [text(rng, 5, "".join(letters)) for _ in range(rng.randint(0, 25))]
    strings = [one for one in strings if one]
    vocab = ["<unk>", *strings, *(prefix + one for one in strings)]
    vocab += [one + suffix for one in strings] + [prefix + one + suffix for one in strings]
    if fallback:
        vocab += rng.choice((BYTE_TOKENS, BYTE_TOKENS[0x80:0xF0]))
    vocab = list(dict.fromkeys(vocab))
    rng.shuffle(vocab)
    vocab = vocab[: rng.choice((len(vocab), len(vocab), 8))]
    unk = rng.choice((None, "<unk>", "a"))
    return bpe(
        vocab,
        merges_of(rng, vocab, prefix),
        unk_token=unk if unk in vocab else None,
        fuse_unk=rng.random() < 0.5,
        byte_fallback=fallback,
        ignore_merges=rng.random() < 0.2,
        continuing_subword_prefix=prefix or None,
        end_of_word_suffix=suffix or None,
    )


def byte_level_bpe_model(rng: random.Random) -> dict[str, Any]:
    first = [BYTE_CHARS[b] for b in b" ab\xc3\xa9\xe4\xb8\xad"]
    strings = [text(rng, 5, "".join(first)) for _ in range(rng.randint(0, 40))]
    suffix = rng.choice(("", "", "</w>"))
    vocab = [*first, *(one for one in strings if one), "<unk>", "<mask>"]
    vocab += [one + suffix for one in vocab]
    if rng.random() < 0.7:
        vocab += BYTE_CHARS.values()
    vocab = list(dict.fromkeys(vocab))
    return bpe(
        vocab,
        merges_of(rng, vocab[:60], ""),
        unk_token=rng.choice((None, "<unk>")),
        fuse_unk=rng.random() < 0.5,
        ignore_merges=rng.random() < 0.2,
        end_of_word_suffix=suffix or None,
    )


def unigram_model(rng: random.Random) -> dict[str, Any]:
    """Scores in tenths, whose sums are rounded: ties hang on the order of additions."""
    letters = rng.choice((ALPHABET, "ab", "a"))
    longest = rng.choice((3, 6, 40))
    pieces = dict.fromkeys(["<unk>", MARK, *(text(rng, longest, letters) for _ in range(30))])
    pieces.pop("", None)
    fallback = rng.random() < 0.4
    if fallback:
        pieces |= dict.fromkeys(rng.choice((BYTE_TOKENS, BYTE_TOKENS[0x80:])))
    scored = [(piece, rng.choice((-0.1, -0.2, -0.3, -0.7, -1.1, -3.3, 0.0))) for piece in pieces]
    return {**unigram(scored, rng.choice((0, 0, 0, 1))), "byte_fallback": fallback}
