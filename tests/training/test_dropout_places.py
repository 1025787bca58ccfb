"""Dropout in training: every place that transformers drops out, no other, at the right rate.

torch's dropout is replaced by ours, drawn by a restatement in NumPy, in the order of its calls;
then losses and gradients must be the same.
"""

from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from dropout_reference import (  # noqa: E402
    ATTENTION,
    ATTENTION_OUTPUT,
    EMBEDDINGS,
    FEED_FORWARD,
    HEAD_INPUT,
    HEAD_OUTPUT,
    factors,
    key_of,
    philox,
    row_of,
)  # fmt: skip
from model_pairs import FAMILIES  # noqa: E402
from training_pairs import (  # noqa: E402
    HEADS,
    LENGTH,
    OF_TOKENS,
    ROWS,
    assert_gradients,
    assert_loss,
    gradients_of,
    labelled_batch,
    pair_of,
    their_pass,
)  # fmt: skip

from pytxenc.training.session import Session  # noqa: E402

LAYERS, SEED, STEP, FIRST = 3, 2**40 + 77, 5, 6
HIDDEN, PROBABILITIES, CLASSIFIER, SUMMARY = 0.1, 0.2, 0.3, 0.4
RATES = {
    "Albert": dict(classifier_dropout_prob=CLASSIFIER),
    "DistilBert": dict(
        dropout=HIDDEN, attention_dropout=PROBABILITIES, seq_classif_dropout=CLASSIFIER,
        qa_dropout=SUMMARY,
    ),
    "Electra": dict(
        classifier_dropout=CLASSIFIER, summary_first_dropout=SUMMARY,
        summary_last_dropout=CLASSIFIER,
    ),
}  # fmt: skip
# What every layer drops, as transformers has it: DistilBERT's attention ends without dropout,
# ALBERT's feed-forward (but not in the code of its authors) too.
LAYER = {
    "Albert": [(ATTENTION, PROBABILITIES), (ATTENTION_OUTPUT, HIDDEN)],
    "DistilBert": [(ATTENTION, PROBABILITIES), (FEED_FORWARD, HIDDEN)],
}
WHOLE_LAYER = [(ATTENTION, PROBABILITIES), (ATTENTION_OUTPUT, HIDDEN), (FEED_FORWARD, HIDDEN)]
CLASSIFIERS = {
    "ForSequenceClassification": [(HEAD_OUTPUT, CLASSIFIER)],
    "ForTokenClassification": [(HEAD_OUTPUT, CLASSIFIER)],
    "ForMultipleChoice": [(HEAD_OUTPUT, CLASSIFIER)],
}
TWO_LAYERS = [(HEAD_INPUT, CLASSIFIER), (HEAD_OUTPUT, CLASSIFIER)]
OWN_CLASSIFIERS = {
    "AlbertForPreTraining": [(HEAD_OUTPUT, CLASSIFIER)],  # of the sentences' order
    "RobertaForSequenceClassification": TWO_LAYERS,
    "ElectraForSequenceClassification": TWO_LAYERS,
    "RobertaForMultipleChoice": [(HEAD_OUTPUT, HIDDEN)],
    "ElectraForMultipleChoice": [(HEAD_INPUT, SUMMARY), (HEAD_OUTPUT, CLASSIFIER)],
    "DistilBertForTokenClassification": [(HEAD_OUTPUT, HIDDEN)],
    "DistilBertForQuestionAnswering": [(HEAD_OUTPUT, SUMMARY)],
}


def rates_of(family):
    if family == "DistilBert":
        return RATES[family]
    return {
        "hidden_dropout_prob": HIDDEN, "attention_probs_dropout_prob": PROBABILITIES,
        **RATES.get(family, {"classifier_dropout": CLASSIFIER}),
    }  # fmt: skip


def calls_of(name, applications=LAYERS):
    """(place, application, rate) of every dropout, in transformers' order."""
    family, head, _ = HEADS[name]
    calls = [(EMBEDDINGS, 0, HIDDEN)]
    for application in range(applications):
        calls += [(place, application, p) for place, p in LAYER.get(family, WHOLE_LAYER)]
    classifier = OWN_CLASSIFIERS.get(name, CLASSIFIERS.get(head, []))
    return [*calls, *((place, 0, rate) for place, rate in classifier)]


class Dropout:
    """In place of torch's: ours, one call after the other."""

    def __init__(self, calls, kept, seed=SEED, step=STEP, first=FIRST):
        self.calls, self.key = list(calls), key_of(seed, step)
        self.token = np.maximum(kept.cumsum(1) - 1, 0)  # its number among the real ones
        self.sample = first + np.arange(len(kept))

    def __call__(self, input, p=0.5, training=True, inplace=False):
        assert training and self.calls, "one more dropout than was expected"
        place, application, rate = self.calls.pop(0)
        assert p == rate, f"place {place} drops {p}, not {rate}"
        if input.ndim == 4:  # attention: batch, heads, queries, keys
            heads = np.arange(input.shape[1])
            rows = row_of(self.sample[:, None, None], heads[:, None], self.token[:, None, :])
        elif input.ndim == 3:
            rows = row_of(self.sample[:, None], 0, self.token)
        else:  # the first token's
            rows = row_of(self.sample, 0, 0)
        drawn = factors(rate, self.key, place, application, rows, input.shape[-1])
        if input.ndim == 4:
            keys = np.broadcast_to(self.token[:, None, None, :], drawn.shape)
            drawn = np.take_along_axis(drawn, keys, -1)
        return input * torch.as_tensor(drawn, dtype=input.dtype)


def assert_same_drops(monkeypatch, theirs, ours, batch, calls, kept, rates=(), **options):
    """One pass of both with the same numbers; `kept` says which tokens we compute."""
    dropout = Dropout(calls, kept)
    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.functional, "dropout", dropout)
        loss, gradients = their_pass(theirs.train(), batch)
    assert not dropout.calls, "a dropout that was expected did not come"
    session = Session(ours, seed=SEED, **options)
    session.dropout.update(rates)
    assert_loss(session.backward(batch, step=STEP, first_sample=FIRST).loss, loss)
    assert_gradients(gradients_of(session), gradients)


def test_published_numbers_of_philox():
    """Known answers of the authors' library, Random123."""
    cases = [
        ([0, 0, 0, 0], (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([2**32 - 1] * 4, (2**32 - 1,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ]  # fmt: skip
    for counter, key, expected in cases:
        assert " ".join(f"{word:08x}" for word in philox(counter, key)) == expected


def test_as_many_are_dropped_as_said():
    drawn = factors(0.1, key_of(1, 2), FEED_FORWARD, 3, np.arange(200), 1000)
    # Five standard deviations of the mean of 200,000 draws.
    assert abs((drawn == 0).mean() - 0.1) < 5 * (0.09 / drawn.size) ** 0.5
    assert abs(drawn.mean() - 1) < 5 * (0.1 / 0.9 / drawn.size) ** 0.5


@pytest.mark.parametrize(
    ("name", "padding"),
    [
        *product(HEADS, ("none", "right")),
        # Heads that look at no first token, which is padding here.
        *((f"{family}ForMaskedLM", "left") for family in FAMILIES),
    ],
)
def test_places(name, padding, monkeypatch):
    family, head, _ = HEADS[name]
    theirs, ours = pair_of(name, **rates_of(family), num_hidden_layers=LAYERS)
    batch = labelled_batch(name, np.random.default_rng(1))
    kept = np.ones((ROWS, LENGTH), bool)
    if padding != "none":
        real = np.array([LENGTH, 5, 8, 10])[:, None]
        at = np.arange(LENGTH)
        kept = at < real if padding == "right" else at >= LENGTH - real
        batch["attention_mask"] = kept.astype(np.int64).reshape(batch["input_ids"].shape)
        if head in OF_TOKENS and name != "ElectraForPreTraining":
            batch["labels"] = np.where(kept, batch["labels"], -100)
    if head == "ForQuestionAnswering":  # which scores padding: it must have been computed
        kept = np.ones_like(kept)
    assert_same_drops(monkeypatch, theirs, ours, batch, calls_of(name), kept)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_places_of_groups(checkpointing, monkeypatch):
    """Each application of a shared layer draws numbers of its own."""
    name = "AlbertForSequenceClassification"
    fields = dict(num_hidden_layers=3, num_hidden_groups=2, inner_group_num=2)
    theirs, ours = pair_of(name, **rates_of("Albert"), **fields)
    batch = labelled_batch(name, np.random.default_rng(2))
    calls, kept = calls_of(name, applications=6), np.ones((ROWS, LENGTH), bool)
    assert_same_drops(monkeypatch, theirs, ours, batch, calls, kept, checkpointing=checkpointing)


def test_albert_as_its_authors_trained_it(monkeypatch):
    """With dropout of the feed-forward's output too, which transformers leaves out."""
    name = "AlbertForMaskedLM"
    theirs, ours = pair_of(name, **rates_of("Albert"), num_hidden_layers=LAYERS)
    layer = type(theirs.albert.encoder.albert_layer_groups[0].albert_layers[0])
    chunk = layer.ff_chunk
    monkeypatch.setattr(
        layer, "ff_chunk", lambda self, x: torch.nn.functional.dropout(chunk(self, x), HIDDEN)
    )
    monkeypatch.setitem(LAYER, "Albert", WHOLE_LAYER)
    batch = labelled_batch(name, np.random.default_rng(5))
    kept = np.ones((ROWS, LENGTH), bool)
    assert_same_drops(
        monkeypatch, theirs, ours, batch, calls_of(name), kept, rates={"feed_forward": HIDDEN}
    )


@pytest.mark.parametrize("family", ["Bert", "DistilBert"])
def test_without_rates_nothing_is_dropped(family):
    name = f"{family}ForMaskedLM"
    rates = dict.fromkeys(rates_of(family), 0.0)
    theirs, ours = pair_of(name, **rates)
    batch = labelled_batch(name, np.random.default_rng(3))
    loss, _ = their_pass(theirs.train(), batch)
    assert_loss(Session(ours, seed=SEED).backward(batch, step=STEP).loss, loss)


def test_evaluation_drops_nothing():
    name = "BertForSequenceClassification"
    theirs, ours = pair_of(name, **rates_of("Bert"))
    batch = labelled_batch(name, np.random.default_rng(4))
    loss, _ = their_pass(theirs.eval(), batch)
    session = Session(ours, seed=SEED)
    assert_loss(session.evaluate(batch).loss, loss)
    assert abs(session.backward(batch).loss - loss) > 1e-4 * loss
