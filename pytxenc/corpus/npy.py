"""The .npy files that grow while they are written; one-dimensional ones are mapped when read."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from ..safetensors_file import atomic_file

__all__ = ["GrowingArray", "open_mapped", "rows_file"]

_HEADER_NBYTES = 128  # whatever the length of the array


class GrowingArray:
    """A .npy file that grows at its end; only `finish` writes its header.

    Opened again with the number of items that are known to be on disk, it goes on after them.
    """

    def __init__(self, path: str, dtype: str, size: int) -> None:
        self.path = path
        self.dtype = np.dtype(dtype)
        self.size = size
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            nbytes = _HEADER_NBYTES + size * self.dtype.itemsize
            if size and os.fstat(self._file).st_size < nbytes:
                raise ValueError(
                    f"{path}: shorter than it was; restart=True (--restart) begins anew"
                )
            os.ftruncate(self._file, nbytes)
            os.lseek(self._file, nbytes, os.SEEK_SET)
        except BaseException:
            self.close()
            raise

    def append(self, values: NDArray[Any]) -> None:
        """Write values at the end; `OSError` names the file."""
        data = np.ascontiguousarray(values, self.dtype).view(np.uint8).data
        try:
            while len(data):
                data = data[os.write(self._file, data) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.path) from None
        self.size += len(values)

    def sync(self) -> None:
        """Return when everything written is on disk."""
        os.fsync(self._file)

    def finish(self) -> None:
        """Make it a .npy file of the `size` items it holds."""
        with os.fdopen(os.dup(self._file), "r+b") as file:
            file.seek(0)
            file.write(_header(self.dtype, (self.size,)))
        self.sync()

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> GrowingArray:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_mapped(path: str, dtype: str, size: int) -> NDArray[Any]:
    """A read-only view [size] of a .npy file's items; ValueError unless it is just that."""
    kind = np.dtype(dtype)
    nbytes = _HEADER_NBYTES + size * kind.itemsize
    with open(path, "rb") as file:
        if file.read(_HEADER_NBYTES) != _header(kind, (size,)):
            raise ValueError(f"{path}: not a .npy file of {size} items of {dtype}")
        found = os.fstat(file.fileno()).st_size
    if found != nbytes:
        raise ValueError(f"{path}: has {found} bytes where {nbytes} are expected; it was changed")
    mapped: NDArray[Any] = np.memmap(path, kind, "r", _HEADER_NBYTES, (size,))
    return np.asarray(mapped)


@contextmanager
def rows_file(
    path: str | os.PathLike[str], dtype: str, width: int
) -> Iterator[Callable[[NDArray[Any]], None]]:
    """A .npy file of rows [N, width]: a function that writes more of them at its end.

    The file takes its name when the block ends, complete and on disk; nothing is left if the
    block fails.
    """
    kind, count = np.dtype(dtype), 0
    with atomic_file(path) as file:

        def append(rows: NDArray[Any]) -> None:
            nonlocal count
            file.write(np.ascontiguousarray(rows, kind).reshape(-1).view(np.uint8).data)
            count += len(rows)

        file.write(_header(kind, (0, width)))
        yield append
        file.seek(0)
        file.write(_header(kind, (count, width)))


def _header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """The header of the file of an array of such a shape, as numpy.save writes it."""
    header = io.BytesIO()
    npy_format.write_array_header_1_0(
        header,
        {"descr": npy_format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape},
    )
    assert header.tell() == _HEADER_NBYTES
    return header.getvalue()
