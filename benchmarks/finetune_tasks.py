"""Tasks of the reference data as features of a model, and their scores on a development set."""

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

LONGEST = 128
Row = tuple[Any, ...]  # the texts, or the words, and the label


class Task(NamedTuple):
    """What is fine-tuned on: rows of training and development, and how well labels are met."""

    head: str
    metric: str
    labels: tuple[str, ...]  # names of the classes; empty for regression
    rows: Callable[[Path], tuple[list[Row], list[Row]]]


class Features(NamedTuple):
    """A task as a model takes it: dicts of ids and labels."""

    train: list[dict[str, Any]]
    dev: list[dict[str, Any]]


def _table(path: Path, *columns: str) -> Iterator[Row]:
    """The columns of a table with a heading, separated by tabs and without quotes."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield tuple(row[column] for column in columns)


def _sst2(folder: Path) -> tuple[list[Row], list[Row]]:
    train, dev = (
        [tuple(line.rsplit("\t", 1)) for line in (folder / name).read_text().splitlines()]
        for name in ("train.tsv", "dev.tsv")
    )
    return train, dev


def _mrpc(folder: Path) -> tuple[list[Row], list[Row]]:
    columns = ("#1 String", "#2 String", "Quality")
    train, dev = (list(_table(folder / name, *columns)) for name in ("train.tsv", "val.tsv"))
    return train, dev


def _sick(column: str) -> Callable[[Path], tuple[list[Row], list[Row]]]:
    def rows(folder: Path) -> tuple[list[Row], list[Row]]:
        every = _table(folder / "train.txt", "sentence_A", "sentence_B", column)
        return _carve(list(every))

    return rows


def _conll2000(folder: Path) -> tuple[list[Row], list[Row]]:
    sentences = []
    for block in (folder / "train.txt").read_text().strip().split("\n\n"):
        words, _, tags = zip(*(line.split() for line in block.splitlines()), strict=True)
        sentences.append((list(words), list(tags)))
    return _carve(sentences)


def _carve(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Every tenth row is for development, where the data have no such set."""
    return [row for i, row in enumerate(rows) if i % 10], rows[::10]


_CHUNKS = ("NP", "VP", "PP", "ADVP", "SBAR", "ADJP", "PRT", "CONJP", "INTJ", "LST", "UCP")
_TAGS = ("O", *(f"{place}-{chunk}" for chunk in _CHUNKS for place in "BI"))
_SICK = ("CONTRADICTION", "NEUTRAL", "ENTAILMENT")
TASKS = {
    "sst2": Task("ForSequenceClassification", "accuracy", ("0", "1"), _sst2),
    "mrpc": Task("ForSequenceClassification", "F1", ("0", "1"), _mrpc),
    "sick-entailment": Task(
        "ForSequenceClassification", "accuracy", _SICK, _sick("entailment_judgment")
    ),
    "sick-relatedness": Task(
        "ForSequenceClassification", "Pearson", (), _sick("relatedness_score")
    ),
    "conll2000": Task("ForTokenClassification", "chunk F1", _TAGS, _conll2000),
}


def folder_of(name: str, tasks: Path) -> Path:
    """Where the data of one of TASKS are."""
    return tasks / name.split("-")[0]


def load(name: str, tasks: Path, tokenizer: Any, limit: int | None = None) -> Features:
    """The features of one of TASKS; limit: rows of training, evenly spread, at most."""
    task = TASKS[name]
    train, dev = task.rows(folder_of(name, tasks))
    if limit is not None and limit < len(train):
        train = [train[i * len(train) // limit] for i in range(limit)]
    encode = _tagged if task.head == "ForTokenClassification" else _labelled
    return Features(list(encode(task, train, tokenizer)), list(encode(task, dev, tokenizer)))


def _labelled(task: Task, rows: Iterable[Row], tokenizer: Any) -> Iterator[dict[str, Any]]:
    for *texts, label in rows:
        encoded = tokenizer(*texts, truncation=True, max_length=LONGEST)
        yield {**encoded, "labels": task.labels.index(label) if task.labels else float(label)}


def _tagged(task: Task, rows: Iterable[Row], tokenizer: Any) -> Iterator[dict[str, Any]]:
    """The first token of a word has its tag, others are ignored."""
    for words, tags in rows:
        encoded = tokenizer(words, is_split_into_words=True, truncation=True, max_length=LONGEST)
        of, before = encoded.word_ids(0), None
        labels = []
        for word in of:
            fresh = word is not None and word != before
            labels.append(task.labels.index(tags[word]) if fresh else -100)
            before = word
        yield {**encoded, "labels": labels}


def score(name: str, logits: Any, dev: list[dict[str, Any]]) -> float:
    """The metric of a task, in percent, of logits [n, ...] for the development set."""
    from pytxenc import metrics

    task = TASKS[name]
    labels = [feature["labels"] for feature in dev]
    if task.metric == "Pearson":
        return 100 * metrics.pearson(labels, logits[:, 0])
    best = logits.argmax(-1)
    if task.metric == "chunk F1":
        pairs = [
            [(task.labels[t], task.labels[p]) for t, p in zip(true, row, strict=False) if t >= 0]
            for true, row in zip(labels, best, strict=True)
        ]
        truth, found = ([[pair[i] for pair in row] for row in pairs] for i in (0, 1))
        return 100 * float(metrics.chunk_scores(truth, found)["f1"])
    measure = metrics.f1 if task.metric == "F1" else metrics.accuracy
    return 100 * measure(labels, best)
