"""What each head is trained for: its labels as C takes them, and where its family drops out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..modeling import PreTrainedModel
from ..modeling.heads import CausalLMModel
from ..modeling.inputs import as_array, as_integers
from ..modeling.losses import IGNORED_LABEL, problem_type_of

__all__ = ["Objective", "dropout_rates", "objective_of"]

_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids", "inputs_embeds")
_LABELS = (
    "labels", "next_sentence_label", "sentence_order_label", "start_positions", "end_positions",
)  # fmt: skip
_PROBLEMS = {
    "regression": "squared_error",
    "single_label_classification": "cross_entropy",
    "multi_label_classification": "binary",
}


@dataclass
class Objective:
    """One batch as C takes it."""

    inputs: dict[str, Any]  # of the encoder, and choices
    loss: str = "cross_entropy"
    labels: dict[str, Any] = field(default_factory=dict)  # arrays by the names that _core has
    counts: tuple[int, int] = (0, 0)  # labels that count towards each loss
    weights: tuple[float, float] = (1.0, 1.0)  # of the losses in the model's loss


def objective_of(model: PreTrainedModel, batch: Mapping[str, Any], *, given: bool) -> Objective:
    """The batch's inputs and labels; with `given` labels are not needed.

    Errors as of a call of the model, and TypeError for an argument that it does not have.
    """
    known = {*_INPUTS, *_LABELS}
    unknown = [name for name in batch if name not in known]
    if unknown:
        raise TypeError(
            f"{type(model).__name__} is not trained with {unknown[0]!r}; a batch holds inputs "
            f"({', '.join(_INPUTS)}) and labels ({', '.join(_LABELS)})"
        )
    given_inputs = {name: batch.get(name) for name in _INPUTS}
    choices = 0
    if model._head == "choice":
        given_inputs, choices = _flatten_choices(given_inputs)
    inputs, shape = model._arguments(*given_inputs.values())
    if model._head == "choice":
        inputs["choices"] = choices
    objective = Objective(inputs)
    if not given:
        _take_labels(objective, model, batch, shape)
    return objective


def _flatten_choices(inputs: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Inputs (batch, choices, length) as (batch * choices, length), and the choices."""
    flat: dict[str, Any] = {}
    choices = 0
    for name, value in inputs.items():
        array = as_array(name, value)
        if array is not None:
            if array.ndim < 3:
                raise ValueError(
                    f"{name} has shape {array.shape}; it must be (batch, choices, length)"
                )
            choices = choices or array.shape[1]
            array = array.reshape(-1, *array.shape[2:])
        flat[name] = array
    return flat, choices


def _take_labels(
    objective: Objective, model: PreTrainedModel, batch: Mapping[str, Any], shape: tuple[int, ...]
) -> None:
    head = model._head
    if head == "answer":
        _take_spans(objective, batch, shape)
        return
    labels = as_array("labels", batch.get("labels"))
    sentence = as_array(
        "sentence labels",
        next((batch[n] for n in _LABELS[1:3] if batch.get(n) is not None), None),
    )
    if head == "next_sentence":
        labels = sentence if labels is None else labels
    if labels is None and (sentence is None or head != "pretraining"):
        raise ValueError(f"{type(model).__name__} is trained with labels; the batch has none")
    if head == "sequence":
        assert labels is not None
        _take_problem(objective, model, labels)
        return
    if labels is not None:
        if head in ("next_sentence", "choice"):
            labels = labels.reshape(-1)
        elif head == "replaced":
            labels = _where_real(labels, objective.inputs["attention_mask"])
        elif isinstance(model, CausalLMModel):
            labels = _shifted(labels)
        objective.labels["labels"] = _checked("labels", labels)
    if head == "pretraining" and sentence is not None:
        objective.labels["sentence_labels"] = _checked("sentence labels", sentence.reshape(-1))
    objective.counts = (
        _count(objective.labels.get("labels")),
        _count(objective.labels.get("sentence_labels")),
    )


def _take_problem(objective: Objective, model: PreTrainedModel, labels: NDArray[Any]) -> None:
    """Labels of a sequence classifier, by the configuration's problem type."""
    config, columns = model.config, int(model.config.num_labels)
    if labels.dtype.kind not in "biuf":
        raise TypeError(f"labels must be numbers, not {labels.dtype}")
    problem = problem_type_of(config, columns, labels)
    if problem not in _PROBLEMS:
        raise ValueError(
            f"problem_type is {problem!r}; it must be one of {', '.join(map(repr, _PROBLEMS))}"
        )
    objective.loss = _PROBLEMS[problem]
    if objective.loss == "cross_entropy":
        objective.labels["labels"] = _checked("labels", labels.reshape(-1))
        objective.counts = _count(objective.labels["labels"]), 0
    else:
        if objective.loss == "binary" and labels.dtype.kind != "f":
            raise TypeError(
                "labels of several classes at once must be floating, 0.0 or 1.0, not "
                f"{labels.dtype}"
            )
        values = labels.reshape(-1, 1) if columns == 1 else labels
        objective.labels["values"] = np.ascontiguousarray(values, np.float32)
        objective.counts = values.size, 0
    config.problem_type = problem


def _take_spans(objective: Objective, batch: Mapping[str, Any], shape: tuple[int, ...]) -> None:
    """Starts and ends of answers; those beyond the length do not count, as in the reference."""
    columns = []
    for name in ("start_positions", "end_positions"):
        at = as_integers(name, batch.get(name))
        if at is None:
            raise ValueError(f"a model that finds answers is trained with {name}; there are none")
        at = np.clip(at.reshape(-1), 0, shape[1])
        columns.append(np.where(at == shape[1], IGNORED_LABEL, at))
    objective.labels["labels"] = np.stack(columns, axis=1).astype(np.int64)
    objective.counts = _count(columns[0]), _count(columns[1])
    objective.weights = (0.5, 0.5)


def _where_real(labels: NDArray[Any], mask: NDArray[Any] | None) -> NDArray[Any]:
    """Labels of replaced tokens, those of padding ignored."""
    if labels.dtype.kind == "f":
        labels = labels.astype(np.int64)
    return labels if mask is None else np.where(mask, labels, IGNORED_LABEL)


def _shifted(labels: NDArray[Any]) -> NDArray[Any]:
    """Each label at the position that predicts it: the one before."""
    moved = np.full_like(labels, IGNORED_LABEL)
    moved[:, :-1] = labels[:, 1:]
    return moved


def _checked(what: str, labels: NDArray[Any]) -> NDArray[np.int64]:
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{what} must be integers, not {labels.dtype}")
    wrong = (labels < 0) & (labels != IGNORED_LABEL)
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise IndexError(
            f"{what}{list(where)} is {labels[where]}; it must be {IGNORED_LABEL} (ignored) or not "
            "negative"
        )
    return np.ascontiguousarray(labels, np.int64)


def _count(labels: NDArray[Any] | None) -> int:
    return 0 if labels is None else int(np.count_nonzero(labels != IGNORED_LABEL))


# ---- dropout ----


def dropout_rates(model: PreTrainedModel) -> dict[str, float]:
    """The rate of each place that drops out, as the reference has it.

    embeddings, attention (probabilities), attention_output, feed_forward, head_input (before the
    layer that stands before a classifier) and head_output (before the classifier).  ALBERT does
    not drop the feed-forward's output, as in transformers (its first code did).
    """
    config, family = model.config, model._family
    if family == "distilbert":
        rates = {
            "embeddings": config.dropout,
            "attention": config.attention_dropout,
            "attention_output": 0.0,
            "feed_forward": config.dropout,
        }
    else:
        hidden = config.hidden_dropout_prob
        rates = {
            "embeddings": hidden,
            "attention": config.attention_probs_dropout_prob,
            "attention_output": hidden,
            "feed_forward": 0.0 if family == "albert" else hidden,
        }
    before, after = _head_rates(model)
    return {**rates, "head_input": before, "head_output": after}


def _head_rates(model: PreTrainedModel) -> tuple[float, float]:
    config, family, head = model.config, model._family, model._head
    if family == "distilbert":
        rates = {
            "sequence": config.seq_classif_dropout,
            "choice": config.seq_classif_dropout,
            "tokens": config.dropout,
            "answer": config.qa_dropout,
        }
        return 0.0, rates.get(head, 0.0)
    if family == "albert":
        rate = config.classifier_dropout_prob
        return 0.0, rate if head in ("sequence", "choice", "tokens", "pretraining") else 0.0
    own = config.classifier_dropout
    rate = config.hidden_dropout_prob if own is None else own
    if head == "sequence":
        return (rate if family in ("roberta", "electra") else 0.0), rate
    if head == "choice" and family == "electra":
        return getattr(config, "summary_first_dropout", 0.0), config.summary_last_dropout
    if head == "choice" and family == "roberta":
        rate = config.hidden_dropout_prob
    return 0.0, rate if head in ("choice", "tokens") else 0.0
