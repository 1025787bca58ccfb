"""Metrics by name, and the sets of them by which GLUE's tasks are scored."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from .checking import paired
from .classification import accuracy, f1, matthews_correlation
from .correlation import pearson, spearman

__all__ = ["METRICS", "glue_metrics", "metric_set", "perplexity"]

Metric = Callable[[Any, Any], float]
MetricSet = Callable[[Any, Any], dict[str, float]]


def _mean_squared_error(labels: Any, predictions: Any) -> float:
    first, second = paired(labels, predictions, (1, 2))
    return float(np.mean((first.astype(np.float64) - second) ** 2))


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "f1": f1,
    "f1_macro": partial(f1, average="macro"),
    "f1_micro": partial(f1, average="micro"),
    "matthews_correlation": matthews_correlation,
    "mse": _mean_squared_error,
    "pearson": pearson,
    "spearmanr": spearman,
}

_GLUE = {
    "cola": ("matthews_correlation",),
    "sst2": ("accuracy",),
    "mrpc": ("accuracy", "f1"),
    "qqp": ("accuracy", "f1"),
    "stsb": ("pearson", "spearmanr"),
    "mnli": ("accuracy",),
    "qnli": ("accuracy",),
    "rte": ("accuracy",),
    "wnli": ("accuracy",),
}


def metric_set(names: str | Iterable[str]) -> MetricSet:
    """A function (labels, predictions) -> {name: value} of the metrics of these names.

    names: one or several of METRICS.

    ValueError for a name that is none of them.
    """
    chosen = [names] if isinstance(names, str) else list(names)
    for name in chosen:
        if name not in METRICS:
            raise ValueError(f"there is no metric {name!r}; there are {', '.join(METRICS)}")
    if not chosen:
        raise ValueError("no metrics were named")
    return lambda labels, predictions: {n: METRICS[n](labels, predictions) for n in chosen}


def glue_metrics(task: str) -> MetricSet:
    """A function (labels, predictions) -> {name: value} of what a task of GLUE is scored by.

    task: "cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli", "rte" or "wnli"; case, "-" and
        "_" do not matter.

    Where there are two metrics, "combined_score" is their mean.  For "stsb" both are numbers,
    otherwise classes (predicted classes, not logits).

    ValueError for another task.
    """
    key = task.lower().replace("-", "").replace("_", "")
    if key not in _GLUE:
        raise ValueError(f"GLUE has no task {task!r}; it has {', '.join(_GLUE)}")
    compute = metric_set(_GLUE[key])

    def scores(labels: Any, predictions: Any) -> dict[str, float]:
        found = compute(labels, predictions)
        if len(found) > 1:
            found["combined_score"] = sum(found.values()) / len(found)
        return found

    return scores


def perplexity(loss: float) -> float:
    """exp(loss) of a mean loss in nats; infinity where that is too large for a number."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf
