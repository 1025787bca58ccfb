"""Checks of arguments that several parts of the API share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["unknown_keyword"]


def unknown_keyword(function: str, name: str, known: Iterable[str]) -> TypeError:
    """The error for a keyword that `function` does not have, naming the nearest it has."""
    nearest = difflib.get_close_matches(name, list(known), n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return TypeError(f"{function}() got an unexpected keyword argument {name!r}{hint}")
