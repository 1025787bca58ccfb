"""What claims.py measures of a pretrained model beside its loss: tests on pairs of segments,
gradients of accumulated micro-batches, and fine-tuning."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import claim_arms
import numpy as np
from claim_arms import Arm
from finetune_tasks import TASKS, folder_of, score
from harness import data_dir
from model_tuning import Tuning, tune
from numpy.typing import NDArray

import pytxenc
from pytxenc.data import PretrainingDataset

TESTS = {"nsp": "segment_pair", "sop": "sop"}
PROBED = 4000  # pairs of training text that a regression is fitted to
RIDGE = 10.0  # its penalty: of half the squared weights
BATCH = 32
SPLITS = {"equal": (4, 4, 4, 4), "unequal": (1, 2, 4, 9)}
ROWS = 4000  # of training that are about a task's


# ---- pairs ----


def pair_tests(folder: Path, train: Path, held_out: Path, *, has_head: bool) -> dict[str, Any]:
    """Share of pairs judged right, in percent, on held-out pairs with as many of either label.

    By test: "probe": by a logistic regression on the last layer's vector of the first token;
    "head": by the model's own head, if one was trained, whichever test that was for; "loss": of
    the masked words in these pairs, nats.
    """
    model = pytxenc.AutoModelForPreTraining.from_pretrained(folder)
    encoder = pytxenc.AutoModel.from_pretrained(folder)
    tokenizer = pytxenc.AutoTokenizer.from_pretrained(folder)
    told = {}
    for name, packing in TESTS.items():
        options: Any = dict(block_size=claim_arms.LONGEST, packing=packing, static_duplicates=1)
        known, unknown = (PretrainingDataset(t, tokenizer, **options) for t in (train, held_out))
        spread = np.linspace(0, len(known) - 1, PROBED, dtype=np.int64)
        weights = logistic_regression(*_vectors(encoder, known, np.unique(spread)))
        rows = balanced(unknown)
        vectors, labels = _vectors(encoder, unknown, rows)
        right = (vectors @ weights[:-1] + weights[-1] > 0) == labels
        told[name] = {"pairs": len(rows), "probe": 100 * float(right.mean())}
        told[name] |= _by_head(model, unknown, rows, has_head)
    return told


def _by_head(
    model: Any, dataset: PretrainingDataset, rows: NDArray[np.int64], has_head: bool
) -> dict[str, float]:
    session = pytxenc.Session(model)
    sums = np.zeros((3, 2))
    for batch in _batches(dataset, rows):
        found = session.evaluate(batch)
        sums += [found.loss_sums, found.counts, found.correct]
    (loss, _), (words, pairs), (_, right) = sums.tolist()
    told = {"loss": loss / words}
    return {**told, "head": 100 * right / pairs} if has_head else told


def balanced(dataset: PretrainingDataset) -> NDArray[np.int64]:
    """Rows of pairs, evenly spread, with as many of either label."""
    labels = _labels(dataset, dataset.batch(range(len(dataset))))
    kinds = [np.flatnonzero(labels == label) for label in (0, 1)]
    count = min(map(len, kinds))
    kept = [kind[np.linspace(0, len(kind) - 1, count, dtype=np.int64)] for kind in kinds]
    return np.sort(np.concatenate(kept))


def _labels(dataset: PretrainingDataset, batch: dict[str, Any]) -> NDArray[np.int64]:
    assert dataset.label_name is not None
    return batch[dataset.label_name]


def _batches(dataset: PretrainingDataset, rows: NDArray[np.int64]) -> Iterator[dict[str, Any]]:
    return (dataset.batch(rows[i : i + BATCH]) for i in range(0, len(rows), BATCH))


def _vectors(
    encoder: Any, dataset: PretrainingDataset, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The vectors of first tokens (n, hidden), and which labels are 1 (n,)."""
    vectors, labels = [], []
    for batch in _batches(dataset, rows):
        names = ("input_ids", "attention_mask", "token_type_ids")
        hidden = encoder(**{name: batch[name] for name in names}).last_hidden_state
        vectors.append(np.asarray(hidden[:, 0], np.float64))
        labels.append(_labels(dataset, batch) == 1)
    return np.concatenate(vectors), np.concatenate(labels)


def logistic_regression(
    vectors: NDArray[np.float64], labels: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Weights (dim + 1,), the constant last, by Newton's method; RIDGE is for vectors of unit
    variance, as which they are looked at."""
    mean, spread = vectors.mean(0), vectors.std(0) + 1e-9
    scaled = np.column_stack([(vectors - mean) / spread, np.ones(len(vectors))])
    penalty = np.append(np.full(vectors.shape[1], RIDGE), 1e-9)
    weights = np.zeros(scaled.shape[1])
    for _ in range(15):
        chance = 1 / (1 + np.exp(-np.clip(scaled @ weights, -30, 30)))
        slope = scaled.T @ (chance - labels) + penalty * weights
        curvature = (scaled * (chance * (1 - chance))[:, None]).T @ scaled + np.diag(penalty)
        weights -= np.linalg.solve(curvature, slope)
    own = weights[:-1] / spread
    return np.append(own, weights[-1] - own @ mean)


# ---- gradients ----


def gradients(folder: Path, train: Path) -> dict[str, float]:
    """How far gradients of micro-batches are from that of their whole, relative to its norm.

    "equal" and "unequal": sums over micro-batches divided by all labels, as the Trainer does;
    "mean_of_means": unequal ones' own means, averaged.
    """
    model = pytxenc.AutoModelForPreTraining.from_pretrained(folder)
    tokenizer = pytxenc.AutoTokenizer.from_pretrained(folder)
    dataset = PretrainingDataset(train, tokenizer, block_size=claim_arms.LONGEST)
    size = sum(SPLITS["equal"])
    session = pytxenc.Session(model)
    items = session.count(dataset.batch(range(size)))

    def gradient(split: tuple[int, ...], *, exact: bool) -> NDArray[np.float32]:
        session.zero_grad()
        first = 0
        for part in split:
            batch = dataset.batch(range(first, first + part))
            words, pairs = items if exact else session.count(batch)
            shares = 1 if exact else len(split)
            session.backward(batch, items=(shares * words, shares * pairs))
            first += part
        return session.flat.gradients.copy()

    truth = gradient((size,), exact=True)
    found = {name: gradient(split, exact=True) for name, split in SPLITS.items()}
    found["mean_of_means"] = gradient(SPLITS["unequal"], exact=False)
    norm = float(np.linalg.norm(truth))
    return {name: float(np.linalg.norm(g - truth)) / norm for name, g in found.items()}


# ---- tasks ----


def tuned(folder: Path, arm: Arm, seed: int, scale: float) -> dict[str, dict[str, float]]:
    """Scores on the arm's tasks, by task; below a scale of 1 of fewer rows."""
    settings = Tuning(limit=None if scale >= 1 else max(32, int(ROWS * scale)))
    return {task: tune(folder, task, seed, settings, pretrained=arm.trained) for task in arm.tasks}


def majority(task: str) -> float:
    """The test score of always telling the class most frequent in training, in percent."""
    kind = TASKS[task]
    train, _, test = kind.rows(folder_of(task, data_dir() / "tasks"))
    best = Counter(row[-1] for row in train).most_common(1)[0][0]
    logits = np.tile(np.eye(len(kind.labels))[kind.labels.index(best)], (len(test), 1))
    return score(task, logits, [{"labels": kind.labels.index(row[-1])} for row in test])
