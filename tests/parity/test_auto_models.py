"""Auto classes choose as transformers' do."""

import itertools
import json

import pytest

transformers = pytest.importorskip("transformers")

from model_pairs import make_config, make_pair  # noqa: E402

import pytxenc  # noqa: E402

FAMILIES = ("Bert", "Roberta", "XLMRoberta", "Albert", "DistilBert", "Electra")
AUTOS = sorted(name for name in pytxenc.__all__ if name.startswith("AutoModel"))


@pytest.mark.parametrize(("family", "auto"), list(itertools.product(FAMILIES, AUTOS)))
def test_classes(family, auto):
    theirs_config, ours_config = make_config(family)
    try:
        expected = type(getattr(transformers, auto).from_config(theirs_config)).__name__
    except ValueError:
        with pytest.raises(ValueError, match=f"{auto} has no model for a {family}Config"):
            getattr(pytxenc, auto).from_config(ours_config)
        return
    assert type(getattr(pytxenc, auto).from_config(ours_config)).__name__ == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_from_files(tmp_path, family):
    _, ours = make_pair(family, "ForTokenClassification", num_labels=3)
    ours.save_pretrained(tmp_path)
    for name in ("AutoModelForTokenClassification", "AutoModel", "AutoModelForMaskedLM"):
        got, report = getattr(pytxenc, name).from_pretrained(tmp_path, output_loading_info=True)
        want, expected = getattr(transformers, name).from_pretrained(
            tmp_path, output_loading_info=True
        )
        assert type(got).__name__ == type(want).__name__
        assert report["missing_keys"] == expected["missing_keys"]
        assert report["unexpected_keys"] == expected["unexpected_keys"]
    activation = "activation" if family == "DistilBert" else "hidden_act"
    config = pytxenc.AutoConfig.from_pretrained(tmp_path, **{activation: "relu"})
    assert type(config).__name__ == family + "Config"
    assert (config.num_labels, getattr(config, activation)) == (3, "relu")
    model = pytxenc.AutoModelForTokenClassification.from_pretrained(tmp_path, config=config)
    assert model.config is config
    model = pytxenc.AutoModelForTokenClassification.from_pretrained(
        tmp_path, **{activation: "relu"}
    )
    assert getattr(model.config, activation) == "relu"
    _, unused = pytxenc.AutoConfig.from_pretrained(tmp_path, foo=1, return_unused_kwargs=True)
    assert unused == {"foo": 1}


def test_for_model():
    for kind in ("albert", "bert", "distilbert", "electra", "roberta", "xlm-roberta"):
        ours = pytxenc.AutoConfig.for_model(kind, hidden_size=24)
        theirs = transformers.AutoConfig.for_model(kind, hidden_size=24)
        assert type(ours).__name__ == type(theirs).__name__
        assert ours.hidden_size == 24


@pytest.mark.parametrize(
    ("content", "message"),
    [({"model_type": "gpt9"}, "model_type 'gpt9'; known here are albert"), ({}, "no model_type")],
)
def test_unknown_types(tmp_path, content, message):
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        pytxenc.AutoModel.from_pretrained(tmp_path)


def test_errors(tmp_path):
    with pytest.raises(OSError, match=r"no config\.json"):
        pytxenc.AutoModel.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="gpt9"):
        pytxenc.AutoConfig.for_model("gpt9")
    for cls in (pytxenc.AutoConfig, pytxenc.AutoModel):
        with pytest.raises(OSError, match="from_pretrained"):
            cls()
