"""Fields of the JSON files of a sentence-transformers model, checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_KINDS = {bool: "true or false", dict: "an object", int: "a whole number", str: "a text"}


def read_field(
    file: Path | None, config: Mapping[str, Any], name: str, kind: type[Any], default: Any = None
) -> Any:
    """A field of a file; the default where it is absent or null.

    kind: bool, dict, int (from 1 on) or str; ValueError, which names the file, for another.
    """
    value: Any = config.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
        raise ValueError(f"{file}: {name} is {value!r:.100}; it must be {_KINDS[kind]}")
    if kind is int and value < 1:
        raise ValueError(f"{file}: {name} is {value}; it must be at least 1")
    return value
