"""Checks of arguments that several parts of the API share."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["directory_to_write", "unknown_keyword"]


def unknown_keyword(function: str, name: str, known: Iterable[str]) -> TypeError:
    """The error for a keyword that `function` does not have, naming the nearest it has."""
    nearest = difflib.get_close_matches(name, list(known), n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return TypeError(f"{function}() got an unexpected keyword argument {name!r}{hint}")


def directory_to_write(save_directory: str | os.PathLike[str]) -> Path:
    """The directory that a save_pretrained is given, made if need be.

    TypeError for what is no path; OSError when it is a file, empty or cannot be made.
    """
    if not isinstance(save_directory, str | os.PathLike):
        raise TypeError(f"save_directory must be the path of a directory, not {save_directory!r}")
    if not os.fspath(save_directory):
        raise FileNotFoundError("save_directory is ''; for the current directory it is '.'")
    directory = Path(save_directory)
    if directory.is_file():
        raise NotADirectoryError(f"{directory} is a file; save_pretrained needs a directory")
    directory.mkdir(parents=True, exist_ok=True)
    return directory
