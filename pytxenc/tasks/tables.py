"""Columns of TSV, CSV and JSON Lines files."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..corpus.streams import COMPRESSIONS
from .lines import PathLike, at, text_lines

__all__ = ["Record", "TableOptions", "read_records"]

Column = str | int
Format = Literal["tsv", "csv", "jsonl"]

_SUFFIXES: dict[str, Format] = {
    ".tsv": "tsv",
    ".txt": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_DELIMITERS = {"tsv": "\t", "csv": ","}


@dataclass(frozen=True)
class TableOptions:
    """How a file is read as a table; see `read_records`."""

    format: Format | None = None
    header: bool | None = None
    quotes: bool | None = None

    def __post_init__(self) -> None:
        if self.format not in (None, "tsv", "csv", "jsonl"):
            raise ValueError(f"format must be 'tsv', 'csv' or 'jsonl', not {self.format!r}")


class Record(NamedTuple):
    """A row of a table: what its columns hold, under the names that were asked for."""

    path: str
    line: int  # of the file, counted from 1, where the row begins
    values: dict[str, Any]

    @property
    def where(self) -> str:
        """The row's place, for errors."""
        return at(self.path, self.line)

    def text(self, name: str) -> str:
        """A text; ValueError for what is none."""
        value = self.values[name]
        if not isinstance(value, str):
            raise ValueError(f"{self.where}: the {name} must be text, not {value!r:.60}")
        return value

    def label(self, name: str) -> str:
        """A label as text; whole numbers and truth values of JSON are written out."""
        value = self.values[name]
        if not isinstance(value, str | int):
            raise ValueError(f"{self.where}: the {name} must be a label, not {value!r:.60}")
        if value == "":
            raise ValueError(f"{self.where}: the {name} is empty")
        return value if isinstance(value, str) else str(value)

    def number(self, name: str) -> float:
        """A finite number; ValueError for anything else."""
        value = self.values[name]
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(f"{self.where}: the {name} must be a finite number, not {value!r:.60}")
        return number

    def words(self, name: str) -> list[str]:
        """A list of words: one of JSON, or text cut at spaces."""
        value = self.values[name]
        if isinstance(value, str):
            return value.split()
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise ValueError(f"{self.where}: the {name} must be a list of words, not {value!r:.60}")
        return value


def read_records(
    path: PathLike, columns: Mapping[str, Column], options: TableOptions | None = None
) -> Iterator[Record]:
    """The rows of a TSV, CSV or JSON Lines file, one after another.

    columns: under which name which column is wanted: its name in the header (or the field of
        the JSON objects), or its number from 0 on.
    options.format: "tsv", "csv" or "jsonl"; by default what the file's name says (.txt is TSV).
    options.header: whether the first row holds names; by default it does if a column is asked
        for by name.
    options.quotes: whether fields may be quoted, "" within standing for one quote, with
        delimiters and line ends in them; by default so in CSV and not in TSV, where a quote is a
        letter like any other.

    Every row must have as many fields as the first.  Blank lines are left out, but where there
    is one column only: there they are empty texts.

    ValueError names file and line of what is wrong; OSError when the file cannot be read.
    """
    options = options or TableOptions()
    name = os.fspath(path)
    kind = options.format or _guess_format(name)
    if not columns:
        raise ValueError("no columns were asked for")
    for role, column in columns.items():
        if not isinstance(column, str | int) or isinstance(column, bool):
            raise TypeError(f"the column of the {role} must be a name or a number, not {column!r}")
        if isinstance(column, int) and column < 0:
            raise ValueError(f"the column of the {role} is {column}; columns count from 0")
    if kind == "jsonl":
        return _json_records(name, columns, options)
    return _table_records(name, columns, options, kind)


def _guess_format(path: str) -> Format:
    stem, suffix = os.path.splitext(path.lower())
    if suffix in COMPRESSIONS:
        suffix = os.path.splitext(stem)[1]
    if suffix not in _SUFFIXES:
        raise ValueError(
            f"{path}: its name does not tell whether it is TSV, CSV or JSON Lines: give the format"
        )
    return _SUFFIXES[suffix]


# ---- TSV and CSV ----


def _table_records(
    path: str, columns: Mapping[str, Column], options: TableOptions, kind: Format
) -> Iterator[Record]:
    quotes = kind == "csv" if options.quotes is None else options.quotes
    rows = _quoted_rows(path, _DELIMITERS[kind]) if quotes else _plain_rows(path, _DELIMITERS[kind])
    named = any(isinstance(column, str) for column in columns.values())
    header = named if options.header is None else options.header
    if named and not header:
        raise ValueError("columns of a table without header must be given by number")
    first = next(rows, None)
    if first is None:
        raise ValueError(f"{path}: the file is empty")
    line, fields = first
    width = len(fields)
    places = {
        role: _place(path, line, role, column, fields if header else None, width)
        for role, column in columns.items()
    }
    if not header:
        yield Record(path, line, {role: fields[place] for role, place in places.items()})
    for line, fields in rows:
        if len(fields) != width:
            if width > 1 and not any(field.strip() for field in fields):
                continue
            raise ValueError(
                f"{at(path, line)}: {len(fields)} fields, but {width} in the first row"
            )
        yield Record(path, line, {role: fields[place] for role, place in places.items()})


def _place(
    path: str, line: int, role: str, column: Column, names: Sequence[str] | None, width: int
) -> int:
    """Which field of a row a column is."""
    if isinstance(column, int):
        if column >= width:
            raise ValueError(
                f"{at(path, line)}: there is no column {column} for the {role}: the row has"
                f" {width}, counted from 0"
            )
        return column
    assert names is not None
    if names.count(column) != 1:
        problem = "no" if column not in names else "more than one"
        raise ValueError(
            f"{at(path, line)}: there is {problem} column {column!r} for the {role}; there are"
            f" {', '.join(map(repr, names))}"
        )
    return names.index(column)


def _plain_rows(path: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in text_lines(path):
        yield number, line.split(delimiter)


def _quoted_rows(path: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    read = 0

    def lines() -> Iterator[str]:
        nonlocal read
        for number, line in text_lines(path):
            read = number
            yield line + "\n"

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    while True:
        first = read + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"{at(path, first)}: {error}") from None
        yield first, fields or [""]


# ---- JSON Lines ----


def _json_records(
    path: str, columns: Mapping[str, Column], options: TableOptions
) -> Iterator[Record]:
    for name, value in (("header", options.header), ("quotes", options.quotes)):
        if value is not None:
            raise ValueError(f"{name} is for TSV and CSV, and {path} is read as JSON Lines")
    for role, column in columns.items():
        if not isinstance(column, str):
            raise ValueError(
                f"the column of the {role} is {column}; fields of JSON Lines have names"
            )
    for number, line in text_lines(path):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{at(path, number)}: not JSON: {error}") from None
        if not isinstance(value, dict):
            raise ValueError(f"{at(path, number)}: not a JSON object")
        for role, column in columns.items():
            if column not in value:
                raise ValueError(
                    f"{at(path, number)}: there is no field {column!r} for the {role}; there are"
                    f" {', '.join(map(repr, value))}"
                )
        yield Record(path, number, {role: value[str(field)] for role, field in columns.items()})
