"""Builds and imports `core64`: the training sources compiled with TXE_REAL=double.

Whole modules are kept in the temporary folder, one for each state of the sources.
"""

import getpass
import hashlib
import importlib.machinery
import importlib.util
import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy

HERE = Path(__file__).parent
EXT = HERE.parents[2] / "ext"
PATTERNS = [
    "base/*.c",
    "kernels/activations.c",
    "model/config.c",
    "model/weights.c",
    "model/batch.c",
    "train/*.c",
    "python/py_training.c",
    "python/py_testing_training.c",
    "python/buffers.c",
    "python/testing.c",
    "python/model_config.c",
    "python/model_inputs.c",
    "python/convert.c",
]
FLAGS = ["-std=c11", "-fPIC", "-DTXE_REAL=double", "-ffp-contract=off", "-Wall", "-Wextra"]
FLAGS += ["-Wno-unused-parameter", "-Wno-unused-function", "-Werror"]


def sources(ext=EXT):
    """The C files of the module, those of the library under `ext`."""
    found = [path for pattern in PATTERNS for path in sorted(ext.glob(pattern))]
    return found + sorted(HERE.glob("*.c"))


def compiler():
    """The compiler's command, or None where there is none."""
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    return command if shutil.which(command[0]) else None


def fingerprint(ext, options):
    """A name for this state of the sources, the compiler and its options."""
    digest = hashlib.sha256(repr((compiler(), FLAGS, options, numpy.__version__)).encode())
    digest.update(str(sysconfig.get_config_var("EXT_SUFFIX")).encode())
    for path in [*sources(ext), *sorted(ext.rglob("*.h")), *sorted(HERE.glob("*.h"))]:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


def build(ext=EXT, optimise="-O1", jobs=None):
    """The path of the built module; `ext` may be a changed copy of the sources."""
    cache = Path(tempfile.gettempdir()) / f"pytxenc-core64-{getpass.getuser()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    target = cache / fingerprint(ext, optimise) / f"core64{suffix}"
    if target.exists():
        return target
    command = [*compiler(), *FLAGS, optimise, f"-I{ext}", f"-I{HERE}"]
    command += [f"-I{sysconfig.get_path('include')}", f"-I{numpy.get_include()}"]
    with tempfile.TemporaryDirectory(dir=cache) as folder:

        def compile_one(numbered):
            number, path = numbered
            object_file = f"{folder}/{number}.o"
            subprocess.run(
                [*command, "-c", str(path), "-o", object_file], check=True, capture_output=True
            )
            return object_file

        with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
            objects = list(pool.map(compile_one, enumerate(sources(ext))))
        made = f"{folder}/core64{suffix}"
        subprocess.run(
            [*compiler(), "-shared", *objects, "-o", made, "-lm", "-lpthread"],
            check=True,
            capture_output=True,
        )
        target.parent.mkdir(exist_ok=True)
        os.replace(made, target)
    return target


def load(path):
    """Imports the module at `path`."""
    loader = importlib.machinery.ExtensionFileLoader("core64", str(path))
    spec = importlib.util.spec_from_loader("core64", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module
