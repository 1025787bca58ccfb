"""Arguments of the commands that train, and the TrainingArguments that they mean."""

from __future__ import annotations

import argparse
from typing import Any

from pytxenc.cli.computing import add_computing_arguments
from pytxenc.cli.settings import add_config_argument
from pytxenc.training.arguments import TrainingArguments

__all__ = ["add_training_arguments", "training_arguments"]


def add_training_arguments(parser: argparse.ArgumentParser, **defaults: Any) -> None:
    """Declare how to train; `defaults` of some arguments by name."""
    add_config_argument(parser)
    add = parser.add_argument_group("batches").add_argument
    add("--batch-size", type=int, metavar="N", help="sequences in a batch (default: %(default)s)")
    add("--batch-tokens", type=int, metavar="N", help="cut batches by tokens instead")
    add(
        "--accumulation",
        type=int,
        default=1,
        metavar="N",
        help="batches for a step, exactly as one so many times the size (default: %(default)s)",
    )

    add = parser.add_argument_group("optimisation").add_argument
    add("--epochs", type=float, metavar="X", help="passes over the data (default: %(default)s)")
    add("--max-steps", type=int, metavar="N", help="stop after so many steps instead")
    add(
        "--minutes",
        type=float,
        metavar="X",
        help="stop after this time; the learning rate follows the clock",
    )
    add("--learning-rate", type=float, metavar="X", help="default: %(default)s")
    add(
        "--schedule",
        default="linear",
        metavar="NAME",
        help="of the learning rate: linear, cosine, constant, ... (default: %(default)s)",
    )
    add(
        "--warmup",
        type=float,
        metavar="X",
        help="steps of rising learning rate; below 1, a share of all (default: %(default)s)",
    )
    add(
        "--optimizer",
        default="adamw_torch",
        metavar="NAME",
        help="adamw_torch, adamw_fairseq, adamw_google, lamb, adafactor or sgd"
        " (default: %(default)s)",
    )
    add("--weight-decay", type=float, default=0.01, metavar="X", help="default: %(default)s")
    add("--beta1", type=float, default=0.9, metavar="X", help="default: %(default)s")
    add("--beta2", type=float, metavar="X", help="default: %(default)s")
    add("--epsilon", type=float, default=1e-6, metavar="X", help="default: %(default)s")
    add(
        "--max-grad-norm",
        type=float,
        default=1.0,
        metavar="X",
        help="longer gradients are cut to it; 0 for none (default: %(default)s)",
    )
    add("--checkpointing", action="store_true", help="less memory for a third more arithmetic")
    add("--seed", type=int, default=42, metavar="N", help="default: %(default)s")

    add_computing_arguments(parser, ("float32", "bfloat16"))

    add = parser.add_argument_group("running").add_argument
    add(
        *("--output", "-o"),
        required=True,
        metavar="DIR",
        help="a new folder, for the model, checkpoints, run.toml, log.jsonl and results.json",
    )
    add("--resume", action="store_true", help="go on with the run that stopped in the folder")
    add("--log-steps", type=int, default=50, metavar="N", help="default: %(default)s")
    add(
        "--save-minutes",
        type=float,
        default=10.0,
        metavar="X",
        help="how often to save a checkpoint (default: %(default)s)",
    )
    add("--keep", type=int, default=1, metavar="N", help="checkpoints kept (default: %(default)s)")
    add("--quiet", "-q", action="store_true", help="no progress and no summary")
    parser.set_defaults(**defaults)


def training_arguments(
    arguments: argparse.Namespace, folder: str, seed: int, **more: Any
) -> TrainingArguments:
    """What a Trainer is told; `more` are further fields."""
    given: dict[str, Any] = {
        "output_dir": folder,
        "per_device_train_batch_size": arguments.batch_size,
        "per_device_eval_batch_size": arguments.batch_size,
        "max_tokens_per_batch": arguments.batch_tokens,
        "gradient_accumulation_steps": arguments.accumulation,
        "num_train_epochs": arguments.epochs,
        "max_steps": -1 if arguments.max_steps is None else arguments.max_steps,
        "max_train_seconds": None if arguments.minutes is None else 60 * arguments.minutes,
        "learning_rate": arguments.learning_rate,
        "lr_scheduler_type": arguments.schedule,
        "warmup_steps": arguments.warmup,
        "optim": arguments.optimizer,
        "weight_decay": arguments.weight_decay,
        "adam_beta1": arguments.beta1,
        "adam_beta2": arguments.beta2,
        "adam_epsilon": arguments.epsilon,
        "max_grad_norm": arguments.max_grad_norm,
        "activation_checkpointing": arguments.checkpointing,
        "bf16": arguments.dtype == "bfloat16",
        "logging_steps": arguments.log_steps,
        "save_minutes": arguments.save_minutes,
        "save_total_limit": arguments.keep,
        "disable_tqdm": arguments.quiet or None,
        "seed": seed,
    }
    return TrainingArguments(**{**given, **more})
