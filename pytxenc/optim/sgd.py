"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .base import Optimizer, not_in

if TYPE_CHECKING:
    from ..training.flat import FlatParameters
    from ..training.session import Session

__all__ = ["SGD"]


class SGD(Optimizer):
    """Gradient descent with momentum, as torch.optim.SGD has it.

        d = g + weight_decay * w
        b = momentum * b + (1 - dampening) * d  (b = d in the first step)
        w -= lr * b,  or with `nesterov`  w -= lr * (d + momentum * b)

    Args:
        groups: dicts with "names" and any of "lr", "momentum", "dampening", "weight_decay",
            "nesterov"; by default all parameters are one group.

    State: "momentum_buffer" (b), where a group has momentum when the optimiser is made.
    """

    def __init__(
        self,
        target: FlatParameters | Session,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        groups: Iterable[Mapping[str, Any]] | None = None,
    ) -> None:
        defaults = dict(
            lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay,
            nesterov=nesterov,
        )  # fmt: skip
        super().__init__(target, defaults, groups)

    def _new_state(self) -> dict[str, NDArray[np.float32]]:
        wanted = any(group["momentum"] for group in self.param_groups)
        return {"momentum_buffer": self.flat.zeros()} if wanted else {}

    def _check(self) -> None:
        super()._check()
        for index, group in enumerate(self.param_groups):
            if group["nesterov"] and (not group["momentum"] or group["dampening"]):
                raise ValueError(f"group {index}: nesterov needs momentum, and no dampening")
            if group["momentum"] and not self.state:
                raise ValueError(
                    f"group {index}: momentum needs a buffer, which the optimizer has where a "
                    "group had momentum from the beginning"
                )

    def _problem(self, key: str, value: Any) -> str | None:
        if key in ("momentum", "dampening"):
            return not_in(value, 0.0, 1.0)
        return super()._problem(key, value)

    def _update(self, clip: float, norm: float) -> None:
        first = self.steps == 1
        rows = [
            (
                *(group["lr"], group["weight_decay"], group["momentum"]),
                1.0 if first else 1.0 - group["dampening"],
                group["nesterov"],
            )
            for group in self.param_groups
        ]
        _core.optimizer_step(
            "sgd",
            self.flat.values,
            tuple(self.state.values()),
            self.flat.gradients,
            self._layout,
            np.array(rows, np.float64).reshape(-1, 5),
            clip,
        )
