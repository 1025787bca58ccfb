"""One-dimensional .npy files: written piece by piece, mapped when read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

__all__ = ["GrowingArray", "open_mapped"]

_HEADER_NBYTES = 128  # of a 1-D array, whatever its length


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
            npy_format.write_array_header_1_0(
                file,
                {
                    "descr": npy_format.dtype_to_descr(self.dtype),
                    "fortran_order": False,
                    "shape": (self.size,),
                },
            )
            assert file.tell() == _HEADER_NBYTES
            file.flush()
            os.ftruncate(self._file, _HEADER_NBYTES + self.size * self.dtype.itemsize)
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


def open_mapped(path: str, dtypes: Sequence[str], size: int) -> NDArray[Any]:
    """A read-only view [size] of a .npy file's items; ValueError unless it is just that."""
    with open(path, "rb") as file:
        try:
            version = npy_format.read_magic(file)
            if version != (1, 0):
                raise ValueError(f"version {version} of the header")
            shape, fortran, dtype = npy_format.read_array_header_1_0(file)
        except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
            raise ValueError(f"{path}: not a usable .npy file: {error}") from None
        start, nbytes = file.tell(), os.fstat(file.fileno()).st_size
    if dtype not in [np.dtype(known) for known in dtypes]:
        raise ValueError(f"{path}: holds {dtype}, expected {' or '.join(dtypes)}")
    if shape != (size,) or fortran:
        raise ValueError(f"{path}: has the shape {shape}, expected ({size},)")
    if nbytes != start + size * dtype.itemsize:
        raise ValueError(
            f"{path}: has {nbytes} bytes where {start + size * dtype.itemsize} are expected; it was"
            " cut or changed"
        )
    mapped: NDArray[Any] = np.memmap(path, dtype, "r", start, (size,))
    return np.asarray(mapped)
