"""Tags of words."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from ..metrics import chunk_scores
from ..modeling.losses import IGNORED_LABEL
from ..tokenization import PreTrainedTokenizerBase
from .base import Features, TaskDataset, check_lengths, rows
from .conll import Sentence
from .labels import Labels

__all__ = ["TaggingDataset"]

logger = logging.getLogger("pytxenc")

Scheme = Literal["conlleval", "strict", "tags"]


class TaggingDataset(TaskDataset):
    """Sentences of words that each have a tag.

    A word's first token carries its label; the others, and special tokens, have -100.

    Args:
        tokenizer: encodes them.  To one that tells words after a space from those at the
            beginning of a text (byte-level BPE) each word is given with a space before it.
        sentences: lists of words.
        targets: for every sentence the numbers of its words' tags; None where not known.
        labels: the tags.
        max_length: tokens, special ones included, beyond which a sentence is cut; by default
            what the tokenizer says.
        scheme: what `score` counts: chunks as "conlleval" or "strict" (IOB2) has them, or the
            accuracy of "tags" alone.

    Words that were cut off get the tag O where there is one, else the first, and a warning.

    ValueError for a sentence with more or fewer labels than words, IndexError for a label that
    is no tag.
    """

    _own = ("first_tokens",)

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        sentences: Sequence[Sequence[str]],
        targets: Iterable[Sequence[int]] | None = None,
        *,
        labels: Labels,
        max_length: int | None = None,
        scheme: Scheme = "conlleval",
    ) -> None:
        numbers = None if targets is None else [[int(t) for t in row] for row in targets]
        super().__init__(tokenizer, check_lengths(sentences=sentences, labels=numbers))
        self.labels = labels
        self._sentences, self._targets = sentences, numbers
        self._max_length, self._scheme = max_length, scheme
        self._before = "" if tokenizer.tokenize("a") == tokenizer.tokenize(" a") else " "
        self._check_targets()

    def _check_targets(self) -> None:
        if self._scheme not in ("conlleval", "strict", "tags"):
            raise ValueError(
                f"scheme must be 'conlleval', 'strict' or 'tags', not {self._scheme!r}"
            )
        pairs = zip(self._sentences, self._targets or (), strict=False)
        for number, (words, targets) in enumerate(pairs):
            if len(words) != len(targets):
                raise ValueError(
                    f"sentence {number} has {len(words)} words, but {len(targets)} labels"
                )
            for place, target in enumerate(targets):
                if not 0 <= target < len(self.labels):
                    raise IndexError(
                        f"the label of word {place} of sentence {number} is {target}; it must be"
                        f" from 0 to {len(self.labels) - 1}"
                    )

    @classmethod
    def of_sentences(
        cls,
        tokenizer: PreTrainedTokenizerBase,
        sentences: Sequence[Sentence],
        labels: Labels | None = None,
        **options: Any,
    ) -> TaggingDataset:
        """From sentences that were read; labels by default the tags that occur.

        ValueError for a tag that is none of the labels, and the sentence's place.
        """
        tagged = bool(sentences) and sentences[0].tags is not None
        if labels is None:
            if not tagged:
                raise ValueError("neither labels nor sentences with tags were given")
            labels = Labels.found(tag for sentence in sentences for tag in sentence.tags or ())
        targets = None
        if tagged:
            targets = []
            for sentence in sentences:
                where = f"{sentence.path}: sentence at line {sentence.line}"
                targets.append([labels.id(tag, where) for tag in sentence.tags or ()])
        words = [sentence.words for sentence in sentences]
        return cls(tokenizer, words, targets, labels=labels, **options)

    def _encode(self, start: int, stop: int) -> list[Features]:
        sentences = [
            [self._before + word for word in words] for words in self._sentences[start:stop]
        ]
        encoded = self.tokenizer(
            sentences, is_split_into_words=True, truncation=True, max_length=self._max_length
        )
        features = rows(encoded)
        for number, row in enumerate(features):
            labels = [IGNORED_LABEL] * len(row["input_ids"])
            first = _first_tokens(encoded.word_ids(number))
            row["first_tokens"] = first
            if self._targets is not None:
                targets = self._targets[start + number]
                for word, token in first.items():
                    labels[token] = targets[word]
                row["labels"] = labels
        return features

    def _guesses(self, scores: Sequence[Any]) -> list[list[int]]:
        missing = self.labels.ids.get("O", 0)
        guesses, cut = [], 0
        for number, words in enumerate(self._sentences):
            first = self._row(number)["first_tokens"]
            best = np.asarray(scores[number]).argmax(axis=-1)
            guesses.append(
                [int(best[first[w]]) if w in first else missing for w in range(len(words))]
            )
            cut += len(words) - len(first)
        if cut:
            logger.warning(
                "%d words have no token within max_length and get the tag %s",
                cut,
                self.labels.names[missing],
            )
        return guesses

    def predictions(self, scores: Sequence[Any]) -> list[list[str]]:
        """The tags of every sentence's words; scores: for each an array (tokens, tags)."""
        names = self.labels.names
        return [[names[number] for number in row] for row in self._guesses(scores)]

    def score(self, scores: Sequence[Any]) -> dict[str, Any]:
        if self._targets is None:
            raise ValueError("the sentences have no labels to compare with")
        guesses = self._guesses(scores)
        if self._scheme == "tags":
            pairs = [
                (truth, guess)
                for truths, found in zip(self._targets, guesses, strict=True)
                for truth, guess in zip(truths, found, strict=True)
            ]
            return {"accuracy": sum(a == b for a, b in pairs) / max(1, len(pairs))}
        names = self.labels.names
        truths, found = (
            [[names[number] for number in row] for row in both] for both in (self._targets, guesses)
        )
        return chunk_scores(truths, found, self._scheme)


def _first_tokens(words: Sequence[int | None]) -> dict[int, int]:
    """The first token of every word that has one."""
    first: dict[int, int] = {}
    for token, word in enumerate(words):
        if word is not None:
            first.setdefault(word, token)
    return first
