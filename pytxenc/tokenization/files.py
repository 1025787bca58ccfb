"""Reading and writing tokenizer files.

Everything read is checked: a file that is not what it should be is a ValueError that names
the file and the place; one that cannot be read is the operating system's own OSError.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .. import _core
from .added_tokens import AddedToken

PathLike = str | os.PathLike[str]

# White space as Unicode's White_Space property has it; str.rstrip() would also take
# U+001C..U+001F, which are tokens of their own in some vocabularies.
_WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_MAX_ID = 2**31 - 1


def read_text(path: PathLike) -> str:
    """The text of a UTF-8 file; line ends are left as they are."""
    data = Path(path).read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}: not UTF-8 text: byte 0x{data[error.start]:02x} at offset {error.start}"
            f" (line {line})"
        ) from None


def read_json(path: PathLike) -> dict[str, Any]:
    """The object that a JSON file holds."""
    try:
        value = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}: not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise ValueError(f"{path}: not usable JSON: nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


def _lines(path: PathLike) -> list[str]:
    lines = read_text(path).split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def read_vocab_json(path: PathLike) -> dict[str, int]:
    """Token to id, from vocab.json."""
    return check_vocab(read_json(path), str(path))


def read_vocab_txt(path: PathLike) -> dict[str, int]:
    """Token to line number (from 0), from vocab.txt; a repeated token keeps its last line."""
    vocab = {line.rstrip(_WHITE_SPACE): index for index, line in enumerate(_lines(path))}
    if not vocab:
        raise ValueError(f"{path}: the vocabulary is empty")
    return vocab


def read_merges(path: PathLike) -> list[str]:
    """Merge rules ("left right") in order of rank, from merges.txt."""
    merges = []
    for number, line in enumerate(_lines(path), start=1):
        if line.startswith("#version"):
            continue
        if line.count(" ") != 1:
            raise ValueError(
                f"{path}: line {number}: expected two tokens with one space between,"
                f" got {line!r:.80}"
            )
        merges.append(line)
    return merges


def check_vocab(vocab: Any, where: str) -> dict[str, int]:
    """A vocabulary given as mapping or as a list of tokens in order of id."""
    if isinstance(vocab, (list, tuple)):
        vocab = {_list_token(item, index, where): index for index, item in enumerate(vocab)}
    if not isinstance(vocab, Mapping):
        raise ValueError(
            f"{where}: a vocabulary is a mapping of token to id, a list of tokens or a path,"
            f" not {type(vocab).__name__}"
        )
    for token, index in vocab.items():
        if not isinstance(token, str):
            raise ValueError(f"{where}: token {token!r:.80} is not a string")
        if type(index) is not int or not 0 <= index <= _MAX_ID:
            raise ValueError(
                f"{where}: the id of token {token!r:.80} must be an integer from 0 to"
                f" {_MAX_ID}, got {index!r:.80}"
            )
    if not vocab:
        raise ValueError(f"{where}: the vocabulary is empty")
    return dict(vocab)


def _list_token(item: Any, index: int, where: str) -> str:
    token = item[0] if isinstance(item, (list, tuple)) and item else item
    if not isinstance(token, str):
        raise ValueError(f"{where}: entry {index} of the vocabulary is not a token: {item!r:.80}")
    return token


def check_scores(vocab: Any, where: str) -> list[tuple[str, float]]:
    """A Unigram vocabulary: (piece, score) in order of id."""
    if not isinstance(vocab, (list, tuple)):
        raise ValueError(
            f"{where}: a Unigram vocabulary is a list of (piece, score) or a path,"
            f" not {type(vocab).__name__}"
        )
    scores = []
    for index, item in enumerate(vocab):
        if (
            not isinstance(item, (list, tuple))
            or len(item) != 2
            or not isinstance(item[0], str)
            or isinstance(item[1], bool)
            or not isinstance(item[1], (int, float))
        ):
            raise ValueError(f"{where}: entry {index} is not a [piece, score] pair: {item!r:.80}")
        scores.append((item[0], float(item[1])))
    if not scores:
        raise ValueError(f"{where}: the vocabulary is empty")
    return scores


def check_merges(merges: Any, where: str) -> list[str]:
    """Merge rules given as "left right" strings or as pairs."""
    if not isinstance(merges, (list, tuple)):
        raise ValueError(
            f"{where}: merges are a list of pairs, of 'left right' strings, or a path,"
            f" not {type(merges).__name__}"
        )
    checked = []
    for rank, merge in enumerate(merges):
        pair = merge.split(" ") if isinstance(merge, str) else merge
        if (
            not isinstance(pair, (list, tuple))
            or len(pair) != 2
            or not all(isinstance(part, str) and part and " " not in part for part in pair)
        ):
            raise ValueError(f"{where}: merge {rank} is not a pair of tokens: {merge!r:.80}")
        checked.append(" ".join(pair))
    return checked


class TokenizerJson(NamedTuple):
    """A tokenizer.json.  Most classes build the steps themselves and take the rest from it."""

    model_type: str
    model: dict[str, Any]
    added_tokens: dict[int, AddedToken]
    charsmap: str | None  # base64, of the first Precompiled normaliser
    post_processor: dict[str, Any] | None
    truncation: dict[str, Any] | None
    padding: dict[str, Any] | None
    steps: dict[str, Any]  # "normalizer", "pre_tokenizer" and "decoder" as they stand
    tokens: list[AddedToken]  # added_tokens in the file's order

    def require(self, model_type: str, path: PathLike) -> None:
        """ValueError unless the model is of this type."""
        if self.model_type != model_type:
            raise ValueError(
                f"{path}: holds a {self.model_type!r:.40} model, but a {model_type} model is"
                " needed; is it the file of another tokenizer class?"
            )


def _object_at(spec: Mapping[str, Any], key: str, path: PathLike) -> dict[str, Any] | None:
    value = spec.get(key)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"{path}: '{key}' must be an object or null, got {value!r:.80}")
    return value


def read_tokenizer_json(path: PathLike) -> TokenizerJson:
    """Parse a tokenizer.json as written by the tokenizers library."""
    return parse_tokenizer_json(read_json(path), path)


def parse_tokenizer_json(spec: Mapping[str, Any], path: PathLike) -> TokenizerJson:
    """The parts of what a tokenizer.json holds; `path` names it in errors."""
    model = _object_at(spec, "model", path)
    if model is None:
        raise ValueError(f"{path}: no 'model' in this tokenizer file")
    if "vocab" not in model:
        raise ValueError(f"{path}: no 'model.vocab' in this tokenizer file")
    model_type = model.get("type")
    if model_type is None:  # files from before the field existed
        if "merges" in model:
            model_type = "BPE"
        else:
            model_type = "Unigram" if isinstance(model["vocab"], list) else "WordPiece"
    entries = spec.get("added_tokens") or []
    if not isinstance(entries, list):
        raise ValueError(f"{path}: 'added_tokens' must be a list, got {entries!r:.80}")
    added = {}
    tokens = []
    for number, entry in enumerate(entries):
        where = f"{path}: added_tokens[{number}]"
        tokens.append(AddedToken.from_mapping(entry, where))
        added[check_id(entry.get("id"), where)] = tokens[-1]
    return TokenizerJson(
        model_type,
        model,
        added,
        _find_charsmap(_object_at(spec, "normalizer", path), path),
        _object_at(spec, "post_processor", path),
        _object_at(spec, "truncation", path),
        _object_at(spec, "padding", path),
        {key: spec.get(key) for key in ("normalizer", "pre_tokenizer", "decoder")},
        tokens,
    )


def check_id(value: Any, where: str) -> int:
    """An id out of a file, where it may be a string of digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    if type(value) is not int or not 0 <= value <= _MAX_ID:
        raise ValueError(f"{where}: 'id' must be an integer from 0 to {_MAX_ID}, got {value!r:.80}")
    return value


def _find_charsmap(normalizer: dict[str, Any] | None, path: PathLike) -> str | None:
    if normalizer is None:
        return None
    steps = normalizer.get("normalizers") if normalizer.get("type") == "Sequence" else [normalizer]
    for step in steps if isinstance(steps, list) else []:
        if isinstance(step, dict) and step.get("type") == "Precompiled":
            charsmap = step.get("precompiled_charsmap")
            if charsmap is None:
                continue
            try:
                base64.b64decode(charsmap, validate=True)
            except (TypeError, ValueError, binascii.Error):
                raise ValueError(f"{path}: 'precompiled_charsmap' is not base64 text") from None
            return charsmap
    return None


class SentencePiece(NamedTuple):
    """A SentencePiece .model file."""

    scores: list[tuple[str, float]]
    types: list[int]  # 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte
    unk_id: int
    charsmap: str | None  # base64
    usual: bool  # spaces are joined and escaped, with one in front of the text


def read_sentencepiece(path: PathLike) -> SentencePiece:
    """Parse a SentencePiece unigram model."""
    try:
        model = _core.read_sentencepiece(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: not a usable SentencePiece model: {error}") from None
    if model["model_type"] != 1:
        kind = {2: "BPE", 3: "word", 4: "char"}.get(model["model_type"], model["model_type"])
        raise ValueError(f"{path}: a unigram SentencePiece model is needed, this one is {kind}")
    pieces = model["pieces"]
    if not pieces:
        raise ValueError(f"{path}: the SentencePiece model has no pieces")
    charsmap = model["precompiled_charsmap"]
    return SentencePiece(
        [(piece, score) for piece, score, _ in pieces],
        [kind for _, _, kind in pieces],
        model["unk_id"],
        base64.b64encode(charsmap).decode("ascii") if charsmap else None,
        all(
            model[flag]
            for flag in ("add_dummy_prefix", "remove_extra_whitespaces", "escape_whitespaces")
        ),
    )


def to_json(value: Any, *, sort_keys: bool = False) -> str:
    """JSON text as the tokenizer files have it: UTF-8, indented by two."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=sort_keys) + "\n"
