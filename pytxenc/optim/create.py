"""Optimisers by the names of transformers' TrainingArguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .adafactor import Adafactor
from .adam import LAMB, AdamW
from .base import Optimizer
from .sgd import SGD

if TYPE_CHECKING:
    from ..training.flat import FlatParameters
    from ..training.session import Session

__all__ = ["OPTIMIZER_NAMES", "create_optimizer"]

_ADAM = ("lr", "betas", "eps", "weight_decay")
# name -> class, what it takes of create_optimizer's numbers, its other arguments
_OPTIMIZERS: dict[str, tuple[type[Optimizer], tuple[str, ...], dict[str, Any]]] = {
    "adamw_torch": (AdamW, _ADAM, {}),
    "adamw_torch_fused": (AdamW, _ADAM, {}),
    "adamw_fairseq": (AdamW, _ADAM, {"form": "fairseq"}),
    "adamw_google": (AdamW, _ADAM, {"form": "google"}),
    "lamb": (LAMB, _ADAM, {}),
    "adafactor": (
        Adafactor,
        ("lr", "weight_decay"),
        {"scale_parameter": False, "relative_step": False},
    ),
    "sgd": (SGD, ("lr", "weight_decay"), {}),
}
OPTIMIZER_NAMES = tuple(_OPTIMIZERS)


def _flag(text: str) -> bool:
    if text.lower() in ("true", "1", "yes"):
        return True
    if text.lower() in ("false", "0", "no"):
        return False
    raise ValueError("true or false")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("a number") from None


def _pair(text: str) -> tuple[float, float]:
    parts = text.split(":")
    if len(parts) != 2:
        raise ValueError("two numbers joined by a colon")
    return _number(parts[0]), _number(parts[1])


# What optim_args may say of each class, and how its text is read.
_ARGUMENTS: dict[type[Optimizer], dict[str, Callable[[str], Any]]] = {
    AdamW: {"bias_correction": _flag},
    LAMB: {
        "bias_correction": _flag, "normalize_gradients": _flag, "adapt": _flag,
        "max_ratio": _number, "clamp": _pair,
    },
    Adafactor: {
        "clip_threshold": _number, "decay_rate": _number, "beta1": _number, "eps": _pair,
        "scale_parameter": _flag,
    },
    SGD: {"momentum": _number, "dampening": _number, "nesterov": _flag},
}  # fmt: skip


def create_optimizer(
    name: str,
    target: FlatParameters | Session,
    *,
    lr: float,
    weight_decay: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    optim_args: str | None = None,
    groups: Iterable[Mapping[str, Any]] | None = None,
) -> Optimizer:
    """The optimiser that TrainingArguments' `optim` names.

    Args:
        name: one of OPTIMIZER_NAMES: adamw_torch, adamw_torch_fused (the same here),
            adafactor (of a given rate, as Trainer uses it), sgd; and adamw_fairseq,
            adamw_google, lamb.
        betas, eps: of the family of Adam.
        optim_args: further arguments of the class as "key=value,...", pairs as "low:high".
        groups: see the optimisers.

    ValueError for another name, and for what optim_args says wrongly.
    """
    if name not in _OPTIMIZERS:
        raise ValueError(f"optim = {name!r}, but it must be one of {', '.join(_OPTIMIZERS)}")
    kind, taken, fixed = _OPTIMIZERS[name]
    given: dict[str, Any] = dict(lr=lr, weight_decay=weight_decay, betas=betas, eps=eps)
    arguments: dict[str, Any] = {**{key: given[key] for key in taken}, **fixed}
    known = _ARGUMENTS[kind]
    for item in (optim_args or "").replace(" ", "").split(","):
        key, equals, text = item.partition("=")
        if not item:
            continue
        if not equals or key not in known:
            raise ValueError(
                f"optim_args: {item!r} is not of the form key=value with a key of {name}: "
                f"{', '.join(known)}"
            )
        try:
            arguments[key] = known[key](text)
        except ValueError as error:
            raise ValueError(f"optim_args: {key} = {text!r}, but it must be {error}") from None
    return kind(target, groups=groups, **arguments)
