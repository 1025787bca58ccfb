"""What this installation is made of."""

import ctypes
import platform
from typing import Any

import numpy as np

from . import __version__, _core


def _openblas() -> dict[str, str]:
    """OpenBLAS' account of itself; it is loaded already, so this opens no second copy."""
    import scipy_openblas32

    library = ctypes.CDLL(
        f"{scipy_openblas32.get_lib_dir()}/{scipy_openblas32.get_library(fullname=True)}"
    )
    answers = {}
    for what in ("config", "corename"):
        function = getattr(library, f"scipy_openblas_get_{what}")
        function.restype = ctypes.c_char_p
        answers[what] = function().decode()
    return answers


def show_config(*, quiet: bool = False) -> dict[str, Any]:
    """Print (unless `quiet`) and return versions, instruction set, libraries and threads.

    Worth putting into every report of a bug or of a speed.
    """
    openblas = _openblas()
    config = {
        "pytxenc": __version__,
        "instruction set": _core.get_isa(),
        "threads": _core.get_num_threads(),
        "OpenBLAS": openblas["config"],
        "OpenBLAS core": openblas["corename"],
        **_core.get_build_info(),
        "NumPy": np.__version__,
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
    }
    if not quiet:
        width = max(map(len, config)) + 2
        for name, value in config.items():
            print(f"{name + ':':{width}}{value}")
    return config
