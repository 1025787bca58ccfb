"""Schedules that follow a metric."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from .base import Optimizer

__all__ = ["GreedyLR", "ReduceLROnPlateau"]


class _ByMetric:
    """What compares a metric with the best so far and changes rates by a factor."""

    needs_metric = True
    _counters: ClassVar[tuple[str, ...]] = ()  # attributes that are state

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str,
        factor: float,
        patience: int,
        threshold: float,
        threshold_mode: str,
        cooldown: int,
        min_lr: float | Sequence[float],
        eps: float,
    ) -> None:
        if not 0 < factor < 1:
            raise ValueError(f"factor = {factor!r}, but it must be between 0 and 1")
        if mode not in ("min", "max"):
            raise ValueError(f"mode = {mode!r}, but it must be min or max")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold_mode = {threshold_mode!r}, but it must be rel or abs")
        self.optimizer = optimizer
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        self.min_lrs = self._for_groups("min_lr", min_lr)
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.last_epoch = 0
        self.best = self._worst()
        self.num_bad_epochs = self.cooldown_counter = 0

    def _for_groups(self, name: str, value: float | Sequence[float]) -> list[float]:
        count = len(self.optimizer.param_groups)
        values = list(value) if isinstance(value, list | tuple) else [float(value)] * count  # type: ignore[arg-type]
        if len(values) != count:
            raise ValueError(f"{name} has {len(values)} values for {count} groups")
        return values

    def _worst(self) -> float:
        return math.inf if self.mode == "min" else -math.inf

    def _is_better(self, metric: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            bound = self.best * (1 + sign * self.threshold)
        else:
            bound = self.best + sign * self.threshold
        return metric > bound if self.mode == "max" else metric < bound

    def _reduce(self) -> None:
        for group, lowest in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            lr = max(group["lr"] * self.factor, lowest)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr

    def step(self, metrics: float | None = None) -> None:
        """Take the metric of the last evaluation; ValueError without one."""
        if metrics is None:
            raise ValueError(f"{type(self).__name__}.step needs the metric that it follows")
        self.last_epoch += 1
        self._follow(float(metrics))

    def _follow(self, metric: float) -> None:
        raise NotImplementedError

    def get_last_lr(self) -> list[float]:
        """The rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What was seen so far, as JSON has it; the arguments are not part of it."""
        state = {name: getattr(self, name) for name in self._counters}
        best = self.best if math.isfinite(self.best) else None
        return {**state, "last_epoch": self.last_epoch, "best": best, "lr": self.get_last_lr()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue where the schedule of `state_dict` was; ValueError for other groups."""
        groups = self.optimizer.param_groups
        if len(state_dict["lr"]) != len(groups):
            raise ValueError(f"the state is of {len(state_dict['lr'])} groups, not {len(groups)}")
        for name in (*self._counters, "last_epoch", "best"):
            setattr(self, name, state_dict[name])
        if self.best is None:
            self.best = self._worst()
        for group, lr in zip(groups, state_dict["lr"], strict=True):
            group["lr"] = lr


class ReduceLROnPlateau(_ByMetric):
    """Multiplies the rates by `factor` when the metric has not improved for long.

    Arguments and behaviour are those of torch.optim.lr_scheduler.ReduceLROnPlateau: more than
    `patience` metrics in a row that are not better than the best by `threshold` (a share of it
    with "rel") reduce the rates; `cooldown` metrics after that are not counted.
    """

    _counters = ("num_bad_epochs", "cooldown_counter")

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(
            optimizer, mode, factor, patience, threshold, threshold_mode, cooldown, min_lr, eps
        )

    def _follow(self, metric: float) -> None:
        if self._is_better(metric):
            self.best, self.num_bad_epochs = metric, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0


class GreedyLR(_ByMetric):
    """Raises the rates while the metric improves and lowers them while it does not.

    GreedyLR (2512.14527), with arguments and behaviour of transformers' class: after more than
    `patience` better metrics in a row rates are divided by `factor`, up to max_lr, and `warmup`
    metrics are not counted; after as many others they are multiplied by it, down to min_lr, and
    `cooldown` are not counted.  After `reset_start` reductions at min_lr all begins anew.  With
    `smooth` the metric is the mean of the last `window_size`.
    """

    _counters = ("num_bad_epochs", "num_good_epochs", "cooldown_counter", "warmup_counter",
                 "reset_counter", "initial_lrs")  # fmt: skip

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.95,
        patience: int = 10,
        threshold: float = 1e-6,
        threshold_mode: str = "abs",
        cooldown: int = 0,
        warmup: int = 0,
        min_lr: float | Sequence[float] = 1e-3,
        max_lr: float | Sequence[float] = 1.0,
        eps: float = 1e-8,
        verbose: bool = False,
        smooth: bool = False,
        window_size: int = 50,
        reset_start: int = 500,
    ) -> None:
        super().__init__(
            optimizer, mode, factor, patience, threshold, threshold_mode, cooldown, min_lr, eps
        )
        self.max_lrs = self._for_groups("max_lr", max_lr)
        self.warmup, self.smooth, self.window_size = warmup, smooth, window_size
        self.reset_start = self.reset_counter = reset_start
        self.initial_lrs = self.get_last_lr()
        self.num_good_epochs = self.warmup_counter = 0
        self._window: deque[float] = deque(maxlen=window_size)

    def _follow(self, metric: float) -> None:
        if self.smooth:
            self._window.append(metric)
            metric = math.fsum(self._window) / len(self._window)
        if self.cooldown_counter > 0 or self.warmup_counter > 0:
            waiting = "cooldown_counter" if self.cooldown_counter > 0 else "warmup_counter"
            setattr(self, waiting, getattr(self, waiting) - 1)
            self.num_bad_epochs = self.num_good_epochs = 0
            return
        if self._is_better(metric):
            self.best = metric
            self.num_good_epochs, self.num_bad_epochs = self.num_good_epochs + 1, 0
        else:
            self.num_good_epochs, self.num_bad_epochs = 0, self.num_bad_epochs + 1
        if self.num_good_epochs > self.patience:
            self._raise()
            self.warmup_counter, self.num_good_epochs = self.warmup, 0
        elif self.num_bad_epochs > self.patience:
            self._reduce()
            if all(lr <= low for lr, low in zip(self.get_last_lr(), self.min_lrs, strict=True)):
                self.reset_counter -= 1
                if self.reset_counter <= 0:
                    self._reset()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _raise(self) -> None:
        for group, highest in zip(self.optimizer.param_groups, self.max_lrs, strict=True):
            lr = min(group["lr"] / self.factor, highest)
            if lr - group["lr"] > self.eps:
                group["lr"] = lr
        self.reset_counter = self.reset_start

    def _reset(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self.initial_lrs, strict=True):
            group["lr"] = lr
        self.best = self._worst()
        self.num_good_epochs = self.warmup_counter = 0
        self.reset_counter = self.reset_start
        self._window.clear()

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "window": list(self._window)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._window = deque(state_dict["window"], maxlen=self.window_size)
