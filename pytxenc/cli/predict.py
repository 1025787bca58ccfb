"""python -m pytxenc predict: let a fine-tuned model label the examples of a file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

import pytxenc
from pytxenc import tasks
from pytxenc.cli.computing import add_computing_arguments
from pytxenc.cli.settings import add_config_argument
from pytxenc.cli.task_files import TASKS, TaskFiles, add_column_arguments, task_of
from pytxenc.cli.texts import open_results, start, to_json, with_progress
from pytxenc.numeric import softmax

DESCRIPTION = """\
Let a fine-tuned model label the examples of a file: texts, pairs of texts, sentences of
words, or questions.

    python -m pytxenc predict --model sentiment --file new.tsv --text 0 --output labels.tsv
    python -m pytxenc predict --model chunker --file new.txt --output tagged.txt
    python -m pytxenc predict --model answers --file questions.json --output answers.jsonl

Written are for every text its label and the probability of that, with a tab between them,
or its number; for every word a line of word and tag, and a blank line after a sentence; for
every question its id, the answer and its score.  With --json it is an object for every
example.  Files may be larger than memory, those of questions excepted.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_config_argument(parser)
    add = parser.add_argument
    add(
        *("--model", "-m"),
        required=True,
        metavar="DIR_OR_NAME",
        help="directory of a fine-tuned model, or its name on the hub",
    )
    add("--file", "-f", required=True, metavar="FILE", help="examples; labels are not looked at")
    add("--task", choices=tuple(TASKS), help="default: that of the model")
    add_column_arguments(parser)
    add = parser.add_argument_group("results").add_argument
    add(
        *("--output", "-o"),
        metavar="FILE",
        help="write to a file, which appears when it is complete (default: standard output)",
    )
    add("--force", action="store_true", help="replace the file if it is there already")
    add("--json", action="store_true", help="write JSON Lines; also for a file named .jsonl")
    add("--quiet", "-q", action="store_true", help="no progress bar")
    add_computing_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Label the examples and write what was found."""
    start(arguments)
    config = pytxenc.AutoConfig.from_pretrained(arguments.model)
    files = TaskFiles(arguments, arguments.task or task_of(config))
    tokenizer = pytxenc.AutoTokenizer.from_pretrained(arguments.model)
    model = files.model_class().from_pretrained(arguments.model, dtype=arguments.dtype)

    def found() -> Iterator[dict[str, Any]]:
        for examples in files.blocks(arguments.file):
            dataset = files.dataset(tokenizer, examples, config)
            scores = tasks.compute_scores(model, dataset)
            yield from _results(files.task, examples, dataset, scores)

    with open_results(arguments.output) as write:
        for result in with_progress(found(), arguments, None):
            write(to_json(result) if arguments.json else _line(files.task, result))


def _results(
    task: str, examples: list[Any], dataset: tasks.TaskDataset, scores: list[Any]
) -> Iterator[dict[str, Any]]:
    """What was found of every example."""
    if isinstance(dataset, tasks.QuestionAnsweringDataset):
        yield from ({"id": key, **answer} for key, answer in dataset.answers(scores).items())
        return
    for example, prediction, row in zip(examples, dataset.predictions(scores), scores, strict=True):
        if task == "tagging":
            yield {"words": example.words, "tags": prediction}
        elif task == "regression":
            yield {"score": prediction}
        else:
            yield {"label": prediction, "score": float(np.max(softmax(row)))}


def _line(task: str, result: dict[str, Any]) -> str:
    """A result as text."""
    if task == "tagging":
        pairs = zip(result["words"], result["tags"], strict=True)
        return "".join(f"{word}\t{tag}\n" for word, tag in pairs)
    if task == "regression":
        return f"{result['score']:.6g}"
    if task == "qa":
        answer = " ".join(result["answer"].split())
        return f"{result['id']}\t{answer}\t{result['score']:.4f}"
    return f"{result['label']}\t{result['score']:.4f}"
