"""The claims of the papers about pretraining, measured small: claim_arms.py is the protocol.

Every run is a process with one thread and has a file of its own in WORK/claims, so that the
whole goes on where it was stopped; failed runs are tried again.  What is done is collected in
results/claims.json, and what that file has is not done again in another WORK.  WORK is a folder
in which make_models.py has encoded the text of albert-mini.

    python benchmarks/claims.py WORK                     # three hours on two processors
    python benchmarks/claims.py WORK --claims sop --seeds 1
    python benchmarks/claims.py WORK --hours 0 --report  # the page, of what is done
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from claim_arms import ARMS, CLAIMS, SENTENCE_TASKS, SOURCE, expected_seconds, runs_of
from claim_measures import TESTS, by_lengths
from claim_report import write_report
from claim_runs import Place
from engines import THREAD_SETTINGS
from finetune_tasks import majority
from harness import ROOT, data_dir, finish, positive, without_tuning
from model_measures import unigram_entropy
from model_recipes import RECIPES

RESULTS = ROOT / "benchmarks" / "results" / "claims.json"
POLL = 0.2  # seconds
Run = tuple[str, int]


class Process:
    """A run in a process of its own."""

    def __init__(self, place: Place, run: Run) -> None:
        self.run, self._place = run, place
        self._log = place.folder / f"{run[0]}-{run[1]}.log"
        command = [
            sys.executable, Path(__file__).with_name("claim_runs.py"), place.work, *run,
            "--scale", place.scale,
        ]  # fmt: skip
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                list(map(str, command)), stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, **dict.fromkeys(THREAD_SETTINGS, "1")},
            )  # fmt: skip

    def over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def failure(self) -> str | None:
        """Why it has no result; None if it has."""
        if self._process.returncode == 0 and self._place.read(*self.run) is not None:
            return None
        said = self._log.read_text(errors="replace").strip().splitlines()
        return said[-1] if said else f"the process ended with status {self._process.returncode}"

    def stop(self) -> None:
        """End it before its time."""
        self._process.terminate()
        self._process.wait()


def carry_out(
    place: Place,
    runs: list[Run],
    processes: int,
    seconds: float,
    launch: Callable[[Place, Run], Any] = Process,
) -> None:
    """Do the runs that have no result, in their order, so many at once.

    None is begun once the seconds are over.  A run waits for that of the arm it begins from,
    while later ones may go before it; it fails with that one.
    """
    end = time.monotonic() + seconds
    waiting = missing(place, runs)
    failed: set[Run] = set()
    running: list[Any] = []
    try:
        while running or waiting:
            if time.monotonic() >= end:
                waiting = []
            for run in list(waiting):
                start = ARMS[run[0]].start
                if len(running) < processes and _ready(place, run):
                    waiting.remove(run)
                    running.append(launch(place, run))
                elif start is not None and (start, run[1]) in failed:
                    waiting.remove(run)
                    _fail(place, run, f"there is no model of {start} to begin from", failed)
            time.sleep(POLL if not any(one.over() for one in running) else 0)
            for one in [one for one in running if one.over()]:
                running.remove(one)
                _told(place, one, failed)
    finally:
        for one in running:
            one.stop()


def missing(place: Place, runs: list[Run]) -> list[Run]:
    """The runs without a result, and those whose model one of them begins from is not there."""
    todo = {run for run in runs if place.read(*run) is None}
    todo |= {(ARMS[arm].start or arm, seed) for arm, seed in todo if not _ready(place, (arm, seed))}
    return [run for run in runs if run in todo]


def _ready(place: Place, run: Run) -> bool:
    start = ARMS[run[0]].start
    return start is None or (
        place.read(start, run[1]) is not None and place.model(start, run[1]).exists()
    )


def _told(place: Place, one: Any, failed: set[Run]) -> None:
    """Say how a run ended, and keep why it failed."""
    message = one.failure()
    if message is not None:
        _fail(place, one.run, message, failed)
        return
    told = place.read(*one.run) or {}
    loss = f", loss {told['held_out']['loss']:.3f}" if "held_out" in told else ""
    print(f"{one.run[0]}, seed {one.run[1]}: {told.get('seconds', 0):.0f} s{loss}", flush=True)


def _fail(place: Place, run: Run, message: str, failed: set[Run]) -> None:
    failed.add(run)
    place.write({"arm": run[0], "seed": run[1], "failed": message})
    print(f"{run[0]}, seed {run[1]} FAILED: {message}", flush=True)


def restore(place: Place, path: Path) -> None:
    """Put what was collected in a file where the folder of work has nothing."""
    told = json.loads(path.read_text())["results"] if path.exists() else {}
    if told.get("scale") != place.scale:
        return
    for run in told["runs"]:
        if not place.result(run["arm"], run["seed"]).exists():
            place.write(run)


def collect(place: Place) -> dict[str, Any]:
    """All results there are, failures too, and what they are compared with."""
    seeds = sorted({int(path.stem.rpartition("-")[2]) for path in place.folder.glob("*.json")})
    found = [place.read(arm, seed) or place.failure(arm, seed) for arm in ARMS for seed in seeds]
    runs = [run for run in found if run is not None]
    return {
        "scale": place.scale,
        "unigram_entropy": unigram_entropy(place.recipe, place.work),
        "trivial": trivial(place, runs),
        "runs": runs,
    }


def trivial(place: Place, runs: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """By metric, who has it without a model, and how good it is."""
    told: dict[str, list[Any]] = {}
    for task in SENTENCE_TASKS:
        if any(task in run.get("tasks", ()) for run in runs):
            told[task] = ["most frequent class", majority(task, data_dir() / "tasks")]
    if any("pairs" in run for run in runs):
        train, held_out = (place.recipe.corpus(place.work, t) for t in ("train", "held-out"))
        for test in TESTS:
            share = by_lengths(train, held_out, place.tokenizer(), test)
            told[f"{test}-probe"] = ["lengths of the segments", share]
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description="The claims of the papers, measured small.")
    parser.add_argument("work", type=Path, help="the folder of make_models.py")
    parser.add_argument("--claims", nargs="+", choices=CLAIMS, default=list(CLAIMS))
    parser.add_argument("--seeds", type=positive, default=3, help="default 3")
    parser.add_argument("--hours", type=float, default=3.0, help="begin no run after; default 3")
    parser.add_argument("--processes", type=positive, default=2, help="runs at once; default 2")
    parser.add_argument("--scale", type=float, default=1.0, help="of all budgets, for a trial")
    parser.add_argument("--json", type=Path, default=RESULTS, help="what is collected")
    parser.add_argument("--report", action="store_true", help="write CLAIMS.md and its figures")
    options = parser.parse_args()
    if not options.scale > 0:
        parser.error(f"--scale is {options.scale}; it must be more than 0")
    recipe = RECIPES[SOURCE]
    needed = [recipe.tokenizer(options.work), options.work / "train.txt"]
    needed += [recipe.corpus(options.work, text) for text in ("train", "held-out")]
    for path in needed:
        if not path.exists():
            make = f"make_models.py {options.work} --models {SOURCE} --until corpora"
            parser.error(f"there is no {path}: `python benchmarks/{make}` makes it")
    without_tuning()
    place = Place(options.work, options.scale)
    runs = runs_of(options.claims, options.seeds)
    restore(place, options.json)
    todo = missing(place, runs)
    hours = options.scale * sum(expected_seconds(ARMS[arm]) for arm, _ in todo) / 3600
    print(f"{len(todo)} of {len(runs)} runs to do, about {hours:.1f} hours of a processor")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for text in {text for arm, _ in todo if (text := ARMS[arm].text)}:
            place.make_text(text)
        carry_out(place, runs, options.processes, 3600 * options.hours)
    except KeyboardInterrupt:
        print("stopped; the same command goes on")
    finally:
        finish(options.json, collect(place))
    if options.report:
        write_report(options.json)


if __name__ == "__main__":
    main()
