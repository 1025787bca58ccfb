"""What the benchmarks share: fair rounds, summaries, and what they ran on.

Contenders take turns, so that whatever else the machine does hits all of them; each warms up
first; figures are medians with their extremes beside them.
"""

import argparse
import datetime
import importlib.metadata
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

ROOT = Path(__file__).resolve().parent.parent
# Settings of one machine that would decide for others which kernels OpenBLAS uses.
TUNING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
PEERS = (
    "torch",
    "transformers",
    "accelerate",
    "sentence-transformers",
    "onnxruntime",
    "onnx",
    "openvino",
    "ctranslate2",
    "safetensors",
    "tokenizers",
    "sentencepiece",
    "gigatoken",
    "tiktoken",
    "kitoken",
    "blingfire",
)

Figure = TypeVar("Figure")


class Summary(NamedTuple):
    """Median, smallest and largest of some figures."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, figures: list[float]) -> "Summary":
        return cls(statistics.median(figures), min(figures), max(figures))


class Line(NamedTuple):
    """seconds = start + each * size, and by how much of itself a time deviates from that."""

    start: float
    each: float
    deviation: float  # the largest

    @classmethod
    def through(cls, sizes: Sequence[float], seconds: Sequence[float]) -> "Line":
        """The least-squares fit in which every size counts by its own seconds."""
        import numpy as np

        at, took = np.array(sizes, float), np.array(seconds, float)
        design = np.stack([np.ones_like(at), at], 1) / took[:, None]
        (start, each), *_ = np.linalg.lstsq(design, np.ones_like(at), rcond=None)
        deviation = abs((start + each * at) / took - 1).max()
        return cls(float(start), float(each), float(deviation))


def take_turns(
    contenders: Mapping[str, Callable[[], Figure]],
    rounds: int,
    warm_up: int = 1,
    budget: float = math.inf,
) -> dict[str, list[Figure]]:
    """What each contender measures in every round, after `warm_up` rounds not counted.

    The order is turned round every time.  After three rounds that count, none is begun once
    `budget` seconds have passed.
    """
    figures: dict[str, list[Figure]] = {name: [] for name in contenders}
    end = time.monotonic() + budget
    for turn in range(warm_up + rounds):
        if turn >= warm_up + 3 and time.monotonic() > end:
            break
        for name in sorted(contenders, reverse=turn % 2 == 1):
            figure = contenders[name]()
            if turn >= warm_up:
                figures[name].append(figure)
    return figures


def without_tuning() -> None:
    """Start the program again without `TUNING`, if any of it is set."""
    if any(name in os.environ for name in TUNING):
        clean = {name: value for name, value in os.environ.items() if name not in TUNING}
        os.execve(sys.executable, [sys.executable, *sys.argv], clean)


def processor() -> str:
    """The name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def machine() -> dict[str, Any]:
    """The processor, versions and settings that figures depend on."""
    import pytxenc

    versions = {}
    for package in PEERS:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "commit": commit(),
        **pytxenc.show_config(quiet=True),
        "platform": f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        **versions,
    }


def commit() -> str | None:
    """The commit of the sources around, "+" behind it where they were changed since."""
    git = ["git", "-C", str(ROOT)]
    try:
        told = [
            subprocess.run([*git, *what], capture_output=True, text=True, check=True).stdout
            for what in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "-uno"])
        ]
    except (OSError, subprocess.CalledProcessError):
        return None
    return told[0].strip() + ("+" if told[1] else "")


def data_dir() -> Path:
    """The folder of reference data ($PYTXENC_DATA or ../shared/data beside the repository)."""
    folder = Path(os.environ.get("PYTXENC_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        sys.exit(f"no reference data: {folder} does not exist (set PYTXENC_DATA)")
    return folder


def arguments(description: str, rounds: int) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=positive, default=rounds, help=f"default {rounds}")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    return parser


def positive(text: str) -> int:
    """A number of things of which there is at least one, as an option's type."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not positive")
    return number


def finish(path: Path | None, results: Any) -> None:
    """Write the figures with what they depend on, all at once, where a file was asked for."""
    if path is not None:
        from pytxenc.safetensors_file import write_text

        write_text(path, json.dumps({"machine": machine(), "results": results}, indent=2) + "\n")
