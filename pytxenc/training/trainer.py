"""`Trainer`: training, evaluation and prediction with the API of transformers."""

from __future__ import annotations

import inspect
import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..modeling import PreTrainedModel
from ..safetensors_file import write_text
from ..seed import set_seed
from .arguments import TrainingArguments
from .batches import BatchLoader, BatchPlan, sample_lengths
from .callbacks import CallbackHandler, DefaultFlowCallback, PrinterCallback, TrainerCallback
from .distributed import communicator
from .evaluation import evaluation_loop, speed_metrics
from .loader import ColumnFilter, Loader, StreamLoader, makes_batches
from .logging import JsonLinesCallback
from .loop import TrainingLoop
from .progress import ProgressCallback
from .resumption import Resumption
from .samplers import LengthGroupedSampler, RandomSampler, SequentialSampler
from .session import Session, StepResult
from .state import EvalLoopOutput, PredictionOutput, TrainerControl, TrainerState, TrainOutput

__all__ = ["Trainer", "enable_full_determinism"]

logger = logging.getLogger("pytxenc")


class Trainer(Resumption):
    """Trains a model on a data set and evaluates it.

    A step's gradient is that of the mean loss over all labels of its micro-batches and
    processes, whatever their sizes: accumulation changes nothing but rounding.  Losses are
    logged as means per label, in nats.

    Args:
        model: a model with a head, or None with `model_init`.
        args: a TrainingArguments; by default one for the folder trainer_output.
        data_collator: from a list of samples to a batch.  By default samples are padded by the
            processing class if there is one, and else must have equal lengths.
        train_dataset, eval_dataset: anything with __len__ and __getitem__ whose samples are
            mappings: lists, torch-style data sets, `datasets.Dataset`; data sets of
            pytxenc.data, which need no collator; iterables, for which `args.max_steps` must
            be set.  Several for evaluation as a dict by name.
        processing_class: a tokenizer, saved with the model (`tokenizer` is the older name).
        model_init: makes the model at the beginning of each `train`, from `args.seed`.
        compute_loss_func: a function (outputs, labels, num_items_in_batch) of torch tensors to
            a loss, instead of the model's own; it needs torch.
        compute_metrics: from an EvalPrediction to a dict; with `args.batch_eval_metrics` called
            for each batch with compute_result, true at the last.
        callbacks: TrainerCallbacks, or classes of them, after the default ones.
        optimizers: (optimizer, scheduler), either of them None: objects of pytxenc.optim over
            this trainer's `session`, or functions that make them from it and from the optimizer.
        optimizer_cls_and_kwargs: a class of pytxenc.optim and its keywords, instead of
            `args.optim`.
        preprocess_logits_for_metrics: a function (logits, labels) of arrays applied to each
            batch, so that less is kept of large logits.

    Attributes:
        session: what computes forward and backward passes; made when first needed.
        optimizer, lr_scheduler: None before training.
        state, control: where the run stands and what it does next.
        interrupted: whether a signal (SIGINT, SIGTERM) ended the last `train`, after a checkpoint.

    Raises:
        TypeError, ValueError: arguments that are of the wrong kind or contradict each other.
    """

    def __init__(
        self,
        model: PreTrainedModel | None = None,
        args: TrainingArguments | None = None,
        data_collator: Callable[[list[Any]], Mapping[str, Any]] | None = None,
        train_dataset: Any = None,
        eval_dataset: Any = None,
        processing_class: Any = None,
        model_init: Callable[[], PreTrainedModel] | None = None,
        compute_loss_func: Callable[..., Any] | None = None,
        compute_metrics: Callable[..., dict[str, Any]] | None = None,
        callbacks: Iterable[TrainerCallback | type[TrainerCallback]] | None = None,
        optimizers: tuple[Any, Any] = (None, None),
        optimizer_cls_and_kwargs: tuple[type, dict[str, Any]] | None = None,
        preprocess_logits_for_metrics: Callable[[Any, Any], Any] | None = None,
        *,
        tokenizer: Any = None,
    ) -> None:
        if tokenizer is not None and processing_class is not None:
            raise TypeError("tokenizer is the older name of processing_class: give only one")
        if args is not None and not isinstance(args, TrainingArguments):
            raise TypeError(f"args must be TrainingArguments, not {type(args).__name__}")
        if hasattr(self, "compute_loss"):
            raise TypeError(
                f"{type(self).__name__}.compute_loss would never be called: losses and their "
                "gradients are computed in C; give the Trainer a compute_loss_func"
            )
        self.args = args if args is not None else TrainingArguments()
        self.model_init = model_init
        if (model is None) == (model_init is None):
            raise ValueError("Trainer needs a model or a model_init, and not both")
        set_seed(self.args.seed)
        self.model = model if model is not None else self._new_model()
        self.compute_loss_func, self.compute_metrics = compute_loss_func, compute_metrics
        self._check_model()
        by_batch = self.args.batch_eval_metrics and compute_metrics is not None
        if by_batch and "compute_result" not in inspect.signature(compute_metrics).parameters:  # type: ignore[arg-type]
            raise ValueError(
                "with batch_eval_metrics compute_metrics needs an argument compute_result: "
                "it is called for each batch, and returns the metrics when that is true"
            )
        self.processing_class = tokenizer if processing_class is None else processing_class
        self.train_dataset, self.eval_dataset = train_dataset, eval_dataset
        self._makes_own = data_collator is None
        self.data_collator = data_collator or self._default_collator()
        self.preprocess_logits_for_metrics = preprocess_logits_for_metrics
        self.label_names = self.args.label_names or _label_names(self.model)
        self.world = communicator()
        self._session: Session | None = None
        self._set_optimizers(optimizers, optimizer_cls_and_kwargs)
        shown = PrinterCallback if self.args.disable_tqdm else ProgressCallback
        defaults = [DefaultFlowCallback, JsonLinesCallback]
        self.callback_handler = CallbackHandler([*defaults, *(callbacks or ()), shown])
        self.state = self._new_state()
        self.control = TrainerControl()
        self.interrupted = False
        self.is_in_train = False
        self.sample_length: int | None = None  # tokens, while a curriculum sets it
        self.call("on_init_end")

    @property
    def tokenizer(self) -> Any:
        """The older name of processing_class."""
        return self.processing_class

    @property
    def session(self) -> Session:
        """What computes forward and backward passes of the model."""
        if self._session is None or self._session.model is not self.model:
            self._session = Session(
                self.model,
                dtype="bfloat16" if self.args.bf16 else "float32",
                checkpointing=bool(self.args.activation_checkpointing),
                frozen=self.args.frozen,
                seed=self.args.seed,
            )
        return self._session

    def _new_model(self) -> PreTrainedModel:
        assert self.model_init is not None
        model = self.model_init()
        if not isinstance(model, PreTrainedModel):
            raise TypeError(f"model_init must return a model, not {type(model).__name__}")
        return model

    def _check_model(self) -> None:
        if not isinstance(self.model, PreTrainedModel):
            raise TypeError(f"model must be a model of pytxenc, not {type(self.model).__name__}")
        if self.model._head == "none" and self.compute_loss_func is None:
            raise ValueError(
                f"a {type(self.model).__name__} has no loss to train by: use a class with a head,"
                " such as one ForSequenceClassification or ForMaskedLM, or give a compute_loss_func"
            )

    def _new_state(self) -> TrainerState:
        main = self.world.is_main
        return TrainerState(is_local_process_zero=main, is_world_process_zero=main)

    def is_world_process_zero(self) -> bool:
        """Whether this process is the one that writes files and logs."""
        return self.world.is_main

    is_local_process_zero = is_world_process_zero

    # ---- callbacks ----

    def call(self, event: str, **kwargs: Any) -> None:
        """Let all callbacks know of an event."""
        self.callback_handler.context.update(
            model=self.model,
            processing_class=self.processing_class,
            optimizer=self.optimizer,
            lr_scheduler=self.lr_scheduler,
        )
        self.control = self.callback_handler.call(
            event, self.args, self.state, self.control, **kwargs
        )

    def add_callback(self, callback: TrainerCallback | type[TrainerCallback]) -> None:
        """Add a callback, or one of a class."""
        self.callback_handler.add_callback(callback)

    def pop_callback(
        self, callback: TrainerCallback | type[TrainerCallback]
    ) -> TrainerCallback | None:
        """Remove this callback, or the first of a class, and return it; None if there is none."""
        return self.callback_handler.pop_callback(callback)

    def remove_callback(self, callback: TrainerCallback | type[TrainerCallback]) -> None:
        """Remove this callback, or the first of a class."""
        self.callback_handler.pop_callback(callback)

    # ---- data ----

    def _default_collator(self) -> Callable[[list[Any]], Mapping[str, Any]]:
        from ..data import DataCollatorWithPadding, default_data_collator

        if self.processing_class is not None and hasattr(self.processing_class, "pad"):
            return DataCollatorWithPadding(self.processing_class, return_tensors="np")
        return lambda samples: default_data_collator(samples, return_tensors="np")

    def _batches(self, data: Any, plan: BatchPlan, rank: int = 0, ranks: int = 1) -> BatchLoader:
        """What makes the batches of a plan, unless the data set does."""
        collate = None if self._makes_own and makes_batches(data) else self.data_collator
        return BatchLoader(
            data, collate, plan, prepare=self._filter(), seed=self.args.seed, rank=rank, ranks=ranks
        )

    def _filter(self) -> ColumnFilter | None:
        """Leaves out of samples what the model has no use for."""
        if not self.args.remove_unused_columns:
            return None
        return ColumnFilter(self.model.forward, self.label_names)

    def _collated(self, samples: list[Any]) -> Mapping[str, Any]:
        """A batch of samples of a stream."""
        keep = self._filter()
        return self.data_collator(samples if keep is None else list(map(keep, samples)))

    def get_train_dataloader(self) -> Any:
        """The batches of training: an iterable, which may be overridden by any other."""
        data, args = self.train_dataset, self.args
        if data is None:
            raise ValueError("Trainer needs a train_dataset to train")
        if not _is_sequence(data):
            return StreamLoader(
                _iterable("train_dataset", data),
                self._collated,
                args.per_device_train_batch_size,
                args.dataloader_drop_last,
                self.world.rank,
                self.world.size,
            )
        return Loader(data, self._train_batches)

    def _train_batches(self, data: Any) -> BatchLoader:
        args, world = self.args, self.world
        seed = args.seed if args.data_seed is None else args.data_seed
        grouped = args.train_sampling_strategy == "group_by_length"
        by_tokens = args.max_tokens_per_batch is not None
        lengths = sample_lengths(data, args.length_column_name) if grouped or by_tokens else None
        per_step = args.gradient_accumulation_steps * world.size
        sampler: SequentialSampler
        if args.train_sampling_strategy == "sequential":
            sampler = SequentialSampler(len(data))
        elif lengths is not None and grouped:
            group = 50 * per_step * self._train_batch_size(data)
            sampler = LengthGroupedSampler(lengths, group, seed)
        else:
            sampler = RandomSampler(len(data), seed)
        plan = BatchPlan(
            sampler,
            batch_size=None if by_tokens else self._train_batch_size(data),
            max_tokens=args.max_tokens_per_batch,
            lengths=lengths,
            per_step=per_step,
            drop_last=args.dataloader_drop_last,
        )
        return self._batches(data, plan, world.rank, world.size)

    def _train_batch_size(self, data: Any) -> int:
        """Samples in a batch; of shorter ones as many more as make the same number of tokens."""
        size = self.args.per_device_train_batch_size
        if data is self.train_dataset:
            return size
        return max(1, size * self.train_dataset.block_size // data.block_size)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        """The batches of a data set for evaluation, or of one of `eval_dataset` by its name."""
        if isinstance(eval_dataset, str):
            eval_dataset = self.eval_dataset[eval_dataset]
        data = self.eval_dataset if eval_dataset is None else eval_dataset
        if data is None:
            raise ValueError("Trainer needs an eval_dataset to evaluate")
        size = self.args.per_device_eval_batch_size
        if not _is_sequence(data):
            return StreamLoader(_iterable("eval_dataset", data), self._collated, size)

        def make(data: Any) -> BatchLoader:
            plan = BatchPlan(SequentialSampler(len(data)), batch_size=size)
            return self._batches(data, plan)

        return Loader(data, make)

    get_test_dataloader = get_eval_dataloader

    # ---- training ----

    def train(
        self,
        resume_from_checkpoint: str | os.PathLike[str] | bool | None = None,
        trial: Any = None,
        ignore_keys_for_eval: list[str] | None = None,
    ) -> TrainOutput:
        """Train.

        SIGINT (Ctrl-C) or SIGTERM ends training after the present step and a checkpoint, and
        sets `interrupted`; a second one ends the process at once.

        Args:
            resume_from_checkpoint: a checkpoint's folder, or True for the last one in
                `args.output_dir`: go on from it as if the run had not stopped.
            trial: None; there is no search of hyperparameters.
            ignore_keys_for_eval: outputs that are no predictions.

        Raises:
            ValueError: no data, no checkpoint, a checkpoint of another model; labels or ids that
                the model has not, and where.
        """
        if trial is not None:
            raise ValueError("trial: there is no search of hyperparameters here")
        if resume_from_checkpoint is None:
            resume_from_checkpoint = self.args.resume_from_checkpoint
        checkpoint = self.find_checkpoint(resume_from_checkpoint)
        if self.model_init is not None:
            set_seed(self.args.seed)
            self.model = self._new_model()
            self._check_model()
            self.optimizer = self.lr_scheduler = None
        if self.args.full_determinism:
            enable_full_determinism(self.args.seed)
        self.is_in_train = True
        try:
            with self.world.guard():
                return self._train(checkpoint, ignore_keys_for_eval)
        finally:
            self.is_in_train, self.sample_length = False, None
            if self._session is not None:
                self._session.sync()

    def _train(self, checkpoint: Path | None, ignore_keys: list[str] | None) -> TrainOutput:
        self.state = self._new_state()
        self.session.sync()  # with what the model may have been given since
        loop = TrainingLoop(self, ignore_keys)
        self.callback_handler.context["train_dataloader"] = loop.batches
        self.create_optimizer_and_scheduler(loop.plan.max_steps)
        if checkpoint is not None:
            self.resume(checkpoint, loop)
        state = self.state
        state.compute_steps(self.args, loop.plan.max_steps)
        state.max_steps, state.num_train_epochs = loop.plan.max_steps, loop.plan.num_epochs
        state.train_batch_size = self.args.per_device_train_batch_size
        logger.info(
            "training %d parameters for %s steps from step %d on, %d process(es)",
            self.model.num_parameters(), state.max_steps or "unlimited", state.global_step,
            self.world.size,
        )  # fmt: skip
        return loop.run()

    def training_step(
        self,
        inputs: Mapping[str, NDArray[Any]],
        items: tuple[float, float],
        first_sample: int,
        ready: Callable[[int], None] | None = None,
    ) -> StepResult:
        """Add the gradients of one micro-batch to the session's.

        items: the step's numbers of labels, over all micro-batches and processes.
        first_sample: number of the first of its sequences within the step.
        ready: told of finished gradients, as by `Session.backward`.
        """
        loss = None if self.compute_loss_func is None else self.torch_loss(inputs, items[0])
        return self.session.backward(
            inputs,
            items=items,
            step=self.state.global_step,
            first_sample=first_sample,
            label_smoothing=self.args.label_smoothing_factor,
            loss=loss,
            ready=ready,
        )

    def torch_loss(
        self, inputs: Mapping[str, NDArray[Any]], items: float | None
    ) -> Callable[[NDArray[Any]], tuple[float, NDArray[Any]]]:
        """compute_loss_func as a function from logits to a loss and its gradient, by torch."""
        try:
            import torch
        except ImportError as error:
            raise ImportError("compute_loss_func needs torch, which differentiates it") from error
        function, output = self.compute_loss_func, getattr(self.model, "_output", None)
        assert function is not None and output is not None
        name = _scores_name(self.model)
        given = {n: torch.from_numpy(np.array(inputs[n])) for n in self.label_names if n in inputs}
        labels = next(iter(given.values())) if len(given) == 1 else given
        number = None if items is None else torch.tensor(int(items))

        def loss(scores: NDArray[Any]) -> tuple[float, NDArray[Any]]:
            logits = torch.from_numpy(np.array(scores, np.float32)).requires_grad_()
            outputs = output(**{name: logits})
            value = function(outputs, labels, num_items_in_batch=number)
            if not isinstance(value, torch.Tensor) or value.numel() != 1:
                raise TypeError("compute_loss_func must return a torch scalar")
            value.backward()  # type: ignore[no-untyped-call]
            gradient = torch.zeros_like(logits) if logits.grad is None else logits.grad
            return value.item(), gradient.numpy()

        return loss

    def count_labels(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[int, int]:
        """How many labels of a batch count towards each loss.

        For a compute_loss_func: those of the first of the label names that are not -100.
        """
        if self.compute_loss_func is None:
            return self.session.count(inputs)
        labels = next((inputs[name] for name in self.label_names if name in inputs), np.zeros(0))
        return int(np.count_nonzero(labels != -100)), 0

    # ---- evaluation ----

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: Sequence[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, Any]:
        """The loss and the metrics on a data set, by default `eval_dataset`.

        Names begin with the prefix: eval_loss (nats a label), eval_runtime (seconds), ...
        Of several data sets by name, eval_<name>_loss and so on.  While a curriculum of lengths
        packs the training data anew, evaluations go by the same length.
        """
        datasets = self.eval_dataset if eval_dataset is None else eval_dataset
        if isinstance(datasets, dict):
            metrics: dict[str, Any] = {}
            for name, data in datasets.items():
                metrics |= self.evaluate(data, ignore_keys, f"{metric_key_prefix}_{name}")
            return metrics
        if self.sample_length is not None and hasattr(datasets, "with_block_size"):
            eval_dataset = datasets.with_block_size(self.sample_length)
        loss_only = True if self.compute_metrics is None else None
        output = self._evaluation(
            self.get_eval_dataloader(eval_dataset), "Evaluation", loss_only, ignore_keys,
            metric_key_prefix,
        )  # fmt: skip
        self.log(output.metrics)
        self.call("on_evaluate", metrics=output.metrics)
        return output.metrics

    def predict(
        self,
        test_dataset: Any,
        ignore_keys: Sequence[str] | None = None,
        metric_key_prefix: str = "test",
    ) -> PredictionOutput:
        """Logits and labels of a data set, a row a sample, and its metrics."""
        output = self._evaluation(
            self.get_test_dataloader(test_dataset), "Prediction", None, ignore_keys,
            metric_key_prefix,
        )  # fmt: skip
        self.call("on_predict", metrics=output.metrics)
        return PredictionOutput(output.predictions, output.label_ids, output.metrics)

    def _evaluation(
        self,
        batches: Any,
        description: str,
        loss_only: bool | None,
        ignore_keys: Sequence[str] | None,
        prefix: str,
    ) -> EvalLoopOutput:
        started = time.time()
        lower = self.args.bf16_full_eval and not self.is_in_train
        precision = self.model.precision
        with self.averaged():
            if self._session is not None:
                self._session.sync()
            if lower:
                self.model.to(dtype="bfloat16")
            try:
                output = evaluation_loop(
                    self, batches, description=description, prediction_loss_only=loss_only,
                    ignore_keys=ignore_keys, metric_key_prefix=prefix,
                )  # fmt: skip
            finally:
                if lower:
                    self.model.to(dtype=precision)
        steps = math.ceil(output.num_samples / self.args.per_device_eval_batch_size)
        output.metrics.update(speed_metrics(prefix, started, output.num_samples, steps))
        return output

    def evaluate_in_training(self, ignore_keys: list[str] | None) -> dict[str, Any]:
        """Evaluate, and let a schedule that follows a metric know of it."""
        metrics = self.evaluate(ignore_keys=ignore_keys)
        self.schedule_by(metrics)
        return metrics

    # ---- logs and files ----

    def log(self, logs: dict[str, Any], start_time: float | None = None) -> None:
        """Add to the log: `logs` gets the epoch, and the history also the step."""
        logs["epoch"] = self.state.epoch
        self.state.log_history.append({**logs, "step": self.state.global_step})
        self.call("on_log", logs=logs)

    def log_metrics(self, split: str, metrics: Mapping[str, Any]) -> None:
        """Print metrics in a table; on the main process alone."""
        if not self.world.is_main:
            return
        print(f"***** {split} metrics *****")
        shown = {k: f"{v:.4f}" if isinstance(v, float) else str(v) for k, v in metrics.items()}
        left, right = (max(map(len, column), default=0) for column in (shown, shown.values()))
        for name in sorted(shown):
            print(f"  {name:{left}} = {shown[name]:>{right}}")

    def save_metrics(self, split: str, metrics: Mapping[str, Any], combined: bool = True) -> None:
        """Write metrics to <split>_results.json, and with `combined` add to all_results.json."""
        if not self.world.is_main:
            return
        folder = self._output_folder()
        write_text(folder / f"{split}_results.json", _json(metrics))
        if combined:
            path = folder / "all_results.json"
            known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            write_text(path, _json({**known, **metrics}))

    def save_state(self) -> None:
        """Write the state to trainer_state.json."""
        if self.world.is_main:
            self.state.save_to_json(self._output_folder() / "trainer_state.json")

    def save_model(self, output_dir: str | os.PathLike[str] | None = None) -> None:
        """Write the model, the tokenizer and training_args.json, by default to args.output_dir."""
        if not self.world.is_main:
            return
        folder = self._output_folder() if output_dir is None else Path(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save_pretrained(folder)
        if self.processing_class is not None:
            self.processing_class.save_pretrained(folder)
        write_text(folder / "training_args.json", self.args.to_json_string() + "\n")

    def _output_folder(self) -> Path:
        assert self.args.output_dir is not None
        folder = Path(self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def enable_full_determinism(seed: int, warn_only: bool = False) -> None:
    """As `set_seed`: what is computed here is always the same for the same seed."""
    set_seed(seed, deterministic=True)


def _label_names(model: PreTrainedModel) -> list[str]:
    """The arguments of the model's forward that are labels."""
    names = inspect.signature(model.forward).parameters
    return [n for n in names if "label" in n or n in ("start_positions", "end_positions")]


def _scores_name(model: PreTrainedModel) -> str:
    """The field of the model's output that a compute_loss_func is given."""
    fields = getattr(model, "_output").__dataclass_fields__  # noqa: B009  (of every head's class)
    for name in ("logits", "last_hidden_state"):
        if name in fields:
            return name
    raise ValueError(
        f"compute_loss_func is for models with one tensor of logits; a {type(model).__name__} has"
        " several"
    )


def _is_sequence(data: Any) -> bool:
    return hasattr(data, "__len__") and hasattr(data, "__getitem__")


def _iterable(name: str, data: Any) -> Iterable[Any]:
    if not hasattr(data, "__iter__"):
        raise TypeError(
            f"{name} must have __len__ and __getitem__, or be iterable; a {type(data).__name__} "
            "is neither"
        )
    return data


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=4, sort_keys=True) + "\n"
