"""Documents of text and JSON Lines files, a block of whole documents at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .readers import Batch, Position, ReadOptions
from .streams import Stream

__all__ = ["jsonl_pieces", "limited", "text_pieces"]

_BOM = b"\xef\xbb\xbf"
_MAX_WHITE_NBYTES = 1 << 20  # at the end of a document, which are not counted as part of it
_BLANK = re.compile(rb"(?:[ \t\r\v\f]*\n)*(?:[ \t\r\v\f]*\Z)?")


# ---- blocks ----


class _Block(NamedTuple):
    """Whole documents as they are in the file."""

    raw: bytes
    line: int  # of its first byte
    next: Position  # after its last
    progress: int


def _blocks(path: str, options: ReadOptions, nbytes: int, start: Position) -> Iterator[_Block]:
    """The file from `start` on as blocks of about `nbytes`, all valid UTF-8.

    Of a document so long that its end is not in sight the first pieces are blocks of their own;
    the rule is that of `_pieces`, so that the cuts are the same wherever blocks end.
    """
    split = "line" if options.format == "jsonl" else options.split
    file, offset, line = start
    with Stream(path, options.errors == "replace") as stream:
        pending = b""
        if offset:
            stream.skip(offset)
        else:
            pending = stream.read(len(_BOM))
            _check_not_utf16(pending, path, options)
            if pending == _BOM:
                pending, offset = b"", len(_BOM)
        more = True
        while more:
            # Reading more the more is pending keeps the work linear in long documents.
            chunk = stream.read(max(nbytes, len(pending)))
            raw, more = pending + chunk, bool(chunk)
            end = _whole(raw, split) if more else len(raw)
            if end == 0 and more:
                pieces = list(_open_pieces(raw, path, line, options))
                end = pieces[-1][2] if pieces else 0
            else:
                pieces = [(0, end, end)]
            _check_utf8(raw[:end], path, offset, line)
            done = 0
            for begin, stop, after in pieces:
                first = line + _count_lines(raw[done:begin])
                line += _count_lines(raw[done:after])
                offset += after - done
                done = after
                place = Position(file, offset, line) if more else Position(file + 1)
                if begin < stop or not more:
                    yield _Block(raw[begin:stop], first, place, stream.progress)
            pending = raw[end:]


def _count_lines(raw: bytes) -> int:
    return int(np.count_nonzero(np.frombuffer(raw, np.uint8) == 10))


def _whole(raw: bytes, split: str) -> int:
    """Length of the part of `raw` that certainly holds whole documents."""
    end = 0 if split == "file" else raw.rfind(b"\n") + 1
    if split == "blank-line":
        while end > 0:
            start = raw.rfind(b"\n", 0, end - 1) + 1
            if not raw[start:end].strip():
                return end
            end = start
    return end


def _check_utf8(raw: bytes, path: str, offset: int, line: int) -> None:
    """ValueError that tells where unless `raw`, at `offset` of the file, is UTF-8."""
    if _core.text_valid(raw):
        return
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        line += raw.count(b"\n", 0, error.start)
        raise ValueError(
            f"{path}: line {line}: not UTF-8: byte 0x{raw[error.start]:02x} at byte"
            f" {offset + error.start} of the text ({error.reason}); errors='replace' reads it as"
            " U+FFFD"
        ) from None


def _check_not_utf16(head: bytes, path: str, options: ReadOptions) -> None:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") and options.errors == "strict":
        raise ValueError(f"{path}: this is UTF-16 text, as its first bytes say; UTF-8 is needed")


# ---- long documents ----


def _open_pieces(
    raw: bytes, path: str, line: int, options: ReadOptions
) -> Iterator[tuple[int, int, int]]:
    """The pieces that can be cut off the document that `raw` begins and does not end."""
    limit, length = options.max_document_bytes, len(raw.rstrip())
    if len(raw) - length > max(limit, _MAX_WHITE_NBYTES):
        raise ValueError(f"{path}: line {line}: white space without end in this document")
    if length > limit and (options.format == "jsonl" or options.long_documents == "error"):
        raise _too_long(f"{path}: line {line}", options)
    return _pieces(raw, 0, length, options)


def _pieces(
    raw: bytes, begin: int, end: int, options: ReadOptions
) -> Iterator[tuple[int, int, int]]:
    """Cut raw[begin:end] while it is too long: (begin, end, begin of the next) of each piece.

    A piece may be empty, which is none.
    """
    limit = options.max_document_bytes
    while end - begin > limit:
        stop = after = _cut(raw, begin, limit)
        stop = begin + len(_without_line_end(raw[begin:stop]))
        if options.split == "blank-line":  # a piece must not be or begin with a blank line
            stop = stop if raw[begin:stop].strip() else begin
            blank = _BLANK.match(raw, after, end)
            assert blank is not None  # it matches nothing at least
            after = blank.end()
        yield begin, stop, after
        begin = after


def _cut(raw: bytes, begin: int, limit: int) -> int:
    """Where to cut a document of more than `limit` bytes: at a line end, a space, a character."""
    cut = raw.rfind(b"\n", begin + 1, begin + limit) + 1
    if cut == 0:
        cut = raw.rfind(b" ", begin + 1, begin + limit)
    if cut < 0:
        cut = begin + limit
        while raw[cut] & 0xC0 == 0x80 and cut > begin + 1:
            cut -= 1
        if raw[cut - 1 : cut + 1] == b"\r\n":
            cut -= 1
    return cut


def _too_long(where: str, options: ReadOptions) -> ValueError:
    limit = options.max_document_bytes
    if options.format == "jsonl":
        what, hint = "record", "raise max_document_bytes to allow it"
    else:
        what = "document"
        hint = "is the split right? Else raise max_document_bytes, or let long_documents be cut"
    return ValueError(f"{where}: this {what} is longer than {limit} bytes; {hint}")


def limited(
    raw: bytes, spans: NDArray[np.int64], options: ReadOptions, where: Callable[[int], str]
) -> NDArray[np.int64]:
    """Begin and end of documents [D, 2], the too long ones cut or the first a ValueError."""
    too_long = np.flatnonzero(spans[:, 1] - spans[:, 0] > options.max_document_bytes)
    if len(too_long) == 0:
        return spans
    if options.long_documents == "error":
        raise _too_long(where(int(too_long[0])), options)
    pieces: list[tuple[int, int]] = []
    for begin, end in spans.tolist():
        rest = begin
        for start, stop, after in _pieces(raw, begin, end, options):
            pieces += [(start, stop)] if start < stop else []
            rest = after
        if rest < end or rest == begin:
            pieces.append((rest, end))
    return np.array(pieces, np.int64).reshape(-1, 2)


# ---- text ----


def text_pieces(path: str, options: ReadOptions, nbytes: int, start: Position) -> Iterator[Batch]:
    """The documents of a text file."""
    for block in _blocks(path, options, nbytes, start):
        yield _split(block, path, options)


def _split(block: _Block, path: str, options: ReadOptions) -> Batch:
    """The documents of a block without what is between them."""
    raw = block.raw
    if options.split == "file":
        spans = np.array([[0, len(_without_line_end(raw))]])
    else:
        spans = _core.find_documents(raw, options.split == "line")
    spans = limited(
        raw,
        spans,
        options,
        lambda index: f"{path}: line {block.line + raw.count(10, 0, spans[index, 0])}",
    )
    data, ends = _core.join_spans(raw, spans, True)
    return Batch(data, ends, block.next, block.progress)


def _without_line_end(raw: bytes) -> bytes:
    return raw.removesuffix(b"\r\n" if raw.endswith(b"\r\n") else b"\n")


# ---- JSON Lines ----


def jsonl_pieces(path: str, options: ReadOptions, nbytes: int, start: Position) -> Iterator[Batch]:
    """The texts of a JSON Lines file."""
    for block in _blocks(path, options, nbytes, start):
        if len(block.raw) > options.max_document_bytes:
            newlines = np.flatnonzero(np.frombuffer(block.raw, np.uint8) == 10)
            lengths = np.diff(np.concatenate([[-1], newlines, [len(block.raw)]])) - 1
            if len(too_long := np.flatnonzero(lengths > options.max_document_bytes)):
                raise _too_long(f"{path}: line {block.line + int(too_long[0])}", options)
        texts = []
        for number, line in enumerate(block.raw.decode().split("\n"), block.line):
            text = _text_of(line, options, path, number)
            if text is not None:
                texts.append(text)
        ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
        data = np.frombuffer(b"".join(texts), np.uint8)
        yield Batch(data, ends, block.next, block.progress)


# Numbers are not used; as floats they cost little whatever their length.
_scan_json = json.JSONDecoder(parse_int=float).raw_decode


def _text_of(line: str, options: ReadOptions, path: str, number: int) -> bytes | None:
    """The text of a JSON record as UTF-8; None for an empty line and where it may be missing."""
    line = line.strip(" \t\r")
    if not line:
        return None
    try:
        record, end = _scan_json(line)
        if end != len(line):
            raise json.JSONDecodeError("Extra data", line, end)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}: line {number}: not JSON: {error.msg} at column {error.pos + 1}"
        ) from None
    except RecursionError:
        raise ValueError(f"{path}: line {number}: JSON that is nested too deeply") from None
    field = options.text_field
    text = record.get(field) if isinstance(record, dict) else None
    if isinstance(text, str):
        return _encoded(text, options, path, number)
    if not isinstance(record, dict):
        raise ValueError(f"{path}: line {number}: expected a JSON object, got {_kind(record)}")
    if text is not None:
        raise ValueError(f"{path}: line {number}: field {field!r} is {_kind(text)}, not a string")
    if options.missing == "skip":
        return None
    if field in record:
        raise ValueError(
            f"{path}: line {number}: field {field!r} is null; missing='skip' leaves such"
            " records out"
        )
    fields = ", ".join(repr(name) for name in list(record)[:20])
    raise ValueError(f"{path}: line {number}: no field {field!r}; it has {fields or 'none'}")


def _encoded(text: str, options: ReadOptions, path: str, number: int) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        if options.errors == "replace":
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
        raise ValueError(
            f"{path}: line {number}: the text has half of a surrogate pair at character"
            f" {error.start}; errors='replace' reads it as U+FFFD"
        ) from None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    names = {str: "a string", float: "a number", list: "an array", dict: "an object"}
    return names.get(type(value), "null")
