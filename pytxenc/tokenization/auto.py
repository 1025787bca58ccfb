"""Choosing the class of a tokenizer by its files."""

from __future__ import annotations

import logging
import os
from typing import Any

from .. import hub
from .albert import AlbertTokenizer
from .base import PreTrainedTokenizerBase
from .bert import BertTokenizer, DistilBertTokenizer
from .camembert import CamembertTokenizer
from .files import read_json
from .generic import TokenizersBackend
from .gpt2 import GPT2Tokenizer
from .loading import CONFIG_FILE
from .mpnet import MPNetTokenizer
from .roberta import RobertaTokenizer
from .xlm_roberta import XLMRobertaTokenizer

logger = logging.getLogger("pytxenc")

Tokenizer = type[PreTrainedTokenizerBase]

_HUB_OPTIONS = ("cache_dir", "force_download", "local_files_only", "token", "revision", "subfolder")

# Names without "Fast", which transformers gives to the same classes.
_CLASSES: dict[str, Tokenizer] = {
    "AlbertTokenizer": AlbertTokenizer,
    "BertTokenizer": BertTokenizer,
    "CamembertTokenizer": CamembertTokenizer,
    "DistilBertTokenizer": DistilBertTokenizer,
    "ElectraTokenizer": BertTokenizer,
    "GPT2Tokenizer": GPT2Tokenizer,
    "MPNetTokenizer": MPNetTokenizer,
    "PreTrainedTokenizer": TokenizersBackend,
    "RobertaTokenizer": RobertaTokenizer,
    "TokenizersBackend": TokenizersBackend,
    "XLMRobertaTokenizer": XLMRobertaTokenizer,
}

# Model types that transformers 5.23 gives one of these classes.
_MODEL_TYPES: dict[Tokenizer, str] = {
    AlbertTokenizer: "albert yoso",
    BertTokenizer: (
        "align bark bert blip bros chinese_clip convbert distilbert electra ernie flava git"
        " grounding-dino layoutlm megatron-bert mm-grounding-dino nezha nomic_bert qdqbert realm"
        " retribert squeezebert tvp vilt visual_bert"
    ),
    CamembertTokenizer: "camembert",
    GPT2Tokenizer: (
        "blip-2 codegen dbrx emu3 gpt2 gpt_neo gptj hyperclovax_vision_v2 instructblip"
        " instructblipvideo jais2 opt phi starcoder2"
    ),
    MPNetTokenizer: "mpnet",
    RobertaTokenizer: (
        "bart bridgetower clap data2vec-text ibert lilt longformer mega mra roberta"
        " roberta-prelayernorm"
    ),
    TokenizersBackend: (
        "bigbird_pegasus camembertv2-base flex_olmo glm glm4 gpt_bigcode granite jamba mistral"
        " mixtral modernbert modernbert-decoder nemotron nystromformer olmo2 olmo3 pegasus_x"
        " persimmon phi3 phimoe stablelm umt5 xlm-roberta-xl"
    ),
    XLMRobertaTokenizer: "gte jina_embeddings_v3 metaclip_2 trocr xlm-roberta xmod",
}
_BY_MODEL_TYPE = {name: cls for cls, names in _MODEL_TYPES.items() for name in names.split()}
_BY_CONFIG_CLASS: dict[str, Tokenizer] = {}  # registered, by name of the configuration class
_REGISTERED_TYPES: dict[str, Tokenizer] = {}


def _by_name(name: Any) -> Tokenizer | None:
    return _CLASSES.get(name.removesuffix("Fast")) if isinstance(name, str) else None


def choose_class(model_type: Any, declared: Any) -> Tokenizer:
    """The class for a model type and the class name that the files declare (None: neither).

    As in transformers: the declared class, unless the model type asks for a generic one; a
    class that is not here is replaced by the generic one, which takes tokenizer.json as it is.
    """
    usual = {**_BY_MODEL_TYPE, **_REGISTERED_TYPES}.get(model_type)
    if declared is None:
        return usual or TokenizersBackend
    if usual is TokenizersBackend:
        return TokenizersBackend
    found = _by_name(declared)
    if found is None:
        logger.warning("there is no %s here: its tokenizer.json is used as it is", declared)
    return found or TokenizersBackend


class AutoTokenizer:
    """Makes a tokenizer of the class that its files ask for; `from_pretrained` is the way."""

    def __init__(self) -> None:
        raise OSError("use AutoTokenizer.from_pretrained(directory_or_name)")

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *inputs: Any,
        config: Any = None,
        tokenizer_type: str | None = None,
        use_fast: bool | None = None,
        trust_remote_code: bool | None = None,
        code_revision: str | None = None,
        **kwargs: Any,
    ) -> PreTrainedTokenizerBase:
        """The tokenizer saved in a directory or a hub repository.

        The class is that of `tokenizer_type` (a model type such as "bert") or the one that
        tokenizer_config.json names, else config.json (or `config`), else the one usual for
        the model type, else TokenizersBackend, which takes tokenizer.json as it is.

        Other arguments go to the class's `from_pretrained`.  `use_fast` changes nothing.
        Code from the hub is never run: with `trust_remote_code` too the class is one of ours.
        ValueError for a `tokenizer_type` that is not known; OSError and ValueError as there.
        """
        name = pretrained_model_name_or_path
        if tokenizer_type is not None:
            known = {**_BY_MODEL_TYPE, **_REGISTERED_TYPES}
            if tokenizer_type not in known:
                raise ValueError(
                    f"tokenizer_type {tokenizer_type!r} is not known; the types are"
                    f" {', '.join(sorted(known))}"
                )
            return known[tokenizer_type].from_pretrained(name, *inputs, **kwargs)
        options = {key: kwargs[key] for key in _HUB_OPTIONS if key in kwargs}
        options["subfolder"] = options.get("subfolder") or ""
        source = hub.Source(name, **options)
        saved, model = (
            {} if (path := source.find(file)) is None else read_json(path)
            for file in (CONFIG_FILE, "config.json")
        )
        if config is not None:
            keys = ("model_type", "tokenizer_class")
            model = {key: getattr(config, key, None) for key in keys}
        registered = _BY_CONFIG_CLASS.get(type(config).__name__)
        declared = saved.get("tokenizer_class") or model.get("tokenizer_class")
        if registered is None or declared is not None:
            registered = choose_class(model.get("model_type"), declared)
        if source.commit is not None:
            kwargs["revision"] = source.commit
        return registered.from_pretrained(name, *inputs, **kwargs)

    @staticmethod
    def register(
        config_class: Any,
        tokenizer_class: Tokenizer | None = None,
        slow_tokenizer_class: Tokenizer | None = None,
        fast_tokenizer_class: Tokenizer | None = None,
        exist_ok: bool = False,
    ) -> None:
        """Make `tokenizer_class` the one for models with a `config_class`.

        The other two are older names of the argument.  ValueError when the configuration has
        a class already, unless `exist_ok`.
        """
        chosen = tokenizer_class or fast_tokenizer_class or slow_tokenizer_class
        if chosen is None:
            raise ValueError("register() needs a tokenizer_class")
        model_type = getattr(config_class, "model_type", None)
        taken = config_class.__name__ in _BY_CONFIG_CLASS or model_type in _BY_MODEL_TYPE
        if taken and not exist_ok:
            raise ValueError(
                f"{config_class.__name__} has a tokenizer class already; pass exist_ok=True to"
                " replace it"
            )
        for made in (slow_tokenizer_class, fast_tokenizer_class, chosen):
            if made is not None:
                _CLASSES[made.__name__.removesuffix("Fast")] = chosen
        _BY_CONFIG_CLASS[config_class.__name__] = chosen
        if model_type:
            _REGISTERED_TYPES[model_type] = chosen
