"""Random small tokenizers over an alphabet of characters that some rule treats specially."""

import random
from typing import Any

from pipeline_reference import (
    BERT_NORMALIZER,
    BYTE_CHARS,
    BYTE_LEVEL,
    MARK,
    METASPACE,
    added,
    bpe,
    spec,
    unigram,
    word_level,
    word_piece,
)

Spec = dict[str, Any]
PARTS = [*"abAB .,'_1\t\n\x00", "  ", "\xe9", "e\u0301", "\u0301", "\u4e2d", MARK, "\u0120", "\xa0"]
PARTS += ["\u200b", "\U0001f600", "\U0001f468\u200d\U0001f469", "\xdf", "\u0130", "<s>", "##a"]
REPLACE = {"type": "Replace", "pattern": {"String": MARK}, "content": " "}
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
REGEXES = [
    *(GPT2, r"\s+", r"\w+", r"[^\s]", r"a|b", "", r"(?=a)", r"\b", r"a*", r"(?<=a)b", r"(?<!a)."),
    *(r"\p{L}+|\p{N}", r"\d", r"(.)\1", r"(?i)AB", r"^.", r".$", r"\z", r"\G.", r"\X", r"(?m)."),
    *(
        r"a\K.",
        r"\p{Han}",
        r"[^\x00-\x7f]+",
        r"(?~a)",
        r"[[:space:]]",
        r"(?<x>a)(?:b|\g<x>)*",
        r".",
    ),
]
DELIMITERS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]


def text(rng: random.Random, longest: int) -> str:
    return "".join(rng.choice(PARTS) for _ in range(rng.randint(0, longest)))


def strings(rng: random.Random, count: int) -> list[str]:
    return [one for one in (text(rng, 3) for _ in range(count)) if one]


def bpe_model(rng: random.Random, alphabet: list[str], **options: Any) -> Spec:
    vocab, merges = list(alphabet), []
    for _ in range(rng.randint(0, 25)):
        merge = rng.choice(vocab), rng.choice(vocab)
        if merge not in merges:
            merges.append(merge)
            vocab.append("".join(merge))
    options |= {"fuse_unk": rng.random() < 0.5, "ignore_merges": rng.random() < 0.3}
    if "unk_token" in options:
        vocab.append("<unk>")
    return bpe(vocab, merges, **options)


def model(rng: random.Random, kind: str) -> Spec:
    if kind == "WordLevel":
        return word_level(*strings(rng, 12))
    if kind == "WordPiece":
        pieces = [*strings(rng, 15), "a", "b", "e", ".", "\u4e2d"]
        pieces += ["##" + piece for piece in pieces]
        return word_piece(*pieces, longest=rng.choice((100, 3)))
    if kind == "Unigram":
        pieces = dict.fromkeys(["<unk>", MARK, *strings(rng, 20)])
        scores = (0.0, -1.0, -2.0, -3.5, rng.uniform(-5, 5))  # ties are likely
        scored = [(piece, rng.choice(scores)) for piece in pieces]
        return unigram(scored, rng.choice((0, 0, 1)))
    if kind == "BPE":
        characters = sorted({c for part in PARTS for c in part})
        some = rng.sample(characters, rng.randint(5, len(characters)))
        return bpe_model(rng, some, **rng.choice(({}, {"unk_token": "<unk>"})))
    alphabet = [BYTE_CHARS[byte] for byte in b" abABe.,'\xc3\xa9\xe4\xb8\xad\xcc\x81"]
    others = [c for c in BYTE_CHARS.values() if c not in alphabet]
    result = bpe_model(rng, alphabet)
    for c in rng.sample(others, rng.choice((len(others), 150))):
        result["vocab"][c] = len(result["vocab"])
    return result


def pattern(rng: random.Random) -> Spec:
    if rng.random() < 0.5:
        return {"Regex": rng.choice(REGEXES)}
    return {"String": rng.choice(("a", " ", "ab", "", "aa", "\u4e2d", "."))}


def normalizer(rng: random.Random) -> Spec | None:
    forms = [{"type": name} for name in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents")]
    choices = [
        *forms,
        BERT_NORMALIZER,
        {**BERT_NORMALIZER, "lowercase": False},
        {"type": "Strip", "strip_left": True, "strip_right": rng.random() < 0.5},
        {
            "type": "Replace",
            "pattern": pattern(rng),
            "content": rng.choice(("b", "", "\xe9\u4e2d")),
        },
        {"type": "Nmt"},
        {"type": "ByteLevel"},
        {"type": "Prepend", "prepend": rng.choice((MARK, " ", "ab"))},
    ]
    steps = rng.choices(choices, k=rng.choice((0, 0, 1, 1, 2, 3)))
    return {"type": "Sequence", "normalizers": steps} if steps else None


def split(rng: random.Random) -> Spec:
    parts = {"pattern": pattern(rng), "behavior": rng.choice(DELIMITERS)}
    return {"type": "Split", **parts, "invert": rng.random() < 0.3}


def cutter(rng: random.Random) -> Spec:
    """Any pre-tokenizer but ByteLevel."""
    scheme = rng.choice(("always", "first", "never"))
    metaspace = {**METASPACE, "prepend_scheme": scheme, "split": rng.random() < 0.7}
    if rng.random() < 0.2:
        metaspace["replacement"] = rng.choice(("_", "a", " ", "\U0001f600"))
    choices = (
        {"type": "BertPreTokenizer"},
        {"type": "WhitespaceSplit"},
        {"type": "Whitespace"},
        {"type": "UnicodeScripts"},
        {"type": "Punctuation", "behavior": rng.choice(DELIMITERS)},
        {"type": "Digits", "individual_digits": rng.random() < 0.5},
        {"type": "CharDelimiterSplit", "delimiter": rng.choice("a _\u4e2d")},
        {"type": "FixedLength", "length": rng.randint(1, 4)},
    )
    return rng.choice((metaspace, split(rng), rng.choice(choices)))


def pre_tokenizer(rng: random.Random, byte_level: bool) -> Spec | None:
    steps = [cutter(rng) for _ in range(rng.choice((0, 0, 1, 1, 2, 6)))]
    if byte_level or rng.random() < 0.15:
        last = {**BYTE_LEVEL, "add_prefix_space": rng.random() < 0.5}
        last["use_regex"] = rng.random() < 0.7
        at = len(steps) if rng.random() < 0.8 else rng.randint(0, len(steps))
        steps.insert(at, last)
    if not steps:
        return None
    if len(steps) == 1 and rng.random() < 0.5:
        return steps[0]
    return {"type": "Sequence", "pretokenizers": steps}


def template(rng: random.Random) -> Spec:
    def special() -> Spec:
        return {"SpecialToken": {"id": rng.choice(("[C]", "[S]")), "type_id": rng.randrange(3)}}

    def pieces(*names: str) -> list[Spec]:
        result = [{"Sequence": {"id": name, "type_id": rng.randrange(3)}} for name in names]
        for _ in range(rng.randrange(4)):
            result.insert(rng.randint(0, len(result)), special())
        return result

    tokens = {
        "[C]": {"id": "[C]", "ids": [1], "tokens": ["[C]"]},
        "[S]": {"id": "[S]", "ids": [2, 3], "tokens": ["[S]", "[T]"]},
    }
    pair = pieces(*rng.choice(("AB", "AB", "BA")))
    return {
        "type": "TemplateProcessing",
        "single": pieces("A"),
        "pair": pair,
        "special_tokens": tokens,
    }


def post_processor(rng: random.Random) -> Spec | None:
    trim = {"trim_offsets": rng.random() < 0.7, "add_prefix_space": rng.random() < 0.5}
    ends = {"sep": ["</s>", 2], "cls": ["<s>", 0]}
    byte_level = {**BYTE_LEVEL, **trim}
    last = rng.choice(
        (
            template(rng),
            {"type": "BertProcessing", **ends},
            {"type": "RobertaProcessing", **ends, **trim},
        )
    )
    both = {"type": "Sequence", "processors": [byte_level, last]}
    return rng.choice((None, byte_level, both, last, last, last))


def decoder(rng: random.Random) -> Spec | None:
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    steps = [REPLACE, {"type": "ByteFallback"}, {"type": "Fuse"}, strip]
    return rng.choice(
        (
            None,
            BYTE_LEVEL,
            {"type": "WordPiece", "prefix": "##", "cleanup": rng.random() < 0.5},
            {**METASPACE, "prepend_scheme": rng.choice(("always", "never"))},
            {"type": "BPEDecoder", "suffix": rng.choice(("a", "ab", ""))},
            {"type": "CTC", "pad_token": "a", "word_delimiter_token": "_", "cleanup": True},
            {"type": "CTC", "pad_token": "", "word_delimiter_token": "", "cleanup": False},
            {**METASPACE, "replacement": "a"},
            {"type": "Replace", "pattern": pattern(rng), "content": rng.choice(("", "x"))},
            {"type": "Sequence", "decoders": steps},
            *steps,
        )
    )


def added_tokens(rng: random.Random, known: dict[str, int], count: int) -> list[Spec]:
    flags = ("single_word", "lstrip", "rstrip", "normalized", "special")
    result, next_id = [], count
    for content in dict.fromkeys(strings(rng, rng.choice((0, 0, 1, 2, 4)))):
        token = added(content, known.get(content, next_id))
        next_id += content not in known
        result.append(token | {flag: rng.random() < 0.3 for flag in flags})
    if any(c.isspace() for token in result for c in token["content"]):
        for token in result:  # overlapping matches crash the reference
            token["rstrip"] = False
    return result


def tokenizer(rng: random.Random, kind: str) -> Spec:
    """kind: a model's type, or "ByteLevel" for byte-level BPE."""
    chosen = model(rng, kind)
    pieces = chosen["vocab"]
    known = pieces if isinstance(pieces, dict) else {p: i for i, (p, _) in enumerate(pieces)}
    return spec(
        chosen,
        normalizer=normalizer(rng),
        pre_tokenizer=pre_tokenizer(rng, kind == "ByteLevel"),
        post_processor=post_processor(rng),
        decoder=decoder(rng),
        added_tokens=added_tokens(rng, known, len(pieces)),
    )
