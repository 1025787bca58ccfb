"""Starting up: imports, opening half a gigabyte, the first hidden state, and what memory it takes.

The model is a roberta-base of random float32 weights, its file in the page cache.  Everything is
measured in processes of its own; the peers' files are converted beforehand.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from engines import THREAD_SETTINGS, RemoteError, prepare_process
from harness import Summary, arguments, finish, positive, take_turns
from inference_engines import CONTENDERS, Contender
from inference_works import SHAPES, RandomModel

SHAPE = "roberta-base"
FAMILY = SHAPES[SHAPE].family
BYTES = {"float32": 4, "bfloat16": 2, "int8": 1}  # of a weight
GOAL_SECONDS, GOAL_BYTES = 0.35, 80e6  # to the first hidden state; beyond the weights
IMPORTS = {
    "import pytxenc": "import pytxenc",
    "pytxenc, model and tokenizer": "from pytxenc import RobertaModel, RobertaTokenizer",
    "transformers, model and tokenizer": (
        "from transformers import RobertaModel, RobertaTokenizer"
    ),
}
OPENINGS = {
    "pytxenc": (
        "from pytxenc._core import SafeTensors",
        "f = SafeTensors(path); held = [f.float32(name) for name in f.keys()]",
    ),
    "safetensors": (
        "from safetensors.numpy import load_file",
        "held = load_file(path)",
    ),
}
TIMED = """
import sys, numpy
path = sys.argv[1]
{before}
from time import perf_counter
start = perf_counter()
{what}
print(perf_counter() - start)
"""
# From a process's start to the hidden states of eight tokens; then it waits, to be looked at.
FIRST = """
import sys
sys.path.insert(0, {benchmarks!r})
from pathlib import Path
from inference_engines import {adapter}
engine = {adapter}(Path({folder!r}), {family!r}, {dtype!r}, {threads}, **{options!r})
import numpy as np
ids = np.arange(5, 13)[None]
given = engine.give(dict(input_ids=ids, attention_mask=np.ones_like(ids)))
assert np.isfinite(engine.states(engine.encode(given))).all()
print(flush=True)
sys.stdin.read()
"""


def timed(before: str, what: str, path: Path) -> float:
    """Seconds that `what` takes in a Python of its own, after NumPy and `before`."""
    code = TIMED.format(before=before, what=what)
    command = [sys.executable, "-c", code, str(path)]
    # Elsewhere than here: python -c would find the source tree before the installed package.
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=tempfile.gettempdir()
    )
    return float(done.stdout)


class Start:
    """How one contender starts: the program that does it, with options of its model."""

    def __init__(self, contender: Contender, folder: Path, threads: int, **options: Any) -> None:
        self._code = FIRST.format(
            benchmarks=str(Path(__file__).parent),
            adapter=contender.adapter.__name__,
            folder=str(folder),
            family=FAMILY,
            dtype=contender.dtype,
            threads=threads,
            options=options,
        )
        self._environment = os.environ | dict.fromkeys(THREAD_SETTINGS, str(threads))

    @contextlib.contextmanager
    def process(self) -> Iterator[int]:
        """The id of a process that has its first hidden state and waits."""
        with subprocess.Popen(
            [sys.executable, "-c", self._code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tempfile.gettempdir(),
            env=self._environment,
        ) as process:
            assert process.stdin and process.stdout and process.stderr
            if not process.stdout.readline():
                raise RemoteError(process.stderr.read().decode().strip().split("\n")[-1])
            yield process.pid
            process.stdin.close()

    def measure(self) -> tuple[float, int]:
        """Seconds from a process's start to its first hidden state, and its peak memory."""
        start = time.perf_counter()
        with self.process() as number:
            return time.perf_counter() - start, memory(number, "status", "VmHWM")

    def shared(self) -> list[int]:
        """What two processes at once take of the memory, each with its share of what they share."""
        with self.process() as one, self.process() as other:
            return [memory(number, "smaps_rollup", "Pss") for number in (one, other)]


def memory(process: int, file: str, field: str) -> int:
    """Bytes that a file of /proc tells of a process."""
    lines = Path(f"/proc/{process}/{file}").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{field}:"))


def able(model: RandomModel, threads: int) -> tuple[dict[str, Start], dict[str, str]]:
    """The contenders that come to a hidden state, and why others do not; converts for them."""
    starts, left_out = {}, {}
    for contender in CONTENDERS:
        try:
            model.prepare(contender)
            start = Start(contender, model.folder, threads)
            start.measure()
            starts[str(contender)] = start
        except RemoteError as error:
            left_out[str(contender)] = str(error)
            print(f"{contender} left out: {error}")
    return starts, left_out


def show(figures: dict[str, list[float]]) -> dict[str, list[float]]:
    """Print seconds as milliseconds."""
    for name, seconds in figures.items():
        middle, least, most = (1e3 * s for s in Summary.of(seconds))
        print(f"  {name:36} {middle:8.2f}   ({least:.2f} to {most:.2f})")
    return figures


def first_states(starts: dict[str, Start], weights: int, rounds: int) -> dict[str, Any]:
    """Measure and print the time to the first hidden state and the memory at its highest."""
    print("Process start to first hidden state (seconds), peak memory (MB):")
    told = take_turns({name: start.measure for name, start in starts.items()}, rounds, warm_up=0)
    for name in starts:
        seconds = Summary.of([taken for taken, _ in told[name]])
        peak = Summary.of([peak for _, peak in told[name]]).median
        line = f"  {name:20} {seconds.median:6.2f}   ({seconds.least:.2f} to {seconds.most:.2f})"
        line += f"   {peak / 1e6:6.0f}"
        if name.startswith("pytxenc"):
            beyond = peak - weights * BYTES[name.split()[1]]
            line += f"   weights and {beyond / 1e6:.0f}"
            met = seconds.median <= GOAL_SECONDS and beyond <= GOAL_BYTES
            line += f"; goals {GOAL_SECONDS:g} s and {GOAL_BYTES / 1e6:.0f}: "
            line += "met" if met else "NOT met"
        print(line, flush=True)
    return {
        name: {"seconds": [s for s, _ in taken], "peak bytes": [peak for _, peak in taken]}
        for name, taken in told.items()
    }


def two_processes(folder: Path, threads: int) -> dict[str, list[int]]:
    """Measure and print the memory of two processes, float32 weights unpacked and packed."""
    print("Two processes at once, float32, each one's share (MB):")
    contender = Contender("pytxenc", "float32")
    told = {}
    for name, options in {"unpacked": {"pack_weights": False}, "packed": {}}.items():
        try:
            told[name] = Start(contender, folder, threads, **options).shared()
        except RemoteError as error:
            print(f"  {name:20} left out: {error}")
            continue
        print(f"  {name:20} {' and '.join(f'{share / 1e6:.0f}' for share in told[name])}")
    return told


def main() -> None:
    names = ("import", "open", "first")
    parser = arguments("Imports, opening, first hidden state, memory.", rounds=9)
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--threads", type=positive, default=2, help="of the first (default 2)")
    options = parser.parse_args()
    prepare_process()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = RandomModel(SHAPE, folder)
        path = folder / "model.safetensors"
        if "open" in options.only:
            print(f"Opening {path.stat().st_size / 1e6:.0f} MB (milliseconds):")
            turns: dict[str, Callable[[], float]] = {
                name: partial(timed, *code, path) for name, code in OPENINGS.items()
            }
            results["open"] = show(take_turns(turns, options.rounds))
        if "import" in options.only:
            print("Importing, beyond NumPy (milliseconds):")
            turns = {name: partial(timed, "", code, path) for name, code in IMPORTS.items()}
            results["import"] = show(take_turns(turns, options.rounds))
        if "first" in options.only:
            starts, results["left out"] = able(model, options.threads)
            weights = path.stat().st_size // BYTES["float32"]
            results["first"] = first_states(starts, weights, options.rounds)
            results["two processes"] = two_processes(folder, options.threads)
    finish(options.json, results)


if __name__ == "__main__":
    main()
