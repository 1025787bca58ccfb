"""Labels and predictions as arrays that belong together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def paired(labels: Any, predictions: Any, dimensions: tuple[int, ...] = (1,)) -> Any:
    """Both as arrays of one shape; ValueError where they differ, are empty or of another rank."""
    first: NDArray[Any] = np.asarray(labels)
    second: NDArray[Any] = np.asarray(predictions)
    if first.shape != second.shape:
        raise ValueError(f"labels have shape {first.shape}, but predictions {second.shape}")
    if first.ndim not in dimensions:
        allowed = " or ".join(str(n) for n in dimensions)
        raise ValueError(f"labels have {first.ndim} dimensions; this metric takes {allowed}")
    if not first.size:
        raise ValueError("there are no labels to compare with")
    return first, second
