"""Building and installing: what users do, with both compilers, and what the result needs."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

import pytxenc

NO_INDEX = ("No matching distribution", "Connection", "Could not find a version")
CHECK = """
import sys, pytxenc
from pytxenc import RobertaModel, RobertaConfig
assert "torch" not in sys.modules
print(pytxenc.__file__)
"""


def run(*command, cwd, **environment):
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture
def sources(root, tmp_path):
    """A copy of the source tree without anything that was built in it."""
    folder = tmp_path / "sources"
    folder.mkdir()
    for name in ("ext", "pytxenc", "tests", "benchmarks"):
        built = shutil.ignore_patterns("*.so", "*.o", "__pycache__")
        shutil.copytree(root / name, folder / name, ignore=built)
    for file in root.iterdir():
        if file.is_file() and not file.name.startswith("."):
            shutil.copy(file, folder)
    return folder


def extension(folder):
    (found,) = Path(folder).rglob(f"_core*{sysconfig.get_config_var('EXT_SUFFIX')}")
    return found


@pytest.mark.slow
def test_installs_into_an_empty_environment(sources, tmp_path):
    """pip install ., then used from elsewhere."""
    made = run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    python = tmp_path / "venv" / "bin" / "python"
    done = run(python, "-m", "pip", "install", "-q", sources, cwd=tmp_path)
    if done.returncode != 0 and any(text in done.stderr for text in NO_INDEX):
        pytest.skip("no package index to be reached")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(sources)
    used = run(python, "-c", CHECK, cwd=tmp_path)
    assert used.returncode == 0, used.stderr
    assert Path(used.stdout.strip()).is_relative_to(tmp_path / "venv")
    help_text = run(python, "-m", "pytxenc", "--help", cwd=tmp_path)
    assert "usage: python -m pytxenc" in help_text.stdout
    samples = list((tmp_path / "venv").rglob("pytxenc/demo/samples/*.py"))
    assert {path.name for path in samples} == {"albert.py", "roberta.py"}


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_compiles_without_warnings(sources, tmp_path, compiler):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    pytest.importorskip("setuptools", minversion="77")
    built = run(
        *(sys.executable, "setup.py", "-q", "build_ext"),
        *("--build-lib", tmp_path / "lib", "--build-temp", tmp_path / "temp"),
        cwd=sources,
        CC=compiler,
        PYTXENC_WERROR="1",
    )
    assert built.returncode == 0, built.stderr
    symbols = run("nm", "-D", "--defined-only", extension(tmp_path / "lib"), cwd=tmp_path).stdout
    names = {line.split()[-1] for line in symbols.splitlines()}
    assert names - {"_init", "_fini"} == {"PyInit__core"}


@pytest.mark.slow
def test_a_compile_error_is_an_error(sources, tmp_path):
    """Files are compiled all at once: none of their errors may get lost."""
    pytest.importorskip("setuptools", minversion="77")
    (sources / "ext" / "base" / "broken.c").write_text("int broken(void) { return }\n")
    command = (sys.executable, "setup.py", "-q", "build_ext", "--build-lib", tmp_path / "lib")
    built = run(*command, "--build-temp", tmp_path / "temp", cwd=sources)
    assert built.returncode != 0 and "broken.c" in built.stderr


@pytest.mark.slow
def test_source_distribution_is_complete(sources, tmp_path):
    pytest.importorskip("setuptools", minversion="77")
    code = f"from setuptools.build_meta import build_sdist; build_sdist({str(tmp_path)!r})"
    done = run(sys.executable, "-c", code, cwd=sources)
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("pytxenc-*.tar.gz")
    with tarfile.open(archive) as tar:
        packed = {name.partition("/")[2] for name in tar.getnames()}
    needed = {"LICENSE", "README.md", "CHANGELOG.md", "Makefile", "pytxenc/py.typed"}
    for path in (*sources.glob("ext/**/*.[ch]"), *sources.glob("pytxenc/**/*.py*")):
        needed.add(str(path.relative_to(sources)))
    for folder in ("bundled", "demo"):
        paths = (sources / "pytxenc" / folder).rglob("*")
        needed.update(str(path.relative_to(sources)) for path in paths if path.is_file())
    needed -= {name for name in needed if name.endswith(".pyc")}
    assert needed <= packed, needed - packed


def test_wheels_have_the_bundled_models(sources, tmp_path):
    """And nothing that a used tree has around them; the whole stays small."""
    stray = sources / "pytxenc" / "bundled" / "__pycache__"
    stray.mkdir(exist_ok=True)
    (stray / "stray.pyc").write_bytes(b"")
    lib = tmp_path / "lib"
    done = run(sys.executable, "setup.py", "-q", "build_py", "--build-lib", lib, cwd=sources)
    assert done.returncode == 0, done.stderr
    for folder in ("bundled", "demo"):
        source, built = (top / "pytxenc" / folder for top in (sources, lib))
        expected, found = (
            {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()}
            for top in (source, built)
        )
        assert found == {name for name in expected if not name.endswith(".pyc")}
    nbytes = sum(path.stat().st_size for path in lib.rglob("*") if path.is_file())
    assert nbytes < 22e6


def test_needs_no_system_library_but_the_usual_ones():
    """utf8proc is linked in; OpenBLAS comes from its package, Oniguruma from the system."""
    if shutil.which("readelf") is None:
        pytest.skip("readelf is not installed")
    library = extension(Path(pytxenc.__file__).parent)
    done = run("readelf", "-d", library, cwd=library.parent)
    needed = {
        line.split("[")[1].rstrip("]") for line in done.stdout.splitlines() if "NEEDED" in line
    }
    usual = (
        "libc.",
        "libm.",
        "libonig.",
        "libpthread.",
        "libscipy_openblas",
        "ld-linux",
        "libgcc_s",
    )
    if any("san.so" in name for name in needed):
        pytest.skip("a sanitized build")
    assert all(name.startswith(usual) for name in needed), needed
    assert any(name.startswith("libscipy_openblas") for name in needed)
