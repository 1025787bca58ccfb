"""The choice of instruction set, and the committed coefficients."""

import os
import platform
import shutil
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


ISAS = [
    "scalar", "avx2", "avx2_vnni", "avx512", "avx512_vnni", "avx512_bf16", "avx512_amx",
]  # fmt: skip
MISSING = [isa for isa in ISAS if isa not in _core._kernel_isas()]


@pytest.mark.parametrize("name", [*MISSING, "sse9"])
def test_what_is_not_to_be_had_names_the_choices(name):
    result = run("from pytxenc import _core", PYTXENC_ISA=name)
    assert result.returncode == 1
    message = result.stderr.strip().splitlines()[-1]
    assert message.startswith("ImportError") and f'"{name}"' in message
    for isa in _core._kernel_isas():
        assert f'"{isa}"' in message
    with pytest.raises(ValueError, match="not to be had on this machine"):
        _core._kernel_add(name, bytearray(), b"", b"", None, 0)


def compiled(tmp_path, source, *flags):
    """What the C compiler makes of a file, its path; skips without one."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or not (ROOT / "ext").is_dir():
        pytest.skip("needs a C compiler and the source tree")
    made = tmp_path / "made"
    clean = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}  # a sanitizer
    subprocess.run(
        [compiler, "-std=c11", "-O2", f"-I{ROOT / 'ext'}", source, "-o", made, *flags],
        env=clean,
        check=True,
    )
    return made


@pytest.mark.parametrize(
    ("isa", "instruction"),
    [
        ("avx2_vnni", "vpdpbusd"),
        ("avx512_vnni", "vpdpbusd"),
        ("avx512_bf16", "vdpbf16ps"),
        ("avx512_amx", "tdpbf16ps"),
        ("avx512_amx", "tdpbusd"),
    ],
)
def test_instructions_that_few_machines_have_are_compiled(tmp_path, isa, instruction):
    if platform.machine() != "x86_64":
        pytest.skip("only x86-64 has them")
    assembly = compiled(tmp_path, ROOT / "ext" / "kernels" / f"{isa}.c", "-S").read_text()
    assert instruction in assembly


@pytest.mark.parametrize(("driver", "needed"), [("vnni", "avx2"), ("amx", "avx512")])
def test_tiles_without_their_instructions(tmp_path, driver, needed):
    """Exact over all sizes, with the instructions worked out by others: see tile_driver.h."""
    if needed not in _core._kernel_isas():
        pytest.skip(f"needs {needed}")
    program = compiled(tmp_path, Path(__file__).with_name(f"{driver}_driver.c"), "-lm")
    result = subprocess.run([program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]


@pytest.mark.skipif("avx512_amx" not in _core._kernel_isas(), reason="needs AMX")
def test_amx_is_not_chosen_where_the_system_refuses_it():
    """As where a signal stack is too small for its registers."""
    code = """
import ctypes

class Stack(ctypes.Structure):
    _fields_ = [("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]

memory = ctypes.create_string_buffer(4096)
stack = Stack(ctypes.addressof(memory), 0, 4096)
assert ctypes.CDLL(None).sigaltstack(ctypes.byref(stack), None) == 0
from pytxenc import _core
print(_core.get_isa())
"""
    assert run(code, PYTXENC_ISA="").stdout.strip() == _core._kernel_isas()[-2]


def test_coefficients_are_those_of_the_script():
    pytest.importorskip("mpmath")
    kernels = ROOT / "ext" / "kernels"
    if not kernels.is_dir():
        pytest.skip("no source tree beside the tests")
    result = subprocess.run(
        [sys.executable, kernels / "fit.py"], capture_output=True, text=True, check=True
    )
    assert result.stdout == (kernels / "coefficients.h").read_text()
