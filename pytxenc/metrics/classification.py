"""How well predicted classes agree with the labels."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .checking import paired

__all__ = ["accuracy", "f1", "matthews_correlation"]

Counts = NDArray[np.int64]


def accuracy(labels: Any, predictions: Any, *, ignored: int | None = None) -> float:
    """Share of the predictions that equal the label.

    labels, predictions: (n,) numbers or strings; (n, classes) of 0 and 1 where several classes
        hold at once: all of a row must be right.
    ignored: the label that does not count, -100 for tokens; then of any one shape.

    ValueError where the shapes differ or nothing counts.
    """
    if ignored is None:
        first, second = paired(labels, predictions, (1, 2))
        right = first == second
        return float(np.mean(right.all(axis=1) if right.ndim == 2 else right))
    first, second = paired(labels, predictions, (1, 2, 3))
    counted = first != ignored
    if not counted.any():
        raise ValueError(f"all labels are {ignored}, which does not count")
    return float(np.mean(first[counted] == second[counted]))


def _class_counts(labels: NDArray[Any], predictions: NDArray[Any]) -> tuple[Counts, Counts, Counts]:
    """For every class that occurs: hits, times predicted, times labelled."""
    if labels.ndim == 2:
        truth, found = labels.astype(bool), predictions.astype(bool)
        return (truth & found).sum(axis=0), found.sum(axis=0), truth.sum(axis=0)
    classes, both = np.unique(np.concatenate([labels, predictions]), return_inverse=True)
    truth, found = both[: len(labels)], both[len(labels) :]
    hits, predicted, labelled = (
        np.bincount(of, minlength=len(classes)) for of in (truth[truth == found], found, truth)
    )
    return hits, predicted, labelled


def f1(
    labels: Any,
    predictions: Any,
    *,
    average: Literal["binary", "micro", "macro"] = "binary",
    positive: Any = 1,
) -> float:
    """Harmonic mean of precision and recall, 2·hits / (predicted + labelled); 0 where that is 0/0.

    labels, predictions: (n,) classes; (n, classes) of 0 and 1 for several classes at once, with
        an average over them.
    average: "binary", of the class `positive`; "micro", of the counts of all classes added up
        (for one class a row that is the accuracy); "macro", the mean of the classes that occur.

    ValueError where the shapes differ, or "binary" meets more than two classes.
    """
    if average not in ("binary", "micro", "macro"):
        raise ValueError(f"average must be 'binary', 'micro' or 'macro', not {average!r}")
    if average == "binary":
        first, second = paired(labels, predictions)
        classes = np.unique(np.concatenate([first, second]))
        if len(classes) > 2:
            raise ValueError(
                f"there are {len(classes)} classes; for more than two choose average='micro' or"
                " 'macro'"
            )
        truth, found = first == positive, second == positive
        return _share(2 * int((truth & found).sum()), int(truth.sum() + found.sum()))
    hits, predicted, labelled = _class_counts(*paired(labels, predictions, (1, 2)))
    if average == "micro":
        return _share(2 * int(hits.sum()), int(predicted.sum() + labelled.sum()))
    return float(
        np.mean([_share(2 * h, p) for h, p in zip(hits, predicted + labelled, strict=True)])
    )


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0


def matthews_correlation(labels: Any, predictions: Any) -> float:
    """Correlation of classes, from -1 to 1; 0 where either holds one class alone.

    For two classes Matthews' coefficient (1975), for more Gorodkin's (2004).
    """
    hits, predicted, labelled = (
        counts.astype(float) for counts in _class_counts(*paired(labels, predictions))
    )
    total = float(labelled.sum())
    covariance = hits.sum() * total - predicted @ labelled
    spread = (total**2 - predicted @ predicted) * (total**2 - labelled @ labelled)
    return _share(float(covariance), float(np.sqrt(spread)))
