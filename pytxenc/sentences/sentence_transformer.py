"""Vectors of sentences, with the API of sentence-transformers 6."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arguments import unknown_keyword
from ..numeric import unit
from ..tensor import as_tensor
from .batching import batches, windows
from .loading import Module, check_modules, find_model, load_modules, read_settings, save_modules
from .quantization import check_precision, quantize_embeddings
from .similarity import check_similarity, similarity

logger = logging.getLogger("pytxenc")

_Array = NDArray[np.float32]

_OUTPUTS = ("sentence_embedding", "token_embeddings", None)
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")
# Keywords of sentence-transformers' that change nothing here, and what must be left at None.
_WITHOUT_EFFECT = frozenset({"trust_remote_code", "model_card_data", "task"})
_REFUSED = {
    "pool": "one process computes on all cores (pytxenc.set_num_threads)",
    "chunk_size": "one process computes on all cores (pytxenc.set_num_threads)",
    "use_auth_token": "it is now called token",
}


class _Options(NamedTuple):
    """What one call of `encode` asks for, worked out."""

    prompt: str
    batch_size: int | None
    normalize: bool
    dim: int | None  # numbers of a vector to keep


class SentenceTransformer:
    """A model that turns texts into vectors: encoder, pooling, and what comes behind.

    Calls of `encode` change nothing, so any number of threads may share a model.
    """

    def __init__(
        self,
        model_name_or_path: str | os.PathLike[str] | None = None,
        *,
        modules: Sequence[Module] | None = None,
        device: Any = None,
        prompts: Mapping[str, str] | None = None,
        default_prompt_name: str | None = None,
        similarity_fn_name: Any = None,
        cache_folder: str | os.PathLike[str] | None = None,
        revision: str | None = None,
        local_files_only: bool = False,
        token: bool | str | None = None,
        truncate_dim: int | None = None,
        model_kwargs: Mapping[str, Any] | None = None,
        processor_kwargs: Mapping[str, Any] | None = None,
        config_kwargs: Mapping[str, Any] | None = None,
        backend: str = "torch",
        **kwargs: Any,
    ) -> None:
        """Load a model of sentence-transformers, or any encoder, with mean pooling then.

        Args:
            model_name_or_path: a directory, or a name on the hub; one without an
                organisation is sentence-transformers' own.
            modules: the parts of a model (see pytxenc.sentences), instead of a name.
            device: None or "cpu".
            prompts: texts by name that `encode` puts in front; they win over the model's.
            default_prompt_name: the one used where `encode` is given none.
            similarity_fn_name: "cosine", "dot", "euclidean" or "manhattan"; by default the
                model's own, else "cosine".
            cache_folder, revision, local_files_only, token: as for huggingface_hub.
            truncate_dim: keep so many numbers of each vector.
            model_kwargs, processor_kwargs: for the from_pretrained of encoder and tokenizer;
                {"dtype": "bfloat16"} or "int8" computes the encoder in that precision.
            config_kwargs: fields of the encoder's configuration.
            backend: "torch", which here names the one there is.

        Raises:
            OSError: no such directory, repository or file.
            ValueError: a malformed file, a part or an encoder that is not computed here.
            TypeError: an unknown keyword.
        """
        if "tokenizer_kwargs" in kwargs and processor_kwargs is None:
            processor_kwargs = kwargs.pop("tokenizer_kwargs")
        self._check_keywords("__init__", kwargs)
        _check_device(device)
        if backend != "torch":
            raise ValueError(f"backend={backend!r} is not supported: the encoders are in C")
        if (model_name_or_path is None) == (modules is None):
            raise ValueError("give either the name of a model or its modules")
        settings: dict[str, Any] = {}
        if model_name_or_path is not None:
            hub: dict[str, Any] = {
                "cache_dir": cache_folder or os.environ.get("SENTENCE_TRANSFORMERS_HOME"),
                "revision": revision,
                "local_files_only": local_files_only,
                "token": token,
            }
            hub = {name: value for name, value in hub.items() if value}
            source = find_model(model_name_or_path, **hub)
            settings = read_settings(source)
            modules = load_modules(
                source,
                **hub,
                model_kwargs=model_kwargs,
                processor_kwargs=processor_kwargs,
                config_kwargs=config_kwargs,
            )
        self._modules = check_modules(modules or ())
        self.prompts = {
            **{"query": "", "document": ""},
            **(settings.get("prompts") or {}),
            **(prompts or {}),
        }
        self.default_prompt_name = default_prompt_name or settings.get("default_prompt_name")
        if self.default_prompt_name is not None:
            self._prompt(None, self.default_prompt_name)
        self.similarity_fn_name = similarity_fn_name or settings.get("similarity_fn_name")
        self.truncate_dim = _positive("truncate_dim", truncate_dim) or settings.get("truncate_dim")

    # ---- encoding ----

    def encode(
        self,
        inputs: Any = None,
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int | None = None,
        show_progress_bar: bool | None = None,
        output_value: str | None = "sentence_embedding",
        precision: str = "float32",
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        device: Any = None,
        normalize_embeddings: bool = False,
        truncate_dim: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """The vectors of texts, in their order.

        Texts are computed in batches of like length whose size is chosen for speed.

        Args:
            inputs: a str, or an iterable of str (`sentences` is an older name).
            prompt_name: name of the prompt to put in front of every text.
            prompt: the prompt itself; prompt_name is ignored then.
            batch_size: texts in a batch at most.
            show_progress_bar: by default where pytxenc's logger shows information.
            output_value: "sentence_embedding"; "token_embeddings", the last hidden states of
                each text's tokens; None, a dict of everything for each text.
            precision: "float32", or "int8", "uint8", "binary", "ubinary" as for
                `quantize_embeddings`.
            convert_to_numpy: an array; False gives a list of tensors.
            convert_to_tensor: one tensor: torch's, or a light one where torch is not installed.
            device: None or "cpu".
            normalize_embeddings: divide each vector by its length, after all else.
            truncate_dim: keep so many numbers of each vector.

        Returns:
            float32 (n, dim) for n texts, (dim,) for a str; of another dtype and with fewer
            columns by `precision`.  With "token_embeddings" a list of tensors (length,
            hidden), with None a list of dicts of tensors; without a list for a str.

        Raises:
            TypeError: an input that is no str, and which; an unknown keyword.
            ValueError: an unknown prompt, precision or output_value.
        """
        if inputs is None and "sentences" in kwargs:
            inputs = kwargs.pop("sentences")
        self._check_keywords("encode", kwargs)
        _check_device(device)
        check_precision(precision)
        if output_value not in _OUTPUTS:
            raise ValueError(f"output_value is {output_value!r}; it must be one of {_OUTPUTS}")
        single = isinstance(inputs, str)
        texts = list(_checked([inputs] if single else inputs))
        if show_progress_bar is None:
            show_progress_bar = logger.getEffectiveLevel() <= logging.INFO
        options = self._options(prompt, prompt_name, batch_size, normalize_embeddings, truncate_dim)
        with _progress_bar(show_progress_bar, len(texts)) as done:
            if output_value != "sentence_embedding":
                results = self._features(texts, done, options, everything=output_value is None)
                if output_value is not None:
                    results = [features[output_value] for features in results]
                return results[0] if single else results
            vectors = np.empty((len(texts), self._width(options.dim)), np.float32)
            start = 0
            for window in windows(texts):
                vectors[start : start + len(window)] = self._vectors(window, done, options)
                start += len(window)
        result: Any = vectors
        if precision != "float32":
            result = quantize_embeddings(vectors, precision)
        if convert_to_tensor:
            result = as_tensor(result, "pt")
        elif not convert_to_numpy:
            result = [as_tensor(row, "pt") for row in result]
        return result[0] if single else result

    def encode_iter(
        self,
        inputs: Iterable[str],
        *,
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int | None = None,
        normalize_embeddings: bool = False,
        truncate_dim: int | None = None,
    ) -> Iterator[_Array]:
        """The vectors of any number of texts, some thousand at a time: float32 (k, dim) each.

        Nothing is held but the texts and vectors of the present block.  Arguments and errors
        are those of `encode`.
        """
        options = self._options(prompt, prompt_name, batch_size, normalize_embeddings, truncate_dim)
        texts = _checked(inputs)
        return (self._vectors(window, lambda n: None, options) for window in windows(texts))

    def encode_query(
        self,
        inputs: Any = None,
        prompt_name: str | None = None,
        prompt: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """`encode` with the prompt "query", unless one is given."""
        if prompt_name is None and prompt is None and "query" in self.prompts:
            prompt_name = "query"
        return self.encode(inputs, prompt_name, prompt, *args, **kwargs)

    def encode_document(
        self,
        inputs: Any = None,
        prompt_name: str | None = None,
        prompt: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """`encode` with the first prompt there is of "document", "passage" and "corpus"."""
        if prompt_name is None and prompt is None:
            prompt_name = next((name for name in _DOCUMENT_PROMPTS if name in self.prompts), None)
        return self.encode(inputs, prompt_name, prompt, *args, **kwargs)

    def _options(
        self,
        prompt: str | None,
        prompt_name: str | None,
        batch_size: int | None,
        normalize: bool,
        dim: int | None,
    ) -> _Options:
        return _Options(
            self._prompt(prompt, prompt_name),
            _positive("batch_size", batch_size),
            bool(normalize),
            _positive("truncate_dim", dim) or self.truncate_dim,
        )

    def _batches(
        self, texts: Sequence[str], options: _Options
    ) -> Iterator[tuple[list[int], dict[str, NDArray[np.int64]], int]]:
        """Batches of the texts: which, the model's inputs, and tokens of the prompt."""
        transformer = self._modules[0]
        prompt = options.prompt
        rows = transformer.rows([prompt + text for text in texts] if prompt else texts)
        length = transformer.prompt_length(prompt) if prompt else 0
        for chosen in batches([len(row) for row in rows["input_ids"]], options.batch_size):
            yield chosen, transformer.pad(rows, chosen), length

    def _pooled(self, batch: dict[str, Any], length: int, options: _Options) -> _Array:
        """The vectors of a batch, as they leave the last part."""
        vectors: _Array = self._modules[1](self._modules[0].model, batch, length)
        for module in self._modules[2:]:
            vectors = module(vectors)
        vectors = vectors[:, : options.dim]
        return unit(vectors) if options.normalize else vectors

    def _vectors(
        self, texts: Sequence[str], done: Callable[[int], Any], options: _Options
    ) -> _Array:
        vectors = np.empty((len(texts), self._width(options.dim)), np.float32)
        for chosen, batch, length in self._batches(texts, options):
            vectors[chosen] = self._pooled(batch, length, options)
            done(len(chosen))
        return vectors

    def _features(
        self,
        texts: Sequence[str],
        done: Callable[[int], Any],
        options: _Options,
        everything: bool,
    ) -> list[Any]:
        """For every text a dict of tensors: inputs, token_embeddings and sentence_embedding.

        The last is computed only for `everything`.
        """
        results: list[Any] = [None] * len(texts)
        for window_start, window in _numbered(windows(texts)):
            for chosen, batch, length in self._batches(window, options):
                hidden = self._modules[0].model(**batch).last_hidden_state
                vectors = self._pooled(batch, length, options) if everything else None
                for row, index in enumerate(chosen):
                    tokens = int(batch["attention_mask"][row].sum())
                    features = {name: values[row, :tokens] for name, values in batch.items()}
                    features["token_embeddings"] = hidden[row, :tokens]
                    if vectors is not None:
                        features["sentence_embedding"] = vectors[row]
                    results[window_start + index] = {
                        name: as_tensor(np.array(value), "pt") for name, value in features.items()
                    }
                done(len(chosen))
        return results

    def _prompt(self, prompt: str | None, name: str | None) -> str:
        """The text to put in front; ValueError for a name that is not known."""
        if prompt is not None:
            if name is not None:
                logger.warning("prompt_name %r is ignored: a prompt is given", name)
            if not isinstance(prompt, str):
                raise TypeError(f"prompt must be a str, not {prompt!r}")
            return prompt
        name = self.default_prompt_name if name is None else name
        if name is None:
            return ""
        if name not in self.prompts:
            raise ValueError(
                f"there is no prompt named {name!r}; the model has {', '.join(self.prompts)}"
            )
        return self.prompts[name]

    def tokenize(self, texts: Sequence[str], prompt: str | None = None) -> Any:
        """The texts as inputs of the encoder, padded to one length: a BatchEncoding of tensors."""
        texts = [(prompt or "") + text for text in _checked(texts)]
        return self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")

    preprocess = tokenize

    # ---- comparing ----

    @property
    def similarity_fn_name(self) -> str:
        """ "cosine", "dot", "euclidean" or "manhattan"; distances count as negative."""
        return self._similarity_fn_name

    @similarity_fn_name.setter
    def similarity_fn_name(self, value: Any) -> None:
        self._similarity_fn_name = check_similarity("cosine" if value is None else value)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """How alike vectors (n, dim) are to vectors (m, dim): a float32 tensor (n, m).

        A tensor of torch where torch is imported, else a light one (pytxenc.Tensor), which
        is an array.  ValueError for vectors of different widths.
        """
        return similarity(self.similarity_fn_name, embeddings1, embeddings2, pairwise=False)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """How alike vectors are to those in the same place: a float32 tensor (n,)."""
        return similarity(self.similarity_fn_name, embeddings1, embeddings2, pairwise=True)

    # ---- looking ----

    @property
    def tokenizer(self) -> Any:
        """The encoder's tokenizer."""
        return self._modules[0].tokenizer

    @tokenizer.setter
    def tokenizer(self, value: Any) -> None:
        self._modules[0].tokenizer = value

    @property
    def transformers_model(self) -> Any:
        """The encoder."""
        return self._modules[0].model

    @property
    def max_seq_length(self) -> int:
        """Tokens of the longest text that is not cut; None sets what the encoder can take."""
        return int(self._modules[0].max_seq_length)

    @max_seq_length.setter
    def max_seq_length(self, value: int | None) -> None:
        self._modules[0].max_seq_length = _positive("max_seq_length", value)

    def get_max_seq_length(self) -> int:
        """The older form of `max_seq_length`."""
        return self.max_seq_length

    def get_embedding_dimension(self) -> int:
        """Numbers of a vector that `encode` gives."""
        return self._width(self.truncate_dim)

    get_sentence_embedding_dimension = get_embedding_dimension

    def _width(self, dim: int | None) -> int:
        sizes = [m.get_embedding_dimension() for m in self if hasattr(m, "get_embedding_dimension")]
        return int(sizes[-1] if dim is None else min(sizes[-1], dim))

    @contextmanager
    def truncate_embeddings(self, truncate_dim: int | None) -> Iterator[None]:
        """Within the block `encode` keeps so many numbers of each vector."""
        before = self.truncate_dim
        self.truncate_dim = _positive("truncate_dim", truncate_dim)
        try:
            yield
        finally:
            self.truncate_dim = before

    truncate_sentence_embeddings = truncate_embeddings

    @property
    def device(self) -> str:
        """Where the model computes: always "cpu"."""
        return "cpu"

    def to(self, device: Any = None, dtype: Any = None) -> SentenceTransformer:
        """Compute the encoder in another precision from now on; returns the model.

        Arguments and errors are those of the encoder's own `to`: "bfloat16", "int8", "float32".
        """
        self.transformers_model.to(device, dtype)
        return self

    def half(self) -> SentenceTransformer:
        """Compute in float32, which is a warning: there are no kernels for float16."""
        return self.to(dtype="float16")

    def bfloat16(self) -> SentenceTransformer:
        """Compute the encoder in bfloat16: `to(dtype="bfloat16")`."""
        return self.to(dtype="bfloat16")

    def float(self) -> SentenceTransformer:
        """Compute in float32: `to(dtype="float32")`."""
        return self.to(dtype="float32")

    def eval(self) -> SentenceTransformer:
        """Returns the model, which never computes with dropout."""
        return self

    def __getitem__(self, index: int) -> Module:
        return self._modules[index]

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __repr__(self) -> str:
        lines = [f"  ({index}): {module!r}\n" for index, module in enumerate(self)]
        return f"SentenceTransformer(\n{''.join(lines)})"

    # ---- saving ----

    def save_pretrained(
        self, path: str | os.PathLike[str], *, safe_serialization: bool = True
    ) -> None:
        """Write the model into a directory, in the form that sentence-transformers reads.

        Files appear complete or not at all; no model card is written.  OSError where they
        cannot be written; ValueError for safe_serialization=False, a pickle.
        """
        if not safe_serialization:
            raise ValueError("safe_serialization=False: models are saved as safetensors only")
        settings = {
            "prompts": self.prompts,
            "default_prompt_name": self.default_prompt_name,
            "similarity_fn_name": self.similarity_fn_name,
        }
        if self.truncate_dim is not None:
            settings["truncate_dim"] = self.truncate_dim
        save_modules(Path(path), self._modules, settings)

    save = save_pretrained

    @classmethod
    def _check_keywords(cls, name: str, kwargs: Mapping[str, Any]) -> None:
        """Errors for the keywords that are left over."""
        for key, value in kwargs.items():
            if key in _REFUSED:
                if value is not None:
                    raise TypeError(f"{cls.__name__}: {key} is not supported: {_REFUSED[key]}")
            elif key not in _WITHOUT_EFFECT:
                method = getattr(cls, name)
                code = method.__code__
                known = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
                called = cls.__name__ if name == "__init__" else f"{cls.__name__}.{name}"
                raise unknown_keyword(called, key, known)


def _checked(inputs: Any) -> Iterator[str]:
    """The texts one by one; TypeError for what is no text, naming its place."""
    if isinstance(inputs, (bytes, Mapping)) or not isinstance(inputs, Iterable):
        raise TypeError(f"inputs must be a str or an iterable of str, not {type(inputs).__name__}")
    if isinstance(inputs, str):
        raise TypeError("inputs must be several texts here; put the one into a list")
    return _texts(inputs)


def _texts(inputs: Iterable[Any]) -> Iterator[str]:
    for index, text in enumerate(inputs):
        if not isinstance(text, str):
            raise TypeError(f"inputs[{index}] is a {type(text).__name__}, not a str")
        yield text


def _numbered(parts: Iterable[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Lists that follow each other and the index where each begins."""
    start = 0
    for part in parts:
        yield start, part
        start += len(part)


def _positive(name: str, value: int | None) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer))):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if value is not None and value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}")
    return value


def _check_device(device: Any) -> None:
    if device is not None and str(device).split(":")[0] != "cpu":
        raise ValueError(f"pytxenc computes on the CPU only, not on {device!r}")


@contextmanager
def _progress_bar(wanted: bool, total: int) -> Iterator[Any]:
    """A function to call with the number of texts that were done."""
    if not wanted:
        yield lambda n: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="text", file=sys.stderr) as bar:
        yield bar.update
