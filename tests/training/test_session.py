"""Sessions: the loop by hand, frozen parameters, a model whose weights are replaced meanwhile."""

import numpy as np
import pytest

import pytxenc
from pytxenc import AdamW, Session

SIZES = dict(
    vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
    intermediate_size=24, max_position_embeddings=32,
)  # fmt: skip


def make(**kwargs):
    pytxenc.set_seed(3)
    return pytxenc.BertForSequenceClassification(pytxenc.BertConfig(**SIZES, **kwargs))


def make_batch(size=6, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "input_ids": rng.integers(0, 40, (size, 9)),
        "labels": rng.integers(0, 2, size),
    }


def test_loop_by_hand_learns_and_the_model_sees_it():
    model = make(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    session = Session(model)
    optimizer = AdamW(session, lr=1e-2)
    batch = make_batch()
    for _ in range(40):
        loss = session(**batch)
        loss.backward()
        optimizer.step(max_grad_norm=1.0)
        optimizer.zero_grad()
    session.sync()
    assert float(model(**batch).loss) < 0.05
    assert session(**batch).item() == pytest.approx(float(model(**batch).loss), abs=1e-6)


def test_train_step_is_the_body_of_the_loop():
    results = []
    for by_hand in (True, False):
        session = Session(make())
        optimizer = AdamW(session, lr=1e-2)
        for seed in range(4):
            batch = make_batch(seed=seed)
            if by_hand:
                session(**batch).backward()
                optimizer.step(max_grad_norm=0.5)
                optimizer.zero_grad()
            else:
                session.train_step(batch, optimizer, max_grad_norm=0.5)
        results.append(session.flat.values.copy())
    np.testing.assert_array_equal(*results)


def test_train_step_of_the_model_is_that_of_its_session():
    results = []
    for of_model in (True, False):
        model = make()
        with pytest.raises(RuntimeError, match="Session"):
            model.train_step(make_batch(), None)
        session = Session(model)
        step = model.train_step if of_model else session.train_step
        optimizer = AdamW(session, lr=1e-2)
        results.append((step(make_batch(), optimizer, max_grad_norm=1.0).loss, session.flat.values))
    assert results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_losses_can_be_scaled_before_the_backward_pass():
    session, batch = Session(make()), make_batch()
    session.dropout = dict.fromkeys(session.dropout, 0.0)
    loss = session(**batch)
    loss.backward()
    whole = session.flat.gradients.copy()
    session.zero_grad()
    quarter = 0.5 * session(**batch) / 2
    quarter.backward()
    np.testing.assert_allclose(session.flat.gradients * 4, whole, rtol=1e-5, atol=1e-8)
    assert quarter.item() == pytest.approx(loss.item() / 4)
    with pytest.raises(RuntimeError, match="another pass"):
        loss.backward()
    with pytest.raises(ValueError, match="positive"):
        session(**batch) * 0


def test_dropout_differs_from_pass_to_pass():
    session, batch = Session(make()), make_batch()
    values = []
    for _ in range(2):
        loss = session(**batch)
        loss.backward()
        values.append(loss.item())
    assert values[0] != values[1]


def test_frozen_parameters_do_not_move_not_even_by_decay():
    session = Session(make(), frozen=["bert.embeddings", "bert.encoder.layer.0"])
    before = {name: view.copy() for name, view in session.flat.views(session.flat.values).items()}
    optimizer = AdamW(session, lr=0.1, weight_decay=0.5)
    session.train_step(make_batch(), optimizer)
    for name, view in session.flat.views(session.flat.values).items():
        frozen = name.startswith(("bert.embeddings", "bert.encoder.layer.0"))
        assert np.array_equal(view, before[name]) == frozen, name
    with pytest.raises(ValueError, match="no parameter's name"):
        Session(make(), frozen=["gpt"])


def test_weights_loaded_meanwhile_are_the_ones_that_train():
    model, other = make(), make()
    session = Session(model)
    pytxenc.set_seed(4)
    state = {k: np.random.normal(0, 0.1, v.shape) for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    other.load_state_dict(state)
    batch = make_batch()
    expected = Session(other).evaluate(batch).loss
    assert session.evaluate(batch).loss == expected
    model.resize_token_embeddings(50)
    with pytest.raises(ValueError, match="begin another"):
        session.evaluate(batch)


def test_an_optimizer_of_another_session_is_refused():
    session, other = Session(make()), Session(make())
    with pytest.raises(ValueError, match="other parameters"):
        session.train_step(make_batch(), AdamW(other, lr=1e-3))


def test_a_loss_of_ones_own():
    """The gradient of the squared sum of all logits, against differences."""
    session, batch = Session(make()), make_batch()
    session.dropout = dict.fromkeys(session.dropout, 0.0)

    def square(scores):
        return float(np.sum(scores) ** 2), np.full_like(scores, 2 * np.sum(scores))

    result = session.backward({"input_ids": batch["input_ids"]}, loss=square)
    scores = session.model(input_ids=batch["input_ids"]).logits
    assert result.loss == pytest.approx(float(np.sum(scores)) ** 2, rel=1e-4)
    view = session.flat.views(session.flat.values)["classifier.bias"]
    gradient = session.flat.views(session.flat.gradients)["classifier.bias"][0]
    step, losses = 0.01, []
    for sign in (1, -1):
        view[0] += sign * step
        session.sync()
        losses.append(float(np.sum(session.model(input_ids=batch["input_ids"]).logits)) ** 2)
        view[0] -= sign * step
    assert gradient == pytest.approx((losses[0] - losses[1]) / (2 * step), rel=1e-3)


@pytest.mark.parametrize(
    "loss, message",
    [
        (lambda scores: 3, "must return the loss and the gradient"),
        (lambda scores: (1.0, scores[:1]), "elements"),
        (lambda scores: 1 / 0, "division by zero"),
    ],
)
def test_a_loss_of_ones_own_that_fails(loss, message):
    session = Session(make())
    with pytest.raises((TypeError, ValueError, ZeroDivisionError), match=message):
        session.backward({"input_ids": make_batch()["input_ids"]}, loss=loss)
    session.backward(make_batch())  # and goes on
