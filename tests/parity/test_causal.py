"""Decoders, which no token sees what follows in, against transformers."""

import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from model_pairs import assert_near, make_config, make_pair, random_batch  # noqa: E402

import pytxenc  # noqa: E402

CASES = [
    ("Bert", "LMHeadModel"),
    ("Roberta", "ForCausalLM"),
    ("XLMRoberta", "ForCausalLM"),
    ("Electra", "ForCausalLM"),
]
MASKS = {
    "none": None,
    "right": np.arange(11) < np.array([11, 6, 1])[:, None],
    "left": np.arange(11) >= np.array([0, 4, 10])[:, None],
    "one row empty": np.arange(3)[:, None] != np.array([1] * 11),
}


def run(theirs, ours, batch, **kwargs):
    with torch.no_grad():
        given = {name: torch.as_tensor(value) for name, value in batch.items()}
        expected = theirs(**given, use_cache=False, output_hidden_states=True, **kwargs)
    got = ours(**batch, use_cache=False, output_hidden_states=True, **kwargs)
    assert type(got).__name__ == type(expected).__name__
    assert list(got) == list(expected)
    return got, expected


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("decoder", [True, False])
@pytest.mark.parametrize(("family", "head"), CASES)
def test_outputs_and_losses(family, head, decoder, mask):
    rng = np.random.default_rng(1)
    theirs, ours = make_pair(family, head, is_decoder=decoder)
    batch = random_batch(rng)
    real = np.ones((3, 11), bool)
    if MASKS[mask] is not None:
        batch["attention_mask"] = MASKS[mask].astype(np.int64)
        real = MASKS[mask] | decoder
    batch["labels"] = np.where(rng.random((3, 11)) < 0.3, -100, batch["input_ids"])
    got, expected = run(theirs, ours, batch)
    assert_near(got.logits[real], expected.logits[torch.as_tensor(real)], "logits")
    assert_near(got.loss, expected.loss, "loss")
    for one, other in zip(got.hidden_states, expected.hidden_states, strict=True):
        assert_near(one[real], other[torch.as_tensor(real)], "hidden states")
    got, expected = run(theirs, ours, batch, num_items_in_batch=50)
    assert_near(got.loss, expected.loss, "loss over 50")


@pytest.mark.parametrize("family", ["Bert", "Roberta", "Electra"])
@pytest.mark.parametrize("head", ["Model", "ForMaskedLM", "ForSequenceClassification"])
def test_decoders_of_other_classes(family, head):
    theirs, ours = make_pair(family, head, is_decoder=True)
    batch = random_batch(np.random.default_rng(2))
    batch["attention_mask"] = MASKS["right"].astype(np.int64)
    with torch.no_grad():
        expected = theirs(**{name: torch.as_tensor(value) for name, value in batch.items()})
    got = ours(**batch)
    for name in got:
        assert_near(got[name], expected[name], name)


@pytest.mark.parametrize("keep", [0, 1, 3, np.array([0, 4])])
def test_some_logits(keep):
    theirs, ours = make_pair("Roberta", "ForCausalLM", is_decoder=True)
    batch = random_batch(np.random.default_rng(3))
    with torch.no_grad():
        expected = theirs(
            **{name: torch.as_tensor(value) for name, value in batch.items()},
            logits_to_keep=keep if isinstance(keep, int) else torch.as_tensor(keep),
        )
    assert_near(ours(**batch, logits_to_keep=keep).logits, expected.logits, "logits")


@pytest.mark.parametrize(("family", "head"), CASES)
def test_names_and_signatures(family, head):
    theirs_config, ours_config = make_config(family, is_decoder=True)
    theirs = getattr(transformers, family + head)(theirs_config)
    ours = getattr(pytxenc, family + head)(ours_config)
    assert {name: value.shape for name, value in ours.state_dict().items()} == {
        name: tuple(value.shape) for name, value in theirs.state_dict().items()
    }
    expected = list(inspect.signature(type(theirs).forward).parameters)
    assert list(inspect.signature(type(ours).forward).parameters) == expected


def test_what_is_not_there(caplog):
    _, config = make_config("Bert")
    model = pytxenc.BertLMHeadModel(config)
    assert "is_decoder=False" in caplog.text
    with pytest.raises(TypeError, match="past_key_values"):
        model(np.array([[2, 3]]), past_key_values=((),))
    _, config = make_config("Bert", is_decoder=True)
    with pytest.raises(ValueError, match=r"attention_mask has shape \(1, 3\)"):
        pytxenc.BertLMHeadModel(config)(np.array([[2, 3]]), attention_mask=np.ones((1, 3)))
