"""What the runs of prove_models.py come to: the protocol, comparisons of pairs, the page."""

from typing import Any, NamedTuple

from finetune_tasks import TASKS, majority
from harness import data_dir

from pytxenc.metrics import Interval, mean_interval, paired_difference

ARMS = ("pretrained", "twin")
RATES = (1e-4, 3e-4, 1e-3)
EPOCHS = {
    "sst2": 4, "mrpc": 6, "sick-entailment": 8, "sick-relatedness": 8, "conll2000": 4,
}  # fmt: skip
TRIAL = 0  # the seed that chooses the learning rate
GATE_TASKS = ("sst2", "mrpc", "sick-entailment", "conll2000")
GATE = 3
SEEDS = 5
Runs = dict[str, dict[str, Any]]


def key(model: str, arm: str, task: str, seed: int, rate: float) -> str:
    """The name of a run in the results."""
    return f"{model}/{arm}/{task}/{seed}/{rate:g}"


def chosen(runs: Runs, model: str, arm: str, task: str) -> float | None:
    """The rate that was best in development; None while a trial is missing."""
    trials = {rate: runs.get(key(model, arm, task, TRIAL, rate)) for rate in RATES}
    done = {rate: run["dev"] for rate, run in trials.items() if run is not None}
    return max(done, key=lambda rate: (done[rate], -rate)) if len(done) == len(RATES) else None


class Comparison(NamedTuple):
    """A model and its twin on a task, over the seeds."""

    rates: dict[str, float]
    scores: dict[str, list[float]]  # of the test set, in percent
    difference: Interval  # pretrained less twin


def compare(runs: Runs, model: str, task: str, seeds: int = SEEDS) -> Comparison | None:
    """None while a run is missing."""
    rates, scores = {}, {}
    for arm in ARMS:
        rate = chosen(runs, model, arm, task)
        if rate is None:
            return None
        found = [runs.get(key(model, arm, task, TRIAL + 1 + i, rate)) for i in range(seeds)]
        if any(run is None for run in found):
            return None
        rates[arm], scores[arm] = rate, [run["test"] for run in found if run is not None]
    return Comparison(rates, scores, paired_difference(scores["pretrained"], scores["twin"]))


def verdict(runs: Runs, model: str, seeds: int = SEEDS) -> str:
    """Whether the model passes, in a sentence."""
    found = {task: compare(runs, model, task, seeds) for task in GATE_TASKS}
    better = [t for t, one in found.items() if one is not None and one.difference.low > 0]
    worse = [t for t, one in found.items() if one is not None and one.difference.high < 0]
    missing = [t for t, one in found.items() if one is None]
    if len(better) >= GATE:
        passed = "passed"
    else:
        passed = "not passed" if len(better) + len(missing) < GATE else "not decided"
    told = f"`pytxenc/{model}`: the gate is {passed}: better than its twin on {_list(better)}"
    told += f", worse on {_list(worse)}" if worse else ""
    return told + (f", not yet measured on {_list(missing)}." if missing else ".")


def _list(tasks: list[str]) -> str:
    return ", ".join(tasks) or "none"


def page(runs: Runs, models: list[str], seeds: int = SEEDS) -> str:
    """All scores in Markdown, with the verdict on each model."""
    lines = [
        "# The bundled models and their twins",
        "",
        "Written by `python benchmarks/prove_models.py` from [results/models-tasks.json]"
        "(results/models-tasks.json): test scores in percent, means over seeds with 95 % intervals;"
        " every seed below. The twin has the same shape and tokenizer and random initial values."
        " The learning rate was chosen for each on the development set. A model passes if it is"
        f" better than its twin on {GATE} of {', '.join(GATE_TASKS)}, outside the interval of the"
        " paired difference; relatedness is reported beside.",
        "",
        *(f"- {verdict(runs, model, seeds)}" for model in models),
        "",
        "| model | task | metric | majority | twin | pretrained | difference (95 %) |",
        "|---|---|---|---|---|---|---|",
    ]
    detail = ["", "| model | task | arm | learning rate | seeds |", "|---|---|---|---|---|"]
    for model in models:
        for task, kind in TASKS.items():
            found = compare(runs, model, task, seeds)
            if found is None:
                lines.append(f"| {model} | {task} | {kind.metric} | | | | not yet measured |")
                continue
            base, d = majority(task, data_dir() / "tasks"), found.difference
            cells = [model, task, kind.metric, "" if base is None else f"{base:.1f}"]
            for arm in reversed(ARMS):
                mean = mean_interval(found.scores[arm])
                cells.append(f"{mean.mean:.1f} ({mean.low:.1f} to {mean.high:.1f})")
                each = ", ".join(f"{score:.1f}" for score in found.scores[arm])
                detail.append(f"| {model} | {task} | {arm} | {found.rates[arm]:g} | {each} |")
            lines.append(f"| {' | '.join(cells)} | {d.mean:+.1f} ({d.low:+.1f} to {d.high:+.1f}) |")
    return "\n".join([*lines, *detail, ""])
