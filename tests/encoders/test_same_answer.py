"""An encoder gives a token the same bits whatever else is computed with it: see same_answer.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from random_encoders import DTYPES
from same_answer import CHECKS, promised

from pytxenc import _core


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__[6:])
@pytest.mark.parametrize("dtype", DTYPES)
def test_same_answer(dtype, check):
    if not promised(dtype):
        pytest.skip("float32 of the scalar kernels is OpenBLAS's")
    check(dtype)


@pytest.mark.parametrize("isa", [isa for isa in _core._kernel_isas() if isa != _core.get_isa()])
def test_other_instruction_sets(isa):
    result = subprocess.run(
        [sys.executable, Path(__file__).with_name("same_answer.py")],
        env={**os.environ, "PYTXENC_ISA": isa},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
