"""What a Trainer does with optimisers, schedules and averages of parameters."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .arguments import TrainingArguments
    from .session import Session
    from .state import TrainerState

__all__ = ["Optimization"]

_TICKS = 100_000
"""Steps that a schedule by the clock has, whatever the steps of the run."""


class Optimization:
    """The part of a Trainer that changes parameters.

    Attributes:
        optimizer, lr_scheduler: None before training.
        average: of the parameters, None without one.
    """

    args: TrainingArguments
    state: TrainerState
    optimizer: Any
    lr_scheduler: Any
    average: Any = None

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
        self._ticks = 0
        self.create_scheduler(num_training_steps)
        self._create_average()

    def create_optimizer(self) -> Any:
        """The optimiser: as given, else of `args.optim` with its groups of parameters."""
        if callable(self.optimizer):
            self.optimizer = self.optimizer(self.session)
        if self.optimizer is None:
            cls, kwargs = self._optimizer_cls_and_kwargs or self.get_optimizer_cls_and_kwargs()
            self.optimizer = cls(self.session, groups=self._groups(), **kwargs)
        if getattr(self.optimizer, "flat", None) is not self.session.flat:
            raise ValueError(
                "the optimizer is not over this Trainer's parameters: make it from trainer.session,"
                " or give a function that makes it from a session"
            )
        return self.optimizer

    def _groups(self) -> list[dict[str, Any]]:
        from ..optim import parameter_groups

        args = self.args
        groups: list[dict[str, Any]] = parameter_groups(
            self.session.model, args.weight_decay, lr=args.learning_rate,
            layer_decay=args.layer_decay,
        )  # fmt: skip
        return groups

    def get_optimizer_cls_and_kwargs(self) -> tuple[type, dict[str, Any]]:
        """The class and the keywords that the arguments name.

        `optim_args`, "name=number,..." adds to the keywords and changes them.
        """
        from .. import optim

        args, name = self.args, str(self.args.optim)
        kwargs: dict[str, Any] = {"lr": args.learning_rate}
        cls: type = optim.SGD
        if name.startswith(("adamw", "lamb")):
            kwargs |= {"betas": (args.adam_beta1, args.adam_beta2), "eps": args.adam_epsilon}
            cls = optim.LAMB if name == "lamb" else optim.AdamW
            if name in ("adamw_fairseq", "adamw_google"):
                kwargs["form"] = name.removeprefix("adamw_")
        elif name == "adafactor":
            cls = optim.Adafactor
            kwargs |= {"scale_parameter": False, "relative_step": False}
        return cls, kwargs | _keywords(args.optim_args)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The schedule: as given, else of `args.lr_scheduler_type`."""
        from ..optim import get_scheduler

        optimizer = optimizer or self.optimizer
        if callable(self.lr_scheduler):
            self.lr_scheduler = self.lr_scheduler(optimizer)
        if self.lr_scheduler is None:
            total = _TICKS if self.by_clock else num_training_steps
            self.lr_scheduler = get_scheduler(
                str(self.args.lr_scheduler_type),
                optimizer,
                num_warmup_steps=self.args.get_warmup_steps(total),
                num_training_steps=total,
                scheduler_specific_kwargs=self.args.lr_scheduler_kwargs,
            )
        return self.lr_scheduler

    def _create_average(self) -> None:
        from ..optim import ExponentialMovingAverage, LastAverage

        self.average = None
        if self.args.ema_decay is not None:
            self.average = ExponentialMovingAverage(self.session.flat, self.args.ema_decay)
        elif self.args.average_last is not None:
            self.average = LastAverage(self.session.flat, self.args.average_last)

    # ---- using them ----

    @property
    def by_clock(self) -> bool:
        """Whether the learning rate follows the time."""
        return self.args.max_train_seconds is not None

    def progress(self, elapsed: float) -> float:
        """How much of the run is over after so many seconds, from 0 to 1."""
        by_steps = self.state.global_step / self.state.max_steps if self.state.max_steps else 0.0
        limit = self.args.max_train_seconds
        return min(1.0, max(by_steps, elapsed / limit if limit is not None else 0.0))

    def schedule(self, elapsed: float) -> None:
        """Set the learning rate for the next step."""
        if self._follows_metric():
            return
        if not self.by_clock:
            self.lr_scheduler.step()
            return
        tick = int(self.progress(elapsed) * _TICKS)
        for _ in range(self._ticks, tick):
            self.lr_scheduler.step()
        self._ticks = max(self._ticks, tick)

    def schedule_by(self, metrics: Mapping[str, Any]) -> None:
        """Set the learning rate after an evaluation, where the schedule follows a metric."""
        if self.lr_scheduler is not None and self._follows_metric():
            self.lr_scheduler.step(metrics[self.metric_name(metrics)])

    def _follows_metric(self) -> bool:
        return self.args.lr_scheduler_type == "reduce_lr_on_plateau"

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
        """Of the next step, that of the first group."""
        return float(self.optimizer.param_groups[0]["lr"])

    def get_learning_rates(self) -> list[float]:
        """Of the next step, by group."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def get_num_trainable_parameters(self) -> int:
        """How many numbers training changes."""
        frozen = tuple(self.args.frozen)
        names = (s for s in self.session.flat.segments if not s.name.startswith(frozen or ("\0",)))
        return sum(segment.size for segment in names)

    # ---- averages ----

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """For its time the model has the averaged parameters, where there are any."""
        if self.average is None or not self.average.updates:
            yield
            return
        values = self.session.flat.values
        own = values.copy()
        self.average.copy_to(values)
        try:
            yield
        finally:
            values[...] = own
            self.session.sync()

    def finish_parameters(self) -> None:
        """After the last step: the averaged parameters become the model's."""
        if self.average is not None and self.average.updates:
            self.average.copy_to(self.session.flat.values)
        self.session.sync()


def _keywords(text: str | None) -> dict[str, Any]:
    """The keywords of "name=value,..."; values are as JSON has them, or strings."""
    keywords: dict[str, Any] = {}
    for part in (text or "").replace(" ", "").split(","):
        name, equals, value = part.partition("=")
        if part and not (name and equals and value):
            raise ValueError(f"optim_args has {part!r}; it must be like 'name=1e-3,other=true'")
        if part:
            try:
                keywords[name] = json.loads(value)
            except json.JSONDecodeError:
                keywords[name] = value
    return keywords
