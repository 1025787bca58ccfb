"""Learning rates by step or by clock: names, arguments and values of transformers' schedules.

A schedule multiplies the "initial_lr" of each of an optimiser's groups.  It sets the rate of the
first step when it is made and that of the next with every `step()`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from . import factors
from .base import Optimizer, not_in
from .plateau import GreedyLR, ReduceLROnPlateau

__all__ = [
    "Schedule",
    "SchedulerType",
    "WallClockSchedule",
    "get_constant_schedule",
    "get_constant_schedule_with_warmup",
    "get_cosine_schedule_with_warmup",
    "get_cosine_with_hard_restarts_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    "get_inverse_sqrt_schedule",
    "get_linear_schedule_with_warmup",
    "get_one_cycle_schedule",
    "get_polynomial_decay_schedule_with_warmup",
    "get_scheduler",
    "get_wsd_schedule",
]


class SchedulerType(str, Enum):
    """Names of schedules: transformers', and two of our own at the end."""

    LINEAR = "linear"
    COSINE = "cosine"
    COSINE_WITH_RESTARTS = "cosine_with_restarts"
    POLYNOMIAL = "polynomial"
    CONSTANT = "constant"
    CONSTANT_WITH_WARMUP = "constant_with_warmup"
    INVERSE_SQRT = "inverse_sqrt"
    REDUCE_ON_PLATEAU = "reduce_lr_on_plateau"
    COSINE_WITH_MIN_LR = "cosine_with_min_lr"
    COSINE_WARMUP_WITH_MIN_LR = "cosine_warmup_with_min_lr"
    WARMUP_STABLE_DECAY = "warmup_stable_decay"
    GREEDY = "greedy"
    ONE_CYCLE = "one_cycle"
    WALL_CLOCK = "wall_clock"

    @classmethod
    def _missing_(cls, value: object) -> SchedulerType:
        names = ", ".join(member.value for member in cls)
        raise ValueError(f"there is no schedule {value!r}; there are {names}")


class Schedule:
    """Rates by the number of the step: initial_lr * factor(step).

    Args:
        optimizer: whose groups get their "lr"; "initial_lr" is set to it where there is none.
        factor: of the base rate, from the number of the step.
        last_epoch: number of the last step that was made; -1 before the first.
    """

    needs_metric = False  # whether step() must be told one

    def __init__(
        self, optimizer: Optimizer, factor: Callable[[float], float], last_epoch: int = -1
    ) -> None:
        self.optimizer = optimizer
        self.factor = factor
        self.last_epoch = last_epoch + 1
        self.base_lrs: list[float] = []
        for index, group in enumerate(optimizer.param_groups):
            if group["lr"] is None:
                raise ValueError(f"group {index} has no lr: the optimizer sets its own rate")
            self.base_lrs.append(group.setdefault("initial_lr", group["lr"]))
        self._set()

    def _time(self) -> float:
        """What `factor` is asked for."""
        return self.last_epoch

    def _set(self) -> None:
        factor = self.factor(self._time())
        self._last_lr = [base * factor for base in self.base_lrs]
        self._write()

    def _write(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = lr

    def step(self, metrics: float | None = None) -> None:
        """Set the rates of the next step; `metrics` is for schedules that need one."""
        self.last_epoch += 1
        self._set()

    def get_last_lr(self) -> list[float]:
        """The rate of each group."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule is, as JSON has it; the factor itself is not part of it."""
        return {
            "last_epoch": self.last_epoch,
            "base_lrs": list(self.base_lrs),
            "last_lr": list(self._last_lr),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue where the schedule of `state_dict` was; ValueError for other groups."""
        if len(state_dict["base_lrs"]) != len(self.base_lrs):
            raise ValueError(
                f"the state is of {len(state_dict['base_lrs'])} groups, not {len(self.base_lrs)}"
            )
        self.last_epoch = int(state_dict["last_epoch"])
        self.base_lrs = list(state_dict["base_lrs"])
        self._last_lr = list(state_dict["last_lr"])
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["initial_lr"] = base
        self._write()


class WallClockSchedule(Schedule):
    """Any schedule, stretched over a time: how far it is, is elapsed / budget.

    Args:
        schedule: of one of the names that count steps.
        budget: seconds from the first step to the last.
        num_warmup_steps, num_training_steps: of the schedule that is stretched; they matter by
            their ratio.
        clock: seconds that have passed since any time.
        kwargs: arguments of `schedule`, counted in the same steps.

    Attributes:
        elapsed: seconds by the last `step()`, those before a checkpoint included.

    As the factor depends on the clock, two runs are not the same bits.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedule: str | SchedulerType = SchedulerType.LINEAR,
        *,
        budget: float,
        num_warmup_steps: float = 0,
        num_training_steps: float = 10_000,
        clock: Callable[[], float] = time.monotonic,
        **kwargs: Any,
    ) -> None:
        if not_in(budget, 0.0) or budget == 0:
            raise ValueError(f"budget = {budget!r}, but it must be seconds, above 0")
        kind = SchedulerType(schedule)
        if kind in _BY_METRIC or kind is SchedulerType.WALL_CLOCK:
            raise ValueError(f"{kind.value} does not count steps, so no clock can take their place")
        stretched = get_scheduler(kind, optimizer, num_warmup_steps, num_training_steps, kwargs)
        self.budget = budget
        self.total = num_training_steps
        self.elapsed = 0.0
        self._clock = clock
        self._seen = clock()
        super().__init__(optimizer, stretched.factor)

    @property
    def finished(self) -> bool:
        """Whether the time is over."""
        return self.elapsed >= self.budget

    def _time(self) -> float:
        return min(1.0, self.elapsed / self.budget) * self.total

    def step(self, metrics: float | None = None) -> None:
        now = self._clock()
        self.elapsed += now - self._seen
        self._seen = now
        super().step(metrics)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "elapsed": self.elapsed}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.elapsed = float(state_dict["elapsed"])
        self._seen = self._clock()


def _check_steps(**numbers: float) -> None:
    for name, value in numbers.items():
        problem = not_in(value, 0.0)
        if problem:
            raise ValueError(f"{name} = {value!r}, but it must be {problem}")


def get_constant_schedule(optimizer: Optimizer, last_epoch: int = -1) -> Schedule:
    """The base rate, always."""
    return Schedule(optimizer, factors.constant, last_epoch)


def get_constant_schedule_with_warmup(
    optimizer: Optimizer, num_warmup_steps: float, last_epoch: int = -1
) -> Schedule:
    """Rises from 0 to the base rate, which it keeps."""
    _check_steps(num_warmup_steps=num_warmup_steps)
    return Schedule(optimizer, factors.warmup(num_warmup_steps, factors.constant), last_epoch)


def get_linear_schedule_with_warmup(
    optimizer: Optimizer, num_warmup_steps: float, num_training_steps: float, last_epoch: int = -1
) -> Schedule:
    """Rises from 0 to the base rate, then falls to 0 along a line."""
    _check_steps(num_warmup_steps=num_warmup_steps, num_training_steps=num_training_steps)
    return Schedule(optimizer, factors.linear(num_warmup_steps, num_training_steps), last_epoch)


def get_cosine_schedule_with_warmup(
    optimizer: Optimizer,
    num_warmup_steps: float,
    num_training_steps: float,
    num_cycles: float = 0.5,
    last_epoch: int = -1,
) -> Schedule:
    """Rises from 0, then falls to 0 along a cosine of `num_cycles` waves."""
    _check_steps(num_warmup_steps=num_warmup_steps, num_training_steps=num_training_steps)
    factor = factors.cosine(num_warmup_steps, num_training_steps, num_cycles)
    return Schedule(optimizer, factor, last_epoch)


def get_cosine_with_hard_restarts_schedule_with_warmup(
    optimizer: Optimizer,
    num_warmup_steps: float,
    num_training_steps: float,
    num_cycles: float = 1,
    last_epoch: int = -1,
) -> Schedule:
    """Rises from 0, then falls along half a cosine to 0, `num_cycles` times."""
    _check_steps(num_warmup_steps=num_warmup_steps, num_training_steps=num_training_steps)
    factor = factors.cosine_with_restarts(num_warmup_steps, num_training_steps, num_cycles)
    return Schedule(optimizer, factor, last_epoch)


def get_polynomial_decay_schedule_with_warmup(
    optimizer: Optimizer,
    num_warmup_steps: float,
    num_training_steps: float,
    lr_end: float = 1e-7,
    power: float = 1.0,
    last_epoch: int = -1,
) -> Schedule:
    """Rises from 0, then falls as (1 - p)^power to lr_end, which must be below the base rate."""
    _check_steps(num_warmup_steps=num_warmup_steps, num_training_steps=num_training_steps)
    lr = optimizer.defaults["lr"]
    if not lr > lr_end:
        raise ValueError(f"lr_end = {lr_end!r}, but it must be below the initial rate, {lr!r}")
    factor = factors.polynomial(num_warmup_steps, num_training_steps, power, lr_end / lr)
    return Schedule(optimizer, factor, last_epoch)


def get_inverse_sqrt_schedule(
    optimizer: Optimizer,
    num_warmup_steps: float,
    timescale: float | None = None,
    last_epoch: int = -1,
) -> Schedule:
    """Rises from 0, then falls as 1 / sqrt(1 + (s - w) / timescale), by default w or 10000."""
    _check_steps(num_warmup_steps=num_warmup_steps)
    timescale = timescale or num_warmup_steps or 10_000
    return Schedule(optimizer, factors.inverse_sqrt(num_warmup_steps, timescale), last_epoch)


def _lowest_rate(optimizer: Optimizer, min_lr: float | None, min_lr_rate: float | None) -> float:
    if (min_lr is None) == (min_lr_rate is None):
        raise ValueError("give min_lr or min_lr_rate, and not both")
    rate: float | None = min_lr_rate
    return rate if rate is not None else min_lr / optimizer.defaults["lr"]


def get_cosine_with_min_lr_schedule_with_warmup(
    optimizer: Optimizer,
    num_warmup_steps: float,
    num_training_steps: float,
    num_cycles: float = 0.5,
    last_epoch: int = -1,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
) -> Schedule:
    """As the cosine schedule, but down to min_lr, or min_lr_rate times the base rate."""
    _check_steps(num_warmup_steps=num_warmup_steps, num_training_steps=num_training_steps)
    lowest = _lowest_rate(optimizer, min_lr, min_lr_rate)
    factor = factors.cosine(num_warmup_steps, num_training_steps, num_cycles, lowest)
    return Schedule(optimizer, factor, last_epoch)


def get_cosine_with_min_lr_schedule_with_warmup_lr_rate(
    optimizer: Optimizer,
    num_warmup_steps: float,
    num_training_steps: float,
    num_cycles: float = 0.5,
    last_epoch: int = -1,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
    warmup_lr_rate: float | None = None,
) -> Schedule:
    """The same a step ahead, rising from warmup_lr_rate times the base rate, by default 1 / w."""
    _check_steps(num_warmup_steps=num_warmup_steps, num_training_steps=num_training_steps)
    lowest = _lowest_rate(optimizer, min_lr, min_lr_rate)
    factor = factors.early_cosine(
        num_warmup_steps, num_training_steps, num_cycles, lowest, warmup_lr_rate
    )
    return Schedule(optimizer, factor, last_epoch)


def get_wsd_schedule(
    optimizer: Optimizer,
    num_warmup_steps: float,
    num_decay_steps: float,
    num_training_steps: float | None = None,
    num_stable_steps: float | None = None,
    warmup_type: str = "linear",
    decay_type: str = "cosine",
    min_lr_ratio: float = 0,
    num_cycles: float = 0.5,
    last_epoch: int = -1,
) -> Schedule:
    """Rises from min_lr_ratio times the base rate, keeps it, and falls to the same.

    Args:
        num_stable_steps: by default what num_training_steps leaves.
        warmup_type, decay_type: "linear", "cosine" or "1-sqrt".
    """
    _check_steps(num_warmup_steps=num_warmup_steps, num_decay_steps=num_decay_steps)
    for name, shape in (("warmup_type", warmup_type), ("decay_type", decay_type)):
        if shape not in ("linear", "cosine", "1-sqrt"):
            raise ValueError(f"{name} = {shape!r}, but it must be linear, cosine or 1-sqrt")
    if num_stable_steps is None:
        if num_training_steps is None:
            raise ValueError("give num_training_steps or num_stable_steps")
        num_stable_steps = num_training_steps - num_warmup_steps - num_decay_steps
    factor = factors.warmup_stable_decay(
        num_warmup_steps, num_stable_steps, num_decay_steps, warmup_type, decay_type,
        min_lr_ratio, num_cycles,
    )  # fmt: skip
    return Schedule(optimizer, factor, last_epoch)


def get_one_cycle_schedule(
    optimizer: Optimizer,
    num_training_steps: float,
    num_warmup_steps: float | None = None,
    peak: float = 0.5,
    start: float = 0.0,
    end: float = 0.0,
    shape: str = "linear",
    last_epoch: int = -1,
) -> Schedule:
    """Rises to the base rate and falls from it (Smith and Topin, 1708.07120; cramming's schedule).

    Args:
        num_warmup_steps: the step with the base rate; by default `peak`, a share of all steps.
        start, end: of the base rate, at the first step and after the last.
        shape: of both parts, "linear" or "cosine".
    """
    _check_steps(num_training_steps=num_training_steps, start=start, end=end)
    if not_in(peak, 0.0, 1.0):
        raise ValueError(f"peak = {peak!r}, but it must be a share of the steps, from 0 to 1")
    if shape not in ("linear", "cosine"):
        raise ValueError(f"shape = {shape!r}, but it must be linear or cosine")
    top = peak * num_training_steps if num_warmup_steps is None else num_warmup_steps
    _check_steps(num_warmup_steps=top)
    factor = factors.one_cycle(top, num_training_steps, start, end, shape)
    return Schedule(optimizer, factor, last_epoch)


# name -> function, and which of w and T it must be given
_BY_STEP: dict[SchedulerType, tuple[Callable[..., Schedule], tuple[str, ...]]] = {
    SchedulerType.LINEAR: (get_linear_schedule_with_warmup, ("w", "T")),
    SchedulerType.COSINE: (get_cosine_schedule_with_warmup, ("w", "T")),
    SchedulerType.COSINE_WITH_RESTARTS: (
        get_cosine_with_hard_restarts_schedule_with_warmup,
        ("w", "T"),
    ),
    SchedulerType.POLYNOMIAL: (get_polynomial_decay_schedule_with_warmup, ("w", "T")),
    SchedulerType.CONSTANT: (get_constant_schedule, ()),
    SchedulerType.CONSTANT_WITH_WARMUP: (get_constant_schedule_with_warmup, ("w",)),
    SchedulerType.INVERSE_SQRT: (get_inverse_sqrt_schedule, ("w",)),
    SchedulerType.COSINE_WITH_MIN_LR: (get_cosine_with_min_lr_schedule_with_warmup, ("w", "T")),
    SchedulerType.COSINE_WARMUP_WITH_MIN_LR: (
        get_cosine_with_min_lr_schedule_with_warmup_lr_rate,
        ("w", "T"),
    ),
    SchedulerType.WARMUP_STABLE_DECAY: (get_wsd_schedule, ("w", "T or None")),
    SchedulerType.ONE_CYCLE: (get_one_cycle_schedule, ("w or None", "T")),
    SchedulerType.WALL_CLOCK: (WallClockSchedule, ("w if given", "T if given")),
}
_BY_METRIC = {
    SchedulerType.REDUCE_ON_PLATEAU: ReduceLROnPlateau,
    SchedulerType.GREEDY: GreedyLR,
}
_ARGUMENT = {"w": "num_warmup_steps", "T": "num_training_steps"}


def get_scheduler(
    name: str | SchedulerType,
    optimizer: Optimizer,
    num_warmup_steps: float | None = None,
    num_training_steps: float | None = None,
    scheduler_specific_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """The schedule of a name (see SchedulerType), at its first step.

    "one_cycle" takes num_warmup_steps for the step with the highest rate; "wall_clock" needs
    {"budget": seconds} and takes {"schedule": name}, see WallClockSchedule.

    ValueError for an unknown name or where one of the numbers is needed and None; TypeError for
    a wrong keyword in scheduler_specific_kwargs.
    """
    kind = SchedulerType(name)
    specific = dict(scheduler_specific_kwargs or {})
    if kind in _BY_METRIC:
        return _BY_METRIC[kind](optimizer, **specific)
    function, wanted = _BY_STEP[kind]
    given = {"w": num_warmup_steps, "T": num_training_steps}
    for want in wanted:
        letter, _, condition = want.partition(" ")
        if given[letter] is None and not condition:
            raise ValueError(f"{kind.value} needs {_ARGUMENT[letter]}, which is None")
        if given[letter] is not None or condition != "if given":
            specific.setdefault(_ARGUMENT[letter], given[letter])
    return function(optimizer, **specific)
