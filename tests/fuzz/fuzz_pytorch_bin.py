"""Damaged pytorch_model.bin files of both forms: each is refused cleanly or read to its end."""

import os
import random
import re
from typing import Any

import mutate
import numpy as np
import torch_files
from torch_files import Call, Name, Namespace, Parameter, Storage, Tensor

from pytxenc import pytorch_bin

NAMES = [
    *(Name("torch", kind) for kind in torch_files.SIZES),
    Name("torch.storage", "UntypedStorage"),
    Name("torch", "Size"),
    Name("torch", "float16"),
    Name("torch._utils", "_rebuild_tensor_v2"),
    Name("torch._utils", "_rebuild_tensor_v3"),
    Name("collections", "OrderedDict"),
    Name("os", "system"),
]
OPCODES = b"()].}KJGXRQbtuesa012q\x00h\x00NIL\x85\x86\x87\x88\x89\x81\x8a\x94\x95\x93cF"


def make_tensor(rng: random.Random, storages: dict[str, Storage]) -> Any:
    if not storages or rng.randrange(3):
        kind = rng.choice(list(torch_files.SIZES))
        key = str(len(storages))
        storages[key] = Storage(kind, key, rng.randrange(0, 40))
    storage = rng.choice(list(storages.values()))
    size = tuple(rng.randrange(1, 5) for _ in range(rng.randrange(4)))
    stride, step = [], 1
    for n in reversed(size):
        stride.insert(0, step)
        step *= n
    if rng.randrange(4) == 0:
        size, stride = size[::-1], stride[::-1]
    offset = max(0, storage.count - step) if rng.randrange(2) else 0
    if rng.randrange(12) == 0:
        offset = rng.choice(mutate.BOUNDARIES)
    if rng.randrange(12) == 0 and size:
        size = (rng.choice(mutate.BOUNDARIES), *size[1:])
    if rng.randrange(12) == 0 and stride:
        stride[0] = rng.choice(mutate.BOUNDARIES)
    tensor = Tensor(storage, offset, size, tuple(stride))
    return Parameter(tensor) if rng.randrange(4) == 0 else tensor


def make_object(rng: random.Random, storages: dict[str, Storage]) -> Any:
    value: dict[str, Any] = {
        f"layer.{i}.weight": make_tensor(rng, storages) for i in range(rng.randrange(4))
    }
    if rng.randrange(2):
        value = {"model": value, "args": Namespace({"lr": 0.5, "names": ["a", ("b", None)]})}
        value["step"] = rng.choice(mutate.BOUNDARIES)
        value["size"] = Call(Name("torch", "Size"), ((2, 3),))
    if rng.randrange(8) == 0:
        value["x"] = rng.choice((rng.choice(NAMES), Call(rng.choice(NAMES), (1, "x"))))
    return value


def damage_pickle(rng: random.Random, data: bytes) -> bytes:
    way = rng.randrange(6)
    if way == 0:
        where = rng.randrange(len(data) + 1)
        return (
            data[:where] + bytes([rng.choice(OPCODES)]) * rng.choice((1, 1, 2, 500)) + data[where:]
        )
    if way == 1:
        found = list(re.finditer(rb"c[\w.]+\n\w+\n", data))
        if not found:
            return data
        match, name = rng.choice(found), rng.choice(NAMES)
        new = f"c{name.module}\n{name.name}\n".encode()
        return data[: match.start()] + new + data[match.end() :]
    return rng.choice((mutate.flip_bits, mutate.set_bytes, mutate.splice))(rng, data)


def make_file(rng: random.Random) -> bytes:
    storages: dict[str, Storage] = {}
    legacy = bool(rng.randrange(2))
    pickled = torch_files.dump(make_object(rng, storages), legacy)
    way = rng.randrange(4)
    if way == 1 or way == 2:
        for _ in range(rng.choice((1, 1, 2))):
            pickled = damage_pickle(rng, pickled)
    data = {key: bytes(s.count * torch_files.SIZES[s.kind]) for key, s in storages.items()}
    if rng.randrange(2):
        data = {key: rng.randbytes(len(value)) for key, value in data.items()}
    if legacy:
        counts = {key: storage.count for key, storage in storages.items()}
        contents = torch_files.write_legacy(pickled, data, counts)
    else:
        contents = torch_files.write_zip(pickled, data, rng.choice(("archive", "m")))
    return mutate.mutate(rng, contents, mutate.RAW) if way == 3 else contents


def read_all(value: Any) -> None:
    """Read every byte of every array."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending += item.values()
        elif isinstance(item, (list, tuple)):
            pending += item
        elif isinstance(item, np.ndarray):
            assert item.flags.aligned and item.flags.c_contiguous
            assert item.nbytes <= 32 << 20
            item.tobytes()
        else:
            assert item is None or isinstance(item, (bool, int, float, str, bytes)), type(item)


def check(rng: random.Random) -> bool:
    fd, path = mutate.memory_file(make_file(rng))
    try:
        value = pytorch_bin.load(path)
    except ValueError as error:
        assert str(error).startswith(path), error
        return False
    finally:
        os.close(fd)
    read_all(value)
    return True


if __name__ == "__main__":
    mutate.main(check)
