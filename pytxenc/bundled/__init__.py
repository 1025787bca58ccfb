"""The models that come with the package: folders here, in the form that every model has.

`from_pretrained("pytxenc/roberta-mini")` and all else that takes the name of a model finds them
without a network.  What they are and how they were made stands in their README.md.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["bundled_folder", "bundled_models"]

_PREFIX = "pytxenc/"
_HERE = Path(__file__).parent


def bundled_models() -> list[str]:
    """The names that `from_pretrained` takes, sorted."""
    return sorted(_PREFIX + path.parent.name for path in _HERE.glob("*/config.json"))


def bundled_folder(name: str) -> Path | None:
    """The folder of the model of that name; None for a name that is none of `bundled_models`."""
    known = name.startswith(_PREFIX) and name in bundled_models()  # others cost no look at files
    return _HERE / name.removeprefix(_PREFIX) if known else None
