"""Saved models: read back by transformers and by us with equal outputs, whole or not at all."""

import json
import os

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from hub_api import stand_in  # noqa: E402
from model_pairs import assert_near, make_config, make_pair, random_batch  # noqa: E402

import pytxenc  # noqa: E402
from pytxenc.modeling import saving  # noqa: E402

CASES = [
    ("Bert", "Model"),
    ("Roberta", "ForMaskedLM"),
    ("XLMRoberta", "ForSequenceClassification"),
    ("Albert", "ForPreTraining"),
    ("Bert", "ForPreTraining"),
    ("Albert", "ForTokenClassification"),
    ("DistilBert", "ForMaskedLM"),
    ("DistilBert", "ForSequenceClassification"),
    ("Electra", "ForMaskedLM"),
    ("Electra", "ForPreTraining"),
]


def files(directory):
    return sorted(os.listdir(directory))


@pytest.mark.parametrize("size", ["50GB", "20KB"])
@pytest.mark.parametrize(("family", "head"), CASES)
def test_transformers_reads_it(tmp_path, family, head, size):
    theirs, ours = make_pair(family, head, num_labels=2)
    ours.save_pretrained(tmp_path / "ours", max_shard_size=size)
    theirs.save_pretrained(tmp_path / "theirs", max_shard_size=size)
    assert ("model.safetensors.index.json" in files(tmp_path / "ours")) == (size == "20KB")
    saved = json.loads((tmp_path / "ours" / "config.json").read_text())
    assert saved["architectures"] == [family + head]
    again, report = getattr(transformers, family + head).from_pretrained(
        tmp_path / "ours", output_loading_info=True
    )
    assert not any(report.values())
    batch = random_batch(np.random.default_rng(0))
    with torch.no_grad():
        expected = again(**{name: torch.as_tensor(value) for name, value in batch.items()})
    reloaded, report = getattr(pytxenc, family + head).from_pretrained(
        tmp_path / "ours", output_loading_info=True
    )
    assert not any(report.values())
    for name, value in ours(**batch).items():
        np.testing.assert_array_equal(reloaded(**batch)[name], value)
        assert_near(value, expected[name], name)
    if size == "50GB":  # the same tensors, byte for byte
        ours_file = (tmp_path / "ours" / "model.safetensors").read_bytes()
        assert ours_file == (tmp_path / "theirs" / "model.safetensors").read_bytes()


def test_half_the_size_in_bfloat16(tmp_path):
    """Rounded as torch rounds; both libraries load the file as float32 and agree."""
    _, ours = make_pair("Roberta", "ForMaskedLM")
    ours.save_pretrained(tmp_path / "whole")
    ours.save_pretrained(tmp_path / "half", dtype="bfloat16")
    whole, half = (p.joinpath("model.safetensors").stat().st_size for p in
                   (tmp_path / "whole", tmp_path / "half"))  # fmt: skip
    assert half < 0.6 * whole
    theirs = transformers.RobertaForMaskedLM.from_pretrained(tmp_path / "half")
    assert theirs.dtype == torch.float32
    again = pytxenc.RobertaForMaskedLM.from_pretrained(tmp_path / "half")
    for name, value in ours.state_dict().items():
        rounded = torch.from_numpy(np.array(value)).bfloat16().float().numpy()
        np.testing.assert_array_equal(again.state_dict()[name], rounded)
    batch = random_batch(np.random.default_rng(0))
    with torch.no_grad():
        expected = theirs(**{name: torch.as_tensor(value) for name, value in batch.items()})
    assert_near(again(**batch).logits, expected.logits, "logits")
    with pytest.raises(ValueError, match="dtype is 'int8'"):
        ours.save_pretrained(tmp_path / "no", dtype="int8")
    assert not (tmp_path / "no").exists()


def test_untied_weights_are_all_saved(tmp_path):
    _, config = make_config("Bert", tie_word_embeddings=False)
    ours = pytxenc.BertForMaskedLM(config)
    ours.save_pretrained(tmp_path)
    again = pytxenc.BertForMaskedLM.from_pretrained(tmp_path)
    for name, value in ours.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name], value)


def test_other_weights_of_the_directory_go(tmp_path):
    _, small = make_pair("Bert", "Model")
    small.save_pretrained(tmp_path, max_shard_size="20KB")
    (tmp_path / "notes.safetensors").write_bytes(b"mine")
    assert len(files(tmp_path)) > 4
    small.save_pretrained(tmp_path)
    assert files(tmp_path) == ["config.json", "model.safetensors", "notes.safetensors"]
    small.save_pretrained(tmp_path, max_shard_size="1GiB", variant="fp32")
    assert "model.fp32.safetensors" in files(tmp_path)
    assert "model.safetensors" in files(tmp_path)
    again = pytxenc.BertModel.from_pretrained(tmp_path, variant="fp32")
    np.testing.assert_array_equal(
        again.state_dict()["pooler.dense.bias"], small.state_dict()["pooler.dense.bias"]
    )


def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch):
    _, old = make_pair("Bert", "Model", seed=1)
    _, new = make_pair("Bert", "Model", seed=2)
    old.save_pretrained(tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()

    def fail(*args):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        new.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert files(tmp_path) == ["config.json", "model.safetensors"]


def test_saving_where_it_was_loaded_from(tmp_path):
    _, ours = make_pair("Roberta", "Model")
    ours.save_pretrained(tmp_path)
    mapped = pytxenc.RobertaModel.from_pretrained(tmp_path)
    mapped.save_pretrained(tmp_path)
    for name, value in pytxenc.RobertaModel.from_pretrained(tmp_path).state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[name], value)


def test_a_state_dict_of_ones_own(tmp_path):
    _, ours = make_pair("Bert", "Model")
    weights = {name: torch.zeros(value.shape) for name, value in ours.state_dict().items()}
    ours.save_pretrained(tmp_path, state_dict=weights)
    assert not pytxenc.BertModel.from_pretrained(tmp_path).state_dict()["pooler.dense.bias"].any()


@pytest.mark.parametrize("size", ["", "5 apples", "0", -1, "-5KB", None, "1e3"])
def test_impossible_sizes(size):
    with pytest.raises(ValueError, match="max_shard_size"):
        saving.parse_size(size)


@pytest.mark.parametrize(
    ("size", "expected"),
    [(7, 7), ("7", 7), ("2KB", 2000), ("1.5MiB", 3 << 19), ("50gb", 5 * 10**10)],
)
def test_sizes(size, expected):
    assert saving.parse_size(size) == expected


def test_no_pickles(tmp_path):
    _, ours = make_pair("Bert", "Model")
    with pytest.raises(ValueError, match="safetensors only"):
        ours.save_pretrained(tmp_path / "x", safe_serialization=False)
    ours.save_pretrained(tmp_path / "x", is_main_process=False)
    assert not (tmp_path / "x").exists()


def test_uploads(tmp_path, monkeypatch):
    hub = stand_in(monkeypatch)
    _, ours = make_pair("Bert", "Model")
    (tmp_path / "other.txt").write_text("not a file of the model")
    ours.save_pretrained(tmp_path, push_to_hub=True, private=True, token="t")
    create, upload = hub.calls
    assert create == ("create", tmp_path.name, {"private": True, "token": "t", "exist_ok": True})
    assert upload[2] == ["config.json", "model.safetensors"]
    assert upload[3]["commit_message"] == "Upload BertModel"
    assert ours.push_to_hub("mine", max_shard_size="20KB") == "hub/me/mine/commit/1"
    assert "model.safetensors.index.json" in hub.calls[-1][2]
    with pytest.raises(OSError, match=r"refused.*403"):
        ours.push_to_hub("refused")
