"""Damaged JSON where files of ours hold some: the header of a safetensors file (our own reader)
and the index of shards."""

import json
import os
import random
import tempfile
from pathlib import Path

import mutate

from pytxenc._core import SafeTensors
from pytxenc.checkpoint import Checkpoint

TEXTS = [
    b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":%s}}',
    b'{"__metadata__":{"k":%s},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"b":[%s,{"c":%s}]}}',
]


def make_value(rng: random.Random, depth: int = 0) -> object:
    kind = rng.randrange(8 if depth < 4 else 6)
    if kind == 0:
        return rng.choice((None, True, False))
    if kind == 1:
        return rng.choice(mutate.BOUNDARIES)
    if kind == 2:
        return rng.choice((0.5, -1e300, 1e-5, 12.25))
    if kind < 6:
        return "".join(rng.choice('ab"\\/\n\x00\u00e9\u4e2d\U0001f600') for _ in range(4))
    if kind == 6:
        return [make_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {str(i): make_value(rng, depth + 1) for i in range(rng.randrange(4))}


def make_text(rng: random.Random) -> bytes:
    value = json.dumps(make_value(rng), ensure_ascii=bool(rng.randrange(2))).encode()
    if rng.randrange(50) == 0:
        value = b"[" * 2_000
    if rng.randrange(50) == 0:
        value = b'{"a":' * 100 + b"1" + b"}" * 100
    return rng.choice(TEXTS).replace(b"%s", value)


def is_json(text: bytes) -> bool:
    """Whether Python's reader takes it, short of what only Python does (NaN, half pairs)."""

    def refuse(_: str) -> None:
        raise ValueError

    try:
        value = json.loads(text.decode(), parse_constant=refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def check_header(rng: random.Random) -> bool:
    text = make_text(rng)
    if rng.randrange(4):
        text = mutate.mutate(rng, text, mutate.JSON)
    fd, path = mutate.memory_file(len(text).to_bytes(8, "little") + text + bytes(4))
    try:
        SafeTensors(path)
    except ValueError as error:
        assert str(error).startswith(path), error
        return False
    finally:
        os.close(fd)
    assert is_json(text), text
    return True


class IndexCheck:
    """Damaged indexes of two small shards in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
        for name in ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"):
            data = len(header).to_bytes(8, "little") + header + bytes(4)
            (folder / name).write_bytes(data)
            header = header.replace(b'"a"', b'"b"')

    def __call__(self, rng: random.Random) -> bool:
        names = [path.name for path in self.folder.glob("*.safetensors")]
        weight_map = dict(zip("ab", sorted(names), strict=True))
        index = {"metadata": {"total_size": 8}, "weight_map": weight_map}
        text = mutate.mutate(rng, json.dumps(index).encode(), mutate.JSON)
        path = self.folder / "model.safetensors.index.json"
        path.write_bytes(text)
        try:
            checkpoint = Checkpoint(path)
        except (ValueError, OSError) as error:
            assert str(self.folder) in str(error), error
            return False
        assert {checkpoint[name].shape for name in checkpoint} <= {(1,)}
        assert all(file.parent == self.folder for file in checkpoint.files)
        return True


def make_check(folder: Path):
    check_index = IndexCheck(folder)
    return lambda rng: check_index(rng) if rng.randrange(4) == 0 else check_header(rng)


if __name__ == "__main__":
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory) as name:
        mutate.main(make_check(Path(name)))
