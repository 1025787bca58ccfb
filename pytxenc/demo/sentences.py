"""English sentences compared by MiniLM, a BERT with six layers."""

import numpy as np

from .. import BertModel, BertTokenizer
from .report import Report
from .weights import model_dir

SENTENCES = (
    "That is a happy person",
    "That is a happy dog",
    "That is a very happy person",
    "Today is a sunny day",
)
KNOWN = (0.69458, 0.94292, 0.25688)
"""Cosines of the first sentence with the others."""


def run(report: Report) -> None:
    """Embed the sentences, compare the first with the others."""
    report.title("How alike are two sentences?  all-MiniLM-L6-v2 (BERT)")
    folder = model_dir("all-minilm-l6-v2")
    tokenizer = BertTokenizer.from_pretrained(folder)
    model = BertModel.from_pretrained(folder)
    encoded = tokenizer(list(SENTENCES), padding=True, return_tensors="np")
    hidden = model(**encoded).last_hidden_state
    mask = encoded["attention_mask"][..., None]
    vectors = (hidden * mask).sum(axis=1) / mask.sum(axis=1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    print(f"  {SENTENCES[0]!r} and")
    for sentence, known, vector in zip(SENTENCES[1:], KNOWN, vectors[1:], strict=True):
        report.close(f"  {sentence!r}", known, float(vectors[0] @ vector), 2e-5, 5)
