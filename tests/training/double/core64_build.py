"""Builds and imports `core64`: the training sources compiled with TXE_REAL=double.

Objects are kept in the temporary folder, one for each state of a source and of the headers that
it includes, so that after a change only what it touches is compiled again.
"""

import getpass
import hashlib
import importlib.machinery
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
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
FLAGS = ["-std=c11", "-O1", "-fPIC", "-fvisibility=hidden", "-DTXE_REAL=double"]
FLAGS += ["-ffp-contract=off"]
FLAGS += [f"-I{sysconfig.get_path('include')}", f"-I{numpy.get_include()}"]
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")


def sources(ext=EXT):
    """The C files of the module, those of the library under `ext`."""
    found = [path for pattern in PATTERNS for path in sorted(ext.glob(pattern))]
    return found and found + sorted(HERE.glob("*.c"))


@cache
def compiler():
    """The compiler's command, or None where there is none."""
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    return command if shutil.which(command[0]) else None


def cache_folder():
    folder = Path(tempfile.gettempdir()) / f"pytxenc-core64-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    return folder


def texts_of(path, ext, seen):
    """The texts of a file and of what it includes, each once, into `seen`."""
    if path not in seen and path.exists():
        seen[path] = path.read_bytes()
        for name in INCLUDE.findall(seen[path]):
            for folder in (ext, HERE):
                texts_of(folder / name.decode(), ext, seen)
    return seen


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)


def make(target, command):
    """Has `command` write the file `target`, whole or not at all."""
    if not target.exists():
        handle, unfinished = tempfile.mkstemp(dir=target.parent)
        os.close(handle)
        run([*command, "-o", unfinished])
        os.replace(unfinished, target)
    return target


def compile_one(path, ext):
    """The object of a source."""
    digest = hashlib.sha256(repr((compiler(), FLAGS, SUFFIX)).encode())
    for text in texts_of(path, ext, {}).values():
        digest.update(hashlib.sha256(text).digest())
    command = [*compiler(), *FLAGS, f"-I{ext}", f"-I{HERE}", "-c", str(path)]
    return make(cache_folder() / f"{path.stem}-{digest.hexdigest()[:24]}.o", command)


def build(ext=EXT):
    """The path of the built module; `ext` may be a changed copy of the sources."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = [str(o) for o in pool.map(lambda path: compile_one(path, ext), sources(ext))]
    name = hashlib.sha256("".join(objects).encode()).hexdigest()[:24]
    target = cache_folder() / f"core64-{name}{SUFFIX}"
    return make(target, [*compiler(), "-shared", *objects, "-lm", "-lpthread"])


def load(path):
    """Imports the module at `path`."""
    loader = importlib.machinery.ExtensionFileLoader("core64", str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("core64", loader))
    loader.exec_module(module)
    return module
