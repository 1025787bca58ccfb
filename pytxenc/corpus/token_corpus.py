"""A corpus of token ids on disk, mapped into memory."""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Iterator
from typing import Any, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

from ..tokenization import PreTrainedTokenizerBase
from .encoder import fingerprint
from .npy import open_mapped

__all__ = ["FORMAT", "META_FILE", "VERSION", "TokenCorpus"]

FORMAT = "pytxenc token corpus"
VERSION = 1
META_FILE = "meta.json"
_CHECKED_AT_ONCE = 1 << 20  # offsets


class TokenCorpus:
    """Documents as token ids, read from the directory that `encode_corpus` wrote.

    A sequence of documents: `len(corpus)`, `corpus[i]` (a read-only view of the ids), slices
    (a list of views), iteration.  Nothing is read before it is used, so a corpus may be larger
    than memory; pickling one opens the directory again, as worker processes need it.

    Attributes:
        ids: uint16 or uint32 [N], the tokens of all documents; a read-only map of ids.npy.
        offsets: int64 [D + 1]; document i is ids[offsets[i]:offsets[i + 1]].
        lines: int64 [L + 1], where in `ids` the lines of the documents begin, and the last ends;
            None unless written with `keep_lines`.
        document_lines: int64 [D + 1]; the lines of document i are numbers document_lines[i] to
            document_lines[i + 1]; None unless written with `keep_lines`.
        meta: what meta.json holds: counts, tokenizer, options, input files.
        path: the directory.

    The arrays are plain .npy files, so `numpy.load(path, mmap_mode="r")` reads them too.
    Raises OSError when there is no corpus at `path`, ValueError when its files are not what they
    should be.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(path)
        self.meta = read_meta(self.path)
        documents, tokens = self.meta["documents"], self.meta["tokens"]
        self.ids = self._open("ids.npy", self.meta["dtype"], tokens)
        self.offsets = self._open("offsets.npy", "int64", documents + 1)
        self._check_rising("offsets.npy", self.offsets, tokens)
        self.lines: NDArray[np.int64] | None = None
        self.document_lines: NDArray[np.int64] | None = None
        if (lines := self.meta["lines"]) is not None:
            self.lines = self._open("lines.npy", "int64", lines + 1)
            self._check_rising("lines.npy", self.lines, tokens)
            self.document_lines = self._open("document_lines.npy", "int64", documents + 1)
            self._check_rising("document_lines.npy", self.document_lines, lines)
            self._check_lines()

    def _open(self, name: str, dtype: str, size: int) -> NDArray[Any]:
        return open_mapped(os.path.join(self.path, name), dtype, size)

    def _check_rising(self, name: str, offsets: NDArray[np.int64], last: int) -> None:
        path = os.path.join(self.path, name)
        if offsets[0] != 0 or offsets[-1] != last:
            raise ValueError(
                f"{path}: goes from {offsets[0]} to {offsets[-1]}, expected 0 to {last}"
            )
        for start in range(0, len(offsets), _CHECKED_AT_ONCE):
            part = offsets[start : start + _CHECKED_AT_ONCE + 1]
            falls = np.flatnonzero(part[1:] < part[:-1])
            if len(falls):
                raise ValueError(f"{path}: item {start + falls[0] + 1} is less than the one before")

    def _check_lines(self) -> None:
        """The lines of a document must end where it does."""
        assert self.lines is not None and self.document_lines is not None
        for start in range(0, len(self.offsets), _CHECKED_AT_ONCE):
            part = slice(start, start + _CHECKED_AT_ONCE)
            if (self.lines[self.document_lines[part]] != self.offsets[part]).any():
                raise ValueError(f"{self.path}: lines.npy does not agree with offsets.npy")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: SupportsIndex) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[NDArray[Any]]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> NDArray[Any] | list[NDArray[Any]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = operator.index(index)
        if number < 0:
            number += len(self)
        if not 0 <= number < len(self):
            raise IndexError(f"document {index!r} of a corpus of {len(self)}")
        return self.ids[self.offsets[number] : self.offsets[number + 1]]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        for index in range(len(self)):
            yield self[index]

    def document(self, index: SupportsIndex) -> list[NDArray[Any]]:
        """The lines of a document, each a read-only view of its ids.

        ValueError for a corpus written without `keep_lines`.
        """
        if self.lines is None or self.document_lines is None:
            raise ValueError(f"{self.path} was written without keep_lines")
        number = range(len(self))[index]
        first, last = self.document_lines[number], self.document_lines[number + 1]
        bounds = self.lines[first : last + 1]
        return [self.ids[bounds[i] : bounds[i + 1]] for i in range(last - first)]

    def check_tokenizer(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """ValueError unless the corpus was encoded with this very tokenizer."""
        written = self.meta["tokenizer"]
        if fingerprint(tokenizer) != written["fingerprint"]:
            raise ValueError(
                f"{self.path} was encoded with another tokenizer: {written['class']} of"
                f" {written['name_or_path']!r}, not this {type(tokenizer).__name__} of"
                f" {tokenizer.name_or_path!r}"
            )

    def __reduce__(self) -> tuple[type[TokenCorpus], tuple[str]]:
        return type(self), (self.path,)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.path!r}): {len(self)} documents, {len(self.ids)} tokens"
        )


def read_meta(path: str) -> dict[str, Any]:
    """The checked content of a corpus's meta.json."""
    file = os.path.join(path, META_FILE)
    if not os.path.exists(file):
        raise FileNotFoundError(f"there is no token corpus at {path}: it has no {META_FILE}")
    try:
        with open(file, "rb") as stream:
            meta = json.loads(stream.read().decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file}: not JSON: {error}") from None
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise ValueError(f"{file}: not that of a token corpus")
    if meta.get("version") != VERSION:
        raise ValueError(
            f"{file}: version {meta.get('version')!r:.40} of the format; this pytxenc reads"
            f" version {VERSION}"
        )
    if meta.get("dtype") not in ("uint16", "uint32"):
        raise ValueError(f"{file}: dtype {meta.get('dtype')!r:.40} is not uint16 or uint32")
    for key in ("documents", "tokens", "lines"):
        value = meta.get(key)
        whole = type(value) is int and 0 <= value < 1 << 62
        if not whole and not (key == "lines" and value is None):
            raise ValueError(f"{file}: '{key}' must be a whole number, got {value!r:.40}")
    tokenizer = meta.get("tokenizer")
    if not isinstance(tokenizer, dict) or not all(
        isinstance(tokenizer.get(key), str) for key in ("class", "name_or_path", "fingerprint")
    ):
        raise ValueError(f"{file}: 'tokenizer' must have 'class', 'name_or_path', 'fingerprint'")
    return meta
