"""python -m pytxenc classify: label texts."""

from __future__ import annotations

import argparse
from typing import Any

from pytxenc.cli.texts import (
    add_result_arguments,
    add_text_arguments,
    open_results,
    read_texts,
    start,
    to_json,
    with_inputs,
    with_progress,
)

DESCRIPTION = """\
Label texts by a model that was fine-tuned for it, or, with --labels, by a model
of entailment (zero-shot classification).

  Is it praise?

    python -m pytxenc classify "A film to see twice." "A waste of an evening." \\
        --model distilbert-base-uncased-finetuned-sst-2-english

  A file of reviews, one a line, to a table of label, score and text:

    python -m pytxenc classify --model ./my-model --file reviews.txt.gz -o labels.tsv

  The field "body" of JSON Lines, all labels with their scores, to JSON Lines:

    python -m pytxenc classify --model ./my-model --file tickets.jsonl \\
        --text-field body --top-k all -o labels.jsonl

  Labels of your own, without fine-tuning:

    python -m pytxenc classify --model roberta-large-mnli "The screen is broken" \\
        --labels hardware billing delivery

Written are, with tabs between them, label, score and text (tabs and line ends
in it as spaces), a line for every label that --top-k asks for; with --json an
object for every text: "text", and "label" and "score", or with --top-k
"labels", a list of both.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_text_arguments(parser)
    add = parser.add_argument_group("the model").add_argument
    add(
        *("--model", "-m"),
        required=True,
        metavar="DIR_OR_NAME",
        help="directory of a model that classifies texts, or its name on the hub",
    )
    add(
        "--top-k",
        type=_count,
        default=1,
        metavar="N",
        help='labels for every text, or "all" (default: %(default)s)',
    )
    add(
        "--function-to-apply",
        choices=("sigmoid", "softmax", "none"),
        help="what makes scores of the model's numbers (default: what suits its labels)",
    )
    add("--labels", nargs="+", metavar="LABEL", help="zero-shot: the labels to choose among")
    add("--multi-label", action="store_true", help="zero-shot: several labels may be true")
    add(
        "--hypothesis-template",
        metavar="TEXT",
        help='zero-shot: the sentence about a label (default: "This example is {}.")',
    )
    add("--no-truncate", action="store_true", help="stop at texts that are too long for the model")
    add_result_arguments(parser)


def _count(text: str) -> int | None:
    """A number of labels; None for "all"."""
    if text == "all":
        return None
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return count


def run(arguments: argparse.Namespace) -> None:
    """Label the texts and write what was found."""
    from pytxenc.pipelines import pipeline

    zero_shot = arguments.labels is not None
    _check(arguments, zero_shot)
    start(arguments)
    task = "zero-shot-classification" if zero_shot else "text-classification"
    options: dict[str, Any] = {}
    if zero_shot:
        options = {"candidate_labels": arguments.labels, "multi_label": arguments.multi_label}
        if arguments.hypothesis_template is not None:
            options["hypothesis_template"] = arguments.hypothesis_template
    else:
        options = {"top_k": None, "truncation": not arguments.no_truncate}
        if arguments.function_to_apply is not None:
            options["function_to_apply"] = arguments.function_to_apply
    classify = pipeline(task, arguments.model, dtype=arguments.dtype)
    texts, total = read_texts(arguments)
    results = with_inputs(lambda stream: classify(stream, **options), texts)
    with open_results(arguments.output) as write:
        for text, result in with_progress(results, arguments, total):
            for line in _lines(text, _ranked(result)[: arguments.top_k], arguments):
                write(line)


def _check(arguments: argparse.Namespace, zero_shot: bool) -> None:
    wrong = None
    if zero_shot and arguments.function_to_apply is not None:
        wrong = "--function-to-apply is not for --labels"
    elif not zero_shot and (arguments.multi_label or arguments.hypothesis_template is not None):
        wrong = "--multi-label and --hypothesis-template need --labels"
    if wrong:
        raise ValueError(wrong)


def _ranked(result: Any) -> list[dict[str, Any]]:
    """Both tasks' results as labels with scores, by falling score."""
    if isinstance(result, list):
        return result
    pairs = zip(result["labels"], result["scores"], strict=True)
    return [{"label": label, "score": score} for label, score in pairs]


def _lines(text: str, labels: list[dict[str, Any]], arguments: argparse.Namespace) -> list[str]:
    if not arguments.json:
        flat = text.replace("\t", " ").replace("\r", " ").replace("\n", " ")
        return [f"{found['label']}\t{found['score']:.4f}\t{flat}" for found in labels]
    if arguments.top_k == 1:
        return [to_json({"text": text, **labels[0]})]
    return [to_json({"text": text, "labels": labels})]
