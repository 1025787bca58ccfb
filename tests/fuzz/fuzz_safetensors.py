"""Damaged safetensors files: each is refused cleanly or can be read to its last byte."""

import json
import os
import random

import mutate
import numpy as np

from pytxenc._core import SafeTensors

SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I8": 1, "U16": 2, "BOOL": 1}
SIZES |= {"F8_E4M3": 1, "U32": 4}


def make_parts(rng: random.Random) -> tuple[bytes, bytes]:
    """Header and data of a valid file."""
    header, end = {}, 0
    if rng.randrange(2):
        header["__metadata__"] = {"format": "pt", "\u00e9\n": '"\\\U0001f600'}
    for i in range(rng.randrange(5)):
        dtype = rng.choice(list(SIZES))
        shape = [rng.randrange(5) for _ in range(rng.randrange(4))]
        begin, end = end, end + SIZES[dtype] * int(np.prod(shape))
        name = rng.choice(("w", "encoder.layer.", "\u00fc\u4e2d", "")) + str(i)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, ensure_ascii=bool(rng.randrange(2))).encode()
    data = rng.randbytes(end)
    if rng.randrange(2):
        text += b" " * (-len(text) % 8)
        data = bytes(end)  # bools that are bools
    return text, data


def make_file(rng: random.Random) -> bytes:
    header, data = make_parts(rng)
    way = rng.randrange(8)
    if way < 5:
        header = mutate.mutate(rng, header, mutate.JSON)
    elif way < 6:
        data = mutate.mutate(rng, data, mutate.RAW)
    contents = len(header).to_bytes(8, "little") + header + data
    if way == 6:
        contents = mutate.mutate(rng, contents, mutate.RAW)
    elif way == 7:
        length = rng.choice(mutate.BOUNDARIES) % 2**64
        contents = length.to_bytes(8, "little") + header + data
    return contents


def read_all(file: SafeTensors) -> None:
    """Read every byte of every tensor, through every way there is."""
    assert all(isinstance(item, str) for pair in file.metadata.items() for item in pair)
    total = 0
    for name in file.keys():  # noqa: SIM118
        shape = file.shape(name)
        for read in (file.tensor, file.float32):
            try:
                array = read(name)
            except ValueError:
                continue
            assert array.shape == shape and not (read == file.tensor and array.flags.writeable)
            assert array.flags.aligned and array.flags.c_contiguous
            total += int(array.view(np.uint8).sum()) if array.ndim else len(array.tobytes())
        file.dtype(name)


def check(rng: random.Random) -> bool:
    fd, path = mutate.memory_file(make_file(rng))
    try:
        file = SafeTensors(path)
    except ValueError as error:
        assert str(error).startswith(path), error
        return False
    finally:
        os.close(fd)
    read_all(file)
    return True


if __name__ == "__main__":
    mutate.main(check)
