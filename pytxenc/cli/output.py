"""The file that a command writes, looked at before any work is done."""

from __future__ import annotations

import os


def check_output(path: str, force: bool) -> None:
    """Errors for a file that cannot be the output, or that is there already without `force`."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"--output {path}: there is no directory {folder}")
    if os.path.isdir(path):
        raise IsADirectoryError(f"--output {path}: is a directory")
    if os.path.lexists(path) and not force:
        raise FileExistsError(f"{path} exists; --force replaces it")
