"""Builds the one extension, pytxenc._core.  Metadata is in pyproject.toml.

Environment variables:
  PYTXENC_DEBUG=1      -O0 -g, assertions on
  PYTXENC_SANITIZE=S   -fsanitize=S (address, undefined, thread; comma-separated)
  PYTXENC_COVERAGE=1   gcov instrumentation
  PYTXENC_WERROR=1     warnings are errors
The compiler is the usual CC.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import scipy_openblas32
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

ROOT = Path(__file__).parent


def flag(name):
    return os.environ.get(name, "") not in ("", "0")


# Libraries of the system: header, and the Debian package that has it.
LIBRARIES = {
    "utf8proc": ("utf8proc.h", "libutf8proc-dev"),
    "onig": ("oniguruma.h", "libonig-dev"),
}


def static_library(compiler, name):
    """Path of lib<name>.a if the compiler finds one, so that the library is not needed later."""
    archive = f"lib{name}.a"
    try:
        path = subprocess.run(
            [*compiler, f"-print-file-name={archive}"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return path if os.path.isabs(path) and os.path.exists(path) else None


def require_header(compiler, header, package):
    """Say what to install before the compiler says what it misses."""
    source = f"#include <{header}>".encode()
    try:
        found = subprocess.run([*compiler, "-E", "-"], input=source, capture_output=True)
    except OSError as error:
        raise CompileError(f"the C compiler does not run: {error}") from error
    if found.returncode != 0:
        raise CompileError(f"{header} is missing; on Debian: apt-get install {package}")


class BuildExt(build_ext):
    """Compiles the sources on all cores and links what this machine has."""

    def build_extension(self, ext):
        compiler = getattr(self.compiler, "compiler_so", None) or ["cc"]
        for name, (header, package) in LIBRARIES.items():
            require_header(compiler, header, package)
            archive = static_library(compiler, name)
            if archive:
                ext.extra_objects.append(archive)
            else:
                ext.libraries.append(name)

        # setuptools compiles one file after another: start them all, wait before linking.
        compile_one, link = self.compiler._compile, self.compiler.link_shared_object
        jobs = []

        def compile_later(*args):
            jobs.append(pool.submit(compile_one, *args))

        def link_when_compiled(*args, **kwargs):
            for job in jobs:
                job.result()
            return link(*args, **kwargs)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            self.compiler._compile = compile_later
            self.compiler.link_shared_object = link_when_compiled
            try:
                super().build_extension(ext)
            finally:
                pool.shutdown(cancel_futures=True)
                self.compiler._compile, self.compiler.link_shared_object = compile_one, link


def extension():
    blas = Path(scipy_openblas32.get_lib_dir())
    compile_args = ["-std=c11", "-fvisibility=hidden", "-ffp-contract=off", "-g"]
    compile_args += ["-Wall", "-Wextra", "-Wshadow", "-Wvla", "-Wstrict-prototypes"]
    compile_args += ["-Wno-unused-parameter"]
    link_args = []
    if flag("PYTXENC_DEBUG"):
        compile_args += ["-O0", "-UNDEBUG"]
    else:
        compile_args += ["-O3", "-fno-math-errno"]
    if flag("PYTXENC_WERROR"):
        compile_args += ["-Werror"]
    if os.environ.get("PYTXENC_SANITIZE"):
        sanitize = "-fsanitize=" + os.environ["PYTXENC_SANITIZE"]
        compile_args += [sanitize, "-fno-omit-frame-pointer", "-fno-sanitize-recover=all"]
        link_args += [sanitize]
    if flag("PYTXENC_COVERAGE"):
        compile_args += ["--coverage"]
        link_args += ["--coverage"]
    if sys.platform.startswith("linux"):
        # Beside us in site-packages when installed; pytxenc/__init__.py knows other places.
        link_args += ["-Wl,-rpath,$ORIGIN/../scipy_openblas32/lib", "-Wl,--exclude-libs,ALL"]
    return Extension(
        "pytxenc._core",
        sources=sorted(str(p.relative_to(ROOT)) for p in (ROOT / "ext").rglob("*.c")),
        depends=sorted(str(p.relative_to(ROOT)) for p in (ROOT / "ext").rglob("*.h")),
        include_dirs=["ext", numpy.get_include(), scipy_openblas32.get_include_dir()],
        library_dirs=[str(blas)],
        libraries=[scipy_openblas32.get_library(), "pthread", "m"],
        extra_compile_args=compile_args,
        extra_link_args=link_args,
        language="c",
    )


setup(ext_modules=[extension()], cmdclass={"build_ext": BuildExt})
