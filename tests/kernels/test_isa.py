"""The choice of instruction set, and the committed coefficients."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytxenc import _core

ROOT = Path(__file__).parents[2]


def run(code, **environment):
    """Result of a fresh interpreter with these variables."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def test_every_possible_value():
    code = "from pytxenc import _core; print(_core.get_isa())"
    for isa in _core._kernel_isas():
        assert run(code, PYTXENC_ISA=isa).stdout.strip() == isa
    # The names are in ascending order of width.
    assert run(code, PYTXENC_ISA="").stdout.strip() == _core._kernel_isas()[-1]


def test_unknown_value_names_the_choices():
    result = run("from pytxenc import _core", PYTXENC_ISA="sse9")
    assert result.returncode != 0
    message = result.stderr.strip().splitlines()[-1]
    assert message.startswith("ImportError") and '"sse9"' in message
    for isa in _core._kernel_isas():
        assert f'"{isa}"' in message


def test_tables_by_name():
    with pytest.raises(ValueError, match="instruction set"):
        _core._kernel_add("mmx", bytearray(), b"", b"", None, 0)


def test_coefficients_are_those_of_the_script():
    pytest.importorskip("mpmath")
    kernels = ROOT / "ext" / "kernels"
    if not kernels.is_dir():
        pytest.skip("no source tree beside the tests")
    result = subprocess.run(
        [sys.executable, kernels / "fit.py"], capture_output=True, text=True, check=True
    )
    assert result.stdout == (kernels / "coefficients.h").read_text()
