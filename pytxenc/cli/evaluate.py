"""python -m pytxenc evaluate: tell how well a model does on the examples of a file."""

from __future__ import annotations

import argparse
import json

import pytxenc
from pytxenc import tasks
from pytxenc.cli.computing import add_computing_arguments, set_threads
from pytxenc.cli.output import check_output
from pytxenc.cli.settings import add_config_argument, plain_json, write_json
from pytxenc.cli.task_files import TASKS, TaskFiles, add_column_arguments, task_of

DESCRIPTION = """\
Tell how well a fine-tuned model does on the examples of a file, as JSON.

  Labels of texts:

    python -m pytxenc evaluate --model sentiment --file test.tsv --text 0 --label 1

  Tags of words; chunks by conlleval's rules, all and of every type:

    python -m pytxenc evaluate --model chunker --file test.txt

  Answers, with SQuAD's measures:

    python -m pytxenc evaluate --model answers --file dev-v2.0.json --squad-version 2
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
    add("--file", "-f", required=True, metavar="FILE", help="examples with their labels")
    add("--task", choices=tuple(TASKS), help="default: that of the model")
    add_column_arguments(parser)
    add("--output", "-o", metavar="FILE", help="write to a file (default: standard output)")
    add("--force", action="store_true", help="replace the file if it is there already")
    add_computing_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate the model and write the metrics."""
    if arguments.output is not None:
        check_output(arguments.output, arguments.force)
    set_threads(arguments)
    config = pytxenc.AutoConfig.from_pretrained(arguments.model)
    files = TaskFiles(arguments, arguments.task or task_of(config))
    examples = files.read(arguments.file)
    tokenizer = pytxenc.AutoTokenizer.from_pretrained(arguments.model)
    dataset = files.dataset(tokenizer, examples, config)
    model = files.model_class().from_pretrained(arguments.model, dtype=arguments.dtype)
    found = {"examples": len(examples), **dataset.score(tasks.compute_scores(model, dataset))}
    if arguments.output is None:
        print(json.dumps(plain_json(found), ensure_ascii=False, indent=2))
    else:
        write_json(arguments.output, found)
