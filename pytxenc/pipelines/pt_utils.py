"""Views of data sets that pipelines read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["KeyDataset", "KeyPairDataset"]


class KeyDataset:
    """One field of every record of a data set."""

    def __init__(self, dataset: Any, key: str) -> None:
        self.dataset = dataset
        self.key = key

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index][self.key]

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))


class KeyPairDataset(KeyDataset):
    """Two fields of every record, as the pair of texts that classification takes."""

    def __init__(self, dataset: Any, key1: str, key2: str) -> None:
        super().__init__(dataset, key1)
        self.key1 = key1
        self.key2 = key2

    def __getitem__(self, index: int) -> dict[str, Any]:
        record = self.dataset[index]
        return {"text": record[self.key1], "text_pair": record[self.key2]}
