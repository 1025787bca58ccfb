"""What a training run is told: `TrainingArguments`, by the names and defaults of transformers."""

from __future__ import annotations

import dataclasses
import json
import logging as python_logging
import math
import os
import warnings
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..arguments import unknown_keyword
from ..optim import OPTIMIZER_NAMES, SchedulerType

__all__ = [
    "IntervalStrategy",
    "ParallelMode",
    "SaveStrategy",
    "TrainingArguments",
]

logger = python_logging.getLogger("pytxenc")


class _Choice(str, Enum):
    """Strings of a closed set; the error for another one lists them."""

    def __str__(self) -> str:
        return str(self.value)

    @classmethod
    def _missing_(cls, value: object) -> None:
        known = ", ".join(repr(member.value) for member in cls)
        raise ValueError(f"{value!r} is no {cls.__name__}: it must be one of {known}")


class IntervalStrategy(_Choice):
    """When to log or to evaluate."""

    NO = "no"
    STEPS = "steps"
    EPOCH = "epoch"


class SaveStrategy(_Choice):
    """When to save: `best` after an evaluation that is better than all before."""

    NO = "no"
    STEPS = "steps"
    EPOCH = "epoch"
    BEST = "best"


class ParallelMode(_Choice):
    """Whether several processes train together."""

    NOT_DISTRIBUTED = "not_distributed"
    DISTRIBUTED = "distributed"


# Fields of transformers that have no meaning here, with their defaults: other values are refused.
_ELSEWHERE: dict[str, tuple[Any, str]] = {
    "optim_target_modules": (None, "there are no optimisers by module"),
    "activation_checkpointing_kwargs": (None, "checkpointing has no options: it is by layer"),
    "gradient_checkpointing_kwargs": (None, "checkpointing has no options: it is by layer"),
    "torch_compile": (False, "models are computed by compiled C already"),
    "torch_compile_backend": (None, "models are computed by compiled C already"),
    "torch_compile_mode": (None, "models are computed by compiled C already"),
    "use_liger_kernel": (False, "its kernels are for GPUs"),
    "liger_kernel_config": (None, "its kernels are for GPUs"),
    "neftune_noise_alpha": (None, "noise on embeddings is not offered"),
    "torch_empty_cache_steps": (None, "there is no cache of a GPU to empty"),
    "auto_find_batch_size": (False, "choose per_device_train_batch_size or max_tokens_per_batch"),
    "trackio_space_id": (None, "logs are written to <output_dir>/log.jsonl only"),
    "trackio_bucket_id": (None, "logs are written to <output_dir>/log.jsonl only"),
    "trackio_static_space_id": (None, "logs are written to <output_dir>/log.jsonl only"),
    "enable_jit_checkpoint": (False, "a signal to stop always saves a checkpoint first"),
    "push_to_hub": (False, "call push_to_hub of the model after training"),
    "hub_token": (None, "call push_to_hub of the model after training"),
    "hub_private_repo": (None, "call push_to_hub of the model after training"),
    "hub_model_id": (None, "call push_to_hub of the model after training"),
    "hub_strategy": ("every_save", "call push_to_hub of the model after training"),
    "hub_always_push": (False, "call push_to_hub of the model after training"),
    "hub_revision": (None, "call push_to_hub of the model after training"),
    "accelerator_config": (None, "there is no accelerator"),
    "parallelism_config": (None, "processes are parallel in the data only"),
    "ddp_find_unused_parameters": (None, "processes speak MPI, not torch's DDP"),
    "ddp_bucket_cap_mb": (None, "processes speak MPI, not torch's DDP"),
    "ddp_broadcast_buffers": (None, "processes speak MPI, not torch's DDP"),
    "ddp_static_graph": (None, "processes speak MPI, not torch's DDP"),
    "ddp_backend": (None, "processes speak MPI, not torch's DDP"),
    "fsdp": (None, "every process has the whole model"),
    "fsdp_config": (None, "every process has the whole model"),
    "deepspeed": (None, "every process has the whole model"),
    "debug": ("", "there are no debugging modes"),
    "use_mps_device": (False, "there is only the CPU"),
}
# Fields of transformers without effect here, whatever they say, with their defaults.
_WITHOUT_EFFECT: dict[str, Any] = {
    "average_tokens_across_devices": True,
    "tf32": None,
    "use_cache": False,
    "use_cpu": False,
    "no_cuda": False,
    "log_on_each_node": True,
    "log_level": "passive",
    "log_level_replica": "warning",
    "report_to": "none",
    "logging_dir": None,
    "project": "huggingface",
    "eval_use_gather_object": False,
    "eval_accumulation_steps": None,
    "save_on_each_node": False,
    "save_safetensors": True,
    "dataloader_num_workers": 0,
    "dataloader_pin_memory": True,
    "dataloader_persistent_workers": False,
    "dataloader_prefetch_factor": None,
    "dataloader_multiprocessing_context": None,
    "dataloader_in_order": True,
    "ddp_timeout": 1800,
    "skip_memory_metrics": True,
    "overwrite_output_dir": False,
    "local_rank": -1,
    "include_tokens_per_second": False,
    "include_num_input_tokens_seen": "no",
}


@dataclass(init=False)
class TrainingArguments:
    """Everything about a run that is not the model or the data.

    Fields are those of transformers 5.23 with its defaults, and those below.  Of transformers 4
    `evaluation_strategy`, `warmup_ratio` (a fraction of all steps), `group_by_length`,
    `gradient_checkpointing` and `overwrite_output_dir` are understood.  What has no meaning on
    a CPU is accepted where it asks for nothing, and refused otherwise.

    Beyond transformers:
        max_tokens_per_batch: cut batches by tokens, padding included, instead of by sequences;
            per_device_train_batch_size then does not count.
        optim: also "adamw_fairseq", "adamw_google" and "lamb".
        layer_decay: the learning rate of each layer is this times that of the layer above it.
        ema_decay: also keep an exponential moving average of the parameters, which evaluations
            and the final model are of.
        average_last: instead the mean of the parameters at the ends of the last so many epochs,
            or with save_strategy "steps" at the last so many multiples of save_steps.
        max_train_seconds: stop after this time, the learning rate following the clock instead of
            the steps.
        save_minutes: also save a checkpoint every so many minutes.
        length_curriculum: list of (fraction of the run, length): from that fraction on sequences
            have that length, such as [(0.0, 128), (0.9, 512)].  A data set with a
            `with_block_size`, as PretrainingDataset, is packed anew for it, which begins an
            epoch, with as many more samples in a batch as are shorter; evaluations while training
            go by the same length.  Samples of other data sets are cut into pieces.
        frozen: names, or beginnings of names, of parameters that stay as they are.

    `bf16` computes matrix products in bfloat16 with float32 sums, masters and all else; `fp16` is
    the same with a warning.  `warmup_steps` below 1 are a fraction of all steps, rounded up, as are
    `logging_steps`, `eval_steps` and `save_steps`.

    Raises:
        TypeError: an unknown field, or a value of the wrong type.
        ValueError: an impossible value; the message names the field.
    """

    output_dir: str | None = None
    do_train: bool = False
    do_eval: bool = False
    do_predict: bool = False
    eval_strategy: str = "no"
    prediction_loss_only: bool = False
    per_device_train_batch_size: int = 8
    per_device_eval_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    max_tokens_per_batch: int | None = None
    eval_delay: float = 0
    learning_rate: float = 5e-5
    weight_decay: float = 0.0
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    adam_epsilon: float = 1e-8
    max_grad_norm: float = 1.0
    num_train_epochs: float = 3.0
    max_steps: int = -1
    max_train_seconds: float | None = None
    lr_scheduler_type: str = "linear"
    lr_scheduler_kwargs: dict[str, Any] | str | None = None
    warmup_steps: float = 0
    logging_strategy: str = "steps"
    logging_first_step: bool = False
    logging_steps: float = 500
    logging_nan_inf_filter: bool = True
    save_strategy: str = "steps"
    save_steps: float = 500
    save_minutes: float | None = None
    save_total_limit: int | None = None
    save_only_model: bool = False
    seed: int = 42
    data_seed: int | None = None
    full_determinism: bool = False
    bf16: bool = False
    fp16: bool = False
    bf16_full_eval: bool = False
    fp16_full_eval: bool = False
    dataloader_drop_last: bool = False
    eval_steps: float | None = None
    run_name: str | None = None
    disable_tqdm: bool | None = None
    remove_unused_columns: bool = True
    label_names: list[str] | None = None
    load_best_model_at_end: bool = False
    metric_for_best_model: str | None = None
    greater_is_better: bool | None = None
    ignore_data_skip: bool = False
    restore_callback_states_from_checkpoint: bool = False
    label_smoothing_factor: float = 0.0
    optim: str = "adamw_torch_fused"
    optim_args: str | None = None
    layer_decay: float = 1.0
    ema_decay: float | None = None
    average_last: int | None = None
    train_sampling_strategy: str = "random"
    length_column_name: str = "length"
    length_curriculum: list[tuple[float, int]] | None = None
    resume_from_checkpoint: str | bool | None = None
    activation_checkpointing: bool | None = None
    frozen: list[str] = field(default_factory=list)
    include_for_metrics: list[str] = field(default_factory=list)
    eval_do_concat_batches: bool = True
    batch_eval_metrics: bool = False
    eval_on_start: bool = False

    def __init__(self, output_dir: str | os.PathLike[str] | None = None, **values: Any) -> None:
        values = {"output_dir": output_dir, **_renamed(values)}
        for item in dataclasses.fields(self):
            default = item.default
            if item.default_factory is not dataclasses.MISSING:
                default = item.default_factory()
            setattr(self, item.name, values.pop(item.name, default))
        for name, value in values.items():
            if name in _ELSEWHERE:
                default, why = _ELSEWHERE[name]
                if value not in (default, None, False, "", [], {}):
                    raise ValueError(f"{name}={value!r} is not supported: {why}")
            elif name not in _WITHOUT_EFFECT:
                known = [*(item.name for item in dataclasses.fields(self)), *_ELSEWHERE]
                raise unknown_keyword(type(self).__name__, name, known)
        self._ignored = values
        self._settle()

    def __getattr__(self, name: str) -> Any:
        """What programs may read of older names and of fields that change nothing here."""
        if name in _OLD_NAMES:
            return getattr(self, _OLD_NAMES[name])
        ignored = self.__dict__.get("_ignored", {})
        if name in ignored:
            return ignored[name]
        if name in _WITHOUT_EFFECT:
            return _WITHOUT_EFFECT[name]
        if name in _ELSEWHERE:
            return _ELSEWHERE[name][0]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _settle(self) -> None:
        """Check the fields and settle those that follow from others."""
        if not isinstance(self.output_dir, str | os.PathLike | None):
            raise TypeError(f"output_dir must be the path of a folder, not {self.output_dir!r}")
        self.output_dir = os.path.expanduser(os.fspath(self.output_dir or "trainer_output"))
        for name, kind in _CHOICES.items():
            try:
                setattr(self, name, kind(getattr(self, name)))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        if isinstance(self.lr_scheduler_kwargs, str):
            self.lr_scheduler_kwargs = _json_object("lr_scheduler_kwargs", self.lr_scheduler_kwargs)
        self._check_numbers()
        if self.fp16 or self.fp16_full_eval:
            warnings.warn(
                "fp16 is not computed on CPUs: bfloat16 takes its place (bf16=True says so)",
                stacklevel=3,
            )
            self.bf16 = self.bf16 or self.fp16
            self.bf16_full_eval = self.bf16_full_eval or self.fp16_full_eval
            self.fp16 = self.fp16_full_eval = False
        self.activation_checkpointing = bool(self.activation_checkpointing)
        if self.disable_tqdm is None:
            self.disable_tqdm = logger.getEffectiveLevel() > python_logging.WARNING
        self._settle_evaluation()

    def _check_numbers(self) -> None:
        for name, (lowest, open_, highest) in _RANGES.items():
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{name} must be a number, not {value!r}")
            too_low = value <= lowest if open_ else value < lowest
            if too_low or value > highest or math.isnan(value):
                bound = f"more than {lowest}" if open_ else f"at least {lowest}"
                upper = "" if math.isinf(highest) else f" and at most {highest}"
                raise ValueError(f"{name} is {value}; it must be {bound}{upper}")
        for name in _WHOLE:
            value = getattr(self, name)
            if value is not None and not isinstance(value, int):
                raise TypeError(f"{name} must be an integer, not {value!r}")
        for name in ("warmup_steps", "logging_steps", "eval_steps", "save_steps"):
            value = getattr(self, name)
            if value is not None and value > 1 and value != int(value):
                raise ValueError(
                    f"{name} is {value}; above 1 it must be whole, below 1 it is a fraction of all"
                    " steps"
                )
        if self.max_steps == 0 or self.max_steps < -1:
            raise ValueError(f"max_steps is {self.max_steps}; it must be positive, or -1 for none")
        if self.ema_decay is not None and self.average_last is not None:
            raise ValueError("ema_decay and average_last are two averages: choose one")
        if self.optim not in OPTIMIZER_NAMES:
            raise ValueError(
                f"optim is {self.optim!r}; it must be one of {', '.join(OPTIMIZER_NAMES)}"
            )
        known = ("random", "sequential", "group_by_length")
        if self.train_sampling_strategy not in known:
            raise ValueError(
                f"train_sampling_strategy is {self.train_sampling_strategy!r}; it must be one of"
                f" {', '.join(map(repr, known))}"
            )
        unknown = set(self.include_for_metrics) - {"inputs", "loss"}
        if unknown:
            raise ValueError(
                f"include_for_metrics has {sorted(unknown)}; it may hold 'inputs' and 'loss'"
            )
        self._check_curriculum()
        self._check_clock()

    def _check_clock(self) -> None:
        if self.max_train_seconds is None:
            return
        if self.warmup_steps >= 1:
            raise ValueError(
                f"warmup_steps is {self.warmup_steps}; with max_train_seconds it must be a "
                "fraction of the time, below 1"
            )
        for name in ("logging_steps", "eval_steps", "save_steps"):
            if 0 < (getattr(self, name) or 1) < 1 and self.max_steps < 0:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; with max_train_seconds it must be a number"
                    " of steps: how many there will be in all nobody knows"
                )

    def _check_curriculum(self) -> None:
        if self.length_curriculum is None:
            return
        try:
            stages = [(float(start), int(length)) for start, length in self.length_curriculum]
        except (TypeError, ValueError):
            raise TypeError(
                "length_curriculum must be a list of (fraction of the run, length), not "
                f"{self.length_curriculum!r}"
            ) from None
        starts = [start for start, _ in stages]
        if not stages or starts[0] != 0 or starts != sorted(set(starts)) or starts[-1] >= 1:
            raise ValueError(
                f"length_curriculum begins its stages at {starts}; they must rise from 0 and stay"
                " below 1"
            )
        if any(length < 2 for _, length in stages):
            raise ValueError(f"length_curriculum is {stages}; lengths must be at least 2")
        self.length_curriculum = stages

    def _settle_evaluation(self) -> None:
        """What follows from the fields about evaluation, and what contradicts itself."""
        if self.eval_strategy != "no":
            self.do_eval = True
        if self.eval_strategy == "steps" and not self.eval_steps:
            self.eval_steps = self.logging_steps
        plateau = self.lr_scheduler_type in ("reduce_lr_on_plateau", "greedy")
        if (self.load_best_model_at_end or plateau) and self.metric_for_best_model is None:
            self.metric_for_best_model = "loss"
        if self.greater_is_better is None and self.metric_for_best_model is not None:
            self.greater_is_better = not self.metric_for_best_model.endswith("loss")
        if plateau and self.eval_strategy == "no":
            raise ValueError(
                f"lr_scheduler_type={str(self.lr_scheduler_type)!r} needs evaluations: set"
                " eval_strategy"
            )
        if self.save_strategy == "best" and self.metric_for_best_model is None:
            raise ValueError("save_strategy='best' needs metric_for_best_model")
        if not self.load_best_model_at_end or self.save_strategy == "best":
            return
        if self.eval_strategy != self.save_strategy:
            raise ValueError(
                "load_best_model_at_end needs the same eval_strategy and save_strategy, not "
                f"{self.eval_strategy.value!r} and {self.save_strategy.value!r}"  # type: ignore[attr-defined]
            )
        if self.eval_strategy == "steps":
            assert self.eval_steps is not None
            times = self.save_steps / self.eval_steps
            if abs(times - round(times)) > 1e-9 or round(times) < 1:
                raise ValueError(
                    "load_best_model_at_end needs save_steps to be a multiple of eval_steps, not "
                    f"{self.save_steps} and {self.eval_steps}"
                )

    # ---- what other parts ask ----

    @property
    def train_batch_size(self) -> int:
        """Sequences in a micro-batch."""
        return self.per_device_train_batch_size

    @property
    def eval_batch_size(self) -> int:
        """Sequences in a batch of an evaluation."""
        return self.per_device_eval_batch_size

    @property
    def device(self) -> str:
        """ "cpu"."""
        return "cpu"

    @property
    def n_gpu(self) -> int:
        """0."""
        return 0

    @property
    def world_size(self) -> int:
        """Processes that train together."""
        from .distributed import communicator

        return communicator().size

    @property
    def process_index(self) -> int:
        """This process's number among those that train together."""
        from .distributed import communicator

        return communicator().rank

    local_process_index = process_index

    @property
    def should_save(self) -> bool:
        """Whether this process is the one that writes."""
        return self.process_index == 0

    should_log = should_save

    @property
    def parallel_mode(self) -> ParallelMode:
        """Whether other processes train with this one."""
        return ParallelMode.DISTRIBUTED if self.world_size > 1 else ParallelMode.NOT_DISTRIBUTED

    def get_process_log_level(self) -> int:
        """The level of the package's logger."""
        return logger.getEffectiveLevel()

    def get_warmup_steps(self, num_training_steps: int) -> int:
        """Steps over which the learning rate rises."""
        steps = self.warmup_steps
        return int(steps) if steps >= 1 else math.ceil(num_training_steps * steps)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON has them."""
        values = dataclasses.asdict(self)
        return {k: v.value if isinstance(v, Enum) else v for k, v in values.items()}

    def to_json_string(self) -> str:
        """The fields as JSON."""
        return json.dumps(self.to_dict(), indent=2)

    to_sanitized_dict = to_dict


_CHOICES: dict[str, type[Enum]] = {
    "eval_strategy": IntervalStrategy,
    "logging_strategy": IntervalStrategy,
    "save_strategy": SaveStrategy,
    "lr_scheduler_type": SchedulerType,
}
_INF = math.inf
# Field -> (lowest, whether that is excluded, highest).
_RANGES: dict[str, tuple[float, bool, float]] = {
    "per_device_train_batch_size": (1, False, _INF),
    "per_device_eval_batch_size": (1, False, _INF),
    "gradient_accumulation_steps": (1, False, _INF),
    "max_tokens_per_batch": (1, False, _INF),
    "eval_delay": (0, False, _INF),
    "learning_rate": (0, False, _INF),
    "weight_decay": (0, False, _INF),
    "adam_beta1": (0, False, 1),
    "adam_beta2": (0, False, 1),
    "adam_epsilon": (0, False, _INF),
    "max_grad_norm": (0, False, _INF),
    "num_train_epochs": (0, True, _INF),
    "max_steps": (-1, False, _INF),
    "max_train_seconds": (0, True, _INF),
    "warmup_steps": (0, False, _INF),
    "logging_steps": (0, True, _INF),
    "eval_steps": (0, False, _INF),
    "save_steps": (0, True, _INF),
    "save_minutes": (0, True, _INF),
    "save_total_limit": (1, False, _INF),
    "seed": (0, False, 2**32 - 1),
    "data_seed": (0, False, 2**32 - 1),
    "label_smoothing_factor": (0, False, 1),
    "layer_decay": (0, True, 1),
    "ema_decay": (0, False, 1),
    "average_last": (1, False, _INF),
}
_WHOLE = (
    "per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps",
    "max_tokens_per_batch", "max_steps", "save_total_limit", "seed", "data_seed",
    "average_last",
)  # fmt: skip


def _renamed(values: dict[str, Any]) -> dict[str, Any]:
    """Fields by their present names, where those of transformers 4 or of a deprecation are given.

    TypeError where a field is given under both names.
    """
    values = dict(values)
    for old, new in _OLD_NAMES.items():
        if values.get(old) is not None:
            if new in values:
                raise TypeError(f"{old} is an older name of {new}: give only one")
            values[new] = values.pop(old)
    group = values.pop("group_by_length", None)
    if group:
        if values.get("train_sampling_strategy", "group_by_length") != "group_by_length":
            raise TypeError("group_by_length is an older name of train_sampling_strategy: give one")
        values["train_sampling_strategy"] = "group_by_length"
    ratio = values.pop("warmup_ratio", None)
    if ratio is not None:
        if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 <= ratio < 1:
            raise ValueError(f"warmup_ratio is {ratio!r}; it must be at least 0 and below 1")
        values["warmup_steps"] = values.get("warmup_steps") or ratio
    return {name: value for name, value in values.items() if name not in _OLD_NAMES}


_OLD_NAMES = {
    "evaluation_strategy": "eval_strategy",
    "gradient_checkpointing": "activation_checkpointing",
    "per_gpu_train_batch_size": "per_device_train_batch_size",
    "per_gpu_eval_batch_size": "per_device_eval_batch_size",
}


def _json_object(name: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{name} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {text!r}; it must be a JSON object")
    return value
