"""The package as a whole: its names and what importing it costs."""

import subprocess
import sys

import pytest

import pytxenc

HEAVY = ("torch", "transformers", "huggingface_hub", "tqdm", "tokenizers", "sentencepiece")


@pytest.mark.parametrize("name", pytxenc.__all__)
def test_public_name(name):
    value = getattr(pytxenc, name)
    assert value is getattr(pytxenc, name)
    assert name in dir(pytxenc)
    assert value.__doc__, f"{name} has no docstring"


def test_unknown_name():
    assert not hasattr(pytxenc, "NoSuchName")
    with pytest.raises(AttributeError, match=r"pytxenc.*NoSuchName"):
        _ = pytxenc.NoSuchName
    with pytest.raises(ImportError, match="NoSuchName"):
        from pytxenc import NoSuchName  # noqa: F401


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_light():
    """Nothing heavy, and nothing but the standard library beyond NumPy."""
    code = f"""
import sys, numpy
before = set(sys.modules)
import pytxenc
new = set(sys.modules) - before
heavy = [name for name in {HEAVY} if name in sys.modules]
assert not heavy, heavy
roots = {{name.partition(".")[0] for name in new}} - sys.stdlib_module_names
assert roots == {{"pytxenc"}}, roots
"""
    run(code)


def test_using_models_needs_no_torch():
    run(f"""
import sys
from pytxenc import RobertaModel, AlbertModel, BertForMaskedLM, RobertaTokenizer, AlbertTokenizer
heavy = [name for name in {HEAVY} if name in sys.modules]
assert not heavy, heavy
""")


def test_show_config(capsys):
    config = pytxenc.show_config()
    printed = capsys.readouterr().out
    assert config["pytxenc"] == pytxenc.__version__
    assert config["instruction set"] in pytxenc._core._kernel_isas()
    assert config["OpenBLAS"].startswith("OpenBLAS ")
    assert config["threads"] == pytxenc.get_num_threads()
    assert all(str(value) in printed for value in config.values())
    assert pytxenc.show_config(quiet=True) == config
    assert capsys.readouterr().out == ""


def test_threads():
    before = pytxenc.get_num_threads()
    try:
        pytxenc.set_num_threads(1)
        assert pytxenc.get_num_threads() == 1
        with pytest.raises(ValueError, match="0 is not a number of threads"):
            pytxenc.set_num_threads(0)
    finally:
        pytxenc.set_num_threads(before)
