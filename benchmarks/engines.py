"""Two engines on the same work, each in a process of its own, taking turns."""

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from harness import Summary, machine, take_turns, without_tuning

THREAD_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

Seconds = dict[str, list[float]]


def prepare_process() -> None:
    """No tuning, network or progress bars, here and in the engines; print the machine."""
    without_tuning()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    about = machine()
    print(f"{about['cpu']}, {about['instruction set']}, OpenBLAS for {about['OpenBLAS core']}")


def answer(pipe: Connection, first: Any, work: Callable[[], Any]) -> None:
    """Be an engine: send the first answer, then do the work when asked and send its seconds."""
    pipe.send(first)
    while pipe.recv():
        start = time.perf_counter()
        work()
        pipe.send(time.perf_counter() - start)


def compete(
    serve: Callable[..., None], engines: Sequence[str], given: tuple[Any, ...], threads: int,
    rounds: int,
) -> tuple[Seconds, dict[str, Any]]:  # fmt: skip
    """Seconds of every round and first answers, by engine.

    serve(engine, threads, *given, pipe) is an engine's process and ends in `answer`.
    """
    context = multiprocessing.get_context("spawn")
    for name in THREAD_SETTINGS:
        os.environ[name] = str(threads)
    pipes: dict[str, Any] = {}
    first = {}
    for engine in engines:
        pipes[engine], theirs = context.Pipe()
        args = (engine, threads, *given, theirs)
        context.Process(target=serve, args=args, daemon=True).start()
        first[engine] = pipes[engine].recv()

    def turn(pipe: Any) -> float:
        pipe.send(True)
        return float(pipe.recv())

    seconds = take_turns({e: lambda e=e: turn(pipes[e]) for e in engines}, rounds)
    for pipe in pipes.values():
        pipe.send(False)
    return seconds, first


def show(
    title: str, engines: Sequence[str], seconds: Seconds, amount: int, difference: float
) -> dict[str, float]:
    """Print how much each engine did a second; returns the ratio of the first to the second."""
    ours, theirs = (seconds[engine] for engine in engines)
    ratio = Summary.of([t / o for o, t in zip(ours, theirs, strict=True)])
    print(title)
    for engine in engines:
        speed = Summary.of([amount / s for s in seconds[engine]])
        print(f"  {engine:12} {speed.median:8.1f}   ({speed.least:.1f} to {speed.most:.1f})")
    print(
        f"  {ratio.median:.2f} times {engines[1]} ({ratio.least:.2f} to {ratio.most:.2f}); "
        f"results differ by {difference:.1e}"
    )
    return ratio._asdict()
