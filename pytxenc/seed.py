"""One seed for all generators of random numbers."""

from __future__ import annotations

import operator
import random
import sys

import numpy as np

__all__ = ["set_seed"]


def set_seed(seed: int, deterministic: bool = False) -> None:
    """Seed the generators of `random`, NumPy and, if it has been imported, torch.

    A model that is then made from a configuration has the same weights each time.  They are
    not those that torch would draw from the seed.

    Args:
        seed: from 0 to 2**32 - 1.
        deterministic: also make torch refuse to compute what it cannot repeat; here every
            computation is repeatable.

    Raises:
        TypeError: seed is not an integer.
        ValueError: seed is outside the range.
    """
    if isinstance(seed, bool):
        raise TypeError(f"seed must be an integer, not {seed!r}")
    try:
        number = operator.index(seed)
    except TypeError:
        raise TypeError(f"seed must be an integer, not {seed!r}") from None
    if not 0 <= number < 2**32:
        raise ValueError(f"seed is {number}; it must be from 0 to {2**32 - 1}")
    random.seed(number)
    np.random.seed(number)
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(
        torch, "manual_seed"
    ):  # not so while torch is still being imported
        torch.manual_seed(number)
        if deterministic:
            torch.use_deterministic_algorithms(True)
