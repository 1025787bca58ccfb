"""Chunks (names, phrases) that tags mark, and how well predicted ones agree with the labelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

__all__ = ["Chunk", "chunk_scores", "chunks"]

Mode = Literal["conlleval", "strict"]
_PREFIXES = {"conlleval": ("B", "I", "E", "S"), "strict": ("B", "I")}


class Chunk(NamedTuple):
    """A stretch of words of one type."""

    type: str
    start: int  # first word
    end: int  # after the last


def chunks(tags: Sequence[str], mode: Mode = "conlleval") -> list[Chunk]:
    """The chunks of a sentence.

    tags: "O", or one of B-, I-, E-, S- with a type.
    mode: "conlleval", the rules of CoNLL's script and of seqeval by default: a chunk begins at B-
        and S-, after E- and S-, and at any tag that follows O or another type.  "strict", IOB2 to
        the letter: it begins at B- alone and goes on over I- of its type; any other I- is outside.

    ValueError for a tag without a prefix that the mode knows, and which word it is of.
    """
    if mode not in _PREFIXES:
        raise ValueError(f"mode must be 'conlleval' or 'strict', not {mode!r}")
    found: list[Chunk] = []
    open_type, start, before = "", 0, "O"
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, kind = tag.partition("-")
        kind = kind or "_"
        outside = prefix == "O" and tag == "O"
        if not outside and prefix not in _PREFIXES[mode]:
            known = ", ".join(f"{p}-" for p in _PREFIXES[mode])
            raise ValueError(f"the tag of word {place} is {tag!r}: neither O nor one of {known}")
        inside = before != "O" and kind == open_type
        if mode == "strict":
            begins = prefix == "B"
            outside = outside or (not begins and not inside)
        else:
            begins = not inside or prefix in ("B", "S") or before in ("E", "S")
        if before != "O" and (outside or begins):
            found.append(Chunk(open_type, start, place))
        if not outside and begins:
            open_type, start = kind, place
        before = "O" if outside else prefix
    return found


def chunk_scores(
    labels: Iterable[Sequence[str]],
    predictions: Iterable[Sequence[str]],
    mode: Mode = "conlleval",
) -> dict[str, Any]:
    """Precision, recall and F1 of chunks, which are right when type, start and end are.

    labels, predictions: for every sentence the tags of its words.
    mode: how tags make chunks; see `chunks`.

    Returns "precision", "recall", "f1" over all chunks, "accuracy" of the tags, "chunks" (their
    number in the labels), "mode", and "types": the same four of every type.  0/0 is 0.

    ValueError where sentences differ in length, and which.
    """
    hits: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    labelled: Counter[str] = Counter()
    words = right = 0
    for number, (truth, guess) in enumerate(zip(labels, predictions, strict=True)):
        if len(truth) != len(guess):
            raise ValueError(
                f"sentence {number} has {len(truth)} labels, but {len(guess)} predictions"
            )
        words += len(truth)
        right += sum(a == b for a, b in zip(truth, guess, strict=True))
        try:
            true_chunks, guessed = set(chunks(truth, mode)), set(chunks(guess, mode))
        except ValueError as error:
            raise ValueError(f"sentence {number}: {error}") from None
        labelled.update(chunk.type for chunk in true_chunks)
        predicted.update(chunk.type for chunk in guessed)
        hits.update(chunk.type for chunk in true_chunks & guessed)
    types = sorted({*labelled, *predicted})
    return {
        **_scores(hits.total(), predicted.total(), labelled.total()),
        "accuracy": right / words if words else 0.0,
        "mode": mode,
        "types": {kind: _scores(hits[kind], predicted[kind], labelled[kind]) for kind in types},
    }


def _scores(hits: int, predicted: int, labelled: int) -> dict[str, Any]:
    return {
        "precision": hits / predicted if predicted else 0.0,
        "recall": hits / labelled if labelled else 0.0,
        "f1": 2 * hits / (predicted + labelled) if predicted + labelled else 0.0,
        "chunks": labelled,
    }
