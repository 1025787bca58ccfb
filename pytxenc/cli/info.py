"""python -m pytxenc info: tell what a model is made of, without loading it."""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytxenc
from pytxenc.checkpoint import Checkpoint, read_json, weight_files
from pytxenc.hub import Source
from pytxenc.modeling.precision import PRECISIONS, footprint
from pytxenc.sentences.fields import read_field
from pytxenc.sentences.loading import find_model, list_modules, read_settings
from pytxenc.sentences.modules import Pooling, Transformer

DESCRIPTION = """\
Tell what a model is made of: its kind, sizes, parameters, files, tokenizer, and
what it is computed with.

  A model in a directory, or one on the hub by its name:

    python -m pytxenc info ./my-model
    python -m pytxenc info roberta-base

  The same for a program:

    python -m pytxenc info --json roberta-base

Of weights in a directory or in the cache only the names and shapes are read; those
that are on the hub alone are listed, and not downloaded.
"""

# The end of a class's name -> what the model does.
_TASKS = {
    "Model": "encoder",
    "ForPreTraining": "pretraining",
    "ForMaskedLM": "fill-mask",
    "ForCausalLM": "text generation",
    "LMHeadModel": "text generation",
    "ForNextSentencePrediction": "next sentence prediction",
    "ForSequenceClassification": "text classification",
    "ForTokenClassification": "token classification",
    "ForQuestionAnswering": "question answering",
    "ForMultipleChoice": "multiple choice",
}
# Our names of sizes -> those that are printed, in this order.
_SIZES = {
    "num_hidden_layers": "layers",
    "hidden_size": "hidden size",
    "num_attention_heads": "attention heads",
    "intermediate_size": "feed-forward size",
    "embedding_size": "embedding size",
    "num_hidden_groups": "groups of layers that share parameters",
    "max_position_embeddings": "positions",
    "type_vocab_size": "token types",
    "vocab_size": "vocabulary",
    "hidden_act": "activation",
}
_FORMATS = {
    ".safetensors": "safetensors",
    ".bin": "PyTorch pickle",
    ".json": "JSON",
    ".txt": "text",
    ".md": "text",
    ".model": "SentencePiece",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("model", metavar="DIR_OR_NAME", help="directory of a model, or its name on the hub")
    add("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Look at the model and print what there is to know."""
    facts = describe(arguments.model)
    if arguments.json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    width = max(len(name) for name, _ in _lines(facts)) + 2
    for name, text in _lines(facts):
        print(f"{name + ':' if name else '':{width}}{text}")


def describe(name: str) -> dict[str, Any]:
    """What there is to know of a model, as JSON values; sizes are in bytes.

    OSError when there is no such model, ValueError for one that is not computed here.
    """
    source = find_source(name)
    options: dict[str, Any] = {"revision": source.commit} if source.commit else {}
    config = pytxenc.AutoConfig.from_pretrained(source.name, **options)
    files = _listing(source)
    sentence = _sentence(source)
    cls = model_class(config)
    sizes, shapes, ties = cls.layout(config)
    parameters = _parameters(shapes, cls.base_model_prefix)
    labels = None
    if cls.__name__.endswith("Classification"):
        labels = [config.id2label[index] for index in sorted(config.id2label)]
    task = "sentence embeddings" if sentence else _TASKS[_ending(cls)]
    running = pytxenc.show_config(quiet=True)
    return {
        "name": source.name,
        "commit": source.commit,
        "class": cls.__name__,
        "model_type": config.model_type,
        "task": task,
        "labels": labels,
        "sizes": {key: sizes[key] for key in _SIZES if key in sizes},
        "parameters": parameters,
        "memory": {dtype: footprint(shapes, ties, dtype) for dtype in PRECISIONS},
        "weights": _weights(source, files),
        "files": {file: {"format": _format(file), "bytes": files[file]} for file in sorted(files)},
        "tokenizer": _tokenizer(source, options),
        "sentence": sentence,
        "instruction_set": running["instruction set"],
        "threads": running["threads"],
    }


def find_source(name: str) -> Source:
    """Where the model is, its commit known; a bare name may be sentence-transformers' own."""
    source = Source(name)
    try:
        found = source.find("config.json") or source.find("modules.json")
    except OSError:
        other = find_model(name)
        if other.name == name:
            raise
        source, found = other, other.find("config.json")
    if found is None:
        raise source.missing(["config.json"])
    return source


def _listing(source: Source) -> dict[str, int]:
    """Bytes of every file; where the hub does not answer, of those that have been downloaded."""
    try:
        return source.listing()
    except OSError:
        path = source.local("config.json")
        return Source(path).listing() if path is not None else {}


def model_class(config: Any) -> Any:
    """The class that the configuration names, else the bare encoder."""
    for name in config.architectures or ():
        if name in pytxenc.__all__:
            return getattr(pytxenc, name)
    return pytxenc.AutoModel._model_class(type(config))


def _ending(cls: type) -> str:
    return next(ending for ending in reversed(_TASKS) if cls.__name__.endswith(ending))


def _parameters(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> dict[str, int]:
    """Number of weights in all and by part."""
    counts = {"total": 0, "embeddings": 0, "layers": 0, "head": 0}
    for name, shape in shapes.items():
        first = name.removeprefix(f"{prefix}.").split(".")[0]
        part = "head"
        if first.startswith("embeddings"):
            part = "embeddings"
        elif first in ("encoder", "transformer"):
            part = "layers"
        counts[part] += math.prod(shape)
        counts["total"] += math.prod(shape)
    return counts


def _weights(source: Source, files: Mapping[str, int]) -> dict[str, Any] | None:
    """The file of weights that would be loaded; dtypes where it is on this machine."""
    name = next((name for name in weight_files() if name in files), None)
    if name is None:
        return None
    facts: dict[str, Any] = {"file": name, "bytes": files[name], "local": False, "dtypes": None}
    if name.endswith(".json"):  # of shards, which are named alike
        stem, end = name.removesuffix(".index.json").split(".")
        shards = [n for n in files if n.startswith(f"{stem}-") and n.endswith(f".{end}")]
        facts["bytes"] = sum(files[shard] for shard in shards)
    path = source.local(name)
    if path is None:
        return facts
    try:
        checkpoint = Checkpoint(path)
    except OSError:  # of shards some may not be there
        return facts
    dtypes: dict[str, int] = {}
    for tensor in checkpoint:
        kind = checkpoint.dtype(tensor)
        dtypes[kind] = dtypes.get(kind, 0) + math.prod(checkpoint.shape(tensor))
    return {**facts, "local": True, "tensors": len(checkpoint), "dtypes": dtypes}


def _tokenizer(source: Source, options: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        tokenizer: Any = pytxenc.AutoTokenizer.from_pretrained(source.name, **options)
    except (OSError, ValueError):  # a model may have none
        return None
    limit = tokenizer.model_max_length
    return {
        "class": type(tokenizer).__name__,
        "vocabulary": len(tokenizer),
        "special_tokens": tokenizer.special_tokens_map,
        "max_length": limit if limit < 1e20 else None,
    }


def _sentence(source: Source) -> dict[str, Any] | None:
    """The parts of a sentence-transformers model; None for any other."""
    parts = list_modules(source)
    if parts is None:
        return None
    settings = read_settings(source)
    file = source.first(Transformer.config_names)
    config = read_json(file) if file is not None else {}
    limit = read_field(file, config, "max_seq_length", int)
    poolings = [Pooling.load(source, path) for kind, path in parts if kind is Pooling]
    return {
        "modules": [kind.__name__ for kind, _ in parts],
        "max_seq_length": limit,
        "pooling": [mode for pooling in poolings for mode in pooling.modes],
        "prompts": settings.get("prompts") or {},
        "default_prompt_name": settings.get("default_prompt_name"),
        "similarity": settings.get("similarity_fn_name") or "cosine",
    }


def _format(name: str) -> str:
    return _FORMATS.get(os.path.splitext(name)[1], "other")


def _size(nbytes: int) -> str:
    """Bytes for people: "90.9 MB"."""
    size, unit = float(nbytes), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{nbytes:,} bytes" if unit == "bytes" else f"{size:,.1f} {unit}"


def _lines(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and values to print; a line without a name goes on with the one before."""
    yield "model", facts["name"] + (f" at {facts['commit']}" if facts["commit"] else "")
    yield "class", f"{facts['class']} ({facts['model_type']})"
    yield "task", facts["task"]
    if facts["labels"] is not None:
        yield "labels", f"{len(facts['labels'])}: " + ", ".join(facts["labels"][:20])
    for key, value in facts["sizes"].items():
        yield _SIZES[key], f"{value:,}" if isinstance(value, int) else str(value)
    counts = facts["parameters"]
    yield "parameters", f"{counts['total']:,}"
    for part in ("embeddings", "layers", "head"):
        yield "", f"{counts[part]:,} {part}"
    yield from _weight_lines(facts)
    for index, (name, file) in enumerate(facts["files"].items()):
        yield "" if index else "files", f"{name} ({file['format']}, {_size(file['bytes'])})"
    tokenizer = facts["tokenizer"]
    if tokenizer is None:
        yield "tokenizer", "none"
    else:
        yield "tokenizer", f"{tokenizer['class']}, {tokenizer['vocabulary']:,} tokens"
        limit = tokenizer["max_length"]
        yield "", "any length" if limit is None else f"at most {limit:,} tokens a text"
        yield "", " ".join(f"{k}={v}" for k, v in tokenizer["special_tokens"].items())
    sentence = facts["sentence"]
    if sentence is not None:
        yield "sentence vectors", " > ".join(sentence["modules"])
        yield "", f"pooling {', '.join(sentence['pooling'])}; similarity {sentence['similarity']}"
        if sentence["max_seq_length"] is not None:
            yield "", f"texts are cut to {sentence['max_seq_length']:,} tokens"
        for name, prompt in sentence["prompts"].items():
            mark = " (default)" if name == sentence["default_prompt_name"] else ""
            yield "", f"prompt {name}{mark}: {prompt!r}"
    yield "computed with", f"{facts['instruction_set']}, {facts['threads']} threads"


def _weight_lines(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    weights = facts["weights"]
    if weights is None:
        yield "weights", "none"
        return
    yield "weights", f"{weights['file']}, {_size(weights['bytes'])} on disk"
    if not weights["local"]:
        yield "", "on the hub only, not downloaded"
    else:
        kinds = [f"{count:,} {kind}" for kind, count in weights["dtypes"].items()]
        yield "", f"{weights['tensors']:,} tensors: {', '.join(kinds)}"
    floats = {kind for kind in weights["dtypes"] or () if "float" in kind}
    how = ", converted from what the file has" if floats - {"float32"} else ""
    for index, (dtype, nbytes) in enumerate(facts["memory"].items()):
        yield "" if index else "memory", f"{_size(nbytes)} in {dtype}{'' if index else how}"
