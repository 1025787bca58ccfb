"""Values of position tables that let small models, and longer sequences, learn sooner."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..modeling import PreTrainedModel

__all__ = ["repeat_positions", "set_sinusoidal_positions", "sinusoidal_positions"]

_TABLE = "embeddings.position_embeddings.weight"
_SLOWEST = 10000.0


def sinusoidal_positions(count: int, width: int, std: float = 0.05) -> NDArray[np.float32]:
    """Waves of falling frequency: sines in the first half of the columns, cosines in the second.

    Column i of either half has sin or cos of position / 10000^(i / (width / 2)) (Vaswani et al.,
    1706.03762, whose sines and cosines alternate).

    count: positions, from 0 on.
    width: columns; of an odd number the sines have one more.
    std: the standard deviation of all values, to which they are scaled.

    Returns float32 (count, width).  ValueError for sizes below 1 or a negative std.
    """
    if count < 1 or width < 1 or not std >= 0:
        raise ValueError(
            f"a table of {count} positions, {width} columns and standard deviation {std} cannot be"
        )
    sines = -(-width // 2)
    angles = np.outer(np.arange(count), _SLOWEST ** -(np.arange(sines) / (width / 2)))
    table = np.hstack([np.sin(angles), np.cos(angles[:, : width - sines])])
    spread = table.std()
    return (table * (std / spread if spread else 0.0)).astype(np.float32)


def set_sinusoidal_positions(model: PreTrainedModel, std: float = 0.05) -> None:
    """Let a model's table of positions begin as `sinusoidal_positions`; it is still learned.

    In models of RoBERTa's kind the rows up to the padding's are left as they are, for sequences
    begin after them.

    ValueError for a model without such a table.
    """
    name, table = _positions(model)
    rows = table[len(table) - model.longest_input :]
    rows[:] = sinusoidal_positions(len(rows), table.shape[1], std)
    model.load_state_dict({**model.state_dict(), name: table})


def repeat_positions(model: PreTrainedModel, count: int) -> None:
    """Copy the first `count` positions over those behind them, again and again.

    A model trained on short sequences then learns longer ones sooner than from positions that
    nothing has trained (Longformer, 2004.05150, section 5).  In models of RoBERTa's kind the first
    position is the row after the padding's.

    ValueError for a model without a table of positions, or with fewer than `count`.
    """
    name, table = _positions(model)
    rows = table[len(table) - model.longest_input :]
    if not 1 <= count <= len(rows):
        raise ValueError(f"of {len(rows)} positions the first {count} cannot be repeated")
    rows[:] = rows[np.arange(len(rows)) % count]
    model.load_state_dict({**model.state_dict(), name: table})


def _positions(model: PreTrainedModel) -> tuple[str, NDArray[np.float32]]:
    """The name of the table of positions, and a copy of it."""
    state = model.state_dict()
    name = next((name for name in state if name.endswith(_TABLE)), None)
    if name is None:
        raise ValueError(f"a {type(model).__name__} has no table of positions")
    return name, state[name].copy()
