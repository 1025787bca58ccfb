"""What may be done at the events of a training run, and who does it by default."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .state import ExportableState, TrainerControl, TrainerState

if TYPE_CHECKING:
    from .arguments import TrainingArguments

__all__ = [
    "CallbackHandler",
    "DefaultFlowCallback",
    "EarlyStoppingCallback",
    "PrinterCallback",
    "TrainerCallback",
]

logger = logging.getLogger("pytxenc")


class TrainerCallback:
    """Base of callbacks: a method for every event, which does nothing.

    Each is called with the arguments, the state and the control of the run, and by keyword with
    model, processing_class, optimizer, lr_scheduler, train_dataloader and eval_dataloader;
    on_evaluate and on_predict also get metrics, on_log gets logs.  A method may change the
    control, or return another.
    """

    def on_init_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> Any:
        """The Trainer has been made."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> Any:
        """Training begins."""

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> Any:
        """Training has ended."""

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> Any:
        """An epoch begins."""

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> Any:
        """An epoch has ended."""

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> Any:
        """A step begins: the first of its micro-batches is next."""

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> Any:
        """The gradients of a step are there, neither clipped nor used."""

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> Any:
        """The optimiser has changed the parameters; the gradients are still there."""

    def on_substep_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> Any:
        """A micro-batch has been done that is not the last of its step."""

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> Any:
        """A step has been done."""

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> Any:
        """An evaluation has been done."""

    def on_predict(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> Any:
        """A prediction has been done."""

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> Any:
        """A checkpoint has been written."""

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> Any:
        """Something has been logged."""

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> Any:
        """A batch of an evaluation or a prediction has been done."""

    def on_push_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> Any:
        """A checkpoint is going to be uploaded: never here."""


EVENTS = tuple(name for name in vars(TrainerCallback) if name.startswith("on_"))


class CallbackHandler:
    """The callbacks of a Trainer, called in their order."""

    def __init__(self, callbacks: Iterable[TrainerCallback | type[TrainerCallback]]) -> None:
        self.callbacks: list[TrainerCallback] = []
        self.context: dict[str, Any] = {}  # what every event passes on by keyword
        for callback in callbacks:
            self.add_callback(callback)

    @property
    def callback_list(self) -> str:
        """The classes of the callbacks, one a line."""
        return "\n".join(type(callback).__name__ for callback in self.callbacks)

    def add_callback(self, callback: TrainerCallback | type[TrainerCallback]) -> None:
        """Add a callback, or one of a class; TypeError for what is none."""
        made = callback() if isinstance(callback, type) else callback
        if not isinstance(made, TrainerCallback):
            raise TypeError(f"a callback must be a TrainerCallback, not {made!r}")
        if any(type(known) is type(made) for known in self.callbacks):
            logger.warning("there is already a %s among the callbacks", type(made).__name__)
        self.callbacks.append(made)

    def pop_callback(
        self, callback: TrainerCallback | type[TrainerCallback]
    ) -> TrainerCallback | None:
        """Remove this callback, or the first of a class, and return it; None if there is none."""
        for known in self.callbacks:
            if known is callback or (isinstance(callback, type) and isinstance(known, callback)):
                self.callbacks.remove(known)
                return known
        return None

    def call(
        self,
        event: str,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl:
        """Let all callbacks know of an event; the control that the last of them left."""
        for callback in self.callbacks:
            result = getattr(callback, event)(args, state, control, **self.context, **kwargs)
            if result is not None:
                control = result
        return control


class DefaultFlowCallback(TrainerCallback):
    """Logs, evaluates and saves when the arguments say so, and stops at the last step."""

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        step = state.global_step
        last = step >= state.max_steps > 0
        if step == 1 and args.logging_first_step:
            control.should_log = True
        if args.logging_strategy == "steps" and step % state.logging_steps == 0:
            control.should_log = True
        if args.eval_strategy == "steps" and args.eval_delay <= step:
            control.should_evaluate |= step % state.eval_steps == 0 or last
        if args.save_strategy == "steps":
            control.should_save |= step % state.save_steps == 0 or last
        control.should_training_stop |= last
        return control

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        control.should_log |= args.logging_strategy == "epoch"
        control.should_evaluate |= args.eval_strategy == "epoch" and args.eval_delay <= state.epoch
        control.should_save |= args.save_strategy == "epoch"
        return control


class PrinterCallback(TrainerCallback):
    """Prints what is logged."""

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_local_process_zero:
            print(kwargs["logs"], flush=True)


class EarlyStoppingCallback(TrainerCallback, ExportableState):
    """Stops the run when evaluations have not improved for some time.

    Args:
        early_stopping_patience: stop after so many evaluations in a row whose
            `metric_for_best_model` was no better than the best one before.
        early_stopping_threshold: what a better one must be better by.
    """

    def __init__(
        self, early_stopping_patience: int = 1, early_stopping_threshold: float | None = 0.0
    ) -> None:
        self.early_stopping_patience = early_stopping_patience
        self.early_stopping_threshold = early_stopping_threshold or 0.0
        self.early_stopping_patience_counter = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if args.metric_for_best_model is None:
            raise ValueError("EarlyStoppingCallback needs metric_for_best_model to be set")
        if args.eval_strategy == "no":
            raise ValueError("EarlyStoppingCallback needs evaluations: set eval_strategy")
        if not args.load_best_model_at_end:
            logger.warning(
                "EarlyStoppingCallback without load_best_model_at_end: the model will be the last"
                " one, not the best"
            )

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        assert args.metric_for_best_model is not None
        name = "eval_" + args.metric_for_best_model.removeprefix("eval_")
        value = kwargs["metrics"].get(name)
        if value is None:
            logger.warning("there is no %s among the metrics: no early stopping by it", name)
            return
        better = state.best_metric is None
        if state.best_metric is not None:
            gain = (
                value - state.best_metric if args.greater_is_better else state.best_metric - value
            )
            better = gain > self.early_stopping_threshold
        self.early_stopping_patience_counter = (
            0 if better else self.early_stopping_patience_counter + 1
        )
        if self.early_stopping_patience_counter >= self.early_stopping_patience:
            control.should_training_stop = True

    def state(self) -> dict[str, Any]:
        return {
            "args": {
                "early_stopping_patience": self.early_stopping_patience,
                "early_stopping_threshold": self.early_stopping_threshold,
            },
            "attributes": {"early_stopping_patience_counter": self.early_stopping_patience_counter},
        }
