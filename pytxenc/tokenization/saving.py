"""Writing a tokenizer to files and to the hub."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ..arguments import directory_to_write
from ..hub import PushToHubMixin
from ..safetensors_file import atomic_file
from .added_tokens import AddedToken
from .files import FileText, loaded, to_json
from .loading import (
    ADDED_TOKENS_FILE,
    CHAT_TEMPLATE_FILE,
    CONFIG_FILE,
    SPECIAL_TOKENS_FILE,
    TOKENIZER_FILE,
)
from .special_tokens import SpecialTokens

# Options whose value is saved when it is not this one.
_SAVED_OPTIONS = {
    "clean_up_tokenization_spaces": False,
    "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": False,
    "model_max_length": None,
    "padding_side": "right",
    "split_special_tokens": False,
    "truncation_side": "right",
}


class Saving(SpecialTokens, PushToHubMixin):
    """The part of a tokenizer that writes it."""

    _pushed_as = "tokenizer"

    vocab_files_names: ClassVar[dict[str, str]]
    model_input_names: list[str]
    chat_template: Any
    _added: dict[int, AddedToken]
    _arguments: dict[str, Any]
    _post_processor: dict[str, Any] | None
    _saved_config: dict[str, Any]
    _parts: dict[str, Any]

    def save_pretrained(  # type: ignore[override]
        self,
        save_directory: str | os.PathLike[str],
        legacy_format: bool | None = None,
        filename_prefix: str | None = None,
        push_to_hub: bool = False,
        *,
        repo_id: str | None = None,
        commit_message: str | None = None,
        private: bool | None = None,
        token: str | bool | None = None,
    ) -> tuple[str, ...]:
        """Write the whole tokenizer into a directory; returns the paths of the files.

        They are tokenizer.json and tokenizer_config.json, or with `legacy_format` the
        vocabulary in its original form (`save_vocabulary`), special_tokens_map.json,
        added_tokens.json and tokenizer_config.json.  transformers reads both.  A file
        appears complete or not at all.

        With `push_to_hub` the files are then uploaded to the repository `repo_id`, by
        default named as the directory; the arguments behind it are those of the method of
        that name.
        """
        directory = directory_to_write(save_directory)
        files = self._legacy_files() if legacy_format else self._files()
        paths = _write(directory, filename_prefix, files)
        if push_to_hub:
            self._upload_saved(directory, paths, repo_id, commit_message, private, token)
        return paths

    @property
    def _spec(self) -> dict[str, Any]:
        """`_parts` with vocabulary and merges as Python objects, made when first asked for."""
        model = self._parts["model"]
        if any(isinstance(value, FileText) for value in model.values()):
            model = {key: loaded(value) for key, value in model.items()}
            self._parts = {**self._parts, "model": model}
        return self._parts

    def _files(self) -> dict[str, str | bytes]:
        files: dict[str, str | bytes] = {
            CONFIG_FILE: to_json(self._tokenizer_config(), sort_keys=True)
        }
        if isinstance(self.chat_template, str):
            files[CHAT_TEMPLATE_FILE] = self.chat_template
        files[TOKENIZER_FILE] = to_json(self._tokenizer_json())
        return files

    def _legacy_files(self) -> dict[str, str | bytes]:
        config = self._tokenizer_config()
        config["added_tokens_decoder"] = {
            str(index): token.to_dict() for index, token in self._added.items()
        }
        flags = {token.content: token for token in self._added.values()}

        def entry(token: str) -> Any:
            known = flags.get(token)
            if known is None:
                return token
            return {key: flag for key, flag in known.to_dict().items() if key != "special"}

        named: dict[str, Any] = {k: entry(token) for k, token in self.special_tokens_map.items()}
        if self._extra_special_tokens:
            named["additional_special_tokens"] = [entry(t) for t in self.extra_special_tokens]
        files: dict[str, str | bytes] = {
            CONFIG_FILE: to_json(config, sort_keys=True),
            SPECIAL_TOKENS_FILE: to_json(named, sort_keys=True),
            **self._vocabulary_files(),
        }
        vocab = self._spec["model"]["vocab"]
        added = {
            token.content: index
            for index, token in self._added.items()
            if (token.content not in vocab if isinstance(vocab, dict) else index >= len(vocab))
        }
        if added:
            files[ADDED_TOKENS_FILE] = to_json(added, sort_keys=True)
        return files

    def _tokenizer_json(self) -> dict[str, Any]:
        return self._whole(self._spec)

    def _whole(self, parts: Mapping[str, Any]) -> dict[str, Any]:
        """A tokenizer.json of these parts and what else the tokenizer has."""
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {"id": index, **token.to_dict()} for index, token in self._added.items()
            ],
            "normalizer": parts["normalizer"],
            "pre_tokenizer": parts["pre_tokenizer"],
            "post_processor": self._post_processor,
            "decoder": parts["decoder"],
            "model": parts["model"],
        }

    def _tokenizer_config(self) -> dict[str, Any]:
        config = {**self._saved_config, **self._arguments}
        for name, usual in _SAVED_OPTIONS.items():
            value = getattr(self, name)
            if value != usual:
                config[name] = value
        if self.model_input_names != type(self).model_input_names:
            config["model_input_names"] = self.model_input_names
        if self.chat_template is not None and not isinstance(self.chat_template, str):
            config["chat_template"] = self.chat_template
        config.update(self.special_tokens_map)
        if self._extra_special_tokens:
            config["extra_special_tokens"] = self.extra_special_tokens
        config["backend"] = "tokenizers"
        config["tokenizer_class"] = type(self).__name__
        return config

    def save_vocabulary(
        self, save_directory: str | os.PathLike[str], filename_prefix: str | None = None
    ) -> tuple[str, ...]:
        """Write the vocabulary alone in its original form; returns the paths."""
        directory = Path(save_directory)
        if not directory.is_dir():
            raise NotADirectoryError(f"{directory} is not a directory")
        return _write(directory, filename_prefix, self._vocabulary_files())

    def _vocabulary_files(self) -> dict[str, str | bytes]:
        """Name and content of the files that save_vocabulary writes."""
        raise ValueError(
            f"{type(self).__name__} has no vocabulary file of its own; use save_pretrained()"
        )


def _write(
    directory: Path, prefix: str | None, files: Mapping[str, str | bytes]
) -> tuple[str, ...]:
    paths = []
    for name, content in files.items():
        path = directory / (f"{prefix}-{name}" if prefix else name)
        with atomic_file(path) as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
        paths.append(str(path))
    return tuple(paths)
