"""The bytes of a file, decompressed as its name says."""

from __future__ import annotations

import bz2
import codecs
import gzip
import importlib
import lzma
import os
import zlib
from collections.abc import Callable
from types import TracebackType
from typing import IO, Any

__all__ = ["COMPRESSIONS", "Stream"]


def _zstd_open(file: IO[bytes]) -> Any:
    for name in ("compression.zstd", "backports.zstd"):  # Python 3.14 has the first
        try:
            return importlib.import_module(name).open(file)
        except ModuleNotFoundError:
            continue
    raise ImportError(
        f"{file.name}: reading .zst files needs Python 3.14 or `pip install pytxenc[zstd]`"
    )


COMPRESSIONS: dict[str, Callable[[IO[bytes]], Any]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".lzma": lzma.LZMAFile,
    ".zst": _zstd_open,
}
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, OSError)
_SKIPPED_AT_ONCE = 1 << 20


class Stream:
    """A file read from its start to its end.

    With `replace`, bytes that are not UTF-8 come as U+FFFD.  OSError when the file cannot be
    read, ValueError when it is not compressed as its name says or damaged.
    """

    def __init__(self, path: str, replace: bool = False) -> None:
        self._path = path
        self._file = open(path, "rb")  # noqa: SIM115
        try:
            suffix = os.path.splitext(path)[1].lower()
            opener = COMPRESSIONS.get(suffix)
            self._kind = suffix
            self._bytes: Any = self._file if opener is None else opener(self._file)
        except BaseException:
            self._file.close()
            raise
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace") if replace else None
        self._ahead = b""

    def read(self, nbytes: int) -> bytes:
        """About `nbytes` more bytes; none at the end only."""
        if self._ahead:
            data, self._ahead = self._ahead, b""
            return data
        while True:
            data = self._read(nbytes)
            if self._decoder is None:
                return data
            text = self._decoder.decode(data, not data)
            if text or not data:
                return text.encode()

    def _read(self, nbytes: int) -> bytes:
        try:
            return self._bytes.read(nbytes)
        except Exception as error:
            ours = isinstance(error, _DAMAGE) or type(error).__name__ == "ZstdError"
            if not ours or (isinstance(error, OSError) and error.errno is not None):
                raise
            raise ValueError(f"{self._path}: not a sound {self._kind} file: {error}") from None

    def skip(self, nbytes: int) -> None:
        """Leave out `nbytes` of what `read` would give; ValueError when there are not as many."""
        missing = nbytes
        if self._bytes is self._file and self._decoder is None:
            missing -= os.fstat(self._file.fileno()).st_size - self._file.tell()
            self._file.seek(nbytes, os.SEEK_CUR)
        while missing > 0 and (data := self.read(min(missing, _SKIPPED_AT_ONCE))):
            self._ahead = data[missing:]
            missing -= len(data)
        if missing > 0:
            raise ValueError(f"{self._path}: the file is shorter than it was")

    @property
    def progress(self) -> int:
        """Bytes of the file read so far, as it lies on disk."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._bytes.close()
        self._file.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
