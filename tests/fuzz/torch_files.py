"""Writes small files in the two forms of torch.save, without torch: material to damage."""

import io
import struct
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

MAGIC = 0x1950A86A20F9469CFC6C
SIZES = {"FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8}
SIZES |= {"BoolStorage": 1, "CharStorage": 1, "DoubleStorage": 8}


class Storage(NamedTuple):
    kind: str
    key: str
    count: int


class Tensor(NamedTuple):
    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class Parameter(NamedTuple):
    tensor: Tensor


class Namespace(NamedTuple):
    attributes: dict[str, Any]


class Name(NamedTuple):
    module: str
    name: str


class Call(NamedTuple):
    function: Name
    arguments: tuple[Any, ...]


def dump(value: Any, legacy: bool = False) -> bytes:
    """`value` as a pickle of protocol 2."""
    out = io.BytesIO()
    out.write(b"\x80\x02")
    _write(out.write, value, legacy)
    out.write(b".")
    return out.getvalue()


def _write(put: Callable[[bytes], Any], value: Any, legacy: bool) -> None:
    def write(item: Any) -> None:
        _write(put, item, legacy)

    if isinstance(value, Name):
        put(f"c{value.module}\n{value.name}\n".encode())
    elif isinstance(value, Call):
        write(value.function)
        write(value.arguments)
        put(b"R")
    elif isinstance(value, Storage):
        pid = ("storage", Name("torch", value.kind), value.key, "cpu", value.count)
        write((*pid, None) if legacy else pid)
        put(b"Q")
    elif isinstance(value, Tensor):
        hooks = Call(Name("collections", "OrderedDict"), ())
        write(Call(Name("torch._utils", "_rebuild_tensor_v2"), (*value, False, hooks)))
    elif isinstance(value, Parameter):
        hooks = Call(Name("collections", "OrderedDict"), ())
        write(Call(Name("torch._utils", "_rebuild_parameter"), (value.tensor, True, hooks)))
    elif isinstance(value, Namespace):
        write(Name("argparse", "Namespace"))
        put(b")\x81")
        write(value.attributes)
        put(b"b")
    elif value is None or isinstance(value, bool):
        put({None: b"N", True: b"\x88", False: b"\x89"}[value])
    elif isinstance(value, int):
        if 0 <= value < 256:
            put(b"K" + struct.pack("<B", value))
        elif abs(value) < 2**31:
            put(b"J" + struct.pack("<i", value))
        else:
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            put(b"\x8a" + bytes([len(data)]) + data)
    elif isinstance(value, float):
        put(b"G" + struct.pack(">d", value))
    elif isinstance(value, str):
        data = value.encode()
        put(b"X" + struct.pack("<I", len(data)) + data)
    elif isinstance(value, tuple):
        put(b"(")
        for item in value:
            write(item)
        put(b"t")
    elif isinstance(value, list):
        put(b"](")
        for item in value:
            write(item)
        put(b"e")
    else:
        put(b"}q\x00(")
        for key, item in value.items():
            write(key)
            write(item)
        put(b"u")


def write_zip(pickled: bytes, storages: dict[str, bytes], root: str = "archive") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{root}/data.pkl", pickled)
        archive.writestr(f"{root}/byteorder", "little")
        for key, data in storages.items():
            archive.writestr(f"{root}/data/{key}", data)
        archive.writestr(f"{root}/version", "3\n")
    return out.getvalue()


def write_legacy(pickled: bytes, storages: dict[str, bytes], counts: dict[str, int]) -> bytes:
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2}}
    parts = [dump(MAGIC), dump(1001), dump(system), pickled, dump(list(storages))]
    for key, data in storages.items():
        parts += [struct.pack("<q", counts[key]), data]
    return b"".join(parts)
