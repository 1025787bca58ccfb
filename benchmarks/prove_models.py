"""Whether pretraining paid: every bundled model and its randomly initialised twin, fine-tuned.

Settings are fixed here, but for learning rate and dropout, which are chosen for every model, twin
and task on the development set with a seed of its own; the test set is looked at once, by the seeds
that count.  Seeds pair a model with its twin.  A model passes if it is better than its twin on at
least 3 of the 4 tasks of the gate, outside the 95 % interval of the paired difference.

    python benchmarks/prove_models.py               # hours; goes on where it was stopped
    python benchmarks/prove_models.py --report      # the page and the cards, of what is done

Results are of the weights they were measured with, a twin's of its shape and tokenizer: for others
they are measured anew.
"""

import argparse
import functools
import hashlib
import itertools
import json
import multiprocessing
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from finetune_tasks import TASKS
from harness import ROOT, finish, positive, without_tuning
from model_bundle import bundled
from model_cards import write_cards
from model_recipes import RECIPES
from model_tuning import Tuning, tune
from model_verdicts import ARMS, CHOICES, EPOCHS, TRIAL, Choice, Runs, chosen, key, page

RESULTS = ROOT / "benchmarks" / "results" / "models-tasks.json"
PAGE = ROOT / "benchmarks" / "MODELS-TASKS.md"
FILES = {"pretrained": ("model.safetensors",), "twin": ("config.json", "tokenizer.json")}
Job = tuple[str, str, str, int, Choice]  # model, arm, task, seed


def settings_of(task: str, choice: Choice) -> Tuning:
    """All settings of a run."""
    return Tuning(**choice._asdict(), epochs=EPOCHS[task])


@functools.cache
def digest(model: str, arm: str) -> str:
    """What tells a bundled model, or its twin, from those of other days.

    A twin has of the model only its shape and the words of its tokenizer.
    """
    told = hashlib.sha256()
    for name in FILES[arm]:
        told.update((bundled(RECIPES[model]) / name).read_bytes())
    return told.hexdigest()[:16]


def stamp(model: str, arm: str, task: str, choice: Choice) -> dict[str, Any]:
    """What a result depends on beside its key: the files and the settings."""
    settings = json.loads(json.dumps(settings_of(task, choice)._asdict()))
    return {"files": digest(model, arm), "settings": settings}


def wanted(
    runs: Runs, models: list[str], tasks: list[str], seeds: int, arms: Sequence[str] = ARMS
) -> list[Job]:
    """The runs that are missing and can be begun: trials first, then the seeds."""
    missing: list[Job] = []
    for task, model, arm in itertools.product(tasks, models, arms):
        best = chosen(runs, model, arm, task)
        if best is None:
            jobs = [(model, arm, task, TRIAL, choice) for choice in CHOICES]
        else:
            jobs = [(model, arm, task, TRIAL + 1 + i, best) for i in range(seeds)]
        missing += [job for job in jobs if key(*job) not in runs]
    return missing


def _run(end: float, model: str, arm: str, task: str, seed: int, choice: Choice) -> Any:
    """The result of a run, unless the time is over before it begins."""
    if time.monotonic() > end:
        return None
    parts = ("dev",) if seed == TRIAL else ("dev", "test")
    found = tune(
        bundled(RECIPES[model]), task, seed, settings_of(task, choice),
        pretrained=arm == ARMS[0], parts=parts,
    )  # fmt: skip
    return {**found, **stamp(model, arm, task, choice)}


def _one_thread() -> None:
    import pytxenc

    pytxenc.set_num_threads(1)
    pytxenc.logging.set_verbosity_error()


def prove(options: argparse.Namespace, runs: Runs) -> None:
    """Do what is missing, and keep every result as it comes; a failed run stops no other."""
    context = multiprocessing.get_context("spawn")
    end = time.monotonic() + 3600 * options.hours
    pool = ProcessPoolExecutor(options.processes, context, _one_thread)
    failed: set[Job] = set()
    try:
        while time.monotonic() < end:
            due = wanted(runs, options.models, options.tasks, options.seeds, options.arms)
            jobs = [job for job in due if job not in failed]
            if not jobs:
                return
            waiting = {pool.submit(_run, end, *job): job for job in jobs}
            for done in as_completed(waiting):
                job = waiting[done]
                try:
                    result = done.result()
                except Exception as error:  # of that run alone
                    failed.add(job)
                    print(f"{key(*job):60} FAILED: {type(error).__name__}: {error}", flush=True)
                    continue
                if result is not None:
                    runs[key(*job)] = result
                    print(f"{key(*job):60} {result['dev']:.1f}", flush=True)
                    finish(options.json, runs)
    finally:
        pool.shutdown(cancel_futures=True)


def known(path: Path) -> Runs:
    """The results in a file that are of the weights and settings of today."""
    told = json.loads(path.read_text())["results"] if path.exists() else {}
    kept = {}
    for name, run in told.items():
        model, arm, task, _, *choice = name.split("/")
        if run == {**run, **stamp(model, arm, task, Choice(*map(float, choice)))}:
            kept[name] = run
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description="Fine-tune the bundled models and their twins.")
    parser.add_argument("--models", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--seeds", type=positive, default=5)
    parser.add_argument("--processes", type=positive, default=2, help="of one thread, default 2")
    parser.add_argument("--hours", type=float, default=24.0, help="begin no run after these")
    parser.add_argument("--report", action="store_true", help="only write the page and the cards")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    without_tuning()
    runs = known(options.json)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if not options.report:
            prove(options, runs)
    except KeyboardInterrupt:
        print("stopped; the same command goes on")
    options.page.write_text(page(runs, list(RECIPES), options.seeds))
    write_cards(runs)


if __name__ == "__main__":
    main()
