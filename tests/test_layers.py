"""The layers of ext/: no #include against the table of ext/README.md, one exported symbol."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

EXT = Path(__file__).parents[1] / "ext"
SOURCES = sorted([*EXT.rglob("*.c"), *EXT.rglob("*.h")])
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
pytestmark = pytest.mark.skipif(not SOURCES, reason="no source tree beside the tests")

# header (by a regular expression) -> files that may include it
SPECIAL = {
    r"Python\.h|structmember\.h": r"python/.*",
    r"numpy/.*": r"python/convert\.c",
    r".*cblas.*": r"kernels/blas\.c",
    r"utf8proc\.h": r"text/.*",
    r"onig.*\.h": r"text/regex\.c",
    r".*intrin\.h|arm_neon\.h": r"(kernels|text)/[^/]*(avx|neon)[^/]*",
}


def table():
    """The README's rows: folder -> folders that it may include, itself among them."""
    text = (EXT / "README.md").read_text()
    rows = re.findall(r"^\| *(\w+) *\|[^|]*\| *([^|]+?) *\|$", text, re.MULTILINE)
    rows = [(folder, allowed) for folder, allowed in rows if (EXT / folder).is_dir()]
    folders = {folder for folder, _ in rows}
    named = {folder: set(re.findall(r"\w+", allowed)) & folders for folder, allowed in rows}
    return {
        folder: folders if allowed == "all" else named[folder] | {folder}
        for folder, allowed in rows
    }


def includes(text):
    """(quoted, header) of every #include."""
    return [(mark == '"', header) for mark, header in INCLUDE.findall(text)]


def violations(path, text, allowed):
    """What is wrong with the includes of the file `path` (relative to ext/)."""
    folder, wrong = path.split("/")[0], []
    for quoted, header in includes(text):
        if quoted and "/" not in header:
            wrong.append(f'{path}: write "{folder}/{header}"')
        elif quoted and header.split("/")[0] not in allowed[folder]:
            wrong.append(f"{path}: {folder} may not include {header}")
        for pattern, users in SPECIAL.items():
            if re.fullmatch(pattern, header) and not re.fullmatch(users, path):
                wrong.append(f"{path}: may not include {header}")
    return wrong


def test_table_names_every_folder():
    folders = {p.relative_to(EXT).parts[0] for p in SOURCES}
    assert folders <= set(table())
    assert table()["base"] == {"base"}


def test_includes():
    wrong = []
    for path in SOURCES:
        name = path.relative_to(EXT).as_posix()
        wrong += violations(name, path.read_text(), table())
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("base/error.c", '#include "kernels/kernels.h"'),
        ("text/bpe.c", '# include "model/encoder.h"'),
        ("model/encoder.c", "#include <Python.h>"),
        ("python/module.c", "#include <numpy/arrayobject.h>"),
        ("kernels/scalar.c", "#include <cblas.h>"),
        ("io/json.c", "#include <utf8proc.h>"),
        ("text/split.c", "#include <oniguruma.h>"),
        ("kernels/dispatch.c", "\n  #include <immintrin.h>\n"),
        ("text/bpe.c", '#include "bpe.h"'),
    ],
)
def test_a_wrong_include_is_found(path, line):
    allowed = {**{folder: {folder} for folder in ("io", "text", "model")}, **table()}
    assert len(violations(path, line, allowed)) == 1


def test_files_include_what_they_should():
    """Headers have guards, and a .c file includes its own header first, where it has one."""
    for path in SOURCES:
        name = path.relative_to(EXT).as_posix()
        text = path.read_text()
        own = f"{name[:-2]}.h"
        if path.suffix == ".c" and (EXT / own).exists():
            assert includes(text)[0] == (True, own), name
        if path.suffix == ".h" and not name.endswith("_impl.h"):
            guard = "TXE_" + re.sub(r"[/.]", "_", name).upper()
            assert f"#ifndef {guard}\n#define {guard}\n" in text, name


def test_only_the_init_function_is_exported():
    _core = pytest.importorskip("pytxenc._core")
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("needs nm")
    listing = subprocess.run(
        [nm, "-D", "--defined-only", _core.__file__], capture_output=True, text=True, check=True
    ).stdout
    symbols = {line.split()[-1] for line in listing.splitlines()}
    # What linkers and instrumentation add begins with an underscore.
    assert {s for s in symbols if not s.startswith("_")} == {"PyInit__core"}
