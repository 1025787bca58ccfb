"""Documents in two parts, one to train on and one held out, by a hash of their text."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, NamedTuple

from ..safetensors_file import atomic_file
from .readers import SUFFIXES, PathLike, Paths, ReadOptions, read_batches
from .streams import COMPRESSIONS

__all__ = ["SplitCounts", "is_held_out", "split_documents"]


_BLANKS = " \t\v\f\r"  # a line of which separates documents
# Endings by which files are read as something else than what is written here.
_OTHER_FORMS = (*COMPRESSIONS, *(suffix for suffix in SUFFIXES if suffix != ".jsonl"))


class SplitCounts(NamedTuple):
    """Documents, and bytes of UTF-8, of the two parts."""

    documents: int
    nbytes: int
    held_out_documents: int
    held_out_nbytes: int


def is_held_out(document: str, share: float) -> bool:
    """Whether a document belongs to the share that is held out.

    It does if the first 8 bytes of BLAKE2b of its UTF-8, as a number below 1, are below `share`:
    the same for a text wherever and however often it stands, so that no document can be on both
    sides, and those held out stay so when the collection grows.
    """
    digest = hashlib.blake2b(document.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


def split_documents(
    paths: Paths,
    train: PathLike,
    held_out: PathLike,
    *,
    share: float = 0.02,
    options: ReadOptions | None = None,
) -> SplitCounts:
    """Write the documents of some files into two, in their order.

    paths: a file or several, as `read_documents` reads them.
    train, held_out: files to write, which are there complete or not at all.  With names in .jsonl
        they hold objects with the field "text", else documents between blank lines.
    share: of the documents that `held_out` is to have, by `is_held_out`; more than 0 and less
        than 1.
    options: how files are read.

    Raises ValueError for a share out of range, files that are not what they should be, documents
    with blank lines inside where these would separate them, and where one part gets nothing;
    FileExistsError for a file that is there already.
    """
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; it must be more than 0 and less than 1")
    targets = [os.fspath(train), os.fspath(held_out)]
    if os.path.abspath(targets[0]) == os.path.abspath(targets[1]):
        raise ValueError(f"both parts cannot go into {targets[0]}")
    for path in targets:
        if path.endswith(_OTHER_FORMS):
            raise ValueError(f"{path} would be read otherwise than written: .txt or .jsonl will do")
        if os.path.lexists(path):
            raise FileExistsError(f"{path} exists")
    counts = [[0, 0], [0, 0]]
    with ExitStack() as stack:
        files = [stack.enter_context(atomic_file(path)) for path in targets]
        for document in _documents(paths, options or ReadOptions()):
            part = int(is_held_out(document, share))
            nbytes = _write(files[part], targets[part], document, first=not counts[part][0])
            counts[part][0] += 1
            counts[part][1] += nbytes
        for (documents, _), name in zip(counts, ("train on", "hold out"), strict=True):
            if not documents:
                total = counts[0][0] + counts[1][0]
                raise ValueError(f"of {total} documents there is none to {name}")
    return SplitCounts(*counts[0], *counts[1])


def _documents(paths: Paths, options: ReadOptions) -> Iterator[str]:
    for batch in read_batches(paths, options, nbytes=1 << 20):
        yield from batch.documents()


def _write(file: IO[bytes], path: str, document: str, first: bool) -> int:
    """Append a document; returns its bytes of UTF-8."""
    text = document.encode()
    if path.endswith(".jsonl"):
        file.write(json.dumps({"text": document}, ensure_ascii=False).encode() + b"\n")
    elif not all(line.strip(_BLANKS) for line in document.split("\n")):
        raise ValueError(
            f"{path}: a document is empty or has a blank line inside, which separates documents in"
            f" text files: let the parts be .jsonl files; it begins {document[:40]!r}"
        )
    else:
        file.write(text + b"\n" if first else b"\n" + text + b"\n")
    return len(text)
