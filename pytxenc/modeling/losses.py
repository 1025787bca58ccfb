"""Losses of the heads, with their reductions as transformers 5.23 has them.

All are means, float32 scalar arrays, in nats where they are entropies.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

IGNORED_LABEL = -100


def cross_entropy(
    logits: NDArray[np.float32],
    labels: NDArray[Any],
    ignored: int = IGNORED_LABEL,
    what: str = "labels",
) -> NDArray[np.float32]:
    """Mean of -log softmax(logits)[label] over labels other than the ignored one.

    Args:
        logits: float32 (..., classes).
        labels: integers (...).
        ignored: the label that does not count.
        what: the labels' name in errors.

    Returns:
        A scalar; NaN when every label is ignored, as in the reference.

    Raises:
        ValueError: shapes differ.
        TypeError: labels are not integers.
        IndexError: a label is no class, and where.
    """
    if labels.shape != logits.shape[:-1]:
        raise ValueError(f"{what} have shape {labels.shape}; the logits need {logits.shape[:-1]}")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{what} must be integers, not {labels.dtype}")
    counted = labels != ignored
    chosen = labels[counted]
    wrong = (chosen < 0) | (chosen >= logits.shape[-1])
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(counted)[int(wrong.argmax())])
        raise IndexError(
            f"{what}{list(where)} is {labels[where]}; it must be {ignored} (ignored) or from 0 to "
            f"{logits.shape[-1] - 1}"
        )
    if not chosen.size:
        return np.array(np.nan, np.float32)
    rows = logits[counted].astype(np.float64)
    top = rows.max(axis=1)
    log_sum = top + np.log(np.exp(rows - top[:, None]).sum(axis=1))
    return np.array((log_sum - rows[np.arange(len(rows)), chosen]).mean(), np.float32)


def next_token_loss(
    logits: NDArray[np.float32], labels: NDArray[Any], num_items: float | None = None
) -> NDArray[np.float32]:
    """Cross-entropy of every label by the logits of the position before it.

    Args:
        logits: float32 (batch, length, classes).
        labels: integers (batch, length); -100 is ignored, and so is the first.
        num_items: what the sum is divided by, instead of the number of labels.
    """
    mean = cross_entropy(logits[:, :-1], labels[:, 1:])
    if num_items is None:
        return mean
    count = np.count_nonzero(labels[:, 1:] != IGNORED_LABEL)
    return np.array(float(mean) * count / num_items if count else 0.0, np.float32)


def squared_error(logits: NDArray[np.float32], targets: NDArray[Any]) -> NDArray[np.float32]:
    """Mean of (logits - targets)^2; ValueError where the shapes differ."""
    if logits.shape != targets.shape:
        raise ValueError(f"labels have shape {targets.shape}; regression needs {logits.shape}")
    difference = logits.astype(np.float64) - targets
    return np.array(np.mean(difference * difference), np.float32)


def binary_cross_entropy(logits: NDArray[np.float32], targets: NDArray[Any]) -> NDArray[np.float32]:
    """Mean over all elements of the entropy of sigmoid(logits) against targets in [0, 1]."""
    if logits.shape != targets.shape:
        raise ValueError(f"labels have shape {targets.shape}; several labels need {logits.shape}")
    if targets.dtype.kind != "f":
        raise TypeError(
            f"labels of several classes at once must be floating, 0.0 or 1.0, not {targets.dtype}"
        )
    x = logits.astype(np.float64)
    losses = np.maximum(x, 0) - x * targets + np.log1p(np.exp(-np.abs(x)))
    return np.array(losses.mean(), np.float32)


def replaced_token_loss(
    logits: NDArray[np.float32], labels: NDArray[Any], mask: NDArray[Any] | None
) -> NDArray[np.float32]:
    """Mean entropy of sigmoid(logits) against labels over the tokens whose mask is 1.

    Args:
        logits: float32 (batch, length).
        labels: (batch, length), 1 where a token was replaced, 0 where not.
        mask: (batch, length) or (1, length); None counts every token.

    Returns:
        A scalar; NaN when no token counts, as in the reference.

    Raises:
        ValueError: a shape differs, or a label that counts is not from 0 to 1, and where.
    """
    if labels.shape != logits.shape:
        raise ValueError(f"labels have shape {labels.shape}; the logits need {logits.shape}")
    if mask is not None and mask.ndim != 2:
        raise ValueError(
            f"attention_mask has shape {mask.shape}; with labels it must be {logits.shape}, to "
            "say which tokens count"
        )
    counted = np.broadcast_to(True if mask is None else mask == 1, logits.shape)
    wrong = counted & ~((labels >= 0) & (labels <= 1))
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"labels{list(where)} is {labels[where]}; it must be 0 (original) or 1 (replaced)"
        )
    if not counted.any():
        return np.array(np.nan, np.float32)
    return binary_cross_entropy(logits[counted], labels[counted].astype(np.float32))


def problem_type_of(config: Any, columns: int, labels: NDArray[Any]) -> Any:
    """config.problem_type, or what it is inferred to be."""
    if config.problem_type is not None:
        return config.problem_type
    if columns == 1:
        return "regression"
    return (
        "single_label_classification" if labels.dtype.kind in "iu" else "multi_label_classification"
    )


def classification_loss(
    logits: NDArray[np.float32], labels: NDArray[Any], config: Any
) -> NDArray[np.float32] | None:
    """Loss of a sequence classifier, by `config.problem_type`.

    Where that is None it is inferred and stored: one label is "regression", integers are
    "single_label_classification", else "multi_label_classification".

    Args:
        logits: float32 (batch, labels).
        labels: integers (batch,); floats (batch,) or (batch, 1) for regression on one label;
            floats (batch, labels) for several labels at once.

    Returns:
        A scalar; None for a problem type that is none of the three.
    """
    if labels.dtype.kind not in "biuf":
        raise TypeError(f"labels must be numbers, not {labels.dtype}")
    problem_type, loss = problem_type_of(config, logits.shape[1], labels), None
    if problem_type == "regression":
        single = logits.shape[1] == 1
        loss = squared_error(*(a.reshape(-1) if single else a for a in (logits, labels)))
    elif problem_type == "single_label_classification":
        loss = cross_entropy(logits, labels.reshape(-1))
    elif problem_type == "multi_label_classification":
        loss = binary_cross_entropy(logits, labels)
    config.problem_type = problem_type  # only now: labels that do not fit must not decide it
    return loss


def span_loss(
    start_logits: NDArray[np.float32],
    end_logits: NDArray[np.float32],
    starts: NDArray[Any],
    ends: NDArray[Any],
) -> NDArray[np.float32]:
    """Mean of the cross-entropies of a span's start and end.

    Args:
        start_logits, end_logits: float32 (batch, length).
        starts, ends: integers (batch,) or (batch, 1); beyond the length they do not count.
    """
    length = start_logits.shape[1]
    losses = []
    for what, logits, at in (
        ("start_positions", start_logits, starts),
        ("end_positions", end_logits, ends),
    ):
        if at.dtype.kind in "iu":
            at = np.clip(at, 0, length)
        losses.append(cross_entropy(logits, at.reshape(-1), length, what))
    return np.array((float(losses[0]) + float(losses[1])) / 2, np.float32)
