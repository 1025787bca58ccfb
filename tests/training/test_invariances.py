"""What must not change a step: how it is cut, padded, stored or spread over threads."""

from contextlib import contextmanager

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from training_pairs import (  # noqa: E402
    HEADS,
    LENGTH,
    OF_TOKENS,
    ROWS,
    assert_gradients,
    gradients_of,
    labelled_batch,
    pair_of,
)  # fmt: skip

import pytxenc  # noqa: E402
from pytxenc.optim import AdamW  # noqa: E402
from pytxenc.training.session import Session  # noqa: E402

DROPOUT = dict(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
ODD = dict(hidden_size=33, num_attention_heads=3, intermediate_size=47)
# One of every kind of head and family.
SOME = (
    "RobertaForMaskedLM", "BertForPreTraining", "AlbertForPreTraining", "ElectraForPreTraining",
    "AlbertForSequenceClassification", "DistilBertForTokenClassification",
    "ElectraForQuestionAnswering", "BertForMultipleChoice", "RobertaForCausalLM",
)  # fmt: skip


def batch_of(name, seed=0, padding=True):
    batch = labelled_batch(name, np.random.default_rng(seed))
    if padding:
        mask = np.arange(LENGTH) < np.array([LENGTH, 4, 7, 9])[:, None]
        batch["attention_mask"] = mask.astype(np.int64).reshape(batch["input_ids"].shape)
        if HEADS[name][1] in OF_TOKENS and name != "ElectraForPreTraining":
            batch["labels"] = np.where(mask, batch["labels"], -100)
    return batch


def session_of(name, **options):
    """A session of a model with dropout, always of the same weights."""
    return Session(pair_of(name, **DROPOUT)[1], **options)


def one_pass(session, batch, **kwargs):
    """(loss, gradients) of one step."""
    session.zero_grad()
    return session.backward(batch, **kwargs).loss, session.flat.gradients.copy()


@contextmanager
def threads(count):
    before = pytxenc.get_num_threads()
    pytxenc.set_num_threads(count)
    try:
        yield
    finally:
        pytxenc.set_num_threads(before)


@pytest.mark.parametrize("name", [n for n in SOME if n != "BertForMultipleChoice"])
def test_micro_batches_are_one_batch(name):
    """Four of a sequence each, which have unequal numbers of labels, with the same dropout."""
    session, batch = session_of(name, seed=3), batch_of(name)
    if HEADS[name][1] in OF_TOKENS and name != "ElectraForPreTraining":
        batch["labels"][2] = -100  # one has none
    loss, whole = one_pass(session, batch, step=7)
    items = tuple(float(n) for n in session.count(batch))
    parts = [{k: v[i : i + 1] for k, v in batch.items()} for i in range(ROWS)]
    counts = [session.count(part) for part in parts]
    assert tuple(np.sum(counts, 0)) == items
    session.zero_grad()
    shares = [
        session.backward(part, items=items, step=7, first_sample=i).loss
        for i, part in enumerate(parts)
    ]
    assert sum(shares) == pytest.approx(loss, rel=1e-6)
    expected = session.flat.views(whole)
    assert_gradients(gradients_of(session), expected, tolerance=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
# Not answers: there padding is a place that an answer could be at, as in the reference.
@pytest.mark.parametrize("name", [n for n in SOME if n != "ElectraForQuestionAnswering"])
def test_more_padding_changes_no_bit(name, dtype):
    session, batch = session_of(name, dtype=dtype), batch_of(name)
    loss, gradients = one_pass(session, batch)
    padded = {}
    for key, value in batch.items():
        if value.shape[-1] == LENGTH:
            widths = [(0, 0)] * (value.ndim - 1) + [(0, 6)]
            fill = -100 if key == "labels" and name != "ElectraForPreTraining" else 0
            value = np.pad(value, widths, constant_values=fill)
        padded[key] = value
    again, same = one_pass(session, padded)
    if "Causal" in name:  # whose mask hides padding by what it adds to the scores
        error = 1e-5 if dtype == "float32" else 1e-2
        assert again == pytest.approx(loss, rel=error)
        np.testing.assert_allclose(same, gradients, rtol=0, atol=error * np.abs(gradients).max())
        return
    assert again == loss
    np.testing.assert_array_equal(same, gradients)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", SOME)
def test_checkpointing_changes_no_bit(name, dtype):
    batch = batch_of(name)
    loss, gradients = one_pass(session_of(name, dtype=dtype), batch)
    again, same = one_pass(session_of(name, dtype=dtype, checkpointing=True), batch)
    assert again == loss
    np.testing.assert_array_equal(same, gradients)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", SOME)
def test_threads_change_no_bit(name, dtype):
    batch = batch_of(name)
    passes = []
    for count in (1, 2, 4):
        with threads(count):
            passes.append(one_pass(session_of(name, dtype=dtype), batch))
    for loss, gradients in passes[1:]:
        assert loss == passes[0][0]
        np.testing.assert_array_equal(gradients, passes[0][1])


def test_dropout_is_a_function_of_seed_and_step():
    name = "RobertaForMaskedLM"
    batch = batch_of(name)
    first = one_pass(session_of(name, seed=1), batch, step=4)
    again = one_pass(session_of(name, seed=1), batch, step=4)
    assert first[0] == again[0] and np.array_equal(first[1], again[1])
    for seed, step in ((2, 4), (1, 5)):
        assert one_pass(session_of(name, seed=seed), batch, step=step)[0] != first[0]


def test_shared_layers_get_the_sum_of_unshared_ones():
    shared = pair_of("AlbertForMaskedLM", num_hidden_layers=3)[1]
    config = pytxenc.AlbertConfig.from_dict({**shared.config.to_dict(), "num_hidden_groups": 3})
    unshared = pytxenc.AlbertForMaskedLM(config)
    groups = "albert_layer_groups.{}."
    state = shared.state_dict()
    for name, value in list(state.items()):
        for group in (1, 2):
            state[name.replace(groups.format(0), groups.format(group))] = value
    unshared.load_state_dict(state)
    batch = batch_of("AlbertForMaskedLM")
    one, each = Session(shared), Session(unshared)
    assert one.backward(batch).loss == each.backward(batch).loss
    each_gradients = gradients_of(each)
    summed = {
        name: sum(
            each_gradients[name.replace(groups.format(0), groups.format(group))]
            for group in (range(3) if groups.format(0) in name else [0])
        )
        for name in shared.state_dict()
    }
    assert_gradients(gradients_of(one), summed, tolerance=1e-6)


def test_a_narrow_last_layer_equals_the_whole():
    """The last layer where labels are, and everywhere for a loss by all logits."""
    name = "RobertaForMaskedLM"
    session, batch = Session(pair_of(name)[1]), batch_of(name)
    loss, gradients = one_pass(session, batch)
    counted = batch["labels"] != -100

    def by_all_logits(scores):
        at = torch.tensor(scores.astype(np.float64), requires_grad=True)
        labels = torch.as_tensor(batch["labels"])
        value = torch.nn.functional.cross_entropy(at.flatten(0, 1), labels.flatten())
        value.backward()
        assert not at.grad[torch.as_tensor(~counted)].any()
        return value.item(), at.grad.float().numpy()

    same, full = one_pass(session, batch, loss=by_all_logits)
    assert same == pytest.approx(loss, rel=1e-6)
    assert_gradients(session.flat.views(full), session.flat.views(gradients))


@pytest.mark.parametrize("name", SOME)
def test_no_label_no_loss_and_no_gradient(name):
    session, batch = session_of(name), batch_of(name)
    if name == "ElectraForPreTraining":
        batch["attention_mask"][:] = 0
    for key in batch:
        if "label" in key and name != "ElectraForPreTraining":
            batch[key] = np.full_like(batch[key], -100)
        if "positions" in key:
            batch[key] = np.full_like(batch[key], LENGTH)
    result = session.backward(batch)
    assert result.loss == 0.0 and result.loss_sums == (0.0, 0.0) and result.counts == (0, 0)
    assert session.count(batch) == (0, 0)
    assert not session.flat.gradients.any()


@pytest.mark.parametrize("frozen", ["roberta.embeddings", "roberta.encoder.layer.0", "lm_head"])
def test_frozen_parameters_get_nothing(frozen):
    name = "RobertaForMaskedLM"
    batch = batch_of(name)
    every = session_of(name)
    some = session_of(name, frozen=[frozen])
    assert every.backward(batch).loss == some.backward(batch).loss
    expected, got = gradients_of(every), gradients_of(some)
    sources = {s.name for s in some.flat.segments}
    chosen = {n for n in sources if n.startswith(frozen)}
    assert chosen and chosen != sources
    for parameter in sources:
        if parameter in chosen:
            assert not got[parameter].any(), parameter
        else:
            np.testing.assert_array_equal(got[parameter], expected[parameter], parameter)


def test_a_name_to_freeze_that_is_none():
    with pytest.raises(ValueError, match=r"roberta\.encodr"):
        session_of("RobertaForMaskedLM", frozen=["roberta.encodr"])


WRONG = [
    ("RobertaForMaskedLM", "labels", (1, 0), 101, r"labels\[1, 0\] is 101", "0 to 100"),
    ("RobertaForMaskedLM", "labels", (0, 3), -1, r"labels\[0, 3\] is -1", "-100"),
    ("AlbertForSequenceClassification", "labels", (2,), 4, r"labels\[2\] is 4", "0 to 3"),
    ("DistilBertForTokenClassification", "labels", (0, 2), 9, r"labels\[0, 2\] is 9", "0 to 3"),
    ("BertForMultipleChoice", "labels", (1,), 2, r"labels\[1\] is 2", "0 to 1"),
    ("BertForPreTraining", "next_sentence_label", (3,), 2, r"\[3\] is 2", "0 to 1"),
    ("AlbertForPreTraining", "sentence_order_label", (1,), -3, r"\[1\] is -3", "-100"),
    ("RobertaForMaskedLM", "input_ids", (2, 1), 101, "101", "101"),
    ("BertForPreTraining", "token_type_ids", (2, 1), 3, "3", "token_type"),
]


@pytest.mark.parametrize(("name", "key", "where", "value", "says", "right"), WRONG)
def test_what_is_out_of_range_is_named(name, key, where, value, says, right):
    session, batch = session_of(name), batch_of(name, padding=False)
    batch[key][where] = value
    for call in (session.backward, session.evaluate):
        with pytest.raises(IndexError, match=says) as caught:
            call(batch)
        assert right in str(caught.value)
    assert not session.flat.gradients.any()


def test_a_replaced_token_label_that_is_none():
    session, batch = session_of("ElectraForPreTraining"), batch_of("ElectraForPreTraining")
    batch["labels"][1, 2] = 2
    with pytest.raises((ValueError, IndexError), match=r"labels\[1, 2\] is 2"):
        session.backward(batch)


def test_shapes_that_do_not_fit():
    session, batch = session_of("RobertaForMaskedLM"), batch_of("RobertaForMaskedLM")
    with pytest.raises(ValueError, match=r"labels have shape \(4, 10\).*\(4, 11\)"):
        session.backward({**batch, "labels": batch["labels"][:, :-1]})
    with pytest.raises((TypeError, ValueError), match="labels"):
        session.backward({k: v for k, v in batch.items() if k != "labels"})
    with pytest.raises(TypeError, match="label_ids"):
        session.backward({**batch, "label_ids": batch["labels"]})


def test_nan_is_found_by_the_optimiser():
    name = "BertForSequenceClassification"
    session, batch = session_of(name), batch_of(name)
    del batch["input_ids"]
    vectors = np.zeros((ROWS, LENGTH, session.model.config.hidden_size), np.float32)
    vectors[1, 2, 3] = np.nan
    result = session.backward({**batch, "inputs_embeds": vectors})
    assert np.isnan(result.loss) and not np.isfinite(session.flat.gradients).all()
    before = session.flat.values.copy()
    report = AdamW(session.flat).step(max_grad_norm=1.0)
    assert report.skipped and not np.isfinite(report.grad_norm)
    np.testing.assert_array_equal(session.flat.values, before)


@pytest.mark.parametrize("sizes", [{}, ODD], ids=["even", "odd"])
@pytest.mark.parametrize("name", SOME)
def test_bfloat16_goes_the_same_way(name, sizes):
    """The cosine between gradients of both precisions is at least .999, tensor by tensor."""
    batch = batch_of(name)
    gradients = {}
    for dtype in ("float32", "bfloat16"):
        session = Session(pair_of(name, **sizes)[1], dtype=dtype)
        session.backward(batch)
        gradients[dtype] = gradients_of(session)
    norm = np.linalg.norm
    largest = max(norm(g) for g in gradients["float32"].values())
    wrong = {}
    for parameter, full in gradients["float32"].items():
        full, half = full.ravel(), gradients["bfloat16"][parameter].ravel()
        if norm(full) < 1e-4 * largest:  # cancels, as keys' biases do: rounding alone
            assert norm(half) < 1e-2 * largest, parameter
            continue
        cosine = full @ half / (norm(full) * norm(half))
        if not cosine >= 0.999:
            wrong[parameter] = float(cosine)
    assert not wrong, wrong
    both = zip(*(g.values() for g in gradients.values()), strict=True)
    assert not all(np.array_equal(full, half) for full, half in both)  # bfloat16 was used
