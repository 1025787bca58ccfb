"""The page and the figures of claims.py, from its results alone.

    python benchmarks/claim_report.py benchmarks/results/claims.json

writes benchmarks/CLAIMS.md, and claims-differences.svg and claims-curves.svg beside the results.
"""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from claim_arms import ARMS, CLAIMS, LEFT, METRICS, Claim, Metric
from claim_figures import draw_curves, draw_differences
from harness import ROOT

from pytxenc.metrics import Interval, mean_interval, paired_difference

PAGE = ROOT / "benchmarks" / "CLAIMS.md"
MISSING = "–"


class Difference(NamedTuple):
    """An arm less the baseline of its claim, in one metric, over the seeds that both have."""

    arm: str
    baseline: str
    metric: str
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    interval: Interval

    @property
    def detected(self) -> bool:
        """Whether the interval leaves 0 out; never with one seed."""
        return self.interval.low > 0 or self.interval.high < 0


class Results:
    """What was measured."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.machine, self.told = told["machine"], told["results"]
        self.floor: float = self.told["unigram_entropy"]
        runs = self.told["runs"]
        self.runs = {(run["arm"], run["seed"]): run for run in runs if "failed" not in run}
        self.failed = {(run["arm"], run["seed"]): run["failed"] for run in runs if "failed" in run}
        self.seeds = sorted({run["seed"] for run in runs})
        self.processors = sorted({run["cpu"] for run in runs if "cpu" in run})

    def of(self, arm: str) -> dict[int, dict[str, Any]]:
        """An arm's runs by seed."""
        return {seed: self.runs[arm, seed] for seed in self.seeds if (arm, seed) in self.runs}

    def values(self, arm: str, metric: str) -> dict[int, float]:
        """A figure of an arm by seed, where it was measured."""
        found = {seed: figure(run, METRICS[metric]) for seed, run in self.of(arm).items()}
        return {seed: value for seed, value in found.items() if value is not None}

    def difference(self, arm: str, baseline: str, metric: str) -> Difference | None:
        """None where there is no seed that both have."""
        first, second = self.values(arm, metric), self.values(baseline, metric)
        seeds = tuple(seed for seed in first if seed in second)
        if not seeds:
            return None
        pair = [first[seed] for seed in seeds], [second[seed] for seed in seeds]
        values = tuple(a - b for a, b in zip(*pair, strict=True))
        return Difference(arm, baseline, metric, seeds, values, paired_difference(*pair))

    def differences(self, claim: Claim) -> list[Difference]:
        """All of a claim."""
        found = [
            self.difference(arm, claim.baseline, metric)
            for metric in claim.metrics
            for arm in claim.arms[1:]
        ]
        return [one for one in found if one is not None]


def figure(run: dict[str, Any], metric: Metric) -> float | None:
    """A metric of a run; None where it was not measured."""
    value: Any = run
    for part in metric.path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def number(value: float, digits: int, sign: bool = False) -> str:
    """In so many decimals; in powers of ten below 0 decimals."""
    if math.isnan(value):
        return MISSING
    plus = "+" if sign else ""
    return f"{value:{plus}.1e}" if digits < 0 else f"{value:{plus}.{digits}f}"


def verdict(one: Difference) -> str:
    """What a difference says, in words."""
    digits = METRICS[one.metric].digits
    low, high = (number(end, digits, True) for end in one.interval[2:4])
    if one.interval.n < 2:
        return "one seed: no interval"
    if not one.detected:
        return f"no difference detected (interval {low} to {high})"
    return f"{'higher' if one.interval.mean > 0 else 'lower'} (interval {low} to {high})"


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of Markdown."""
    lines = [heading, ["---"] * len(heading), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


# ---- the page ----


def page(results: Results) -> str:
    """All of it."""
    parts = [_preface(results), *(_section(results, claim) for claim in CLAIMS.values())]
    return "\n".join(parts).rstrip() + "\n"


def _preface(results: Results) -> str:
    about, scale = results.machine, results.told["scale"]
    lines = [
        "# The papers' claims, measured small",
        "",
        "What BERT, RoBERTa and ALBERT say of pretraining, tried with models of a million to ten"
        " million parameters, a few million tokens and one thread. Written by `python"
        " benchmarks/claims.py WORK --report` from [results/claims.json](results/claims.json);"
        " the arms and what is measured of them were fixed before in"
        " [claim_arms.py](claim_arms.py).",
        "",
        "**What this can show.** The papers trained far larger models on far more text. What is"
        " tested is whether the sign of a difference is the same in the small;"
        " a claim that does not show here may well hold there.",
        "",
        "**How.** Arms under the same seed have the same initial weights and the same order of"
        " samples where their shapes allow it; differences are between such pairs. Given are means"
        " ± standard deviations over seeds, every seed, and 95 % t-intervals of the paired"
        " difference. An interval with 0 in it is called no difference detected. With many"
        " differences some intervals leave 0 out by chance: one in twenty. Losses are nats a"
        " masked token on held-out documents, the same text and the same masks for all, computed"
        " in float32. AdamW, β .9 and .98, ε 1e-6, weight decay .01, warm-up 6 %, clipped to 1, no"
        " dropout, 15 % of tokens masked, about 2,000 tokens a step, bfloat16. Scores of tasks are"
        " of their test sets after four epochs at a rate of 3e-4, in percent.",
        "",
        f"**The floor.** Whoever knows only how frequent words are has a loss of"
        f" {results.floor:.3f} (the unigram entropy of the held-out text). Small models stay for"
        " millions of tokens on a plateau half a nat to a nat below it; an arm that is not at least"
        f" {LEFT} below has not left it, and shows nothing (†).",
        "",
        f"pytxenc {about.get('pytxenc', MISSING)} at {about.get('commit', MISSING)},"
        f" {', '.join(results.processors) or MISSING}, {about.get('date', MISSING)}; seeds:"
        f" {', '.join(map(str, results.seeds)) or 'none'}.",
        "",
    ]
    if scale != 1:
        lines += [f"**A trial: all budgets were multiplied by {scale:g}.**", ""]
    lines += [
        "![Paired differences of held-out loss](results/claims-differences.svg)",
        "",
        "![Held-out loss in the course of training](results/claims-curves.svg)",
        "",
    ]
    return "\n".join(lines)


def _section(results: Results, claim: Claim) -> str:
    lines = [f"## {claim.title}", ""]
    lines += [f"*The papers*: {claim.paper}", ""]
    if claim.note:
        lines += [claim.note, ""]
    missing = _missing(results, claim)
    if all(not results.of(arm) for arm in claim.arms):
        return "\n".join([*lines, "Not measured.", *missing, ""])
    lines += _arms(results, claim)
    lines += _scores(results, claim)
    return "\n".join([*lines, *missing])


def _arms(results: Results, claim: Claim) -> list[str]:
    rows = []
    for arm in claim.arms:
        runs = list(results.of(arm).values())
        trained = [run for run in runs if "tokens" in run]
        cells = [f"`{arm}`", ARMS[arm].says]
        if trained:
            tokens, before, seconds = (
                sum(run[key] for run in trained) / len(trained)
                for key in ("tokens", "tokens_before", "seconds")
            )
            more = f"{before / 1e6:.1f} + " if before else ""
            cells += [f"{trained[0]['parameters'] / 1e6:.2f}", f"{more}{tokens / 1e6:.1f}"]
            cells += [f"{seconds:.0f}"]
        else:
            cells += [MISSING] * 3
        rows.append(cells)
    return table(["arm", "what it is", "M parameters", "M tokens", "seconds"], rows)


def _scores(results: Results, claim: Claim) -> list[str]:
    """Every metric of every arm: the mean, every seed, and the difference from the baseline."""
    heading = ["", "arm", "mean ± SD", *(f"seed {seed}" for seed in results.seeds)]
    rows = []
    for metric in claim.metrics:
        title, digits = METRICS[metric].title, METRICS[metric].digits
        for arm in claim.arms:
            values = results.values(arm, metric)
            if values:
                seeds = [number(values.get(seed, math.nan), digits) for seed in results.seeds]
                one = results.difference(arm, claim.baseline, metric)
                told = [MISSING] * 2 if one is None or arm == claim.baseline else [
                    number(one.interval.mean, digits, True), verdict(one)
                ]  # fmt: skip
                rows.append([title, f"`{arm}`", _mean(results, metric, values), *seeds, *told])
        if metric in results.told["trivial"]:
            who, value = results.told["trivial"][metric]
            empty = [""] * (len(results.seeds) + 2)
            rows.append([title, who, number(value, digits), *empty])
    return table([*heading, f"from `{claim.baseline}`", "95 %"], rows)


def _mean(results: Results, metric: str, values: dict[int, float]) -> str:
    told, digits = mean_interval(list(values.values())), METRICS[metric].digits
    spread = "" if told.n < 2 else f" ± {number(told.sd, digits)}"
    stuck = metric == "loss" and told.mean > results.floor - LEFT
    return number(told.mean, digits) + spread + (" †" if stuck else "")


def _missing(results: Results, claim: Claim) -> list[str]:
    """What a reader may look for in vain, by arm."""
    lines = []
    for arm in claim.arms:
        for seed in results.seeds:
            if (arm, seed) not in results.runs:
                why = results.failed.get((arm, seed))
                lines.append(
                    f"- Missing: `{arm}`, seed {seed}"
                    + (f", which failed: {why}" if why else ", not run yet")
                )
    return [*lines, ""] if lines else []


def write_report(path: Path, target: Path = PAGE) -> None:
    """The page of a file of results, and the figures beside that file."""
    results = Results(json.loads(path.read_text()))
    target.write_text(page(results), encoding="utf-8")
    draw_differences(results, path.with_name("claims-differences.svg"))
    draw_curves(results, path.with_name("claims-curves.svg"))
    print(f"written: {target}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Results of claims.py as a page.")
    parser.add_argument("results", type=Path)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    write_report(options.results, options.page)


if __name__ == "__main__":
    main()
