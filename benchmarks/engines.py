"""Engines on the same work, each in a process of its own, taking turns."""

import multiprocessing
import os
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
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


def processors(count: int) -> set[int]:
    """Processors for so many threads: those that share no core with another one first."""
    first, others = [], []
    for number in sorted(os.sched_getaffinity(0)):
        siblings = Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list")
        try:
            alone = siblings.read_text().replace("-", ",").split(",")[0].strip() == str(number)
        except OSError:
            alone = True
        (first if alone else others).append(number)
    return set([*first, *others][:count])


class RemoteError(Exception):
    """What went wrong in the other process, in one line."""


class Remote:
    """An object in a process of its own, bound to as many processors as it has threads.

    make(*args) makes it there.  RemoteError when that or a call of a method raises an error;
    the process has then ended.
    """

    def __init__(self, make: Callable[..., Any], *args: Any, threads: int) -> None:
        for name in THREAD_SETTINGS:
            os.environ[name] = str(threads)
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        given = (make, args, processors(threads), theirs)
        self._process = context.Process(target=_serve, args=given, daemon=True)
        self._process.start()
        theirs.close()
        self._receive()

    def call(self, method: str, *args: Any) -> Any:
        """What the object's method returns."""
        self._pipe.send((method, args))
        return self._receive()

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join()

    def _receive(self) -> Any:
        try:
            wrong, answer = self._pipe.recv()
        except EOFError:
            self._process.join()
            wrong, answer = True, f"the process ended with status {self._process.exitcode}"
        if wrong:
            raise RemoteError(answer)
        return answer


def _serve(make: Callable[..., Any], args: Any, allowed: set[int], pipe: Connection) -> None:
    os.sched_setaffinity(0, allowed)
    try:
        target = make(*args)
        pipe.send((False, None))
        while True:
            method, given = pipe.recv()
            pipe.send((False, getattr(target, method)(*given)))
    except EOFError:
        pass  # no more calls
    except Exception as error:
        message = traceback.format_exception_only(error)[-1].strip()
        pipe.send((True, message.split("\n")[0]))


def compete(
    make: Callable[..., Any],
    engines: Sequence[str],
    given: tuple[Any, ...],
    threads: int,
    rounds: int,
) -> tuple[Seconds, dict[str, Any]]:
    """Seconds of every round and results, by engine.

    make(engine, threads, *given) makes an engine in its process: an object with `results()`,
    and `seconds()`, which it takes for the work.
    """
    remotes = {e: Remote(make, e, threads, *given, threads=threads) for e in engines}
    results = {engine: remote.call("results") for engine, remote in remotes.items()}
    turns = {engine: partial(remote.call, "seconds") for engine, remote in remotes.items()}
    seconds = take_turns(turns, rounds)
    for remote in remotes.values():
        remote.close()
    return seconds, results


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
