"""A short run of each fuzzer of files; `python tests/fuzz/fuzz_*.py --runs N` does more."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "fuzz"))
import fuzz_json
import fuzz_pytorch_bin
import fuzz_safetensors
import mutate

RUNS = 600


def check_both_kinds(accepted, refused):
    """A fuzzer whose files are all refused, or none, looks at nothing."""
    assert accepted > RUNS / 20 and refused > RUNS / 20


def test_safetensors():
    check_both_kinds(*mutate.run(fuzz_safetensors.check, RUNS, 1))


def test_pytorch_bin():
    check_both_kinds(*mutate.run(fuzz_pytorch_bin.check, RUNS, 1))


def test_json(tmp_path):
    check_both_kinds(*mutate.run(fuzz_json.make_check(tmp_path), RUNS, 1))
