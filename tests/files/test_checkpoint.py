"""Weights by name over every kind of file, and the order in which files are looked for."""

import json
import struct

import numpy as np
import pytest

from pytxenc.checkpoint import Checkpoint, index_shards, read_json, weight_files
from pytxenc.hub import Source

torch = pytest.importorskip("torch")
save_file = pytest.importorskip("safetensors.torch").save_file

TENSORS = {
    "a.weight": torch.arange(6.0).reshape(2, 3),
    "half": torch.tensor([0.5, -2.0]).half(),
    "brain": torch.tensor([0.5, -3.0, 1e30]).bfloat16(),
    "double": torch.tensor([[0.1]], dtype=torch.float64),
    "ids": torch.arange(4),
    "mask": torch.tensor([True, False]),
}


def save_index(folder, weight_map, name="model.safetensors.index.json", **more):
    path = folder / name
    path.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map, **more}))
    return path


def save_shards(folder, extension="safetensors", stem="model"):
    names = list(TENSORS)
    weight_map = {}
    for i, part in enumerate((names[:2], names[2:])):
        file = f"{stem}-0000{i + 1}-of-00002.{extension}"
        shard = {name: TENSORS[name] for name in part}
        if extension == "bin":
            torch.save(shard, folder / file)
        else:
            save_file(shard, folder / file)
        weight_map |= dict.fromkeys(part, file)
    return save_index(folder, weight_map, f"{stem}.{extension}.index.json")


def save_one(folder, kind):
    if kind == "safetensors":
        save_file(TENSORS, folder / "model.safetensors", {"format": "pt"})
        return folder / "model.safetensors"
    if kind == "bin":
        torch.save(TENSORS, folder / "pytorch_model.bin")
        return folder / "pytorch_model.bin"
    if kind == "safetensors shards":
        return save_shards(folder)
    return save_shards(folder, "bin", "pytorch_model")


@pytest.mark.parametrize("kind", ["safetensors", "bin", "safetensors shards", "bin shards"])
def test_every_kind_of_file(tmp_path, kind):
    checkpoint = Checkpoint(save_one(tmp_path, kind))
    assert set(checkpoint) == set(checkpoint.keys()) == set(TENSORS)
    assert len(checkpoint) == len(TENSORS) and "half" in checkpoint and "x" not in checkpoint
    for name, tensor in TENSORS.items():
        expected = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
        assert checkpoint[name].dtype == expected.dtype
        np.testing.assert_array_equal(checkpoint[name], expected)
        assert checkpoint.shape(name) == tuple(tensor.shape)
        assert checkpoint.dtype(name) == str(tensor.dtype).removeprefix("torch.")
    assert len(checkpoint.files) == (2 if "shards" in kind else 1)
    metadata = {"safetensors": {"format": "pt"}, "bin": {}}.get(kind, {"total_size": 1})
    assert checkpoint.metadata == metadata
    for look_up in (checkpoint.__getitem__, checkpoint.shape, checkpoint.dtype):
        with pytest.raises(KeyError):
            look_up("x")
    with pytest.raises(TypeError):
        checkpoint["half"] = 1


def test_float32_is_not_copied(tmp_path):
    checkpoint = Checkpoint(save_one(tmp_path, "safetensors"))
    assert np.shares_memory(checkpoint["a.weight"], checkpoint["a.weight"])
    assert not checkpoint["a.weight"].flags.writeable


@pytest.mark.parametrize(
    "name",
    [
        *("../model.safetensors", "/etc/passwd", "sub/m.safetensors", "..", "", "a\\b.safetensors"),
        *("c:m.safetensors", "m.safetensors\0", 5, None, ["m"], "config.json", "m.pkl"),
    ],
)
def test_shards_only_in_the_same_folder(tmp_path, name):
    save_one(tmp_path, "safetensors")
    path = save_index(tmp_path, {"a.weight": name})
    for read in (Checkpoint, index_shards):
        with pytest.raises(ValueError, match=r"weight_map names .* for tensor 'a\.weight'"):
            read(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "expected a JSON object, found a list"),
        ("{}", "weight_map"),
        ('{"weight_map": []}', "weight_map"),
        ('{"weight_map": {}, "metadata": 5}', "metadata"),
        ("[" * 100_000, "not JSON"),
        ('{"weight_map":' * 100_000, "not JSON"),
        ('{"a": ' + "9" * 10_000 + "}", "not JSON|weight_map"),
    ],
)
def test_bad_indexes(tmp_path, text, message):
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        Checkpoint(path)
    assert str(path) in str(caught.value)


def test_json_that_is_not_text(tmp_path):
    path = tmp_path / "config.json"
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(ValueError, match=r"config\.json: not UTF-8 at byte 7"):
        read_json(path)
    path.write_text('{"a": "\u4e2d"}', encoding="utf-8")
    assert read_json(path) == {"a": "\u4e2d"}
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "nope.json")


def test_shards_that_do_not_fit_their_index(tmp_path):
    path = save_shards(tmp_path)
    index = json.loads(path.read_text())["weight_map"]
    save_index(tmp_path, {**index, "more": index["half"]})
    with pytest.raises(ValueError, match=r"tensor 'more' is not in 'model-00001-of-00002"):
        Checkpoint(path)
    save_index(tmp_path, {**index, "more": "model-00003-of-00003.safetensors"})
    with pytest.raises(OSError, match=r"'model-00003-of-00003\.safetensors' is missing"):
        Checkpoint(path)
    save_index(tmp_path, index)
    (tmp_path / index["ids"]).write_bytes(struct.pack("<Q", 99))
    with pytest.raises(ValueError, match=r"model-00002-of-00002\.safetensors: cut short"):
        Checkpoint(path)


def test_names_of_weight_files():
    pickles = ["pytorch_model.bin", "pytorch_model.bin.index.json"]
    assert weight_files(True) == ["model.safetensors", "model.safetensors.index.json"]
    assert weight_files(False) == pickles
    assert weight_files() == weight_files(True) + pickles
    assert weight_files(variant="fp16") == [
        "model.fp16.safetensors",
        "model.safetensors.index.fp16.json",
        "pytorch_model.fp16.bin",
        "pytorch_model.bin.index.fp16.json",
    ]
    for variant in ("", "../x", "a/b"):
        with pytest.raises(ValueError, match="variant"):
            weight_files(variant=variant)


def test_look_up_order(tmp_path):
    """Each kind is found only while those before it are absent."""
    source = Source(tmp_path)
    with pytest.raises(OSError, match=r"this directory has no model\.safetensors nor "):
        Checkpoint.find(source)
    save_one(tmp_path, "bin shards")
    assert Checkpoint.find(source).files[0].name == "pytorch_model-00001-of-00002.bin"
    save_one(tmp_path, "bin")
    assert Checkpoint.find(source).files[0].name == "pytorch_model.bin"
    with pytest.raises(OSError, match=r"model\.safetensors\.index\.json"):
        Checkpoint.find(source, use_safetensors=True)
    save_one(tmp_path, "safetensors shards")
    assert Checkpoint.find(source).files[1].name == "model-00002-of-00002.safetensors"
    save_one(tmp_path, "safetensors")
    assert Checkpoint.find(source).files[0].name == "model.safetensors"
    assert Checkpoint.find(source, use_safetensors=False).files[0].name == "pytorch_model.bin"
    with pytest.raises(OSError, match=r"model\.fp16\.safetensors"):
        Checkpoint.find(source, variant="fp16")
    save_file(TENSORS, tmp_path / "model.fp16.safetensors")
    assert Checkpoint.find(source, variant="fp16").files[0].name == "model.fp16.safetensors"


def test_what_transformers_saves(tmp_path):
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    model = transformers.BertModel(config)
    model.save_pretrained(tmp_path / "one")
    model.save_pretrained(tmp_path / "many", max_shard_size="20KB")
    for folder in ("one", "many"):
        checkpoint = Checkpoint.find(Source(tmp_path / folder))
        assert (len(checkpoint.files) > 1) == (folder == "many")
        assert set(checkpoint) == set(model.state_dict()) - {"embeddings.position_ids"}
        for name in checkpoint:
            np.testing.assert_array_equal(checkpoint[name], model.state_dict()[name].numpy())
