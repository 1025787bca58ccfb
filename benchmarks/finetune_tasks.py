"""Tasks of the reference data as features of a model, and their scores."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

LONGEST = 128
Row = tuple[Any, ...]  # the texts, or the words, and the label


class Task(NamedTuple):
    """What is fine-tuned on: its rows, and how well labels are met."""

    head: str
    metric: str
    labels: tuple[str, ...]  # names of the classes; empty for regression
    files: tuple[str, ...]  # of training, development if there are any, and test
    read: Callable[[Path], list[Row]]  # the rows of a file

    def rows(self, folder: Path) -> tuple[list[Row], list[Row], list[Row]]:
        """Those of training, development and test.

        Where the data have no development set, every tenth row of training is for it.
        """
        train, *dev, test = (self.read(folder / name) for name in self.files)
        if dev:
            return train, dev[0], test
        return [row for i, row in enumerate(train) if i % 10], train[::10], test


class Features(NamedTuple):
    """A task as a model takes it: dicts of ids and labels."""

    train: list[dict[str, Any]]
    dev: list[dict[str, Any]]
    test: list[dict[str, Any]]


def _table(path: Path, *columns: str) -> Iterator[Row]:
    """The columns of a table with a heading, separated by tabs and without quotes."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield tuple(row[column] for column in columns)


def _lines(path: Path) -> list[Row]:
    """Texts and labels with a tab between them."""
    return [tuple(line.rsplit("\t", 1)) for line in path.read_text().splitlines()]


def _columns(*columns: str) -> Callable[[Path], list[Row]]:
    return lambda path: list(_table(path, *columns))


def _sentences(path: Path) -> list[Row]:
    """Words and their chunk tags, between blank lines."""
    sentences = []
    for block in path.read_text().strip().split("\n\n"):
        words, _, tags = zip(*(line.split() for line in block.splitlines()), strict=True)
        sentences.append((list(words), list(tags)))
    return sentences


_CHUNKS = ("NP", "VP", "PP", "ADVP", "SBAR", "ADJP", "PRT", "CONJP", "INTJ", "LST", "UCP")
_TAGS = ("O", *(f"{place}-{chunk}" for chunk in _CHUNKS for place in "BI"))
_SICK = ("CONTRADICTION", "NEUTRAL", "ENTAILMENT")
_CLASSES, _WORDS = "ForSequenceClassification", "ForTokenClassification"
_SICK_FILES = ("train.txt", "test.txt")
TASKS = {
    "sst2": Task(_CLASSES, "accuracy", ("0", "1"), ("train.tsv", "dev.tsv", "test.tsv"), _lines),
    "mrpc": Task(
        _CLASSES, "F1", ("0", "1"), ("train.tsv", "val.tsv", "test.tsv"),
        _columns("#1 String", "#2 String", "Quality"),
    ),
    "sick-entailment": Task(
        _CLASSES, "accuracy", _SICK, _SICK_FILES,
        _columns("sentence_A", "sentence_B", "entailment_judgment"),
    ),
    "sick-relatedness": Task(
        _CLASSES, "Pearson", (), _SICK_FILES,
        _columns("sentence_A", "sentence_B", "relatedness_score"),
    ),
    "conll2000": Task(_WORDS, "chunk F1", _TAGS, ("train.txt", "test.txt"), _sentences),
}  # fmt: skip


def folder_of(name: str, tasks: Path) -> Path:
    """Where the data of one of TASKS are."""
    return tasks / name.split("-")[0]


def load(name: str, tasks: Path, tokenizer: Any, limit: int | None = None) -> Features:
    """The features of one of TASKS; limit: rows of training, evenly spread, at most."""
    task = TASKS[name]
    train, dev, test = task.rows(folder_of(name, tasks))
    if limit is not None and limit < len(train):
        train = [train[i * len(train) // limit] for i in range(limit)]
    encode = _tagged if task.head == _WORDS else _labelled
    return Features(*(list(encode(task, rows, tokenizer)) for rows in (train, dev, test)))


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


def score(name: str, logits: Any, features: list[dict[str, Any]]) -> float:
    """The metric of a task, in percent, of logits [n, ...] for these features."""
    from pytxenc import metrics

    task = TASKS[name]
    labels = [feature["labels"] for feature in features]
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


def majority(name: str, tasks: Path) -> float | None:
    """The test score of always telling the class most frequent in training, in percent.

    None for tasks whose targets are numbers or tags.
    """
    import numpy as np

    task = TASKS[name]
    if task.head != _CLASSES or not task.labels:
        return None
    train, _, test = task.rows(folder_of(name, tasks))
    best = Counter(row[-1] for row in train).most_common(1)[0][0]
    logits = np.tile(np.eye(len(task.labels))[task.labels.index(best)], (len(test), 1))
    return score(name, logits, [{"labels": task.labels.index(row[-1])} for row in test])
