"""Every head with batches and labels for it, and the comparison of what comes out."""

import itertools

import numpy as np
import torch
from model_pairs import assert_near, random_batch

FAMILIES = ("Bert", "Roberta", "XLMRoberta", "Albert", "DistilBert", "Electra")
HEADS = (
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
    "ForMultipleChoice",
)
CASES = [
    *itertools.product(FAMILIES, HEADS),
    ("Bert", "ForPreTraining"),
    ("Albert", "ForPreTraining"),
    ("Electra", "ForPreTraining"),
    ("Bert", "ForNextSentencePrediction"),
]


def batch_for(head, rng, mask=None, **sizes):
    """A batch with the shape that the head takes; the mask hides the ends of rows."""
    batch = random_batch(rng, batch=4 if head == "ForMultipleChoice" else 3, **sizes)
    rows, length = batch["input_ids"].shape
    if mask is not None:
        batch["attention_mask"] = (np.arange(length) < mask[:rows, None]).astype(np.int64)
    if head == "ForMultipleChoice":
        batch = {name: value.reshape(2, 2, length) for name, value in batch.items()}
    return batch


def labels_for(family, head, rng, nlabels, rows=3, length=11, vocabulary=101):
    tokens = rng.integers(0, vocabulary, (rows, length))
    tokens[rng.random(tokens.shape) < 0.7] = -100
    pair = rng.integers(0, 2, rows)
    if (family, head) == ("Electra", "ForPreTraining"):
        return {"labels": rng.integers(0, 2, (rows, length))}
    return {
        "Model": {},
        "ForMaskedLM": {"labels": tokens},
        "ForSequenceClassification": {"labels": rng.integers(0, nlabels, rows)},
        "ForTokenClassification": {
            "labels": np.where(tokens >= 0, tokens % nlabels, -100),
        },
        "ForQuestionAnswering": {
            "start_positions": np.array([0, 4, 99]),
            "end_positions": np.array([3, 10, 2]),
        },
        "ForMultipleChoice": {"labels": np.array([1, 0])},
        "ForNextSentencePrediction": {"labels": pair},
        "ForPreTraining": {
            "labels": tokens,
            "next_sentence_label" if family == "Bert" else "sentence_order_label": pair,
        },
    }[head]


def run_theirs(model, batch, **kwargs):
    with torch.no_grad():
        return model(**{name: torch.as_tensor(v) for name, v in batch.items()}, **kwargs)


def compare(ours, theirs, batch):
    """Every output of one call; at padding, which is not computed, nothing."""
    expected = run_theirs(theirs, batch, output_hidden_states=True)
    got = ours(**batch, output_hidden_states=True)
    assert type(got).__name__ == type(expected).__name__
    assert list(got) == [key for key in expected if key != "attentions"]
    for name in got:
        if name == "hidden_states":
            assert len(got[name]) == len(expected[name])
            continue
        one, other = got[name], expected[name]
        mask = batch.get("attention_mask")
        of_tokens = mask is not None and one.shape[:2] == np.shape(mask)
        if name in ("last_hidden_state", "logits", "prediction_logits") and of_tokens:
            keep = np.asarray(mask) != 0
            one, other = one[keep], other[torch.as_tensor(keep)]
        if name == "loss" and torch.isnan(other):  # no label counts
            assert np.isnan(one)
            continue
        assert_near(one, other, name)
    return got
