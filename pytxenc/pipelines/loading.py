"""The model and the tokenizer of a pipeline, from whatever names them."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Mapping
from typing import Any

from ..configuration import CONFIG_NAME, PreTrainedConfig
from ..hub import HUB_KEYWORDS, Source
from ..modeling.precision import as_precision
from ..tokenization import AutoTokenizer

logger = logging.getLogger("pytxenc")

Options = dict[str, Any]


def is_name(value: Any) -> bool:
    """Whether it names a directory or a repository."""
    return isinstance(value, (str, os.PathLike))


def hub_options_of(options: Options) -> Options:
    """Those of the options that say where files come from."""
    return {key: options[key] for key in HUB_KEYWORDS if key in options}


def load_parts(
    entry: Mapping[str, Any], model: Any, config: Any, tokenizer: Any, options: Options
) -> dict[str, Any]:
    """{"model": ..., "tokenizer": ...} for a task's pipeline.

    Names are loaded, all files of one repository from one commit; objects are taken as they
    are.  `options` are those of the model's from_pretrained.  ValueError where nothing tells
    which tokenizer to use.
    """
    name = os.fspath(model) if is_name(model) else None
    if name is not None:
        source = Source(name, **hub_options_of(options))
        source.find(CONFIG_NAME)
        if source.commit is not None:
            options = {**options, "revision": source.commit}
    named = name or (os.fspath(config) if is_name(config) else None)
    if tokenizer is None:
        saved = getattr(getattr(model, "config", None), "name_or_path", None)
        tokenizer = named or saved
        if not tokenizer:
            raise ValueError(
                "a model that was not loaded from files does not tell its tokenizer: pass one, "
                "as tokenizer="
            )
    if is_name(tokenizer) or isinstance(tokenizer, tuple):
        tokenizer = _load_tokenizer(tokenizer, name, hub_options_of(options))
    if name is not None:
        model = _load_model(entry["pt"], name, config, options)
    return {"model": model, "tokenizer": tokenizer}


def _load_tokenizer(tokenizer: Any, model_name: str | None, hub_options: Options) -> Any:
    """From a name, or a pair of a name and keywords of from_pretrained."""
    given, keywords = tokenizer if isinstance(tokenizer, tuple) else (tokenizer, {})
    if os.fspath(given) != model_name:  # of another repository, with commits of its own
        hub_options = {key: value for key, value in hub_options.items() if key != "revision"}
    return AutoTokenizer.from_pretrained(given, **{**hub_options, **keywords})


def _load_model(classes: tuple[Any, ...], name: str, config: Any, options: Options) -> Any:
    """By the first of the classes that has a model for the configuration."""
    if not classes:
        raise ValueError("the task does not say which class loads its models: pass a model")
    if config is not None:
        options = {**options, "config": config}
    failure: Exception | None = None
    for cls in classes:
        if isinstance(cls, str):
            cls = getattr(importlib.import_module("pytxenc"), cls)
        try:
            return cls.from_pretrained(name, **options)
        except ValueError as error:
            failure = failure or error
    assert failure is not None
    raise failure


def check_dtype_of(model: Any, options: Options) -> None:
    """A warning where the options ask a model that is an object for another precision."""
    dtype, precision = options.get("dtype", "auto"), getattr(model, "precision", None)
    if dtype in ("auto", None) or precision is None or as_precision(dtype) == precision:
        return
    logger.warning(
        "dtype %s changes nothing: the model was given, and computes in %s; model.to(dtype) "
        "changes it",
        dtype,
        precision,
    )


def check_config(config: Any) -> None:
    """TypeError for what is neither a configuration nor the name of one."""
    if config is not None and not is_name(config) and not isinstance(config, PreTrainedConfig):
        raise TypeError(
            f"config must be a configuration or a path to one, not {type(config).__name__}"
        )
