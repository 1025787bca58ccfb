"""What the commands make of errors: one line and exit status 2."""

import pytest

from pytxenc import cli
from pytxenc.cli import tokenize


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a\n  b\n  c"),  # as the loader tells of several tensors
        RuntimeError("a\n  b\n  c"),
        IndexError("a b c"),  # an id that is not in the model's table
        OSError("a b c"),
    ],
)
def test_one_line(monkeypatch, capsys, error):
    def fail(arguments):
        raise error

    monkeypatch.setattr(tokenize, "run", fail)
    assert cli.run("tokenize", ["-t", "x", "-o", "y", "z"]) == 2
    assert capsys.readouterr().err == "python -m pytxenc tokenize: a b c\n"


def test_a_mistake_of_ours_is_not_hidden(monkeypatch):
    def fail(arguments):
        raise KeyError("x")

    monkeypatch.setattr(tokenize, "run", fail)
    with pytest.raises(KeyError):
        cli.run("tokenize", ["-t", "x", "-o", "y", "z"])
