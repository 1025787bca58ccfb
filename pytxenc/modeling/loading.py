"""From the tensors of a checkpoint to the parameters of a model.

Checkpoints name the same tensor in several ways; what is renamed, added, left out and
reported follows transformers 5.23.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger("pytxenc")

Weights = dict[str, NDArray[np.float32]]
# (name, shape, initialisation) as _core.encoder_parameters lists them.
Parameter = tuple[str, tuple[int, ...], str]

# Names of TensorFlow's checkpoints that live on in old files.
_LEGACY = (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias"))

# Starting values of activations that have parameters (arXiv 1502.01852, 2411.13010).
_ACTIVATION_START = {
    "weight": 0.25,
    "alpha_p": float(np.log(np.expm1(0.8))),
    "alpha_n": float(np.log(np.expm1(0.3))),
    "beta": 0.5,
    "eps": -1e-6,
}


@dataclass
class LoadingReport:
    """What did not fit between a checkpoint and a model."""

    missing_keys: set[str] = field(default_factory=set)
    unexpected_keys: set[str] = field(default_factory=set)
    mismatched_keys: set[tuple[str, tuple[int, ...], tuple[int, ...]]] = field(default_factory=set)
    untied: list[tuple[str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The form of `output_loading_info`."""
        return {
            "missing_keys": self.missing_keys,
            "unexpected_keys": self.unexpected_keys,
            "mismatched_keys": self.mismatched_keys,
            "error_msgs": [],
        }

    def log(self, model: str, source: str) -> None:
        """One warning that lists everything worth knowing; none when all fitted."""
        lines = [
            *(f"  missing, newly initialised: {name}" for name in sorted(self.missing_keys)),
            *(f"  not used by this model: {name}" for name in sorted(self.unexpected_keys)),
            *(
                f"  shape {have} in the file, {want} in the model, newly initialised: {name}"
                for name, have, want in sorted(self.mismatched_keys)
            ),
            *(f"  differ, so left untied: {one} and {other}" for one, other in self.untied),
        ]
        if lines:
            logger.warning("%s loaded from %s:\n%s", model, source, "\n".join(lines))


def initial_value(
    parameter: Parameter, std: float, padding_row: int | None, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A new parameter as the reference starts it (api: `_init_weights`)."""
    name, shape, kind = parameter
    if kind == "zeros":
        return np.zeros(shape, np.float32)
    if kind == "ones":
        return np.ones(shape, np.float32)
    if kind == "activation":
        return np.full(shape, _ACTIVATION_START[name.rsplit(".", 1)[-1]], np.float32)
    value = rng.standard_normal(shape, np.float32)
    value *= np.float32(std)
    if kind == "padded" and padding_row is not None:
        if not -shape[0] <= padding_row < shape[0]:
            raise ValueError(
                f"pad_token_id is {padding_row}; it must be from 0 to {shape[0] - 1}, the last row "
                f"of {name}"
            )
        value[padding_row] = 0
    return value


def _map_names(names: Sequence[str], expected: set[str], prefix: str) -> dict[str, str | None]:
    """For each tensor of the checkpoint the parameter it is for, or None."""
    mapped: dict[str, str | None] = {}
    for name in names:
        modern = name
        for old, new in _LEGACY:
            modern = modern.replace(old, new)
        candidates = (modern, prefix + modern, modern.removeprefix(prefix))
        mapped[name] = next((c for c in candidates if c in expected), None)
    return mapped


def _tie(weights: Weights, ties: Mapping[str, str], report: LoadingReport) -> None:
    """Make one array of each tied pair, whichever of the two the checkpoint has."""
    for name, source in ties.items():
        if name in weights and source in weights:
            one, other = weights[name], weights[source]
            if one is other or np.array_equal(one, other):
                weights[name] = other
            else:
                report.untied.append((name, source))
        elif name in weights:
            weights[source] = weights[name]
        elif source in weights:
            weights[name] = weights[source]


def fit_weights(
    checkpoint: Mapping[str, NDArray[Any]],
    parameters: Sequence[Parameter],
    *,
    prefix: str,
    ties: Mapping[str, str],
    ignore_mismatched_sizes: bool,
    initial: Any,
) -> tuple[Weights, LoadingReport]:
    """Choose, rename, tie and complete.

    Args:
        checkpoint: tensors by name; only those that are used are read.
        parameters: what the model needs.
        prefix: of the base model's names in a model with a head, such as "bert.".
        ties: parameter -> the parameter it shares its array with.
        ignore_mismatched_sizes: start a tensor anew when its shape differs.
        initial: function from a Parameter to a new array.

    Raises:
        ValueError: the checkpoint has no tensor of this model.
        RuntimeError: a tensor's shape is not the model's, naming all such tensors.
        TypeError: a tensor is not of a floating dtype.
    """
    shapes = {name: shape for name, shape, _ in parameters}
    weights: Weights = {}
    report = LoadingReport()
    for stored, name in _map_names(list(checkpoint), set(shapes), prefix).items():
        if name is None:
            if stored.rsplit(".", 1)[-1] != "position_ids":
                report.unexpected_keys.add(stored)
            continue
        value = checkpoint[stored]
        if value.dtype.kind != "f":
            raise TypeError(f"tensor '{stored}' holds {value.dtype}; weights must be floating")
        if value.shape == shapes[name]:
            weights[name] = value
        else:
            report.mismatched_keys.add((name, value.shape, shapes[name]))
    if report.mismatched_keys and not ignore_mismatched_sizes:
        lines = "\n".join(
            f"  tensor '{name}' has shape {have} in the checkpoint, the configuration needs {want}"
            for name, have, want in sorted(report.mismatched_keys)
        )
        raise RuntimeError(
            f"shapes do not fit:\n{lines}\nCorrect the configuration, or pass "
            "ignore_mismatched_sizes=True to start these tensors anew."
        )
    if checkpoint and not weights and not report.mismatched_keys:
        raise ValueError(
            f"none of the checkpoint's {len(checkpoint)} tensors is one of this model's: the "
            f"checkpoint has '{next(iter(checkpoint))}', the model needs "
            f"'{next(iter(shapes))}'; is it a checkpoint of another kind of model?"
        )
    _tie(weights, ties, report)
    mismatched = {name for name, _, _ in report.mismatched_keys}
    report.missing_keys = set(shapes) - set(weights) - mismatched
    for parameter in parameters:
        name = parameter[0]
        if name not in weights and ties.get(name) not in weights:
            weights[name] = initial(parameter)
    for name, source in ties.items():
        weights.setdefault(name, weights[source])
    return weights, report
