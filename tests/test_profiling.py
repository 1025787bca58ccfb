"""Where the time of a call goes, in Python and from the shell."""

import json
import time

import numpy as np
import pytest

import pytxenc
from pytxenc import cli
from pytxenc.profiling import Operation, Profile

SIZES = dict(
    vocab_size=50, hidden_size=32, num_hidden_layers=3, num_attention_heads=2,
    intermediate_size=40, max_position_embeddings=20,
)  # fmt: skip
IDS = np.random.default_rng(0).integers(3, 50, (3, 9))


@pytest.fixture
def model():
    return pytxenc.BertForMaskedLM(pytxenc.BertConfig(**SIZES))


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_operations(model, precision):
    model.to(precision)
    start = time.perf_counter()
    profile = pytxenc.profile(model, IDS, runs=3)
    elapsed = time.perf_counter() - start
    assert {operation.layer for operation in profile.operations} == {None, 0, 1, 2}
    assert all(operation.seconds >= 0 for operation in profile.operations)
    layers = [[o.name for o in profile.operations if o.layer == layer] for layer in range(3)]
    assert layers[0] == layers[1] and len(set(layers[0])) > 1
    assert sum(operation.seconds for operation in profile.operations) > 0
    assert 0 < profile.seconds < elapsed
    assert profile.what.startswith(f"BertForMaskedLM in {precision}, {pytxenc._core.get_isa()}, ")


def test_tokens_are_those_that_are_no_padding(model):
    mask = np.ones_like(IDS)
    mask[1, 4:] = 0
    for arguments, tokens in (
        ({"input_ids": IDS}, IDS.size),
        ({"input_ids": IDS, "attention_mask": mask}, mask.sum()),
        ({"input_ids": IDS, "attention_mask": mask[1:2]}, 3 * 4),
        ({"inputs_embeds": np.zeros((2, 5, 32), np.float32)}, 10),
    ):
        profile = pytxenc.profile(model, **arguments, runs=1)
        assert profile.tokens == tokens
        assert profile.tokens_per_second == tokens / profile.seconds


def test_the_model_stays_as_it_is(model):
    encoder, before = model._encoder, model(IDS).logits
    pytxenc.profile(model, IDS, labels=IDS, output_hidden_states=True, runs=1)
    assert model._encoder is encoder
    assert np.array_equal(model(IDS).logits, before)


def test_every_kind_of_model():
    sizes = dict(vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=2)
    for name in ("AlbertModel", "DistilBertForQuestionAnswering", "RobertaForMultipleChoice",
                 "ElectraForPreTraining", "XLMRobertaForTokenClassification"):  # fmt: skip
        cls = getattr(pytxenc, name)
        ids = IDS[None] if name.endswith("Choice") else IDS
        profile = pytxenc.profile(cls(cls.config_class(**sizes)), ids, runs=1)
        assert profile.tokens == IDS.size and profile.operations


def test_wrong_use(model):
    with pytest.raises(TypeError, match="one of pytxenc's models, not str"):
        pytxenc.profile("roberta-base", IDS)
    with pytest.raises(ValueError, match="runs must be at least 1"):
        pytxenc.profile(model, IDS, runs=0)
    with pytest.raises(TypeError, match="did you mean 'attention_mask'"):
        pytxenc.profile(model, IDS, attention_msk=IDS)


def test_shares_and_text():
    operations = [
        Operation(None, "embeddings", 0.001),
        *(Operation(i, name, t) for i in (0, 1) for name, t in (("a", 0.002), ("bb", 0.001))),
    ]
    profile = Profile(operations, 0.008, 400, "a model")
    assert [(row.name, row.calls) for row in profile.shares()] == [
        ("a", 2), ("bb", 2), ("embeddings", 1), ("outside of operations", 1)
    ]  # fmt: skip
    np.testing.assert_allclose([row.seconds for row in profile.shares()], [4e-3, 2e-3, 1e-3, 1e-3])
    np.testing.assert_allclose(
        [row.share for row in profile.shares()], [1 / 2, 1 / 4, 1 / 8, 1 / 8]
    )
    assert str(profile).splitlines() == [
        "a model",
        "400 tokens in 8.00 ms: 50,000 tokens/s",
        "",
        "operation              calls         ms   share",
        "a                          2      4.000   50.0%",
        "bb                         2      2.000   25.0%",
        "embeddings                 1      1.000   12.5%",
        "outside of operations      1      1.000   12.5%",
    ]


# ---- python -m pytxenc profile ----


def run(capsys, *arguments):
    capsys.readouterr()
    status = cli.run("profile", list(map(str, arguments)))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_command(model, tmp_path, capsys):
    model.save_pretrained(tmp_path)
    shared = [tmp_path, "--batch", 2, "--length", 7, "--runs", 2]
    status, out, err = run(capsys, *shared, "--dtype", "int8")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("BertForMaskedLM in int8, ") and lines[1].startswith("14 tokens in ")
    assert lines[3].split() == ["operation", "calls", "ms", "share"]
    status, out, err = run(capsys, *shared, "--layers")
    table = out.partition("\n\nlayer  ")[2].splitlines()
    assert table[0].split() == ["operation", "ms"] and len(table) > len(lines) - 4
    status, out, err = run(capsys, *shared, "--json", "--dtype", "bfloat16")
    facts = json.loads(out)
    assert (facts["batch"], facts["length"], facts["dtype"]) == (2, 7, "bfloat16")
    assert len(facts["operations"]) == len(table) - 1
    assert facts["tokens_per_second"] == pytest.approx(14 / facts["seconds"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--batch", 0], "--batch 0"),
        (["--length", 21], "sequences of 21 tokens are too long"),
        (["--runs", 0], "runs must be at least 1"),
    ],
)
def test_wrong_arguments(model, tmp_path, capsys, arguments, words):
    model.save_pretrained(tmp_path)
    status, out, err = run(capsys, tmp_path, *arguments)
    assert (status, out) == (2, "") and words in err and len(err.splitlines()) == 1
    status, out, err = run(capsys, tmp_path / "no")
    assert status == 2 and len(err.splitlines()) == 1
