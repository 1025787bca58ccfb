"""What a model says of the rows of a data set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..batching import cut_by_length
from ..modeling import PreTrainedModel
from .base import Features, TaskDataset
from .padding import pad_rows

__all__ = ["compute_scores", "rows_of_predictions"]

_TARGETS = ("labels", "start_positions", "end_positions")


def compute_scores(
    model: PreTrainedModel, dataset: TaskDataset, *, batch_tokens: int = 4096
) -> list[NDArray[np.float32]]:
    """The scores (logits) of every row, without padding, in the data set's order.

    batch_tokens: tokens that are computed together, padding included; rows of like length go
        together.

    Returns arrays (classes,) of texts, (tokens, tags) of sentences, (tokens, 2) of questions
    with a window, start and end, (choices,) of texts with choices.
    """
    found: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(dataset)
    features = [{k: v for k, v in row.items() if k not in _TARGETS} for row in dataset]
    lengths = [_length(row) for row in features]
    for batch in cut_by_length(lengths, None, batch_tokens):
        rows = [features[i] for i in batch]
        outputs = model(**pad_rows(rows, dataset.tokenizer.pad_token_id))
        for place, scores in zip(batch, _rows_of(outputs), strict=True):
            found[place] = scores
    for place, row in enumerate(features):
        if found[place].ndim == 2:
            found[place] = found[place][: len(row["input_ids"])]
    return found


def rows_of_predictions(predictions: Any) -> list[NDArray[Any]]:
    """The `predictions` of an EvalPrediction as `compute_scores` would give them, but padded."""
    if isinstance(predictions, tuple):
        return list(np.stack(predictions[:2], axis=-1))
    return list(predictions)


def _rows_of(outputs: Any) -> Iterator[NDArray[np.float32]]:
    if "start_logits" in outputs:
        both = np.stack([outputs["start_logits"], outputs["end_logits"]], axis=-1)
    else:
        both = np.asarray(outputs["logits"])
    yield from both


def _length(row: Features) -> int:
    """Tokens of a row: of all its choices together where it has several."""
    ids = row["input_ids"]
    return len(ids) if not ids or isinstance(ids[0], int) else len(ids) * max(map(len, ids))
