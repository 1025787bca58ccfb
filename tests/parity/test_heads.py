"""Models with heads against transformers: outputs, losses, names of tensors, conversions."""

import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from head_cases import (  # noqa: E402
    CASES,
    FAMILIES,
    HEADS,
    batch_for,
    compare,
    labels_for,
    run_theirs,
)  # fmt: skip
from model_pairs import assert_near, make_config, make_pair, random_batch  # noqa: E402

import pytxenc  # noqa: E402
import pytxenc.modeling as modeling  # noqa: E402


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("family", "head"), CASES)
def test_outputs_and_losses(family, head, masked):
    rng = np.random.default_rng(3)
    nlabels = 2 if head in ("ForQuestionAnswering", "ForPreTraining") else 5
    theirs, ours = make_pair(family, head, num_labels=nlabels)
    mask = np.array([11, 6, 1, 3]) if masked else None
    batch = batch_for(head, rng, mask)
    assert "loss" not in compare(ours, theirs, batch)
    labels = labels_for(family, head, rng, nlabels)
    got = compare(ours, theirs, {**batch, **labels})
    assert np.isfinite(got.loss)
    as_tuple = ours(**batch, **labels, output_hidden_states=True, return_dict=False)
    assert isinstance(as_tuple, tuple)
    np.testing.assert_array_equal(as_tuple[0], got.loss)


@pytest.mark.parametrize(("family", "head"), CASES)
def test_left_padding(family, head):
    rng = np.random.default_rng(4)
    theirs, ours = make_pair(family, head, num_labels=2)
    batch = batch_for(head, rng)
    shape = batch["input_ids"].shape
    batch["attention_mask"] = np.broadcast_to(np.arange(shape[-1]) >= 3, shape).copy()
    compare(ours, theirs, batch)


@pytest.mark.parametrize(("family", "head"), CASES)
def test_names_and_signatures(family, head):
    theirs_config, ours_config = make_config(family, num_labels=2)
    theirs = getattr(transformers, family + head)(theirs_config)
    ours = getattr(modeling, family + head)(ours_config)
    assert getattr(pytxenc, family + head) is type(ours)
    assert {name: value.shape for name, value in ours.state_dict().items()} == {
        name: tuple(value.shape) for name, value in theirs.state_dict().items()
    }
    assert ours.num_parameters() == theirs.num_parameters()
    expected = list(inspect.signature(type(theirs).forward).parameters)
    assert list(inspect.signature(type(ours).forward).parameters) == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_problem_types(family):
    rng = np.random.default_rng(5)
    batch = random_batch(rng)
    cases = [
        (1, rng.standard_normal(3).astype(np.float32), "regression"),
        (1, rng.integers(0, 5, 3), "regression"),
        (1, rng.standard_normal((3, 1)).astype(np.float32), "regression"),
        (4, rng.integers(0, 4, 3), "single_label_classification"),
        (4, rng.integers(0, 2, (3, 4)).astype(np.float32), "multi_label_classification"),
    ]
    for nlabels, labels, inferred in cases:
        theirs, ours = make_pair(family, "ForSequenceClassification", num_labels=nlabels)
        compare(ours, theirs, {**batch, "labels": labels})
        assert ours.config.problem_type == theirs.config.problem_type == inferred
    theirs, ours = make_pair(
        family, "ForSequenceClassification", num_labels=4, problem_type="regression"
    )
    compare(ours, theirs, {**batch, "labels": rng.standard_normal((3, 4)).astype(np.float32)})


@pytest.mark.parametrize("activation", ["gelu", "tanh", "xielu", "prelu", ""])
def test_electra_summaries(activation):
    rng = np.random.default_rng(9)
    theirs, ours = make_pair("Electra", "ForMultipleChoice", summary_activation=activation)
    compare(ours, theirs, {**batch_for("ForMultipleChoice", rng), "labels": np.array([1, 0])})
    assert list(ours.state_dict()) == list(theirs.state_dict())


@pytest.mark.parametrize("fields", [{"summary_type": "mean"}, {"summary_use_proj": False}])
def test_summaries_that_are_not_computed(fields):
    _, config = make_config("Electra", **fields)
    with pytest.raises(ValueError, match=f"{next(iter(fields))} is .*only"):
        pytxenc.ElectraForMultipleChoice(config)


@pytest.mark.parametrize("activation", ["relu", "xielu"])
def test_electra_discriminator_has_the_activation_of_its_layers(activation):
    rng = np.random.default_rng(10)
    theirs, ours = make_pair("Electra", "ForPreTraining", hidden_act=activation)
    compare(ours, theirs, random_batch(rng))
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_loss_over_the_tokens_attended_to():
    rng = np.random.default_rng(11)
    theirs, ours = make_pair("Electra", "ForPreTraining")
    batch = {**random_batch(rng), "labels": rng.integers(0, 2, (3, 11))}
    mask = rng.integers(0, 3, (3, 11))  # a token of mask 2 is attended to but does not count
    mask[1] = 0
    compare(ours, theirs, {**batch, "attention_mask": mask})
    compare(ours, theirs, {**batch, "labels": rng.random((3, 11), np.float32)})
    nothing = {**batch, "attention_mask": np.full((3, 11), 2)}
    assert run_theirs(theirs, nothing).loss.isnan()
    assert np.isnan(ours(**nothing).loss)
    batch["labels"][1, 4] = 2
    with pytest.raises(ValueError, match=r"labels\[1, 4\] is 2; it must be 0 .* or 1"):
        ours(**batch)
    with pytest.raises(ValueError, match=r"labels have shape \(3, 10\)"):
        ours(**{**batch, "labels": batch["labels"][:, :10]})
    four = np.ones((3, 1, 11, 11), bool)
    with pytest.raises(ValueError, match=r"attention_mask has shape \(3, 1, 11, 11\)"):
        ours(**batch, attention_mask=four)


@pytest.mark.parametrize("head", ["Model", "ForMaskedLM", *HEADS])
def test_distilbert_makes_nothing_of_token_types(head):
    rng = np.random.default_rng(12)
    _, ours = make_pair("DistilBert", head, num_labels=2)
    batch = batch_for(head, rng)
    types = batch.pop("token_type_ids")
    assert types.any()
    for one, other in zip(
        ours(**batch).to_tuple(), ours(**batch, token_type_ids=types).to_tuple(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_distilbert_starts_with_sinusoids():
    theirs_config, ours_config = make_config("DistilBert", sinusoidal_pos_embds=True)
    name = "embeddings.position_embeddings.weight"
    expected = transformers.DistilBertModel(theirs_config).state_dict()[name]
    got = pytxenc.DistilBertModel(ours_config).state_dict()[name]
    np.testing.assert_allclose(got, expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("head", ["ForPreTraining", "ForQuestionAnswering"])
def test_one_label_of_two_gives_no_loss(head):
    rng = np.random.default_rng(6)
    theirs, ours = make_pair("Bert", head, num_labels=2)
    batch = random_batch(rng)
    for name, value in labels_for("Bert", head, rng, 2).items():
        assert compare(ours, theirs, {**batch, name: value}).loss is None


def test_positional_arguments_of_multiple_choice():
    rng = np.random.default_rng(7)
    batch = batch_for("ForMultipleChoice", rng, np.array([11, 6, 1, 3]))
    for family in FAMILIES:
        theirs, ours = make_pair(family, "ForMultipleChoice")
        names = list(inspect.signature(type(theirs).forward).parameters)[1:4]
        known = {**batch, "labels": np.array([1, 0])}
        given = [known.get(name) for name in names]
        with torch.no_grad():
            expected = theirs(*(None if v is None else torch.as_tensor(v) for v in given))
        got = ours(*given)
        assert_near(got.logits, expected.logits, family)
        if "labels" in names:
            assert_near(got.loss, expected.loss, family)


@pytest.mark.parametrize(("family", "head"), CASES)
def test_torch_in_torch_out(family, head):
    _, ours = make_pair(family, head, num_labels=2)
    batch = batch_for(head, np.random.default_rng(8))
    got = ours(**{name: torch.as_tensor(value) for name, value in batch.items()})
    assert all(isinstance(value, torch.Tensor) for value in got.to_tuple())


def test_between_bases_and_heads(tmp_path):
    """A head on a bare encoder is new and reported, and the other way round left out."""
    theirs_config, _ = make_config("Roberta", num_labels=3)
    base = transformers.RobertaModel(theirs_config)
    base.save_pretrained(tmp_path / "base")
    _, report = modeling.RobertaForSequenceClassification.from_pretrained(
        tmp_path / "base", num_labels=3, output_loading_info=True
    )
    _, expected = transformers.RobertaForSequenceClassification.from_pretrained(
        tmp_path / "base", num_labels=3, output_loading_info=True
    )
    for name in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert report[name] == expected[name], name
    whole = transformers.RobertaForTokenClassification(theirs_config)
    whole.save_pretrained(tmp_path / "whole")
    _, report = modeling.RobertaModel.from_pretrained(tmp_path / "whole", output_loading_info=True)
    assert report["unexpected_keys"] == {"classifier.weight", "classifier.bias"}
    assert report["missing_keys"] == {"pooler.dense.weight", "pooler.dense.bias"}


@pytest.mark.parametrize(
    ("head", "fields", "batch", "error", "message"),
    [
        ("ForQuestionAnswering", {"num_labels": 3}, {}, ValueError, "num_labels is 3"),
        ("ForMultipleChoice", {}, {}, ValueError, r"input_ids has shape \(3, 11\)"),
        ("ForSequenceClassification", {"num_labels": 3}, {"labels": [0, 3, 1]}, IndexError, "3"),
        ("ForSequenceClassification", {"num_labels": 3}, {"labels": [0, 1]}, ValueError, "shape"),
        (
            "ForSequenceClassification",
            {"num_labels": 3, "problem_type": "multi_label_classification"},
            {"labels": [[0, 1, 1]] * 3},
            TypeError,
            "floating",
        ),
        ("ForTokenClassification", {}, {"labels": [0, 1, 1]}, ValueError, "shape"),
    ],
)
def test_errors(head, fields, batch, error, message):
    _, ours = make_pair("Bert", head, **fields)
    with pytest.raises(error, match=message):
        ours(**random_batch(np.random.default_rng(0)), **batch)
