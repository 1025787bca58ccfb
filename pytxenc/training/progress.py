"""Progress bars of training and evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from .callbacks import TrainerCallback
from .state import TrainerControl, TrainerState

if TYPE_CHECKING:
    from .arguments import TrainingArguments

__all__ = ["ProgressCallback"]


class ProgressCallback(TrainerCallback):
    """A bar over the steps with the loss and tokens a second, and one for each evaluation.

    tqdm adds the time gone and the time to come; a run of max_train_seconds shows no end in
    steps.  What is logged is written above the bar.
    """

    def __init__(self) -> None:
        self.training_bar: Any = None
        self.prediction_bar: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            self.training_bar = tqdm(
                total=state.max_steps if args.max_train_seconds is None else None,
                initial=state.global_step,
                dynamic_ncols=True,
                unit="step",
            )
            self._first = (state.elapsed, state.num_input_tokens_seen)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.training_bar is None:
            return
        seconds = state.elapsed - self._first[0]
        tokens = state.num_input_tokens_seen - self._first[1]
        shown = {"tokens/s": f"{tokens / seconds:.0f}"} if seconds > 0 else {}
        if kwargs.get("loss") is not None:
            shown = {"loss": f"{kwargs['loss']:.3f}", **shown}
        self.training_bar.set_postfix(shown, refresh=False)
        self.training_bar.update(state.global_step - self.training_bar.n)

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        batches = kwargs.get("eval_dataloader")
        if not state.is_world_process_zero or not hasattr(batches, "__len__"):
            return
        if self.prediction_bar is None:
            self.prediction_bar = tqdm(
                total=len(batches),  # type: ignore[arg-type]
                leave=self.training_bar is None,
                dynamic_ncols=True,
                unit="batch",
            )
        self.prediction_bar.update(1)

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.prediction_bar is not None:
            self.prediction_bar.close()
            self.prediction_bar = None

    on_predict = on_evaluate

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.training_bar is not None:
            logs = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in kwargs["logs"].items()}
            self.training_bar.write(str(logs))

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.training_bar is not None:
            self.training_bar.close()
            self.training_bar = None
