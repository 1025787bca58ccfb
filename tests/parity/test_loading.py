"""Checkpoints of every shape into models, against what transformers makes of the same files."""

import json
import logging

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
safetensors_torch = pytest.importorskip("safetensors.torch")

from model_pairs import FACTORISED, FAMILIES, named_fields  # noqa: E402

import pytxenc.modeling as modeling  # noqa: E402

IDS = np.array([[5, 6, 7, 8, 2]])
SIZES = {
    "vocab_size": 40, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3,
    "intermediate_size": 20, "max_position_embeddings": 16,
}  # fmt: skip


@pytest.fixture(params=FAMILIES)
def family(request):
    return request.param


def saved(tmp_path, family, head, **kwargs):
    """A directory with a random model of transformers, and that model."""
    torch.manual_seed(0)
    sizes = {**SIZES, "embedding_size": 8} if family in FACTORISED else SIZES
    config = getattr(transformers, f"{family}Config")(**named_fields(family, sizes))
    model = getattr(transformers, family + head)(config).eval()
    model.save_pretrained(tmp_path, **kwargs)
    return model


def tensors(tmp_path):
    return safetensors_torch.load_file(tmp_path / "model.safetensors")


def rewrite(tmp_path, content):
    safetensors_torch.save_file(content, tmp_path / "model.safetensors")


def both(tmp_path, name, **kwargs):
    """(theirs, report), (ours, report) of loading a directory."""
    theirs = getattr(transformers, name).from_pretrained(
        tmp_path, output_loading_info=True, **kwargs
    )
    ours = getattr(modeling, name).from_pretrained(tmp_path, output_loading_info=True, **kwargs)
    return theirs, ours


def assert_same(theirs, ours, except_for=()):
    """Equal weights by name, and equal outputs when all weights come from the file."""
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    for name, value in ours.state_dict().items():
        if name not in except_for:
            np.testing.assert_array_equal(value, state[name].float().numpy(), err_msg=name)
    if not except_for:
        with torch.no_grad():
            expected = theirs(torch.as_tensor(IDS))[0].float().numpy()
        np.testing.assert_allclose(ours(IDS)[0], expected, atol=2e-5)


@pytest.mark.parametrize("head", ("Model", "ForMaskedLM"))
def test_the_same_class(tmp_path, family, head):
    saved(tmp_path, family, head)
    (theirs, their_report), (ours, our_report) = both(tmp_path, family + head)
    assert_same(theirs, ours)
    assert our_report["missing_keys"] == set(their_report["missing_keys"]) == set()
    assert our_report["unexpected_keys"] == set(their_report["unexpected_keys"]) == set()
    assert not ours.training


def test_a_head_checkpoint_into_a_base_model_and_the_reverse(tmp_path, family):
    saved(tmp_path / "head", family, "ForMaskedLM")
    saved(tmp_path / "base", family, "Model")
    for directory, name in (("head", f"{family}Model"), ("base", f"{family}ForMaskedLM")):
        (theirs, their_report), (ours, our_report) = both(tmp_path / directory, name)
        assert our_report["missing_keys"] == set(their_report["missing_keys"])
        assert our_report["unexpected_keys"] == set(their_report["unexpected_keys"])
        new = our_report["missing_keys"]
        assert_same(theirs, ours, except_for=new)


@pytest.mark.parametrize("source", ("ForMaskedLM", "ForSequenceClassification"))
@pytest.mark.parametrize("family", ("DistilBert", "Electra"), indirect=True)
def test_every_head_from_the_file_of_another(tmp_path, family, source):
    saved(tmp_path, family, source)
    heads = [
        name for name in modeling.__all__ if name.startswith((f"{family}For", f"{family}Model"))
    ]
    assert len(heads) > 5
    for name in heads:
        (_, expected), (_, report) = both(tmp_path, name, ignore_mismatched_sizes=True)
        for key in ("missing_keys", "unexpected_keys"):
            assert report[key] == set(expected[key]), (name, key)
        assert {k for k, _, _ in report["mismatched_keys"]} == {
            k for k, _, _ in expected["mismatched_keys"]
        }, name


def test_what_is_missing_is_logged(tmp_path, caplog):
    saved(tmp_path, "Roberta", "ForMaskedLM")
    with caplog.at_level(logging.WARNING, "pytxenc"):
        modeling.RobertaModel.from_pretrained(tmp_path)
    assert "newly initialised: pooler.dense.weight" in caplog.text
    assert "not used by this model: lm_head.dense.weight" in caplog.text


def test_names_of_old_tensorflow_checkpoints(tmp_path):
    saved(tmp_path, "Bert", "Model")
    old = {}
    for name, value in tensors(tmp_path).items():
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
        old[name.replace("LayerNorm.bias", "LayerNorm.beta")] = value
    rewrite(tmp_path, {**old, "embeddings.position_ids": torch.arange(16)[None]})
    (theirs, _), (ours, report) = both(tmp_path, "BertModel")
    assert_same(theirs, ours)
    assert not report["missing_keys"] and not report["unexpected_keys"]


DECODERS = {
    "Bert": "cls.predictions.decoder",
    "Roberta": "lm_head.decoder",
    "Albert": "predictions.decoder",
    "DistilBert": "vocab_projector",
    "Electra": "generator_lm_head",
}


@pytest.mark.parametrize("case", ("decoder only", "equal", "untied"))
def test_ties(tmp_path, family, case):
    saved(tmp_path, family, "ForMaskedLM")
    name = f"{DECODERS[family]}.weight"
    content = tensors(tmp_path)
    words = f"{family.lower()}.embeddings.word_embeddings.weight"
    decoder = content[words].clone()
    if case == "untied":
        decoder += 1
    content[name] = decoder
    if case == "decoder only":
        del content[words]
    rewrite(tmp_path, content)
    (theirs, _), (ours, report) = both(tmp_path, f"{family}ForMaskedLM")
    assert_same(theirs, ours)
    assert not report["missing_keys"]
    state = ours.state_dict()
    assert (state[words] is state[name]) == (case != "untied")


@pytest.mark.parametrize("dtype", (torch.float16, torch.bfloat16, torch.float64))
def test_other_dtypes_become_float32(tmp_path, family, dtype):
    saved(tmp_path, family, "ForMaskedLM")
    rewrite(tmp_path, {name: value.to(dtype) for name, value in tensors(tmp_path).items()})
    theirs = getattr(transformers, f"{family}ForMaskedLM").from_pretrained(
        tmp_path, dtype=torch.float32
    )
    assert_same(theirs, getattr(modeling, f"{family}ForMaskedLM").from_pretrained(tmp_path))


def test_shards(tmp_path, family):
    theirs = saved(tmp_path, family, "ForMaskedLM", max_shard_size="4KB")
    assert (tmp_path / "model.safetensors.index.json").exists()
    assert_same(theirs, getattr(modeling, f"{family}ForMaskedLM").from_pretrained(tmp_path))


@pytest.mark.parametrize("zipped", (True, False))
def test_pytorch_model_bin(tmp_path, family, zipped):
    theirs = saved(tmp_path, family, "ForMaskedLM")
    (tmp_path / "model.safetensors").unlink()
    torch.save(
        theirs.state_dict(),
        tmp_path / "pytorch_model.bin",
        _use_new_zipfile_serialization=zipped,
    )
    assert_same(theirs, getattr(modeling, f"{family}ForMaskedLM").from_pretrained(tmp_path))
    with pytest.raises(OSError, match=r"no model\.safetensors"):
        getattr(modeling, f"{family}ForMaskedLM").from_pretrained(tmp_path, use_safetensors=True)


def test_a_wrong_shape_names_the_tensor_and_both_shapes(tmp_path, family):
    saved(tmp_path, family, "Model")
    cls = getattr(modeling, f"{family}Model")
    width = 8 if family in FACTORISED else 12
    with pytest.raises(
        RuntimeError, match=rf"word_embeddings\.weight.*\(40, {width}\).*\(41, {width}\)"
    ):
        cls.from_pretrained(tmp_path, vocab_size=41)
    ours, report = cls.from_pretrained(
        tmp_path, vocab_size=41, ignore_mismatched_sizes=True, output_loading_info=True
    )
    assert ours.state_dict()["embeddings.word_embeddings.weight"].shape == (41, width)
    assert report["mismatched_keys"] == {
        ("embeddings.word_embeddings.weight", (40, width), (41, width))
    }


def test_integer_weights_are_refused(tmp_path):
    saved(tmp_path, "Bert", "Model")
    content = tensors(tmp_path)
    content["pooler.dense.bias"] = torch.zeros(12, dtype=torch.int64)
    rewrite(tmp_path, content)
    with pytest.raises(TypeError, match=r"pooler\.dense\.bias.*int64"):
        modeling.BertModel.from_pretrained(tmp_path)


def test_float32_is_used_in_place(tmp_path):
    saved(tmp_path, "Bert", "Model")
    ours = modeling.BertModel.from_pretrained(tmp_path)
    for name, value in ours.state_dict().items():
        assert not value.flags.owndata and not value.flags.writeable, name


def test_keywords(tmp_path, caplog):
    saved(tmp_path, "Bert", "Model")
    cls = modeling.BertModel
    assert (
        "pooler.dense.weight"
        not in cls.from_pretrained(tmp_path, add_pooling_layer=False).state_dict()
    )
    assert cls.from_pretrained(tmp_path, torch_dtype=torch.float32, low_cpu_mem_usage=True)
    assert cls.from_pretrained(tmp_path, output_hidden_states=True)(IDS).hidden_states
    with pytest.raises(TypeError, match=r"locl_files_only.*did you mean 'local_files_only'"):
        cls.from_pretrained(tmp_path, locl_files_only=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON.*line 1"),
        (b"[1]", "expected a JSON object"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        (b"[" * 100_000, "nested too deeply"),
        (json.dumps({**SIZES, "hidden_size": "12"}).encode(), "hidden_size must be int, not '12'"),
        (json.dumps({**SIZES, "hidden_size": 2**70}).encode(), "hidden_size"),
        (json.dumps({**SIZES, "layer_norm_eps": None}).encode(), "layer_norm_eps must be"),
        (json.dumps({**SIZES, "hidden_act": "magic"}).encode(), "hidden_act.*magic"),
        (json.dumps({**SIZES, "id2label": {"x": "y"}}).encode(), "keys of id2label.*'x'"),
        (
            json.dumps(
                {
                    **SIZES,
                    "id2label": {"0": "y"},
                    "problem_type": "single_label_classification",
                }
            ).encode(),
            "num_labels",
        ),
    ],
    ids=lambda v: str(v)[:20],
)
def test_broken_configurations(tmp_path, content, words):
    saved(tmp_path, "Bert", "Model")
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises((ValueError, TypeError), match=f"(?s){words}"):
        modeling.BertModel.from_pretrained(tmp_path)


def edit_config(folder, **fields):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **fields}))


@pytest.mark.parametrize("stated", ["gpt2", 5, ["bert"]])
def test_an_unknown_model_type_is_refused(tmp_path, caplog, stated):
    saved(tmp_path, "Bert", "Model")
    edit_config(tmp_path, model_type=stated)
    with pytest.raises(ValueError, match=r"config\.json: .*'?(gpt2|5|bert)'?.*'roberta'"):
        modeling.BertModel.from_pretrained(tmp_path)
    with caplog.at_level(logging.WARNING, "pytxenc"):  # the configuration alone may be read
        assert modeling.BertModel.config_class.from_pretrained(tmp_path).hidden_size == 12
    assert f"{stated!r}, loaded as one of type 'bert'" in caplog.text


@pytest.mark.parametrize("stated", ["xlm-roberta", "camembert", "bert"])
def test_another_known_model_type_is_a_warning(tmp_path, caplog, stated):
    theirs = saved(tmp_path, "Roberta", "Model")
    edit_config(tmp_path, model_type=stated)
    with caplog.at_level(logging.WARNING, "pytxenc"):
        ours = modeling.RobertaModel.from_pretrained(tmp_path)
    assert f"'{stated}', loaded as one of type 'roberta'" in caplog.text
    expected = theirs(torch.tensor(IDS))[0].detach().numpy()
    np.testing.assert_allclose(ours(IDS)[0], expected, rtol=0, atol=1e-5)


def test_a_checkpoint_without_a_tensor_of_the_model(tmp_path):
    saved(tmp_path, "Albert", "ForMaskedLM")
    with pytest.raises(ValueError, match=r"none of the checkpoint's \d+ tensors.*'albert\."):
        modeling.BertModel.from_pretrained(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(OSError, match=r"no config\.json"):
        modeling.BertModel.from_pretrained(tmp_path)
    saved(tmp_path, "Bert", "Model")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(OSError, match=r"model\.safetensors"):
        modeling.BertModel.from_pretrained(tmp_path)
    with pytest.raises(OSError, match="not a directory"):
        modeling.BertModel.from_pretrained(tmp_path / "nowhere")


def test_a_truncated_file(tmp_path):
    saved(tmp_path, "Bert", "Model")
    whole = (tmp_path / "model.safetensors").read_bytes()
    for size in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "model.safetensors").write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"model\.safetensors"):
            modeling.BertModel.from_pretrained(tmp_path)


def test_a_given_state_dict_is_copied():
    config = modeling.BertModel.config_class(**SIZES)
    state = {k: v.copy() for k, v in modeling.BertModel(config).state_dict().items()}
    model = modeling.BertModel.from_pretrained(None, config=config, state_dict=state)
    before = model(IDS)[0]
    for value in state.values():
        value += 1
    np.testing.assert_array_equal(model(IDS)[0], before)
