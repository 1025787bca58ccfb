"""The `tokenizers` library and our text layer, asked the same questions.

A step is a tuple: the name of the reference's class, then its arguments in order.
"""

import importlib.util
import random
import types
from itertools import accumulate, islice
from pathlib import Path

import pytest

tokenizers = pytest.importorskip("tokenizers", minversion="0.23")

from tokenizers import PreTokenizedString, Regex, normalizers, pre_tokenizers  # noqa: E402

from pytxenc import _core  # noqa: E402

Step = tuple[object, ...]
Spans = list[tuple[object, tuple[int, int]]]

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
FLAGS = [(bool(i & 8), bool(i & 4), bool(i & 2), bool(i & 1)) for i in range(16)]

_ONE_CHARACTER = Regex("(?m).")

# The byte-level alphabet: printable Latin-1 stands for itself, the rest from U+0100 on.
_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [b for b in range(256) if b not in _PRINTABLE]
_BYTE_OF = {chr(b): b for b in _PRINTABLE} | {chr(256 + i): b for i, b in enumerate(_OTHERS)}

# Characters that some rule or other treats in its own way.
RICH = (
    "\x00\t\n\v\f\r\x1c\x1f"
    " !\"'`,.09AZaez\x7f\x80\x85\xa0\xa8\xa9\xad\xb5\xbd\xc0\xdf\xe9\u0130\u0131"
    "\u01c4\u01c5\u023a\u0300\u0301\u0308\u030a\u0315\u031b\u0323\u0327\u0334\u0338\u0340\u0344\u0345"
    "\u034f\u035c\u0360\u0378\u0390\u03a3\u03c2\u0587\u05b0\u05bc\u0600\u061c\u064b\u0651\u0670\u06dd"
    "\u0915\u0937\u093c\u094d\u0958\u0995\u09bc\u09be\u09c7\u09cd\u09cb\u0b3e\u0d4e\u0dd9\u0dcf\u0e33"
    "\u0eb3\u0f71\u0f72\u0f73\u0f80\u1025\u102e\u1100\u1112\u115f\u1161\u1175\u11a7\u11a8\u11c2\u1680"
    "\u180e\u1ab0\u1dcd\u1e9b\u1ea0\u1fb7\u1fef\u2000\u200b\u200c\u200d\u200e\u2019\u2026\u2028\u2029"
    "\u202f\u2060\u20d0\u20e3\u2122\u2126\u212b\u2155\u2460\u2581\u2764\u2adc\u3000\u3042\u304b\u3099"
    "\u309a\u3200\u3358\u4e00\u9fff\ua640\ua960\uac00\uac01\ud7a3\ud7b0\ud7cb\ue000\uf900\ufb01\ufb1d"
    "\ufb2a\ufdfa\ufe0f\ufe20\ufeff\uff21\uff9e\uffa1\uffdc\ufffd\uffff\U00010400\U000110ba\U00011099"
    "\U00011131\U00011127\U0001133e\U00011347\U00011357\U00011938\U0001d15e\U0001d165\U0001d16d"
    "\U0001d400\U0001e900\U0001f1e6\U0001f1fa\U0001f3fd\U0001f468\U0001f469\U0001fbf0\U00020000"
    "\U0002a6df\U0002f800\U0002ffff\U000e0020\U000e0100\U0010fffd"
)


def rich_texts(seed: int, count: int, longest: int = 12):
    """Random short strings, mostly of characters with rules of their own."""
    rng = random.Random(seed)
    for _ in range(count):
        few = [*rng.choices(RICH, k=5), chr(rng.choice(CODE_POINTS)), rng.choice("ab '\u0301")]
        yield "".join(rng.choices(few, k=rng.randint(0, longest)))


def load_tables() -> types.ModuleType:
    """The generator of unicode_tables.h; skips where there is no source tree."""
    path = Path(__file__).parents[2] / "ext" / "text" / "unicode_tables.py"
    if not path.exists():
        pytest.skip("there is no source tree around the tests")
    spec = importlib.util.spec_from_file_location("unicode_tables", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def same(ours, reference) -> bool:
    """Equality, without pytest's endless comparison of long lists and texts."""
    if ours == reference:
        return True
    pairs = enumerate(zip(ours, reference, strict=False))
    at = next((i for i, (a, b) in pairs if a != b), min(len(ours), len(reference)))
    print(f"from item {at} on: {ours[at : at + 4]!a} here, {reference[at : at + 4]!a} there")
    return False


def from_byte_level(piece: str) -> bytes:
    """The bytes that a piece in the byte-level alphabet stands for."""
    return bytes(_BYTE_OF[character] for character in piece)


def reference_normalizer(steps: list[Step]):
    made = []
    for name, *args in steps:
        if name == "BertNormalizer":
            flags = ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")
            made.append(normalizers.BertNormalizer(**dict(zip(flags, args, strict=True))))
        else:
            made.append(getattr(normalizers, name)(*args))
    return normalizers.Sequence(made)


def reference_pre_tokenizer(steps: list[Step]):
    made = []
    for name, *args in steps:
        if name == "ByteLevel":
            prefix, use_regex = args
            made.append(pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=use_regex))
        elif name == "Metaspace":
            cut, _, scheme = args
            made.append(pre_tokenizers.Metaspace(prepend_scheme=scheme, split=cut))
        else:
            made.append(getattr(pre_tokenizers, name)())
    return pre_tokenizers.Sequence(made)


def reference_spans(steps: list[Step], text: str) -> Spans:
    """Each character of the normalised text, with its byte span in the original."""
    normalizer = reference_normalizer(steps)
    pieces = PreTokenizedString(text)
    pieces.normalize(lambda part: normalizer.normalize(part))
    pieces.split(lambda _, part: part.split(_ONE_CHARACTER, "isolated"))
    return [(piece, span) for piece, span, _ in pieces.get_splits("original", "byte")]


def our_spans(steps: list[Step], text: str) -> Spans:
    """The same from us; every byte of a character must have one span."""
    data, spans, _ = _core._text_run(steps, [], text)
    found: Spans = []
    at = 0
    for character in data.decode():
        end = at + len(character.encode())
        (span,) = {tuple(span) for span in spans[at:end].tolist()}
        found.append((character, span))
        at = end
    assert at == len(data) == len(spans)
    return found


def reference_words(steps: list[Step], splits: list[Step], text: str) -> list[Spans]:
    """The words, each as its bytes (byte-level) or characters with their byte spans."""
    normalizer = reference_normalizer(steps)
    pre_tokenizer = reference_pre_tokenizer(splits)
    pieces = PreTokenizedString(text)
    if steps:
        pieces.normalize(lambda part: normalizer.normalize(part))
    pre_tokenizer.pre_tokenize(pieces)
    # The library gives no way to ask for words and their characters at once.
    lengths = [len(piece) for piece, _, _ in pieces.get_splits("original", "byte")]
    pieces.split(lambda _, part: part.split(_ONE_CHARACTER, "isolated"))
    units = [(piece, span) for piece, span, _ in pieces.get_splits("original", "byte")]
    if splits and splits[-1][0] == "ByteLevel":
        units = [(_BYTE_OF[piece], span) for piece, span in units]
    remaining = iter(units)
    words = [list(islice(remaining, length)) for length in lengths]
    assert next(remaining, None) is None
    return [word for word in words if word]


def our_words(steps: list[Step], splits: list[Step], text: str) -> list[Spans]:
    """The same from us."""
    data, spans, words = _core._text_run(steps, splits, text)
    byte_level = bool(splits) and splits[-1][0] == "ByteLevel"
    found = []
    for start, end in words.tolist():
        word = data[start:end]
        units = list(word) if byte_level else list(word.decode())
        sizes = [1 if byte_level else len(unit.encode()) for unit in units]
        firsts = accumulate(sizes, initial=start)
        found.append([(u, tuple(spans[at].tolist())) for u, at in zip(units, firsts, strict=False)])
    return found
