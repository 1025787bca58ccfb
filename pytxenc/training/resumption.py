"""What a Trainer keeps in checkpoints, and how it goes on from one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .checkpoint import Checkpointer, find_last, load_weights
from .optimization import Optimization
from .state import ExportableState, TrainerState

if TYPE_CHECKING:
    from ..modeling import PreTrainedModel
    from .callbacks import CallbackHandler
    from .distributed import Communicator
    from .loop import TrainingLoop
    from .state import TrainerControl

__all__ = ["Resumption"]

_OPTIMIZER, _AVERAGE = "optimizer.", "average."  # before the names of arrays
_PARAMETERS = "parameters"  # those of training, where the model that is saved is an average


class Resumption(Optimization):
    """The part of a Trainer that writes and reads checkpoints."""

    model: PreTrainedModel
    control: TrainerControl
    callback_handler: CallbackHandler
    processing_class: Any
    world: Communicator

    def _checkpointer(self) -> Checkpointer:
        assert self.args.output_dir is not None
        return Checkpointer(
            self.args.output_dir,
            keep_last=self.args.save_total_limit,
            keep_best=self.args.metric_for_best_model is not None,
        )

    # ---- writing ----

    def save_checkpoint(self, position: dict[str, Any]) -> None:
        """Write <output_dir>/checkpoint-<step>: whole, or not at all."""
        state, step = self.state, self.state.global_step
        assert self.args.output_dir is not None
        best = state.best_global_step == step
        if best:
            state.best_model_checkpoint = os.path.join(self.args.output_dir, f"checkpoint-{step}")
        if self.world.is_main:
            arrays, numbers = self._contents(position)
            with self.averaged():  # the model that evaluations are of
                self._checkpointer().save(
                    step, model=self.model, tokenizer=self.processing_class, arrays=arrays,
                    numbers=numbers, trainer_state=self.state.to_dict(), best=best,
                )  # fmt: skip
        self.world.barrier()

    def _contents(self, position: dict[str, Any]) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """What a checkpoint holds beside the model: arrays, and the rest as JSON has it."""
        self.state.stateful_callbacks = {
            type(callback).__name__: callback.state()
            for callback in (*self.callback_handler.callbacks, self.control)
            if isinstance(callback, ExportableState)
        }
        numbers: dict[str, Any] = {
            "trainer_state": self.state.to_dict(),
            "arguments": self.args.to_dict(),
        }
        if self.args.save_only_model:
            return {}, numbers
        optimizer = self.optimizer.state_dict()
        arrays = {_OPTIMIZER + name: array for name, array in optimizer["state"].items()}
        numbers["optimizer"] = optimizer["numbers"]
        numbers["scheduler"] = self.lr_scheduler.state_dict()
        numbers["position"] = position
        if self.average is not None:
            average = self.average.state_dict()
            arrays |= {_AVERAGE + name: array for name, array in average["state"].items()}
            numbers["average"] = average["numbers"]
            arrays[_PARAMETERS] = self.session.flat.values.copy()
        return arrays, numbers

    # ---- reading ----

    def find_checkpoint(self, resume: str | os.PathLike[str] | bool | None) -> Path | None:
        """The checkpoint that `train` is told to go on from, None for a new run."""
        if not resume:
            return None
        assert self.args.output_dir is not None
        if resume is True:
            found = find_last(self.args.output_dir)
            if found is None:
                raise ValueError(f"there is no checkpoint in {self.args.output_dir} to resume from")
            return Path(found)
        path = Path(resume)
        if not path.is_dir():
            raise FileNotFoundError(f"there is no checkpoint {path} to resume from")
        return path

    def resume(self, path: Path, loop: TrainingLoop) -> None:
        """Put model, optimiser, schedule, average, state and loop where the checkpoint was."""
        arrays, numbers = self._checkpointer().load(path, self.model)
        missing = {"optimizer", "scheduler", "position", "trainer_state"} - set(numbers)
        if missing:
            raise ValueError(
                f"{path} holds a model alone, without {sorted(missing)}: load it by "
                "from_pretrained, and train anew"
            )
        load_weights(path, self.session.flat.views(self.session.flat.values))
        self.optimizer.load_state_dict(
            {"state": _of(arrays, _OPTIMIZER), "numbers": numbers["optimizer"]}
        )
        self.lr_scheduler.load_state_dict(numbers["scheduler"])
        if self.average is not None:
            if "average" not in numbers:
                raise ValueError(
                    f"{path} has no average of parameters, which the arguments ask for"
                )
            self.average.load_state_dict(
                {"state": _of(arrays, _AVERAGE), "numbers": numbers["average"]}
            )
        if _PARAMETERS in arrays:
            self.session.flat.values[...] = arrays[_PARAMETERS]
        self.state = TrainerState.from_dict(numbers["trainer_state"])
        self.state.is_local_process_zero = self.state.is_world_process_zero = self.world.is_main
        if self.args.restore_callback_states_from_checkpoint:
            self._restore_callbacks()
        loop.move_to(numbers["position"])

    def _restore_callbacks(self) -> None:
        for callback in self.callback_handler.callbacks:
            saved = self.state.stateful_callbacks.get(type(callback).__name__)
            if isinstance(callback, ExportableState) and saved is not None:
                for name, value in {**saved["args"], **saved["attributes"]}.items():
                    setattr(callback, name, value)

    # ---- the best one ----

    def note_best(self, metrics: dict[str, Any]) -> bool:
        """Whether an evaluation is better than all before; the state keeps it if it is."""
        if self.args.metric_for_best_model is None:
            return False
        value, best = metrics[self.metric_name(metrics)], self.state.best_metric
        if best is not None and not (value > best if self.args.greater_is_better else value < best):
            return False
        if np.isnan(value):
            return False
        self.state.best_metric = value
        if self.args.save_strategy != "no":
            self.state.best_global_step = self.state.global_step
        return True

    def load_best_model(self) -> None:
        """Set the parameters to those of the best checkpoint, where there is one."""
        path = self.state.best_model_checkpoint
        if path is not None and os.path.isdir(path):
            load_weights(path, self.session.flat.views(self.session.flat.values))
            self.session.sync()


def _of(arrays: dict[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The arrays whose names begin so, without that."""
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
