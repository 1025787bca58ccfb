"""Losses and gradients of our models and of transformers', on the same weights and batches.

Theirs are computed by torch in double precision, so that what is measured is our error alone.
"""

import numpy as np
import torch
from model_pairs import make_pair

LOSS_TOLERANCE = 1e-6
# Of every parameter tensor, in the Euclidean norm.
GRADIENT_TOLERANCE = 1e-5
# A gradient that is (near) zero because what it sums cancels, as a key's bias, has the rounding
# errors of its terms and not of their sum.  They are some units in the last place, 6e-8, of
# gradients as large as those that flow by, for which the largest of all tensors stands.
CANCELLATION = 2e-7

# Every class with a loss: family, head, fields of the configuration.
HEADS = {
    **{
        f"{family}{head}": (family, head, {"num_labels": 2 if "Question" in head else 4})
        for family in ("Bert", "Roberta", "Albert", "DistilBert", "Electra")
        for head in (
            "ForMaskedLM", "ForSequenceClassification", "ForTokenClassification",
            "ForQuestionAnswering", "ForMultipleChoice",
        )
    },
    "BertForPreTraining": ("Bert", "ForPreTraining", {}),
    "AlbertForPreTraining": ("Albert", "ForPreTraining", {"num_labels": 2}),
    "ElectraForPreTraining": ("Electra", "ForPreTraining", {}),
    "BertForNextSentencePrediction": ("Bert", "ForNextSentencePrediction", {}),
    "BertLMHeadModel": ("Bert", "LMHeadModel", {"is_decoder": True}),
    "RobertaForCausalLM": ("Roberta", "ForCausalLM", {"is_decoder": True}),
    "ElectraForCausalLM": ("Electra", "ForCausalLM", {"is_decoder": True}),
}  # fmt: skip
# The dropout that families have by default beyond that which make_pair sets to 0.
WITHOUT_DROPOUT = {
    "Albert": {"classifier_dropout_prob": 0.0},
    "DistilBert": {"seq_classif_dropout": 0.0, "qa_dropout": 0.0},
    "Electra": {"summary_last_dropout": 0.0},
}
OF_TOKENS = (
    "ForMaskedLM", "ForTokenClassification", "ForPreTraining", "LMHeadModel", "ForCausalLM",
)  # fmt: skip
VOCABULARY, TYPES, ROWS, LENGTH = 101, 3, 4, 11


def labelled_batch(name, rng, length=LENGTH, vocabulary=VOCABULARY, types=TYPES):
    """A batch of ROWS sequences with labels for a class of HEADS, without an attention mask."""
    family, head, fields = HEADS[name]
    shape = (ROWS, length)
    ids = rng.integers(2, vocabulary, shape)
    batch = {"input_ids": ids, "token_type_ids": rng.integers(0, types, shape)}
    if family == "DistilBert":
        del batch["token_type_ids"]
    tokens = np.where(rng.random(shape) < 0.4, rng.integers(0, vocabulary, shape), -100)
    tokens[0, -1] = tokens[1, 0] = 7
    if head == "ForMultipleChoice":
        batch = {key: value.reshape(2, 2, length) for key, value in batch.items()}
        return {**batch, "labels": np.array([1, 0])}
    if head == "ForQuestionAnswering":
        ends = np.array([length - 1, 0, length // 2, length])  # the last is none
        return {
            **batch,
            "start_positions": np.array([0, 0, length // 3, 99]),
            "end_positions": ends,
        }
    if name == "ElectraForPreTraining":
        return {**batch, "labels": rng.integers(0, 2, shape)}
    if head == "ForPreTraining":
        pair = "next_sentence_label" if family == "Bert" else "sentence_order_label"
        return {**batch, "labels": tokens, pair: rng.integers(0, 2, ROWS)}
    if head == "ForTokenClassification":
        tokens = np.where(tokens >= 0, tokens % fields["num_labels"], -100)
    if head in OF_TOKENS:
        return {**batch, "labels": tokens}
    classes = 2 if head == "ForNextSentencePrediction" else fields["num_labels"]
    return {**batch, "labels": rng.integers(0, classes, ROWS)}


def pair_of(name, seed=0, **fields):
    """transformers' model of a class of HEADS in double precision, and ours of its weights."""
    family, head, own = HEADS[name]
    theirs, ours = make_pair(
        family, head, seed=seed, **{**WITHOUT_DROPOUT.get(family, {}), **own, **fields}
    )
    return theirs.double(), ours


def as_tensors(batch):
    """The batch for a model in double precision."""
    tensors = {name: torch.as_tensor(value) for name, value in batch.items()}
    return {n: t.double() if t.is_floating_point() else t for n, t in tensors.items()}


def their_gradients(theirs):
    """What backward() has left, by name; zeros where the loss does not reach."""
    return {
        name: np.zeros(p.shape) if p.grad is None else p.grad.double().numpy().copy()
        for name, p in theirs.named_parameters()
    }


def their_pass(theirs, batch):
    """(loss, gradients by name) of transformers' model."""
    theirs.zero_grad()
    loss = theirs(**as_tensors(batch)).loss
    loss.backward()
    return loss.item(), their_gradients(theirs)


def gradients_of(session):
    """Ours by name, copied."""
    views = session.flat.views(session.flat.gradients)
    return {name: value.copy() for name, value in views.items()}


def assert_loss(ours, theirs, tolerance=LOSS_TOLERANCE):
    assert abs(ours - theirs) <= tolerance * abs(theirs), f"loss {ours}, not {theirs}"


def assert_gradients(ours, theirs, tolerance=GRADIENT_TOLERANCE, cancellation=CANCELLATION):
    """Every tensor of `theirs` within the tolerance, and nothing written between tensors."""
    norm = np.linalg.norm
    floor = cancellation * max(norm(value) for value in theirs.values())
    wrong = {}
    for name, expected in theirs.items():
        assert ours[name].shape == expected.shape, name
        error = norm(ours[name] - expected)
        if not error <= tolerance * norm(expected) + floor:
            wrong[name] = f"|g| {norm(expected):.2e}, error {error:.2e}"
    assert not wrong, wrong


def assert_same_pass(session, theirs, batch):
    """One pass of both: the same loss and gradients.  Returns our result."""
    loss, gradients = their_pass(theirs, batch)
    session.zero_grad()
    result = session.backward(batch)
    assert_loss(result.loss, loss)
    assert_gradients(gradients_of(session), gradients)
    return result
