"""Losses and gradients of whole models against torch's in double precision."""

from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from model_pairs import FAMILIES, make_pair  # noqa: E402
from random_cases import ALL, random_case  # noqa: E402
from training_pairs import (  # noqa: E402
    HEADS,
    LENGTH,
    OF_TOKENS,
    ROWS,
    WITHOUT_DROPOUT,
    as_tensors,
    assert_gradients,
    assert_loss,
    assert_same_pass,
    gradients_of,
    labelled_batch,
    pair_of,
    their_gradients,
    their_pass,
)  # fmt: skip

from pytxenc.training.session import Session  # noqa: E402

REAL = np.array([LENGTH, 5, 1, 8])[:, None]  # real tokens of every row
AT = np.arange(LENGTH)
HOLES = np.ones((ROWS, LENGTH), bool)
HOLES[0, 3:5] = HOLES[1, 1::2] = HOLES[2, 0] = False
MASKS = {
    "none": None,
    "ones": np.ones((ROWS, LENGTH), bool),
    "right": AT < REAL,
    "left": AT >= LENGTH - REAL,
    "holes": HOLES,
}
PROBLEMS = {
    "regression": (1, lambda rng: rng.standard_normal(ROWS).astype(np.float32)),
    "several targets": (3, lambda rng: rng.standard_normal((ROWS, 3)).astype(np.float32)),
    "several labels": (3, lambda rng: rng.integers(0, 2, (ROWS, 3)).astype(np.float32)),
}
# Shapes of layers out of the ordinary: odd ones, heads of one column, E = H, groups.
SHAPES = {
    "odd": dict(
        vocab_size=97, hidden_size=33, num_attention_heads=3, intermediate_size=47,
        embedding_size=19,
    ),
    "thin": dict(
        hidden_size=4, num_attention_heads=4, intermediate_size=1, num_hidden_layers=1,
        embedding_size=3,
    ),
    "wide": dict(
        hidden_size=80, num_attention_heads=2, intermediate_size=300, embedding_size=90,
        num_hidden_layers=1,
    ),
    "same width": dict(hidden_size=36, embedding_size=36),
}  # fmt: skip
GROUPS = {
    "two groups": dict(num_hidden_layers=4, num_hidden_groups=2),
    "two layers a group": dict(num_hidden_layers=3, inner_group_num=2),
    "groups of two layers": dict(num_hidden_layers=5, num_hidden_groups=3, inner_group_num=2),
}
CAUSAL = ("LMHeadModel", "ForCausalLM")
ACTIVATIONS = (
    "gelu", "gelu_new", "gelu_fast", "quick_gelu", "gelu_pytorch_tanh", "relu", "relu6", "relu2",
    "silu", "mish", "tanh", "sigmoid", "linear", "leaky_relu", "laplace", "prelu", "xielu",
)  # fmt: skip


def masked(batch, head, mask, ignore_padding=True):
    """The batch with an attention mask, and labels at real tokens alone."""
    if mask is None:
        return batch
    batch = {**batch, "attention_mask": mask.astype(np.int64).reshape(batch["input_ids"].shape)}
    if ignore_padding and head in OF_TOKENS:
        batch["labels"] = np.where(mask, batch["labels"], -100)
    return batch


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("name", HEADS)
def test_heads(name, mask):
    theirs, ours = pair_of(name)
    batch = labelled_batch(name, np.random.default_rng(1))
    ignore = name != "ElectraForPreTraining"  # whose loss goes by the attention mask
    batch = masked(batch, HEADS[name][1], MASKS[mask], ignore)
    assert_same_pass(Session(ours), theirs, batch)


@pytest.mark.parametrize("name", [n for n, (_, head, _) in HEADS.items() if head in OF_TOKENS])
def test_labels_at_padding_count(name):
    theirs, ours = pair_of(name)
    batch = labelled_batch(name, np.random.default_rng(2))
    batch = masked(batch, HEADS[name][1], MASKS["right"], ignore_padding=False)
    assert_same_pass(Session(ours), theirs, batch)


@pytest.mark.parametrize("name", [n for n, (_, head, _) in HEADS.items() if head not in CAUSAL])
def test_length_one(name):
    theirs, ours = pair_of(name)
    batch = labelled_batch(name, np.random.default_rng(3), length=1)
    assert_same_pass(Session(ours), theirs, batch)


@pytest.mark.parametrize("name", ["BertForMaskedLM", "AlbertForTokenClassification"])
def test_every_token_has_a_label(name):
    theirs, ours = pair_of(name)
    batch = labelled_batch(name, np.random.default_rng(4))
    batch["labels"] = abs(batch["labels"]) % 4
    result = assert_same_pass(Session(ours), theirs, batch)
    assert result.counts == (ROWS * LENGTH, 0)


@pytest.mark.parametrize("name", ["BertForMaskedLM", "AlbertForMaskedLM", "DistilBertForMaskedLM"])
def test_a_sequence_that_is_all_padding(name):
    theirs, ours = pair_of(name)
    batch = labelled_batch(name, np.random.default_rng(5))
    batch = masked(batch, "ForMaskedLM", np.arange(ROWS)[:, None] != np.full(LENGTH, 2))
    assert_same_pass(Session(ours), theirs, batch)


@pytest.mark.parametrize("kind", ["bool", "float", "float, a head each"])
@pytest.mark.parametrize("name", [f"{family}ForTokenClassification" for family in FAMILIES])
def test_masks_of_four_dimensions(name, kind):
    rng = np.random.default_rng(6)
    theirs, ours = pair_of(name)
    batch = labelled_batch(name, rng)
    seen = (rng.random((ROWS, 1, LENGTH, LENGTH)) < 0.6) | np.eye(LENGTH, dtype=bool)
    if kind == "float, a head each":
        added = rng.standard_normal((ROWS, 3, LENGTH, LENGTH)).astype(np.float32)
    else:
        added = np.where(seen, np.float32(0), np.finfo(np.float32).min)
    # transformers' eager attention adds what it is given, bools too.
    loss, gradients = their_pass(theirs, {**batch, "attention_mask": added})
    batch["attention_mask"] = seen if kind == "bool" else added
    session = Session(ours)
    assert_loss(session.backward(batch).loss, loss)
    assert_gradients(gradients_of(session), gradients)


@pytest.mark.parametrize("name", [f"{family}ForTokenClassification" for family in FAMILIES])
def test_other_inputs(name):
    """Positions that are given, vectors instead of ids."""
    rng = np.random.default_rng(7)
    theirs, ours = pair_of(name)
    session, batch = Session(ours), labelled_batch(name, rng)
    positions = rng.integers(0, 70, (ROWS, LENGTH))
    assert_same_pass(session, theirs, {**batch, "position_ids": positions})
    del batch["input_ids"]
    width = ours.get_input_embeddings().embedding_dim
    vectors = rng.standard_normal((ROWS, LENGTH, width)).astype(np.float32)
    assert_same_pass(session, theirs, {**batch, "inputs_embeds": vectors})


@pytest.mark.parametrize("name", [f"{family}ForMaskedLM" for family in FAMILIES])
def test_the_row_of_padding_learns_from_the_decoder_alone(name):
    theirs, ours = pair_of(name, pad_token_id=1)
    batch = labelled_batch(name, np.random.default_rng(8))
    batch["input_ids"][:, ::3] = 1  # padding that is not hidden
    assert_same_pass(Session(ours), theirs, batch)
    theirs, ours = pair_of(name, pad_token_id=1, tie_word_embeddings=False)
    session = Session(ours)
    assert_same_pass(session, theirs, batch)
    table = next(n for n in gradients_of(session) if n.endswith("word_embeddings.weight"))
    assert not gradients_of(session)[table][1].any()


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("family", FAMILIES)
def test_problem_types(family, problem):
    rng = np.random.default_rng(9)
    name = f"{family}ForSequenceClassification"
    count, labels = PROBLEMS[problem]
    fields = {"problem_type": "regression"} if problem == "several targets" else {}
    theirs, ours = pair_of(name, num_labels=count, **fields)
    batch = {**labelled_batch(name, rng), "labels": labels(rng)}
    assert_same_pass(Session(ours), theirs, masked(batch, name, MASKS["right"]))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        *product(("BertForPreTraining", "AlbertForPreTraining", "ElectraForMaskedLM"), SHAPES),
        *product(("AlbertForPreTraining",), GROUPS),
    ],
)
def test_shapes(name, fields):
    sizes = {**SHAPES, **GROUPS}[fields]
    if HEADS[name][0] == "Bert":
        sizes = {key: value for key, value in sizes.items() if key != "embedding_size"}
    theirs, ours = pair_of(name, **sizes)
    batch = labelled_batch(name, np.random.default_rng(10), vocabulary=97)
    assert_same_pass(Session(ours), theirs, masked(batch, "ForMaskedLM", MASKS["right"]))


@pytest.mark.parametrize("name", ["BertForMaskedLM", "AlbertForTokenClassification"])
def test_long_sequences(name):
    """More rows than are computed at a time, in attention and in the layers."""
    length = 290
    theirs, ours = pair_of(name, max_position_embeddings=length, num_hidden_layers=2)
    batch = labelled_batch(name, np.random.default_rng(17), length=length)
    mask = np.arange(length) < np.array([length, 5, length - 1, length // 2])[:, None]
    assert_same_pass(Session(ours), theirs, masked(batch, "ForMaskedLM", mask))
    seen = np.tril(np.ones((ROWS, 1, length, length), bool))
    batch["attention_mask"] = np.where(seen, np.float32(0), np.finfo(np.float32).min)
    assert_same_pass(Session(ours), theirs, batch)


def test_a_large_vocabulary():
    """More logits than are computed at a time."""
    name, words = "RobertaForMaskedLM", 50_001
    sizes = dict(vocab_size=words, hidden_size=12, intermediate_size=16, num_hidden_layers=1)
    theirs, ours = pair_of(name, **sizes)
    rng = np.random.default_rng(18)
    batch = labelled_batch(name, rng, length=60, vocabulary=words)
    batch["labels"] = rng.integers(0, words, batch["labels"].shape)
    assert_same_pass(Session(ours), theirs, batch)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation):
    theirs, ours = pair_of("BertForMaskedLM", hidden_act=activation)
    batch = labelled_batch("BertForMaskedLM", np.random.default_rng(11))
    assert_same_pass(Session(ours), theirs, batch)


@pytest.mark.parametrize("activation", ["gelu", "tanh", ""])
def test_electra_summaries(activation):
    name = "ElectraForMultipleChoice"
    theirs, ours = pair_of(name, summary_activation=activation)
    assert_same_pass(Session(ours), theirs, labelled_batch(name, np.random.default_rng(12)))


@pytest.mark.parametrize("number", range(48))
def test_random_configurations(number):
    cases = [(family, head) for family, head in ALL if head != "Model"]
    family, head, fields, batch, labels = random_case(number, cases)
    fields = {**WITHOUT_DROPOUT.get(family, {}), **fields}
    theirs, ours = make_pair(family, head, seed=number, **fields)
    if family == "DistilBert":
        batch.pop("token_type_ids")
    assert_same_pass(Session(ours), theirs.double(), {**batch, **labels})


def test_gradients_add_up_and_items_divide():
    theirs, ours = pair_of("BertForPreTraining")
    batch = labelled_batch("BertForPreTraining", np.random.default_rng(13))
    session = Session(ours)
    tokens, pairs = session.count(batch)
    assert (tokens, pairs) == (np.count_nonzero(batch["labels"] != -100), ROWS)
    output = theirs(**as_tensors({k: v for k, v in batch.items() if "label" not in k}))
    sums = [
        torch.nn.functional.cross_entropy(logits, torch.as_tensor(labels), reduction="sum")
        for logits, labels in (
            (output.prediction_logits.flatten(0, 1), batch["labels"].reshape(-1)),
            (output.seq_relationship_logits, batch["next_sentence_label"]),
        )
    ]
    loss = sums[0] / 50 + sums[1] / 3
    (2 * loss).backward()
    for _ in range(2):
        result = session.backward(batch, items=(50.0, 3.0))
    assert_loss(result.loss, loss.item())
    np.testing.assert_allclose(result.loss_sums, [s.item() for s in sums], rtol=1e-6)
    assert_gradients(gradients_of(session), their_gradients(theirs))


def test_label_smoothing():
    name = "RobertaForTokenClassification"
    theirs, ours = pair_of(name)
    batch = labelled_batch(name, np.random.default_rng(14))
    labels = batch["labels"]
    logits = theirs(**as_tensors({k: v for k, v in batch.items() if k != "labels"})).logits
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), torch.as_tensor(labels).flatten(), label_smoothing=0.1
    )
    loss.backward()
    session = Session(ours)
    assert_loss(session.backward(batch, label_smoothing=0.1).loss, loss.item())
    assert_gradients(gradients_of(session), their_gradients(theirs))


@pytest.mark.parametrize("name", ["BertForMaskedLM", "AlbertForSequenceClassification"])
def test_a_loss_of_the_callers(name):
    """A loss by the logits: here half of their squares, the gradient of which they are."""
    theirs, ours = pair_of(name)
    batch = labelled_batch(name, np.random.default_rng(15))
    given = {key: value for key, value in batch.items() if key != "labels"}
    logits = theirs(**as_tensors(given)).logits
    loss = 0.5 * (logits**2).sum()
    loss.backward()
    session = Session(ours)
    result = session.backward(
        batch, loss=lambda scores: (0.5 * float((scores.astype(float) ** 2).sum()), scores)
    )
    assert_loss(result.loss, loss.item())
    assert_gradients(gradients_of(session), their_gradients(theirs))


@pytest.mark.parametrize("name", HEADS)
def test_evaluation_has_the_loss_and_no_gradient(name):
    _, ours = pair_of(name)
    batch = labelled_batch(name, np.random.default_rng(16))
    session = Session(ours)
    evaluated = session.evaluate(batch, scores=True)
    assert not session.flat.gradients.any()
    trained = session.backward(batch)
    assert evaluated.loss == pytest.approx(trained.loss, rel=1e-6)
    assert evaluated.counts == trained.counts == session.count(batch)
    called = ours(**batch)
    assert evaluated.loss == pytest.approx(float(called.loss), rel=1e-5)
    if evaluated.scores is None:  # vocabularies are large
        assert HEADS[name][1] in (*CAUSAL, "ForMaskedLM", "ForPreTraining")
    elif HEADS[name][1] in OF_TOKENS:  # computed where there are labels
        real = batch["labels"] >= 0
        scores = evaluated.scores.reshape(called.logits.shape)
        np.testing.assert_allclose(scores[real], called.logits[real], rtol=0, atol=1e-4)
        assert not scores[~real].any()
    elif "logits" in called:
        scores = evaluated.scores.reshape(called.logits.shape)
        np.testing.assert_allclose(scores, called.logits, rtol=0, atol=1e-4)
