"""Training steps by pytxenc and by torch with transformers: tokens a second, and memory.

Both train the same random weights on the same batches, each in a process of its own that is
bound to as many processors as threads; they take turns.  A step is forward, backward, clipping
and AdamW.  torch computes with its `sdpa` attention and fused AdamW, and bfloat16 by autocast.
Then pytxenc alone: how its time grows with tokens and with steps.

All of it takes about half an hour on two cores, which nothing else should use.
"""

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import training_report as report
from engines import Remote, RemoteError, prepare_process
from harness import arguments, finish, positive, take_turns
from training_engines import DTYPES, ENGINES, Runner
from training_works import WORKS, Work, make_batches, make_model

# Another first loss than the peer's is not the same training: dropout alone differs.
WRONG = 0.1
GROWTH_WORK = "small-mlm"
BATCHES, LENGTHS = (8, 32, 128), (32, 128, 512)
STEPS = 300


class Trained:
    """The model of a work in a folder, and engines that train it."""

    def __init__(self, work: Work, folder: Path, threads: int) -> None:
        self.work, self._folder, self._threads = work, folder, threads
        make_model(work, folder)

    def remote(self, engine: str, dtype: str) -> Remote:
        """A `Runner` in a process of its own."""
        given = (engine, self._folder, self.work.model, dtype, self._threads)
        return Remote(Runner, *given, threads=self._threads)

    def compare(
        self, engines: Sequence[str], dtype: str, rounds: int, seconds: float
    ) -> dict[str, Any]:
        """Measure and print the work in one precision; returns the figures."""
        batches = make_batches(self.work)
        remotes, losses = {}, {}
        for engine in engines:
            try:
                remotes[engine] = self.remote(engine, dtype)
                losses[engine] = remotes[engine].call("begin", batches)
            except RemoteError as error:
                print(f"{self.work.title}: {engine} {dtype} left out: {error}", flush=True)
                remotes.pop(engine, None)
        if losses and not max(losses.values()) - min(losses.values()) < WRONG * max(
            losses.values()
        ):
            print(f"{self.work.title}, {dtype}: the losses differ: {losses}", flush=True)
        turns = {name: partial(remote.call, "turn", seconds) for name, remote in remotes.items()}
        told = {
            "title": self.work.title,
            "batch": self.work.batch,
            "length": self.work.length,
            "tokens": self.work.tokens,
            "dtype": dtype,
            "threads": self._threads,
            "losses": losses,
            "seconds": take_turns(turns, rounds),
            "peaks": {name: remote.call("peak") for name, remote in remotes.items()},
        }
        for remote in remotes.values():
            remote.close()
        report.compare(told)
        report.show(told)
        return told

    def growth(self, dtype: str, rounds: int, seconds: float) -> dict[str, Any]:
        """How the time of a step grows with tokens, by batch and length."""
        remote = self.remote("pytxenc", dtype)
        sizes = []
        for length in LENGTHS:
            for batch in BATCHES:
                work = self.work._replace(batch=batch, length=length)
                remote.call("begin", make_batches(work, count=1))
                taken = [remote.call("turn", seconds) for _ in range(rounds)]
                sizes.append(dict(batch=batch, length=length, seconds=taken))
        remote.close()
        lines = report.show_growth(dtype, sizes)
        fits = {length: line._asdict() for length, line in lines.items()}
        return dict(dtype=dtype, sizes=sizes, linear=fits)

    def steps(self, dtype: str) -> dict[str, Any]:
        """Whether a step takes as long, and as much memory, after many."""
        remote = self.remote("pytxenc", dtype)
        remote.call("begin", make_batches(self.work))
        seconds, memory = remote.call("steps", STEPS)
        remote.close()
        told = report.show_steps(f"pytxenc {dtype}", seconds, memory)
        return dict(dtype=dtype, seconds=seconds, **told)


def main() -> None:
    parser = arguments("Training by pytxenc and torch.", rounds=5)
    parser.add_argument("--works", nargs="*", choices=WORKS, default=list(WORKS))
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--threads", type=positive, nargs="+", default=[2])
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="that a turn takes at least (default 3)"
    )
    parser.add_argument(
        "--no-growth", action="store_true", help="leave out growth with tokens and steps"
    )
    parser.add_argument("--markdown", action="store_true", help="print a table in Markdown too")
    options = parser.parse_args()
    prepare_process()
    works, growth, steps = [], [], []
    for threads in options.threads:
        for name in options.works:
            with tempfile.TemporaryDirectory() as folder:
                trained = Trained(WORKS[name], Path(folder), threads)
                works += [
                    trained.compare(options.engines, dtype, options.rounds, options.seconds)
                    for dtype in options.dtypes
                ]
    if not options.no_growth:
        with tempfile.TemporaryDirectory() as folder:
            trained = Trained(WORKS[GROWTH_WORK], Path(folder), max(options.threads))
            for dtype in options.dtypes:
                growth.append(trained.growth(dtype, min(3, options.rounds), options.seconds / 3))
                steps.append(trained.steps(dtype))
    if options.markdown:
        print(report.markdown(works))
    finish(options.json, {"works": works, "growth": growth, "steps": steps})


if __name__ == "__main__":
    main()
