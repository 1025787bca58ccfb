"""What all models share: construction, loading, and the call into the C encoder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..arguments import unknown_keyword
from ..checkpoint import Checkpoint
from ..configuration import PreTrainedConfig, check_attention, dtype_name
from ..hub import HUB_KEYWORDS, Source
from ..outputs import ModelOutput
from ..tensor import Kind, kind_of, like, to_numpy
from .loading import Weights, fit_weights, initial_value
from .parameters import Parameters
from .saving import Saving

# Keywords of transformers' from_pretrained that change nothing here.
_WITHOUT_EFFECT = frozenset(
    {"low_cpu_mem_usage", "device_map", "weights_only", "disable_mmap", "_fast_init",
     "from_tf", "from_flax", "mirror", "offload_state_dict", "trust_remote_code",
     "resume_download"}
)  # fmt: skip
# Keywords of a call that are removed or belong to decoders, and why they are refused.
_REFUSED = {
    "head_mask": "head masks were removed in transformers 5",
    "encoder_hidden_states": "cross-attention is for decoders; these models are encoders",
    "encoder_attention_mask": "cross-attention is for decoders; these models are encoders",
    "past_key_values": "caching is for decoders; these models are encoders",
}
_FLOAT32 = ("auto", "float32", "float")


class PreTrainedModel(Parameters, Saving):
    """Base of all models: a configuration, float32 weights and a forward pass in C.

    A call never changes the model, so any number of threads may call it, also while its
    parameters are replaced.  Calls compute without dropout whatever `training` says.
    """

    main_input_name: ClassVar[str] = "input_ids"
    config_class: ClassVar[type[PreTrainedConfig]] = PreTrainedConfig
    _other_configs: ClassVar[tuple[type[PreTrainedConfig], ...]] = ()  # with the same fields
    base_model_prefix: ClassVar[str] = ""
    _family: ClassVar[str] = ""
    _head: ClassVar[str] = "none"
    _has_pooler: ClassVar[bool] = True  # the family's encoder can end in one
    _ties: ClassVar[dict[str, str]] = {}

    _part_of: str | None = None
    training: bool

    def __init__(self, config: Any, add_pooling_layer: bool = True) -> None:
        """Build a model with new weights, drawn as the reference draws them.

        The draws come from a generator seeded by NumPy's global one: call
        numpy.random.seed for repeatable weights.

        Raises:
            TypeError: config is not of this model's class.
            ValueError: the configuration is impossible; the message names the field.
        """
        self._set_up(config, add_pooling_layer)
        initial = self._initialiser()
        weights: Weights = {}
        for parameter in self._parameters:
            source = self._active_ties().get(parameter[0])
            weights[parameter[0]] = weights[source] if source else initial(parameter)
        self._set_weights(weights)
        self.training = True

    def _set_up(self, config: Any, pooler: bool) -> None:
        if not isinstance(config, (self.config_class, *self._other_configs)):
            raise TypeError(
                f"{type(self).__name__} needs a {self.config_class.__name__}, "
                f"not {type(config).__name__}"
            )
        if getattr(config, "add_cross_attention", False):
            raise ValueError(
                "add_cross_attention is not supported: there is no encoder to attend to"
            )
        self.config = config
        self._pooler = pooler and self._has_pooler and self._head == "none"
        self._configure_core()

    def _configure_core(self) -> None:
        self._core_config = {
            "family": self._family,
            "head": self._head,
            "pooler": self._pooler,
            **self._core_fields(),
        }
        self._parameters = _core.encoder_parameters(self._core_config)

    def _core_fields(self) -> dict[str, Any]:
        """The fields of the configuration by the names that _core has for them."""
        names = (
            "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
            "intermediate_size", "hidden_act", "max_position_embeddings", "type_vocab_size",
            "layer_norm_eps", "pad_token_id", "embedding_size", "num_hidden_groups",
            "inner_group_num", "num_labels",
        )  # fmt: skip
        return {n: getattr(self.config, n) for n in names if hasattr(self.config, n)}

    @classmethod
    def layout(cls, config: Any) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
        """What a model of this configuration would be, without making its weights.

        Its sizes by name (hidden_size, num_hidden_layers, ...), and the shape of every
        distinct parameter.  Errors as for the construction.
        """
        model = cls.__new__(cls)
        model._set_up(config, pooler=True)
        ties = model._active_ties()
        shapes = {name: shape for name, shape, _ in model._parameters if name not in ties}
        return model._core_fields(), shapes

    def _set_weights(self, weights: Weights) -> None:
        self._encoder = _core.Encoder(self._core_config, weights)
        self._weights = weights

    def _replace(self, weights: Weights) -> None:
        if self._part_of is not None:
            raise RuntimeError(
                f"this {type(self).__name__} is a part of a {self._part_of}: change the whole"
            )
        self._configure_core()
        self._set_weights(weights)

    def _active_ties(self) -> dict[str, str]:
        return self._ties if self.config.tie_word_embeddings else {}

    def _initialiser(self) -> Any:
        rng = np.random.default_rng(np.random.randint(0, 2**32, 4, np.uint32))
        std, padding = float(self.config.initializer_range), self.config.pad_token_id
        return lambda parameter: initial_value(parameter, std, padding, rng)

    # ---- loading ----

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str] | None,
        add_pooling_layer: bool = True,
        *,
        config: Any = None,
        ignore_mismatched_sizes: bool = False,
        use_safetensors: bool | None = None,
        variant: str | None = None,
        state_dict: Mapping[str, Any] | None = None,
        output_loading_info: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Load a model from a local directory or by its name on the hub.

        Reads config.json and the weights: model.safetensors (mapped, float32 used in place),
        its sharded form, or pytorch_model.bin (read without running any code in it).

        Args:
            pretrained_model_name_or_path: directory, or hub name such as "roberta-base".
            add_pooling_layer: False leaves the pooler of a base model out.
            config: a configuration, or a path to one, instead of the checkpoint's own.
            ignore_mismatched_sizes: start tensors of another shape anew.
            use_safetensors: True for safetensors only, False for .bin only.
            variant: suffix of the file names, such as "fp16".
            state_dict: tensors by name to use instead of the checkpoint's; with a
                configuration given, pretrained_model_name_or_path may then be None.
            output_loading_info: return (model, report) with missing_keys, unexpected_keys,
                mismatched_keys and error_msgs.
            **kwargs: cache_dir, force_download, local_files_only, token, revision,
                subfolder as for huggingface_hub; dtype ("float32"); any field of the
                configuration.  device_map, low_cpu_mem_usage, weights_only, disable_mmap
                and trust_remote_code are accepted and change nothing.

        Returns:
            The model, in evaluation mode.

        Raises:
            OSError: no such directory, repository or file.
            ValueError: a malformed file, an impossible configuration, or a checkpoint of a
                model type that pytxenc does not compute.
            RuntimeError: a tensor whose shape is not the configuration's.
            TypeError: an unknown keyword.
        """
        name = pretrained_model_name_or_path
        hub = {key: kwargs.pop(key) for key in HUB_KEYWORDS if key in kwargs}
        kwargs = {key: value for key, value in kwargs.items() if key not in _WITHOUT_EFFECT}
        _check_dtype(kwargs.pop("dtype", kwargs.pop("torch_dtype", None)))
        # One source for all files: on the hub they then come from one commit.
        source = Source(name, **hub) if name is not None else None
        if source is None and (config is None or state_dict is None):
            raise ValueError("from_pretrained needs a name, or a config and a state_dict")
        unused = kwargs
        if not isinstance(config, PreTrainedConfig):
            place = Source(config, **hub) if config is not None else source
            assert place is not None
            config, unused = cls.config_class.from_source(place, known_types_only=True, **kwargs)
        if unused:
            known = [*cls.config_class._fields, *HUB_KEYWORDS, "dtype", "num_labels",
                     "ignore_mismatched_sizes", "use_safetensors", "variant",
                     "output_loading_info", "add_pooling_layer"]  # fmt: skip
            raise unknown_keyword(f"{cls.__name__}.from_pretrained", next(iter(unused)), known)

        model = cls.__new__(cls)
        model._set_up(config, add_pooling_layer)
        checkpoint: Mapping[str, NDArray[Any]]
        if state_dict is not None:
            # Copies: what the caller does to its tensors later must not change the model.
            checkpoint = {key: np.array(to_numpy(value)) for key, value in state_dict.items()}
        else:
            assert source is not None
            checkpoint = Checkpoint.find(source, use_safetensors=use_safetensors, variant=variant)
        weights, report = fit_weights(
            checkpoint,
            model._parameters,
            prefix=cls.base_model_prefix + ".",
            ties=model._active_ties(),
            ignore_mismatched_sizes=ignore_mismatched_sizes,
            initial=model._initialiser(),
        )
        model._set_weights(weights)
        model.training = False
        report.log(cls.__name__, str(name))
        return (model, report.as_dict()) if output_loading_info else model

    # ---- the forward pass ----

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the model; see the class for arguments and results."""
        raise NotImplementedError

    def _run(
        self,
        input_ids: Any,
        attention_mask: Any,
        token_type_ids: Any,
        position_ids: Any,
        inputs_embeds: Any,
        wanted: NDArray[np.bool_] | None = None,
        kind: Kind | None = None,
        **outputs: Any,
    ) -> tuple[dict[str, Any], Kind]:
        """Call the C encoder; its results and the kind of tensor the caller uses.

        That is the kind of the tokens unless it is given.
        """
        ids, embeds = as_array("input_ids", input_ids), as_array("inputs_embeds", inputs_embeds)
        tokens = ids if ids is not None else embeds
        shape = () if tokens is None else tokens.shape[:2]
        if wanted is not None and len(shape) == 2 and wanted.shape != shape:
            raise ValueError(f"labels have shape {wanted.shape}; the batch needs {shape}")
        mask, bias = _split_mask(as_array("attention_mask", attention_mask))
        if getattr(self.config, "is_decoder", False) and bias is None and len(shape) == 2:
            mask, bias = None, _causal_bias(_spread(mask, shape), shape)
        results = self._encoder.forward(
            input_ids=ids,
            inputs_embeds=embeds,
            attention_mask=_spread(mask, shape),
            attention_bias=bias,
            token_type_ids=_spread(as_array("token_type_ids", token_type_ids), shape),
            position_ids=_spread(as_array("position_ids", position_ids), shape),
            wanted=wanted,
            **outputs,
        )
        return results, kind_of(input_ids, inputs_embeds) if kind is None else kind

    def _options(self, kwargs: dict[str, Any]) -> tuple[Any, bool, bool]:
        """(output_hidden_states, output_attentions, return_dict) of a call."""
        hidden = kwargs.pop("output_hidden_states", None)
        attentions = kwargs.pop("output_attentions", None)
        as_dict = kwargs.pop("return_dict", None)
        kwargs.pop("use_cache", None)
        for name, reason in _REFUSED.items():
            if kwargs.pop(name, None) is not None:
                raise TypeError(f"{type(self).__name__}: {name} is not supported: {reason}")
        if kwargs:
            known = [*self._argument_names(), "output_hidden_states", "output_attentions",
                     "return_dict"]  # fmt: skip
            raise unknown_keyword(type(self).__name__, next(iter(kwargs)), known)
        config = self.config
        return (
            config.output_hidden_states if hidden is None else hidden,
            bool(config.output_attentions if attentions is None else attentions),
            bool(config.return_dict if as_dict is None else as_dict),
        )

    def _argument_names(self) -> list[str]:
        code = self.forward.__code__  # type: ignore[attr-defined]
        return list(code.co_varnames[1 : code.co_argcount])

    # ---- looking at a model ----

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """The dtype computed in."""
        return np.dtype(np.float32)

    @property
    def device(self) -> str:
        """Where the model computes: always "cpu"."""
        return "cpu"

    @property
    def name_or_path(self) -> str:
        """Where the model was loaded from: a directory, or a name on the hub."""
        return str(self.config.name_or_path)

    def set_attn_implementation(self, attn_implementation: str) -> None:
        """Changes nothing but the configuration: attention is computed in one way.

        ValueError for a name that transformers does not have.
        """
        check_attention(attn_implementation)
        self.config._attn_implementation = attn_implementation

    def train(self, mode: bool = True) -> Any:
        """Set `training`; returns the model."""
        self.training = bool(mode)
        return self

    def eval(self) -> Any:
        """The same as train(False)."""
        return self.train(False)

    def to(self, device: Any = None, dtype: Any = None, non_blocking: bool = False) -> Any:
        """Returns the model; ValueError for what is neither the processor nor float32.

        As in torch, a dtype may stand in the place of the device.
        """
        for target in (device, dtype):
            if (
                target is not None
                and str(target).split(":")[0] != "cpu"
                and dtype_name(target) not in _FLOAT32
            ):
                raise ValueError(f"pytxenc computes on the CPU only, in float32, not on {target!r}")
        return self

    @property
    def base_model(self) -> Any:
        """The encoder without the head, sharing the weights; it can compute but not change them.

        It is also found by its name in the weights: `model.bert`, `model.roberta`, ...
        """
        if self._head == "none":
            return self
        from .auto import AutoModel

        cls = AutoModel._model_class(type(self.config))
        prefix = self.base_model_prefix + "."
        weights = {
            name.removeprefix(prefix): value
            for name, value in self._weights.items()
            if name.startswith(prefix)
        }
        pooler = any(name.startswith("pooler.") for name in weights)
        base = _rebuild(cls, self.config, pooler, weights, self.training)
        base._part_of = type(self).__name__
        return base

    def __getattr__(self, name: str) -> Any:
        if name == type(self).base_model_prefix and self._head != "none":
            return self.base_model
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def can_generate(self) -> bool:
        """False: encoders do not write text."""
        return False

    def cuda(self, device: Any = None) -> Any:
        """ValueError: the model computes on the CPU only."""
        return self.to("cuda")

    def half(self) -> Any:
        """ValueError: the model computes in float32."""
        return self.to(dtype="float16")

    def bfloat16(self) -> Any:
        """ValueError: the model computes in float32."""
        return self.to(dtype="bfloat16")

    def float(self) -> Any:
        """Returns the model, which is float32 already."""
        return self

    def cpu(self) -> Any:
        """Returns the model, which is there already."""
        return self

    def __repr__(self) -> str:
        config = self.config
        return (
            f"{type(self).__name__}({config.num_hidden_layers} layers, hidden "
            f"{config.hidden_size}, {config.num_attention_heads} heads, vocabulary "
            f"{config.vocab_size}, {self.num_parameters():,} parameters, float32)"
        )

    def __reduce__(self) -> Any:
        weights = self.state_dict()
        return _rebuild, (
            type(self),
            self.config,
            self._pooler,
            weights,
            self.training,
        )


def _rebuild(
    cls: type[PreTrainedModel], config: Any, pooler: bool, weights: Weights, training: bool
) -> PreTrainedModel:
    """A pickled model again."""
    model = cls.__new__(cls)
    model._set_up(config, pooler)
    model._set_weights(weights)
    model.training = training
    return model


def _check_dtype(dtype: Any) -> None:
    if dtype is not None and dtype_name(dtype) not in _FLOAT32:
        raise ValueError(f"dtype={dtype!r} is not supported: models compute in float32")


def as_array(what: str, value: Any) -> NDArray[Any] | None:
    """The argument as an array; a ragged list is a ValueError that names it."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        raise TypeError(
            f"{what} is a {type(value).__name__}, which holds several arguments: pass it as "
            "model(**encoding)"
        )
    try:
        return to_numpy(value)
    except ValueError:
        raise ValueError(
            f"{what}: the rows have different lengths; pad them, for example with "
            "tokenizer(..., padding=True)"
        ) from None


def as_bools(what: str, value: Any) -> NDArray[np.bool_] | None:
    """The argument as an array of bools; TypeError for other numbers."""
    array = as_array(what, value)
    if array is not None and array.dtype != bool:
        raise TypeError(f"{what} must hold bools (True where a token is meant), not {array.dtype}")
    return array


def _spread(array: NDArray[Any] | None, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """The array, one row repeated over the batch."""
    if array is not None and len(shape) == 2 and array.shape == (1, shape[1]) != shape:
        array = np.broadcast_to(array, shape)
    return array


def _split_mask(
    mask: NDArray[Any] | None,
) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    """A mask as (bool (batch, length), None) or (None, float32 four-dimensional)."""
    if mask is None:
        return None, None
    if mask.dtype.kind not in "biuf":
        raise TypeError(f"attention_mask must hold numbers or bools, not {mask.dtype}")
    if mask.ndim != 4:
        return mask.astype(bool, copy=False), None
    if mask.dtype == bool:
        return None, np.where(mask, np.float32(0), np.finfo(np.float32).min)
    if mask.dtype.kind != "f":
        raise TypeError(
            "attention_mask with four dimensions must be bool (True attends) or float "
            f"(added to the scores), not {mask.dtype}"
        )
    return None, mask.astype(np.float32, copy=False)


def _causal_bias(mask: NDArray[Any] | None, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """What is added to the scores of a decoder: no token sees one after it, or padding."""
    hidden = np.triu(np.ones((1, 1, shape[1], shape[1]), bool), 1)
    if mask is not None:
        if mask.shape != shape:
            raise ValueError(f"attention_mask has shape {mask.shape}; the batch needs {shape}")
        hidden = hidden | ~mask[:, None, None, :]
    return np.where(hidden, np.finfo(np.float32).min, np.float32(0))


def finish(
    output: type[ModelOutput], as_dict: bool, kind: Kind, **values: Any
) -> ModelOutput | tuple[Any, ...]:
    """The results as an output object or a tuple, in the caller's kind of tensor."""

    def wrap(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(wrap(item) for item in value)
        return None if value is None else like(value, kind)

    result = output(**{name: wrap(value) for name, value in values.items()})
    return result if as_dict else result.to_tuple()


def chosen_states(
    states: Sequence[Any] | None, which: bool | int | Sequence[int]
) -> tuple[Any, ...] | None:
    """The hidden states asked for: all for True, else None in place of those not named."""
    if states is None or which is True:
        return None if states is None else tuple(states)
    wanted = [which] if isinstance(which, int) else list(which)
    n = len(states)
    for index in wanted:
        if not -n <= index < n:
            raise IndexError(f"output_hidden_states: {index} is not one of the {n} states")
    keep = {index % n for index in wanted}
    return tuple(state if i in keep else None for i, state in enumerate(states))
