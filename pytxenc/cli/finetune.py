"""python -m pytxenc finetune: train a model on the examples of a file."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import pytxenc
from pytxenc import tasks
from pytxenc.cli.computing import set_threads
from pytxenc.cli.settings import record_run, write_json
from pytxenc.cli.task_files import TASKS, TaskFiles, add_column_arguments, flat_metrics
from pytxenc.cli.training import add_training_arguments, training_arguments
from pytxenc.metrics import mean_interval
from pytxenc.training.distributed import communicator

DESCRIPTION = """\
Train a model on the examples of a file, keep what does best on a second one, and
tell how well it does on a third.

  Labels of texts, from a table without header:

    python -m pytxenc finetune --model roberta-base --train train.tsv --dev dev.tsv \\
        --test test.tsv --text 0 --label 1 --output sentiment

  Pairs of texts, with five seeds; results.json has means and intervals:

    python -m pytxenc finetune --model roberta-base --train mrpc.tsv --dev dev.tsv \\
        --text "#1 String" --pair "#2 String" --label Quality --metric mrpc \\
        --seeds 5 --output paraphrases

  Tags of words, from CoNLL's columns:

    python -m pytxenc finetune --task tagging --model bert-base-cased \\
        --train train.txt --dev dev.txt --output chunker

  Answers, from SQuAD's files:

    python -m pytxenc finetune --task qa --model roberta-base --train train-v1.1.json \\
        --dev dev-v1.1.json --batch-size 12 --epochs 2 --output answers

All settings may stand in a file, --config run.toml; the run.toml that every run leaves
beside its results is one.  An interrupted run goes on with --resume.
"""

_RESULTS = "results.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("--task", choices=tuple(TASKS), default="classification", help="default: %(default)s")
    add(
        *("--model", "-m"),
        required=True,
        metavar="DIR_OR_NAME",
        help="directory of a pretrained model, or its name on the hub",
    )
    add("--train", required=True, metavar="FILE", help="examples to train on")
    add("--dev", metavar="FILE", help="examples to choose the best epoch by")
    add("--test", metavar="FILE", help="examples to try the result on")
    add(
        "--labels",
        nargs="+",
        metavar="NAME",
        help="the classes or tags in their order (default: those of --train, sorted)",
    )
    add_column_arguments(parser)
    add_training_arguments(
        parser, batch_size=16, epochs=3.0, learning_rate=5e-5, warmup=0.06, beta2=0.999
    )
    group = parser.add_argument_group("fine-tuning").add_argument
    group(
        "--seeds",
        type=int,
        default=1,
        metavar="N",
        help="runs, with the seeds from --seed on; each has a folder (default: %(default)s)",
    )
    group(
        "--layer-decay",
        type=float,
        default=1.0,
        metavar="X",
        help="learning rate of a layer, as a share of the one above (default: %(default)s)",
    )
    group("--label-smoothing", type=float, default=0.0, metavar="X", help="default: %(default)s")
    group("--patience", type=int, metavar="N", help="stop after so many epochs without gain")


def run(arguments: argparse.Namespace) -> None:
    """Train, evaluate and write what came out."""
    with communicator().guard():
        _run(arguments)


def _run(arguments: argparse.Namespace) -> None:
    if arguments.seeds < 1:
        raise ValueError("--seeds must be at least 1")
    if arguments.patience is not None and arguments.dev is None:
        raise ValueError("--patience needs --dev")
    set_threads(arguments)
    files = TaskFiles(arguments, arguments.task)
    examples = {
        name: files.read(path)
        for name in ("train", "dev", "test")
        if (path := getattr(arguments, name)) is not None
    }
    labels = files.labels(examples["train"], arguments.labels)
    tokenizer = pytxenc.AutoTokenizer.from_pretrained(arguments.model)
    config = pytxenc.AutoConfig.from_pretrained(arguments.model, **files.config_fields(labels))
    sets = {name: files.dataset(tokenizer, of, config) for name, of in examples.items()}
    _settings(arguments, files, arguments.output, arguments.seed)  # wrong ones leave no folder
    record_run("finetune", arguments)
    runs = []
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        folder = arguments.output
        if arguments.seeds > 1:
            folder = os.path.join(folder, f"seed-{seed}")
        runs.append(
            _finished(folder, arguments) or _run_seed(arguments, files, sets, config, folder, seed)
        )
    if not communicator().is_main:
        return
    summary = _summary(runs)
    write_json(os.path.join(arguments.output, _RESULTS), {"runs": runs, "summary": summary})
    if not arguments.quiet:
        for name, of in summary.items():
            spread = f"  SD {of['sd']:.4f}" if arguments.seeds > 1 else ""
            print(f"{name}: {of['mean']:.4f}{spread}")
        print(f"written to {os.path.join(arguments.output, '')}")


def _finished(folder: str, arguments: argparse.Namespace) -> dict[str, Any] | None:
    """The results of a seed's run that ended before the command was interrupted."""
    path = os.path.join(folder, _RESULTS)
    if not arguments.resume or not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        content = json.load(file)
    return content["runs"][0]


def _run_seed(
    arguments: argparse.Namespace,
    files: TaskFiles,
    sets: dict[str, tasks.TaskDataset],
    config: Any,
    folder: str,
    seed: int,
) -> dict[str, Any]:
    """Train with one seed, save the model, and return the scores."""
    dev = sets.get("dev")
    settings = _settings(arguments, files, folder, seed)
    callbacks = []
    if arguments.patience is not None:
        callbacks.append(pytxenc.EarlyStoppingCallback(arguments.patience))
    pytxenc.set_seed(seed)
    model = files.model_class().from_pretrained(
        arguments.model, config=config, ignore_mismatched_sizes=True
    )
    tokenizer = sets["train"].tokenizer
    trainer = pytxenc.Trainer(
        model,
        settings,
        data_collator=partial(tasks.pad_rows, pad_id=tokenizer.pad_token_id),
        train_dataset=sets["train"],
        eval_dataset=dev,
        processing_class=tokenizer,
        compute_metrics=None if dev is None else _scorer(dev),
        callbacks=callbacks,
    )
    if arguments.quiet:
        trainer.remove_callback(pytxenc.PrinterCallback)
    resumed = arguments.resume and pytxenc.get_last_checkpoint(folder) is not None
    output = trainer.train(resume_from_checkpoint=True if resumed else None)
    if trainer.interrupted:
        raise KeyboardInterrupt
    trainer.save_model(folder)
    found: dict[str, Any] = {"seed": seed, "train": dict(output.metrics)}
    for name in ("dev", "test"):
        if name in sets:
            found[name] = sets[name].score(tasks.compute_scores(trainer.model, sets[name]))
    if communicator().is_main:
        content = {"runs": [found], "summary": _summary([found])}
        write_json(os.path.join(folder, _RESULTS), content)
    return found


def _settings(
    arguments: argparse.Namespace, files: TaskFiles, folder: str, seed: int
) -> pytxenc.TrainingArguments:
    """What the Trainer of one seed is told; ValueError for what cannot be."""
    chosen: dict[str, Any] = {"save_strategy": "epoch"}
    if arguments.dev is not None:
        chosen |= {
            "eval_strategy": "epoch",
            "load_best_model_at_end": True,
            "metric_for_best_model": files.best_metric,
            "greater_is_better": files.best_metric != "mse",
        }
    return training_arguments(
        arguments, folder, seed, layer_decay=arguments.layer_decay,
        label_smoothing_factor=arguments.label_smoothing, **chosen,
    )  # fmt: skip


def _scorer(dataset: tasks.TaskDataset) -> Callable[[Any], dict[str, float]]:
    """The compute_metrics of a Trainer that evaluates on this data set."""
    return lambda found: flat_metrics(dataset.score(tasks.rows_of_predictions(found.predictions)))


def _summary(runs: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean, standard deviation and 95 % interval over the runs of every metric."""
    summary = {}
    for part in ("dev", "test"):
        for name in flat_metrics(runs[0].get(part, {})):
            values = [run[part][name] for run in runs]
            if all(isinstance(value, int | float) for value in values):
                summary[f"{part}_{name}"] = mean_interval(values)._asdict()
    return summary
