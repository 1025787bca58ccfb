"""Whole models in double precision: gradients against differences of the loss, and torch's."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from double_models import SLOPE_TOLERANCE, DoubleModel, ragged  # noqa: E402
from training_pairs import (  # noqa: E402
    HEADS,
    as_tensors,
    assert_gradients,
    assert_loss,
    labelled_batch,
    pair_of,
    their_gradients,
    their_pass,
)


def assert_slopes(double, batch, rate=0.0, **options):
    assert double.slope_error(batch, rate, **options) <= SLOPE_TOLERANCE


@pytest.mark.parametrize("name", HEADS)
def test_heads_along_directions(core64, name):
    """Without dropout and with it everywhere, whose masks the seed fixes."""
    _, ours = pair_of(name, num_hidden_layers=2)
    double = DoubleModel(core64, ours)
    batch = ragged(labelled_batch(name, np.random.default_rng(1)))
    assert_slopes(double, batch)
    assert double.loss(batch) != double.loss(batch, 0.2)
    assert_slopes(double, batch, 0.2)


@pytest.mark.parametrize("name", HEADS)
def test_heads_against_torch(core64, name):
    theirs, ours = pair_of(name, num_hidden_layers=2)
    batch = ragged(labelled_batch(name, np.random.default_rng(2)))
    assert_like_torch(core64, name, theirs, ours, batch)


def their_double_pass(theirs, name, batch):
    """The same as their_pass, of losses too that they compute in float32 from double logits."""
    if name != "ElectraForPreTraining" and HEADS[name][1] not in ("LMHeadModel", "ForCausalLM"):
        return their_pass(theirs, batch)
    theirs.zero_grad()
    tensors = as_tensors(batch)
    labels = tensors.pop("labels")
    logits = theirs(**tensors).logits
    if name == "ElectraForPreTraining":
        real = tensors["attention_mask"] == 1
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logits[real], labels[real].double()
        )
    else:
        loss = torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()
        )
    loss.backward()
    return loss.item(), their_gradients(theirs)


def assert_like_torch(core64, name, theirs, ours, batch):
    loss, gradients = their_double_pass(theirs, name, batch)
    found, ours_gradients = DoubleModel(core64, ours).loss_and_gradients(batch)
    assert_loss(found, loss, 1e-12)
    assert_gradients(ours_gradients, gradients, 1e-10, 1e-14)


@pytest.mark.parametrize("activation", ["gelu_new", "silu", "tanh", "mish", "prelu", "xielu"])
def test_activations(core64, activation):
    name = "BertForMaskedLM"
    theirs, ours = pair_of(name, num_hidden_layers=1, hidden_act=activation)
    batch = ragged(labelled_batch(name, np.random.default_rng(4)))
    assert_like_torch(core64, name, theirs, ours, batch)


@pytest.mark.parametrize(
    "fields",
    [
        dict(num_hidden_layers=3),
        dict(num_hidden_layers=4, num_hidden_groups=2),
        dict(num_hidden_layers=3, inner_group_num=2),
    ],
)
def test_shared_layers(core64, fields):
    name = "AlbertForPreTraining"
    theirs, ours = pair_of(name, **fields)
    batch = ragged(labelled_batch(name, np.random.default_rng(5)))
    assert_like_torch(core64, name, theirs, ours, batch)
    assert_slopes(DoubleModel(core64, ours), batch, 0.1)


@pytest.mark.parametrize("name", ["BertForMaskedLM", "AlbertForMaskedLM"])
def test_checkpointing_and_smoothing(core64, name):
    _, ours = pair_of(name)
    batch = ragged(labelled_batch(name, np.random.default_rng(6)))
    kept, computed_again = DoubleModel(core64, ours), DoubleModel(core64, ours, checkpointing=True)
    assert_slopes(computed_again, batch, 0.1, smoothing=0.1)
    losses = [d.loss_and_gradients(batch, 0.1, smoothing=0.1)[0] for d in (kept, computed_again)]
    assert losses[0] == losses[1]
    np.testing.assert_array_equal(kept.gradients, computed_again.gradients)
