"""Encoders by every engine: real tokens a second, and the differences of hidden states.

All have the same random weights and the same batches, each in a process of its own that is bound
to as many processors as threads; they take turns.  Counted are real tokens, not padding.  Engines
that are not installed are named and left out (`make bench-peers` installs them).

All of it takes about half an hour on two cores, which nothing else should use: an engine whose
threads wait for each other by spinning falls apart beside other work.
"""

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import inference_report as report
from engines import Remote, RemoteError, prepare_process
from harness import arguments, finish, machine, positive, take_turns
from inference_engines import CONTENDERS, ENGINES, Contender
from inference_works import SHAPES, RandomModel, flops, lengths, make_batches

# Hidden states have a variance of one: what differs by so much was not computed right.
WRONG = 0.5


class Comparison:
    """Contenders on one shape; those that cannot take part are in `left_out`, with the reason."""

    def __init__(self, shape: str, contenders: Sequence[Contender], folder: Path) -> None:
        self._model = RandomModel(shape, folder)
        self.left_out: dict[str, str] = {}
        self._contenders: list[Contender] = []
        for contender in contenders:
            try:
                self._model.prepare(contender)
                self._contenders.append(contender)
            except RemoteError as error:
                self._leave_out(str(contender), str(error))

    def _leave_out(self, contender: str, reason: str) -> None:
        if contender not in self.left_out:
            self.left_out[contender] = reason
            print(f"{self._model.name}: {contender} left out: {reason}", flush=True)

    def run(
        self, works: Sequence[str], threads: int, rounds: int, seconds: float, budget: float
    ) -> list[dict[str, Any]]:
        """Measure and print each of the works; returns the figures."""
        remotes: dict[str, Remote] = {}
        for contender in self._contenders:
            try:
                remotes[str(contender)] = self._model.remote(contender, threads)
            except RemoteError as error:
                self._leave_out(str(contender), str(error))
        told = [self._measure(work, remotes, threads, rounds, seconds, budget) for work in works]
        for remote in remotes.values():
            remote.close()
        return told

    def _measure(
        self, work: str, remotes: dict[str, Remote], threads: int, rounds: int, seconds: float,
        budget: float,
    ) -> dict[str, Any]:  # fmt: skip
        batches = make_batches(work, self._model.name)
        sequences = lengths(batches)
        states = self._begin(work, batches, remotes)
        reference = states.get("torch float32", states.get("pytxenc float32"))
        differences: dict[str, float] = {}
        if reference is not None:
            differences = {name: float(abs(s - reference).max()) for name, s in states.items()}
        for name, difference in differences.items():
            if not difference < WRONG:  # nor NaN
                self._leave_out(name, f"{work}: its hidden states differ by {difference:.1e}")
                del remotes[name]
        turns = take_turns(
            {name: partial(remote.call, "turn", seconds) for name, remote in remotes.items()},
            rounds,
            warm_up=0,  # every turn begins with a pass that is not timed
            budget=budget,
        )
        told = report.entry(
            self._model.name, work, threads, sum(sequences), flops(self._model.shape, sequences),
            {name: turns[name] for name in remotes},
            {name: differences[name] for name in remotes if name in differences},
        )  # fmt: skip
        report.show(told)
        return told

    def _begin(
        self, work: str, batches: list[dict[str, Any]], remotes: dict[str, Remote]
    ) -> dict[str, Any]:
        """Give all a work; returns the hidden states of its first batch."""
        states = {}
        for name in list(remotes):
            try:
                states[name] = remotes[name].call("begin", batches)
            except RemoteError as error:
                self._leave_out(name, f"{work}: {error}")
                del remotes[name]
        return states


def main() -> None:
    names = list(dict.fromkeys(work for shape in SHAPES.values() for work in shape.works))
    parser = arguments("Encoders by every engine.", rounds=5)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--works", nargs="+", choices=names, default=names)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--dtypes", nargs="+", choices=report.DTYPES, default=list(report.DTYPES))
    parser.add_argument("--threads", type=positive, nargs="+", default=[1, 2])
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="that a turn takes at least (default 0.5)"
    )
    parser.add_argument(
        "--budget", type=float, default=150.0, metavar="SECONDS",
        help="after which a work gets no more rounds than three (default 150)",
    )  # fmt: skip
    parser.add_argument("--markdown", action="store_true", help="print tables in Markdown too")
    options = parser.parse_args()
    contenders = [
        c for c in CONTENDERS if c.engine in options.engines and c.dtype in options.dtypes
    ]
    prepare_process()
    for engine in options.engines:
        if ENGINES[engine].note:
            print(f"{engine} {ENGINES[engine].note}")
    left_out, works = {}, []
    for shape in options.shapes:
        chosen = [work for work in SHAPES[shape].works if work in options.works]
        with tempfile.TemporaryDirectory() as temporary:
            comparison = Comparison(shape, contenders, Path(temporary))
            for threads in options.threads:
                works += comparison.run(
                    chosen, threads, options.rounds, options.seconds, options.budget
                )
        left_out[shape] = comparison.left_out
    if options.markdown:
        print(report.markdown(machine()["date"], works))
    finish(options.json, {"left_out": left_out, "works": works})


if __name__ == "__main__":
    main()
