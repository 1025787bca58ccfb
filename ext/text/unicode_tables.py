"""Writes unicode_tables.h out of the answers of the `tokenizers` library.

    python ext/text/unicode_tables.py > ext/text/unicode_tables.h

Every table is what `tokenizers` 0.23 does when it is asked about each code point in turn,
so the tables hold whichever Unicode version each of its operations was built with.  The
output depends on that library alone; clang-format leaves it as it is.
"""

import struct
import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
NPAGES = 512  # 256 code points each that property_index covers; text lies there

# Bits of a property word below the code point; unicode.c names them alike.
WHITESPACE, CONTROL, PUNCTUATION, NONSPACING, MARK = (1 << i for i in range(4, 9))
REGEX_SHIFT = 9  # two bits: 0 other, 1 letter, 2 number, 3 space
PROPERTY_BITS = 11

GRAPHEME_CLASSES = [
    "OTHER", "CONTROL", "PREPEND", "PICTOGRAPH", "CONSONANT", "HANGUL_L", "HANGUL_V", "HANGUL_T",
    "HANGUL_SYLLABLE", "REGIONAL", "ZWJ", "SPACING", "EXTEND", "INDIC_EXTEND", "LINKER",
]  # fmt: skip
GRAPHEME = {name: i for i, name in enumerate(GRAPHEME_CLASSES)}

ANY_SCRIPT = 0
SCRIPT_BITS = 8

# Ranges that Unicode 15 and 16 assigned: the reference's regex engine knows them, the
# Oniguruma of a distribution may not.
LATER = (
    "897 CF3 ECE 1B4E-1B4F 1B7F 1C89-1C8A 2427-2429 2FFC-2FFF 31E4-31E5 31EF A7CB-A7CD A7DA-A7DC "
    "105C0-105F3 10D40-10D65 10D69-10D85 10D8E-10D8F 10EC2-10EC4 10EFC-10EFF 1123F-11241 "
    "11380-11389 1138B 1138E 11390-113B5 113B7-113C0 113C2 113C5 113C7-113CA 113CC-113D5 "
    "113D7-113D8 113E1-113E2 116D0-116E3 11B00-11B09 11BC0-11BE1 11BF0-11BF9 11F00-11F10 "
    "11F12-11F3A 11F3E-11F5A 1342F 13439-13455 13460-143FA 16100-16139 16D40-16D79 18CFF 1B132 "
    "1B155 1CC00-1CCF9 1CD00-1CEB3 1D2C0-1D2D3 1DF25-1DF2A 1E030-1E06D 1E08F 1E4D0-1E4F9 "
    "1E5D0-1E5FA 1E5FF 1F6DC 1F774-1F776 1F77B-1F77F 1F7D9 1F8B2-1F8BB 1F8C0-1F8C1 1FA75-1FA77 "
    "1FA87-1FA89 1FA8F 1FAAD-1FAAF 1FABB-1FABF 1FAC6 1FACE-1FACF 1FADA-1FADC 1FADF 1FAE8-1FAE9 "
    "1FAF7-1FAF8 1FBCB-1FBEF 2B739 2EBF0-2EE5D 31350-323AF"
)
# Properties that a stand-in for them shares; the last ones only where one has them all.
CATEGORIES = [
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi",
    "Pf", "Po", "Sm", "Sc", "Sk", "So", "Cf",
]  # fmt: skip
OTHER_PROPERTIES = [
    "Alphabetic", "Emoji", "Emoji_Presentation", "Extended_Pictographic", "Ideographic",
]  # fmt: skip
SCRIPTS = [
    "Arabic", "Balinese", "Common", "Cyrillic", "Devanagari", "Egyptian_Hieroglyphs", "Georgian",
    "Han", "Hiragana", "Inherited", "Kannada", "Katakana", "Khitan_Small_Script", "Lao", "Latin",
    "Telugu",
]  # fmt: skip


# ---- asking the reference ----


def ask(normalizer: normalizers.Normalizer, texts: Iterable[str]) -> list[str]:
    """What the normalizer makes of each text (all asked at once, a line each)."""
    texts = list(texts)
    lines = normalizer.normalize_str("\n".join(t.replace("\n", "") for t in texts)).split("\n")
    if len(lines) != len(texts):
        raise RuntimeError(f"{normalizer} joined or split lines")
    return [
        normalizer.normalize_str(text) if "\n" in text else line
        for text, line in zip(texts, lines, strict=True)
    ]


def answers(normalizer: normalizers.Normalizer, template: str = "{}") -> dict[int, str]:
    """The normalizer's answer to `template` filled with each code point."""
    texts = ask(normalizer, (template.replace("{}", chr(c)) for c in CODE_POINTS))
    return dict(zip(CODE_POINTS, texts, strict=True))


def matching(pattern: str) -> set[int]:
    """Code points that a class of the byte-level pattern's regex engine matches."""
    text = "".join(map(chr, CODE_POINTS))
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    return {ord(c) for piece, _ in split.pre_tokenize_str(text) for c in piece}


def removed_by(split: pre_tokenizers.PreTokenizer) -> set[int]:
    """Code points that a pre-tokenizer never passes on."""
    text = "".join(map(chr, CODE_POINTS))
    kept = {c for piece, _ in split.pre_tokenize_str(text) for c in piece}
    return {c for c in CODE_POINTS if chr(c) not in kept}


def letters_to_single_word() -> set[int]:
    """Code points that keep an added token from being a single word when they follow it."""
    token = tokenizers.AddedToken("X", single_word=True, normalized=False)
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.add_tokens([token])
    found = tokenizer.encode_batch([f"X{chr(c)}" for c in CODE_POINTS])
    return {c for c, encoding in zip(CODE_POINTS, found, strict=True) if encoding.ids == [0]}


def isolated_by(split: pre_tokenizers.PreTokenizer) -> set[int]:
    """Code points that a pre-tokenizer cuts out from between letters."""
    text = "".join(f"aa{chr(c)}" for c in CODE_POINTS) + "aa"
    return {ord(piece) for piece, _ in split.pre_tokenize_str(text) if len(piece) == 1}


def script_classes() -> dict[int, int]:
    """A number for each code point's script as UnicodeScripts has them, ANY_SCRIPT for any."""
    split = pre_tokenizers.UnicodeScripts()
    boundaries = set()  # where the script changes in a text of every code point
    for _, (start, _) in split.pre_tokenize_str("".join(map(chr, CODE_POINTS))):
        boundaries.add(CODE_POINTS[start])
    classes: dict[int, int] = {}
    examples: list[str] = []
    for c in CODE_POINTS:
        if not split.pre_tokenize_str(chr(c)):
            classes[c] = ANY_SCRIPT
        elif c not in boundaries and classes.get(c - 1, ANY_SCRIPT) != ANY_SCRIPT:
            classes[c] = classes[c - 1]
        else:
            joins = (
                i for i, e in enumerate(examples) if len(split.pre_tokenize_str(e + chr(c))) == 1
            )
            at = next(joins, len(examples))
            if at == len(examples):
                examples.append(chr(c))
            classes[c] = ANY_SCRIPT + 1 + at
    return classes


def later_code_points() -> list[int]:
    """The members of LATER."""
    bounds = [(range_ + "-" + range_).split("-")[:2] for range_ in LATER.split()]
    return [c for first, last in bounds for c in range(int(first, 16), int(last, 16) + 1)]


def stand_ins() -> dict[int, int]:
    """For each of LATER an older code point, as long in UTF-8, that the regex engine's
    classes cannot tell from it."""
    later = set(later_code_points())
    names = [*CATEGORIES, *OTHER_PROPERTIES, *SCRIPTS]
    members = [matching(rf"\p{{{name}}}") for name in names]

    def signature(c: int, count: int) -> tuple[bool, ...]:
        return (c >= 0x10000, *(c in members[i] for i in range(count)))

    def find(count: int, wanted: set[int]) -> dict[int, int]:
        sought = {signature(c, count) for c in wanted}
        first: dict[tuple[bool, ...], int] = {}
        for c in CODE_POINTS:
            if c >= 0x800 and c not in later and signature(c, count) in sought:
                first.setdefault(signature(c, count), c)
        return {c: first[signature(c, count)] for c in wanted if signature(c, count) in first}

    found = find(len(names), later)
    rest = find(len(CATEGORIES) + len(OTHER_PROPERTIES), later - set(found))
    found |= rest
    found |= find(len(CATEGORIES), later - set(found))
    if later != set(found):
        raise RuntimeError("some of LATER have no like")
    return found


# ---- grapheme clusters ----


def charsmap(entries: dict[str, str]) -> bytes:
    """A SentencePiece precompiled map: the simplest double array, 256 units for a node."""
    keys = {key.encode(): value.encode() for key, value in entries.items()}
    nodes = sorted({key[:i] for key in keys for i in range(len(key) + 1)})
    base = {node: 256 * (i + 1) for i, node in enumerate(nodes)}
    position = {node: base[node[:-1]] ^ node[-1] if node else 0 for node in nodes}
    units = [0] * (256 * (len(nodes) + 1))
    values = b""
    for node in nodes:
        offset = position[node] ^ base[node]
        label = node[-1] if node else 0
        units[position[node]] |= offset << 10 | (node in keys) << 8 | label
        if node in keys:
            units[base[node]] = 1 << 31 | len(values)
            values += keys[node] + b"\0"
    return struct.pack(f"<I{len(units)}I", 4 * len(units), *units) + values


def grapheme_classes() -> dict[int, int]:
    """The grapheme class of each code point.

    The reference looks a cluster of fewer than six bytes up whole and takes the shortest
    entry that begins it, so with a map of characters to themselves the rest of the
    cluster vanishes: that shows where clusters end.
    """
    mark, other_mark, pictograph, consonant = "\u0300", "\u0301", "\u00a9", "\u0915"
    linker, zwj, hangul_l, hangul_v, hangul_t = "\u094d", "\u200d", "\u1100", "\u1161", "\u11a8"

    def joined(template: str, keys: str) -> set[int]:
        """Where no cluster begins before the last character but one (one of the keys)."""
        precompiled = normalizers.Precompiled(charsmap({key: key for key in keys}))
        last = template[-1]
        return {c for c, text in answers(precompiled, template).items() if text.endswith(last)}

    only_a = normalizers.Precompiled(charsmap({"a": "a"}))
    no_break_before = {c for c, text in answers(only_a, "a{}").items() if text == "a"}
    keeps_mark = joined("{}" + mark + other_mark, mark)
    keeps_letter = joined("{}a" + mark, "a")
    before_l, before_v, before_t = (
        joined("{}" + jamo + mark, jamo) for jamo in (hangul_l, hangul_v, hangul_t)
    )
    is_pictograph = joined("{}" + zwj + pictograph + mark, pictograph)
    is_extend = joined(pictograph + "{}" + zwj + pictograph + mark, pictograph)
    is_consonant = joined("{}" + linker + consonant + mark, consonant)
    is_linker = joined(consonant + "{}" + consonant + mark, consonant)
    is_indic_extend = joined(consonant + "{}" + linker + consonant + mark, consonant)

    def name(c: int) -> str:
        if c == ord(zwj):
            return "ZWJ"
        if 0x1F1E6 <= c <= 0x1F1FF:  # four bytes: how these join cannot be seen
            return "REGIONAL"
        if c in no_break_before:
            if c not in is_extend:
                return "SPACING"
            if c in is_linker:
                return "LINKER"
            return "INDIC_EXTEND" if c in is_indic_extend else "EXTEND"
        if c not in keeps_mark:
            return "CONTROL"
        if c in keeps_letter:
            return "PREPEND"
        if c in is_pictograph:
            return "PICTOGRAPH"
        if c in is_consonant:
            return "CONSONANT"
        jamo = "".join(
            letter
            for letter, joins in (("L", before_l), ("V", before_v), ("T", before_t))
            if c in joins
        )
        if 0xAC00 <= c <= 0xD7A3 and jamo == ("VT" if (c - 0xAC00) % 28 == 0 else "T"):
            return "HANGUL_SYLLABLE"
        return {"": "OTHER", "LV": "HANGUL_L", "VT": "HANGUL_V", "T": "HANGUL_T"}[jamo]

    return {c: GRAPHEME[name(c)] for c in CODE_POINTS}


# ---- tables ----


def property_words() -> dict[int, int]:
    """All the properties of each code point in one word."""
    words = grapheme_classes()

    def add(bits: int, members: Iterable[int]) -> None:
        for c in members:
            words[c] |= bits

    def dropped(normalizer: normalizers.Normalizer) -> list[int]:
        return [c for c in CODE_POINTS if normalizer.normalize_str(chr(c)) == ""]

    def bert(**flags: bool) -> normalizers.Normalizer:
        off = {"clean_text": False, "handle_chinese_chars": False, "lowercase": False}
        return normalizers.BertNormalizer(**{**off, "strip_accents": False, **flags})

    add(WHITESPACE, removed_by(pre_tokenizers.WhitespaceSplit()))
    add(CONTROL, dropped(bert(clean_text=True)))
    add(PUNCTUATION, isolated_by(pre_tokenizers.BertPreTokenizer()))
    add(NONSPACING, dropped(bert(strip_accents=True)))
    add(MARK, dropped(normalizers.StripAccents()))
    for i, pattern in enumerate((r"\p{L}", r"\p{N}", r"\s"), 1):
        add(i << REGEX_SHIFT, matching(pattern))
    return words


def runs(values: dict[int, int]) -> Iterator[tuple[int, int]]:
    """(first code point, value) of each run of equal values; surrogates join either side."""
    for value, group in groupby(CODE_POINTS, key=values.__getitem__):
        yield next(group), value


def ranges(members: Iterable[int]) -> list[tuple[int, int]]:
    """The members as (first, last) ranges."""
    out: list[tuple[int, int]] = []
    for c in sorted(members):
        if out and c == out[-1][1] + 1:
            out[-1] = (out[-1][0], c)
        else:
            out.append((c, c))
    return out


def lowercase_rows() -> list[tuple[int, int, int, int]]:
    """(first, last, step, difference) of each series of letters with one rule."""
    rows: list[tuple[int, int, int, int]] = []
    for c, text in answers(normalizers.Lowercase()).items():
        if text == chr(c):
            continue
        if len(text) != 1:
            if (c, text) != (0x130, "i\u0307"):  # the one that unicode.c knows
                raise RuntimeError(f"U+{c:04X} has a lower case of several characters")
            continue
        difference = ord(text) - c
        if rows and rows[-1][3] == difference:
            first, last, step, _ = rows[-1]
            if (first == last and c - last <= 2) or c - last == step:
                rows[-1] = (first, c, c - last, difference)
                continue
        rows.append((c, c, 1, difference))
    return rows


def decomposing(normalizer: normalizers.Normalizer, form: str) -> set[int]:
    """Code points that the normalizer takes apart, as every later Unicode does."""
    found = {c: text for c, text in answers(normalizer).items() if text != chr(c)}
    for c, text in found.items():
        if unicodedata.normalize(form, chr(c)) != text:
            raise RuntimeError(f"U+{c:04X} has another {form} here: it needs an exception")
    return set(found)


def reordering() -> set[int]:
    """Code points with a combining class other than 0, as in every later Unicode."""
    nfd = normalizers.NFD()
    lowest, highest = "\u0334", "\u0345"  # classes 1 and 240
    after = {c for c, text in answers(nfd, "{}" + lowest).items() if text == lowest + chr(c)}
    before = {c for c, text in answers(nfd, highest + "{}").items() if text == chr(c) + highest}
    return after | before


def stand_in_rows() -> list[tuple[int, int, int]]:
    """(first, last, stand-in) of each range of code points with one stand-in."""
    rows: list[tuple[int, int, int]] = []
    for c, like in sorted(stand_ins().items()):
        if rows and rows[-1][1] == c - 1 and rows[-1][2] == like:
            rows[-1] = (rows[-1][0], c, like)
        else:
            rows.append((c, c, like))
    return rows


def c_array(declaration: str, items: Sequence[str], comment: str) -> str:
    """A static constant array, as many items to a line as fit 88 columns."""
    lines = [f"/* {comment} */", f"static const {declaration} = {{"]
    line = "   "
    for item in items:
        if len(line) + len(item) + 2 > 88:
            lines.append(line)
            line = "   "
        line += f" {item},"
    return "\n".join([*lines, line, "};"])


def range_array(name: str, members: Iterable[int], comment: str) -> str:
    items = [f"{{0x{first:04X}, 0x{last:04X}}}" for first, last in ranges(members)]
    return c_array(f"struct code_range {name}[]", items, comment)


def header() -> str:
    """The text of unicode_tables.h."""
    entries = [c << PROPERTY_BITS | word for c, word in runs(property_words())]
    starts = [entry >> PROPERTY_BITS for entry in entries]
    index = [bisect_right(starts, page << 8) - 1 for page in range(NPAGES + 1)]
    parts = [
        f"""\
/* clang-format off */
/* Written by unicode_tables.py out of the answers of tokenizers {tokenizers.__version__}.
 *
 * Which answers: white space of WhitespaceSplit; controls dropped by BertNormalizer's
 * clean_text; punctuation isolated by BertPreTokenizer; marks dropped by BertNormalizer's
 * strip_accents and by StripAccents; \\p{{L}}, \\p{{N}} and \\s of the byte-level pattern's
 * engine; clusters seen through Precompiled; Lowercase; NFD, NFKD; neighbours of added
 * tokens that must be single words; Digits; UnicodeScripts; classes of the regex engine. */
#ifndef TXE_TEXT_UNICODE_TABLES_H
#define TXE_TEXT_UNICODE_TABLES_H

#include <stdint.h>

struct code_range {{
    uint32_t first, last;
}};

struct lowercase_rule {{
    uint32_t first, last;
    int32_t step, difference;
}};

struct stand_in {{
    uint32_t first, last, like;
}};""",
        "/* How a code point joins its neighbours in a grapheme cluster. */\nenum {\n"
        + "".join(f"    GRAPHEME_{name},\n" for name in GRAPHEME_CLASSES)
        + "};",
        c_array(
            "uint32_t property_runs[]",
            [f"0x{entry:08X}" for entry in entries],
            "First code point << 11 | properties, which hold up to the next entry's.",
        ),
        c_array(
            f"uint16_t property_index[{len(index)}]",
            [str(i) for i in index],
            "Entry of property_runs that holds the first code point of each 256.",
        ),
        c_array(
            "struct lowercase_rule lowercase_rules[]",
            [f"{{0x{a:04X}, 0x{b:04X}, {step}, {d}}}" for a, b, step, d in lowercase_rows()],
            "Letters from first to last, every step-th, and what to add for lower case.",
        ),
        range_array(
            "canonical_ranges",
            decomposing(normalizers.NFD(), "NFD"),
            "Code points that NFD takes apart.",
        ),
        range_array(
            "compatibility_ranges",
            decomposing(normalizers.NFKD(), "NFKD"),
            "Code points that NFKD takes apart.",
        ),
        range_array("reordered_ranges", reordering(), "Code points with a combining class not 0."),
        range_array(
            "word_ranges",
            letters_to_single_word(),
            "Code points that are part of a word beside an added token.",
        ),
        range_array(
            "numeric_ranges",
            isolated_by(pre_tokenizers.Digits(True)),
            "Code points that Digits isolates.",
        ),
        c_array(
            "uint32_t script_runs[]",
            [f"0x{c << SCRIPT_BITS | script:07X}" for c, script in runs(script_classes())],
            "First code point << 8 | script, 0 for any, up to the next entry's.",
        ),
        c_array(
            "struct stand_in stand_ins[]",
            [f"{{0x{a:04X}, 0x{b:04X}, 0x{c:04X}}}" for a, b, c in stand_in_rows()],
            "Code points from first to last, unknown to some engines, and one like them.",
        ),
        "#endif\n",
    ]
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(header())
