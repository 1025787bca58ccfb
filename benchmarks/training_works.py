"""What training is measured on: random models, and batches of random ids with labels."""

from pathlib import Path
from typing import Any, NamedTuple

from inference_works import SHAPES

LABELLED = 0.15  # of the tokens, in masked language modelling
BATCHES = 4  # different ones, in turns


class Work(NamedTuple):
    """A model with a head, and the batches that it is trained on."""

    title: str
    family: str
    head: str
    fields: dict[str, Any]  # of the configuration; dropout is the family's own
    batch: int
    length: int

    @property
    def model(self) -> str:
        """The class's name, here and in transformers."""
        return self.family + self.head

    @property
    def tokens(self) -> int:
        """Of a batch; there is no padding."""
        return self.batch * self.length


_BASE = SHAPES["roberta-base"].fields
_SMALL = dict(
    vocab_size=8192, hidden_size=256, num_hidden_layers=4, num_attention_heads=4,
    intermediate_size=1024, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5,
)  # fmt: skip
WORKS = {
    "small-mlm": Work("RoBERTa 4 × 256, MLM", "Roberta", "ForMaskedLM", _SMALL, 32, 128),
    "base-classification": Work(
        "roberta-base, classification", "Roberta", "ForSequenceClassification", _BASE, 8, 128
    ),
    "base-mlm": Work("roberta-base, MLM", "Roberta", "ForMaskedLM", _BASE, 8, 128),
}


def make_model(work: Work, folder: Path) -> None:
    """Write a model with random weights, which all engines load."""
    import pytxenc

    pytxenc.set_seed(0)
    config = getattr(pytxenc, f"{work.family}Config")(**work.fields)
    getattr(pytxenc, work.model)(config).save_pretrained(folder)


def make_batches(work: Work, count: int = BATCHES) -> list[dict[str, Any]]:
    """Full batches of random ids, as a collator would return them."""
    import numpy as np

    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        ids = rng.integers(5, work.fields["vocab_size"], (work.batch, work.length))
        labels = rng.integers(0, 2, work.batch)
        if work.head == "ForMaskedLM":
            labels = np.where(rng.random(ids.shape) < LABELLED, ids, -100)
        made.append({"input_ids": ids, "attention_mask": np.ones_like(ids), "labels": labels})
    return made
