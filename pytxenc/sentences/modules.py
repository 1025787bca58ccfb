"""The parts of a sentence-transformers model that are computed here, and their files.

Each part has a folder with a JSON file and, for a dense layer, weights; `load` reads it from
a `Source`, `save` writes it.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import Checkpoint, read_json
from ..hub import Source
from ..modeling import AutoModel
from ..numeric import sigmoid, unit
from ..safetensors_file import save_file, write_text
from ..tokenization import AutoTokenizer
from .fields import read_field

logger = logging.getLogger("pytxenc")

_Array = NDArray[np.float32]

# The kinds of pooling, in the order in which the old form of the file joins several, with
# that form's keys and the names that EncoderModel.embed has.
_POOLING = {
    "cls": ("pooling_mode_cls_token", "cls"),
    "max": ("pooling_mode_max_tokens", "max"),
    "mean": ("pooling_mode_mean_tokens", "mean"),
    "mean_sqrt_len_tokens": ("pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len"),
    "weightedmean": ("pooling_mode_weightedmean_tokens", "weighted_mean"),
    "lasttoken": ("pooling_mode_lasttoken", "last"),
}
POOLING_MODES = tuple(_POOLING)


# Of a dense layer, by the last part of torch's name.
_ACTIVATIONS: dict[str, Callable[[_Array], _Array]] = {
    "Identity": lambda x: x,
    "ReLU": lambda x: np.maximum(x, np.float32(0)),
    "SiLU": lambda x: x * sigmoid(x),
    "Sigmoid": sigmoid,
    "Tanh": np.tanh,
}


# Arguments of a transformer in its file, and their older names.
_FURTHER = {
    "model_kwargs": "model_args",
    "processor_kwargs": "tokenizer_args",
    "config_kwargs": "config_args",
}


def write_json(path: Path, value: Any) -> None:
    """Write JSON as sentence-transformers does, complete or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


class Transformer:
    """An encoder and its tokenizer, which cuts texts to `max_seq_length` tokens."""

    # The old names are those of models from before 2020.
    config_names = tuple(
        f"sentence_{kind}_config.json"
        for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta")
    )

    def __init__(
        self,
        model_name_or_path: str | os.PathLike[str],
        *,
        max_seq_length: int | None = None,
        do_lower_case: bool = False,
        model_kwargs: Mapping[str, Any] | None = None,
        processor_kwargs: Mapping[str, Any] | None = None,
        config_kwargs: Mapping[str, Any] | None = None,
        **hub: Any,
    ) -> None:
        """Load both from a directory or by their name on the hub.

        max_seq_length: by default, and at most, what model and tokenizer can take.
        do_lower_case: lower-case texts before the tokenizer does what it does.
        model_kwargs, processor_kwargs, config_kwargs: for the model's from_pretrained, for
            the tokenizer's, and fields of the configuration.
        hub: cache_dir, local_files_only, token, revision, subfolder.
        """
        self.model = AutoModel.from_pretrained(
            model_name_or_path, **hub, **(config_kwargs or {}), **(model_kwargs or {})
        )
        self.tokenizer: Any = AutoTokenizer.from_pretrained(
            model_name_or_path, **hub, **(processor_kwargs or {})
        )
        self.do_lower_case = bool(do_lower_case)
        if do_lower_case:
            self.tokenizer = self.tokenizer.with_lowercase()
        self.max_seq_length = max_seq_length or self.tokenizer.model_max_length

    @property
    def auto_model(self) -> Any:
        """The encoder."""
        return self.model

    @property
    def max_seq_length(self) -> int:
        """Tokens of the longest text that is not cut, special ones among them."""
        return int(self.tokenizer.model_max_length)

    @max_seq_length.setter
    def max_seq_length(self, value: int | None) -> None:
        most = self.model.longest_input
        self.tokenizer.model_max_length = most if value is None else min(value, most)

    def get_embedding_dimension(self) -> int:
        """Width of the hidden states."""
        return int(self.model.config.hidden_size)

    def rows(self, texts: Sequence[str]) -> dict[str, list[list[int]]]:
        """The model's inputs of every text, neither padded nor longer than the model takes."""
        return dict(self.tokenizer(list(texts), truncation=True))

    def pad(
        self, rows: Mapping[str, list[list[int]]], chosen: Sequence[int] | NDArray[np.int64]
    ) -> dict[str, NDArray[np.int64]]:
        """Some of the `rows` as a batch (b, length), padded at the end."""
        width = max(len(rows["input_ids"][i]) for i in chosen)
        batch = {}
        for name, values in rows.items():
            fill = self.tokenizer.pad_token_id if name == "input_ids" else 0
            batch[name] = np.full((len(chosen), width), fill or 0, np.int64)
            for target, i in zip(batch[name], chosen, strict=True):
                target[: len(values[i])] = values[i]
        return batch

    def prompt_length(self, prompt: str) -> int:
        """Tokens at the start of a text that belong to the prompt in front of it."""
        ids = self.tokenizer(prompt, truncation=True)["input_ids"]
        return len(ids) - bool(ids and ids[-1] in self.tokenizer.all_special_ids)

    @classmethod
    def load(cls, source: Source, path: str, hub: Mapping[str, Any], **kwargs: Any) -> Transformer:
        """Read one from the folder `path` of a source, by the names of its files."""
        folder = f"{path}/" if path else ""
        file = source.first(folder + name for name in cls.config_names)
        config = read_json(file) if file is not None else {}
        for name, usual in (
            ("transformer_task", "feature-extraction"),
            ("module_output_name", "token_embeddings"),
        ):
            if config.get(name, usual) != usual:
                raise ValueError(f"{file}: has {name} {config[name]!r}; computed here is {usual!r}")
        for name in ("query_length", "document_length", "query_expansion", "processing_kwargs"):
            if config.get(name):
                raise ValueError(f"{file}: has {name}, which is not supported")
        modalities = read_field(file, config, "modality_config", dict, {"text": {}})
        if "text" not in modalities:
            raise ValueError(f"{file}: has a model of {list(modalities)}, not text")
        stored: dict[str, Any] = {}
        for name, old in _FURTHER.items():
            stored[name] = {}
            for key in (old, name):
                stored[name].update(read_field(file, config, key, dict, {}))
            stored[name].update(kwargs.get(name) or {})
        options = {**hub, "subfolder": path} if path else hub
        return cls(
            source.name,
            max_seq_length=read_field(file, config, "max_seq_length", int),
            do_lower_case=read_field(file, config, "do_lower_case", bool, False),
            **stored,
            **options,
        )

    def save(self, folder: Path) -> None:
        """Write model, tokenizer and the settings of this part."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        settings = {"max_seq_length": self.max_seq_length, "do_lower_case": self.do_lower_case}
        write_json(folder / self.config_names[0], settings)

    def __repr__(self) -> str:
        return (
            f"Transformer({type(self.model).__name__}, max_seq_length={self.max_seq_length}, "
            f"do_lower_case={self.do_lower_case})"
        )


class Pooling:
    """One vector a text out of those of its tokens."""

    def __init__(
        self,
        embedding_dimension: int,
        pooling_mode: str | Sequence[str] = "mean",
        include_prompt: bool = True,
    ) -> None:
        """Choose how.

        embedding_dimension: width of the tokens' vectors.
        pooling_mode: one of POOLING_MODES or several, whose vectors are joined.
        include_prompt: whether the tokens of a prompt are pooled too.

        ValueError for an unknown mode or for none.
        """
        modes = (pooling_mode,) if isinstance(pooling_mode, str) else tuple(pooling_mode)
        for mode in modes:
            if mode not in _POOLING:
                raise ValueError(
                    f"pooling_mode is {mode!r}; it must be one of {', '.join(_POOLING)}"
                )
        if not modes:
            raise ValueError("pooling_mode is empty: name at least one kind of pooling")
        self.modes = modes
        self.embedding_dimension = embedding_dimension
        self.include_prompt = include_prompt

    @property
    def pooling_mode(self) -> str | tuple[str, ...]:
        """The kind of pooling, or the kinds."""
        return self.modes[0] if len(self.modes) == 1 else self.modes

    def get_embedding_dimension(self) -> int:
        """Numbers of a text's vector."""
        return len(self.modes) * self.embedding_dimension

    def __call__(self, model: Any, batch: Mapping[str, Any], prompt_length: int = 0) -> _Array:
        """The vectors of a batch, float32 (b, dim)."""
        pooled = None
        if prompt_length and not self.include_prompt:
            pooled = np.ones(batch["input_ids"].shape, bool)
            pooled[:, :prompt_length] = False
        parts = [model.embed(**batch, pooling=_POOLING[m][1], pooled=pooled) for m in self.modes]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    @classmethod
    def load(cls, source: Source, path: str) -> Pooling:
        """Read one in the form of sentence-transformers 6 or an older one."""
        file = _config_file(source, path)
        config = read_json(file)
        dimension = read_field(file, config, "word_embedding_dimension", int)
        dimension = read_field(file, config, "embedding_dimension", int, dimension)
        if dimension is None:
            raise ValueError(f"{file}: has no embedding_dimension")
        modes = config.get("pooling_mode")
        if modes is None:
            old = {mode: read_field(file, config, key, bool) for mode, (key, _) in _POOLING.items()}
            modes = [mode for mode, chosen in old.items() if chosen] or "mean"
        names = modes if isinstance(modes, list) else [modes]
        if not all(isinstance(name, str) for name in names):
            raise ValueError(
                f"{file}: pooling_mode is {modes!r:.100}; it must be a name or a list of names"
            )
        include_prompt = read_field(file, config, "include_prompt", bool, True)
        try:
            return cls(dimension, names, include_prompt)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None

    def save(self, folder: Path) -> None:
        """Write the form that every release reads; another order of several modes needs the new."""
        config: dict[str, Any] = {"word_embedding_dimension": self.embedding_dimension}
        config |= {key: mode in self.modes for mode, (key, _) in _POOLING.items()}
        config["include_prompt"] = self.include_prompt
        if self.modes != tuple(mode for mode in _POOLING if mode in self.modes):
            config = {
                "embedding_dimension": self.embedding_dimension,
                "pooling_mode": list(self.modes),
                "include_prompt": self.include_prompt,
            }
        write_json(folder / "config.json", config)

    def __repr__(self) -> str:
        prompt = "" if self.include_prompt else ", include_prompt=False"
        return f"Pooling({self.embedding_dimension}, {self.pooling_mode!r}{prompt})"


class Normalize:
    """Vectors of length 1."""

    def __call__(self, vectors: _Array) -> _Array:
        """The vectors (n, dim), divided by their lengths."""
        return unit(vectors)

    @classmethod
    def load(cls, source: Source, path: str) -> Normalize:
        """Read one; there may be no file."""
        file = source.find(f"{path}/config.json")
        if file is not None:
            _check_place(file, read_json(file))
        return cls()

    def save(self, folder: Path) -> None:
        """Write nothing: there is nothing to say."""

    def __repr__(self) -> str:
        return "Normalize()"


class Dense:
    """A linear layer and an activation, with the input added where `use_residual` says so."""

    def __init__(
        self,
        weight: _Array,
        bias: _Array | None = None,
        activation_function: str = "torch.nn.modules.activation.Tanh",
        use_residual: bool = False,
        residual: _Array | None = None,
    ) -> None:
        """Take the weights.

        weight: (out, in). bias: (out,). activation_function: torch's name of Identity, ReLU,
        SiLU, Sigmoid or Tanh; ValueError for others. residual: (out, in), applied to the
        input that is added; without it the input is added as it is.
        """
        self.weight, self.bias, self.residual = weight, bias, residual
        self.activation_function = activation_function
        self.use_residual = use_residual
        name = activation_function.rpartition(".")[2]
        if name not in _ACTIVATIONS:
            raise ValueError(
                f"activation_function is {activation_function!r}; computed here are "
                f"{', '.join(_ACTIVATIONS)}"
            )
        self._activation = _ACTIVATIONS[name]

    def get_embedding_dimension(self) -> int:
        """Numbers of the vectors that come out."""
        return self.weight.shape[0]

    def __call__(self, vectors: _Array) -> _Array:
        """The layer applied to vectors, (n, in) to (n, out)."""
        result = vectors @ self.weight.T
        if self.bias is not None:
            result += self.bias
        result = self._activation(result)
        if self.use_residual:
            result = result + (vectors if self.residual is None else vectors @ self.residual.T)
        return result

    @classmethod
    def load(cls, source: Source, path: str) -> Dense:
        """Read one; ValueError where the weights are not what the settings say."""
        file = _config_file(source, path)
        config = read_json(file)
        _check_place(file, config)
        names = [f"{path}/{name}" for name in ("model.safetensors", "pytorch_model.bin")]
        weights = source.first(names)
        if weights is None:
            raise source.missing(names)
        checkpoint = Checkpoint(weights)
        width = read_field(file, config, "in_features", int)
        out = read_field(file, config, "out_features", int)
        shapes: dict[str, tuple[Any, ...]] = {"linear.weight": (out, width)}
        if read_field(file, config, "bias", bool, True):
            shapes["linear.bias"] = (out,)
        residual = read_field(file, config, "use_residual", bool, False)
        if residual and width != out:
            shapes["residual.weight"] = (out, width)
        for name, shape in shapes.items():
            found = checkpoint.shape(name) if name in checkpoint else "missing"
            if found != shape:
                raise ValueError(f"{weights}: {name} is {found}; {file} needs {shape}")
        tensors = {name: checkpoint[name] for name in shapes}
        activation = read_field(
            file, config, "activation_function", str, "torch.nn.modules.activation.Tanh"
        )
        try:
            return cls(
                tensors["linear.weight"],
                tensors.get("linear.bias"),
                activation,
                residual,
                tensors.get("residual.weight"),
            )
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None

    def save(self, folder: Path) -> None:
        """Write settings and weights."""
        out, width = self.weight.shape
        config: dict[str, Any] = {
            "in_features": width,
            "out_features": out,
            "bias": self.bias is not None,
            "activation_function": self.activation_function,
        }
        tensors = {"linear.weight": self.weight}
        if self.bias is not None:
            tensors["linear.bias"] = self.bias
        if self.use_residual:
            config["use_residual"] = True
        if self.residual is not None:
            tensors["residual.weight"] = self.residual
        write_json(folder / "config.json", config)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    def __repr__(self) -> str:
        out, width = self.weight.shape
        name = self.activation_function.rpartition(".")[2]
        return f"Dense({width}, {out}, {name}{', use_residual=True' if self.use_residual else ''})"


def _config_file(source: Source, path: str) -> Path:
    file = source.find(f"{path}/config.json")
    if file is None:
        raise source.missing([f"{path}/config.json"])
    return file


def _check_place(file: Path, config: Mapping[str, Any]) -> None:
    """ValueError for a part that works on anything but the pooled vectors."""
    for key in ("module_input_name", "module_output_name"):
        if config.get(key) not in (None, "sentence_embedding"):
            raise ValueError(
                f"{file}: has {key} {config[key]!r}; parts behind the pooling work on "
                "'sentence_embedding' here"
            )
