"""ALBERT's original pre-processing and SentencePiece's own segmentation, character by character.

The tokenizers library approximates SentencePiece: it normalises by grapheme cluster, cuts at
white space first and lower-cases without context.  This is what google-research/albert ran in
its place: white space joined, quotes, NFKD without combining characters, lower case (Python's
rules), SentencePiece's normaliser and unigram search with its single-precision scores, and the
rule that keeps a comma apart from the digit before it.  Slower than the C tokenizer.
"""

from __future__ import annotations

import base64
import itertools
import re
import struct
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core

SPACE = "▁"
_UNKNOWN_PENALTY = 10.0  # how much worse than the worst piece an unknown character is
_USER_DEFINED_BONUS = 0.1  # score of a user-defined piece for each byte after the first
_COMMA_PENALTY = 100.0  # what tokenizer.json files take off the scores of "9," and the like

Char = tuple[str, int, int]  # a character and what it stands for: text[start:end]
Piece = list[Char]


def _single(value: float) -> float:
    return struct.unpack("f", struct.pack("f", value))[0]


class CharsMap:
    """SentencePiece's precompiled character map: a double-array trie and its replacements."""

    def __init__(self, encoded: str) -> None:
        data = base64.b64decode(encoded)
        size = int.from_bytes(data[:4], "little")
        if len(data) < 4 or size % 4 or size > len(data) - 4:
            raise ValueError(
                f"precompiled character map of {len(data)} bytes: a trie of {size} does not fit"
            )
        self._units = struct.unpack(f"<{size // 4}I", data[4 : 4 + size])
        self._replacements = data[4 + size :]

    def longest(self, text: bytes, start: int) -> tuple[str, int] | None:
        """Replacement and length in bytes of the longest match at `start`, if there is one."""
        units, found = self._units, None
        if not units:
            return None
        node = _offset(units[0])
        for position in range(start, len(text)):
            node ^= text[position]
            if node >= len(units) or units[node] & 0x800000FF != text[position]:
                break
            leaf = units[node] >> 8 & 1
            node ^= _offset(units[node])
            whole = text[position + 1 : position + 2] < b"\x80" or text[position + 1] >= 0xC0
            if leaf and whole and node < len(units):
                found = units[node] & 0x7FFFFFFF, position + 1 - start
        if found is None:
            return None
        end = self._replacements.find(b"\0", found[0])
        replacement = self._replacements[found[0] : end if end >= 0 else None]
        return replacement.decode("utf-8", "replace"), found[1]


def _offset(unit: int) -> int:
    return (unit >> 10) << ((unit & 0x200) >> 6)


class OriginalRules:
    """Cuts text into pieces as google-research/albert did.

    scores: (piece, score) by id.  Pieces in `special` are never found in text; of the others
        those with score 0 are SentencePiece's user-defined symbols, found wherever they are.
    charsmap: base64 text of the precompiled map, or None.
    """

    def __init__(
        self,
        scores: Sequence[tuple[str, float]],
        special: Iterable[str],
        charsmap: str | None,
        do_lower_case: bool,
        keep_accents: bool,
    ) -> None:
        hidden = set(special)
        self._ids = {piece: index for index, (piece, _) in enumerate(scores)}
        user_defined = [p for p, score in scores if score == 0 and p and p not in hidden]
        normal = {
            piece: _single(_without_penalty(piece, score))
            for piece, score in scores
            if piece and piece not in hidden and score != 0
        }
        if not normal:
            raise ValueError("original_rules needs a vocabulary with scores of its pieces")
        self._unknown_score = _single(min(normal.values()) - _UNKNOWN_PENALTY)
        bonus = {p: _USER_DEFINED_BONUS * (len(p.encode()) - 1) for p in user_defined}
        self._trie = _trie(normal | bonus)
        self._symbols = _trie(bonus)
        self._charsmap = None if charsmap is None else CharsMap(charsmap)
        self._lower = do_lower_case
        self._keep_accents = keep_accents

    def piece_id(self, piece: str) -> int | None:
        """The id of a piece."""
        return self._ids.get(piece)

    def cut(self, text: str) -> list[Piece]:
        """The pieces of a text without special tokens."""
        pieces: list[Piece] = []
        for piece in self._encode(self._prepare(text)):
            if len(piece) > 1 and piece[-1][0] == "," and piece[-2][0].isdigit():
                pieces += self._split_comma(piece)
            else:
                pieces.append(piece)
        return pieces

    def _split_comma(self, piece: Piece) -> list[Piece]:
        again = self._encode([char for char in piece[:-1] if char[0] != SPACE])
        if piece[0][0] != SPACE and again and again[0][0][0] == SPACE:
            again = ([again[0][1:]] if len(again[0]) > 1 else []) + again[1:]
        return [*again, piece[-1:]]

    def _prepare(self, text: str) -> list[Char]:
        chars: list[Char] = []
        for word in re.finditer(r"\S+", _space_view(text)):
            if chars:
                chars.append((" ", chars[-1][2], word.start()))
            chars += [(text[i], i, i + 1) for i in range(word.start(), word.end())]
        for quotes in ("``", "''"):
            chars = _merge_quotes(chars, quotes)
        if not self._keep_accents:
            chars = [
                (c, start, end)
                for char, start, end in chars
                for c in unicodedata.normalize("NFKD", char)
                if not unicodedata.combining(c)
            ]
        if self._lower:
            lowered = iter("".join(char for char, _, _ in chars).lower())
            chars = [
                (next(lowered), start, end) for char, start, end in chars for _ in char.lower()
            ]
        return chars

    def _normalize(self, chars: Sequence[Char]) -> list[Char]:
        """SentencePiece's normaliser: the character map, one U+2581 for any run of spaces."""
        text = "".join(char for char, _, _ in chars)
        data = text.encode("utf-8")
        out: list[Char] = []
        index = position = 0  # in characters and in bytes
        after_space = True
        while index < len(chars):
            symbol = _longest(self._symbols, text, index)
            mapped = None
            if symbol:
                replacement, count = text[index : index + symbol], symbol
            elif self._charsmap is not None and (mapped := self._charsmap.longest(data, position)):
                replacement, count = mapped[0], len(data[position : position + mapped[1]].decode())
            else:
                replacement, count = text[index], 1
            start, end = chars[index][1], chars[index + count - 1][2]
            for char in replacement:
                if char != " ":
                    out.append((char, start, end))
                elif not after_space:
                    out.append((SPACE, start, end))
                after_space = char == " "
            position += len(text[index : index + count].encode("utf-8"))
            index += count
        while out and out[-1][0] == SPACE:
            out.pop()
        return [(SPACE, out[0][1], out[0][1]), *out] if out else out

    def _encode(self, given: Sequence[Char]) -> list[Piece]:
        """The best segmentation; runs of unknown characters are one piece."""
        chars = self._normalize(given)
        # Of the best way to each position: its score (single precision), where its last
        # piece starts and whether that is an unknown character.
        ways: list[tuple[float, int, bool] | None] = [(0.0, 0, False)] + [None] * len(chars)
        for start in range(len(chars)):
            way = ways[start]
            assert way is not None
            single = False
            node: Any = self._trie
            for end in range(start + 1, len(chars) + 1):
                node = node.get(chars[end - 1][0])
                if node is None:
                    break
                if None in node:
                    single = single or end == start + 1
                    _offer(ways, end, node[None] + way[0], start, False)
            if not single:
                _offer(ways, start + 1, self._unknown_score + way[0], start, True)
        bounds: list[tuple[int, int]] = []
        position, before_unknown = len(chars), False
        while position > 0:
            way = ways[position]
            assert way is not None
            _, start, unknown = way
            bounds.append((start, bounds.pop()[1] if unknown and before_unknown else position))
            position, before_unknown = start, unknown
        return [chars[start:end] for start, end in reversed(bounds)]


def _trie(pieces: Mapping[str, float]) -> dict[Any, Any]:
    """Nested dicts by character, a piece's score under None."""
    trie: dict[Any, Any] = {}
    for piece, score in pieces.items():
        node = trie
        for char in piece:
            node = node.setdefault(char, {})
        node[None] = score
    return trie


def _longest(trie: dict[Any, Any], text: str, start: int) -> int:
    """Length of the longest piece at `start`, 0 when there is none."""
    length = 0
    node: Any = trie
    for end in range(start, len(text)):
        node = node.get(text[end])
        if node is None:
            break
        if None in node:
            length = end + 1 - start
    return length


def _without_penalty(piece: str, score: float) -> float:
    comma = len(piece) > 1 and piece[-1] == "," and piece[-2].isdigit()
    return score + _COMMA_PENALTY if comma and score <= -_COMMA_PENALTY else score


def _offer(ways: list[Any], end: int, score: float, start: int, unknown: bool) -> None:
    score = _single(score)
    if ways[end] is None or score > ways[end][0]:
        ways[end] = score, start, unknown


def piece_text(piece: Sequence[Char]) -> str:
    """The piece as the vocabulary has it."""
    return "".join(char for char, _, _ in piece)


def piece_span(piece: Sequence[Char]) -> tuple[int, int]:
    """What the piece stands for, without the space in front."""
    first = piece[1] if len(piece) > 1 and piece[0][0] == SPACE else piece[0]
    return first[1], piece[-1][2]


def _space_view(text: str) -> str:
    """The text with every character that str.split() splits at as a plain space."""
    return "".join(" " if char.isspace() else "x" for char in text)


def _merge_quotes(chars: Sequence[Char], quotes: str) -> list[Char]:
    merged: list[Char] = []
    index = 0
    while index < len(chars):
        if [char for char, _, _ in chars[index : index + 2]] == list(quotes):
            merged.append(('"', chars[index][1], chars[index + 1][2]))
            index += 2
        else:
            merged.append(chars[index])
            index += 1
    return merged


class _Cut(NamedTuple):
    """A text in pieces: the id, characters and word of each."""

    ids: list[str]  # as the words that the assembling tokenizer knows
    spans: list[tuple[int, int]]
    words: list[int]

    def add(self, index: int, span: tuple[int, int], word: int | None) -> None:
        """One more piece; without `word` it begins a new one."""
        self.ids.append(str(index))
        self.spans.append(span)
        self.words.append((self.words[-1] + 1 if self.words else 0) if word is None else word)


class OriginalTokenizer:
    """`_core.Tokenizer` with another way to cut texts.

    The ids that `OriginalRules` finds go, written as decimal words, through a tokenizer that
    knows nothing else; so templates, truncation and overflow are the same as everywhere.
    """

    def __init__(
        self,
        plain: Any,
        rules: OriginalRules,
        unk_id: int,
        added: Sequence[Mapping[str, Any]],
        post_processor: Mapping[str, Any] | None,
    ) -> None:
        self._plain = plain
        self._rules = rules
        self._unk_id = unk_id
        self._added = list(added)
        self._post_processor = post_processor
        ids = [*range(plain.get_vocab_size(False)), *(token["id"] for token in added)]
        model = {
            "type": "WordPiece",
            "unk_token": "0",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 20,
            "vocab": {str(index): index for index in ids},
        }
        self._assemble = _core.Tokenizer(
            {
                "model": model,
                "normalizer": None,
                "pre_tokenizer": None,
                "post_processor": post_processor,
                "decoder": None,
                "added_tokens": [],
            }
        )
        self._all = _Finder(self._added)
        self._not_special = _Finder([token for token in self._added if not token["special"]])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._plain, name)

    def with_added_tokens(self, tokens: Sequence[Mapping[str, Any]]) -> OriginalTokenizer:
        plain = self._plain.with_added_tokens(tokens)
        return OriginalTokenizer(plain, self._rules, self._unk_id, tokens, self._post_processor)

    def with_post_processor(self, spec: Mapping[str, Any] | None) -> OriginalTokenizer:
        plain = self._plain.with_post_processor(spec)
        return OriginalTokenizer(plain, self._rules, self._unk_id, self._added, spec)

    def plan(self, **options: Any) -> dict[str, Any]:
        """As `_core.Tokenizer.plan`: the options, which `encode` takes apart."""
        fields = options.pop("fields", ())
        options["fields"] = dict(fields) if isinstance(fields, dict) else {f: f for f in fields}
        return options

    def encode(
        self, texts: Any, pairs: Sequence[Any] | None, plan: Mapping[str, Any], single: bool
    ) -> dict[str, Any]:
        """As `_core.Tokenizer.encode`."""
        options = dict(plan)
        pretokenized = options.pop("pretokenized", False)
        finder = self._not_special if options.pop("split_special_tokens", False) else self._all
        form, fields = options.pop("form", "flat"), options.pop("fields")
        cut: Callable[[int, Any], _Cut] = lambda index, text: self._cut(  # noqa: E731
            index, text, pretokenized, finder
        )
        firsts = [cut(*item) for item in enumerate([texts] if isinstance(texts, str) else texts)]
        seconds = None if pairs is None else [cut(*item) for item in enumerate(pairs)]
        located = fields.keys() & {"offsets", "word_ids"}
        asked = fields.keys() - {"tokens", "offsets"} | {"ids"}
        if located:
            asked |= {"word_ids", "sequence_ids", "sample"}
        arrays = self._assemble.encode(
            [text.ids for text in firsts],
            None if seconds is None else [text.ids for text in seconds],
            self._assemble.plan(**options, pretokenized=True, fields=sorted(asked)),
            False,
        )
        if located:
            _locate(arrays, [firsts] if seconds is None else [firsts, seconds], located)
        if "tokens" in fields:
            tokens = self._plain.id_to_token
            arrays["tokens"] = [tokens(index) or "" for index in arrays["ids"].tolist()]
        result = {key: arrays[name] for name, key in fields.items()}
        if form == "flat":
            return {"rows": arrays["rows"], **result}
        shape = _as_lists if form == "lists" else _as_arrays
        return shape(result, arrays["rows"], single and not options.get("overflow", False))

    def encode_batch(
        self,
        texts: Sequence[Any],
        pairs: Sequence[Any] | None = None,
        *,
        fields: Iterable[str] = (),
        overflow: bool = False,
        **rest: Any,
    ) -> dict[str, Any]:
        """As `_core.Tokenizer.encode_batch`."""
        fields = ["ids", *(["sample"] if overflow else []), *fields]
        plan = self.plan(fields=fields, overflow=overflow, **rest)
        return self.encode(texts, pairs, plan, False)

    def _cut(self, index: int, text: Any, pretokenized: bool, finder: _Finder) -> _Cut:
        cut = _Cut([], [], [])
        for number, part in enumerate(text if pretokenized else [text]):
            if not isinstance(part, str):
                raise TypeError(f"text {index}: expected a str, not {type(part).__name__}")
            try:
                part.encode("utf-8")
            except UnicodeEncodeError as error:
                raise ValueError(
                    f"text {index}: lone surrogate {part[error.start]!r} at character {error.start}"
                ) from None
            word = number if pretokenized else None
            position = 0
            for token_id, start, end in finder.find(part):
                self._cut_plain(cut, part, position, start, word)
                cut.add(token_id, (start, end), word)
                position = end
            self._cut_plain(cut, part, position, len(part), word)
        return cut

    def _cut_plain(self, cut: _Cut, text: str, start: int, end: int, word: int | None) -> None:
        for count, piece in enumerate(self._rules.cut(text[start:end])):
            index = self._rules.piece_id(piece_text(piece))
            a, b = piece_span(piece)
            goes_on = count > 0 and piece[0][0] != SPACE
            cut.add(
                self._unk_id if index is None else index,
                (start + a, start + b),
                cut.words[-1] if goes_on else word,
            )


class _Finder:
    """Finds added tokens in a text as it stands, the longest where several begin.

    A tokenizer for which all other text is one unknown word does it.
    """

    def __init__(self, tokens: Sequence[Mapping[str, Any]]) -> None:
        self._ids = [token["id"] for token in tokens]
        raw = [{**token, "normalized": False} for token in tokens]
        model = {"type": "WordLevel", "unk_token": "", "vocab": {"": 0}}
        self._core = _core.Tokenizer({"model": model, "added_tokens": raw})

    def find(self, text: str) -> Iterable[tuple[int, int, int]]:
        """(id, start, end) of every match, with the white space that belongs to it."""
        found = self._core.encode_batch([text], fields=["offsets"])
        for number, (start, end) in zip(
            found["ids"].tolist(), found["offsets"].tolist(), strict=True
        ):
            if number != 0:
                yield self._ids[number - 1], start, end


_OF_ROWS = ("length", "overflow_to_sample_mapping")  # fields with one number for each row


def _as_lists(fields: dict[str, Any], starts: NDArray[Any], single: bool) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, flat in fields.items():
        items = flat.tolist()
        if key not in _OF_ROWS:
            if flat.ndim == 2:
                items = [tuple(item) for item in items]
            items = [items[start:end] for start, end in itertools.pairwise(starts.tolist())]
            items = items[0] if single else items
        result[key] = items
    return result


def _as_arrays(fields: dict[str, Any], starts: NDArray[Any], single: bool) -> dict[str, Any]:
    widths = np.diff(starts)
    result = {}
    for key, flat in fields.items():
        if key not in _OF_ROWS:
            if len(widths) and (widths != widths[0]).any():
                raise ValueError(
                    f"cannot make a tensor of '{key}': the rows hold from {widths.min()} to"
                    f" {widths.max()} tokens; use padding=True and/or truncation=True to make"
                    " them equal"
                )
            flat = flat.reshape(len(widths), -1 if flat.size else 0, *flat.shape[1:])
        result[key] = flat
    return result


def _locate(
    arrays: dict[str, NDArray[Any]], sides: Sequence[Sequence[_Cut]], located: set[str]
) -> None:
    """Replace positions among the ids by characters and words of the texts."""
    starts = np.zeros((len(sides), len(sides[0])), dtype=np.int64)
    total = 0
    for side, texts in enumerate(sides):
        for index, text in enumerate(texts):
            starts[side, index] = total
            total += len(text.ids)
    every = [text for texts in sides for text in texts]
    spans = np.array([span for text in every for span in text.spans], np.int64).reshape(-1, 2)
    words = np.array([word for text in every for word in text.words], np.int64)
    lengths = np.diff(arrays["rows"])
    samples = np.repeat(arrays.get("sample", np.arange(len(lengths))), lengths)
    inside = arrays["word_ids"] >= 0
    places = starts[arrays["sequence_ids"][inside], samples[inside]] + arrays["word_ids"][inside]
    if "offsets" in located:
        arrays["offsets"] = np.zeros((len(inside), 2), np.int64)
        arrays["offsets"][inside] = spans[places]
    if "word_ids" in located:
        arrays["word_ids"] = np.full(len(inside), -1, np.int64)
        arrays["word_ids"][inside] = words[places]
