"""Exact match and F1 of answers, as SQuAD's evaluation scripts have them."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

__all__ = ["normalize_answer", "squad_scores"]

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """Lower case, without ASCII punctuation and English articles, single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def _overlap(truth: str, guess: str, empty_may_match: bool) -> float:
    """F1 of the words that both share, each as often as it occurs."""
    first, second = normalize_answer(truth).split(), normalize_answer(guess).split()
    if empty_may_match and not (first and second):
        return float(first == second)
    shared = (Counter(first) & Counter(second)).total()
    return 2 * shared / (len(first) + len(second)) if shared else 0.0


def squad_scores(
    answers: Mapping[str, Sequence[str]],
    predictions: Mapping[str, str],
    version: Literal[1, 2] = 1,
) -> dict[str, float]:
    """Means over questions of the best match with any of the answers, in percent.

    answers: for every question's id the right answers; none where there is no answer.
    predictions: for every id the text found, "" for no answer.
    version: 1: a prediction that shares no word with an answer scores 0, an empty one too, and
        every question must have an answer.  2: a question without (non-empty) answers is right
        when the prediction is empty.

    Returns "exact_match" and "f1", and for version 2 the same of the questions with and without
    an answer ("has_answer_f1", "no_answer_exact_match", ...), where there are such.

    ValueError for an id without prediction, a question without answer in version 1, or no
    questions; the id is named.
    """
    if version not in (1, 2):
        raise ValueError(f"version must be 1 or 2, not {version!r}")
    if not answers:
        raise ValueError("there are no questions")
    rows: list[tuple[bool, float, float]] = []
    for key, given in answers.items():
        if key not in predictions:
            raise ValueError(f"there is no prediction for the question {key!r}")
        truths = list(given)
        if version == 2:
            truths = [text for text in truths if normalize_answer(text)]
        answerable = bool(truths)
        if not truths:
            if version == 1:
                raise ValueError(f"the question {key!r} has no answer; version 2 allows that")
            truths = [""]
        guess = predictions[key]
        exact = max(normalize_answer(text) == normalize_answer(guess) for text in truths)
        rows.append((answerable, exact, max(_overlap(t, guess, version == 2) for t in truths)))
    scores = _means("", rows)
    if version == 2:
        for name, wanted in (("has_answer_", True), ("no_answer_", False)):
            chosen = [row for row in rows if row[0] == wanted]
            if chosen:
                scores |= _means(name, chosen)
    return scores


def _means(name: str, rows: list[tuple[bool, float, float]]) -> dict[str, float]:
    return {
        f"{name}exact_match": 100 * sum(row[1] for row in rows) / len(rows),
        f"{name}f1": 100 * sum(row[2] for row in rows) / len(rows),
    }
