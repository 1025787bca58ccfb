"""From a directory or hub name to the arguments of a tokenizer's constructor."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import hub
from .added_tokens import AddedToken
from .files import check_id, read_json, read_text
from .special_tokens import NAMED_TOKENS

CONFIG_FILE = "tokenizer_config.json"
TOKENIZER_FILE = "tokenizer.json"
SPECIAL_TOKENS_FILE = "special_tokens_map.json"
ADDED_TOKENS_FILE = "added_tokens.json"
CHAT_TEMPLATE_FILE = "chat_template.jinja"


def _restored(value: Any, where: str) -> Any:
    """AddedToken objects out of what they were saved as."""
    if isinstance(value, Mapping) and value.get("__type") == "AddedToken":
        return AddedToken.from_mapping(value, where)
    if isinstance(value, list):
        return [_restored(item, where) for item in value]
    if isinstance(value, dict):
        return {key: _restored(item, where) for key, item in value.items()}
    return value


def _check_config(config: Mapping[str, Any], path: Path) -> None:
    """ValueError where a saved argument is of a wrong type."""
    token = (str, AddedToken)
    for key, value in config.items():
        right, wanted = True, ""
        if value is None and key not in ("padding_side", "truncation_side"):
            continue
        if key in NAMED_TOKENS:
            right, wanted = isinstance(value, token), "a token"
        elif key in ("extra_special_tokens", "additional_special_tokens"):
            tokens = value.values() if isinstance(value, dict) else value
            right = isinstance(value, (list, dict)) and all(isinstance(t, token) for t in tokens)
            wanted = "a list of tokens, or an object of named ones"
        elif key in ("model_max_length", "max_len"):
            right = isinstance(value, (int, float)) and not isinstance(value, bool)
            right = right and 0 <= value < float("inf")
            wanted = "a number from 0 on"
        elif key in ("padding_side", "truncation_side"):
            right, wanted = value in ("left", "right"), "'left' or 'right'"
        elif key == "model_input_names":
            right = isinstance(value, list) and all(isinstance(name, str) for name in value)
            right, wanted = right and bool(value), "a list of names"
        elif key == "model_specific_special_tokens":
            right = isinstance(value, dict) and all(isinstance(t, token) for t in value.values())
            wanted = "an object of named tokens"
        if not right:
            raise ValueError(f"{path}: '{key}' must be {wanted}, got {value!r:.80}")


def _token_entry(value: Any, where: str) -> Any:
    """An entry of special_tokens_map.json: text, or an object with the token's flags."""
    if isinstance(value, Mapping) and "content" in value:
        return AddedToken.from_mapping(value, where).copy(special=True)
    if isinstance(value, list):
        return [_token_entry(item, where) for item in value]
    return value


def _tokens(config: Mapping[str, Any]) -> list[Any]:
    """The special tokens in a configuration."""
    extra = config.get("extra_special_tokens")
    named = [config[name] for name in NAMED_TOKENS if config.get(name)]
    return [*named, *(extra if isinstance(extra, (list, tuple)) else ())]


def _legacy_added_tokens(
    files: Mapping[str, Path], config: dict[str, Any], given: Mapping[str, Any]
) -> dict[int, AddedToken]:
    """Reads special_tokens_map.json into `config`; returns the tokens of added_tokens.json."""
    known = {**config}
    path = files.get(SPECIAL_TOKENS_FILE)
    if path is not None:
        for key, value in read_json(path).items():
            if given.get(key):
                continue
            entry = _token_entry(value, f"{path}: '{key}'")
            if key == "extra_special_tokens" and isinstance(entry, list):
                present = config.get(key) or []
                entry = [*present, *(token for token in entry if token not in present)]
            config[key] = entry
        _check_config(config, path)
    added: dict[int, AddedToken] = {}
    path = files.get(ADDED_TOKENS_FILE)
    if path is not None:
        merged = {**config, **given}
        # As in transformers, which takes no notice of tokens with flags in tokenizer_config.json.
        flagged = [v for v in _tokens(known) if isinstance(v, AddedToken)]
        special = {str(v) for v in _tokens(merged) if not any(v is other for other in flagged)}
        for content, index in read_json(path).items():
            named = content in special
            added[check_id(index, f"{path}: {content!r:.80}")] = AddedToken(
                content, normalized=not named, special=named
            )
    return added


def _take_named_tokens(config: dict[str, Any]) -> dict[str, Any]:
    """Named tokens of this tokenizer alone: an object in the place of a list of extra ones."""
    named: dict[str, Any] = config.pop("model_specific_special_tokens", None) or {}
    if isinstance(config.get("extra_special_tokens"), Mapping):
        named = {**named, **config.pop("extra_special_tokens")}
    return named


def _rename_extra_tokens(config: dict[str, Any]) -> None:
    if "additional_special_tokens" in config:
        config["extra_special_tokens"] = config.pop("additional_special_tokens")


def _added_tokens_decoder(value: Any, where: str) -> dict[int, AddedToken]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where}: must be an object of id to token, got {value!r:.80}")
    return {
        check_id(index, where): AddedToken.from_mapping(token, f"{where}[{index}]")
        for index, token in value.items()
    }


def load_arguments(
    vocab_files: Mapping[str, str],
    name_or_path: str | os.PathLike[str],
    given: Mapping[str, Any],
    hub_options: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the files of a tokenizer say about how to construct it.

    `vocab_files` maps constructor arguments ("vocab_file", ...) to file names, in whose
    place a tokenizer.json may be.  `given` are the caller's own arguments.  Returns the
    arguments for the files themselves and the saved configuration.
    """
    name_or_path = os.fspath(name_or_path)
    named = {key: name for key, name in vocab_files.items() if key != "tokenizer_file"}
    if os.path.isfile(name_or_path):
        if name_or_path.endswith(".json") and name_or_path.endswith(TOKENIZER_FILE):
            return _with_added_tokens({TOKENIZER_FILE: Path(name_or_path)}, {}, given)
        if not named:
            raise ValueError(f"{name_or_path}: expected a {TOKENIZER_FILE} or a directory with one")
        if len(named) > 1:
            raise ValueError(
                f"{name_or_path} is a single file, but this tokenizer needs"
                f" {' and '.join(named.values())}: pass the directory that holds them"
            )
        return dict.fromkeys(named, name_or_path), {}
    source = hub.Source(name_or_path, **hub_options)
    files = source.files([CONFIG_FILE, TOKENIZER_FILE, SPECIAL_TOKENS_FILE, ADDED_TOKENS_FILE])
    if TOKENIZER_FILE not in files:
        files.update(source.files(named.values()))
    config = {}
    if CONFIG_FILE in files:
        path = files[CONFIG_FILE]
        config = {key: _restored(v, f"{path}: '{key}'") for key, v in read_json(path).items()}
        _check_config(config, path)
    if template := source.find(CHAT_TEMPLATE_FILE):
        config["chat_template"] = read_text(template)
    if not {**config, **given}.get("extra_special_tokens"):
        _rename_extra_tokens(config)
    specific = _take_named_tokens(config)
    arguments, config = _with_added_tokens(files, config, given)
    pieces = TOKENIZER_FILE not in files and any(n.endswith(".model") for n in named.values())
    if not pieces and "extra_special_tokens" not in {**config, **given}:
        _rename_extra_tokens(config)
    config.pop("additional_special_tokens", None)  # where transformers drops them
    if specific := {**specific, **_take_named_tokens(config)}:
        config["model_specific_special_tokens"] = specific
    if TOKENIZER_FILE not in files:
        missing = [name for name in named.values() if name not in files]
        if missing or not named:
            raise source.missing([TOKENIZER_FILE, *missing])
        arguments.update({key: os.fspath(files[name]) for key, name in named.items()})
    return arguments, config


def _with_added_tokens(
    files: Mapping[str, Path], config: dict[str, Any], given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Added tokens from wherever they are saved; those of tokenizer.json are read later."""
    arguments: dict[str, Any] = {}
    if "added_tokens_decoder" in config:
        where = f"{files.get(CONFIG_FILE)}: 'added_tokens_decoder'"
        arguments["added_tokens_decoder"] = _added_tokens_decoder(
            config.pop("added_tokens_decoder"), where
        )
    else:
        arguments["legacy_added_tokens"] = _legacy_added_tokens(files, config, given)
    if TOKENIZER_FILE in files:
        arguments["tokenizer_file"] = os.fspath(files[TOKENIZER_FILE])
        for key in ("add_bos_token", "add_eos_token"):  # its post-processor says it
            config.pop(key, None)
    return arguments, config
