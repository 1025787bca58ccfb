"""Pre-tokenizers over every code point, and regular expressions: classes, limits, threads."""

import json
import random
import threading

import pytest
import random_specs
from pipeline_reference import BYTE_LEVEL, METASPACE, Both, added, bpe, spec, unigram, word_level
from text_reference import CODE_POINTS, same, tokenizers

from pytxenc._core import Tokenizer

CHUNK = 1 << 14
# Without the insides of long ranges that are all alike.
ALIKE = [(0x3500, 0x9F00), (0xAD00, 0xD600), (0xE100, 0xF800), (0x20100, 0x2A600)]
ALIKE += [(0x2B000, 0x2B700), (0x2D000, 0x2EB00), (0x31400, 0x32300), (0x32500, 0xE0000)]
ALIKE += [(0xE0200, 0x10FF00)]
SOME_POINTS = [c for c in CODE_POINTS if not any(a <= c < b for a, b in ALIKE)]
# Properties that patterns of published tokenizers use, and others that Unicode often extends.
CLASSES = [
    *(r"\p{L}", r"\p{N}", r"\p{M}", r"\p{P}", r"\p{S}", r"\p{Z}", r"\p{Lu}", r"\p{Ll}", r"\p{Lt}"),
    *(r"\p{Lm}", r"\p{Lo}", r"\p{Nd}", r"\p{Nl}", r"\p{No}", r"\p{Sm}", r"\p{Sc}", r"\p{So}"),
    *(r"\p{Po}", r"\p{Pd}", r"\p{Cf}", r"\s", r"\w", r"\d", r"\h", r"\p{Han}", r"\p{Hiragana}"),
    *(r"\p{Emoji}", r"\p{Extended_Pictographic}", r"[^\s\p{L}\p{N}]", r"(?i)[a-z]", "."),
]


def regex(pattern, behavior="Isolated", invert=False):
    parts = {"pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert}
    return {"type": "Split", **parts}


def words(tokenizer, text):
    """(start, end) of each word, from a tokenizer that knows none of them."""
    return tokenizer.encode_batch([text], fields=["offsets"])["offsets"].tolist()


def cutter(pre_tokenizer, **parts):
    return Tokenizer(spec(word_level("?"), pre_tokenizer=pre_tokenizer, **parts))


def same_words(pre_tokenizer, text):
    theirs = tokenizers.Tokenizer.from_str(
        json.dumps(spec(word_level("?"), pre_tokenizer=pre_tokenizer))
    )
    expected = [list(span) for span in theirs.encode(text).offsets]
    return same(words(cutter(pre_tokenizer), text), expected)


# ---- every code point ----


@pytest.mark.parametrize("template", ["a{}a", "{}"])
@pytest.mark.parametrize(
    "pre_tokenizer",
    [
        {"type": "Whitespace"},
        {"type": "Punctuation", "behavior": "Contiguous"},
        {"type": "Digits", "individual_digits": False},
        {"type": "UnicodeScripts"},
        {"type": "FixedLength", "length": 3},
    ],
    ids=lambda value: value["type"],
)
def test_every_code_point_is_split(pre_tokenizer, template):
    for start in range(0, len(SOME_POINTS), CHUNK):
        some = SOME_POINTS[start : start + CHUNK]
        assert same_words(pre_tokenizer, "".join(template.replace("{}", chr(c)) for c in some))


@pytest.mark.parametrize("pattern", CLASSES)
def test_every_code_point_has_its_class(pattern):
    assert same_words(regex(pattern, "Contiguous"), "".join(map(chr, SOME_POINTS)))


def test_characters_of_later_versions():
    """A letter, a mark, a digit, a Han character and an emoji of Unicode 15 and 16."""
    text = "a\u1c89b\u0897 \U00010d40 \U00031350\U00031351 \U0001fae8!"
    for pattern in (r"\p{L}+", r"\p{M}", r"\p{N}", r"\p{Han}+", r"\p{Emoji}", r"\w+", r"\p{Lu}"):
        assert same_words(regex(pattern), text), pattern


# ---- Split and Replace ----


@pytest.mark.parametrize("behavior", random_specs.DELIMITERS)
@pytest.mark.parametrize("invert", [False, True])
def test_behaviours(behavior, invert):
    rng = random.Random(f"{behavior} {invert}")
    patterns = [{"Regex": pattern} for pattern in random_specs.REGEXES]
    patterns += [{"String": text} for text in ("-", "a", "aa", "", "--", "\u4e2d")]
    for pattern in patterns:
        pre_tokenizer = {**regex(""), "pattern": pattern, "behavior": behavior, "invert": invert}
        for _ in range(15):
            text = "".join(rng.choices("ab-- A\n1\u4e2d", k=rng.randint(1, 9)))
            assert same_words(pre_tokenizer, text), (pattern, text)


def test_gpt2_pattern_is_a_scanner():
    """Linear also where the regex engine needs memory for each letter."""
    split = regex(random_specs.GPT2)
    long = "a" * 5_000_000
    assert words(cutter(split), long) == [[0, len(long)]]
    with pytest.raises(ValueError, match=r"fails on this text: match-stack limit over"):
        words(cutter(regex("(a|b)+")), long)


def test_byte_level_after_its_own_pattern():
    plain = {**BYTE_LEVEL, "use_regex": False}
    model = bpe(list("abc \u0120.,'s"), [])
    both = [{"type": "Sequence", "pretokenizers": [regex(random_specs.GPT2), plain]}]
    both += [{**BYTE_LEVEL, "add_prefix_space": True}]
    for pre_tokenizer in both:
        Both(spec(model, pre_tokenizer=pre_tokenizer)).check(["ab's  ab, a\n a", "", "a", "  ab"])


def test_byte_level_for_every_model():
    pieces = ["<unk>", "\u0120", "a", "\xc3", "\xa9", "\u0120a"]
    for model in (unigram([(p, -1.0 - i) for i, p in enumerate(pieces)]), word_level(*pieces)):
        for normalizer, pre_tokenizer in ((None, BYTE_LEVEL), ({"type": "ByteLevel"}, None)):
            parts = {"normalizer": normalizer, "pre_tokenizer": pre_tokenizer}
            Both(spec(model, decoder=BYTE_LEVEL, **parts)).check(["a \xe9 a", " \u4e2d", ""])


def test_metaspace_of_any_character():
    for replacement in ("_", "\u2581", "\U0001f600", " ", "a"):
        metaspace = {**METASPACE, "replacement": replacement}
        both = Both(spec(word_level(f"{replacement}x", "x"), pre_tokenizer=metaspace))
        both.check(["x", " x", "x x", f"x{replacement}x", "", " "])


# ---- hostile patterns ----


HOSTILE = [
    (r"(x+x+)+y", "x" * 60),
    (r"(?:x|xx|xxx)*y", "x" * 100_000),
    (r"(x*)*(x*)*y", "x" * 60),
    (r"(?:(?:x{0,9}){0,9}){0,9}y", "x" * 2000),
    (r"(?<n>x|\(\g<n>\))*y", "x" * 5000 + "((((("),
]


@pytest.mark.parametrize(("pattern", "text"), HOSTILE)
def test_a_hostile_pattern_ends(pattern, text):
    try:
        words(cutter(regex(pattern)), text)
    except ValueError as error:
        assert "regular expression" in str(error) and "texts[0]" in str(error)


@pytest.mark.slow
@pytest.mark.parametrize("pattern", [r"x(?=.*+)", r"x(?=.*+[yz])"])
def test_a_pattern_that_looks_ahead_everywhere_ends(pattern):
    """Nothing is tried twice here, so only the clock can tell."""
    with pytest.raises(ValueError, match="takes too long on this text"):
        words(cutter(regex(pattern)), "x" * 1_000_000 + "\nz")


@pytest.mark.parametrize("pattern", random_specs.REGEXES)
def test_long_texts_are_cut_like_short_ones(pattern):
    rng = random.Random(pattern)
    text = "".join(rng.choices(["a", "b", "ab", " ", "\n", "1", "\u4e2d", "aa "], k=60_000))
    assert same_words(regex(pattern), text)


def test_a_hostile_decoder_or_added_token_ends():
    slow = {"Regex": "(x+x+)+y"}
    replace = {"type": "Replace", "pattern": slow, "content": ""}
    with pytest.raises(ValueError, match="regular expression"):
        Tokenizer(spec(word_level("?"), decoder=replace)).decode_tokens(["x" * 60])
    token = {"id": 9, "content": "x" * 60, "normalized": True}
    with pytest.raises(ValueError, match=r"added_tokens: .*regular expression"):
        Tokenizer(spec(word_level("?"), normalizer=replace, added_tokens=[token]))


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "[a",
        "a{2,1}{",
        "(?<n>",
        r"\p{Nothing}",
        "(?<=a*)b",
        r"\g<x>",
        "*",
        "a**{9999999}",
        "\\",
    ],
)
def test_bad_patterns_are_named(pattern):
    try:
        tokenizers.Regex(pattern)
    except Exception:
        with pytest.raises(ValueError, match=r"pre_tokenizer.pattern.Regex: not a usable regular"):
            cutter(regex(pattern))
    else:
        cutter(regex(pattern))


def test_long_texts_take_linear_time():
    for pattern in (r"\s+", r"\p{L}+", "ab", r"(?=\d)", r"$", r"\bzz"):
        for text in (" " * 300_000, "ab " * 100_000, "\u4e2d" * 100_000):
            words(cutter(regex(pattern)), text)
    literal = {**regex(""), "pattern": {"String": "a" * 5000 + "b"}}
    assert words(cutter(literal), "a" * 1_000_000) == [[0, 1_000_000]]


def test_threads_share_a_pattern():
    tokenizer = cutter(regex(r"(\w)\1|\s+"))
    rng = random.Random(3)
    texts = ["".join(rng.choices("ab  c\n", k=200)) for _ in range(50)]
    expected = [words(tokenizer, text) for text in texts]
    wrong = []

    def work():
        for _ in range(20):
            if [words(tokenizer, text) for text in texts] != expected:
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


# ---- many added tokens ----


def many_tokens(kind, count):
    if kind == "numbered":
        return [f"<|reserved_{i}|>" for i in range(count)]
    if kind == "nested":
        return ["a" * i for i in range(1, 1500)]
    rng = random.Random(4)
    made = ("".join(rng.choices("abcdefgh", k=rng.randint(3, 12))) for _ in range(count))
    return list(dict.fromkeys(made))


@pytest.mark.parametrize("kind", ["numbered", "nested", "random"])
def test_many_added_tokens(kind):
    """Of all that match, the leftmost and there the longest, as in the reference."""
    rng = random.Random(kind)
    tokens = many_tokens(kind, 20_000)
    flags = ("single_word", "lstrip", "rstrip", "normalized", "special")
    entries = [
        added(token, i + 1, **{flag: rng.random() < 0.2 for flag in flags})
        for i, token in enumerate(tokens)
    ]
    both = Both(spec(word_level("?"), added_tokens=entries))
    pieces = [*rng.choices(tokens, k=50), *rng.choices(["a", " ", "  ", ".", "bc"], k=50)]
    for _ in range(20):
        both.check(["".join(rng.choices(pieces, k=60))])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["numbered", "random"])
def test_a_million_added_tokens(kind):
    tokens = many_tokens(kind, 1_000_000)
    entries = [added(token, i + 1, normalized=kind == "random") for i, token in enumerate(tokens)]
    tokenizer = Tokenizer(spec(word_level("?"), added_tokens=entries))
    some = tokens[::7]
    # Between full stops nothing can match but the tokens themselves.
    ids = tokenizer.encode_batch([".".join(some)])["ids"]
    assert ids[ids > 1].tolist() == [i + 2 for i in range(0, len(tokens), 7)]
