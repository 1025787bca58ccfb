"""What a Trainer does with optimisers, schedules and averages of parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from ..optim import (
    ExponentialMovingAverage,
    LastAverage,
    WallClockSchedule,
    create_optimizer,
    get_scheduler,
    parameter_groups,
)

if TYPE_CHECKING:
    from .arguments import TrainingArguments
    from .session import Session
    from .state import TrainerState

__all__ = ["Optimization"]

_TICKS = 10_000
"""What a schedule by the clock counts for the steps of the run, which nobody knows."""


class Optimization:
    """The part of a Trainer that changes parameters.

    Attributes:
        optimizer, lr_scheduler: None before training.
        average: of the parameters, None without one.
        clock: seconds of training, as all processes have agreed on them at the last step.
    """

    args: TrainingArguments
    state: TrainerState
    optimizer: Any
    lr_scheduler: Any
    average: Any = None
    clock: float = 0.0

    @property
    def session(self) -> Session:
        """What computes forward and backward passes of the model."""
        raise NotImplementedError

    def _set_optimizers(
        self, optimizers: Any, optimizer_cls_and_kwargs: tuple[type, dict[str, Any]] | None
    ) -> None:
        if not isinstance(optimizers, tuple | list) or len(optimizers) != 2:
            raise TypeError(
                "optimizers must be a pair: (optimizer, scheduler), either of them None"
            )
        self.optimizer, self.lr_scheduler = optimizers
        self._given = tuple(optimizers)
        if optimizer_cls_and_kwargs is not None and self.optimizer is not None:
            raise ValueError("optimizers and optimizer_cls_and_kwargs: give only one")
        self._optimizer_cls_and_kwargs = optimizer_cls_and_kwargs

    # ---- making them ----

    def create_optimizer_and_scheduler(self, num_training_steps: int) -> None:
        """Make what has not been given, for a run of so many steps."""
        self.create_optimizer()
        self.lr_scheduler = self._given[1]
        self.create_scheduler(num_training_steps)
        self.average = None
        if self.args.ema_decay is not None:
            self.average = ExponentialMovingAverage(self.session, self.args.ema_decay)
        elif self.args.average_last is not None:
            self.average = LastAverage(self.session, self.args.average_last)

    def create_optimizer(self) -> Any:
        """The optimiser: as given, else of `args.optim` with its groups of parameters."""
        args = self.args
        if callable(self.optimizer):
            self.optimizer = self.optimizer(self.session)
        if self.optimizer is None and self._optimizer_cls_and_kwargs is not None:
            cls, kwargs = self._optimizer_cls_and_kwargs
            groups = self._groups(kwargs.get("lr", args.learning_rate), kwargs)
            self.optimizer = cls(self.session, groups=groups, **kwargs)
        elif self.optimizer is None:
            self.optimizer = create_optimizer(
                args.optim, self.session, lr=args.learning_rate, weight_decay=args.weight_decay,
                betas=(args.adam_beta1, args.adam_beta2), eps=args.adam_epsilon,
                optim_args=args.optim_args, groups=self._groups(args.learning_rate, {}),
            )  # fmt: skip
        if getattr(self.optimizer, "flat", None) is not self.session.flat:
            raise ValueError(
                "the optimizer is not over this Trainer's parameters: make it from trainer.session,"
                " or give a function that makes it from a session"
            )
        return self.optimizer

    def _groups(self, lr: float, kwargs: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The groups of parameters for a learning rate and an optimiser's keywords."""
        args = self.args
        return parameter_groups(
            self.session, kwargs.get("weight_decay", args.weight_decay), lr=lr,
            layer_decay=args.layer_decay, frozen=args.frozen,
        )  # fmt: skip

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The schedule: as given, else of `args.lr_scheduler_type`, by steps or by the clock."""
        args, optimizer = self.args, optimizer or self.optimizer
        if callable(self.lr_scheduler):
            self.lr_scheduler = self.lr_scheduler(optimizer)
        elif self.lr_scheduler is None and args.max_train_seconds is not None:
            self.lr_scheduler = WallClockSchedule(
                optimizer,
                args.lr_scheduler_type,
                budget=args.max_train_seconds,
                num_warmup_steps=args.get_warmup_steps(_TICKS),
                num_training_steps=_TICKS,
                clock=lambda: self.clock,
                **self._scheduler_kwargs(),
            )
        elif self.lr_scheduler is None:
            self.lr_scheduler = get_scheduler(
                args.lr_scheduler_type,
                optimizer,
                num_warmup_steps=args.get_warmup_steps(num_training_steps),
                num_training_steps=num_training_steps,
                scheduler_specific_kwargs=self._scheduler_kwargs(),
            )
        return self.lr_scheduler

    def _scheduler_kwargs(self) -> dict[str, Any]:
        kwargs = self.args.lr_scheduler_kwargs or {}
        assert isinstance(kwargs, dict)
        if self.args.lr_scheduler_type in ("reduce_lr_on_plateau", "greedy"):
            return {"mode": "max" if self.args.greater_is_better else "min", **kwargs}
        return kwargs

    # ---- using them ----

    def progress(self) -> float:
        """How much of the run is over, from 0 to 1."""
        by_steps = self.state.global_step / self.state.max_steps if self.state.max_steps else 0.0
        limit = self.args.max_train_seconds
        return min(1.0, max(by_steps, self.clock / limit if limit is not None else 0.0))

    def schedule(self) -> None:
        """Set the learning rate for the next step."""
        if not getattr(self.lr_scheduler, "needs_metric", False):
            self.lr_scheduler.step()

    def schedule_by(self, metrics: Mapping[str, Any]) -> None:
        """Set the learning rate after an evaluation, where the schedule follows a metric."""
        if getattr(self.lr_scheduler, "needs_metric", False):
            self.lr_scheduler.step(metrics[self.metric_name(metrics)])

    def metric_name(self, metrics: Mapping[str, Any]) -> str:
        """The key of `metric_for_best_model` among metrics; KeyError naming what there is."""
        name = "eval_" + (self.args.metric_for_best_model or "loss").removeprefix("eval_")
        if name not in metrics:
            raise KeyError(
                f"metric_for_best_model is {self.args.metric_for_best_model!r}, but the evaluation"
                f" gave {sorted(metrics)}"
            )
        return name

    def learning_rate(self) -> float:
        """Of the next step, that of the first group; of an optimiser with its own rate NaN."""
        rate = self.optimizer.param_groups[0]["lr"]
        return math.nan if rate is None else float(rate)

    def get_learning_rates(self) -> list[float]:
        """Of the next step, by group."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def get_num_trainable_parameters(self) -> int:
        """How many numbers training changes."""
        frozen = tuple(self.args.frozen)
        return sum(s.size for s in self.session.flat.segments if not s.name.startswith(frozen))

    # ---- averages ----

    def average_parameters(self, milestone: bool) -> None:
        """Take the present parameters into the average, after a step.

        milestone: this step is one that `average_last` counts; a moving average takes all.
        """
        if self.average is not None and (milestone or self.args.ema_decay is not None):
            self.average.update()

    def averaged(self) -> AbstractContextManager[None]:
        """For its time the model has the averaged parameters, where there are any."""
        return nullcontext() if self.average is None else self.average.swapped()

    def finish_parameters(self) -> None:
        """After the last step: the averaged parameters become the model's."""
        if self.average is not None:
            self.average.copy_to()
        self.session.sync()
