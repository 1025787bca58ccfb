"""Configurations against those of transformers: fields, checks, files."""

import json

import pytest
from hub_api import stand_in

import pytxenc

CLASSES = [
    "RobertaConfig", "XLMRobertaConfig", "AlbertConfig", "BertConfig", "DistilBertConfig",
    "ElectraConfig",
]  # fmt: skip
# What differs by design: where the file came from, the release that wrote it.
APART = {"_name_or_path", "transformers_version"}

CASES = {
    "defaults": lambda c: c().to_dict(),
    "what is saved": lambda c: c().to_diff_dict(),
    "json": lambda c: c(num_labels=3, extra=[1], top=float("inf")).to_json_string(),
    "positional": lambda c: c(1),
    "text for a number": lambda c: c(vocab_size="16"),
    "float for an integer": lambda c: c(vocab_size=3.5),
    "bool for an integer": lambda c: c(vocab_size=True),
    "none": lambda c: c(hidden_dropout_prob=None),
    "integer for a float": lambda c: c(hidden_dropout_prob=0).hidden_dropout_prob,
    "assignment is checked": lambda c: setattr(c(), "vocab_size", "16"),
    "unknown keyword": lambda c: c(extra=1).extra,
    "unknown attribute": lambda c: c().extra,
    "labels by number": lambda c: (c(num_labels=3).id2label, c(num_labels=3).label2id),
    "labels by name": lambda c: c(id2label={"0": "a", "1": "b", "2": "c"}).num_labels,
    "label keys": lambda c: c(id2label={"0": "a"}).id2label,
    "single label of one": lambda c: c(num_labels=1, problem_type="single_label_classification"),
    "regression": lambda c: c(num_labels=1, problem_type="regression").problem_type,
    "no pad": lambda c: c(pad_token_id=None).pad_token_id,
    "several ends": lambda c: c(eos_token_id=[1, 2]).eos_token_id,
    "activation later": lambda c: c(hidden_act="nope").hidden_act,
    "from a dict": lambda c: c.from_dict({"hidden_size": 64}, vocab_size=7).to_dict(),
    "return_dict": lambda c: (c().use_return_dict, c(return_dict=False).use_return_dict),
    "from a string": lambda c: updated(
        c(), "hidden_size=64,use_cache=false,hidden_act=relu,layer_norm_eps=1e-3"
    ),
    "a string with an unknown name": lambda c: updated(c(), "nothing=1"),
    "a string with no number": lambda c: updated(c(), "hidden_size=many"),
    "a string for a list": lambda c: updated(c(architectures=["x"]), "architectures=y"),
    "text part": lambda c: c(hidden_size=8).get_text_config().to_dict(),
    "by either name": lambda c: c(dim=24, n_layers=3).to_dict(),
    "read by either name": lambda c: (c(dim=24).hidden_size, c(num_hidden_layers=3).n_layers),
    "equality": lambda c: (c() == c(), c() == c(hidden_size=4)),
}


def updated(config, assignments):
    config.update_from_string(assignments)
    return config.to_dict()


def outcome(cls, case):
    try:
        result = case(cls)
    except Exception:
        return "error"
    if isinstance(result, str) and result.startswith("{"):
        result = json.loads(result)
    if isinstance(result, cls):
        result = result.to_dict()
    if isinstance(result, dict):
        return {key: value for key, value in result.items() if key not in APART}
    return result


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", CLASSES)
def test_as_in_the_reference(name, case):
    transformers = pytest.importorskip("transformers")
    ours, theirs = getattr(pytxenc, name), getattr(transformers, name)
    assert outcome(ours, CASES[case]) == outcome(theirs, CASES[case])


@pytest.mark.parametrize("name", CLASSES)
def test_files_are_read_by_both(tmp_path, name):
    transformers = pytest.importorskip("transformers")
    classes = [getattr(library, name) for library in (pytxenc, transformers)]
    for writer in classes:
        folder = tmp_path / writer.__module__.partition(".")[0]
        writer(num_labels=3, hidden_size=24, extra=[1], dtype="float16").save_pretrained(folder)
        for reader in classes:
            config, unused = reader.from_pretrained(
                folder, vocab_size=7, nothing=1, return_unused_kwargs=True
            )
            assert (config.hidden_size, config.vocab_size, config.extra) == (24, 7, [1])
            assert str(config.dtype).endswith("float16") and config.num_labels == 3
            assert config.id2label == {i: f"LABEL_{i}" for i in range(3)}
            assert unused == {"nothing": 1}


def test_config_dict_and_upload(tmp_path, monkeypatch):
    hub = stand_in(monkeypatch)
    config = pytxenc.AlbertConfig(hidden_size=24)
    config.save_pretrained(tmp_path, push_to_hub=True, token="t")
    assert hub.calls[-1][2] == ["config.json"]
    assert hub.calls[-1][3]["commit_message"] == "Upload config"
    assert config.push_to_hub("mine", private=True) == "hub/me/mine/commit/1"
    assert hub.calls[-2][2]["private"] is True
    with pytest.raises(TypeError, match="variant"):
        config.push_to_hub("mine", variant="fp16")
    content, unused = pytxenc.AlbertConfig.get_config_dict(tmp_path, revision="main", nothing=1)
    assert (content["hidden_size"], content["model_type"], unused) == (24, "albert", {"nothing": 1})


def test_errors_name_the_field():
    with pytest.raises(TypeError, match=r"BertConfig\.hidden_size must be int, not '16'"):
        pytxenc.BertConfig(hidden_size="16")
    with pytest.raises(TypeError, match=r"DistilBertConfig\.dim must be int, not '16'"):
        pytxenc.DistilBertConfig(hidden_size="16")
    with pytest.raises(ValueError, match="problem_type is 'foo'"):
        pytxenc.BertConfig(problem_type="foo")


def test_attn_implementation():
    for name in (None, "eager", "sdpa", "flash_attention_2"):
        pytxenc.BertConfig(attn_implementation=name)
    with pytest.raises(ValueError, match=r"attn_implementation is 'nope'.*'eager'"):
        pytxenc.BertConfig(attn_implementation="nope")
