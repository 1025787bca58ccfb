"""One pass over a data set without training: losses, predictions and metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..tensor import to_numpy
from .loader import Arrays, as_arrays, batch_size
from .state import EvalLoopOutput, EvalPrediction

if TYPE_CHECKING:
    from .trainer import Trainer

__all__ = ["concatenated", "evaluation_loop", "speed_metrics"]

PADDING = -100
"""What rows of different lengths are filled with, in predictions and labels."""


def evaluation_loop(
    trainer: Trainer,
    batches: Iterable[Any],
    *,
    description: str,
    prediction_loss_only: bool | None = None,
    ignore_keys: Sequence[str] | None = None,
    metric_key_prefix: str = "eval",
) -> EvalLoopOutput:
    """Losses, predictions and metrics of the batches.

    The loss is the mean over all labels, whatever the sizes of the batches.  Without need of
    predictions it comes from the same passes as in training, which compute no logits that no
    label asks for.
    """
    args = trainer.args
    loss_only = args.prediction_loss_only if prediction_loss_only is None else prediction_loss_only
    by_batch = args.batch_eval_metrics and description != "Prediction"
    wanted = set(args.include_for_metrics)
    losses, predictions, labels, inputs = _Collected(), _Collected(), _Collected(), _Collected()
    totals = np.zeros((2, 2))  # sums and counts of the two losses
    samples = 0
    metrics: dict[str, Any] = {}
    trainer.callback_handler.context["eval_dataloader"] = batches
    for batch, last in _with_last(batches):
        arrays = as_arrays(batch)
        size = batch_size(arrays)
        samples += size
        sums, logits, found = _predict(trainer, arrays, loss_only, ignore_keys)
        totals += sums
        if logits is not None and trainer.preprocess_logits_for_metrics is not None:
            logits = trainer.preprocess_logits_for_metrics(logits, found)
        mean = _loss(sums)
        loss = None if mean is None else np.full(size, mean)
        ids = arrays.get(trainer.model.main_input_name)
        if by_batch and trainer.compute_metrics is not None and logits is not None:
            prediction = EvalPrediction(
                logits,
                found,
                ids if "inputs" in wanted else None,
                loss if "loss" in wanted else None,
            )
            metrics = trainer.compute_metrics(prediction, compute_result=last)
        elif not loss_only:
            predictions.add(logits)
            labels.add(found)
            if "inputs" in wanted:
                inputs.add(ids)
            if "loss" in wanted:
                losses.add(loss)
        trainer.call("on_prediction_step")
    together = args.eval_do_concat_batches
    all_predictions, all_labels = predictions.get(together), labels.get(together)
    complete = all_predictions is not None and all_labels is not None
    if trainer.compute_metrics is not None and complete:
        prediction = EvalPrediction(
            all_predictions, all_labels, inputs.get(together), losses.get(together)
        )
        metrics = trainer.compute_metrics(prediction)
    if not isinstance(metrics, dict):
        raise TypeError(f"compute_metrics must return a dict, not {type(metrics).__name__}")
    mean = _loss(totals)
    if mean is not None:
        metrics = {"loss": mean, **metrics}
    return EvalLoopOutput(
        all_predictions, all_labels, _prefixed(metrics, metric_key_prefix), samples
    )


def _predict(
    trainer: Trainer, batch: Arrays, loss_only: bool, ignore_keys: Sequence[str] | None
) -> tuple[NDArray[np.float64], Any, Any]:
    """Of one batch the sums and counts of the losses (2, 2), the logits and the labels."""
    names = trainer.label_names
    labelled = bool(names) and all(name in batch for name in names)
    found = _single([batch[name] for name in names]) if labelled else None
    if loss_only and labelled and trainer.compute_loss_func is None:
        result = trainer.session.evaluate(batch)
        return np.array([result.loss_sums, result.counts], np.float64), None, None
    outputs = trainer.model(**batch)
    ignored = {"loss", *(ignore_keys or ())}
    logits = _single([to_numpy(value) for key, value in outputs.items() if key not in ignored])
    sums = np.zeros((2, 2))
    if labelled:
        counts = trainer.count_labels(batch)
        if trainer.compute_loss_func is not None:
            value, _ = trainer.torch_loss(batch, None)(to_numpy(outputs.to_tuple()[-1]))
            sums[:, 0] = value * counts[0], counts[0]
        elif counts[1]:  # of two losses the model's call gives only the sum of the means
            result = trainer.session.evaluate(batch)
            sums = np.array([result.loss_sums, result.counts], np.float64)
        elif counts[0] and outputs.loss is not None:
            sums[:, 0] = float(outputs.loss) * counts[0], counts[0]
    return sums, None if loss_only else logits, found


def _loss(totals: NDArray[np.float64]) -> float | None:
    """The mean of each loss over its labels, added; None without labels."""
    sums, counts = totals[:, totals[1] > 0]
    return float((sums / counts).sum()) if len(counts) else None


def _single(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple(values) or None


def _with_last(batches: Iterable[Any]) -> Iterator[tuple[Any, bool]]:
    """Every batch, and whether it is the last."""
    iterator = iter(batches)
    for current in iterator:
        for following in iterator:
            yield current, False
            current = following
        yield current, True


class _Collected:
    """What batches gave, to be put together at the end."""

    def __init__(self) -> None:
        self._parts: list[Any] = []

    def add(self, part: Any) -> None:
        if part is not None:
            self._parts.append(part)

    def get(self, together: bool) -> Any:
        if not self._parts:
            return None
        return concatenated(self._parts) if together else self._parts


def concatenated(parts: Sequence[Any]) -> Any:
    """Arrays, or tuples of arrays, one after the other; shorter rows are filled with -100."""
    if isinstance(parts[0], tuple | list):
        return tuple(concatenated(column) for column in zip(*parts, strict=True))
    arrays = [np.atleast_1d(to_numpy(part)) for part in parts]
    if arrays[0].ndim > 1:
        longest = max(array.shape[1] for array in arrays)
        arrays = [_filled(array, longest) for array in arrays]
    return np.concatenate(arrays)


def _filled(array: NDArray[Any], length: int) -> NDArray[Any]:
    if array.shape[1] == length:
        return array
    filled = np.full((len(array), length, *array.shape[2:]), PADDING, array.dtype)
    filled[:, : array.shape[1]] = array
    return filled


def _prefixed(metrics: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Metrics as JSON has them, their names with the prefix."""
    plain = {k: v.item() if hasattr(v, "item") and v.size == 1 else v for k, v in metrics.items()}
    return {k if k.startswith(f"{prefix}_") else f"{prefix}_{k}": v for k, v in plain.items()}


def speed_metrics(
    prefix: str, start: float, samples: float, steps: float, clock: Callable[[], float] = time.time
) -> dict[str, float]:
    """Seconds since `start`, and samples and steps a second."""
    seconds = clock() - start
    rate = 1 / seconds if seconds > 0 else 0.0
    return {
        f"{prefix}_runtime": round(seconds, 4),
        f"{prefix}_samples_per_second": round(samples * rate, 3),
        f"{prefix}_steps_per_second": round(steps * rate, 3),
    }
