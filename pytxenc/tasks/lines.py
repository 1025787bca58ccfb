"""The lines of a text file with their numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..corpus.streams import Stream

__all__ = ["PathLike", "at", "text_lines"]

PathLike = str | os.PathLike[str]
_BOM = b"\xef\xbb\xbf"
_READ_AT_ONCE = 1 << 20


def at(path: str, line: int) -> str:
    """How errors name a place."""
    return f"{path}: line {line}"


def text_lines(path: PathLike) -> Iterator[tuple[int, str]]:
    """(number from 1 on, text without its line end) of every line of a UTF-8 file.

    Lines end with "\\n" or "\\r\\n"; a byte-order mark at the beginning is left out; compressed
    files (.gz, .bz2, .xz, .zst) are decompressed.

    ValueError for text that is not UTF-8, and where; OSError when the file cannot be read.
    """
    name = os.fspath(path)
    if os.path.isdir(name):
        raise IsADirectoryError(f"{name} is a directory, not a file")
    if not os.path.exists(name):
        raise FileNotFoundError(f"{name}: there is no such file")
    for number, raw in enumerate(_raw_lines(name), 1):
        if number == 1:
            if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise ValueError(f"{name}: this is UTF-16 text; UTF-8 is needed")
            raw = raw.removeprefix(_BOM)
        try:
            yield number, raw.removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{at(name, number)}: not UTF-8: byte 0x{raw[error.start]:02x} at byte"
                f" {error.start} of the line"
            ) from None


def _raw_lines(path: str) -> Iterator[bytes]:
    with Stream(path) as stream:
        parts: list[bytes] = []  # of a line whose end is not read yet
        while data := stream.read(_READ_AT_ONCE):
            *whole, rest = data.split(b"\n")
            for line in whole:
                yield b"".join([*parts, line])
                parts = []
            parts.append(rest)
        if last := b"".join(parts):
            yield last
