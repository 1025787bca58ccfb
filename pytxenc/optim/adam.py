"""AdamW in the forms of its implementations, and LAMB, which is Adam with a rate per tensor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from .. import _core
from .base import Optimizer, not_in

if TYPE_CHECKING:
    from ..training.flat import FlatParameters
    from ..training.session import Session

__all__ = ["LAMB", "AdamW"]

_FORMS = ("torch", "fairseq", "google")


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 1711.05101).

    With g the clipped gradient, t the number of the step, c1 = 1 - beta1^t, c2 = 1 - beta2^t:

        m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2
        torch:    w -= lr / c1 * m / (sqrt(v / c2) + eps) + lr * weight_decay * w
        fairseq:  w -= lr sqrt(c2) / c1 * m / (sqrt(v) + eps) + lr * weight_decay * w
        google:   w -= lr * m / (sqrt(v) + eps) + lr * weight_decay * w

    Args:
        target: the parameters; of a Session those in `flat`.
        form: as torch.optim.AdamW, fairseq's Adam or the optimizer of Google's BERT has it; the
            first two differ in what eps is added to.  The last ones' eps is 1e-6 by custom.
        bias_correction: False leaves out c1 and c2; by default that is so with "google" alone.
            Without it, fine-tuning on little data is unstable (2006.05987).
        groups: dicts with "names" of parameters and any of "lr", "betas", "eps", "weight_decay";
            see `parameter_groups`.  By default all parameters are one group, as in torch.

    ValueError for a number outside its range and for a name that is unknown or in two groups.
    State: "exp_avg" (m) and "exp_avg_sq" (v).
    """

    _states: ClassVar[tuple[str, ...]] = ("exp_avg", "exp_avg_sq")
    _mode: ClassVar[tuple[str, ...]] = ("form", "bias_correction")

    def __init__(
        self,
        target: FlatParameters | Session,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        *,
        form: Literal["torch", "fairseq", "google"] = "torch",
        bias_correction: bool | None = None,
        groups: Iterable[Mapping[str, Any]] | None = None,
    ) -> None:
        if form not in _FORMS:
            raise ValueError(f"form = {form!r}, but it must be one of {', '.join(_FORMS)}")
        self.form = form
        self.bias_correction = form != "google" if bias_correction is None else bias_correction
        super().__init__(
            target, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay), groups
        )

    def _update(self, clip: float, norm: float) -> None:
        rows = []
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            first, second = _corrections(group, self.steps if self.bias_correction else None)
            step, scale = group["lr"] / first, 1.0 / math.sqrt(second)
            if self.form == "fairseq":
                step, scale = step * math.sqrt(second), 1.0
            decay = group["lr"] * group["weight_decay"]
            rows.append((beta1, beta2, step, scale, group["eps"], decay))
        _core.optimizer_step(
            "adam",
            self.flat.values,
            (self.state["exp_avg"], self.state["exp_avg_sq"]),
            self.flat.gradients,
            self._layout,
            np.array(rows, np.float64).reshape(-1, 6),
            clip,
        )


class LAMB(Optimizer):
    """LAMB (You et al., 1904.00962): Adam whose steps are as long as the tensors they change.

        u = m / (sqrt(v) + eps) + weight_decay * w
        w -= lr * ratio * u,  ratio = |w| / |u| of each tensor, 1 where either is 0

    A tensor that several layers share is one tensor.

    Args:
        clamp: (lowest, highest) that |w| is taken for, such as (1e-3, 10) in GluonNLP; Google's
            has none.
        max_ratio: the highest ratio, such as 1 in timm's `trust_clip`.
        bias_correction: divide m by 1 - beta1^t and v by 1 - beta2^t; Google's does not.
        normalize_gradients: first divide all gradients by max(1, their norm), as NVLAMB does;
            that is after the clipping of `step`.
        groups: as for AdamW, and "adapt": False for ratio 1; None, the default, adapts where
            weight_decay is not 0.

    State: "exp_avg" (m) and "exp_avg_sq" (v).
    """

    _states: ClassVar[tuple[str, ...]] = ("exp_avg", "exp_avg_sq")
    _mode: ClassVar[tuple[str, ...]] = ("bias_correction", "normalize_gradients")

    def __init__(
        self,
        target: FlatParameters | Session,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
        *,
        clamp: tuple[float, float] | None = None,
        max_ratio: float | None = None,
        bias_correction: bool = False,
        normalize_gradients: bool = False,
        adapt: bool | None = None,
        groups: Iterable[Mapping[str, Any]] | None = None,
    ) -> None:
        self.bias_correction = bias_correction
        self.normalize_gradients = normalize_gradients
        defaults = dict(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, adapt=adapt,
            clamp=clamp, max_ratio=max_ratio,
        )  # fmt: skip
        super().__init__(target, defaults, groups)

    def _problem(self, key: str, value: Any) -> str | None:
        if key == "clamp" and value is not None:
            pair = isinstance(value, list | tuple) and len(value) == 2
            good = pair and not_in(value[0], 0.0) is None and not_in(value[1], value[0]) is None
            return None if good else "two numbers, the first at least 0, the second no less"
        if key == "max_ratio" and value is not None:
            return not_in(value, 0.0)
        return super()._problem(key, value)

    def _update(self, clip: float, norm: float) -> None:
        if self.normalize_gradients:
            clip /= max(1.0, clip * norm)
        rows = []
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            first, second = _corrections(group, self.steps if self.bias_correction else None)
            adapt = group["weight_decay"] != 0 if group["adapt"] is None else group["adapt"]
            low, high = group["clamp"] or (0.0, math.inf)
            max_ratio = math.inf if group["max_ratio"] is None else group["max_ratio"]
            rows.append(
                (
                    *(beta1, beta2, 1.0 / first, 1.0 / math.sqrt(second)),
                    *(group["eps"], group["weight_decay"]),
                    *(group["lr"], adapt, low, high, max_ratio),
                )
            )
        _core.optimizer_step(
            "lamb",
            self.flat.values,
            (self.state["exp_avg"], self.state["exp_avg_sq"]),
            self.flat.gradients,
            self._layout,
            np.array(rows, np.float64).reshape(-1, 11),
            clip,
        )


def _corrections(group: Mapping[str, Any], step: int | None) -> tuple[float, float]:
    """1 - beta^step for both betas; 1 without a step."""
    if step is None:
        return 1.0, 1.0
    beta1, beta2 = group["betas"]
    return 1.0 - beta1**step, 1.0 - beta2**step
