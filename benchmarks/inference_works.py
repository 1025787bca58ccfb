"""What encoders are measured on: random models, batches of ids, and the arithmetic in them."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from engines import Remote, RemoteError
from harness import data_dir
from inference_engines import Contender, Engine, Runner

LONGEST = 512


class Shape(NamedTuple):
    """A model's shape: its classes' first word, here and in transformers, and its sizes."""

    family: str
    fields: dict[str, Any]  # of its configuration
    works: tuple[str, ...]  # what it is measured on


_BASE = dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072)
SHAPES = {
    "roberta-base": Shape(
        "Roberta",
        dict(
            _BASE, vocab_size=50265, max_position_embeddings=514, type_vocab_size=1,
            layer_norm_eps=1e-5,
        ),
        ("1x8", "1x32", "1x128", "1x512", "8x128", "SST-2", "WikiText-2"),
    ),
    "albert-base-v2": Shape(
        "Albert",
        dict(_BASE, vocab_size=30000, embedding_size=128),
        ("1x8", "1x32", "1x128", "8x128", "SST-2"),
    ),
}  # fmt: skip
# Batches of real text: how many, of how many texts.
TEXTS = {"SST-2": (4, 32), "WikiText-2": (2, 16)}


class RandomModel:
    """A model of one of `SHAPES` with random weights, without pooler, as files in a folder."""

    def __init__(self, name: str, folder: Path) -> None:
        import pytxenc

        self.name, self.shape, self.folder = name, SHAPES[name], folder
        pytxenc.set_seed(0)
        config = getattr(pytxenc, f"{self.shape.family}Config")(**self.shape.fields)
        model = getattr(pytxenc, f"{self.shape.family}Model")(config, add_pooling_layer=False)
        model.save_pretrained(folder)
        self._prepared = {Engine.prepare}  # which does nothing

    def prepare(self, contender: Contender) -> None:
        """Convert the files for a contender, where that was not done yet.

        Raises:
            RemoteError: it cannot compute this model here; the message says why.
        """
        family, adapter = self.shape.family, contender.adapter
        if missing := contender.missing():
            raise RemoteError(f"not installed: {', '.join(missing)}")
        if family not in adapter.families:
            raise RemoteError(f"computes no {family} models")
        if adapter.prepare not in self._prepared:
            cores = len(os.sched_getaffinity(0))
            Remote(adapter.prepare, self.folder, family, threads=cores).close()
            self._prepared.add(adapter.prepare)

    def remote(self, contender: Contender, threads: int) -> Remote:
        """A `Runner` of the contender in a process of its own, after `prepare`."""
        given = (contender, self.folder, self.shape.family, threads)
        return Remote(Runner, *given, threads=threads)


def make_batches(work: str, name: str) -> list[dict[str, Any]]:
    """The padded batches of a work for a model of `SHAPES`, as a tokenizer would return them.

    "8x128" is one batch of 8 random sequences of 128 ids; others are texts of the reference
    data in their order, cut to 512 ids.
    """
    import numpy as np

    shape = SHAPES[name]
    if work not in TEXTS:
        size = tuple(int(number) for number in work.split("x"))
        ids = np.random.default_rng(0).integers(5, shape.fields["vocab_size"], size)
        return [{"input_ids": ids, "attention_mask": np.ones_like(ids)}]
    import pytxenc

    tokenizer = getattr(pytxenc, f"{shape.family}Tokenizer").from_pretrained(
        data_dir() / "tokenizers" / name
    )
    batches, size = TEXTS[work]
    texts = _texts(work)
    return [
        dict(
            tokenizer(
                texts[i * size : (i + 1) * size],
                padding=True,
                truncation=True,
                max_length=LONGEST,
                return_token_type_ids=False,
                return_tensors="np",
            )
        )
        for i in range(batches)
    ]


def _texts(work: str) -> list[str]:
    if work == "SST-2":
        lines = (data_dir() / "tasks" / "sst2" / "dev.tsv").read_text().splitlines()
        return [line.split("\t")[0] for line in lines]
    lines = (data_dir() / "text" / "wikitext-2-valid.txt").read_text().splitlines()
    # Paragraphs, without headings.
    return [line.strip() for line in lines if line.strip() and not line.startswith(" = ")]


def lengths(batches: Iterable[dict[str, Any]]) -> list[int]:
    """Real tokens of every sequence."""
    return [int(n) for batch in batches for n in batch["attention_mask"].sum(1)]


def flops(shape: Shape, sequences: Iterable[int]) -> int:
    """Floating-point operations of an encoder's matrix products on sequences of these lengths.

    Two for every weight of a matrix and token, and in each layer four for every pair of tokens
    and column: scores and weighted sums.
    """
    columns, layers = shape.fields["hidden_size"], shape.fields["num_hidden_layers"]
    embedding = shape.fields.get("embedding_size", columns)
    weights = layers * (4 * columns**2 + 2 * columns * shape.fields["intermediate_size"])
    if embedding != columns:
        weights += embedding * columns
    return sum(n * (2 * weights + 4 * n * columns * layers) for n in sequences)
