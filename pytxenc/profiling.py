"""Where the time of a call goes: by layer and operation."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from . import _core
from .modeling import PreTrainedModel
from .tokenization.call_options import check_positive

__all__ = ["Operation", "Profile", "Share", "profile"]


class Operation(NamedTuple):
    """The time that one operation took in one layer."""

    layer: int | None
    """Its index; None for what lies outside the layers."""
    name: str
    seconds: float


class Share(NamedTuple):
    """The time that an operation took over all layers."""

    name: str
    calls: int
    seconds: float
    share: float
    """Of the whole call."""


@dataclass(frozen=True)
class Profile:
    """The times of a call, of several the medians.

    operations: in the order in which they are computed.
    seconds: from the start of the call to its end; a little more than the operations' sum.
    tokens: that are not padding.
    what: the model, its precision, the instruction set and the threads.
    """

    operations: list[Operation]
    seconds: float
    tokens: int
    what: str

    @property
    def tokens_per_second(self) -> float:
        """Tokens that are not padding, a second."""
        return self.tokens / self.seconds

    def shares(self) -> list[Share]:
        """The operations, summed over layers, by falling time; last the rest of the call."""
        names = dict.fromkeys(operation.name for operation in self.operations)
        times = {name: [o.seconds for o in self.operations if o.name == name] for name in names}
        rest = max(0.0, self.seconds - sum(operation.seconds for operation in self.operations))
        rows = sorted(times.items(), key=lambda row: -sum(row[1]))
        return [
            Share(name, len(taken), sum(taken), sum(taken) / self.seconds)
            for name, taken in [*rows, ("outside of operations", [rest])]
        ]

    def __str__(self) -> str:
        rows = self.shares()
        width = max(len(row.name) for row in rows)
        lines = [
            self.what,
            f"{self.tokens:,} tokens in {1e3 * self.seconds:,.2f} ms: "
            f"{self.tokens_per_second:,.0f} tokens/s",
            "",
            f"{'operation':{width}}  calls         ms   share",
            *(
                f"{row.name:{width}}  {row.calls:5}  {1e3 * row.seconds:9.3f}  {row.share:6.1%}"
                for row in rows
            ),
        ]
        return "\n".join(lines)


class _TimedEncoder:
    """An encoder that keeps what the profile of its last forward pass says."""

    operations: list[tuple[int, str, int]]
    tokens: int

    def __init__(self, encoder: _core.Encoder) -> None:
        self._encoder = encoder

    def forward(self, **kwargs: Any) -> dict[str, Any]:
        ids, mask = kwargs["input_ids"], kwargs["attention_mask"]
        batch = np.shape(kwargs["inputs_embeds"] if ids is None else ids)[:2]
        self.tokens = math.prod(batch) if mask is None else int(np.count_nonzero(mask))
        results, self.operations = self._encoder.profile(**kwargs)
        return results


def profile(model: PreTrainedModel, *args: Any, runs: int = 5, **kwargs: Any) -> Profile:
    """Call a model and tell how long each operation of each layer took.

        >>> print(pytxenc.profile(model, **tokenizer(texts, padding=True, return_tensors="np")))

    The first call, which arranges the weights and finds memory, is not counted.

    Args:
        model: any model; it stays as it is.
        *args, **kwargs: of the call.
        runs: calls to take the medians of.

    Raises:
        TypeError: what is no model, or as the call.
        ValueError: runs below 1, or as the call.
    """
    if not isinstance(model, PreTrainedModel):
        raise TypeError(f"model must be one of pytxenc's models, not {type(model).__name__}")
    check_positive("runs", runs)
    encoder = _TimedEncoder(model._encoder)
    timed = object.__new__(type(model))
    vars(timed).update(vars(model), _encoder=encoder)
    timed(*args, **kwargs)
    seconds, profiles = [], []
    for _ in range(runs):
        start = time.perf_counter()
        timed(*args, **kwargs)
        seconds.append(time.perf_counter() - start)
        profiles.append(encoder.operations)
    operations = []
    for same in zip(*profiles, strict=True):
        layer, name, _ = same[0]
        taken = 1e-9 * median(nanoseconds for _, _, nanoseconds in same)
        operations.append(Operation(None if layer < 0 else layer, name, taken))
    threads = _core.get_num_threads()
    return Profile(
        operations,
        median(seconds),
        encoder.tokens,
        f"{type(model).__name__} in {model.precision}, {_core.get_isa()}, "
        f"{threads} thread{'s'[: threads > 1]}",
    )
