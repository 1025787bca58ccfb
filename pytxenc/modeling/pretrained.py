"""What all models share: construction, loading, and the call into the C encoder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, ParamSpec, Protocol, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..arguments import unknown_keyword
from ..checkpoint import Checkpoint
from ..configuration import PreTrainedConfig, check_attention
from ..hub import HUB_KEYWORDS, Source, without_old_keywords
from ..outputs import ModelOutput
from ..tensor import Kind, kind_of, to_numpy
from .inputs import as_array, as_flag, as_integers, as_states, causal_bias, split_mask, spread
from .loading import Weights, fit_weights, initial_value
from .parameters import Parameters
from .precision import Precision, check_device_map, pop_precision
from .saving import Saving

if TYPE_CHECKING:
    from ..optim.base import Optimizer
    from ..training.session import Session, StepResult

# Keywords of transformers' from_pretrained that change nothing here.
_WITHOUT_EFFECT = frozenset(
    {"low_cpu_mem_usage", "weights_only", "disable_mmap", "_fast_init",
     "from_tf", "from_flax", "mirror", "offload_state_dict", "trust_remote_code"}
)  # fmt: skip
# Keywords of a call that are removed or belong to decoders, and why they are refused.
_REFUSED = {
    "head_mask": "head masks were removed in transformers 5",
    "encoder_hidden_states": "cross-attention is for decoders; these models are encoders",
    "encoder_attention_mask": "cross-attention is for decoders; these models are encoders",
    "past_key_values": "caching is for decoders; these models are encoders",
}

Self = TypeVar("Self", bound="PreTrainedModel")
Output = TypeVar("Output", bound=ModelOutput)
Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned", covariant=True)


class _HasForward(Protocol[Arguments, Returned]):
    """For type checkers: a call takes and returns what forward does."""

    def forward(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Returned: ...


class PreTrainedModel(Parameters, Precision, Saving):
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
    _session: Session | None = None  # the newest that trains this model
    _pack_weights: bool = True
    training: bool

    def __init__(self, config: PreTrainedConfig, add_pooling_layer: bool = True) -> None:
        """Build a model with new weights, drawn as the reference draws them.

        Matrices and tables are normal with a standard deviation of initializer_range, the
        padding token's row zero; biases are zeros and LayerNorms' weights ones.  (BERT's and
        ALBERT's own code draws normal numbers up to two standard deviations only.)  The draws
        come from a generator seeded by NumPy's global one: call `pytxenc.set_seed` for
        repeatable weights.

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
        self._set_weights(weights, "float32")
        self.training = True

    def _set_up(self, config: Any, pooler: bool) -> None:
        if not self._family:
            raise TypeError(
                f"{type(self).__name__} is the base of all models: use a class such as BertModel, "
                "or AutoModel"
            )
        accepted: tuple[type[PreTrainedConfig], ...] = (self.config_class, *self._other_configs)
        if not isinstance(config, accepted):
            raise TypeError(
                f"{type(self).__name__} needs a {self.config_class.__name__}, "
                f"not {type(config).__name__}"
            )
        if getattr(config, "add_cross_attention", False):
            raise ValueError(
                "add_cross_attention is not supported: there is no encoder to attend to"
            )
        relative = getattr(config, "position_embedding_type", None)
        if relative not in (None, "absolute"):
            raise ValueError(
                f"position_embedding_type is {relative!r}; computed are absolute positions only"
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
    def layout(
        cls, config: Any
    ) -> tuple[dict[str, Any], dict[str, tuple[int, ...]], dict[str, str]]:
        """What a model of this configuration would be, without making its weights.

        Its sizes by name (hidden_size, num_hidden_layers, ...), the shape of every distinct
        parameter, and for every other the one that it is tied to.  Errors as for the
        construction.
        """
        model = cls.__new__(cls)
        model._set_up(config, pooler=True)
        ties = model._active_ties()
        shapes = {name: shape for name, shape, _ in model._parameters if name not in ties}
        return model._core_fields(), shapes, ties

    def _set_weights(self, weights: Weights, precision: str) -> None:
        packed = self._pack_weights or precision != "float32"
        self._encoder = _core.Encoder(self._core_config, weights, dtype=precision, packed=packed)
        self._weights = weights
        self._precision = precision

    def _replace(self, weights: Weights) -> None:
        if self._part_of is not None:
            raise RuntimeError(
                f"this {type(self).__name__} is a part of a {self._part_of}: change the whole"
            )
        self._configure_core()
        self._set_weights(weights, self._precision)

    def _active_ties(self) -> dict[str, str]:
        return self._ties if self.config.tie_word_embeddings else {}

    def _initialiser(self) -> Any:
        rng = np.random.default_rng(np.random.randint(0, 2**32, 4, np.uint32))
        # As in the reference 0 means the usual range.
        std, padding = float(self.config.initializer_range or 0.02), self.config.pad_token_id
        if not 0 < std < float(np.finfo(np.float32).max):
            raise ValueError(f"initializer_range is {std}; it must be a positive number")
        return lambda parameter: initial_value(parameter, std, padding, rng)

    # ---- loading ----

    @overload
    @classmethod
    def from_pretrained(
        cls: type[Self],
        pretrained_model_name_or_path: str | os.PathLike[str] | None,
        add_pooling_layer: bool = True,
        *,
        output_loading_info: Literal[True],
        **kwargs: Any,
    ) -> tuple[Self, dict[str, Any]]: ...
    @overload
    @classmethod
    def from_pretrained(
        cls: type[Self],
        pretrained_model_name_or_path: str | os.PathLike[str] | None,
        add_pooling_layer: bool = True,
        **kwargs: Any,
    ) -> Self: ...
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
        pack_weights: bool = True,
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
            pack_weights: False uses the matrices where they lie in the mapped file, which
                several processes then share; it is slower, and for float32 only.  By default
                the first call arranges them for the kernels.
            **kwargs: dtype, the precision of the matrix products: "float32" (also None and
                "auto"), "bfloat16" or "int8", or NumPy's or torch's dtype (the older name is
                torch_dtype).  int8 has a scale for each output channel of the weights and for
                each token, found without calibration.  float16 is float32 and a warning.
                cache_dir, force_download, local_files_only, token, revision, subfolder as for
                huggingface_hub; any field of the configuration.  device_map,
                low_cpu_mem_usage, weights_only, disable_mmap and trust_remote_code are
                accepted and change nothing.

        Returns:
            The model, in evaluation mode.

        Raises:
            OSError: no such directory, repository or file.
            ValueError: a malformed file, an impossible configuration, another dtype, or a
                checkpoint of a model type that pytxenc does not compute.
            RuntimeError: a tensor whose shape is not the configuration's.
            TypeError: an unknown keyword.
        """
        name = pretrained_model_name_or_path
        hub = {key: kwargs.pop(key) for key in HUB_KEYWORDS if key in kwargs}
        kwargs = without_old_keywords(kwargs)
        kwargs = {key: value for key, value in kwargs.items() if key not in _WITHOUT_EFFECT}
        precision = pop_precision(kwargs)
        pack_weights = as_flag("pack_weights", pack_weights)
        if not pack_weights and precision != "float32":
            raise ValueError(
                f"pack_weights=False is for float32: {precision} weights are made from the file's"
            )
        check_device_map(kwargs.pop("device_map", None))
        if not isinstance(state_dict, Mapping | None):
            raise TypeError(f"state_dict must be a mapping of names to tensors, not {state_dict!r}")
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
                     "output_loading_info", "add_pooling_layer", "pack_weights"]  # fmt: skip
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
        model._pack_weights = pack_weights
        model._set_weights(weights, precision)
        config.dtype = precision
        model.training = False
        report.log(cls.__name__, str(name))
        return (model, report.as_dict()) if output_loading_info else model

    # ---- the forward pass ----

    def __call__(
        self: _HasForward[Arguments, Returned], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Returned:
        """Compute the model: `forward`."""
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the model; see the class for arguments and results."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward pass: it is the base of the models that have"
        )

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
        inputs, shape = self._arguments(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds
        )
        if wanted is not None and len(shape) == 2 and wanted.shape != shape:
            raise ValueError(f"labels have shape {wanted.shape}; the batch needs {shape}")
        results = self._encoder.forward(**inputs, wanted=wanted, **outputs)
        return results, kind_of(input_ids, inputs_embeds) if kind is None else kind

    def _arguments(
        self,
        input_ids: Any,
        attention_mask: Any,
        token_type_ids: Any,
        position_ids: Any,
        inputs_embeds: Any,
    ) -> tuple[dict[str, Any], tuple[int, ...]]:
        """The arguments of a call as C wants them, and (batch, length)."""
        ids = as_integers("input_ids", input_ids)
        embeds = as_array("inputs_embeds", inputs_embeds)
        tokens = ids if ids is not None else embeds
        shape = () if tokens is None else tokens.shape[:2]
        mask, bias = split_mask(as_array("attention_mask", attention_mask))
        if getattr(self.config, "is_decoder", False) and bias is None and len(shape) == 2:
            mask, bias = None, causal_bias(spread(mask, shape), shape)
        inputs = {
            "input_ids": ids,
            "inputs_embeds": embeds,
            "attention_mask": spread(mask, shape),
            "attention_bias": bias,
            "token_type_ids": spread(as_integers("token_type_ids", token_type_ids), shape),
            "position_ids": spread(as_integers("position_ids", position_ids), shape),
        }
        return inputs, shape

    def _options(self, kwargs: dict[str, Any]) -> tuple[bool | list[int], bool, bool]:
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
            as_states(config.output_hidden_states if hidden is None else hidden),
            as_flag(
                "output_attentions",
                config.output_attentions if attentions is None else attentions,
            ),
            as_flag("return_dict", config.return_dict if as_dict is None else as_dict),
        )

    def _argument_names(self) -> list[str]:
        code = self.forward.__code__  # type: ignore[attr-defined]
        return list(code.co_varnames[1 : code.co_argcount])

    # ---- looking at a model ----

    @property
    def longest_input(self) -> int:
        """Tokens of the longest sequence that the model has positions for."""
        positions = int(self.config.max_position_embeddings)
        if self._family == "roberta":  # its positions begin after that of padding
            positions -= int(self.config.pad_token_id or 0) + 1
        return positions

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

    def train(self: Self, mode: bool = True) -> Self:
        """Set `training`; returns the model.  ValueError for a mode that is no bool."""
        if not isinstance(mode, bool):
            raise ValueError(f"mode must be True or False, not {mode!r}")
        self.training = mode
        return self

    def eval(self: Self) -> Self:
        """The same as train(False)."""
        return self.train(False)

    def train_step(
        self, batch: Mapping[str, Any], optimizer: Optimizer, *, max_grad_norm: float | None = None
    ) -> StepResult:
        """One step of training on one batch, by the session that was made of this model.

        Args:
            batch: the model's arguments by name, labels among them.
            optimizer: one of that session.
            max_grad_norm: the gradients' norm is clipped to it.

        RuntimeError without a session; other errors as of `Session.train_step`.
        """
        if self._session is None:
            raise RuntimeError(
                "a model is trained by a session: session = pytxenc.Session(model), "
                "optimizer = pytxenc.AdamW(session)"
            )
        return self._session.train_step(batch, optimizer, max_grad_norm=max_grad_norm)

    @property
    def base_model(self) -> PreTrainedModel:
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
        base = _rebuild(
            cls, self.config, pooler, weights, self.training, self._precision, self._pack_weights
        )
        base._part_of = type(self).__name__
        return base

    if not TYPE_CHECKING:  # which is to know of a misspelt attribute

        def __getattr__(self, name: str) -> Any:
            if name == type(self).base_model_prefix and self._head != "none":
                return self.base_model
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def can_generate(self) -> bool:
        """False: encoders do not write text."""
        return False

    def __repr__(self) -> str:
        core, prefix = self._core_config, self.base_model_prefix + "."
        words, width = self.get_input_embeddings().weight.shape
        groups = core.get("num_hidden_groups")
        shared = (
            "" if groups is None else f", parameters in {groups} shared group{'s'[: groups > 1]}"
        )
        head = "pooler" if self._pooler else "none"
        if self._head != "none":
            own = (v.size for n, v in self.named_parameters() if not n.startswith(prefix))
            head = f"{self._head.replace('_', ' ')}, {sum(own):,} parameters"
            if any(name.startswith("classifier") for name in self._weights):
                head += f", {self.config.num_labels} labels"
        return (
            f"{type(self).__name__}(\n"
            f"  embeddings: {words:,} tokens, {core['max_position_embeddings']:,} positions, "
            f"width {width}\n"
            f"  layers: {core['num_hidden_layers']}{shared}; hidden {core['hidden_size']}, "
            f"{core['num_attention_heads']} heads, feed-forward {core['intermediate_size']}, "
            f"{core['hidden_act']}\n"
            f"  head: {head}\n"
            f"  parameters: {self.num_parameters():,}, {self._precision}, "
            f"{self.get_memory_footprint() / 1e6:,.2f} MB\n"
            ")"
        )

    def __reduce__(self) -> Any:
        weights = self.state_dict()
        return _rebuild, (
            type(self),
            self.config,
            self._pooler,
            weights,
            self.training,
            self._precision,
            self._pack_weights,
        )


def _rebuild(
    cls: type[PreTrainedModel],
    config: Any,
    pooler: bool,
    weights: Weights,
    training: bool,
    precision: str,
    pack_weights: bool,
) -> PreTrainedModel:
    """A pickled model again."""
    model = cls.__new__(cls)
    model._set_up(config, pooler)
    model._pack_weights = pack_weights
    model._set_weights(weights, precision)
    model.training = training
    return model
