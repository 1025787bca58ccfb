"""Do the tests notice?  Deliberate errors in the training passes, each of which a test must find.

    python mutations.py [number ...]        (default: all; --list shows them)

Builds the extension in a copy of the source tree, once as it is, then with each error alone, and
runs the tests of gradients, dropout and invariances.  Exit status 1 when an error passes them, or
cannot be made because the source has changed.  About ten minutes.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
TESTS = ("test_gradients.py", "test_dropout_places.py", "test_invariances.py")
ATTENTION, LAYERS, HEADS = (f"ext/train/{name}.c" for name in ("attention", "layers", "heads"))
STEP, LOSSES, KERNELS = "ext/train/step.c", "ext/train/losses.c", "ext/kernels/training_impl.h"


class Error(NamedTuple):
    """A text of a file, and what stands there instead."""

    what: str
    file: str
    old: str
    new: str


ERRORS = [
    Error("LayerNorm without the mean of g", KERNELS,
          "const txe_real mean_g = sum_of(gs) / count;", "const txe_real mean_g = 0;"),
    Error("LayerNorm without the term of the variance", KERNELS,
          "const txe_real mean_gn = r * (sum_of(products) / count - shift * mean_g);",
          "const txe_real mean_gn = 0 * r;"),
    Error("LayerNorm's epsilon outside the root", KERNELS,
          "v_div(V(1), v_sqrt(v_set(variance + eps)))",
          "v_div(V(1), v_add(v_sqrt(v_set(variance)), v_set(eps)))"),
    Error("softmax without the sum of p dp", KERNELS,
          "const vf mean = v_set(sum_of(acc));", "const vf mean = v_set(0 * sum_of(acc));"),
    Error("dropout without 1 / (1 - p)", KERNELS,
          "v_mul(v_load_n(x + i + whole, rest), scale)", "v_load_n(x + i + whole, rest)"),
    Error("attention's gradient without 1 / sqrt D", ATTENTION,
          "head.sequence->uniform ? 0 : (txe_real)(1 / sqrt((double)D))",
          "head.sequence->uniform ? 0 : 1"),
    Error("attention's gradient without dropout", ATTENTION,
          "drop(&head, room->ds, room->ds, first, n);", ";"),
    Error("keys' and values' gradients of the last block alone", ATTENTION,
          "nkeys, D, n, true);", "nkeys, D, n, false);"),
    Error("one application's numbers for all", "ext/train/dropout.h",
          "(uint32_t)place + TXE_NDROPS * (uint32_t)application",
          "(uint32_t)place + 0 * (uint32_t)application"),
    Error("one sample's numbers for all", "ext/train/dropout.h",
          "return sample << 32 | ", "return 0 * sample | "),
    Error("products' gradients of the last rows alone", STEP,
          "                .ldy = dense->in,\n                .add = true,",
          "                .ldy = dense->in,\n                .add = first > 0,"),
    Error("the padding row learns from look-ups", LAYERS,
          "== part && row != lookups->skipped)", "== part)"),
    Error("no gradient past the feed-forward's residual", LAYERS,
          "step->dx + first * C, C, NULL,\n                           true);",
          "step->dx + first * C, C, NULL,\n                           false);"),
    Error("no gradient past attention's residual", LAYERS,
          "&dqkv, T, step->dx, C, NULL, true);", "&dqkv, T, step->dx, C, NULL, false);"),
    Error("rows that the last layer leaves out keep old gradients", LAYERS,
          "memset(step->dx, 0, end * C * sizeof *step->dx);\n", "(void)end;\n"),
    Error("positions' gradients where token types belong", LAYERS,
          ".table = txe_gradient(d->type),\n"
          "                                           .rows = step->inputs->types,",
          ".table = txe_gradient(d->type),\n"
          "                                           .rows = NULL,"),
    Error("activations' own parameters of the first rows alone", LAYERS,
          "step->partials[i * TXE_MAX_ACT_PARAMS + p];", "step->partials[p];"),
    Error("the second head's gradient instead of the sum", HEADS,
          "step->training->math.add(dx, dx, dh + i * C, NULL, C);",
          "memcpy(dx, dh + i * C, C * sizeof *dx);"),
    Error("a classifier's gradient without dropout", HEADS,
          "drop_rows(step, dh, n, &head->output);", ";"),
    Error("squares without the 2", LOSSES,
          "2 * targets->scales[0] * difference", "targets->scales[0] * difference"),
    Error("gradients not divided by the number of labels", LOSSES,
          "(txe_real)(targets->scales[which] *", "(txe_real)(1 *"),
    Error("entropies of several labels with the sign turned", LOSSES,
          "step->targets->scales[0] * (s - t)", "step->targets->scales[0] * (t - s)"),
]  # fmt: skip


class Build:
    """A copy of the source tree, built once; then what an error touches is compiled again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("ext", "pytxenc", "tests"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.so"))
        for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, folder)
        done = subprocess.run(
            [sys.executable, "setup.py", "build_ext", "--inplace"],
            cwd=folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
        commands = [line for line in done.stdout.splitlines() if " -o " in line]
        self._compile = [line for line in commands if " -c " in line]
        self._before = ""
        self._link = next(line for line in commands if " -shared " in line)
        linked = re.search(r" -o (\S+)", self._link)
        assert linked is not None and self._compile
        self._linked = linked[1]

    def _run(self, command: str) -> None:
        subprocess.run(command, shell=True, cwd=self.folder, check=True, capture_output=True)

    def rebuild(self, file: str) -> None:
        """Compile the sources that a file, or the one before it, is part of, and link."""
        changed, self._before = {file, self._before}, file
        for command in self._compile:
            listed = re.sub(r" -o \S+", " -MM", command)
            parts = subprocess.run(
                listed, shell=True, cwd=self.folder, check=True, capture_output=True, text=True
            ).stdout
            if changed & set(parts.split()):
                self._run(command)
        self._run(self._link)
        shutil.copy(self.folder / self._linked, self.folder / "pytxenc")

    def passes(self) -> bool:
        """Whether all tests pass."""
        tests = [f"tests/training/{name}" for name in TESTS]
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
        environment = {"PYTHONPATH": str(self.folder), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, cwd=self.folder, capture_output=True, env=environment)
        if done.returncode not in (0, 1) and done.returncode > 0:
            raise RuntimeError(done.stdout.decode()[-2000:])
        return done.returncode == 0


def survives(build: Build, error: Error) -> bool:
    """Whether the tests pass with the error."""
    path = build.folder / error.file
    right = path.read_text()
    if right.count(error.old) != 1:
        raise ValueError(f"{error.file} holds {right.count(error.old)} times {error.old!r}")
    path.write_text(right.replace(error.old, error.new))
    try:
        build.rebuild(error.file)
        return build.passes()
    finally:
        path.write_text(right)


def main() -> int:
    parser = argparse.ArgumentParser(description="Deliberate errors, which tests must find.")
    parser.add_argument("numbers", nargs="*", type=int, help="of the errors to make")
    parser.add_argument("--list", action="store_true", help="show the errors and end")
    options = parser.parse_args()
    chosen = {i: e for i, e in enumerate(ERRORS) if not options.numbers or i in options.numbers}
    if options.list:
        print("\n".join(f"{i:3} {error.what}" for i, error in chosen.items()))
        return 0
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        build = Build(Path(folder))
        if not build.passes():
            print("the tests fail without any error")
            return 1
        for number, error in chosen.items():
            try:
                found = not survives(build, error)
            except ValueError as changed:
                found = False
                print(changed)
            failures += not found
            print(f"{number:3} {'found' if found else 'NOT FOUND'}: {error.what}", flush=True)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
