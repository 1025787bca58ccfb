"""Whether pretraining paid: every bundled model and its randomly initialised twin, fine-tuned.

Settings are fixed here, but for the learning rate, which is chosen for every model, twin and task
on the development set with a seed of its own; the test set is looked at once, by the seeds that
count.  Seeds pair a model with its twin.  A model passes if it is better than its twin on at least
3 of the 4 collections, outside the 95 % interval of the paired difference.

    python benchmarks/prove_models.py               # hours; goes on where it was stopped
    python benchmarks/prove_models.py --report      # the page from the results there are
"""

import argparse
import itertools
import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from finetune_tasks import TASKS, majority
from harness import ROOT, data_dir, finish, positive, without_tuning
from model_recipes import RECIPES
from model_tuning import Tuning, tune

from pytxenc.metrics import mean_interval, paired_difference

RESULTS = ROOT / "benchmarks" / "results" / "models-tasks.json"
PAGE = ROOT / "benchmarks" / "MODELS-TASKS.md"
BUNDLED = ROOT / "pytxenc" / "bundled"
ARMS = ("pretrained", "twin")
RATES = (1e-4, 3e-4, 1e-3)
EPOCHS = {
    "sst2": 4, "mrpc": 6, "sick-entailment": 8, "sick-relatedness": 8, "conll2000": 4,
}  # fmt: skip
TRIAL = 0  # the seed that chooses the learning rate
GATE = 3
Runs = dict[str, dict[str, float]]


def key(model: str, arm: str, task: str, seed: int, rate: float) -> str:
    """The name of a run in the results."""
    return f"{model}/{arm}/{task}/{seed}/{rate:g}"


def chosen(runs: Runs, model: str, arm: str, task: str) -> float | None:
    """The rate that was best in development; None while a trial is missing."""
    trials = {rate: runs.get(key(model, arm, task, TRIAL, rate)) for rate in RATES}
    done = {rate: run["dev"] for rate, run in trials.items() if run is not None}
    return max(done, key=lambda rate: (done[rate], -rate)) if len(done) == len(RATES) else None


def wanted(runs: Runs, models: list[str], tasks: list[str], seeds: int) -> list[tuple[Any, ...]]:
    """The runs that are missing and can be begun: trials first, then the seeds."""
    missing = []
    for task, model, arm in itertools.product(tasks, models, ARMS):
        rate = chosen(runs, model, arm, task)
        pairs = [(TRIAL, r) for r in RATES] if rate is None else [
            (seed, rate) for seed in range(TRIAL + 1, TRIAL + 1 + seeds)
        ]  # fmt: skip
        missing += [
            (model, arm, task, seed, r)
            for seed, r in pairs
            if key(model, arm, task, seed, r) not in runs
        ]
    return missing


def _run(model: str, arm: str, task: str, seed: int, rate: float) -> dict[str, float]:
    settings = Tuning(rate=rate, epochs=EPOCHS[task])
    return tune(BUNDLED / model, task, seed, settings, pretrained=arm == "pretrained")


def _quiet() -> None:
    import pytxenc

    pytxenc.set_num_threads(1)
    pytxenc.logging.set_verbosity_error()


def prove(options: argparse.Namespace, runs: Runs) -> None:
    """Do what is missing, and keep every result as it comes."""
    context = multiprocessing.get_context("spawn")
    end = time.monotonic() + 3600 * options.hours
    with ProcessPoolExecutor(options.processes, context, _quiet) as pool:
        while jobs := wanted(runs, options.models, options.tasks, options.seeds):
            waiting = {}
            for job in jobs:
                waiting[pool.submit(_timely, end, *job)] = job
            for done in as_completed(waiting):
                result = done.result()
                if result is None:
                    continue
                runs[key(*waiting[done])] = result
                print(f"{key(*waiting[done]):60} {result}", flush=True)
                finish(options.json, runs)
            if time.monotonic() > end:
                return


def _timely(end: float, *job: Any) -> dict[str, float] | None:
    """The result of a run, unless the time is over before it begins."""
    return None if time.monotonic() > end else _run(*job)


# ---- the page ----


def compare(runs: Runs, model: str, task: str, seeds: int) -> dict[str, Any] | None:
    """The test scores of both arms over the seeds, and the interval of their difference."""
    rates = {arm: chosen(runs, model, arm, task) for arm in ARMS}
    if None in rates.values():
        return None
    scores: dict[str, list[float]] = {}
    for arm, rate in rates.items():
        found = [
            runs.get(key(model, arm, task, s, rate)) for s in range(TRIAL + 1, TRIAL + 1 + seeds)
        ]  # type: ignore[arg-type]
        if None in found:
            return None
        scores[arm] = [run["test"] for run in found if run is not None]
    difference = paired_difference(scores["pretrained"], scores["twin"])
    return {"scores": scores, "rates": rates, "difference": difference}


def page(runs: Runs, models: list[str], seeds: int, about: dict[str, Any]) -> str:
    """All scores in Markdown, with the verdict on each model."""
    lines = [
        "# The bundled models and their twins",
        "",
        "Written by `python benchmarks/prove_models.py` from [results/models-tasks.json]"
        "(results/models-tasks.json): test scores in percent, means over seeds with 95 % intervals;"
        " every seed below. The twin has the same shape and tokenizer and random initial values."
        f" Measured with pytxenc {about.get('pytxenc')} at {about.get('commit')}.",
        "",
        "| model | task | metric | majority | twin | pretrained | difference (95 %) |",
        "|---|---|---|---|---|---|---|",
    ]
    detail = ["", "| model | task | arm | learning rate | seeds |", "|---|---|---|---|---|"]
    verdicts = []
    for model in models:
        better = set()
        for task, kind in TASKS.items():
            told = compare(runs, model, task, seeds)
            if told is None:
                lines.append(f"| {model} | {task} | {kind.metric} | | | | not yet measured |")
                continue
            means = {arm: mean_interval(told["scores"][arm]) for arm in ARMS}
            cells = [
                f"{m.mean:.1f} ({m.low:.1f} to {m.high:.1f})"
                for m in (means["twin"], means[ARMS[0]])
            ]
            d = told["difference"]
            base = majority(task, data_dir() / "tasks")
            lines.append(
                f"| {model} | {task} | {kind.metric} | {'' if base is None else f'{base:.1f}'} | "
                f"{' | '.join(cells)} | {d.mean:+.1f} ({d.low:+.1f} to {d.high:+.1f}) |"
            )
            if d.low > 0:
                better.add(task.split("-")[0])
            for arm in ARMS:
                each = ", ".join(f"{score:.1f}" for score in told["scores"][arm])
                detail.append(f"| {model} | {task} | {arm} | {told['rates'][arm]:g} | {each} |")
        collections = {task.split("-")[0] for task in TASKS}
        verdicts.append(
            f"- `pytxenc/{model}` is better than its twin on {len(better)} of {len(collections)}"
            f" collections ({', '.join(sorted(better)) or 'none'}): the gate of {GATE} is"
            f" {'passed' if len(better) >= GATE else 'NOT passed'}."
        )
    return "\n".join([*lines, "", *verdicts, *detail, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description="Fine-tune the bundled models and their twins.")
    parser.add_argument("--models", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", type=positive, default=5)
    parser.add_argument("--processes", type=positive, default=2, help="of one thread, default 2")
    parser.add_argument("--hours", type=float, default=24.0, help="begin no run after these")
    parser.add_argument("--report", action="store_true", help="only write the page")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    without_tuning()
    told = json.loads(options.json.read_text()) if options.json.exists() else {"results": {}}
    runs: Runs = told["results"]
    if not options.report:
        prove(options, runs)
        told = json.loads(options.json.read_text())
    options.page.write_text(page(runs, list(RECIPES), options.seeds, told.get("machine", {})))


if __name__ == "__main__":
    main()
