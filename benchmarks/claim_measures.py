"""What claims.py measures of a pretrained model beside its loss: tests on pairs of segments,
gradients of accumulated micro-batches, and fine-tuning."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import claim_arms
import numpy as np
from claim_arms import Arm
from model_tuning import Tuning, tune
from numpy.typing import NDArray

import pytxenc
from pytxenc.data import PretrainingDataset

TESTS = {"nsp": "segment_pair", "sop": "sop"}
PROBED = 4000  # pairs of training text that a regression is fitted to
RIDGE = 10.0  # its penalty: of half the squared weights
BATCH = 32
SPLITS = {"equal": (4, 4, 4, 4), "unequal": (1, 2, 4, 9)}
TUNING = Tuning(dropout=0.1)
ROWS = 4000  # of training that are about a task's
Look = Callable[[dict[str, Any]], NDArray[np.float64]]  # from a batch to (batch, dim)


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
    for name in TESTS:
        known, unknown = (_pairs(text, tokenizer, name) for text in (train, held_out))
        rows = balanced(unknown)
        told[name] = {
            "pairs": len(rows),
            "probe": _probe(known, unknown, rows, _first_vectors(encoder)),
        }
        told[name] |= _by_head(model, unknown, rows, has_head)
    return told


def by_lengths(train: Path, held_out: Path, tokenizer: Any, test: str) -> float:
    """The same regression's share where it knows nothing but the lengths of the segments."""
    known, unknown = (_pairs(text, tokenizer, test) for text in (train, held_out))
    return _probe(known, unknown, balanced(unknown), _segment_lengths)


def _pairs(text: Path, tokenizer: Any, test: str) -> PretrainingDataset:
    return PretrainingDataset(
        text, tokenizer, block_size=claim_arms.LONGEST, packing=TESTS[test], static_duplicates=1
    )


def _probe(
    known: PretrainingDataset, unknown: PretrainingDataset, rows: NDArray[np.int64], look: Look
) -> float:
    """Fit to some of the known pairs, and judge rows of the unknown ones."""
    spread = np.linspace(0, len(known) - 1, PROBED, dtype=np.int64)
    weights = logistic_regression(*_seen(known, np.unique(spread), look))
    vectors, labels = _seen(unknown, rows, look)
    return 100 * float(((vectors @ weights[:-1] + weights[-1] > 0) == labels).mean())


def _first_vectors(encoder: Any) -> Look:
    """The last layer's vectors of first tokens."""

    def look(batch: dict[str, Any]) -> NDArray[np.float64]:
        names = ("input_ids", "attention_mask", "token_type_ids")
        hidden = encoder(**{name: batch[name] for name in names}).last_hidden_state
        return np.asarray(hidden[:, 0], np.float64)

    return look


def _segment_lengths(batch: dict[str, Any]) -> NDArray[np.float64]:
    second = batch["token_type_ids"].sum(1)
    first = batch["attention_mask"].sum(1) - second
    return np.stack([first, second, first > second], 1).astype(np.float64)


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


def _seen(
    dataset: PretrainingDataset, rows: NDArray[np.int64], look: Look
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What is seen of pairs (n, dim), and which labels are 1 (n,)."""
    found = [(look(batch), _labels(dataset, batch) == 1) for batch in _batches(dataset, rows)]
    vectors, labels = (np.concatenate(part) for part in zip(*found, strict=True))
    return vectors, labels


def logistic_regression(
    vectors: NDArray[np.float64], labels: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Weights (dim + 1,), the constant last, by Newton's method; RIDGE is for vectors of unit
    variance, as which they are looked at."""
    mean, spread = vectors.mean(0), vectors.std(0) + 1e-9
    scaled = np.column_stack([(vectors - mean) / spread, np.ones(len(vectors))])
    penalty = np.append(np.full(vectors.shape[1], RIDGE), 1e-9)
    weights = np.zeros(scaled.shape[1])
    for _ in range(25):
        chance = 1 / (1 + np.exp(-np.clip(scaled @ weights, -30, 30)))
        slope = scaled.T @ (chance - labels) + penalty * weights
        curvature = (scaled * (chance * (1 - chance))[:, None]).T @ scaled + np.diag(penalty)
        step = np.linalg.solve(curvature, slope)
        weights -= step
        if abs(step).max() < 1e-6:
            break
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
    settings = TUNING._replace(limit=None if scale >= 1 else max(32, int(ROWS * scale)))
    return {task: tune(folder, task, seed, settings, pretrained=arm.trained) for task in arm.tasks}
