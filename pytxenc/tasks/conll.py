"""Sentences of words with tags, a word a line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from .lines import PathLike, at, text_lines

__all__ = ["Sentence", "read_conll"]

_DOCUMENT = "-DOCSTART-"


class Sentence(NamedTuple):
    """A sentence and where it begins."""

    path: str
    line: int  # counted from 1
    words: list[str]
    tags: list[str] | None


def read_conll(
    path: PathLike, word: int = 0, tag: int | None = -1, separator: str | None = None
) -> Iterator[Sentence]:
    """The sentences of a file in CoNLL's columns, blank lines between them.

    word, tag: numbers of the columns, from 0 on, or from the last one with -1 on; a `tag` of
        None reads words alone.
    separator: what stands between columns; by default any white space.

    Lines that begin with "-DOCSTART-" and sentences without words are left out.

    ValueError names file and line of a row without the columns, or with another number of them
    than the first; OSError when the file cannot be read.
    """
    name = os.fspath(path)
    words: list[str] = []
    tags: list[str] = []
    begin = width = 0

    def sentence() -> Sentence:
        return Sentence(name, begin, words, None if tag is None else tags)

    for number, line in text_lines(path):
        if not line.strip() or line.startswith(_DOCUMENT):
            if words:
                yield sentence()
            words, tags = [], []
            continue
        fields = line.split(separator)
        if not width:
            width = len(fields)
            for what, column in (("words", word), ("tags", tag)):
                if column is not None and not -width <= column < width:
                    raise ValueError(
                        f"{at(name, number)}: there is no column {column} for the {what}: the row"
                        f" has {width}, counted from 0"
                    )
        elif len(fields) != width:
            raise ValueError(
                f"{at(name, number)}: {len(fields)} columns, but {width} in the first row"
            )
        if not words:
            begin = number
        words.append(fields[word])
        if tag is not None:
            tags.append(fields[tag])
    if words:
        yield sentence()
