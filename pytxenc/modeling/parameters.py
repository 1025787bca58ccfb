"""The parameters of a model: looking at them, replacing them, resizing the vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..configuration import PreTrainedConfig
from ..tensor import to_numpy
from .inputs import as_integers
from .loading import Parameter, Weights
from .precision import footprint

_WORDS = "embeddings.word_embeddings.weight"


@dataclass(frozen=True, eq=False)
class Embedding:
    """A table of vectors: `weight`, float32 (num_embeddings, embedding_dim), not to write to."""

    weight: NDArray[np.float32]

    @property
    def num_embeddings(self) -> int:
        """Rows of the table."""
        return self.weight.shape[0]

    @property
    def embedding_dim(self) -> int:
        """Columns of the table."""
        return self.weight.shape[1]

    def __call__(self, input: Any) -> NDArray[np.float32]:
        """The vectors of integers of any shape, one dimension more.

        IndexError for an integer that is no row, TypeError for what are no integers.
        """
        rows = as_integers("input", input)
        if rows is None:
            raise TypeError("input must hold integers, not None")
        wrong = rows[(rows < 0) | (rows >= self.num_embeddings)]
        if wrong.size:
            raise IndexError(f"{wrong[0]} is no row of the table: 0 to {self.num_embeddings - 1}")
        return self.weight[rows]

    def __repr__(self) -> str:
        return f"Embedding({self.num_embeddings}, {self.embedding_dim})"


@dataclass(frozen=True, eq=False)
class Linear:
    """y = x weight^T + bias: float32 (out_features, in_features) and (out_features,)."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    @property
    def in_features(self) -> int:
        """Width of x."""
        return self.weight.shape[1]

    @property
    def out_features(self) -> int:
        """Width of y."""
        return self.weight.shape[0]

    def __repr__(self) -> str:
        return f"Linear(in_features={self.in_features}, out_features={self.out_features})"


class IncompatibleKeys(NamedTuple):
    """What did not fit in load_state_dict."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Parameters:
    """The part of a model that holds its parameters.

    Whatever replaces parameters makes new ones: calls that are under way go on with the old,
    and arrays that were given out before stay as they were.
    """

    config: PreTrainedConfig
    _ties: ClassVar[dict[str, str]]
    _weights: Weights
    _parameters: list[Parameter]
    _core_config: dict[str, Any]
    _precision: str

    def _replace(self, weights: Weights) -> None:
        """Take other arrays of the shapes that the configuration needs."""
        raise NotImplementedError

    def _initialiser(self) -> Any:
        raise NotImplementedError

    # ---- looking ----

    def state_dict(self) -> dict[str, NDArray[np.float32]]:
        """Every parameter by name, float32, without copying; do not write to them."""
        return {name: self._weights[name] for name, _, _ in self._parameters}

    def named_parameters(self) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """(name, array) of every distinct parameter, tied ones once."""
        seen: set[int] = set()
        for name, value in self.state_dict().items():
            if id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def parameters(self) -> Iterator[NDArray[np.float32]]:
        """Every distinct parameter, tied ones once."""
        return (value for _, value in self.named_parameters())

    def num_parameters(self, only_trainable: bool = False, exclude_embeddings: bool = False) -> int:
        """Number of weights, tied ones counted once.

        `only_trainable` changes nothing; `exclude_embeddings` leaves out the tables of words,
        positions and token types.
        """
        return sum(
            value.size
            for name, value in self.named_parameters()
            if not (exclude_embeddings and name.endswith("_embeddings.weight"))
        )

    def get_parameter(self, target: str) -> NDArray[np.float32]:
        """A parameter by name; AttributeError for one that the model does not have."""
        if target not in self._weights:
            raise AttributeError(f"{type(self).__name__} has no parameter {target!r}")
        return self._weights[target]

    def get_memory_footprint(self, return_buffers: bool = True) -> int:
        """Bytes of the parameters as the model computes with them; there are no buffers.

        Tied ones count once, but for a table of words that is also a matrix of another
        precision.  The float32 weights that a model in bfloat16 or int8 keeps beside do not
        count; those of a mapped file take no memory.
        """
        shapes = {name: value.shape for name, value in self.named_parameters()}
        return footprint(shapes, self._tied(), self._precision)

    def get_input_embeddings(self) -> Embedding:
        """The table of word vectors."""
        return Embedding(self._weights[self._word_table()])

    def get_output_embeddings(self) -> Linear | None:
        """What gives logits over the vocabulary; None in models that give none."""
        name = self._decoder()
        if name is None:
            return None
        return Linear(self._weights[name], self._weights[name.replace(".weight", ".bias")])

    def _word_table(self) -> str:
        return next(name for name, _, _ in self._parameters if name.endswith(_WORDS))

    def _decoder(self) -> str | None:
        names = (name for name, source in self._ties.items() if source.endswith(_WORDS))
        return next(names, None)

    # ---- replacing ----

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Take the values of tensors by name; they are copied.

        Args:
            state_dict: arrays or torch tensors, of the model's shapes.
            strict: refuse names that are missing or not the model's.
            assign: accepted; it changes nothing.

        Raises:
            RuntimeError: names (with `strict`) or shapes that are not the model's; the model
                is then as it was.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"state_dict must be a mapping of names to tensors, not {type(state_dict).__name__}"
            )
        shapes = {name: shape for name, shape, _ in self._parameters}
        given = {name: to_numpy(state_dict[name]) for name in state_dict if name in shapes}
        keys = IncompatibleKeys(
            [name for name in shapes if name not in state_dict],
            [name for name in state_dict if name not in shapes],
        )
        problems = [
            f"tensor '{name}' has shape {value.shape}, the model needs {shapes[name]}"
            for name, value in given.items()
            if value.shape != shapes[name]
        ]
        problems += [
            f"tensor '{name}' holds {value.dtype}, the model needs real numbers"
            for name, value in given.items()
            if value.dtype.kind not in "biuf"
        ]
        if strict:
            problems += [f"missing: '{name}'" for name in keys.missing_keys]
            problems += [f"not the model's: '{name}'" for name in keys.unexpected_keys]
        if problems:
            lines = "\n".join(f"  {problem}" for problem in problems)
            raise RuntimeError(f"{type(self).__name__}.load_state_dict:\n{lines}")
        weights = {**self._weights}
        for name, value in given.items():
            weights[name] = np.array(value, np.float32)
        for name, source in self._tied().items():
            # As in torch a tied tensor is one: the value that comes last counts.
            last = name if name in given else source
            weights[name] = weights[source] = weights[last]
        self._replace(weights)
        return keys

    def set_input_embeddings(self, value: Any) -> None:
        """Take another table of word vectors: an Embedding, a torch module, or an array.

        Its rows become the vocabulary's size, its columns must be as before; what is tied to
        the table is replaced with it.  ValueError for another shape.
        """
        table = _weight(value)
        width = self.get_input_embeddings().embedding_dim
        if table.ndim != 2 or table.shape[1] != width or not len(table):
            raise ValueError(f"embeddings have shape {table.shape}; they must be (tokens, {width})")
        self._take_table(table, mean=True, fill_bias=False)

    def set_output_embeddings(self, new_embeddings: Any) -> None:
        """Take another vocabulary head: a Linear, a torch module, or an array of its weight.

        Of the same shape as the one there is, with its bias or without a change of it; it is
        then no longer tied to the table of words.  ValueError for another shape, or for a
        model without such a head.
        """
        decoder = self._decoder()
        if decoder is None:
            raise ValueError(f"{type(self).__name__} has no output embeddings")
        given = {decoder: _weight(new_embeddings)}
        bias = getattr(new_embeddings, "bias", None)
        if bias is not None:
            name = decoder.replace(".weight", ".bias")
            given[name] = given[self._ties.get(name, name)] = _weight(bias)
        for name, value in given.items():
            if value.shape != self._weights[name].shape:
                raise ValueError(
                    f"{name} has shape {value.shape}; it must be {self._weights[name].shape}"
                )
        self._replace({**self._weights, **given})

    def resize_token_embeddings(
        self,
        new_num_tokens: int | None = None,
        pad_to_multiple_of: int | None = None,
        mean_resizing: bool = True,
    ) -> Embedding:
        """Change the size of the vocabulary, at its end; returns the new table.

        Args:
            new_num_tokens: rows of the new table; None for as many as before.
            pad_to_multiple_of: round up to a multiple of it.
            mean_resizing: new rows are close to the mean of the old ones (J. Hewitt,
                Initializing new word embeddings for pretrained language models, 2021), biases
                that are not tied are their mean; False draws them as those of a new model.

        Raises:
            ValueError: sizes that are not positive.
        """
        count = self.config.vocab_size if new_num_tokens is None else new_num_tokens
        for what, size in (("new_num_tokens", count), ("pad_to_multiple_of", pad_to_multiple_of)):
            whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
            if size is not None and (not whole or size < 1):
                raise ValueError(f"{what} is {size!r}; it must be a positive integer")
        if pad_to_multiple_of is not None:
            count = -(-count // pad_to_multiple_of) * pad_to_multiple_of
        table = self._resized(self.get_input_embeddings().weight, int(count), mean_resizing)
        self._take_table(table, mean=mean_resizing, fill_bias=mean_resizing)
        return self.get_input_embeddings()

    def tie_weights(self, **kwargs: Any) -> None:
        """Tie what the configuration ties, the word table being the one that stays."""
        weights = {**self._weights}
        if self.config.tie_word_embeddings:
            weights.update({name: weights[source] for name, source in self._ties.items()})
        self._replace(weights)

    def _tied(self) -> dict[str, str]:
        """Those of the ties that hold: both names have one array."""
        return {
            name: source
            for name, source in self._ties.items()
            if self._weights[name] is self._weights[source]
        }

    def _resized(self, table: NDArray[np.float32], count: int, mean: bool) -> NDArray[np.float32]:
        if count <= len(table):
            return np.array(table[:count])
        resized: NDArray[np.float32] = np.empty((count, table.shape[1]), np.float32)
        resized[: len(table)] = table
        new = resized[len(table) :]
        if not mean:
            new[:] = self._initialiser()(("", new.shape, "normal"))
            return resized
        # Noise of a hundred-thousandth of the old rows' spread tells the new ones apart.
        noise = np.random.default_rng(0).standard_normal(new.shape)
        new[:] = table.mean(axis=0, dtype=np.float64) + 1e-5 * table.std(axis=0) * noise
        return resized

    def _take_table(self, table: NDArray[np.float32], mean: bool, fill_bias: bool) -> None:
        """Take a table of words of any length, with a vocabulary head of the same size.

        A decoder that is not tied to the table grows as _resized says, its bias by its mean
        with `fill_bias`; all other new biases are zero.
        """
        words, decoder, count = self._word_table(), self._decoder(), len(table)
        weights = {**self._weights, words: table}
        if decoder is not None:
            tied = self._tied()
            fill = fill_bias and decoder not in tied
            bias = decoder.replace(".weight", ".bias")
            weights[decoder] = (
                table if decoder in tied else self._resized(weights[decoder], count, mean)
            )
            for name in {bias, self._ties.get(bias, bias)}:
                weights[name] = _resized_bias(weights[name], count, fill)
            if bias in tied:
                weights[bias] = weights[tied[bias]]
        self.config.vocab_size = count
        self._replace(weights)


def _weight(value: Any) -> NDArray[np.float32]:
    """A copy of an array, or of the weight that a module has."""
    array = to_numpy(getattr(value, "weight", value))
    if array.dtype.kind not in "biuf":
        raise TypeError(f"a weight must be an array of real numbers, not {value!r:.80}")
    return np.array(array, np.float32)


def _resized_bias(bias: NDArray[np.float32], count: int, fill: bool) -> NDArray[np.float32]:
    resized = np.full(count, bias.mean() if fill else 0, np.float32)
    resized[: len(bias)] = bias[:count]
    return resized
