"""Whole models against transformers on the same random weights."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from model_pairs import FACTORISED, FAMILIES, assert_near, make_pair, random_batch  # noqa: E402

ACTIVATIONS = (
    "gelu", "gelu_10", "gelu_fast", "gelu_new", "gelu_python", "gelu_pytorch_tanh",
    "gelu_python_tanh", "gelu_accurate", "hardswish", "laplace", "leaky_relu", "linear", "mish",
    "quick_gelu", "relu", "relu2", "relu6", "sigmoid", "silu", "sqrtsoftplus", "swish", "tanh",
    "prelu", "xielu",
)  # fmt: skip


def compare(family, head, batch, seed=0, **fields):
    """Every output of one call, there and here, at the positions that are computed."""
    theirs, ours = make_pair(family, head, seed, **fields)
    with torch.no_grad():
        expected = theirs(
            **{name: torch.as_tensor(value) for name, value in batch.items()},
            output_hidden_states=True,
            output_attentions=True,
        )
    got = ours(**batch, output_hidden_states=True, output_attentions=True)
    assert type(got).__name__ == type(expected).__name__
    mask = np.ones(batch["input_ids"].shape, bool)
    if np.ndim(batch.get("attention_mask", None)) == 2:
        mask = np.asarray(batch["attention_mask"]) != 0
        mask[~mask.any(axis=1)] = True
    for name in ("last_hidden_state", "logits"):
        if name in expected:
            assert_near(got[name][mask], expected[name][torch.as_tensor(mask)], name)
            assert not np.any(got[name][:, 1:][~mask[:, 1:]]), f"{name}: padding is not zero"
    if "pooler_output" in expected:
        assert_near(got.pooler_output, expected.pooler_output, "pooler_output")
    if not expected.hidden_states:  # the reference gives none for a model of no layers
        assert len(got.hidden_states) == 1
        return
    assert len(got.hidden_states) == len(expected.hidden_states)
    for i, (one, other) in enumerate(zip(got.hidden_states, expected.hidden_states, strict=True)):
        assert_near(one[mask], other[torch.as_tensor(mask)], f"hidden_states[{i}]")
    assert len(got.attentions) == len(expected.attentions)
    for i, (one, other) in enumerate(zip(got.attentions, expected.attentions, strict=True)):
        rows = np.broadcast_to(mask[:, None], one.shape[:3])
        assert_near(one[rows], other[torch.as_tensor(rows.copy())], f"attentions[{i}]")


MASKS = {
    "none": None,
    "right": lambda b, s: np.arange(s) < np.array([s, s // 2 + 1, 1])[:b, None],
    "left": lambda b, s: np.arange(s) >= np.array([0, s // 2, s - 1])[:b, None],
    "middle": lambda b, s: ~np.isin(np.arange(s), [2, 3, s - 2]) | (np.arange(b) == 0)[:, None],
    "one row empty": lambda b, s: np.broadcast_to(np.arange(b)[:, None] != 1, (b, s)).copy(),
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize(
    ("family", "head"), list(itertools.product(FAMILIES, ("Model", "ForMaskedLM")))
)
def test_masks(family, head, mask):
    rng = np.random.default_rng(1)
    batch = random_batch(rng)
    if MASKS[mask] is not None:
        real = MASKS[mask](*batch["input_ids"].shape)
        batch["attention_mask"] = real.astype(np.int64)
        pad = 1 if family == "Roberta" else 0
        batch["input_ids"] = np.where(real, batch["input_ids"], pad)
    compare(family, head, batch)


@pytest.mark.parametrize("family", FAMILIES)
def test_pad_ids_without_a_mask_are_attended_to(family):
    batch = random_batch(np.random.default_rng(2))
    batch["input_ids"][:, [0, 4, 10]] = 1 if family == "Roberta" else 0
    compare(family, "Model", batch)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("family", FAMILIES)
def test_activations(family, activation):
    compare(family, "ForMaskedLM", random_batch(np.random.default_rng(3)), hidden_act=activation)


@pytest.mark.parametrize(
    ("layers", "groups", "inner"),
    [(7, 3, 1), (4, 1, 2), (4, 2, 2), (5, 5, 1), (6, 4, 3), (1, 1, 1)],
)
def test_albert_groups(layers, groups, inner):
    compare(
        "Albert", "Model", random_batch(np.random.default_rng(4)),
        num_hidden_layers=layers, num_hidden_groups=groups, inner_group_num=inner,
        initializer_range=0.08,
    )  # fmt: skip


@pytest.mark.parametrize("head", ("Model", "ForMaskedLM", "ForPreTraining"))
@pytest.mark.parametrize("width", (20, 36, 50))
def test_electra_projects_embeddings_of_another_width(head, width):
    _, ours = make_pair("Electra", head, embedding_size=width)
    projects = any("embeddings_project" in name for name in ours.state_dict())
    assert projects == (width != 36)
    compare("Electra", head, random_batch(np.random.default_rng(4)), embedding_size=width)


SHAPES = [
    dict(hidden_size=1, num_attention_heads=1, intermediate_size=1),
    dict(hidden_size=7, num_attention_heads=7, intermediate_size=3),
    dict(hidden_size=130, num_attention_heads=2, intermediate_size=259, initializer_range=0.1),
    dict(hidden_size=64, num_attention_heads=1, intermediate_size=17),
    dict(hidden_size=48, num_attention_heads=16, intermediate_size=33, num_hidden_layers=0),
]


@pytest.mark.parametrize("sizes", SHAPES, ids=lambda s: str(s["hidden_size"]))
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("length", (1, 2, 33))
def test_odd_sizes(family, sizes, length):
    if family == "Albert" and sizes.get("num_hidden_layers") == 0:
        pytest.skip("ALBERT divides layers among groups")
    batch = random_batch(np.random.default_rng(5), batch=2, length=length)
    compare(family, "Model", batch, **sizes)


@pytest.mark.parametrize("family", FAMILIES)
def test_longest_sequence(family):
    limit = 514 if family == "Roberta" else 512
    batch = random_batch(np.random.default_rng(6), batch=2, length=512)
    batch["attention_mask"] = np.ones((2, 512), np.int64)
    batch["attention_mask"][1, 300:] = 0
    compare(family, "Model", batch, max_position_embeddings=limit)


@pytest.mark.parametrize("family", FAMILIES)
def test_position_ids_and_embeddings(family):
    theirs, ours = make_pair(family, "Model")
    rng = np.random.default_rng(7)
    width = 20 if family in FACTORISED else 36
    embeds = rng.standard_normal((2, 9, width), np.float32)
    positions = rng.integers(0, 70, (1, 9))
    with torch.no_grad():
        expected = theirs(
            inputs_embeds=torch.as_tensor(embeds), position_ids=torch.as_tensor(positions)
        )
        plain = theirs(inputs_embeds=torch.as_tensor(embeds))
    assert_near(ours(inputs_embeds=embeds, position_ids=positions)[0], expected[0], "positions")
    assert_near(ours(inputs_embeds=embeds)[0], plain[0], "default positions")


@pytest.mark.parametrize("kind", ("bool", "float", "per head"))
@pytest.mark.parametrize("family", FAMILIES)
def test_four_dimensional_masks(family, kind):
    theirs, ours = make_pair(family, "Model")
    rng = np.random.default_rng(8)
    batch = random_batch(rng, batch=2, length=8)
    allowed = rng.random((2, 3 if kind == "per head" else 1, 8, 8)) < 0.7
    allowed |= np.eye(8, dtype=bool)
    additive = np.where(allowed, 0, np.finfo(np.float32).min).astype(np.float32)
    mask = allowed if kind == "bool" else additive
    with torch.no_grad():
        expected = theirs(
            **{name: torch.as_tensor(value) for name, value in batch.items()},
            attention_mask=torch.as_tensor(additive),
        )
    assert_near(ours(**batch, attention_mask=mask)[0], expected[0], kind)


@pytest.mark.parametrize("family", FAMILIES)
def test_masked_lm_loss(family):
    theirs, ours = make_pair(family, "ForMaskedLM")
    rng = np.random.default_rng(9)
    batch = random_batch(rng)
    batch["attention_mask"] = (np.arange(11) >= np.array([[0], [3], [5]])).astype(np.int64)
    labels = rng.integers(0, 101, (3, 11))
    labels[rng.random((3, 11)) < 0.6] = -100
    labels[2, 0] = 5  # a label on padding counts too
    with torch.no_grad():
        expected = theirs(
            **{k: torch.as_tensor(v) for k, v in batch.items()}, labels=torch.as_tensor(labels)
        )
    assert_near(ours(**batch, labels=labels).loss, expected.loss, "loss")
    assert np.isnan(ours(**batch, labels=np.full((3, 11), -100)).loss)
