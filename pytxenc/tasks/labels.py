"""Names of classes and their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

__all__ = ["Labels"]

_UNNAMED = re.compile(r"LABEL_\d+")


class Labels:
    """The classes of a task in their order.

    Args:
        names: distinct names; their places are the classes' numbers.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        self.ids = {name: number for number, name in enumerate(self.names)}
        if len(self.ids) != len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise ValueError(f"the label {twice!r} is there more than once")
        if not self.names:
            raise ValueError("there are no labels")

    @classmethod
    def found(cls, values: Iterable[str]) -> Labels:
        """The labels that occur, sorted: by number where all are whole numbers, else as text."""
        names = set(values)
        numbers = all(re.fullmatch(r"-?\d{1,18}", name) for name in names)
        return cls(sorted(names, key=lambda name: (int(name), name) if numbers else (0, name)))

    @classmethod
    def of(cls, config: Any) -> Labels:
        """Those of a model's configuration."""
        return cls(config.id2label[number] for number in range(config.num_labels))

    def id(self, name: str, where: str) -> int:
        """The number of a label; of labels without names (LABEL_0, ...) the number itself.

        ValueError, at the place `where`, for one that is none of them.
        """
        number = self.ids.get(name)
        if number is None and all(map(_UNNAMED.fullmatch, self.names)):
            number = self.ids.get(f"LABEL_{name}")
        if number is None:
            shown = ", ".join(map(repr, self.names[:20])) + (", ..." if len(self) > 20 else "")
            raise ValueError(f"{where}: the label {name!r:.60} is none of {shown}")
        return number

    def config_fields(self, problem_type: str | None = None) -> dict[str, Any]:
        """What a configuration says of them: id2label, label2id and the problem type."""
        return {
            "id2label": dict(enumerate(self.names)),
            "label2id": dict(self.ids),
            "problem_type": problem_type,
        }

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Labels) and self.names == other.names

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Labels({self.names})"
