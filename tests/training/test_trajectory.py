"""Training as a whole: steps against torch's, a batch learnt by heart, bfloat16's curve."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from training_pairs import labelled_batch, pair_of  # noqa: E402

import pytxenc  # noqa: E402
from pytxenc.optim import AdamW  # noqa: E402
from pytxenc.training.session import Session  # noqa: E402

STEPS = 20
RATE = dict(lr=1e-3, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.01)


def their_losses(theirs, batches):
    """Of torch's AdamW, all parameters in one group, clipped to a norm of 1."""
    optimizer = torch.optim.AdamW(theirs.parameters(), **RATE)
    losses = []
    for batch in batches:
        optimizer.zero_grad()
        loss = theirs(**{name: torch.as_tensor(value) for name, value in batch.items()}).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def our_losses(session, batches, **rate):
    optimizer = AdamW(session.flat, **{**RATE, **rate})
    losses = []
    for step, batch in enumerate(batches):
        optimizer.zero_grad()
        losses.append(session.backward(batch, step=step).loss)
        optimizer.step(max_grad_norm=1.0)
    return losses


@pytest.mark.parametrize(
    "name",
    ["RobertaForMaskedLM", "AlbertForPreTraining", "BertForSequenceClassification",
     "DistilBertForTokenClassification", "ElectraForPreTraining"],
)  # fmt: skip
def test_steps_follow_torch(name):
    theirs, ours = pair_of(name)
    rng = np.random.default_rng(1)
    batches = [labelled_batch(name, rng) for _ in range(4)] * (STEPS // 4)
    losses = our_losses(Session(ours), batches)
    expected = their_losses(theirs, batches)
    assert expected[-1] < expected[0] - 0.05  # something was learnt
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-4)


def test_calls_and_files_see_what_was_learnt(tmp_path):
    name = "RobertaForMaskedLM"
    theirs, ours = pair_of(name)
    batch = labelled_batch(name, np.random.default_rng(2))
    session = Session(ours)
    before = float(ours(**batch).loss)
    our_losses(session, [batch] * 5)
    expected = session.evaluate(batch).loss
    session.sync()
    assert float(ours(**batch).loss) == pytest.approx(expected, rel=1e-5) != before
    ours.save_pretrained(tmp_path)
    again = type(theirs).from_pretrained(tmp_path, attn_implementation="eager")
    with torch.no_grad():
        loss = again(**{key: torch.as_tensor(value) for key, value in batch.items()}).loss
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["RobertaForMaskedLM", "AlbertForSequenceClassification"])
def test_a_batch_is_learnt_by_heart(name, dtype):
    pytxenc.set_seed(0)
    config = pair_of(name)[1].config
    config.initializer_range = 0.05
    model = getattr(pytxenc, name)(config)
    batch = labelled_batch(name, np.random.default_rng(3))
    losses = our_losses(Session(model, dtype=dtype), [batch] * 150, lr=3e-3, weight_decay=0.0)
    assert losses[0] > 1
    assert losses[-1] < 0.05


def markov_batches(count, rng, rows=16, length=8, vocabulary=16):
    """Masked sequences of a chain in which every token has two that may follow it."""
    following = rng.integers(5, vocabulary, (vocabulary, 2))
    for _ in range(count):
        ids = rng.integers(5, vocabulary, (rows, length))
        for i in range(1, length):
            ids[:, i] = following[ids[:, i - 1], rng.integers(0, 2, rows)]
        hidden = rng.random(ids.shape) < 0.2
        labels = np.where(hidden, ids, -100)
        yield {"input_ids": np.where(hidden, 4, ids), "labels": labels}


@pytest.mark.slow
def test_bfloat16_learns_as_float32_does():
    """500 steps of both: the means of their last 100 losses are within .02 nats."""
    config = pytxenc.RobertaConfig(
        vocab_size=16, hidden_size=64, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=128, max_position_embeddings=12, type_vocab_size=1,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.1,
    )  # fmt: skip
    batches = list(markov_batches(500, np.random.default_rng(4)))
    ends = {}
    for dtype in ("float32", "bfloat16"):
        pytxenc.set_seed(0)
        session = Session(pytxenc.RobertaForMaskedLM(config), dtype=dtype)
        losses = our_losses(session, batches)
        ends[dtype] = np.mean(losses[-100:])
        assert ends[dtype] < losses[0] - 2
    assert abs(ends["bfloat16"] - ends["float32"]) < 0.02, ends
