"""What the fuzzers share: ways to damage a file, and the loop that runs them."""

import argparse
import copy
import linecache
import os
import random
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

NUMBER = re.compile(rb"-?\d+")
BOUNDARIES = [0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**32]
BOUNDARIES += [2**53, 2**61, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30, -1]


def flip_bits(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        if out:
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def set_bytes(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if out:
            out[rng.randrange(len(out))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(out)


def truncate(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def extend(rng: random.Random, data: bytes) -> bytes:
    return data + rng.randbytes(rng.randrange(1, 40))


def splice(rng: random.Random, data: bytes) -> bytes:
    """Copy, move or remove a piece."""
    if not data:
        return data
    begin = rng.randrange(len(data))
    end = min(len(data), begin + rng.choice((1, 2, 4, 16, 64, 256)))
    where = rng.randrange(len(data))
    kind = rng.randrange(3)
    if kind == 0:
        return data[:begin] + data[end:]
    if kind == 1:
        return data[:where] + data[begin:end] + data[where:]
    return data[:where] + data[begin:end] + data[where + end - begin :]


def edit_number(rng: random.Random, data: bytes) -> bytes:
    """Replace a decimal number, as JSON has them."""
    found = list(NUMBER.finditer(data))
    if not found:
        return data
    match = rng.choice(found)
    value = int(match[0][:40])
    new = rng.choice((value + 1, value - 1, value * 2, value // 2, rng.choice(BOUNDARIES)))
    return data[: match.start()] + str(new).encode() + data[match.end() :]


def swap_tokens(rng: random.Random, data: bytes) -> bytes:
    """Exchange two JSON tokens: a repeated key, overlapping offsets, a string for a number."""
    found = list(re.finditer(rb'"[^"]*"|-?\d+|[{}\[\],:]|true|false|null', data))
    if len(found) < 2:
        return data
    a, b = rng.choice(found), rng.choice(found)
    if rng.randrange(2):
        return data[: a.start()] + b[0] + data[a.end() :]
    a, b = sorted((a, b), key=lambda match: match.start())
    if a.end() > b.start():
        return data
    return data[: a.start()] + b[0] + data[a.end() : b.start()] + a[0] + data[b.end() :]


ODD_VALUES = [None, True, False, "", "a", " ", "\ud800", "\0", "x" * 300, 0.5, -0.0, 1e308]
ODD_VALUES += [float("nan"), float("inf"), [], {}, [[]], [None], {"": None}, {"id": 0}]


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """(container, key) of everything inside a tree of dicts and lists."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        found.append((value, key))
        if isinstance(value[key], (dict, list)) and value[key]:
            _places(value[key], found)
    return found


def edit_tree(rng: random.Random, value: Any) -> Any:
    """Change one place of a tree of dicts and lists, which is changed itself."""
    places = _places(value, [])
    if not places:
        return value
    # Small parts rarely stand in long vocabularies: choose a container first.
    containers = {id(container): container for container, _ in places}
    container = rng.choice(list(containers.values()))
    key = rng.choice(list(container) if isinstance(container, dict) else range(len(container)))
    old = container[key]
    way = rng.randrange(8)
    if way == 0:
        del container[key]
    elif way == 1:  # something of another place, shared with it
        other, other_key = rng.choice(places)
        container[key] = copy.deepcopy(other[other_key])
    elif way == 2 and isinstance(old, (int, float)) and not isinstance(old, bool):
        container[key] = rng.choice((old + 1, old - 1, -old, rng.choice(BOUNDARIES)))
    elif way == 3 and isinstance(old, str):
        at = rng.randrange(len(old) + 1)
        odd = rng.choice(("", " ", "\0", "\u0301", "\u4e2d", "\ud800", "a" * 300, "[", "<mask>"))
        container[key] = old[:at] + odd + old[at + rng.randrange(2) :]
    elif way == 4 and isinstance(container, dict):  # under another name
        name = rng.choice([*container, str(key) + " ", "", "id", "type", "content"])
        container[name] = container.pop(key)
    elif way == 4:
        container.insert(rng.randrange(len(container) + 1), old)
    elif way == 5:
        container[key] = rng.choice(([old], {"a": old}, str(old)))
    else:
        container[key] = copy.deepcopy(rng.choice((*ODD_VALUES, rng.choice(BOUNDARIES))))
    return value


RAW = (flip_bits, set_bytes, truncate, extend, splice)
JSON = (flip_bits, set_bytes, truncate, splice, *([edit_number, swap_tokens] * 3))


def mutate(rng: random.Random, data: bytes, ways: Sequence[Callable]) -> bytes:
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(ways)(rng, data)
    return data


def require_ours(error: BaseException) -> None:
    """Raise what Python itself raised inside the package because nothing had checked."""
    trace = error.__traceback__
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    file = trace.tb_frame.f_code.co_filename
    line = linecache.getline(file, trace.tb_lineno)
    checked = line.lstrip().startswith("raise ") or "core" in line or isinstance(error, OSError)
    if not checked or not str(error) or isinstance(error, UnicodeError):
        raise AssertionError(f"{file}:{trace.tb_lineno}: {line.strip()}") from error


def memory_file(data: bytes) -> tuple[int, str]:
    """A file without a disk: its descriptor, to be closed, and a path that opens it."""
    fd = os.memfd_create("fuzz", os.MFD_CLOEXEC)
    os.truncate(fd, 0)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    return fd, f"/proc/self/fd/{fd}"


def run(check: Callable[[random.Random], bool], runs: int, seed: int) -> tuple[int, int]:
    """Call check(rng) `runs` times; how many files it said were accepted, how many refused.

    Case i has a generator of its own, so that `seed + i` with one run repeats it.
    """
    accepted = 0
    for i in range(runs):
        try:
            accepted += check(random.Random(seed + i))
        except BaseException:
            print(f"failed: --seed {seed + i} --runs 1")
            raise
    return accepted, runs - accepted


def main(check: Callable[[random.Random], bool]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.perf_counter()
    accepted, refused = run(check, options.runs, options.seed)
    seconds = time.perf_counter() - start
    print(f"{options.runs} files: {accepted} accepted, {refused} refused, {seconds:.0f} s")
