"""Fixtures for tests of the kernels: every instruction set, and memory with guarded ends."""

import numpy as np
import pytest
from guarded_memory import guarded

from pytxenc import _core


@pytest.fixture(params=_core._kernel_isas())
def isa(request):
    """Each instruction set that this machine can run."""
    return request.param


@pytest.fixture(params=["start", "end"])
def place(request):
    """Puts arrays into guarded memory, at its first or at its last bytes; None stays."""
    return lambda array: None if array is None else guarded(array, request.param)


@pytest.fixture
def rng():
    return np.random.default_rng(20240607)
