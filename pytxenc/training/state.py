"""Where a training run stands, what it decides and what it returns."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ..safetensors_file import write_text

if TYPE_CHECKING:
    from .arguments import TrainingArguments

__all__ = [
    "EvalLoopOutput",
    "EvalPrediction",
    "ExportableState",
    "PredictionOutput",
    "TrainOutput",
    "TrainerControl",
    "TrainerState",
]


class TrainOutput(NamedTuple):
    """What `Trainer.train` returns: the loss is the mean per label over the whole run."""

    global_step: int
    training_loss: float
    metrics: dict[str, float]


class PredictionOutput(NamedTuple):
    """What `Trainer.predict` returns: arrays, or tuples of arrays, with a row a sample."""

    predictions: Any
    label_ids: Any
    metrics: dict[str, float]


class EvalLoopOutput(NamedTuple):
    """What one pass over a data set found."""

    predictions: Any
    label_ids: Any
    metrics: dict[str, float]
    num_samples: int


@dataclass
class EvalPrediction:
    """What `compute_metrics` is given; it unpacks as (predictions, label_ids, ...).

    Attributes:
        predictions: logits, float32, one row a sample; a tuple where the model has several.
            Sequences of different lengths are padded with -100.
        label_ids: labels likewise.
        inputs: input_ids, where `include_for_metrics` has "inputs".
        losses: every sample's batch's loss, where `include_for_metrics` has "loss".
    """

    predictions: Any
    label_ids: Any
    inputs: Any = None
    losses: Any = None

    def _given(self) -> tuple[Any, ...]:
        more = (value for value in (self.inputs, self.losses) if value is not None)
        return (self.predictions, self.label_ids, *more)

    def __iter__(self) -> Any:
        return iter(self._given())

    def __getitem__(self, index: int) -> Any:
        return self._given()[index]


class ExportableState:
    """For callbacks whose state is to be in checkpoints."""

    def state(self) -> dict[str, Any]:
        """{"args": arguments of the constructor, "attributes": what to set}, all JSON-able."""
        raise NotImplementedError(f"{type(self).__name__} must say what its state is")

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Any:
        """An object with a state that `state` returned."""
        instance = cls(**state["args"])
        for name, value in state["attributes"].items():
            setattr(instance, name, value)
        return instance


@dataclass
class TrainerControl(ExportableState):
    """What the loop does next; callbacks set it.

    The loop ends at once or with the epoch, or logs, evaluates and saves after this step.
    """

    should_training_stop: bool = False
    should_epoch_stop: bool = False
    should_save: bool = False
    should_evaluate: bool = False
    should_log: bool = False

    def state(self) -> dict[str, Any]:
        return {"args": dataclasses.asdict(self), "attributes": {}}

    def new_step(self) -> None:
        """Forget what was to be done after the last step."""
        self.should_save = self.should_evaluate = self.should_log = False


@dataclass
class TrainerState:
    """Where a run stands: what checkpoints keep in trainer_state.json.

    Attributes:
        epoch: passes over the data so far, with a fraction.
        global_step: optimiser steps so far.
        log_history: everything logged, each with its "step" and "epoch".
        num_input_tokens_seen: real tokens trained on, over all processes.
        skipped_steps: steps whose gradients were not finite, which changed nothing.
        elapsed: seconds of training, those before a resumption included.
        best_metric, best_global_step, best_model_checkpoint: of the best evaluation.
        Others as the fields of `TrainingArguments` and of transformers.
    """

    epoch: float = 0.0
    global_step: int = 0
    max_steps: int = 0
    logging_steps: int = 500
    eval_steps: int = 500
    save_steps: int = 500
    train_batch_size: int | None = None
    num_train_epochs: int = 0
    num_input_tokens_seen: int = 0
    total_flos: float = 0
    log_history: list[dict[str, Any]] = field(default_factory=list)
    best_metric: float | None = None
    best_global_step: int | None = None
    best_model_checkpoint: str | None = None
    is_local_process_zero: bool = True
    is_world_process_zero: bool = True
    is_hyper_param_search: bool = False
    trial_name: str | None = None
    trial_params: dict[str, Any] | None = None
    stateful_callbacks: dict[str, Any] = field(default_factory=dict)
    skipped_steps: int = 0
    elapsed: float = 0.0

    def compute_steps(self, args: TrainingArguments, max_steps: int) -> None:
        """Settle how often to log, evaluate and save, where that is a fraction of all steps."""
        for name in ("logging_steps", "eval_steps", "save_steps"):
            steps = getattr(args, name)
            if steps is not None:
                setattr(self, name, int(steps) if steps >= 1 else math.ceil(max_steps * steps))

    def to_dict(self) -> dict[str, Any]:
        """The fields, JSON-able."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainerState:
        """The state of such fields; ValueError for what are none."""
        names = {item.name for item in dataclasses.fields(cls)}
        if not isinstance(values, dict) or not {"epoch", "global_step"} <= set(values):
            raise ValueError("this is no state of a Trainer: it has no epoch and global_step")
        return cls(**{name: value for name, value in values.items() if name in names})

    def save_to_json(self, json_path: str | os.PathLike[str]) -> None:
        """Write the state as JSON."""
        write_text(json_path, json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n")

    @classmethod
    def load_from_json(cls, json_path: str | os.PathLike[str]) -> TrainerState:
        """Read a state that `save_to_json` (or transformers) wrote."""
        with open(json_path, encoding="utf-8") as file:
            return cls.from_dict(json.load(file))
