"""Groups of parameters, and optimisers by name."""

import numpy as np
import pytest
from flat_arrays import SHAPES, flat_parameters

import pytxenc
from pytxenc import AdamW, create_optimizer, parameter_groups
from pytxenc.optim import OPTIMIZER_NAMES, layer_depths
from pytxenc.training.flat import FlatParameters


def tiny_model(family):
    common = dict(
        vocab_size=30, hidden_size=16, num_hidden_layers=3, num_attention_heads=2,
        intermediate_size=24, max_position_embeddings=20,
    )  # fmt: skip
    classes = {
        "albert": ("AlbertConfig", "AlbertForPreTraining", {"embedding_size": 8}),
        "bert": ("BertConfig", "BertForPreTraining", {}),
        "roberta": ("RobertaConfig", "RobertaForSequenceClassification", {}),
        "electra": ("ElectraConfig", "ElectraForPreTraining", {"embedding_size": 8}),
    }
    config, model, more = classes[family]
    return config, model, common | more


@pytest.mark.parametrize("family", ["albert", "bert", "roberta", "electra"])
def test_what_decays_is_what_transformers_says(family):
    transformers = pytest.importorskip("transformers")
    config, model, numbers = tiny_model(family)
    theirs = getattr(transformers, model)(getattr(transformers, config)(**numbers))
    decaying = transformers.Trainer.get_decay_parameter_names(None, theirs)
    ours = getattr(pytxenc, model)(getattr(pytxenc, config)(**numbers))
    groups = parameter_groups(ours, 0.1)
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    assert not any("lr" in group for group in groups)
    trained = {name for name, _ in theirs.named_parameters()}
    assert set(groups[0]["names"]) == trained & set(decaying)
    assert set(groups[1]["names"]) == trained - set(decaying)
    AdamW(FlatParameters(ours), groups=groups)


def test_layer_decay():
    config, model, numbers = tiny_model("roberta")
    ours = getattr(pytxenc, model)(getattr(pytxenc, config)(**numbers))
    groups = parameter_groups(ours, 0.1, layer_decay=0.8, lr=1e-4)
    rates = {name: group["lr"] for group in groups for name in group["names"]}
    assert len(rates) == len(list(ours.named_parameters()))
    expected = {  # lr 0.8^(layers + 2 - depth), as ELECTRA's get_layer_lrs
        "roberta.embeddings.word_embeddings.weight": 1e-4 * 0.8**5,
        "roberta.embeddings.LayerNorm.bias": 1e-4 * 0.8**5,
        "roberta.encoder.layer.0.attention.self.query.weight": 1e-4 * 0.8**4,
        "roberta.encoder.layer.1.output.dense.bias": 1e-4 * 0.8**3,
        "roberta.encoder.layer.2.output.dense.weight": 1e-4 * 0.8**2,
        "classifier.dense.weight": 1e-4,
        "classifier.out_proj.bias": 1e-4,
    }
    assert {name: rates[name] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_depths_of_albert():
    names = [
        "albert.embeddings.word_embeddings.weight",
        "albert.encoder.embedding_hidden_mapping_in.weight",
        "albert.encoder.albert_layer_groups.0.albert_layers.0.ffn.weight",
        "albert.encoder.albert_layer_groups.1.albert_layers.3.ffn.weight",
        "albert.pooler.weight",
    ]
    assert list(map(layer_depths(names).get, names)) == [0, 0, 1, 2, 4]


def test_frozen_parameters_are_in_no_group():
    groups = parameter_groups(flat_parameters(), 0.1, frozen=["embeddings.", "classifier.weight"])
    names = {name for group in groups for name in group["names"]}
    assert names == {name for name in SHAPES if name.startswith("encoder.")}


@pytest.mark.parametrize("name", OPTIMIZER_NAMES)
def test_optimizers_by_name(name):
    flat = flat_parameters()
    groups = parameter_groups(flat, 0.1)
    optimizer = create_optimizer(name, flat, lr=2e-3, betas=(0.8, 0.9), eps=1e-5, groups=groups)
    assert [group["lr"] for group in optimizer.param_groups] == [2e-3, 2e-3]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]
    if "adam" in name or name == "lamb":
        assert optimizer.param_groups[0]["betas"] == (0.8, 0.9)
        assert optimizer.param_groups[0]["eps"] == 1e-5
    before = flat.values.copy()
    flat.gradients[...] = 1
    optimizer.step()
    assert not np.array_equal(flat.values, before)


def test_optim_args():
    flat = flat_parameters()
    sgd = create_optimizer("sgd", flat, lr=0.1, optim_args="momentum=0.9, nesterov=True")
    assert sgd.param_groups[0]["momentum"] == 0.9
    assert sgd.param_groups[0]["nesterov"] is True
    lamb = create_optimizer("lamb", flat, lr=0.1, optim_args="clamp=0.001:10,bias_correction=yes")
    assert lamb.param_groups[0]["clamp"] == (0.001, 10.0)
    assert lamb.bias_correction is True
    adafactor = create_optimizer("adafactor", flat, lr=0.1, optim_args="beta1=0.5,eps=1e-9:0.01")
    assert adafactor.param_groups[0]["beta1"] == 0.5
    assert adafactor.param_groups[0]["eps"] == (1e-9, 0.01)
    assert adafactor.param_groups[0]["lr"] == 0.1


@pytest.mark.parametrize(
    ("name", "optim_args", "message"),
    [
        ("lion_8bit", None, "adamw_torch, adamw_torch_fused"),
        ("sgd", "momentum", "momentum, dampening, nesterov"),
        ("sgd", "beta=1", "momentum, dampening, nesterov"),
        ("sgd", "momentum=much", "momentum = 'much', but it must be a number"),
        ("sgd", "nesterov=maybe", "true or false"),
        ("lamb", "clamp=1", "joined by a colon"),
    ],
)
def test_wrong_names_and_arguments(name, optim_args, message):
    with pytest.raises(ValueError, match=message):
        create_optimizer(name, flat_parameters(), lr=0.1, optim_args=optim_args)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"layer_decay": 0.5}, "needs lr"), ({"layer_decay": 0.0, "lr": 1.0}, "layer_decay = 0.0")],
)
def test_layer_decay_that_makes_no_sense(arguments, message):
    with pytest.raises(ValueError, match=message):
        parameter_groups(flat_parameters(), 0.1, **arguments)
