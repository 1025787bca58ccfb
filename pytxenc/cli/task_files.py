"""What the commands share that go over the examples of a task: columns, labels, metrics."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import pytxenc
from pytxenc import tasks
from pytxenc.metrics import METRICS, glue_metrics, metric_set
from pytxenc.pipelines.question_answering import takes_types
from pytxenc.tokenization import PreTrainedTokenizerBase

__all__ = ["TASKS", "TaskFiles", "add_column_arguments", "flat_metrics", "task_of"]

TASKS = {  # task: the models that do it
    "classification": "SequenceClassification",
    "regression": "SequenceClassification",
    "tagging": "TokenClassification",
    "qa": "QuestionAnswering",
}
_GLUE = ("cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli", "rte", "wnli")
_AT_ONCE = 512  # examples that are read together where they stream


def _column(text: str) -> str | int:
    """A column's number where it is one, else its name."""
    return int(text) if text.removeprefix("-").isdigit() else text


def add_column_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how examples are read, by which `TaskFiles` goes."""
    add = parser.add_argument_group("examples").add_argument
    add(
        "--format",
        choices=("tsv", "csv", "jsonl", "conll", "squad"),
        help="of all files (default: conll for tagging, SQuAD's JSON for qa, else what the names"
        " say; .txt is TSV)",
    )
    add(
        "--text",
        type=_column,
        metavar="COLUMN",
        help='column of the text, or of the words: its name, or its number from 0 (default: "text";'
        " in CoNLL files 0)",
    )
    add("--pair", type=_column, metavar="COLUMN", help="column of a second text")
    add(
        "--label",
        type=_column,
        metavar="COLUMN",
        help='column of the label, number or tags (default: "label"; in CoNLL files -1, the last)',
    )
    add(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="the first row holds names (default: if a column is given by name)",
    )
    add(
        "--quotes",
        action=argparse.BooleanOptionalAction,
        help="fields may be in double quotes (default: in CSV)",
    )
    add("--separator", metavar="TEXT", help="between columns of CoNLL files (default: white space)")
    add(
        "--max-length", type=int, metavar="N", help="cut texts, or windows of qa, to so many tokens"
    )
    add("--stride", type=int, metavar="N", help="qa: tokens that windows of a text share")
    add(
        "--metric",
        nargs="+",
        metavar="NAME",
        help=f"for texts: of {', '.join(METRICS)}, or a task of GLUE ({', '.join(_GLUE)})",
    )
    add(
        "--scheme",
        choices=("conlleval", "strict", "tags"),
        default="conlleval",
        help="tagging: chunks by conlleval's rules or strict IOB2, or single tags"
        " (default: %(default)s)",
    )
    add(
        "--squad-version",
        type=int,
        choices=(1, 2),
        default=1,
        help="qa: 2 if questions may have no answer (default: %(default)s)",
    )


class TaskFiles:
    """Reads files of one task as the arguments say."""

    def __init__(self, arguments: argparse.Namespace, task: str) -> None:
        self.task, self._arguments = task, arguments
        usual = {"tagging": "conll", "qa": "squad"}.get(task)
        self._format: Any = arguments.format or usual
        fits = {"tagging": ("conll", "jsonl"), "qa": ("squad",)}.get(task, ("tsv", "csv", "jsonl"))
        if self._format is not None and self._format not in fits:
            raise ValueError(f"--format for {task} must be {' or '.join(fits)}")
        if arguments.pair is not None and task in ("tagging", "qa"):
            raise ValueError(f"--pair is not for {task}")
        if arguments.metric and task in ("tagging", "qa"):
            raise ValueError(f"--metric is not for {task}: see --scheme and --squad-version")
        self._metrics = _metric_set(arguments.metric) if arguments.metric else None

    @property
    def best_metric(self) -> str:
        """What tells the best of several models."""
        names = self._arguments.metric
        if self.task in ("tagging", "qa"):
            return "accuracy" if self._arguments.scheme == "tags" else "f1"
        if not names:
            return "pearson" if self.task == "regression" else "accuracy"
        if names[0] in METRICS:
            return str(names[0])
        return next(iter(_names_of_glue(names[0])))

    def model_class(self) -> Any:
        """The class that loads a model for the task."""
        return getattr(pytxenc, f"AutoModelFor{TASKS[self.task]}")

    # ---- reading ----

    def stream(self, path: str, labelled: bool) -> Iterator[Any]:
        """The examples of a file as they are read: records, sentences or questions."""
        chosen = self._arguments
        if self._format == "squad":
            return iter(tasks.read_squad(path))
        if self._format == "conll":
            columns = {"word": chosen.text, "tag": chosen.label}
            for name, column in columns.items():
                if isinstance(column, str):
                    raise ValueError(
                        f"the {name} column of a CoNLL file is a number, not {column!r}"
                    )
            tag = -1 if chosen.label is None else chosen.label
            return tasks.read_conll(
                path, chosen.text or 0, tag if labelled else None, chosen.separator
            )
        wanted = {"text": "text" if chosen.text is None else chosen.text}
        if chosen.pair is not None:
            wanted["pair"] = chosen.pair
        if labelled:
            wanted["label"] = "label" if chosen.label is None else chosen.label
        options = tasks.TableOptions(self._format, chosen.header, chosen.quotes)
        records = tasks.read_records(path, wanted, options)
        return map(_as_sentence, records) if self.task == "tagging" else records

    def read(self, path: str, labelled: bool = True) -> list[Any]:
        """All examples of a file; ValueError where there are none."""
        examples = list(self.stream(path, labelled))
        if not examples:
            raise ValueError(f"{path}: there are no examples")
        return examples

    def blocks(self, path: str) -> Iterator[list[Any]]:
        """The examples of a file without their labels, some at a time."""
        examples = self.stream(path, labelled=False)
        while block := list(islice(examples, _AT_ONCE)):
            yield block

    # ---- data sets ----

    def labels(self, examples: Iterable[Any], given: list[str] | None) -> tasks.Labels | None:
        """The classes or tags: as given, or those that occur; None where there are none."""
        if self.task in ("regression", "qa"):
            if given:
                raise ValueError(f"--labels is not for {self.task}")
            return None
        if given:
            labels = tasks.Labels(given)
        elif self.task == "tagging":
            labels = tasks.Labels.found(tag for sentence in examples for tag in sentence.tags)
        else:
            labels = tasks.Labels.found(record.label("label") for record in examples)
        if len(labels) < 2:
            raise ValueError(
                f"there is one label only, {labels.names[0]!r}: there is nothing to tell apart"
            )
        return labels

    def config_fields(self, labels: tasks.Labels | None) -> dict[str, Any]:
        """What the model's configuration says of the task."""
        if self.task == "qa":
            return {"num_labels": 2}
        if labels is None:
            return {"num_labels": 1, "problem_type": "regression"}
        kind = "single_label_classification" if self.task == "classification" else None
        return labels.config_fields(kind)

    def dataset(
        self, tokenizer: PreTrainedTokenizerBase, examples: list[Any], config: Any
    ) -> tasks.TaskDataset:
        """The examples as a model with this configuration takes them."""
        chosen = self._arguments
        length = chosen.max_length or _longest_input(tokenizer, config)
        if self.task == "qa":
            return tasks.QuestionAnsweringDataset(
                tokenizer, examples, max_length=min(length, chosen.max_length or 384),
                stride=chosen.stride, types=takes_types(config), version=chosen.squad_version,
            )  # fmt: skip
        if self.task == "regression":
            return tasks.RegressionDataset.of_records(
                tokenizer, examples, max_length=length, metrics=self._metrics
            )
        labels = tasks.Labels.of(config)
        if self.task == "tagging":
            return tasks.TaggingDataset.of_sentences(
                tokenizer, examples, labels, max_length=length, scheme=chosen.scheme
            )
        return tasks.ClassificationDataset.of_records(
            tokenizer, examples, labels, max_length=length, metrics=self._metrics
        )


def task_of(config: Any) -> str:
    """The task of a model by its configuration; ValueError for one without any."""
    name = (config.architectures or [""])[0]
    for task, head in TASKS.items():
        if name.endswith(f"For{head}"):
            number = config.problem_type == "regression" or (
                task == "classification" and config.num_labels == 1
            )
            return "regression" if number else task
    raise ValueError(
        f"{config.name_or_path}: a {name or 'model of unknown kind'} is not fine-tuned for one of"
        f" {', '.join(TASKS)}"
    )


def flat_metrics(scores: dict[str, Any]) -> dict[str, float]:
    """Of a data set's scores the numbers alone, without those of single types."""
    return {name: value for name, value in scores.items() if isinstance(value, int | float)}


def _as_sentence(record: tasks.Record) -> tasks.Sentence:
    words = record.words("text")
    tags = record.words("label") if "label" in record.values else None
    if tags is not None and len(tags) != len(words):
        raise ValueError(f"{record.where}: {len(words)} words, but {len(tags)} tags")
    return tasks.Sentence(record.path, record.line, words, tags)


def _longest_input(tokenizer: PreTrainedTokenizerBase, config: Any) -> int:
    """Tokens that model and tokenizer take."""
    positions = config.max_position_embeddings
    if "roberta" in config.model_type:  # whose first positions are those of padding
        positions -= config.pad_token_id + 1
    return int(min(tokenizer.model_max_length, positions))


def _metric_set(names: list[str]) -> Any:
    if len(names) == 1 and names[0] not in METRICS:
        return glue_metrics(names[0])
    return metric_set(names)


def _names_of_glue(task: str) -> dict[str, float]:
    """What the metrics of a task of GLUE are called, the one that sums them up first."""
    found = glue_metrics(task)([0, 1], [0, 1])
    return {"combined_score": 0.0, **found} if "combined_score" in found else found
