"""The steps of a training run, in the order of transformers' Trainer."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .batches import Batch
from .checkpoint import SaveClock, StopSignals
from .distributed import GradientReducer
from .evaluation import speed_metrics
from .loader import Loader, as_arrays, batch_size, shortened, steps
from .session import StepResult
from .state import TrainerState, TrainOutput

if TYPE_CHECKING:
    from .trainer import Trainer

__all__ = ["LossTotals", "TrainingLoop", "TrainingPlan"]

logger = logging.getLogger("pytxenc")


class LossTotals:
    """Sums of losses over steps, for their means per label.

    Attributes:
        values: float64: the sums of the two losses, their counts, the sum of the losses that are
            not per label (a function's own), the batches of those.
    """

    def __init__(self) -> None:
        self.values: NDArray[np.float64] = np.zeros(6)

    def add(self, result: StepResult, own: bool) -> None:
        """Take in a micro-batch; `own`: its loss is a function's, not the model's."""
        if own:
            self.values[4] += result.loss
        else:
            self.values[:4] += (*result.loss_sums, *result.counts)

    def step_done(self) -> None:
        """Count a step."""
        self.values[5] += 1

    def mean(self, values: NDArray[np.float64] | None = None) -> float:
        """The mean of each loss over its labels, added; of a function's losses over the steps."""
        values = self.values if values is None else values
        total = values[4] / values[5] if values[5] else 0.0
        for loss, count in zip(values[:2], values[2:4], strict=True):
            total += loss / count if count else 0.0
        return float(total)


class TrainingPlan:
    """How many steps and epochs a run has.

    Attributes:
        max_steps: optimiser steps of the run; 0 where only the clock ends it.
        num_epochs: epochs begun in it.
    """

    def __init__(self, trainer: Trainer, batches: Any) -> None:
        args = trainer.args
        self._batches, self._accumulation = batches, args.gradient_accumulation_steps
        by_clock = args.max_train_seconds is not None
        if args.max_steps < 0 and not by_clock:
            if self.steps_in(0) is None:
                raise ValueError(
                    "max_steps must be set: the training data have no length, so that "
                    "num_train_epochs says nothing of when to end"
                )
            self.num_epochs = math.ceil(args.num_train_epochs)
            epochs: Sequence[int] = range(self.num_epochs)
            if getattr(batches, "changes", False):  # to know the others would be to make them
                epochs = [0] * self.num_epochs
            sizes = [self.steps_in(epoch) or 0 for epoch in epochs]
            rest = args.num_train_epochs - (self.num_epochs - 1)
            self.max_steps = sum(sizes[:-1]) + math.ceil(rest * sizes[-1] - 1e-9)
            return
        self.max_steps = max(args.max_steps, 0)
        first = self.steps_in(0)
        self.num_epochs = math.ceil(self.max_steps / first) if first and self.max_steps else 1

    def steps_in(self, epoch: int) -> int | None:
        """Optimiser steps in an epoch; None where that is not known."""
        if hasattr(self._batches, "num_steps"):
            return int(self._batches.num_steps(epoch))
        try:
            return max(1, -(-len(self._batches) // self._accumulation))
        except TypeError:
            return None


class TrainingLoop:
    """One call of `Trainer.train`."""

    def __init__(self, trainer: Trainer, ignore_keys: list[str] | None) -> None:
        self.trainer, self.args, self._ignore_keys = trainer, trainer.args, ignore_keys
        self.batches = trainer.get_train_dataloader()
        self._check_stages()
        self.plan = TrainingPlan(trainer, self.batches)
        self.interval, self.run_totals = LossTotals(), LossTotals()
        self.epoch, self.step_in_epoch = 0, 0  # where the next step is
        self.stage = 0  # of the curriculum of lengths, in which that epoch began
        self._cuts = False  # samples to the stage's length, where they cannot be packed anew
        self._logged_step = 0
        self._interval_seconds, self._interval_tokens = 0.0, 0
        self._learning_rate, self._grad_norm = 0.0, 0.0

    @property
    def state(self) -> TrainerState:
        """Of the Trainer."""
        return self.trainer.state

    # ---- position, for checkpoints ----

    def position(self) -> dict[str, Any]:
        """Where the loop is, JSON-able."""
        return {
            "epoch": self.epoch,
            "step_in_epoch": self.step_in_epoch,
            "stage": self.stage,
            "logged_step": self._logged_step,
            "interval": self.interval.values.tolist(),
            "run": self.run_totals.values.tolist(),
        }

    def move_to(self, position: dict[str, Any]) -> None:
        """Go on from a `position`; KeyError or ValueError for what is none."""
        self.epoch = int(position["epoch"])
        self.step_in_epoch = 0 if self.args.ignore_data_skip else int(position["step_in_epoch"])
        self.stage = int(position.get("stage", 0))
        self._logged_step = int(position["logged_step"])
        for totals, name in ((self.interval, "interval"), (self.run_totals, "run")):
            values = np.asarray(position[name], np.float64)
            if values.shape != totals.values.shape:
                raise ValueError(f"the checkpoint's position has {values.shape} for {name!r}")
            totals.values = values

    # ---- the run ----

    def run(self) -> TrainOutput:
        """Train until the last step, the end of the time, a callback or a signal."""
        trainer = self.trainer
        first_step, first_tokens = self.state.global_step, self.state.num_input_tokens_seen
        started = time.time()
        self._started = time.perf_counter() - self.state.elapsed
        self._save_clock = SaveClock(self.args.save_minutes)
        trainer.clock = self.state.elapsed
        self._samples = 0
        trainer.session.zero_grad()
        trainer.world.broadcast(trainer.session.flat.values)
        self._reducer = GradientReducer(trainer.world, trainer.session.flat)
        trainer.control.should_training_stop = False
        self._enter_stage()
        trainer.call("on_train_begin")
        if self.args.eval_on_start:
            trainer.evaluate_in_training(self._ignore_keys)
        with StopSignals() as signals:
            self._signals = signals
            while not trainer.control.should_training_stop and not self._finished():
                self._run_epoch()
        trainer.finish_parameters()
        self.state.elapsed = time.perf_counter() - self._started
        done = self.state.global_step - first_step
        loss = self._over_ranks(self.run_totals)
        tokens = self.state.num_input_tokens_seen - first_tokens
        metrics = speed_metrics("train", started, self._samples * trainer.world.size, done)
        metrics["train_tokens_per_second"] = tokens / max(time.time() - started, 1e-9)
        metrics["train_loss"] = loss
        trainer.log(metrics)
        if self.args.load_best_model_at_end:
            trainer.load_best_model()
        trainer.call("on_train_end")
        return TrainOutput(self.state.global_step, loss, metrics)

    def _finished(self) -> bool:
        args, plan = self.args, self.plan
        by_epochs = args.max_steps < 0 and args.max_train_seconds is None
        if by_epochs and not self._packs and self.epoch >= plan.num_epochs:
            return True  # also where callbacks ended epochs early
        return 0 < plan.max_steps <= self.state.global_step

    def _run_epoch(self) -> None:
        trainer = self.trainer
        trainer.control.should_epoch_stop = False
        over = self._enter_stage()
        trainer.call("on_epoch_begin")
        size = self.plan.steps_in(self.epoch) or self.plan.max_steps or None
        before = self.state.global_step
        last_seen = time.perf_counter()
        for micro_batches in () if over else self._steps():
            self._step(micro_batches)
            self.step_in_epoch += 1
            self.state.epoch = self.epoch + (self.step_in_epoch / size if size else 0.0)
            now = time.perf_counter()
            self._interval_seconds += now - last_seen
            self.state.elapsed = now - self._started
            trainer.call("on_step_end", loss=self._last_loss)
            trainer.control.should_save |= self._save
            trainer.control.should_training_stop |= self._stop
            if self._packs and self._present_stage() != self.stage:
                trainer.control.should_epoch_stop = True
            self._log_evaluate_save()
            last_seen = time.perf_counter()
            if trainer.control.should_epoch_stop or trainer.control.should_training_stop:
                break
        if self.state.global_step == before and not self.step_in_epoch:
            if not self.state.global_step:
                raise ValueError("the training data gave no batch")
            logger.warning(
                "the training data gave no batch in epoch %d: training ends at step %d",
                self.epoch, self.state.global_step,
            )  # fmt: skip
            trainer.control.should_training_stop = True
        if self._complete(size):
            self.epoch, self.step_in_epoch = self.epoch + 1, 0
            if self.args.average_last is not None and self.args.save_strategy != "steps":
                trainer.average_parameters(milestone=True)
        trainer.control.new_step()
        trainer.call("on_epoch_end")
        self._log_evaluate_save()

    def _present_stage(self) -> int:
        """The stage of the curriculum of lengths that the run has come to."""
        stages = self.args.length_curriculum
        if stages is None:
            return 0
        done = self.trainer.progress()
        return sum(start <= done for start, _ in stages) - 1

    def _check_stages(self) -> None:
        """ValueError before the first step for a stage that could not be entered later."""
        stages = self.args.length_curriculum
        data: Any = getattr(self.batches, "dataset", None)
        if stages is None or not isinstance(self.batches, Loader):
            return
        if not hasattr(data, "with_block_size"):
            return
        longest = max(length for _, length in stages)
        limits = {"the training data's samples": data.block_size}
        limits["what the model takes"] = self.trainer.model.longest_input
        for what, limit in limits.items():
            if longest > limit:
                raise ValueError(
                    f"length_curriculum has a stage of {longest} tokens, which is longer than"
                    f" {what}, {limit}"
                )
        for _, length in stages:
            if not len(self.batches.of_length(length)):
                raise ValueError(f"of the training data no sample of {length} tokens can be made")

    @property
    def _packs(self) -> bool:
        """Whether a curriculum has the data set packed anew; its stages then end epochs."""
        return self.args.length_curriculum is not None and not self._cuts

    def _stage_length(self) -> int:
        """Tokens of the samples of the present stage."""
        assert self.args.length_curriculum is not None
        return self.args.length_curriculum[self._present_stage()][1]

    def _enter_stage(self) -> bool:
        """Let samples have the length of the epoch's stage, if they can.

        Returns whether that stage is over: the run goes on where it had just ended.
        """
        stages = self.args.length_curriculum
        if stages is None:
            return False
        present = self._present_stage()
        stage = self.stage if self.step_in_epoch else present
        length = stages[stage][1]
        packs = getattr(self.batches, "set_length", None)
        self._cuts = packs is None or not packs(length)
        if self._cuts:
            return False
        if stage != self.stage:
            self.state.best_metric = None  # losses of other lengths are no match
        self.stage, self.trainer.sample_length = stage, length
        return stage != present

    def _complete(self, size: int | None) -> bool:
        """Whether the epoch is over, so that the next step is the first of another."""
        control = self.trainer.control
        ended = not control.should_training_stop or control.should_epoch_stop
        return ended or self.step_in_epoch == size

    def _steps(self) -> Iterator[list[Batch]]:
        """This process's micro-batches of every step left in the epoch."""
        if hasattr(self.batches, "set_epoch"):
            self.batches.set_epoch(self.epoch)
        if hasattr(self.batches, "steps"):
            return self.batches.steps(self.epoch, self.step_in_epoch)
        world, accumulation = self.trainer.world, self.args.gradient_accumulation_steps
        return steps(self.batches, accumulation, self.step_in_epoch, world.rank, world.size)

    def _step(self, micro_batches: list[Batch]) -> None:
        """One optimiser step over some micro-batches: exact whatever their labels' numbers."""
        trainer, session, state = self.trainer, self.trainer.session, self.state
        inputs = [as_arrays(batch.inputs) for batch in micro_batches]
        if self._cuts:
            inputs = [shortened(batch, self._stage_length()) for batch in inputs]
        counts = np.sum([(0, 0), *map(trainer.count_labels, inputs)], axis=0)
        first, second = trainer.world.all_reduce_counts(counts.tolist())
        items = (max(1.0, first), max(1.0, second))
        trainer.control.new_step()
        trainer.call("on_step_begin")
        totals, own, tokens = LossTotals(), trainer.compute_loss_func is not None, 0
        for number, (batch, micro) in enumerate(zip(inputs, micro_batches, strict=True)):
            ready = self._reducer.layer_ready if number == len(inputs) - 1 else None
            result = trainer.training_step(batch, items, micro.first_sample, ready)
            totals.add(result, own)
            tokens += result.tokens
            self._samples += batch_size(batch)
            if number < len(inputs) - 1:
                trainer.call("on_substep_end")
        self._reducer.finish()
        trainer.call("on_pre_optimizer_step")
        self._learning_rate = trainer.learning_rate()
        report = trainer.optimizer.step(max_grad_norm=self.args.max_grad_norm or None)
        trainer.call("on_optimizer_step")
        self._grad_norm = report.grad_norm
        self._exchange(tokens)
        if report.skipped:
            state.skipped_steps += 1
        else:
            trainer.schedule()
        session.zero_grad()
        self._last_loss = totals.mean()
        totals.step_done()
        if math.isfinite(self._last_loss) or not self.args.logging_nan_inf_filter:
            self.interval.values += totals.values
            self.run_totals.values += totals.values
        state.global_step += 1
        by_steps = self.args.save_strategy == "steps"
        if not report.skipped:
            trainer.average_parameters(by_steps and state.global_step % state.save_steps == 0)

    def _exchange(self, tokens: int) -> None:
        """Agree with the other processes on the time, and on whether to save and to stop."""
        now, world = time.perf_counter(), self.trainer.world
        seen, requested, clock, due = world.all_reduce_counts(
            [tokens, int(self._signals.requested), now - self._started, int(self._save_clock.due())]
        )
        self.trainer.clock = clock / world.size
        limit = self.args.max_train_seconds
        self.trainer.interrupted = requested > 0
        self._stop = requested > 0 or (limit is not None and self.trainer.clock >= limit)
        self._save = self._stop or due > 0
        self.state.num_input_tokens_seen += int(seen)
        self._interval_tokens += int(seen)

    def _log_evaluate_save(self) -> None:
        trainer, control, state = self.trainer, self.trainer.control, self.state
        if control.should_log and state.global_step > self._logged_step:
            self._log()
        if control.should_evaluate:
            metrics = trainer.evaluate_in_training(self._ignore_keys)
            better = trainer.note_best(metrics)
            if self.args.save_strategy == "best":
                control.should_save |= better
        if control.should_save:
            trainer.save_checkpoint(self.position())
            self._save_clock.restart()
            trainer.call("on_save")

    def _over_ranks(self, totals: LossTotals) -> float:
        """The mean of losses that every process has a part of."""
        world = self.trainer.world
        values = np.array(world.all_reduce_counts(totals.values.tolist()))
        values[5] /= world.size  # steps are counted by every process
        return totals.mean(values)

    def _log(self) -> None:
        seconds = self._interval_seconds
        logs = {
            "loss": self._over_ranks(self.interval),
            "grad_norm": self._grad_norm,
            "learning_rate": self._learning_rate,
            "tokens": self.state.num_input_tokens_seen,
            "tokens_per_second": round(self._interval_tokens / seconds, 1) if seconds else 0.0,
            "skipped_steps": self.state.skipped_steps,
            "elapsed": round(self.state.elapsed, 3),
        }
        self.interval = LossTotals()
        self._interval_seconds, self._interval_tokens = 0.0, 0
        self._logged_step = self.state.global_step
        self.trainer.log(logs)
