"""What the runs of prove_models.py come to: the protocol, comparisons of pairs, the page."""

import itertools
from typing import Any, NamedTuple

from finetune_tasks import TASKS, majority
from harness import data_dir

from pytxenc.metrics import Interval, mean_interval, paired_difference

ARMS = ("pretrained", "twin")


class Choice(NamedTuple):
    """What is chosen in development."""

    rate: float  # the highest learning rate
    dropout: float


CHOICES = tuple(Choice(rate, dropout) for rate in (1e-4, 3e-4) for dropout in (0.0, 0.1))
EPOCHS = {
    "sst2": 4, "mrpc": 6, "sick-entailment": 16, "sick-relatedness": 16, "conll2000": 4,
}  # fmt: skip
TRIAL = 0  # the seed that chooses
GATE_TASKS = ("sst2", "mrpc", "sick-entailment", "conll2000")
GATE = 3
SEEDS = 5
Runs = dict[str, dict[str, Any]]


def key(model: str, arm: str, task: str, seed: int, choice: Choice) -> str:
    """The name of a run in the results."""
    return f"{model}/{arm}/{task}/{seed}/{choice.rate:g}/{choice.dropout:g}"


def trials(runs: Runs, model: str, arm: str, task: str) -> dict[Choice, float]:
    """The scores in development of the trials that are done, in the order of CHOICES."""
    keys = {choice: key(model, arm, task, TRIAL, choice) for choice in CHOICES}
    return {choice: runs[name]["dev"] for choice, name in keys.items() if name in runs}


def chosen(runs: Runs, model: str, arm: str, task: str) -> Choice | None:
    """The best in development, of equal ones the first; None while a trial is missing."""
    done = trials(runs, model, arm, task)
    return max(done, key=done.__getitem__) if len(done) == len(CHOICES) else None


class Comparison(NamedTuple):
    """A model and its twin on a task, over the seeds."""

    choices: dict[str, Choice]
    scores: dict[str, list[float]]  # of the test set, in percent
    difference: Interval  # pretrained less twin


def compare(runs: Runs, model: str, task: str, seeds: int = SEEDS) -> Comparison | None:
    """None while a run is missing."""
    choices, scores = {}, {}
    for arm in ARMS:
        choice = chosen(runs, model, arm, task)
        if choice is None:
            return None
        found = [runs.get(key(model, arm, task, TRIAL + 1 + i, choice)) for i in range(seeds)]
        if any(run is None for run in found):
            return None
        choices[arm], scores[arm] = choice, [run["test"] for run in found if run is not None]
    return Comparison(choices, scores, paired_difference(scores["pretrained"], scores["twin"]))


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
    epochs = ", ".join(f"{task} {number}" for task, number in EPOCHS.items())
    lines = [
        "# The bundled models and their twins",
        "",
        "Written by `python benchmarks/prove_models.py` from [results/models-tasks.json]"
        "(results/models-tasks.json): test scores in percent, means over seeds with 95 % intervals;"
        " every seed below. The twin has the same shape and tokenizer and random initial values."
        " Learning rate and dropout were chosen for each on the development set, by a seed of its"
        f" own; epochs of training: {epochs}. A model passes if it is better than its twin on"
        f" {GATE} of {', '.join(GATE_TASKS)}, outside the interval of the paired difference;"
        " relatedness is reported beside.",
        "",
        *(f"- {verdict(runs, model, seeds)}" for model in models),
        "",
        "| model | task | metric | majority | twin | pretrained | difference (95 %) |",
        "|---|---|---|---|---|---|---|",
    ]
    detail = [
        "",
        "| model | task | arm | learning rate | dropout | seeds |",
        "|---|---|---|---|---|---|",
    ]
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
                rate, dropout = found.choices[arm]
                detail.append(f"| {model} | {task} | {arm} | {rate:g} | {dropout:g} | {each} |")
            lines.append(f"| {' | '.join(cells)} | {d.mean:+.1f} ({d.low:+.1f} to {d.high:+.1f}) |")
    return "\n".join([*lines, *detail, *_trial_table(runs, models), ""])


def _trial_table(runs: Runs, models: list[str]) -> list[str]:
    """The scores in development that the choices were made by."""
    settings = [f"rate {choice.rate:g}, dropout {choice.dropout:g}" for choice in CHOICES]
    lines = [
        "",
        "Scores on the development set that the choices were made by, of one seed:",
        "",
        f"| model | task | arm | {' | '.join(settings)} |",
        "|---|---|---|" + "---|" * len(CHOICES),
    ]
    for model, task, arm in itertools.product(models, TASKS, reversed(ARMS)):
        if done := trials(runs, model, arm, task):
            scores = [f"{done[choice]:.1f}" if choice in done else "" for choice in CHOICES]
            lines.append(f"| {model} | {task} | {arm} | {' | '.join(scores)} |")
    return lines
