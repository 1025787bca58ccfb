"""Documents out of files, as a stream: text, JSON Lines and Parquet, plain or compressed.

Text is handled as UTF-8 bytes, many documents at a time: `read_batches` makes no Python object
of a document.  Memory is bounded by the size of a batch and of the longest document allowed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .streams import COMPRESSIONS

__all__ = [
    "Batch",
    "PathLike",
    "Paths",
    "Position",
    "ReadOptions",
    "read_batches",
    "read_documents",
]

PathLike = str | os.PathLike[str]
Paths = PathLike | Iterable[PathLike]
_PART_NBYTES = 1 << 20
Format = Literal["text", "jsonl", "parquet"]
Split = Literal["blank-line", "line", "file"]

SUFFIXES = {
    ".jsonl": "jsonl",
    ".json": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
# Suffixes of files that are surely not what their bytes would be read as.
_NOT_TEXT = {
    *(".7z", ".arrow", ".avro", ".bin", ".csv", ".doc", ".docx", ".epub", ".feather", ".h5"),
    *(".npy", ".npz", ".orc", ".pdf", ".pickle", ".pkl", ".rar", ".safetensors", ".tar", ".tgz"),
    *(".tsv", ".xls", ".xlsx", ".zip"),
}
_CHOICES = {
    "format": (None, "text", "jsonl", "parquet"),
    "split": ("blank-line", "line", "file"),
    "errors": ("strict", "replace"),
    "long_documents": ("error", "cut"),
    "missing": ("error", "skip"),
}


@dataclass(frozen=True)
class ReadOptions:
    """How files are read; see `read_documents` for the meaning of each."""

    format: Format | None = None
    text_field: str = "text"
    split: Split = "blank-line"
    errors: Literal["strict", "replace"] = "strict"
    long_documents: Literal["error", "cut"] = "error"
    missing: Literal["error", "skip"] = "error"
    max_document_bytes: int = 1 << 28

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                known = " or ".join(repr(choice) for choice in choices)
                raise ValueError(f"{name} must be {known}, not {getattr(self, name)!r}")
        if not isinstance(self.text_field, str):
            raise TypeError(f"text_field must be the name of a field, not {self.text_field!r}")
        if isinstance(self.max_document_bytes, bool) or not isinstance(
            self.max_document_bytes, int
        ):
            raise TypeError(f"max_document_bytes must be an int, not {self.max_document_bytes!r}")
        if self.max_document_bytes < 4:
            raise ValueError("max_document_bytes must be at least 4, one character")


class Position(NamedTuple):
    """A place between two documents, where reading can go on."""

    file: int = 0  # index of the file
    offset: int = 0  # bytes of decompressed text, or rows of a Parquet file
    line: int = 1  # of the text there, counted from 1


class Batch(NamedTuple):
    """Documents that follow each other in the files, as UTF-8."""

    data: NDArray[np.uint8]  # [N] the bytes of all documents, nothing between them
    ends: NDArray[np.int64]  # [D] document d is data[ends[d - 1]:ends[d]]
    next: Position  # where the next batch begins
    progress: int  # bytes of the files read so far, as they lie on disk

    def documents(self) -> Iterator[str]:
        """The documents as str."""
        data, start = self.data.tobytes(), 0
        for end in self.ends.tolist():
            yield data[start:end].decode()
            start = end


def read_documents(
    paths: Paths,
    *,
    format: Format | None = None,
    text_field: str = "text",
    split: Split = "blank-line",
    errors: Literal["strict", "replace"] = "strict",
    long_documents: Literal["error", "cut"] = "error",
    missing: Literal["error", "skip"] = "error",
    max_document_bytes: int = 1 << 28,
) -> Iterator[str]:
    """The documents of one or more files, one after another.

    paths: a file or several. Compressed ones (.gz, .bz2, .xz, .zst) are decompressed.
    format: "text", "jsonl" (JSON Lines: an object a line) or "parquet"; by default what the
        name of each file says, text where it says nothing.
    text_field: the field of the JSON objects or the column of the table that is read.
    split: what a document of a text file is: the lines up to the next "blank-line" (one that
        is empty or white space), a "line" (an empty one is an empty document) or the whole
        "file".  Line ends become "\\n", and that at the end of a document is left out, as is a
        byte-order mark.
    errors: "strict" raises ValueError where a file is not UTF-8, "replace" reads U+FFFD there.
    long_documents: what becomes of those above `max_document_bytes` of UTF-8: an "error", or
        they are "cut" into several, at a line end or else a space where that can be.
    missing: what becomes of records of JSON Lines and Parquet whose text is absent or null: an
        "error", or "skip" them.

    Files are streamed: memory does not depend on their size.  ValueError names file and line
    (or row) of whatever is wrong in a file; OSError comes from the operating system; ImportError
    says what to install for Parquet (`pip install pytxenc[parquet]`) or .zst.
    """
    options = ReadOptions(
        format=format,
        text_field=text_field,
        split=split,
        errors=errors,
        long_documents=long_documents,
        missing=missing,
        max_document_bytes=max_document_bytes,
    )
    batches = read_batches(paths, options, nbytes=1 << 20)  # checks the arguments now
    return (document for batch in batches for document in batch.documents())


def read_batches(
    paths: Paths,
    options: ReadOptions | None = None,
    *,
    nbytes: int = 4 << 20,
    start: Position | None = None,
) -> Iterator[Batch]:
    """The documents of files as batches of UTF-8 bytes, of about `nbytes` each.

    `start` goes on at the `next` of a batch.  The documents do not depend on `nbytes`.  Errors
    are those of `read_documents`.
    """
    options = options or ReadOptions()
    if nbytes < 1:
        raise ValueError(f"nbytes must be at least 1, not {nbytes}")
    files = list_files(paths)
    formats = [options.format or guess_format(path) for path in files]
    return _batches(files, formats, options, nbytes, start or Position())


def list_files(paths: Paths) -> list[str]:
    """The files that `paths` names; ValueError or OSError when there are none."""
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    files = [os.fspath(path) for path in paths]
    if not files:
        raise ValueError("no files were given")
    for path in files:
        if not isinstance(path, str):
            raise TypeError(f"a path must be a str or os.PathLike, not {path!r}")
        if os.path.isdir(path):
            raise IsADirectoryError(f"{path} is a directory: name the files in it")
        if not os.path.exists(path):
            raise FileNotFoundError(f"{path}: there is no such file")
    return files


def guess_format(path: str) -> Format:
    """The format that a file's name tells; ValueError when it is none that can be read."""
    stem, suffix = os.path.splitext(path.lower())
    if suffix in COMPRESSIONS:
        stem, suffix = os.path.splitext(stem)
    if suffix in _NOT_TEXT:
        raise ValueError(
            f"{path}: {suffix} files are not read; text, JSON Lines and Parquet are (to read it"
            " as one of them whatever its name, give the format)"
        )
    return SUFFIXES.get(suffix, "text")  # type: ignore[return-value]


def _batches(
    files: list[str], formats: list[Format], options: ReadOptions, nbytes: int, start: Position
) -> Iterator[Batch]:
    """The pieces of all files, small ones put together."""
    pieces: list[Batch] = []
    held = 0
    # Files are read in parts that stay in the processor's cache.
    for piece in _pieces(files, formats, options, min(nbytes, _PART_NBYTES), start):
        pieces.append(piece)
        held += piece.data.size + 8 * piece.ends.size
        if 2 * held >= nbytes:
            yield _joined(pieces)
            pieces, held = [], 0
    if pieces:
        yield _joined(pieces)


def _pieces(
    files: list[str], formats: list[Format], options: ReadOptions, nbytes: int, start: Position
) -> Iterator[Batch]:
    from .parquet import parquet_pieces
    from .text import jsonl_pieces, text_pieces

    readers = {"text": text_pieces, "jsonl": jsonl_pieces, "parquet": parquet_pieces}
    before = sum(os.path.getsize(path) for path in files[: start.file])
    for index in range(start.file, len(files)):
        place = start if index == start.file else Position(index)
        this = replace(options, format=formats[index])
        for piece in readers[formats[index]](files[index], this, nbytes, place):
            yield piece._replace(progress=before + piece.progress)
        before += os.path.getsize(files[index])


def _joined(pieces: list[Batch]) -> Batch:
    if len(pieces) == 1:
        return pieces[0]
    data = np.concatenate([piece.data for piece in pieces])
    starts = np.cumsum([0, *(piece.data.size for piece in pieces[:-1])])
    ends = [piece.ends + start for piece, start in zip(pieces, starts, strict=True)]
    return Batch(data, np.concatenate(ends), *pieces[-1][2:])
