"""Parquet files of documents and of vectors, by pyarrow (`pip install pytxenc[parquet]`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..safetensors_file import atomic_file
from .readers import Batch, Position, ReadOptions
from .text import limited

__all__ = ["parquet_pieces", "vectors_file"]

_MAX_ROWS = 4096  # at once, as a dictionary may make many long texts of few bytes


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            f"Parquet needs pyarrow ({error}): pip install pytxenc[parquet]"
        ) from None
    return pyarrow, pyarrow.parquet


@contextmanager
def vectors_file(
    path: str | os.PathLike[str], dtype: str, width: int
) -> Iterator[Callable[[Sequence[str], NDArray[Any]], None]]:
    """A Parquet file of texts and vectors: a function that writes more of them at its end.

    Its columns are "text" (string) and "vector" (a list of `width` floats of `dtype`).  The
    file takes its name when the block ends, complete and on disk; nothing is left if the
    block fails.
    """
    pyarrow, parquet = _pyarrow()
    number = pyarrow.from_numpy_dtype(np.dtype(dtype))
    kind = pyarrow.list_(number, width)
    schema = pyarrow.schema([("text", pyarrow.string()), ("vector", kind)])
    with atomic_file(path) as file, parquet.ParquetWriter(file, schema) as writer:

        def append(texts: Sequence[str], vectors: NDArray[Any]) -> None:
            flat = pyarrow.array(np.ascontiguousarray(vectors, dtype).reshape(-1), number)
            column = pyarrow.FixedSizeListArray.from_arrays(flat, type=kind)
            rows = [pyarrow.array(texts, pyarrow.string()), column]
            writer.write_table(pyarrow.Table.from_arrays(rows, schema=schema))

        yield append


def parquet_pieces(
    path: str, options: ReadOptions, nbytes: int, start: Position
) -> Iterator[Batch]:
    """The texts of a column; of each row group a few rows at a time."""
    pyarrow, parquet = _pyarrow()
    size, row = os.path.getsize(path), start.offset
    try:
        with parquet.ParquetFile(path) as file:
            for column in _columns(file, path, options.text_field, nbytes, row):
                data, ends = _texts(pyarrow, column, path, row, options)
                row += len(column)
                progress = size * row // file.metadata.num_rows
                yield Batch(data, ends, Position(start.file, row), progress)
        yield Batch(np.empty(0, np.uint8), np.empty(0, np.int64), Position(start.file + 1), size)
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{path}: not a sound Parquet file: {error}") from None


def _columns(file: Any, path: str, field: str, nbytes: int, first: int) -> Iterator[Any]:
    """The column `field` from row `first` on, as arrays that follow each other."""
    names = file.schema_arrow.names
    if names.count(field) != 1:
        known = ", ".join(map(repr, names[:20])) or "none"
        raise ValueError(f"{path}: no column {field!r}; it has {known}")
    row = 0
    for index in range(file.num_row_groups):
        group = file.metadata.row_group(index)
        if row + group.num_rows <= first:
            row += group.num_rows
            continue
        row_nbytes = 1 + group.total_byte_size // max(1, group.num_rows)
        rows = min(max(1, nbytes // row_nbytes), _MAX_ROWS)
        for table in file.iter_batches(rows, [index], [field], use_threads=False):
            column = table.column(field)
            row += len(column)
            if row > first:
                yield column.slice(max(0, len(column) - (row - first)))
    if row < first:
        raise ValueError(f"{path}: the file is shorter than it was")


def _texts(
    pyarrow: Any, column: Any, path: str, row: int, options: ReadOptions
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Data and ends of the documents in a column whose first row is `row`."""
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    rows = row + np.flatnonzero(valid)
    if len(rows) < len(valid):
        if options.missing == "error":
            raise ValueError(
                f"{path}: row {row + int(np.argmin(valid))}: column {options.text_field!r} is"
                " null; missing='skip' leaves such rows out"
            )
        column = column.drop_null()
    raw, bounds = _bytes(pyarrow, column, path, options.text_field)
    raw, bounds = _checked(raw, bounds, rows, path, options)
    spans = limited(
        raw,
        np.stack([bounds[:-1], bounds[1:]], axis=1),
        replace(options, split="file"),  # cut without a look at blank lines
        lambda index: f"{path}: row {rows[index]}",
    )
    return _core.join_spans(raw, spans, False)


def _bytes(pyarrow: Any, column: Any, path: str, field: str) -> tuple[bytes, NDArray[np.int64]]:
    """A column without nulls as bytes [N] and where each row begins, and the last ends [D + 1]."""
    types = pyarrow.types
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        column = column.cast(pyarrow.large_string())
    elif types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind):
        column = column.cast(pyarrow.large_binary())
    else:
        raise ValueError(f"{path}: column {field!r} holds {kind}, not strings")
    if len(column) == 0:
        return b"", np.zeros(1, np.int64)
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, np.int64, len(column) + 1, 8 * column.offset)
    raw = data[bounds[0] : bounds[-1]].to_pybytes() if bounds[-1] > bounds[0] else b""
    return raw, bounds - bounds[0]


def _checked(
    raw: bytes, bounds: NDArray[np.int64], rows: NDArray[np.int64], path: str, options: ReadOptions
) -> tuple[bytes, NDArray[np.int64]]:
    """The same with every row valid UTF-8."""
    firsts = np.frombuffer(raw, np.uint8)[bounds[bounds < len(raw)]]
    if _core.text_valid(raw) and not (firsts & 0xC0 == 0x80).any():
        return raw, bounds
    texts = []
    for row, begin, end in zip(
        rows.tolist(), bounds[:-1].tolist(), bounds[1:].tolist(), strict=True
    ):
        try:
            text = raw[begin:end].decode("utf-8", options.errors)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path}: row {row}: not UTF-8: byte 0x{raw[begin + error.start]:02x} at byte"
                f" {error.start} ({error.reason}); errors='replace' reads it as U+FFFD"
            ) from None
        texts.append(text.encode())
    return b"".join(texts), np.cumsum([0, *map(len, texts)])
