"""Groups of parameters: which of them decay, and how fast each layer learns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..modeling import PreTrainedModel
    from ..training.flat import FlatParameters
    from ..training.session import Session

__all__ = ["has_no_decay", "layer_depths", "parameter_groups"]

_NO_DECAY = re.compile(r"bias|layernorm|rmsnorm|(^|\.)norm(\.|$)|_norm(\.|$)")
_LAYER = re.compile(r"(?:^|\.)(?:layer|albert_layer_groups)\.(\d+)\.")
_EMBEDDINGS = re.compile(r"(?:^|\.)embeddings(?:_project)?\.|embedding_hidden_mapping_in")


def has_no_decay(name: str) -> bool:
    """Whether a parameter's name says that weight decay is not for it: biases and norms.

    The rule of transformers' Trainer.
    """
    return _NO_DECAY.search(name.lower()) is not None


def layer_depths(names: Iterable[str]) -> dict[str, int]:
    """How deep each parameter lies: embeddings 0, layer i of L (from 0) i + 1, the rest L + 2.

    As ELECTRA's code counts.  Layers of ALBERT are its groups of layers.
    """
    depths: dict[str, int] = {}
    rest = []
    for name in names:
        layer = _LAYER.search(name)
        if layer:
            depths[name] = int(layer.group(1)) + 1
        elif _EMBEDDINGS.search(name):
            depths[name] = 0
        else:
            rest.append(name)
    layers = max(depths.values(), default=0)
    return {**depths, **dict.fromkeys(rest, layers + 2)}


def parameter_groups(
    target: PreTrainedModel | FlatParameters | Session,
    weight_decay: float,
    *,
    no_decay: Callable[[str], bool] = has_no_decay,
    layer_decay: float = 1.0,
    lr: float | None = None,
    frozen: Iterable[str] = (),
) -> list[dict[str, Any]]:
    """Groups for an optimiser: first what decays, then what does not.

    Args:
        target: whose distinct parameters; tied ones count once.
        no_decay: whether the parameter of a name has weight decay 0.
        layer_decay: factor between the rates of one layer and the next below: a group of depth d
            (see `layer_depths`) has lr * layer_decay^(L + 2 - d), as in ELECTRA, whose value for
            small models is 0.8.
        lr: of the head; needed with layer_decay, else the optimiser's own is taken.
        frozen: names of parameters, or beginnings of names, to leave out.

    ValueError for a layer_decay not above 0 or without lr.
    """
    if not layer_decay > 0:
        raise ValueError(f"layer_decay = {layer_decay!r}, but it must be above 0")
    if layer_decay != 1.0 and lr is None:
        raise ValueError("layer_decay needs lr, the rate of the head")
    frozen = tuple(frozen)
    names = [name for name in _names(target) if not name.startswith(frozen)]
    depths = dict.fromkeys(names, 0)
    if layer_decay != 1.0:
        depths = layer_depths(_names(target))
    top = max(depths.values(), default=0)
    members: dict[tuple[int, bool], list[str]] = {}
    for name in names:
        members.setdefault((depths[name], no_decay(name)), []).append(name)
    groups = []
    for depth, without in sorted(members, key=lambda key: (-key[0], key[1])):
        group: dict[str, Any] = {
            "names": members[depth, without],
            "weight_decay": 0.0 if without else weight_decay,
        }
        if lr is not None:
            group["lr"] = lr * layer_decay ** (top - depth)
        groups.append(group)
    return groups


def _names(target: Any) -> list[str]:
    flat = getattr(target, "flat", target)
    if hasattr(flat, "segments"):
        return [segment.name for segment in flat.segments]
    return [name for name, _ in target.named_parameters()]
