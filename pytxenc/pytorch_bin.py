"""Reading the files that torch.save writes (`pytorch_model.bin`), without torch and without
running any code that they hold.

Two forms exist.  Since torch 1.6 such a file is a zip archive with one pickle, `data.pkl`, and one
uncompressed member for each storage.  Before, it was a row of pickles (magic number, protocol,
system information, the object, the keys of the storages) followed by the storages' bytes.  In both
the file is mapped and tensors are read-only views of it wherever their layout allows.
"""

from __future__ import annotations

import io
import math
import mmap
import os
import struct
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _core
from .restricted_pickle import Builder, Namespace, build_dict, read_pickle, show

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_MAX_DIMS = 32

# NumPy has no bfloat16: such tensors are kept as the uint16 of their bits.
_NUMPY: dict[str, np.dtype[Any]] = {
    "float32": np.dtype("float32"),
    "float64": np.dtype("float64"),
    "float16": np.dtype("float16"),
    "bfloat16": np.dtype("uint16"),
    "int64": np.dtype("int64"),
    "int32": np.dtype("int32"),
    "int16": np.dtype("int16"),
    "int8": np.dtype("int8"),
    "uint64": np.dtype("uint64"),
    "uint32": np.dtype("uint32"),
    "uint16": np.dtype("uint16"),
    "uint8": np.dtype("uint8"),
    "bool": np.dtype("bool"),
}
_STORAGES = {
    "torch.FloatStorage": "float32",
    "torch.DoubleStorage": "float64",
    "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16",
    "torch.LongStorage": "int64",
    "torch.IntStorage": "int32",
    "torch.ShortStorage": "int16",
    "torch.CharStorage": "int8",
    "torch.ByteStorage": "uint8",
    "torch.BoolStorage": "bool",
    "torch.storage.UntypedStorage": "uint8",
}


class StoredTensor(NamedTuple):
    """A tensor as the file has it: C-contiguous elements and the name of their dtype.

    bfloat16 elements come as uint16; for every other dtype the array's own says the same.
    """

    array: NDArray[Any]
    dtype: str

    def float32(self) -> NDArray[Any]:
        """The elements as float32 where they are floating-point numbers, else as they are."""
        if self.dtype in ("float16", "bfloat16", "float64"):
            return _core.to_float32(self.array, self.dtype)
        return self.array

    def native(self) -> NDArray[Any]:
        """The elements in NumPy's dtype of that name; bfloat16, which it lacks, as float32."""
        return self.float32() if self.dtype == "bfloat16" else self.array


class _StorageType(NamedTuple):
    dtype: str


class _Storage(NamedTuple):
    data: NDArray[np.uint8]  # [nbytes], read-only
    dtype: str


_Tensor = StoredTensor | NDArray[Any]


def load(path: str | os.PathLike[str]) -> Any:
    """The object that torch.save wrote to `path`: nested dicts, lists and tuples of plain values
    and NumPy arrays.

    Tensors in bfloat16 become float32; all others keep their dtype.  An argparse.Namespace (as
    fairseq's checkpoints have one) becomes a dict of its attributes.  Raises OSError when the file
    cannot be read, and ValueError when it is malformed or asks for anything but tensors and plain
    values.
    """
    return _read(path, native=True)


def load_state_dict(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Like `load` for a file that holds one dict from names to tensors; ValueError otherwise."""
    return _check_state_dict(path, _read(path, native=True), np.ndarray)


def load_stored(path: str | os.PathLike[str]) -> dict[str, StoredTensor]:
    """Like `load_state_dict`, with the tensors in the dtypes that the file has."""
    return _check_state_dict(path, _read(path, native=False), StoredTensor)


def _check_state_dict(path: str | os.PathLike[str], value: Any, kind: type) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{path}: holds a {type(value).__name__}, not a dict of tensors")
    for name, tensor in value.items():
        if not isinstance(name, str) or not isinstance(tensor, kind):
            raise ValueError(
                f"{path}: holds a dict whose entry {show(name)} is a {type(tensor).__name__}, "
                "not a dict of tensors"
            )
    return value


def _read(path: str | os.PathLike[str], *, native: bool) -> Any:
    name = os.fsdecode(path)
    if os.path.exists(name) and not os.path.isfile(name):
        raise OSError(f"{name}: is not a regular file")
    with open(name, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise ValueError(f"{name}: is empty")
        view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            if view[:4] == b"PK\x03\x04":
                return _ZipReader(view, native).read(file)
            if view[:1] == b"\x80":
                return _LegacyReader(view, native).read()
            raise ValueError(_explain_unknown(view))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error


def _explain_unknown(view: mmap.mmap) -> str:
    if view[:24] == b"version https://git-lfs.":
        return "is a Git LFS pointer, not the file itself (run `git lfs pull`)"
    if view[257:262] == b"ustar":
        return "is a tar archive as torch wrote before 0.1.10, which is not supported"
    return "is not a file that torch.save writes"


def _count(value: object, what: str) -> int:
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise ValueError(f"{what} must be a non-negative integer, got {show(value)}")
    return value


def _counts(value: object, what: str) -> tuple[int, ...]:
    if not isinstance(value, (tuple, list)) or len(value) > _MAX_DIMS:
        raise ValueError(f"{what} must be a tuple of at most {_MAX_DIMS} integers")
    return tuple(_count(item, what) for item in value)


class _Reader:
    """What both forms share: the names a pickle may use, and tensors over storages."""

    def __init__(self, view: mmap.mmap, native: bool) -> None:
        self._view = view
        self._native = native
        self._bytes: NDArray[np.uint8] = np.frombuffer(view, dtype=np.uint8)
        # A tensor may repeat elements (stride 0), and many tensors may share a storage: without
        # a limit a small file could ask for any amount of memory or reading.
        self._may_copy = 8 * len(view) + (16 << 20)
        self._names: dict[str, object] = {
            "collections.OrderedDict": Builder("collections.OrderedDict", build_dict),
            "argparse.Namespace": Builder("argparse.Namespace", _namespace),
            "_codecs.encode": Builder("_codecs.encode", _encode),
            "__builtin__.bytes": Builder("bytes", _empty_bytes),
            "torch.Size": Builder("torch.Size", _size),
            **{f"torch.{name}": f"torch.{name}" for name in _NUMPY},
            **{name: _StorageType(dtype) for name, dtype in _STORAGES.items()},
        }
        functions: dict[str, Callable[..., Any]] = {
            "_rebuild_tensor": self._tensor,
            "_rebuild_tensor_v2": self._tensor_v2,
            "_rebuild_tensor_v3": self._tensor_v3,
            "_rebuild_parameter": self._parameter,
            "_rebuild_parameter_with_state": self._parameter,
        }
        for name, function in functions.items():
            full = f"torch._utils.{name}"
            self._names[full] = Builder(full, function)

    def _read_pickle(
        self, stream: Any, persistent: Callable[[object], object] | None = None
    ) -> Any:
        return read_pickle(
            stream, self._names, persistent=persistent, leaves=(StoredTensor, np.ndarray)
        )

    def _charge(self, nbytes: int) -> None:
        self._may_copy -= nbytes
        if self._may_copy < 0:
            raise ValueError("its tensors take far more memory than the file has data")

    def _tensor(
        self, storage: object, offset: object, size: object, stride: object, dtype: str = ""
    ) -> _Tensor:
        if not isinstance(storage, _Storage):
            raise ValueError("a tensor without a storage")
        tensor = StoredTensor(
            self._elements(
                storage.data,
                _NUMPY[dtype or storage.dtype],
                _count(offset, "storage offset"),
                _counts(size, "size"),
                _counts(stride, "stride"),
            ),
            dtype or storage.dtype,
        )
        if not self._native:
            return tensor
        if tensor.dtype == "bfloat16":
            self._charge(2 * tensor.array.nbytes)
        return tensor.native()

    def _tensor_v2(
        self, storage: object, offset: object, size: object, stride: object, *unused: object
    ) -> _Tensor:
        return self._tensor(storage, offset, size, stride)

    def _tensor_v3(
        self,
        storage: object,
        offset: object,
        size: object,
        stride: object,
        requires_grad: object,
        hooks: object,
        dtype: object,
        *unused: object,
    ) -> _Tensor:
        name = dtype.removeprefix("torch.") if isinstance(dtype, str) else ""
        if name not in _NUMPY:
            raise ValueError(f"a tensor of unknown dtype {show(dtype)}")
        return self._tensor(storage, offset, size, stride, name)

    def _parameter(self, tensor: object, *unused: object) -> object:
        if not isinstance(tensor, (StoredTensor, np.ndarray)):
            raise ValueError("a parameter without a tensor")
        return tensor

    def _elements(
        self,
        data: NDArray[np.uint8],
        dtype: np.dtype[Any],
        offset: int,
        size: tuple[int, ...],
        stride: tuple[int, ...],
    ) -> NDArray[Any]:
        if len(size) != len(stride):
            raise ValueError(f"a tensor of size {size} with strides {stride}")
        count = math.prod(size)
        if count == 0:
            return np.empty(size, dtype)
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if (last + 1) * dtype.itemsize > len(data):
            raise ValueError(
                f"a tensor of size {size}, strides {stride} at offset {offset} reaches element "
                f"{last} of a storage of {len(data) // dtype.itemsize}"
            )
        start = offset * dtype.itemsize
        if _is_contiguous(size, stride):
            array = data[start : start + count * dtype.itemsize].view(dtype)
            if not array.flags.aligned:
                self._charge(array.nbytes)
                array = array.copy()
            array = array.reshape(size)
        else:
            self._charge(count * dtype.itemsize)
            steps = tuple(step * dtype.itemsize for step in stride)
            strided: NDArray[Any] = np.ndarray(size, dtype, data.data, start, steps)
            array = strided.copy(order="C")
        # NumPy counts on bools being 0 or 1, to the point of writing past its own arrays.
        if dtype == np.bool_:
            self._charge(array.nbytes)
            if array.view(np.uint8).max() > 1:
                raise ValueError("a tensor of bools with elements that are neither 0 nor 1")
        return array


def _namespace() -> Namespace:
    return Namespace()


def _encode(text: object, encoding: object) -> bytes:
    """How protocol 2, which has no opcode for bytes, writes them."""
    if not isinstance(text, str) or encoding != "latin1":
        raise ValueError("bytes that are not written as latin1 text")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    return b""


def _size(size: object = ()) -> tuple[int, ...]:
    return _counts(size, "torch.Size")


def _is_contiguous(size: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    expected = 1
    for n, step in zip(reversed(size), reversed(stride), strict=True):
        if n != 1:
            if step != expected:
                return False
            expected *= n
    return True


def _storage_id(pid: object) -> tuple[str, str, int, tuple[Any, ...]]:
    """Dtype, key, number of elements and what else a persistent id says."""
    if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
        raise ValueError("a persistent id that is not a storage's")
    kind, key = pid[1], pid[2]
    if not isinstance(kind, _StorageType) or not isinstance(key, str):
        raise ValueError("a storage of unknown type")
    return kind.dtype, key, _count(pid[4], "number of elements in a storage"), pid[5:]


class _ZipReader(_Reader):
    """The zip form."""

    def read(self, file: io.BufferedReader) -> Any:
        try:
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError, EOFError, struct.error) as error:
            raise ValueError(f"a damaged zip archive ({error})") from None
        self._members = {member.filename: member for member in members}
        if len(self._members) != len(members):
            raise ValueError("a zip archive with two members of the same name")
        roots = [name[: -len("data.pkl")] for name in self._members if name.endswith("/data.pkl")]
        if len(roots) != 1:
            raise ValueError(
                f"a zip archive with {len(roots)} members called data.pkl: not from torch.save"
            )
        self._root = roots[0]
        order = self._root + "byteorder"
        if order in self._members and self._member(order).tobytes() != b"little":
            raise ValueError("was written on a big-endian machine, which is not supported")
        pickled = self._member(self._root + "data.pkl").tobytes()
        return self._read_pickle(io.BytesIO(pickled), self._storage)

    def _member(self, name: str) -> NDArray[np.uint8]:
        """The bytes of a member, in place."""
        member = self._members.get(name)
        if member is None:
            raise ValueError(f"the zip archive lacks {show(name)}")
        start = member.header_offset
        header = self._view[start : start + 30] if start >= 0 else b""
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise ValueError(f"zip member {show(name)}: no local header at byte {start}")
        _, flags, method, *_, name_nbytes, extra_nbytes = struct.unpack("<4xHHHHHIIIHH", header)
        if (member.flag_bits | flags) & 1:
            raise ValueError(f"zip member {show(name)}: is encrypted")
        if member.compress_type != zipfile.ZIP_STORED or method != zipfile.ZIP_STORED:
            raise ValueError(f"zip member {show(name)}: is compressed, which torch never does")
        local_name = self._view[start + 30 : start + 30 + name_nbytes]
        if local_name not in (name.encode("utf-8", "replace"), name.encode("cp437", "replace")):
            raise ValueError(f"zip member {show(name)}: its local header has another name")
        begin = start + 30 + name_nbytes + extra_nbytes
        if member.compress_size != member.file_size or begin + member.file_size > len(self._view):
            raise ValueError(
                f"zip member {show(name)}: {member.file_size} bytes at {begin} do not fit in the "
                f"file's {len(self._view)}"
            )
        return self._bytes[begin : begin + member.file_size]

    def _storage(self, pid: object) -> _Storage:
        dtype, key, count, _ = _storage_id(pid)
        data = self._member(f"{self._root}data/{key}")
        if len(data) != count * _NUMPY[dtype].itemsize:
            raise ValueError(
                f"storage {show(key)}: {count} elements of {dtype}, but {len(data)} bytes of data"
            )
        return _Storage(data, dtype)


class _LegacyReader(_Reader):
    """The form of torch before 1.6.

    The storages' bytes come after the pickle that uses them, and only that pickle says how long
    they are: it is read twice, the first time to collect their sizes.
    """

    def read(self) -> Any:
        self._sizes: dict[str, tuple[str, int]] = {}
        self._storages: dict[str, _Storage] = {}
        if self._read_pickle(self._view) != _LEGACY_MAGIC:
            raise ValueError("a pickle, but not from torch.save")
        protocol = self._read_pickle(self._view)
        if protocol != _LEGACY_PROTOCOL:
            raise ValueError(f"protocol {show(protocol)}, expected {_LEGACY_PROTOCOL}")
        system = self._read_pickle(self._view)
        if not isinstance(system, dict) or system.get("little_endian") is not True:
            raise ValueError("was not written on a little-endian machine")
        start = self._view.tell()
        without_tensors = {
            name: Builder(name, lambda *_: None) if name.startswith("torch._utils.") else value
            for name, value in self._names.items()
        }
        read_pickle(self._view, without_tensors, persistent=self._collect)
        keys = self._read_pickle(self._view)
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise ValueError("the keys of the storages are not a list of str")
        if len(set(keys)) != len(keys) or set(keys) != set(self._sizes):
            raise ValueError("the keys of the storages are not those that the tensors use")
        self._locate(keys, self._view.tell())
        self._view.seek(start)
        return self._read_pickle(self._view, self._storage)

    def _collect(self, pid: object) -> None:
        dtype, key, count, _ = _storage_id(pid)
        if self._sizes.setdefault(key, (dtype, count)) != (dtype, count):
            raise ValueError(f"storage {show(key)}: described in two ways")

    def _locate(self, keys: list[str], position: int) -> None:
        for key in keys:
            dtype, count = self._sizes[key]
            begin = position + 8
            position = begin + count * _NUMPY[dtype].itemsize
            if position > len(self._view):
                raise ValueError(
                    f"cut short: storage {show(key)} ends at byte {position} of a file of "
                    f"{len(self._view)}"
                )
            (stored,) = struct.unpack_from("<q", self._view, begin - 8)
            if stored != count:
                raise ValueError(
                    f"storage {show(key)}: {count} elements expected, {stored} in the file"
                )
            self._storages[key] = _Storage(self._bytes[begin:position], dtype)

    def _storage(self, pid: object) -> _Storage:
        dtype, key, _, more = _storage_id(pid)
        storage = self._storages[key]
        if not more or more[0] is None:
            return storage
        # A view of part of the storage, as torch before 0.4 could make: key, offset, length.
        if not isinstance(more[0], tuple) or len(more[0]) != 3:
            raise ValueError(f"storage {show(key)}: a malformed view")
        itemsize = _NUMPY[dtype].itemsize
        begin = itemsize * _count(more[0][1], "offset of a view")
        end = begin + itemsize * _count(more[0][2], "length of a view")
        if end > len(storage.data):
            raise ValueError(f"storage {show(key)}: a view that reaches past its end")
        return _Storage(storage.data[begin:end], dtype)
