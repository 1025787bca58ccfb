"""Outputs of some tokens only, where the last layer leaves out the rest, against transformers."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from model_pairs import FAMILIES, assert_near, make_pair, random_batch  # noqa: E402

ROWS, LENGTH = 4, 11
POOLINGS = ("cls", "last", "mean", "max", "mean_sqrt_len", "weighted_mean")


def ragged_batch(seed, side="right"):
    """A batch of lengths 11, 1, 6 and 4, padded with token 1 on a side."""
    rng = np.random.default_rng(seed)
    batch = random_batch(rng, ROWS, LENGTH)
    mask = np.arange(LENGTH) < np.array([11, 1, 6, 4])[:, None]
    batch["attention_mask"] = mask if side == "right" else mask[:, ::-1].copy()
    batch["input_ids"][~batch["attention_mask"]] = 1
    return batch


def run_theirs(model, batch):
    with torch.no_grad():
        return model(**{name: torch.as_tensor(value) for name, value in batch.items()})


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("family", FAMILIES)
def test_logits_at(family, side):
    theirs, ours = make_pair(family, "ForMaskedLM", pad_token_id=1)
    batch = ragged_batch(3, side)
    expected = run_theirs(theirs, batch).logits
    rng = np.random.default_rng(5)
    choices = [rng.random((ROWS, LENGTH)) < share for share in (0.1, 0.5, 1.0)]
    for row, column in ((0, 0), (1, 5), (2, 10), (3, 3)):  # two of them padding
        one = np.zeros((ROWS, LENGTH), bool)
        one[row, column] = True
        choices.append(one)
    for positions in choices:
        assert positions.any()
        got = ours.logits_at(positions, **batch)
        assert got.dtype == np.float32
        assert_near(got, expected[torch.as_tensor(positions)], positions.nonzero())


def test_logits_at_no_position():
    _, ours = make_pair("Bert", "ForMaskedLM")
    none = np.zeros((ROWS, LENGTH), bool)
    assert ours.logits_at(none, **ragged_batch(0)).shape == (0, 101)


def test_logits_at_without_layers():
    theirs, ours = make_pair("Bert", "ForMaskedLM", num_hidden_layers=0)
    batch = ragged_batch(0)
    positions = batch["attention_mask"] & (np.arange(LENGTH) > 2)
    expected = run_theirs(theirs, batch).logits[torch.as_tensor(positions)]
    assert_near(ours.logits_at(positions, **batch), expected, "logits")


def test_logits_at_refuses():
    _, ours = make_pair("Bert", "ForMaskedLM")
    batch = ragged_batch(0)
    with pytest.raises(TypeError, match="positions must hold bools"):
        ours.logits_at(batch["input_ids"], **batch)
    with pytest.raises(ValueError, match=r"positions has shape .*needs \(4, 11\)"):
        ours.logits_at(batch["attention_mask"][:, 1:], **batch)
    with pytest.raises(ValueError, match="neither true nor false"):
        ours.logits_at(np.full((ROWS, LENGTH), 2, np.uint8).view(bool), **batch)


def pool(states, kept, numbers, mode):
    """The definition, of one sequence: states (length, hidden), the tokens kept, their numbers."""
    x = states[kept]
    if len(x) == 0:
        return torch.zeros(states.shape[1])
    weights = torch.as_tensor(numbers[kept] + 1.0, dtype=torch.float32)[:, None]
    return {
        "cls": lambda: x[0],
        "last": lambda: x[-1],
        "mean": lambda: x.mean(0),
        "max": lambda: x.max(0).values,
        "mean_sqrt_len": lambda: x.sum(0) / len(x) ** 0.5,
        "weighted_mean": lambda: (weights * x).sum(0) / weights.sum(),
    }[mode]()


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("mode", POOLINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_embed(family, mode, side):
    theirs, ours = make_pair(family, "Model", pad_token_id=1)
    batch = ragged_batch(4, side)
    states = run_theirs(theirs, batch).last_hidden_state
    mask = batch["attention_mask"]
    # Of the second sequence no token is left to pool.
    some = np.random.default_rng(6).random((ROWS, LENGTH)) < 0.6
    some[1] = False
    for pooled in (None, some):
        expected = []
        for row in range(ROWS):
            kept = mask[row] if pooled is None else mask[row] & pooled[row]
            numbers = mask[row].cumsum() - 1
            expected.append(pool(states[row], torch.as_tensor(kept), numbers, mode))
        got = ours.embed(**batch, pooling=mode, pooled=pooled)
        assert_near(got, torch.stack(expected), mode)
        unit = ours.embed(**batch, pooling=mode, pooled=pooled, normalize=True)
        assert_near(unit, torch.nn.functional.normalize(torch.stack(expected)), "normalized")


def test_embed_of_masked_rows():
    """A sequence that is all padding has nothing to pool."""
    _, ours = make_pair("Bert", "Model")
    batch = ragged_batch(0)
    batch["attention_mask"][2] = False
    for mode in POOLINGS:
        got = ours.embed(**batch, pooling=mode, normalize=True)
        assert not got[2].any() and got[[0, 1, 3]].any(1).all()


def test_embed_refuses():
    _, ours = make_pair("Bert", "Model")
    batch = ragged_batch(0)
    with pytest.raises(ValueError, match="pooling is 'median'; it must be 'cls'"):
        ours.embed(**batch, pooling="median")
    with pytest.raises(TypeError, match="pooling must be a name"):
        ours.embed(**batch, pooling=None)
    with pytest.raises(TypeError, match="pooled must hold bools"):
        ours.embed(**batch, pooled=np.ones((ROWS, LENGTH)))
    with pytest.raises(ValueError, match="pooled has shape"):
        ours.embed(**batch, pooled=np.ones((1, LENGTH), bool))
    with pytest.raises(ValueError, match=r"to pool it must be \(batch, length\)"):
        ours.embed(batch["input_ids"], np.ones((ROWS, 1, 1, LENGTH), bool))


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("family", FAMILIES)
def test_classifiers(family, side):
    """Without hidden states a classifier's last layer computes the first tokens alone."""
    theirs, ours = make_pair(family, "ForSequenceClassification", pad_token_id=1)
    batch = ragged_batch(7, side)
    assert_near(ours(**batch).logits, run_theirs(theirs, batch).logits, "logits")
