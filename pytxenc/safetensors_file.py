"""Writing .safetensors files.  Reading them is done in C: `_core.SafeTensors`."""

import json
import os
import secrets
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["atomic_file", "save_file", "write_text"]

# The reference writer sorts tensors by dtype in the reverse of this order, then by name, so
# that wide elements come first and all are aligned.
_DTYPES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "int16": "I16",
    "uint16": "U16",
    "float16": "F16",
    "bfloat16": "BF16",
    "int32": "I32",
    "uint32": "U32",
    "float32": "F32",
    "complex64": "C64",
    "float64": "F64",
    "int64": "I64",
    "uint64": "U64",
}
_RANK = {name: rank for rank, name in enumerate(_DTYPES)}
_ALIGNMENT = 8


def save_file(
    tensors: Mapping[str, NDArray[Any]],
    path: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
    bfloat16: Container[str] = (),
) -> None:
    """Write `tensors` to `path`, byte for byte as the safetensors library does.

    bfloat16: names of uint16 tensors that are the bits of bfloat16 numbers.

    The file appears under its name only when it is complete and on disk.  TypeError for a
    dtype that the format does not have or for what is no array, ValueError for a name or
    metadata that it does not allow, OSError where the file cannot be written.
    """
    arrays = {name: _checked(name, tensor) for name, tensor in tensors.items()}
    dtypes = {
        name: "bfloat16" if name in bfloat16 and array.dtype == np.uint16 else array.dtype.name
        for name, array in arrays.items()
    }
    order = sorted(arrays, key=lambda name: (-_RANK[dtypes[name]], name))
    header: dict[str, Any] = {}
    if metadata is not None:
        if not all(isinstance(text, str) for item in metadata.items() for text in item):
            raise ValueError("save_file: names and values of the metadata must be strings")
        header["__metadata__"] = dict(metadata)
    end = 0
    for name in order:
        array = arrays[name]
        begin, end = end, end + array.nbytes
        header[name] = {
            "dtype": _DTYPES[dtypes[name]],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    with atomic_file(path) as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name in order:
            file.write(arrays[name].reshape(-1).view(np.uint8).data)


def _checked(name: object, tensor: object) -> NDArray[Any]:
    """The tensor in row-major little-endian order, or the error that it deserves."""
    if not isinstance(name, str):
        raise TypeError(f"save_file: the name {name!r} is no string")
    if name == "__metadata__":
        raise ValueError("save_file: no tensor can be called '__metadata__'")
    if not isinstance(tensor, np.ndarray):
        raise TypeError(f"save_file: {name!r} is a {type(tensor).__name__}, not an array")
    if tensor.dtype.name not in _DTYPES:
        raise TypeError(f"save_file: {name!r} has dtype {tensor.dtype}, which safetensors has not")
    return np.asarray(tensor, dtype=tensor.dtype.newbyteorder("<"), order="C")


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A file for writing that takes its name when the block ends, complete and on disk.

    Until then, and for good if the block fails, what was at `path` stays.
    """
    target = os.path.abspath(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 file by `atomic_file`."""
    with atomic_file(path) as file:
        file.write(text.encode("utf-8"))
