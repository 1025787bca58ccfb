"""Random texts out of pieces of every kind, the same pieces again and again.

A `Texts` draws some thousand pieces and joins them in ever new ways, so that a word comes
with a space before it, without, after a mark, upper case, twice in a row: whatever a
tokenizer remembers of words is met in another context.
"""

import random
import unicodedata
from collections.abc import Callable, Sequence

SPECIALS = (
    "<mask>", "<s>", "</s>", "<pad>", "<unk>", "[MASK]", "[CLS]", "[SEP]", "[PAD]", "[UNK]",
    "##", "Ġ", "▁", "``", "''", "<MASK>", "[mask]", "[MASK", "mask>", "< mask>", "Newtok", "<new>",
    "two words",
)  # fmt: skip
WORDS = (
    "the", "The", "don't", "DON'T", "we'll", "I'm", "he's", "they've", "you're", "she'd", "ain't",
    "a(b)c", "U.S.", "naïve", "Straße", "ΟΔΟΣ", "İstanbul", "ﬁne", "Ｆｕｌｌ", "℃", "½", "한국어",
    "日本語", "中文", "ไทย", "हिन्दी", "العربية", "עברית", "e\u0301", "o\u0302\u0323", "ǅ", "ﷺ",
    "internationalisation", "unbelievable", "http://a.b/c?d=e&f", "x_y", "C++", "foo-bar",
)  # fmt: skip
SPACES = (
    " ", " ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", "\r", "\v", "\f", "\x85", "\u00a0", "\u1680",
    "\u2002", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\x1c", "\x1f",
)  # fmt: skip
CONTROLS = (
    "\x00", "\x01", "\x07", "\x08", "\x1b", "\x7f", "\x80", "\x9f", "\u00ad", "\u200b", "\u200c",
    "\u200d", "\u200e", "\u2060", "\ufeff", "\ufffc", "\ufffd", "\ufffe", "\ue000", "\U000e0001",
    "\U0010ffff", "\u0378",
)  # fmt: skip
EMOJI = (
    "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪🇫🇷", "1️⃣", "❤️", "🏳️‍🌈", "😀", "🤷🏿‍♀️", "☺", "™", "→", "🇩", "\ufe0f",
)  # fmt: skip
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡§«»¿‐–—‘’“”„…‹›、。「」！，．：；？€£¥©®°±"
RANGES = (
    (0x20, 0x7E), (0x00, 0x9F), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x5FF), (0x600, 0x8FF),
    (0x900, 0xDFF), (0xE00, 0x11FF), (0x1200, 0x1FFF), (0x2000, 0x2BFF), (0x2C00, 0x303F),
    (0x3040, 0x33FF), (0x3400, 0x9FFF), (0xA000, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x1FFFF),
    (0x20000, 0x10FFFF),
)  # fmt: skip
MARKS = [chr(c) for c in range(0x30000) if unicodedata.category(chr(c))[0] == "M"]
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789.,'\"-"


def _word(rng: random.Random, lexicon: Sequence[str]) -> str:
    word = rng.choice(lexicon)
    change = rng.randrange(12)
    if change < 5:
        return word
    changes: list[Callable[[str], str]] = [
        str.upper, str.title, str.lower, str.swapcase, lambda w: w + "'s", lambda w: w + ",",
        lambda w: w + rng.choice(lexicon),
    ]  # fmt: skip
    return changes[change - 5](word)


def _number(rng: random.Random, lexicon: Sequence[str]) -> str:
    groups = [str(rng.randrange(10 ** rng.randint(1, 4))) for _ in range(rng.randint(1, 3))]
    return (
        rng.choice(("", "$", "-", "№"))
        + rng.choice(",.:-/ ").join(groups)
        + rng.choice(("", ",", ".", "%", "th", ",,"))
    )


def _letters(rng: random.Random, lexicon: Sequence[str]) -> str:
    return "".join(rng.choices(_LETTERS, k=rng.randint(1, 9)))


def _punctuation(rng: random.Random, lexicon: Sequence[str]) -> str:
    return "".join(rng.choices(PUNCTUATION, k=rng.choice((1, 1, 1, 2, 3, 5))))


def _marked(rng: random.Random, lexicon: Sequence[str]) -> str:
    return rng.choice("aeoEsnk한あकกا中 ") + "".join(rng.choices(MARKS, k=rng.randint(1, 3)))


def _code_points(rng: random.Random, lexicon: Sequence[str]) -> str:
    low, high = rng.choice(RANGES)
    codes = (rng.randint(low, high) for _ in range(rng.randint(1, 4)))
    return "".join(chr(c) for c in codes if not 0xD800 <= c <= 0xDFFF)


def _east_asian(rng: random.Random, lexicon: Sequence[str]) -> str:
    low, high = rng.choice(((0x4E00, 0x9FFF), (0x3041, 0x30FF), (0xAC00, 0xD7A3), (0x1100, 0x11FF),
                            (0xFF01, 0xFFEE), (0x20000, 0x2A6DF)))  # fmt: skip
    return "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 5)))


def _long(rng: random.Random, lexicon: Sequence[str]) -> str:
    if rng.random() < 0.5:
        return rng.choice("aé中9.,\u0301'") * rng.choice((20, 99, 100, 101, 200))
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.choice((30, 99, 100, 101))))


def _any_of(choices: Sequence[str]) -> Callable[[random.Random, Sequence[str]], str]:
    return lambda rng, lexicon: rng.choice(choices)


# How often each kind of piece is drawn.
KINDS: tuple[tuple[Callable[[random.Random, Sequence[str]], str], int], ...] = (
    (_word, 30), (_any_of(WORDS), 8), (_number, 8), (_letters, 8), (_punctuation, 8),
    (_marked, 6), (_code_points, 8), (_east_asian, 6), (_any_of(SPECIALS), 6), (_any_of(SPACES), 5),
    (_any_of(CONTROLS), 4), (_any_of(EMOJI), 4), (_long, 1),
)  # fmt: skip


def random_piece(rng: random.Random, lexicon: Sequence[str] = WORDS) -> str:
    (kind,) = rng.choices([k for k, _ in KINDS], [w for _, w in KINDS])
    return kind(rng, lexicon)


def random_text(rng: random.Random) -> str:
    """One text of new pieces."""
    glue = rng.choice((" ", " ", "", ""))
    return glue.join(random_piece(rng) for _ in range(rng.randint(1, 12)))


class Texts:
    """Texts out of `count` pieces; words are those of `lexicon`."""

    def __init__(self, rng: random.Random, lexicon: Sequence[str] = WORDS, count: int = 3000):
        self.rng = rng
        self.pieces = [random_piece(rng, lexicon) for _ in range(count)]

    def draw(self, count: int) -> list[str]:
        return [self._text() for _ in range(count)]

    def _text(self) -> str:
        rng, kind = self.rng, self.rng.random()
        size = int(1 + 11 * rng.random()) if kind < 0.99 else 300
        pieces = rng.choices(self.pieces, k=size)
        if kind < 0.45:
            return " ".join(pieces)
        if kind < 0.65:
            return "".join(pieces)
        if kind < 0.7:  # the same word again and again
            return rng.choice(SPACES).join(pieces[:1] * rng.randint(2, 4) + pieces)
        glue = rng.choices((" ", "", rng.choice(SPACES)), k=size)
        return "".join(part for both in zip(pieces, glue, strict=True) for part in both)
