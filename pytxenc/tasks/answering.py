"""Answers to questions, each a part of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..metrics import squad_scores
from ..pipelines.question_answering import Answers, Window, encode_windows
from ..tokenization import PreTrainedTokenizerBase
from .base import Features, TaskDataset
from .squad import Question

__all__ = ["QuestionAnsweringDataset"]


class QuestionAnsweringDataset(TaskDataset):
    """Questions with the windows of their texts; a row is a window.

    Args:
        tokenizer: encodes them.
        questions: what `read_squad` gave.  The first answer of a question is trained on.
        max_length: tokens of a row; by default 384, or what the tokenizer says if less.
        stride: tokens that windows of a text share; by default 128, or fewer in short rows.
        max_question_length: tokens of a question, beyond which it is cut.
        types: whether the model takes token_type_ids that tell question and text apart.
        version: 1 where every question has an answer; 2 where some have none.
        max_answer_length: tokens of the longest answer that is predicted.

    "start_positions" and "end_positions" are the answer's first and last token in the row; both
    0, the first token of all, in a window without the whole answer.  All rows are encoded at
    once, for their number is not known before.

    ValueError where a question leaves no room for its text, and which.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        questions: Sequence[Question],
        *,
        max_length: int | None = None,
        stride: int | None = None,
        max_question_length: int = 64,
        types: bool = True,
        version: Literal[1, 2] = 1,
        max_answer_length: int = 30,
    ) -> None:
        if max_length is None:
            max_length = min(384, tokenizer.model_max_length)
        self._questions, self._version = questions, version
        self._max_answer_length = max_answer_length
        self._features: list[Features] = []
        self._windows: list[Window] = []
        self._ends: list[int] = []  # of the rows of each question
        for question in questions:
            answer = question.answers[0] if question.answers else None
            try:
                for fields, window in encode_windows(
                    tokenizer,
                    question.question,
                    question.context,
                    length=max_length,
                    stride=stride,
                    max_question_len=max_question_length,
                    types=types,
                ):
                    start, end = _answer_tokens(window, answer)
                    row = {**fields, "start_positions": start, "end_positions": end}
                    self._features.append(row)
                    self._windows.append(window)
            except ValueError as error:
                raise ValueError(f"question {question.id!r}: {error}") from None
            self._ends.append(len(self._features))
        super().__init__(tokenizer, len(self._features))

    def _encode(self, start: int, stop: int) -> list[Features]:
        return self._features[start:stop]

    def answers(self, scores: Sequence[NDArray[Any]]) -> dict[str, dict[str, Any]]:
        """The best answer to every question, by its id: "answer", "score", "start", "end".

        scores: for every row an array (tokens, 2), of the start and the end.

        With version 2 an answer may be "", where that is likelier than any other.
        """
        found, begin = {}, 0
        for question, end in zip(self._questions, self._ends, strict=True):
            answers = Answers()
            for row in range(begin, end):
                starts, ends = np.asarray(scores[row], np.float32)[
                    : len(self._features[row]["input_ids"])
                ].T
                window = self._windows[row]
                answers.add(window, starts, ends, 20, self._max_answer_length, False)
            found[question.id] = answers.best(1, self._version == 2)[0]
            begin = end
        return found

    def predictions(self, scores: Sequence[Any]) -> list[str]:
        """The text of the best answer to every question; scores as for `answers`."""
        return [answer["answer"] for answer in self.answers(scores).values()]

    def score(self, scores: Sequence[Any]) -> dict[str, Any]:
        truths = {q.id: [text for text, _ in q.answers] for q in self._questions}
        found = {key: answer["answer"] for key, answer in self.answers(scores).items()}
        return squad_scores(truths, found, self._version)


def _answer_tokens(window: Window, answer: tuple[str, int] | None) -> tuple[int, int]:
    """First and last token of the answer in the row; (0, 0) unless all of it is in the window."""
    spans = window.spans
    if answer is None or not len(spans):
        return 0, 0
    text, start = answer
    end = start + len(text)
    if not text or spans[0, 0] > start or spans[-1, 1] < end:
        return 0, 0
    first = int(np.argmax(spans[:, 1] > start))
    last = int(len(spans) - 1 - np.argmax(spans[::-1, 0] < end))
    return (window.first + first, window.first + last) if first <= last else (0, 0)
