"""python -m pytxenc info."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hub_server import FIRST, Hub
from sentence_models import sizes, write_json, write_modules

import pytxenc
from pytxenc import cli
from pytxenc.cli.info import describe
from pytxenc.safetensors_file import save_file

HEADS = {
    "BertModel": "encoder",
    "BertForMaskedLM": "fill-mask",
    "BertForPreTraining": "pretraining",
    "BertLMHeadModel": "text generation",
    "RobertaForTokenClassification": "token classification",
    "AlbertForSequenceClassification": "text classification",
    "DistilBertForQuestionAnswering": "question answering",
    "ElectraForMultipleChoice": "multiple choice",
}


@pytest.mark.parametrize("name", HEADS)
def test_counts(name, tmp_path):
    """Against the model itself, and transformers' count of the same files."""
    family = name.split("For")[0].removesuffix("LMHeadModel").removesuffix("Model")
    config_class = getattr(pytxenc, f"{family}Config")
    labels = ["no", "yes", "é"] if "Classification" in name else ["no", "yes"]
    config = config_class(**sizes(family.lower()), vocab_size=50, id2label=dict(enumerate(labels)))
    model = getattr(pytxenc, name)(config)
    model.save_pretrained(tmp_path)
    facts = describe(str(tmp_path))
    assert (facts["class"], facts["task"], facts["model_type"]) == (
        name,
        HEADS[name],
        config.model_type,
    )
    counts = facts["parameters"]
    assert counts["total"] == model.num_parameters() == sum(list(counts.values())[1:])
    weights = facts["weights"]
    assert weights["dtypes"] == {"float32": counts["total"]}
    assert weights["bytes"] == os.path.getsize(tmp_path / "model.safetensors")
    memory = facts["memory"]
    assert memory["float32"] == 4 * counts["total"]
    for dtype, nbytes in memory.items():
        assert nbytes == model.to(dtype).get_memory_footprint()
    assert facts["files"]["config.json"]["format"] == "JSON" and facts["tokenizer"] is None
    assert facts["sizes"]["num_hidden_layers"] == 2 and facts["sizes"]["intermediate_size"] == 40
    assert facts["labels"] == (labels if "Classification" in name else None)
    assert facts["threads"] == pytxenc.get_num_threads() and facts["sentence"] is None
    embeddings = sum(
        value.size
        for key, value in model.named_parameters()
        if key.startswith((f"{model.base_model_prefix}.embeddings", "embeddings"))
    )
    assert counts["embeddings"] == embeddings
    transformers = pytest.importorskip("transformers")
    theirs = getattr(transformers, name).from_pretrained(tmp_path)
    assert counts["total"] == theirs.num_parameters()


def test_printed(bert, capsys):
    write_modules(bert, "Pooling", "Normalize")
    config = {"prompts": {"query": "q: "}, "default_prompt_name": "query"}
    write_json(bert / "config_sentence_transformers.json", config)
    write_json(bert / "sentence_bert_config.json", {"max_seq_length": 16})
    assert cli.run("info", [str(bert)]) == 0
    lines = [line.partition(":") for line in capsys.readouterr().out.splitlines()]
    told = {name: rest.strip() for name, _, rest in lines if not name.startswith(" ")}
    count = pytxenc.AutoModel.from_pretrained(bert).num_parameters()
    assert told["class"] == "BertModel (bert)" and told["task"] == "sentence embeddings"
    assert told["hidden size"] == "24" and told["parameters"] == f"{count:,}"
    assert told["memory"].endswith(" in float32")
    assert told["sentence vectors"] == "Transformer > Pooling > Normalize"
    assert cli.run("info", [str(bert)]) == 0
    text = capsys.readouterr().out
    for part in (
        f"{count:,} float32\n",
        "pooling mean; similarity cosine\n",
        "texts are cut to 16 tokens\n",
        "prompt query (default): 'q: '\n",
        "1_Pooling/config.json (JSON, ",
        "tokenizer:         BertTokenizer, ",
        "unk_token=[UNK]",
    ):
        assert part in text
    assert cli.run("info", ["--json", str(bert)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == json.loads(json.dumps(describe(str(bert))))
    assert facts["sentence"]["pooling"] == ["mean"]
    assert facts["tokenizer"]["max_length"] is None


def test_other_weights(bert, capsys):
    """Shards, half floats and none; weights are not read, so they may be nonsense."""
    tensors = {f"t{i}": np.full((i + 1, 3), np.nan, np.float16) for i in range(2)}
    (bert / "model.safetensors").unlink()
    index = {"weight_map": {}}
    for i, (name, tensor) in enumerate(tensors.items()):
        file = f"model-{i + 1:05}-of-00002.safetensors"
        save_file({name: tensor}, bert / file)
        index["weight_map"][name] = file
    write_json(bert / "model.safetensors.index.json", index)
    weights = describe(str(bert))["weights"]
    assert weights["dtypes"] == {"float16": 9} and weights["tensors"] == 2
    assert weights["bytes"] == sum(p.stat().st_size for p in bert.glob("model-*"))
    assert cli.run("info", [str(bert)]) == 0
    assert "in float32, converted from what the file has" in capsys.readouterr().out
    for path in bert.glob("model*"):
        path.unlink()
    assert describe(str(bert))["weights"] is None


def test_errors(tmp_path, capsys):
    for content, match in [
        (None, "this directory has no config.json"),
        ({"model_type": "mpnet"}, "has model_type 'mpnet'; known here are"),
        ({"model_type": "bert", "hidden_size": 7, "num_attention_heads": 2}, "hidden_size"),
    ]:
        if content is not None:
            write_json(tmp_path / "config.json", content)
        assert cli.run("info", [str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert match in error and len(error.splitlines()) == 1


def test_a_length_that_is_no_number(bert, tmp_path, capsys):
    folder = tmp_path / "model"
    shutil.copytree(bert, folder)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": "many"}')
    assert cli.run("info", [str(folder)]) == 2
    error = capsys.readouterr().err
    assert "sentence_bert_config.json" in error and "max_seq_length" in error


def test_on_the_hub(bert, tmp_path_factory):
    """Nothing of the weights is downloaded; a bare name may be sentence-transformers' own."""
    files = {p.relative_to(bert).as_posix(): p.read_bytes() for p in bert.rglob("*") if p.is_file()}
    hub = Hub()
    hub.commits["sentence-transformers/small"] = {FIRST: files}
    hub.main["sentence-transformers/small"] = FIRST
    keep = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    keep |= {"HF_HOME": str(tmp_path_factory.mktemp("home")), "HF_ENDPOINT": hub.url}
    keep |= {"NO_PROXY": "*", "no_proxy": "*", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "pytxenc", "info", "--json", "small"]
    try:
        done = subprocess.run(command, env=keep, capture_output=True, text=True, timeout=120)
    finally:
        hub.close()
    assert done.returncode == 0, done.stderr
    facts, local = json.loads(done.stdout), describe(str(bert))
    assert facts["name"] == "sentence-transformers/small" and facts["commit"] == FIRST
    assert facts["files"] == local["files"] and facts["sentence"] == local["sentence"]
    assert facts["parameters"] == local["parameters"]
    weights = facts["weights"]
    assert (weights["file"], weights["local"]) == ("model.safetensors", False)
    assert weights["bytes"] == local["weights"]["bytes"]
    assert "model.safetensors" not in hub.downloaded()
