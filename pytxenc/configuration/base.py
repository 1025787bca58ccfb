"""Model configurations: what transformers 5.23 keeps in config.json for these encoders.

A configuration is a set of typed fields, checked when it is made and whenever a field is
assigned.  Keys that a class does not declare are kept as attributes and saved again, so that
nothing a file holds is lost.
"""

from __future__ import annotations

import copy
import difflib
import json
import logging
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, overload

from ..arguments import directory_to_write
from ..checkpoint import read_json
from ..hub import HUB_KEYWORDS, PushToHubMixin, Source, without_old_keywords
from ..safetensors_file import write_text

logger = logging.getLogger("pytxenc")

Self = TypeVar("Self", bound="PreTrainedConfig")

CONFIG_NAME = "config.json"
# transformers' names for ways to compute the same attention; all mean ours here.
ATTENTION = (
    "eager", "sdpa", "flex_attention", "flash_attention_2", "flash_attention_3",
    "flash_attention_4",
)  # fmt: skip
PROBLEM_TYPES = ("regression", "single_label_classification", "multi_label_classification")

# Other model types of RoBERTa's architecture.
SAME_ARCHITECTURE = ("camembert",)

# What torch calls its dtypes, and "auto".
_DTYPE = re.compile(r"auto|half|double|bool|bfloat16|float(16|32|64|[468]_\w+)?|u?int\d+")
# Names that old files and callers use for a field.
_ALIASES = {"torch_dtype": "dtype", "attn_implementation": "_attn_implementation"}

# Kinds of fields.
INT = (int,)
REAL = (int, float)
OPTIONAL_INT = (int, type(None))
STR = (str,)
BOOL = (bool,)


def _is_a(value: Any, types: tuple[type, ...]) -> bool:
    """isinstance, but a bool is not a number."""
    if isinstance(value, bool):
        return bool in types
    return isinstance(value, types)


def dtype_name(value: Any) -> Any:
    """The name of a dtype given as a string, a NumPy dtype or a torch dtype."""
    if value is None or isinstance(value, str):
        return value
    return str(getattr(value, "__name__", value)).rsplit(".", 1)[-1]


def check_attention(name: Any) -> None:
    """ValueError for what is no attn_implementation of transformers."""
    if name not in (None, *ATTENTION):
        raise ValueError(f"attn_implementation is {name!r}; it must be one of {ATTENTION}")


class PreTrainedConfig(PushToHubMixin):
    """Base of the configurations: fields common to all models, JSON form, files.

    Every argument is by keyword.  A field of a wrong type is a TypeError naming it, at
    construction and at every later assignment; unknown keywords become attributes.
    Instances compare by content.
    """

    model_type: ClassVar[str] = ""
    # Names that mean a field of another name.
    attribute_map: ClassVar[dict[str, str]] = {}
    architectures: list[str] | None
    output_hidden_states: bool | int | list[int]
    output_attentions: bool
    return_dict: bool
    dtype: str | None
    problem_type: str | None
    id2label: dict[int, str]
    label2id: dict[str, int]
    # Fields of encoders, as far as a class has them.
    vocab_size: int
    embedding_size: int
    hidden_size: int
    num_hidden_layers: int
    num_hidden_groups: int
    inner_group_num: int
    num_attention_heads: int
    intermediate_size: int
    hidden_act: str
    hidden_dropout_prob: float
    attention_probs_dropout_prob: float
    classifier_dropout: float | None
    classifier_dropout_prob: float
    max_position_embeddings: int
    type_vocab_size: int
    initializer_range: float
    layer_norm_eps: float
    pad_token_id: int | None
    bos_token_id: int | None
    eos_token_id: int | list[int] | None
    tie_word_embeddings: bool
    use_cache: bool
    is_decoder: bool
    add_cross_attention: bool
    summary_type: str
    summary_use_proj: bool
    summary_activation: str
    summary_last_dropout: float
    # name -> (accepted types, default).  Subclasses extend it.
    _fields: ClassVar[dict[str, tuple[tuple[type, ...], Any]]] = {
        "architectures": ((list, type(None)), None),
        "output_hidden_states": ((bool, int, list), False),
        "output_attentions": (BOOL, False),
        "return_dict": (BOOL, True),
        "dtype": ((str, type(None)), None),
        "chunk_size_feed_forward": (INT, 0),
        "is_encoder_decoder": (BOOL, False),
        "problem_type": ((str, type(None)), None),
    }
    _pushed_as = "config"
    # Attributes that are not written to files.
    _private: ClassVar[frozenset[str]] = frozenset({"name_or_path", "_attn_implementation"})

    def __init__(self, **kwargs: Any) -> None:
        kwargs = {_ALIASES.get(key, key): value for key, value in kwargs.items()}
        labels = kwargs.pop("id2label", None)
        num_labels = kwargs.pop("num_labels", None)
        label_ids = kwargs.pop("label2id", None)
        for ignored in ("model_type", "transformers_version"):
            kwargs.pop(ignored, None)
        for name, (_, default) in self._fields.items():
            setattr(self, name, copy.copy(kwargs.pop(name, default)))
        self.name_or_path = str(kwargs.pop("_name_or_path", kwargs.pop("name_or_path", "")))
        self._attn_implementation = kwargs.pop("_attn_implementation", None)
        self._set_labels(labels, num_labels, label_ids)
        for name, value in kwargs.items():
            meant = difflib.get_close_matches(name, self._fields, n=1, cutoff=0.9)
            if meant:
                logger.warning(
                    "%s has no field %r, which is kept as an attribute; did you mean %r?",
                    type(self).__name__,
                    name,
                    meant[0],
                )
            setattr(self, name, value)
        self._check()

    def _set_labels(self, labels: Any, num_labels: Any, label_ids: Any) -> None:
        if labels is None:
            self.num_labels = 2 if num_labels is None else num_labels
        else:
            if not isinstance(labels, dict):
                raise TypeError(f"id2label must be a dict of id to name, not {labels!r}")
            try:
                self.id2label = {int(key): value for key, value in labels.items()}
            except (TypeError, ValueError):
                raise ValueError(
                    f"the keys of id2label must be integers: {labels!r:.200}"
                ) from None
            self.label2id = {value: key for key, value in self.id2label.items()}
            if num_labels is not None and num_labels != len(self.id2label):
                self.num_labels = num_labels
        if label_ids is not None:
            if not isinstance(label_ids, dict):
                raise TypeError(f"label2id must be a dict of name to id, not {label_ids!r}")
            self.label2id = dict(label_ids)

    def _check(self) -> None:
        """Conditions between fields."""
        check_attention(self._attn_implementation)
        if self.problem_type is not None and self.problem_type not in PROBLEM_TYPES:
            raise ValueError(
                f"problem_type is {self.problem_type!r}; it must be one of {PROBLEM_TYPES}"
            )
        if self.problem_type == "single_label_classification" and self.num_labels == 1:
            raise ValueError(
                'problem_type "single_label_classification" needs num_labels of 2 or more; for '
                'one number per text it is "regression"'
            )

    def __setattr__(self, name: str, value: Any) -> None:
        name = _ALIASES.get(name, name)
        name = self.attribute_map.get(name, name)
        if name == "dtype":
            value = dtype_name(value)
            if isinstance(value, str) and not _DTYPE.fullmatch(value):
                raise ValueError(f"dtype is {value!r}; it must be one such as 'float32'")
        field = self._fields.get(name)
        if field is not None and not _is_a(value, field[0]):
            expected = " or ".join(
                "None" if kind is type(None) else kind.__name__ for kind in field[0]
            )
            raise TypeError(
                f"{type(self).__name__}.{name} must be {expected}, not {value!r} "
                f"({type(value).__name__})"
            )
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name in type(self).attribute_map:
            return getattr(self, self.attribute_map[name])
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    @property
    def num_labels(self) -> int:
        """Number of classes; assigning it renames them LABEL_0, LABEL_1, ..."""
        return len(self.id2label)

    @num_labels.setter
    def num_labels(self, n: int) -> None:
        if not _is_a(n, INT) or n < 0:
            raise TypeError(f"num_labels must be a number of classes, not {n!r}")
        self.id2label = {i: f"LABEL_{i}" for i in range(n)}
        self.label2id = {name: i for i, name in self.id2label.items()}

    @property
    def torch_dtype(self) -> str | None:
        """The v4 name of `dtype`."""
        return self.dtype

    @property
    def use_return_dict(self) -> bool:
        """The v4 name of `return_dict`."""
        return self.return_dict

    # ---- as a mapping, as JSON ----

    def to_dict(self) -> dict[str, Any]:
        """All fields and extra attributes, with "model_type"; a deep copy."""
        content = {
            name: copy.deepcopy(value)
            for name, value in vars(self).items()
            if name not in self._private
        }
        content["model_type"] = self.model_type
        return content

    def to_diff_dict(self) -> dict[str, Any]:
        """to_dict without what equals the default of the common fields."""
        default = PreTrainedConfig()
        plain = set(PreTrainedConfig._fields) | {"id2label", "label2id"}
        return {
            name: value
            for name, value in self.to_dict().items()
            if name not in plain or value != getattr(default, name)
        }

    def to_json_string(self, use_diff: bool = True) -> str:
        """The content of config.json: sorted keys, two spaces, a newline at the end."""
        content = self.to_diff_dict() if use_diff else self.to_dict()
        return json.dumps(_encode_floats(content), indent=2, sort_keys=True) + "\n"

    def to_json_file(self, json_file_path: str | os.PathLike[str], use_diff: bool = True) -> None:
        """Write to_json_string to a file."""
        write_text(json_file_path, self.to_json_string(use_diff))

    def save_pretrained(  # type: ignore[override]
        self,
        save_directory: str | os.PathLike[str],
        push_to_hub: bool = False,
        *,
        repo_id: str | None = None,
        commit_message: str | None = None,
        private: bool | None = None,
        token: str | bool | None = None,
    ) -> None:
        """Write config.json into a directory, which is made if need be.

        With `push_to_hub` it is then uploaded to the repository `repo_id`, by default named
        as the directory; the arguments behind it are those of the method of that name.
        """
        directory = directory_to_write(save_directory)
        self.to_json_file(directory / CONFIG_NAME)
        if push_to_hub:
            self._upload_saved(directory, [CONFIG_NAME], repo_id, commit_message, private, token)

    def update(self, config_dict: dict[str, Any]) -> None:
        """Assign every entry."""
        for name, value in config_dict.items():
            setattr(self, name, value)

    def update_from_string(self, update_str: str) -> None:
        """Assign fields written as "name=value,name=value".

        A value is read as the kind that the field holds now.  ValueError for a name that is
        no attribute, or for a value of another kind.
        """
        for assignment in update_str.split(","):
            name, equals, text = (part.strip() for part in assignment.partition("="))
            if not equals or not hasattr(self, name):
                raise ValueError(f"{assignment!r} does not assign a field of {type(self).__name__}")
            setattr(self, name, _parse_as(getattr(self, name), name, text))

    def get_text_config(
        self: Self, decoder: bool | None = None, encoder: bool | None = None
    ) -> Self:
        """This configuration: there are no parts but text."""
        return self

    @classmethod
    def get_config_dict(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """(content of config.json, keywords that are not for finding it)."""
        options = {name: kwargs.pop(name) for name in list(kwargs) if name in HUB_KEYWORDS}
        content, _ = cls._read(Source(pretrained_model_name_or_path, **options))
        return content, kwargs

    @overload
    @classmethod
    def from_dict(
        cls: type[Self],
        config_dict: dict[str, Any],
        *,
        return_unused_kwargs: Literal[True],
        **kwargs: Any,
    ) -> tuple[Self, dict[str, Any]]: ...
    @overload
    @classmethod
    def from_dict(
        cls: type[Self],
        config_dict: dict[str, Any],
        **kwargs: Any,
    ) -> Self: ...
    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """A configuration from a mapping, keywords overriding it.

        With return_unused_kwargs=True, (configuration, keywords that are no fields).
        """
        return_unused = kwargs.pop("return_unused_kwargs", False)
        if not isinstance(config_dict, dict) or not all(isinstance(k, str) for k in config_dict):
            raise TypeError(
                f"config_dict must be a dict of field to value, not {config_dict!r:.80}"
            )
        content = _decode_floats(dict(config_dict))
        known = set(cls._fields) | set(content) | set(_ALIASES) | set(cls.attribute_map)
        known |= {"num_labels", "id2label", "label2id"}
        unused = {name: value for name, value in kwargs.items() if name not in known}
        overrides = {_ALIASES.get(k, k): v for k, v in kwargs.items() if k not in unused}
        if "num_labels" in overrides and "id2label" not in overrides:
            content.pop("id2label", None)
            content.pop("label2id", None)
        for old, new in _ALIASES.items():
            if old in content:
                content.setdefault(new, content[old])
                del content[old]
        config = cls(**{**content, **overrides})
        if not return_unused:
            for name, value in unused.items():
                setattr(config, name, value)
            return config
        return config, unused

    @classmethod
    def from_json_file(cls: type[Self], json_file: str | os.PathLike[str]) -> Self:
        """A configuration from a JSON file; ValueError saying what is wrong with it."""
        return cls.from_dict(read_json(json_file))

    @overload
    @classmethod
    def from_pretrained(
        cls: type[Self],
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        return_unused_kwargs: Literal[True],
        **kwargs: Any,
    ) -> tuple[Self, dict[str, Any]]: ...
    @overload
    @classmethod
    def from_pretrained(
        cls: type[Self],
        pretrained_model_name_or_path: str | os.PathLike[str],
        **kwargs: Any,
    ) -> Self: ...
    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        cache_dir: str | os.PathLike[str] | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        token: str | bool | None = None,
        revision: str = "main",
        subfolder: str = "",
        **kwargs: Any,
    ) -> Any:
        """Read config.json from a directory, a file or the hub.

        Args:
            pretrained_model_name_or_path: directory, path of a JSON file, or hub name.
            cache_dir, force_download, local_files_only, token, revision, subfolder: as for
                huggingface_hub; a local path never touches the network.
            **kwargs: fields to override; return_unused_kwargs=True gives a pair.

        Raises:
            OSError: no such directory, repository or file.
            ValueError, TypeError: the file is malformed; the message says where.
        """
        kwargs = without_old_keywords(kwargs)
        return_unused = kwargs.pop("return_unused_kwargs", False)
        source = Source(
            pretrained_model_name_or_path,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
            token=token,
            revision=revision,
            subfolder=subfolder,
        )
        config, unused = cls.from_source(source, **kwargs)
        if return_unused:
            return config, unused
        for name, value in unused.items():
            setattr(config, name, value)
        return config

    @classmethod
    def from_source(
        cls: type[Self], source: Source, *, known_types_only: bool = False, **kwargs: Any
    ) -> tuple[Self, dict[str, Any]]:
        """(configuration, keywords that are no fields) from a model's files.

        A model_type of another class is a warning, as in the reference; with
        `known_types_only`, one that no class here is for is a ValueError.
        """
        content, path = cls._read(source)
        cls._check_model_type(content.get("model_type"), path, known_types_only)
        try:
            config, unused = cls.from_dict(content, return_unused_kwargs=True, **kwargs)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{path}: {error}") from None
        return config, unused

    @staticmethod
    def _read(source: Source) -> tuple[dict[str, Any], Path]:
        given = Path(source.name)
        path = given if given.is_file() else source.find(CONFIG_NAME)
        if path is None:
            raise source.missing([CONFIG_NAME])
        return {**read_json(path), "_name_or_path": source.name}, path

    @classmethod
    def _check_model_type(cls, stated: Any, path: Path, known_types_only: bool) -> None:
        if stated is None or stated == cls.model_type or not cls.model_type:
            return
        known = [c.model_type for c in PreTrainedConfig.__subclasses__()]
        if known_types_only and stated not in (*known, *SAME_ARCHITECTURE):
            raise ValueError(
                f"{path}: a model of type {stated!r}, which pytxenc does not compute; its types "
                f"are {', '.join(map(repr, known))}"
            )
        logger.warning(
            "%s: a model of type %r, loaded as one of type %r: they may not fit",
            path,
            stated,
            cls.model_type,
        )

    # ---- as an object ----

    def __iter__(self) -> Iterator[str]:
        return iter(vars(self))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.to_dict() == self.to_dict()  # type: ignore[attr-defined]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.to_json_string()}"


PretrainedConfig = PreTrainedConfig


def _parse_as(old: Any, name: str, text: str) -> Any:
    """The text as a value of the kind of `old`."""
    if isinstance(old, bool):
        known = {"true": True, "1": True, "y": True, "yes": True, "on": True,
                 "false": False, "0": False, "n": False, "no": False, "off": False}  # fmt: skip
        if text.lower() not in known:
            raise ValueError(f"{name}={text}: must be true or false")
        return known[text.lower()]
    if isinstance(old, int | float):
        try:
            return type(old)(text)
        except ValueError:
            raise ValueError(f"{name}={text}: must be of type {type(old).__name__}") from None
    if isinstance(old, str):
        return text
    raise ValueError(
        f"{name}={text}: only bools, numbers and strings are read from a string; {name} is {old!r}"
    )


# JSON has no infinities; transformers writes them as {"__float__": "Infinity"}.
def _encode_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _encode_floats(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encode_floats(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"__float__": json.dumps(value)}
    return value


def _decode_floats(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"__float__"} and value["__float__"] in ("Infinity", "-Infinity", "NaN"):
            return float(value["__float__"].replace("Infinity", "inf"))
        return {key: _decode_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decode_floats(item) for item in value]
    return value
