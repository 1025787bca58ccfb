"""What every tokenizer has: vocabulary, decoding, files, copies."""

from __future__ import annotations

import inspect
import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from .. import _core
from ..arguments import unknown_keyword
from ..safetensors_file import write_text
from .added_tokens import AddedToken, merge_added_tokens
from .calls import Calls, check_side
from .decoding import Decoding, as_lists
from .files import to_json
from .loading import CONFIG_FILE, TOKENIZER_FILE, load_arguments
from .special_tokens import NAMED_TOKENS, check_token
from .templates import template_items

Self = TypeVar("Self", bound="PreTrainedTokenizerBase")

VERY_LARGE_INTEGER = int(1e30)  # a model_max_length that limits nothing

# Keyword arguments of every tokenizer beside its class's own.
_OPTIONS = {
    "added_tokens_decoder": None,
    "additional_special_tokens": None,
    "chat_template": None,
    "clean_up_tokenization_spaces": False,
    "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": False,
    "extra_special_tokens": None,
    "legacy_added_tokens": None,
    "max_len": None,
    "model_input_names": None,
    "model_max_length": None,
    "model_specific_special_tokens": None,
    "name_or_path": "",
    "padding_side": "right",
    "saved_config": None,
    "split_special_tokens": False,
    "truncation_side": "right",
    "verbose": False,
}
# Arguments that mean nothing here but that scripts and configurations pass.
_IGNORED = {
    "add_bos_token",
    "add_eos_token",
    "backend",
    "do_basic_tokenize",
    "do_lower_case",
    "from_slow",
    "is_fast",
    "is_local",
    "legacy",
    "local_files_only",
    "never_split",
    "processor_class",
    "resume_download",
    "sp_model_kwargs",
    "tokenizer_class",
    "trust_remote_code",
    "use_fast",
}
_HUB_OPTIONS = ("cache_dir", "force_download", "local_files_only", "token", "revision", "subfolder")
_SAVED_OPTIONS = (
    "clean_up_tokenization_spaces",
    "model_max_length",
    "padding_side",
    "split_special_tokens",
    "truncation_side",
)
_GONE = {
    "prepare_for_model": "call the tokenizer on texts, or use build_inputs_with_special_tokens",
    "truncate_sequences": "pass truncation= and max_length= to the call",
    "as_target_tokenizer": "pass text_target= to the call",
    "backend_tokenizer": "save_pretrained() writes a tokenizer.json that `tokenizers` can read",
    "train_new_from_iterator": "training tokenizers is not supported",
    "apply_chat_template": "encoders have no chat templates",
}


class PreTrainedTokenizerBase(Calls, Decoding):
    """Base class of the tokenizers; use RobertaTokenizer, AlbertTokenizer or BertTokenizer.

    A tokenizer may be called from several threads at once: calls change nothing, and padding
    and truncation are arguments of the call.  Adding tokens or setting attributes while
    other threads call it is safe too; a call sees the tokenizer before or after the change.
    """

    vocab_files_names: ClassVar[dict[str, str]] = {}
    model_input_names: list[str] = ["input_ids", "attention_mask"]  # noqa: RUF012
    is_fast = True

    def _build(
        self,
        spec: Mapping[str, Any],
        arguments: Mapping[str, Any],
        kwargs: Mapping[str, Any],
        where: str,
        added_tokens: Mapping[int, AddedToken] | None = None,
    ) -> None:
        """Set everything up; the last thing a constructor does.

        spec: "model", "normalizer", "pre_tokenizer" and "decoder" as in tokenizer.json.
        arguments: the class's own arguments, named tokens among them.
        kwargs: what the constructor got beside them.
        where: names the source of the vocabulary in error messages.
        added_tokens: those of the source.
        """
        for name in kwargs:
            if name not in _OPTIONS and name not in _IGNORED and name not in NAMED_TOKENS:
                known = sorted({*_OPTIONS, *arguments, *self.vocab_files_names, "vocab"})
                raise unknown_keyword(type(self).__name__, name, known)
        options = {**_OPTIONS, **kwargs}
        self._arguments = {k: v for k, v in arguments.items() if k not in NAMED_TOKENS}
        self._saved_config = dict(options["saved_config"] or {})
        self._warned = set()
        self._plans = {}
        self.name_or_path = str(options["name_or_path"])
        self.verbose = bool(options["verbose"])
        self.chat_template = options["chat_template"]
        self.split_special_tokens = bool(options["split_special_tokens"])
        self.clean_up_tokenization_spaces = bool(options["clean_up_tokenization_spaces"])
        self._clean_up_anyway = bool(
            options["clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output"]
        )
        self.padding_side = options["padding_side"]
        self.truncation_side = options["truncation_side"]
        limit = options["model_max_length"]
        limit = options["max_len"] if limit is None else limit
        self.model_max_length = VERY_LARGE_INTEGER if limit is None else limit
        if options["model_input_names"] is not None:
            self.model_input_names = list(options["model_input_names"])

        named_tokens = {**kwargs, **arguments}  # a class may have no argument for some of them
        self._special_tokens = {name: named_tokens.get(name) for name in NAMED_TOKENS}
        extra = options["extra_special_tokens"]
        extra = options["additional_special_tokens"] if extra is None else extra
        named = dict(options["model_specific_special_tokens"] or {})
        if isinstance(extra, Mapping):
            named.update(extra)
            extra = None
        if extra is not None and not isinstance(extra, (list, tuple)):
            raise TypeError(
                "extra_special_tokens must be a list of tokens or a dict of named ones,"
                f" not {type(extra).__name__}"
            )
        self._special_tokens.update(named)
        for name, value in self._special_tokens.items():
            if value is not None:
                check_token(name, value)
        self._extra_special_tokens = [check_token("extra_special_tokens", t) for t in extra or []]

        self._spec = dict(spec)
        self._added: dict[int, AddedToken] = {}
        try:
            self._core = self._make_core({**spec, "added_tokens": [], "post_processor": None})
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
        known_tokens = options["added_tokens_decoder"]
        if known_tokens is None:
            known_tokens = {**(options["legacy_added_tokens"] or {}), **(added_tokens or {})}
        try:
            self._add([*self._first_tokens(known_tokens)])
            self._post_processor = self._make_post_processor()
            self._core = self._core.with_post_processor(self._post_processor)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None

    def _first_tokens(self, known: Mapping[int, AddedToken]) -> Iterable[AddedToken]:
        """Added tokens of a new tokenizer: those known by id, then special ones not among them."""
        names = {str(value) for value in self._special_tokens.values() if value is not None}
        tokens: list[str | AddedToken] = [known[index] for index in sorted(known)]
        present = {str(token) for token in tokens}
        special = [*self._special_tokens.values(), *self._extra_special_tokens]
        tokens += [t for t in special if t is not None and str(t) not in present]
        for token in tokens:
            if isinstance(token, str):
                yield AddedToken(token, special=True)
            else:
                yield token.copy(special=token.special or token.content in names)

    def _make_core(self, spec: Mapping[str, Any]) -> Any:
        """What does the work, from a whole tokenizer.json."""
        return _core.Tokenizer(spec)

    def _make_post_processor(self) -> dict[str, Any] | None:
        """The tokenizer.json post-processor, once ids are known."""
        raise NotImplementedError

    def _add(self, tokens: Sequence[AddedToken]) -> int:
        core = self._core
        vocab = self._spec["model"]["vocab"]
        last = max(vocab.values()) if isinstance(vocab, dict) else len(vocab) - 1
        added, count = merge_added_tokens(self._added, tokens, core.token_to_id, last + 1)
        if count:
            self._core = core.with_added_tokens(
                [{"id": index, **token.to_dict()} for index, token in sorted(added.items())]
            )
            self._added = dict(sorted(added.items()))
        return count

    def __getattr__(self, name: str) -> Any:
        if name in _GONE:
            raise AttributeError(f"{type(self).__name__} has no {name}: {_GONE[name]}")
        return super().__getattr__(name)

    @property
    def padding_side(self) -> str:  # type: ignore[override]
        """The side where rows are padded: "right" or "left"."""
        return self._padding_side

    @padding_side.setter
    def padding_side(self, value: str) -> None:
        self._padding_side = check_side("padding_side", value)

    @property
    def truncation_side(self) -> str:  # type: ignore[override]
        """The side where texts are cut: "right" or "left"."""
        return self._truncation_side

    @truncation_side.setter
    def truncation_side(self, value: str) -> None:
        self._truncation_side = check_side("truncation_side", value)

    @property
    def model_max_length(self) -> int:  # type: ignore[override]
        """Tokens that the model can take; a huge number where that is not known."""
        return self._model_max_length

    @model_max_length.setter
    def model_max_length(self, value: float) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
            raise TypeError(f"model_max_length must be a number, not {value!r}")
        if not 0 <= value < float("inf"):
            raise ValueError(f"model_max_length must be a finite number from 0 on, not {value}")
        self._model_max_length = int(value)

    @property
    def max_len_single_sentence(self) -> int:
        """Tokens of one text that fit beside the special ones."""
        return self.model_max_length - self.num_special_tokens_to_add(pair=False)

    @property
    def max_len_sentences_pair(self) -> int:
        """Tokens of two texts together that fit beside the special ones."""
        return self.model_max_length - self.num_special_tokens_to_add(pair=True)

    # ---- vocabulary ----

    @property
    def vocab_size(self) -> int:
        """Tokens of the model's vocabulary, added ones not counted."""
        return self._core.get_vocab_size(False)

    def __len__(self) -> int:
        return self._core.get_vocab_size(True)

    def __bool__(self) -> bool:
        return True

    def get_vocab(self) -> dict[str, int]:
        """Every token and its id, added ones included."""
        return self._core.get_vocab(True)

    vocab = property(get_vocab)

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """Added tokens by id."""
        return {index: token.copy() for index, token in self._added.items()}

    @property
    def added_tokens_encoder(self) -> dict[str, int]:
        """Ids of the added tokens."""
        return {token.content: index for index, token in self._added.items()}

    def get_added_vocab(self) -> dict[str, int]:
        """Ids of the added tokens."""
        return self.added_tokens_encoder

    def add_tokens(
        self,
        new_tokens: str | AddedToken | Sequence[str | AddedToken],
        special_tokens: bool = False,
    ) -> int:
        """Add tokens to be found in texts before the model sees them; returns how many.

        Those in the vocabulary keep their id, others follow it.  A model then needs
        `resize_token_embeddings(len(tokenizer))`.
        """
        if isinstance(new_tokens, (str, AddedToken)):
            new_tokens = [new_tokens]
        tokens = []
        for given in new_tokens:
            token = check_token("a new token", given)
            if isinstance(token, AddedToken):
                tokens.append(token.copy(special=special_tokens or token.special))
            else:
                tokens.append(AddedToken(token, special=special_tokens))
        return self._add(tokens)

    # ---- special tokens around ids ----

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """Special tokens that a call adds to a text or a pair."""
        return self._core.num_special_tokens_to_add(bool(pair))

    def _around(
        self, first: Sequence[int], second: Sequence[int] | None, of: Callable[..., list[int]]
    ) -> list[int]:
        """`of(item, ids)` for every item of the template, joined; ids are None if special."""
        texts = (first, second)
        joined: list[int] = []
        for item in template_items(self._post_processor, second is not None):
            joined += of(item, None if item.text is None else texts[item.text])
        return joined

    def build_inputs_with_special_tokens(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """Ids of one or two texts with the special tokens around and between them."""
        return self._around(
            token_ids_0, token_ids_1, lambda item, ids: list(item.ids if ids is None else ids)
        )

    def create_token_type_ids_from_sequences(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """Token type ids of what `build_inputs_with_special_tokens` returns."""
        return self._around(
            token_ids_0,
            token_ids_1,
            lambda item, ids: [item.type_id] * len(item.ids if ids is None else ids),
        )

    def get_special_tokens_mask(
        self,
        token_ids_0: Sequence[int],
        token_ids_1: Sequence[int] | None = None,
        already_has_special_tokens: bool = False,
    ) -> list[int]:
        """1 for special tokens, 0 for others.

        With `already_has_special_tokens` of the ids given, by value; without, of what
        `build_inputs_with_special_tokens` makes of them.
        """
        if not already_has_special_tokens:
            return self._around(
                token_ids_0,
                token_ids_1,
                lambda item, ids: [1] * len(item.ids) if ids is None else [0] * len(ids),
            )
        if token_ids_1 is not None:
            raise ValueError(
                "with already_has_special_tokens=True all ids are in token_ids_0; token_ids_1"
                " must not be given"
            )
        special = set(self.all_special_ids)
        return [int(index in special) for index in as_lists(token_ids_0)]

    # ---- files ----

    @classmethod
    def from_pretrained(
        cls: type[Self],
        pretrained_model_name_or_path: str | os.PathLike[str],
        *init_inputs: Any,
        cache_dir: str | os.PathLike[str] | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        token: str | bool | None = None,
        revision: str = "main",
        subfolder: str = "",
        **kwargs: Any,
    ) -> Self:
        """The tokenizer saved in a directory, a hub repository or a single vocabulary file.

        Other keyword arguments go to the constructor and win over what is saved.  OSError
        when there is no such place or no tokenizer in it; ValueError when a file is not
        what it should be.
        """
        if "use_auth_token" in kwargs:
            raise TypeError("use_auth_token is now called token")
        kwargs.pop("proxies", None)
        hub_options = dict(
            zip(
                _HUB_OPTIONS,
                (cache_dir, force_download, local_files_only, token, revision, subfolder or ""),
                strict=True,
            )
        )
        files, config = load_arguments(
            cls.vocab_files_names, pretrained_model_name_or_path, kwargs, hub_options
        )
        config.pop("init_inputs", None)
        return cls(
            *init_inputs,
            **files,
            **{
                "name_or_path": os.fspath(pretrained_model_name_or_path),
                **cls._accepted(config, kwargs),
                **kwargs,
            },
        )

    @classmethod
    def _accepted(cls, config: dict[str, Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a saved configuration that is arguments; the rest is kept to be saved."""
        own = [
            inspect.signature(vars(parent)["__init__"]).parameters
            for parent in cls.__mro__
            if "__init__" in vars(parent) and parent is not object
        ]
        names = {*_OPTIONS, *itertools.chain(*own)} - {
            *("self", "args", "kwargs"),
            *cls.vocab_files_names,
            *("vocab", "merges", "name_or_path", "legacy_added_tokens", "saved_config"),
        }
        accepted = {key: value for key, value in config.items() if key in names}
        others = {k: v for k, v in config.items() if k not in names and k not in _IGNORED}
        if "extra_special_tokens" in kwargs or "additional_special_tokens" in kwargs:
            accepted.pop("extra_special_tokens", None)
            accepted.pop("additional_special_tokens", None)
        specific = {
            key: others.pop(key)
            for key in list(others)
            if key.endswith("_token") and isinstance(others[key], (str, AddedToken))
        }
        if specific:
            accepted["model_specific_special_tokens"] = specific
        for name in ("transformers_version", "fast_tokenizer_files", "auto_map", *NAMED_TOKENS):
            others.pop(name, None)
        accepted["saved_config"] = others
        return accepted

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        legacy_format: bool | None = None,
        filename_prefix: str | None = None,
        push_to_hub: bool = False,
    ) -> tuple[str, ...]:
        """Write tokenizer.json and tokenizer_config.json; returns their paths.

        transformers reads them too.  A file appears complete or not at all.
        """
        if push_to_hub:
            raise ValueError("push_to_hub is not supported; upload the saved files instead")
        if legacy_format:
            raise ValueError("legacy_format is not supported; save_vocabulary writes such files")
        directory = Path(save_directory)
        directory.mkdir(parents=True, exist_ok=True)
        prefix = f"{filename_prefix}-" if filename_prefix else ""
        paths = directory / (prefix + CONFIG_FILE), directory / (prefix + TOKENIZER_FILE)
        write_text(paths[1], to_json(self._tokenizer_json()))
        write_text(paths[0], to_json(self._tokenizer_config(), sort_keys=True))
        return tuple(map(str, paths))

    def _tokenizer_json(self) -> dict[str, Any]:
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {"id": index, **token.to_dict()} for index, token in self._added.items()
            ],
            "normalizer": self._spec["normalizer"],
            "pre_tokenizer": self._spec["pre_tokenizer"],
            "post_processor": self._post_processor,
            "decoder": self._spec["decoder"],
            "model": self._spec["model"],
        }

    def _tokenizer_config(self) -> dict[str, Any]:
        config = {**self._saved_config, **self._arguments}
        for name in _SAVED_OPTIONS:
            value = getattr(self, name)
            if name == "model_max_length" or value != _OPTIONS[name]:
                config[name] = value
        if self.model_input_names != type(self).model_input_names:
            config["model_input_names"] = self.model_input_names
        if self.chat_template is not None:
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
        prefix = f"{filename_prefix}-" if filename_prefix else ""
        written = []
        for name, text in self._vocabulary_files().items():
            path = directory / (prefix + name)
            write_text(path, text)
            written.append(str(path))
        return tuple(written)

    def _vocabulary_files(self) -> dict[str, str]:
        """Name and text of the files that save_vocabulary writes."""
        raise ValueError(
            f"{type(self).__name__} cannot write {self.vocab_files_names['vocab_file']}; use"
            " save_pretrained()"
        )

    # ---- copies ----

    def __getstate__(self) -> dict[str, Any]:
        return {k: value for k, value in self.__dict__.items() if k not in ("_core", "_plans")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._plans = {}
        self._core = self._make_core(self._tokenizer_json())

    def __copy__(self: Self) -> Self:
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)  # what is shared is never changed in place
        copy._warned = set(self._warned)
        copy._plans = {}
        return copy

    def __deepcopy__(self: Self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __repr__(self) -> str:
        added = "".join(f"\n\t{index}: {token!r}," for index, token in self._added.items())
        return (
            f"{type(self).__name__}(name_or_path='{self.name_or_path}',"
            f" vocab_size={self.vocab_size}, model_max_length={self.model_max_length},"
            f" padding_side='{self.padding_side}', truncation_side='{self.truncation_side}',"
            f" special_tokens={self.special_tokens_map},"
            f" added_tokens_decoder={{{added}{chr(10) if added else ''}}})"
        )
