"""What every tokenizer has: its construction, vocabulary, added tokens, loading and copies."""

from __future__ import annotations

import inspect
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from .. import _core
from ..arguments import unknown_keyword
from ..hub import without_old_keywords
from .added_tokens import AddedToken, merge_added_tokens
from .call_options import check_side
from .decoding import Decoding
from .loading import load_arguments
from .prepare import Preparing
from .saving import Saving
from .special_tokens import NAMED_TOKENS, check_token

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
    "padding_side": None,
    "saved_config": None,
    "split_special_tokens": False,
    "truncation_side": None,
    "verbose": False,
}
# Arguments that mean nothing here but that scripts and configurations pass: of versions past,
# and of other tokenizers.
_IGNORED = {
    "add_bos_token",
    "add_eos_token",
    "add_prefix_space",
    "backend",
    "do_basic_tokenize",
    "do_lower_case",
    "errors",
    "from_slow",
    "is_fast",
    "is_local",
    "keep_accents",
    "legacy",
    "local_files_only",
    "never_split",
    "processor_class",
    "resume_download",
    "sp_model_kwargs",
    "strip_accents",
    "tokenize_chinese_chars",
    "tokenizer_class",
    "trim_offsets",
    "trust_remote_code",
    "use_fast",
}
_HUB_OPTIONS = ("cache_dir", "force_download", "local_files_only", "token", "revision", "subfolder")
_GONE = {
    "apply_chat_template": "encoders have no chat templates",
    "backend_tokenizer": "save_pretrained() writes a tokenizer.json that `tokenizers` can read",
    "basic_tokenizer": "the steps of a tokenizer cannot be called one by one; see tokenize()",
    "decoder": "see decode(), or convert_ids_to_tokens() for single ids",
    "encoder": "see get_vocab()",
    "ids_to_tokens": "see convert_ids_to_tokens()",
    "sp_model": "see tokenize() and encode()",
    "wordpiece_tokenizer": "the steps of a tokenizer cannot be called one by one; see tokenize()",
}


class _Side:
    """`tokenizer.padding_side` or `truncation_side`: "right" or "left"; "right" by default."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, tokenizer: Any, owner: type | None = None) -> str:
        return "right" if tokenizer is None else tokenizer.__dict__.get(self.name, "right")

    def __set__(self, tokenizer: Any, value: str) -> None:
        tokenizer.__dict__[self.name] = check_side(self.name, value)


class PreTrainedTokenizerBase(Preparing, Decoding, Saving):
    """Base class of the tokenizers; use RobertaTokenizer, AlbertTokenizer or BertTokenizer.

    A tokenizer may be called from several threads at once: calls change nothing, and padding
    and truncation are arguments of the call.  Adding tokens or setting attributes while
    other threads call it is safe too; a call sees the tokenizer before or after the change.
    """

    vocab_files_names: ClassVar[dict[str, str]] = {}
    pretrained_vocab_files_map: ClassVar[dict[str, Any]] = {}
    model_input_names: list[str] = ["input_ids", "attention_mask"]  # noqa: RUF012
    slow_tokenizer_class = None
    backend = "tokenizers"
    is_fast = True
    init_inputs = ()
    vocab_file: str | None = None  # that it was made from
    add_prefix_space = False
    add_bos_token = add_eos_token = False
    padding_side = _Side("The side where rows are padded.")  # type: ignore[assignment]
    truncation_side = _Side("The side where texts are cut.")  # type: ignore[assignment]

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
        specific = {}  # named tokens of this tokenizer alone
        for name, value in kwargs.items():
            if name in _OPTIONS or name in _IGNORED or name in NAMED_TOKENS:
                continue
            if not name.endswith("_token") or not isinstance(value, (str, AddedToken)):
                known = sorted({*_OPTIONS, *arguments, *self.vocab_files_names, "vocab"})
                raise unknown_keyword(type(self).__name__, name, known)
            specific[name] = value
        options = {**_OPTIONS, **kwargs}
        self.init_kwargs = {**kwargs, **arguments, "backend": self.backend}
        self.init_kwargs.pop("saved_config", None)
        self.deprecation_warnings: dict[str, bool] = {}
        self._arguments = {k: v for k, v in arguments.items() if k not in NAMED_TOKENS}
        self._saved_config = dict(options["saved_config"] or {})
        self._warned = set()
        self._plans = {}
        self.name_or_path = str(options["name_or_path"])
        self.verbose = bool(options["verbose"])
        self.chat_template = options["chat_template"]
        self.split_special_tokens = bool(options["split_special_tokens"])
        self.clean_up_tokenization_spaces = bool(options["clean_up_tokenization_spaces"])
        self.clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output = bool(
            options["clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output"]
        )
        for side in ("padding_side", "truncation_side"):
            if options[side] is not None:  # a subclass may have a default of its own
                setattr(self, side, options[side])
        limit = options["model_max_length"]
        limit = options["max_len"] if limit is None else limit
        self.model_max_length = VERY_LARGE_INTEGER if limit is None else limit
        if options["model_input_names"] is not None:
            self.model_input_names = list(options["model_input_names"])

        named_tokens = {**kwargs, **arguments}  # a class may have no argument for some of them
        self._special_tokens = {name: named_tokens.get(name) for name in NAMED_TOKENS}
        extra = options["extra_special_tokens"]
        extra = options["additional_special_tokens"] if extra is None else extra
        named = {**specific, **(options["model_specific_special_tokens"] or {})}
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

        self._parts = dict(spec)
        self._added: dict[int, AddedToken] = {}
        self._post_processor = None
        self._core = self._first_core(where)
        known_tokens = options["added_tokens_decoder"]
        if known_tokens is None:
            known_tokens = {**(options["legacy_added_tokens"] or {}), **(added_tokens or {})}
        if known_tokens:
            self.init_kwargs["added_tokens_decoder"] = dict(known_tokens)
        try:
            self._add([*self._first_tokens(known_tokens)])
            self._post_processor = self._make_post_processor()
            self._core = self._core.with_post_processor(self._post_processor)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None

    def _first_core(self, where: str) -> Any:
        parts = self._parts
        try:
            return self._make_core(self._whole(parts))
        except ValueError as error:
            problem = error
        # Of a file that C does not take as it stands Python says what is wrong, or reads it.
        if self._spec is not parts:
            return self._first_core(where)
        raise ValueError(f"{where}: {problem}")

    def _first_tokens(self, known: Mapping[int, AddedToken]) -> Iterable[AddedToken]:
        """Added tokens of a new tokenizer: those known by id, then special ones not among them."""
        names = {str(value) for value in self._special_tokens.values() if value is not None}
        tokens: list[str | AddedToken] = [known[index] for index in sorted(known)]
        present = {str(token) for token in tokens}
        special = [*self._special_tokens.values(), *self._extra_special_tokens]
        unlike = dict.fromkeys(t for t in special if t is not None and str(t) not in present)
        tokens += unlike  # one text may be there with several flags: the last ones count
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
        first_free = core.get_first_free_id()
        added, count = merge_added_tokens(self._added, tokens, core.token_to_id, first_free)
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
        for given in new_tokens or ():
            token = check_token("a new token", given)
            if isinstance(token, AddedToken):
                tokens.append(token.copy(special=special_tokens or token.special))
            else:
                tokens.append(AddedToken(token, special=special_tokens))
        return self._add(tokens)

    def train_new_from_iterator(
        self: Self,
        text_iterator: Iterable[str | Iterable[str]],
        vocab_size: int,
        length: int | None = None,
        new_special_tokens: Sequence[str | AddedToken] | None = None,
        special_tokens_map: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """A tokenizer of the same kind whose vocabulary is learned from texts.

        text_iterator: texts, or lists of texts; it is gone through once.
        vocab_size: tokens wanted, special ones among them.
        length: number of texts, for the progress bar.
        new_special_tokens: special tokens beside those of this tokenizer, which come first.
        special_tokens_map: new names of special tokens.

        Other arguments are the trainer's, for BPE and WordPiece min_frequency=0,
        limit_alphabet=None, initial_alphabet=(), show_progress=True, and for BPE
        max_token_length=None.  The vocabulary is that of transformers, but for what is random
        there: the order of the "##" characters of WordPiece and what follows from it.  Unigram
        tokenizers are trained by SentencePiece (`pip install pytxenc[sentencepiece]`) with
        ALBERT's settings and have other pieces than in transformers; see
        `sentencepiece_training`.

        TypeError names an item that is no text; ValueError says what cannot be learned.
        """
        from .training import train_new

        return train_new(
            self,
            text_iterator,
            vocab_size,
            length,
            new_special_tokens,
            special_tokens_map,
            **kwargs,
        )

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
        what it should be.  Code from the hub is never run: trust_remote_code is accepted
        and changes nothing.
        """
        kwargs = without_old_keywords(kwargs)
        if "additional_special_tokens" in kwargs and not kwargs.get("extra_special_tokens"):
            kwargs["extra_special_tokens"] = kwargs.pop("additional_special_tokens")
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
                **cls._accepted(config, kwargs),
                **kwargs,
                "name_or_path": os.fspath(pretrained_model_name_or_path),
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
            specific.update(accepted.get("model_specific_special_tokens") or {})
            accepted["model_specific_special_tokens"] = specific
        for name in ("transformers_version", "fast_tokenizer_files", "auto_map", *NAMED_TOKENS):
            others.pop(name, None)
        accepted["saved_config"] = others
        return accepted

    # ---- copies ----

    def with_lowercase(self: Self) -> Self:
        """A copy that lower-cases texts before everything else; special tokens stay found."""
        first = {"type": "Lowercase"}
        normalizer = self._parts.get("normalizer")
        if normalizer is not None and normalizer["type"] == "Sequence":
            steps = [first, *normalizer["normalizers"]]
        else:
            steps = [first] if normalizer is None else [first, normalizer]
        copy = self.__copy__()
        copy._parts = {**self._parts, "normalizer": {"type": "Sequence", "normalizers": steps}}
        copy._core = copy._make_core(copy._whole(copy._parts))
        return copy

    def __getstate__(self) -> dict[str, Any]:
        return {k: value for k, value in self.__dict__.items() if k not in ("_core", "_plans")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._plans = {}
        self._core = self._make_core(self._whole(self._parts))

    def __copy__(self: Self) -> Self:
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)  # what is shared is never changed in place
        copy._warned = set(self._warned)
        copy._plans = {}
        copy.init_kwargs = dict(self.init_kwargs)
        copy.deprecation_warnings = dict(self.deprecation_warnings)
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


PreTrainedTokenizer = PreTrainedTokenizerBase
