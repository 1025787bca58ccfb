"""The two code samples, unmodified, on small models under the published names."""

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pytxenc
import pytxenc.demo
from pytxenc.safetensors_file import save_file

SAMPLES = Path(pytxenc.demo.__file__).parent / "samples"
SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
}
REPORT = """
import sys
print(sys.modules["transformers"].__version__, type(input_ids).__module__, type(outputs).__name__)
print(input_ids.tolist())
print(outputs.last_hidden_state.size(), outputs[1].norm().item() > 0)
"""


def write_model(folder, model):
    (folder / "config.json").write_text(json.dumps(model.config.to_dict()))
    save_file(dict(model.state_dict()), folder / "model.safetensors", {"format": "pt"})


@pytest.fixture
def models(tmp_path, data_dir):
    """A folder where the published tokenizers have small random models beside them."""
    for name in ("roberta-base", "albert-base-v2"):
        shutil.copytree(data_dir / "tokenizers" / name, tmp_path / name)
    roberta = pytxenc.RobertaConfig(vocab_size=50265, type_vocab_size=1, **SHAPE)
    write_model(tmp_path / "roberta-base", pytxenc.RobertaModel(roberta))
    albert = pytxenc.AlbertConfig(vocab_size=30000, embedding_size=16, **SHAPE)
    write_model(tmp_path / "albert-base-v2", pytxenc.AlbertModel(albert))
    return tmp_path


KNOWN_IDS = {
    "roberta": [[0, 31414, 6, 127, 2335, 16, 11962, 2]],
    "albert": [[2, 10975, 15, 51, 1952, 25, 10901, 3]],
}


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", ["roberta", "albert"])
@pytest.mark.parametrize("kind", ["torch", "pytxenc.tensor"])
def test_after_install_as_transformers(models, name, kind):
    if kind == "torch":
        pytest.importorskip("torch")
        start = ""
    else:
        start = "import sys; sys.modules['torch'] = None\n"
    start += "import pytxenc; pytxenc.install_as_transformers()\n"
    code = start + (SAMPLES / f"{name}.py").read_text() + REPORT
    version, ids, shape = run([sys.executable, "-c", code], models)
    assert version == f"5.23.0 {kind} BaseModelOutputWithPooling" + (
        "AndCrossAttentions" if name == "roberta" else ""
    )
    assert json.loads(ids) == KNOWN_IDS[name]
    shape = shape.replace("torch.Size([", "(").replace("])", ")")
    assert shape == f"(1, {len(KNOWN_IDS[name][0])}, 32) True"


@pytest.mark.parametrize("name", ["roberta", "albert"])
def test_as_written(models, name):
    assert run([sys.executable, "-m", "pytxenc", str(SAMPLES / f"{name}.py")], models) == []


@pytest.mark.parametrize("name", ["roberta", "albert"])
def test_with_our_name_in_the_import(models, name, monkeypatch):
    source = (SAMPLES / f"{name}.py").read_text()
    changed = source.replace("from transformers import", "from pytxenc import")
    assert changed.count("pytxenc") == 1 and "transformers" not in changed
    (models / "sample.py").write_text(changed)
    monkeypatch.chdir(models)
    outputs = runpy.run_path("sample.py")["outputs"]
    assert np.isfinite(np.asarray(outputs.last_hidden_state)).all()


def test_without_data(tmp_path):
    """The RoBERTa sample with a tokenizer of single bytes, so that it runs everywhere."""
    folder = tmp_path / "roberta-base"
    folder.mkdir()
    letters = [chr(c) for c in range(33, 127)] + ["\u0120"]
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *letters, "<mask>"]
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    config = pytxenc.RobertaConfig(vocab_size=len(tokens), type_vocab_size=1, **SHAPE)
    write_model(folder, pytxenc.RobertaModel(config))
    script = tmp_path / "script.py"
    script.write_text((SAMPLES / "roberta.py").read_text() + REPORT)
    _, ids, _ = run([sys.executable, "-m", "pytxenc", str(script)], tmp_path)
    text = "Hello, my dog is cute".replace(" ", "\u0120")
    assert json.loads(ids) == [[0, *(tokens.index(letter) for letter in text), 2]]
