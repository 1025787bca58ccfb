"""Text files as data sets of token ids, tokenized when they are opened.

transformers 5 no longer has these; for more text than fits in memory see `encode_corpus` and
`PretrainingDataset`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tokenization import PreTrainedTokenizerBase

__all__ = ["LineByLineTextDataset", "TextDataset"]


class _Rows:
    """A sequence of rows of ids."""

    examples: list[Any]

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Any:
        return self.examples[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.examples)


class TextDataset(_Rows):
    """A text file as blocks of `block_size` ids, special tokens counted; the rest is dropped.

    `ds[i]` is an int64 array.  ValueError when `block_size` leaves no room for text.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        file_path: str | os.PathLike[str],
        block_size: int,
        overwrite_cache: bool = False,
        cache_dir: str | None = None,
    ) -> None:
        room = block_size - tokenizer.num_special_tokens_to_add(pair=False)
        if room < 1:
            raise ValueError(f"block_size {block_size} leaves no room beside special tokens")
        with open(file_path, encoding="utf-8") as stream:
            ids = tokenizer(stream.read(), add_special_tokens=False, verbose=False)["input_ids"]
        self.examples: list[NDArray[np.int64]] = [
            np.array(tokenizer.build_inputs_with_special_tokens(ids[i : i + room]), np.int64)
            for i in range(0, len(ids) - room + 1, room)
        ]


class LineByLineTextDataset(_Rows):
    """The lines of a text file that are not blank, each cut to `block_size` ids.

    `ds[i]` is {"input_ids": int64 array}.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        file_path: str | os.PathLike[str],
        block_size: int,
    ) -> None:
        with open(file_path, encoding="utf-8") as stream:
            lines = [line for line in stream.read().splitlines() if line.strip()]
        rows: list[list[int]] = []
        if lines:
            rows = tokenizer(lines, truncation=True, max_length=block_size)["input_ids"]
        self.examples = [{"input_ids": np.array(row, np.int64)} for row in rows]
