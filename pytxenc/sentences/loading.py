"""Reading and writing the directory of a sentence-transformers model."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..checkpoint import read_json, read_json_value
from ..hub import Source
from .fields import read_field
from .modules import Dense, Normalize, Pooling, Transformer, write_json

logger = logging.getLogger("pytxenc")

Module = Any  # a Transformer, a Pooling, then any number of Dense and Normalize

MODULES_FILE = "modules.json"
CONFIG_FILE = "config_sentence_transformers.json"
ORGANISATION = "sentence-transformers"

# The names in modules.json end in these; how they begin has changed with the releases.
_PARTS: dict[str, Any] = {cls.__name__: cls for cls in (Transformer, Pooling, Dense, Normalize)}

# Names of models that belong to no organisation on the hub; other names without one are
# sentence-transformers' own.
_WITHOUT_ORGANISATION = frozenset((
    "albert-base-v1", "albert-base-v2", "albert-large-v1", "albert-large-v2",
    "albert-xlarge-v1", "albert-xlarge-v2", "albert-xxlarge-v1", "albert-xxlarge-v2",
    "bert-base-cased", "bert-base-cased-finetuned-mrpc", "bert-base-chinese",
    "bert-base-german-cased", "bert-base-german-dbmdz-cased", "bert-base-german-dbmdz-uncased",
    "bert-base-multilingual-cased", "bert-base-multilingual-uncased", "bert-base-uncased",
    "bert-large-cased", "bert-large-cased-whole-word-masking",
    "bert-large-cased-whole-word-masking-finetuned-squad", "bert-large-uncased",
    "bert-large-uncased-whole-word-masking",
    "bert-large-uncased-whole-word-masking-finetuned-squad", "camembert-base",
    "distilbert-base-cased", "distilbert-base-cased-distilled-squad",
    "distilbert-base-german-cased", "distilbert-base-multilingual-cased",
    "distilbert-base-uncased", "distilbert-base-uncased-distilled-squad",
    "distilbert-base-uncased-finetuned-sst-2-english", "distilroberta-base", "roberta-base",
    "roberta-base-openai-detector", "roberta-large", "roberta-large-mnli",
    "roberta-large-openai-detector", "xlm-roberta-base", "xlm-roberta-large",
    "xlm-roberta-large-finetuned-conll02-dutch", "xlm-roberta-large-finetuned-conll02-spanish",
    "xlm-roberta-large-finetuned-conll03-english", "xlm-roberta-large-finetuned-conll03-german",
))  # fmt: skip


def find_model(name: str | os.PathLike[str], **hub: Any) -> Source:
    """Where a model is: a directory, or the hub, where a bare name is sentence-transformers'."""
    text = os.fspath(name)
    bare = "/" not in text and not os.path.exists(text)
    if bare and text.lower() not in _WITHOUT_ORGANISATION:
        text = f"{ORGANISATION}/{text}"
    return Source(text, **hub)


def read_settings(source: Source) -> dict[str, Any]:
    """What config_sentence_transformers.json says; ValueError for another kind of model."""
    file = source.find(CONFIG_FILE)
    if file is None:
        return {}
    settings = read_json(file)
    kind = settings.get("model_type", "SentenceTransformer")
    if kind != "SentenceTransformer":
        raise ValueError(f"{file}: is a {kind}; computed here is a SentenceTransformer")
    prompts = read_field(file, settings, "prompts", dict, {})
    if not all(isinstance(prompt, str) for prompt in prompts.values()):
        raise ValueError(f"{file}: prompts must be an object of names and texts")
    for name, needed in (
        ("default_prompt_name", str),
        ("similarity_fn_name", str),
        ("truncate_dim", int),
    ):
        read_field(file, settings, name, needed)
    return settings


def list_modules(source: Source) -> list[tuple[type, str]] | None:
    """Class and folder of every part that modules.json names; None where there is no file.

    ValueError for a part that is not computed here, by its name.
    """
    file = source.find(MODULES_FILE)
    if file is None:
        return None
    entries = read_json_value(file)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{file}: expected a list of objects")
    parts: list[tuple[type, str]] = []
    for entry in entries:
        kind, path = entry.get("type"), entry.get("path")
        if not isinstance(kind, str) or not isinstance(path, str):
            raise ValueError(f'{file}: a part needs a "type" and a "path": {entry!r:.200}')
        package, _, name = kind.rpartition(".")
        if package.split(".")[0] != "sentence_transformers" or name not in _PARTS:
            raise ValueError(
                f"{file}: has a part of type {kind!r}, which is not computed here; those that "
                f"are: {', '.join(_PARTS)}"
            )
        parts.append((_PARTS[name], path))
    return parts


def load_modules(source: Source, **kwargs: Any) -> list[Module]:
    """The parts of the model at a source; without modules.json an encoder with mean pooling.

    kwargs: options of the hub, and model_kwargs, processor_kwargs, config_kwargs of
        `Transformer`.
    """
    own = {name: kwargs.pop(name, None) for name in _OWN}
    parts = list_modules(source)
    if source.commit is not None:  # all files come from one commit
        kwargs["revision"] = source.commit
    if parts is None:
        logger.warning(
            "%s has no %s: it is taken as an encoder with mean pooling", source.name, MODULES_FILE
        )
        transformer = Transformer(source.name, **own, **kwargs)
        return [transformer, Pooling(transformer.get_embedding_dimension())]
    return check_modules(
        [
            Transformer.load(source, path, kwargs, **own)
            if kind is Transformer
            else kind.load(source, path)  # type: ignore[attr-defined]
            for kind, path in parts
        ]
    )


_OWN = ("model_kwargs", "processor_kwargs", "config_kwargs")


def check_modules(modules: Sequence[Module]) -> list[Module]:
    """The parts; ValueError unless each can take what the one before gives."""
    kinds = [type(module) for module in modules]
    if kinds[:2] != [Transformer, Pooling] or not set(kinds[2:]) <= {Dense, Normalize}:
        raise ValueError(
            "the parts of a model must be a Transformer, a Pooling, then any number of Dense and "
            f"Normalize, not {', '.join(kind.__name__ for kind in kinds) or 'none'}"
        )
    width = modules[0].get_embedding_dimension()
    for module in modules[1:]:
        takes = width
        if isinstance(module, Pooling):
            takes = module.embedding_dimension
        elif isinstance(module, Dense):
            takes = module.weight.shape[1]
        if takes != width:
            raise ValueError(f"{module!r} takes vectors of {takes} numbers, but gets {width}")
        if not isinstance(module, Normalize):
            width = module.get_embedding_dimension()
    return list(modules)


def save_modules(folder: Path, modules: Sequence[Module], settings: Mapping[str, Any]) -> None:
    """Write the parts and the settings so that every sentence-transformers reads them."""
    entries = []
    for index, module in enumerate(modules):
        kind = type(module).__name__
        path = f"{index}_{kind}" if index else ""
        (folder / path).mkdir(parents=True, exist_ok=True)
        module.save(folder / path)
        entries.append(
            {
                "idx": index,
                "name": str(index),
                "path": path,
                "type": f"sentence_transformers.models.{kind}",
            }
        )
    write_json(
        folder / CONFIG_FILE,
        {
            "__version__": {"pytxenc": __version__},
            "model_type": "SentenceTransformer",
            **settings,
        },
    )
    write_json(folder / MODULES_FILE, entries)
