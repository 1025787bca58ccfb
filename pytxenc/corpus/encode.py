"""Files of text to a corpus of token ids on disk."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import __version__, _core
from ..tokenization import PreTrainedTokenizerBase
from .encoder import encode_documents, fingerprint, id_dtype
from .readers import Batch, Format, Paths, Position, ReadOptions, Split, list_files, read_batches
from .token_corpus import FORMAT, VERSION, TokenCorpus
from .work import State, Work

__all__ = ["encode_corpus"]

T = TypeVar("T")

_BATCH_BYTES_PER_THREAD = 2 << 20


def encode_corpus(
    tokenizer: PreTrainedTokenizerBase,
    paths: Paths,
    output: str | os.PathLike[str],
    *,
    dtype: Literal["uint16", "uint32"] | None = None,
    add_special_tokens: bool = False,
    split_special_tokens: bool | None = None,
    keep_lines: bool = False,
    split_sentences: bool = False,
    format: Format | None = None,
    text_field: str = "text",
    split: Split = "blank-line",
    errors: Literal["strict", "replace"] = "strict",
    long_documents: Literal["error", "cut"] = "error",
    missing: Literal["error", "skip"] = "error",
    max_document_bytes: int = 1 << 28,
    restart: bool = False,
    force: bool = False,
    progress: bool | None = None,
    batch_bytes: int | None = None,
    commit_seconds: float = 5.0,
) -> TokenCorpus:
    """Encode the documents of files and write the ids to a directory; returns it opened.

    tokenizer: any tokenizer of this package.
    paths: a file or several; how documents are found in them (`format`, `text_field`, `split`,
        `errors`, `long_documents`, `missing`, `max_document_bytes`) is what `read_documents`
        explains.
    output: the directory, see `TokenCorpus` for what is in it.  It appears when all is done.
    dtype: of the ids; by default uint16 where the tokenizer's ids fit in, else uint32.
    add_special_tokens: put the tokenizer's special tokens around each document (each line with
        `keep_lines`).  Pretraining wants none: it makes its own sequences out of the ids, and
        `offsets` tell where documents end.
    split_special_tokens: read special tokens written in the text as plain text; by default as
        the tokenizer is set.
    keep_lines: encode every line of a document by itself, without its line end, and store where
        lines begin: what next-sentence and sentence-order prediction need.  Empty lines are
        left out.
    split_sentences: the same with the sentences of the lines, as `split_sentences` of this
        package finds them, in place of the lines.  White space between two sentences goes with
        the second, so that the tokens are those of the whole line.
    restart: discard unfinished work instead of going on with it.
    force: replace a corpus that is there already.
    progress: show a progress bar; by default at a terminal.
    batch_bytes: text that is encoded at a time, by default 2 MB a thread; memory use is a
        multiple of it, the result is the same.
    commit_seconds: how often work is made sure to survive a crash.

    Files may be larger than memory.  Unfinished work is kept in `<output>.partial`: after an
    interrupt, a kill or a full disk the same call goes on where it was, and the result is the
    same to the byte as without.  ValueError names what is wrong in a file, or says that the
    unfinished work is of other inputs, options or tokenizer; OSError (FileExistsError where
    there is an output already, BlockingIOError where another process writes it) comes with the
    name of the file.
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
    keep_lines = bool(keep_lines or split_sentences)
    if split_special_tokens is None:
        split_special_tokens = tokenizer.split_special_tokens
    files = list_files(paths)
    encode = partial(
        encode_documents,
        tokenizer,
        dtype=id_dtype(tokenizer, dtype),
        add_special_tokens=bool(add_special_tokens),
        split_special_tokens=bool(split_special_tokens),
    )
    job = {
        "inputs": _inputs(files),
        "tokenizer": fingerprint(tokenizer),
        "options": {
            **asdict(options),
            **encode.keywords,
            "keep_lines": keep_lines,
            "split_sentences": bool(split_sentences),
        },
        "pytxenc version": __version__,
    }
    arrays = {"ids": encode.keywords["dtype"], "offsets": "int64"}
    if keep_lines:
        arrays.update(lines="int64", document_lines="int64")
    target = os.path.realpath(output)  # what a link points to is written, not the link
    if batch_bytes is None:
        batch_bytes = _BATCH_BYTES_PER_THREAD * _core.get_num_threads()
    with Work(target, job, arrays, restart=restart, force=force) as work:
        start = Position(work.state.file, work.state.offset, work.state.line)
        batches = read_batches(files, options, nbytes=batch_bytes, start=start)
        lines: Literal["sentences", "lines"] | None = "lines" if keep_lines else None
        if split_sentences:
            lines = "sentences"
        _encode_all(batches, encode, work, lines, files, progress, commit_seconds)
        if _inputs(files) != job["inputs"]:
            raise ValueError("an input file changed while it was read; restart=True begins anew")
        work.publish(_meta(job, tokenizer, work.state, keep_lines))
    return TokenCorpus(target)


def _inputs(files: list[str]) -> list[dict[str, Any]]:
    """What tells the input files from others; ValueError for what is not a regular file."""
    inputs = []
    for path in files:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{path} is not a regular file, so reading could not be resumed")
        path = os.path.abspath(path)
        inputs.append({"path": path, "size": status.st_size, "mtime_ns": status.st_mtime_ns})
    return inputs


def _encode_all(
    batches: Iterator[Batch],
    encode: Any,
    work: Work,
    lines_are: Literal["lines", "sentences"] | None,
    files: list[str],
    progress: bool | None,
    commit_seconds: float,
) -> None:
    """Read, encode and write, a batch of each at the same time."""
    committed = time.monotonic()

    def write(batch: Batch, ids: NDArray[Any], ends: NDArray[np.int64], lines: Any) -> None:
        nonlocal committed
        work.append(batch, ids, ends, lines)
        if time.monotonic() - committed >= commit_seconds:
            work.commit()
            committed = time.monotonic()

    total = sum(map(os.path.getsize, files))
    with (
        _progress_bar(progress, total, work.state.progress) as show,
        closing(_ahead(batches)) as coming,
        ThreadPoolExecutor(1) as writer,
    ):
        written: Future[None] | None = None
        for batch in coming:
            data, units, counts = batch.data, batch.ends, None
            if lines_are is not None:
                spans, counts = _core.find_lines(data, units, lines_are == "sentences")
                data, units = _core.join_spans(data, spans, False)
            ids, ends = encode(data, units)
            lines = None
            if counts is not None:
                lines = ends, counts
                ends = np.append(0, ends)[counts]
            if written is not None:
                written.result()
            written = writer.submit(write, batch, ids, ends, lines)
            show(batch.progress)
        if written is not None:
            written.result()


@contextmanager
def _progress_bar(
    wanted: bool | None, total: int, done: int
) -> Generator[Callable[[int], None], None, None]:
    """A function to call with the bytes that are done; it shows them where that is wanted."""
    if not (sys.stderr.isatty() if wanted is None else wanted):
        # Even a bar that shows nothing takes a lock that forked processes share.
        yield lambda done: None
        return
    from tqdm import tqdm

    with tqdm(total=total, initial=done, unit="B", unit_scale=True) as bar:
        yield lambda done: bar.update(done - bar.n)


def _ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The same items, the next one being made in a thread while one is used."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = reader.submit(next, items, None)
            yield item


def _meta(
    job: dict[str, Any], tokenizer: PreTrainedTokenizerBase, state: State, keep_lines: bool
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "dtype": job["options"]["dtype"],
        "documents": state.documents,
        "tokens": state.tokens,
        "lines": state.lines if keep_lines else None,
        "bytes": state.nbytes,
        "tokenizer": {
            "class": type(tokenizer).__name__,
            "name_or_path": tokenizer.name_or_path,
            "fingerprint": job["tokenizer"],
        },
        "options": job["options"],
        "inputs": [{"path": file["path"], "size": file["size"]} for file in job["inputs"]],
        "pytxenc version": job["pytxenc version"],
    }
