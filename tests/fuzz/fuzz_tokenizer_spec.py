"""Damaged tokenizer specifications and random calls of what is made of them.

python tests/fuzz/fuzz_tokenizer_spec.py --runs 100000 --seed 1
"""

import copy
import random
from typing import Any

import mutate
import numpy as np
import small_tokenizers as small

from pytxenc._core import Tokenizer

Spec = dict[str, Any]
SPECS = [small.roberta_json(), small.albert_json(), small.bert_json()]
NORMALIZERS = [
    *({"type": name} for name in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents")),
    {"type": "Strip", "strip_left": True, "strip_right": True},
    {"type": "Replace", "pattern": {"String": "a"}, "content": "a a"},
    {"type": "Replace", "pattern": {"String": " "}, "content": ""},
    {"type": "Prepend", "prepend": "\u2581"},
    {"type": "Nmt"},
    {"type": "ByteLevel"},
    *(spec["normalizer"] for spec in SPECS),
]
DECODERS = [
    {"type": "Strip", "content": " ", "start": 1, "stop": 1},
    {"type": "Replace", "pattern": {"String": "a"}, "content": ""},
    {"type": "ByteFallback"},
    {"type": "Fuse"},
    {"type": "BPEDecoder", "suffix": "a"},
    {"type": "ByteLevel"},
    {"type": "CTC", "pad_token": "a", "word_delimiter_token": "|", "cleanup": True},
    {"type": "Metaspace", "replacement": "a", "prepend_scheme": "first"},
    *(spec["decoder"] for spec in SPECS),
]
SPLITTERS = [
    {"type": "Whitespace"},
    {"type": "WhitespaceSplit"},
    {"type": "UnicodeScripts"},
    {"type": "FixedLength", "length": 2},
    {"type": "Digits", "individual_digits": True},
    {"type": "CharDelimiterSplit", "delimiter": "a"},
    {"type": "Metaspace", "replacement": "\U0001f600", "prepend_scheme": "first", "split": True},
    {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True},
    *(spec["pre_tokenizer"] for spec in SPECS),
]
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
REGEX_PARTS = [
    *(
        r"\p{L}",
        r"\p{N}",
        r"\s",
        r"\S",
        r"\w",
        r"\b",
        r"\B",
        r"\X",
        r"\R",
        r"\K",
        r"\G",
        r"\A",
        r"\z",
    ),
    *("(", ")", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?~", "(?i)", "(?m:", "(?<n>", "(?i:"),
    *("[", "]", "[^", "[[:alpha:]]", "[a-z&&[^b]]", "|", "*", "+", "?", "*?", "++", "{2}", "{0,3}"),
    *(
        "{1,9999}",
        "^",
        "$",
        ".",
        "\\",
        r"\1",
        r"\k<n>",
        r"\g<n>",
        r"\g<0>",
        "\u4e2d",
        "(?#",
        "(*FAIL)",
    ),
    *("(?{x})", "(*MAX{2})", "(?(1)a|b)", "(?C)", "(?x) # ", r"\x{10ffff}", r"\p{^Han}", "\0", "a"),
]
FIELDS = ["type_ids", "special_tokens_mask", "offsets", "word_ids", "sequence_ids", "tokens"]
PARTS = ["hello", "a", "aa", "9,", " ", "  ", "\n", "\0", "\u4e2d", "e\u0301\u0323", "\U0001f600"]
PARTS += ["<mask>", "[MASK]", "<s>", "``", "\u2581", "\u0120", "\xe9", "\u1100\u1161", "x"]
NUMBERS = [0, 0, 1, 2, 3, 5, 9, 100, 2**31, 2**63 - 1, 2**63, 2**64, -1, 10**30]


def text(rng: random.Random) -> Any:
    if rng.randrange(60) == 0:
        return rng.choice((None, 3, b"a", "\ud800", ["a"], 1.5))
    return "".join(rng.choice(PARTS) for _ in range(rng.choice((0, 1, 3, 8, 40))))


def added_token(rng: random.Random, index: int) -> Spec:
    contents = (*PARTS, "aa a", "a" * 70, "", " a ", "A", "\u0301", "\ufdfa")
    token = {"id": index, "content": rng.choice(contents)}
    for flag in ("single_word", "lstrip", "rstrip", "normalized", "special"):
        token[flag] = rng.random() < 0.4
    return token


def pattern(rng: random.Random) -> Spec:
    parts = rng.choices((*REGEX_PARTS, *PARTS), k=rng.choice((0, 1, 2, 4, 9)))
    return {rng.choice(("Regex", "Regex", "String")): "".join(parts)}


def replace(rng: random.Random) -> Spec:
    return {"type": "Replace", "pattern": pattern(rng), "content": rng.choice(PARTS)}


def splitter(rng: random.Random) -> Spec:
    if rng.randrange(3) == 0:
        return rng.choice(SPLITTERS)
    if rng.randrange(4) == 0:
        return {"type": "Punctuation", "behavior": rng.choice(BEHAVIORS)}
    behavior = {"behavior": rng.choice(BEHAVIORS), "invert": bool(rng.randrange(2))}
    return {"type": "Split", "pattern": pattern(rng), **behavior}


def make_spec(rng: random.Random) -> Spec:
    """A tokenizer with parts of several, most often damaged."""
    base = rng.choice(SPECS)
    if rng.randrange(2):
        base = {**base, "normalizer": rng.choice([None, replace(rng), *NORMALIZERS])}
    if rng.randrange(2):
        steps = [splitter(rng) for _ in range(rng.choice((0, 1, 1, 2, 5)))]
        base = {**base, "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps}}
    if rng.randrange(2):
        base = {**base, "decoder": rng.choice([None, replace(rng), *DECODERS])}
    if rng.randrange(3) == 0:
        ends = rng.choice([None, *(spec["post_processor"] for spec in SPECS)])
        base = {**base, "post_processor": ends}
    spec = copy.deepcopy(base)
    first = len(spec["model"]["vocab"])
    if rng.randrange(2):
        spec["added_tokens"] += [added_token(rng, first + i) for i in range(rng.randrange(9))]
    for _ in range(rng.choice((0, 1, 1, 1, 2, 5))):
        mutate.edit_tree(rng, spec)
    if rng.randrange(50) == 0:
        part = rng.choice((("normalizer", "normalizers"), ("decoder", "decoders")))
        for _ in range(rng.choice((3, 1000))):
            spec[part[0]] = {"type": "Sequence", part[1]: [spec.get(part[0])]}
    return spec


def number(rng: random.Random) -> Any:
    return rng.choice((None, "1", 1.0)) if rng.randrange(40) == 0 else rng.choice(NUMBERS)


def call(rng: random.Random, tokenizer: Tokenizer) -> None:
    words = rng.randrange(4) == 0
    count = rng.choice((0, 1, 1, 2, 20))

    def texts() -> Any:
        if words:
            return [[text(rng) for _ in range(rng.randrange(4))] for _ in range(count)]
        return [text(rng) for _ in range(count)]

    fields = rng.sample(FIELDS, rng.randrange(len(FIELDS) + 1))
    if rng.randrange(50) == 0:
        fields = rng.choice((["ids"], [None], "offsets", None, [""]))
    first, second = texts(), texts() if rng.randrange(2) else None
    if rng.randrange(100) == 0:
        second = rng.choice(([], "ab", None, [1], first * 2))
    options: dict[str, Any] = {
        "pretokenized": words,
        "add_special_tokens": bool(rng.randrange(2)),
        "truncation": rng.choice((None, "longest_first", "only_first", "only_second", "x")),
        "max_length": number(rng),
        "stride": number(rng) if rng.randrange(2) else 0,
        "truncation_side": rng.choice(("left", "right", "right", "up")),
        "split_special_tokens": bool(rng.randrange(2)),
        "fields": fields,
        "overflow": bool(rng.randrange(2)),
    }
    given = {key: value for key, value in options.items() if rng.randrange(3)}
    given["pretokenized"] = words
    rows = tokenizer.encode_batch(first, second, **given)
    total = len(rows["ids"])
    assert rows["rows"][0] == 0 and rows["rows"][-1] == total
    assert np.all(np.diff(rows["rows"]) >= 0)
    assert all(len(rows[name]) == total for name in given.get("fields", ()))
    pairs = [second] if isinstance(second, str) else second or []  # a str may be one text
    longest = max((len(t) for t in [*first, *pairs]), default=0)
    if "offsets" in rows and not words:
        assert np.all(rows["offsets"] >= 0) and np.all(rows["offsets"] <= longest)
    tokenizer.decode(rows["ids"].tolist(), bool(rng.randrange(2)))


def use(rng: random.Random, tokenizer: Tokenizer) -> None:
    """Each call works or fails as documented."""
    vocab = tokenizer.get_vocab()
    for token, index in vocab.items():
        assert tokenizer.token_to_id(token) == index
    ids = [rng.choice(NUMBERS) if rng.randrange(9) == 0 else rng.randrange(400) for _ in range(9)]
    calls = [
        *[lambda: call(rng, tokenizer)] * 3,
        lambda: tokenizer.decode(ids),
        lambda: tokenizer.decode(rng.choice((np.array(ids[:3], object), 3, None, [[1]], [1.5]))),
        lambda: tokenizer.decode_tokens([text(rng) for _ in range(5)]),
        lambda: tokenizer.id_to_token(number(rng)),
        lambda: tokenizer.with_added_tokens([added_token(rng, 300 + i) for i in range(3)]),
        lambda: call(rng, tokenizer.with_post_processor(rng.choice(SPECS)["post_processor"])),
    ]
    for one in calls:
        try:
            one()
        except (ValueError, TypeError) as error:
            assert type(error) in (ValueError, TypeError) and str(error), error


def check(rng: random.Random) -> bool:
    spec = make_spec(rng)
    try:
        tokenizer = Tokenizer(spec)
    except (ValueError, TypeError) as error:
        assert type(error) in (ValueError, TypeError) and str(error), error
        return False
    use(rng, tokenizer)
    return True


if __name__ == "__main__":
    mutate.main(check)
