"""Questions in the JSON files of SQuAD."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from .lines import PathLike, text_lines

__all__ = ["Question", "read_squad"]


class Question(NamedTuple):
    """A question about a text."""

    id: str
    question: str
    context: str
    answers: list[tuple[str, int]]  # text and first character; none: it cannot be answered


def read_squad(path: PathLike) -> list[Question]:
    """The questions of a file in the form of SQuAD 1.1 or 2.0.

    An answer must be found in its context at the character that the file says.

    ValueError names the file and the question, or the place in the JSON, of what is wrong;
    OSError when the file cannot be read.
    """
    name = os.fspath(path)
    try:
        content = json.loads("\n".join(line for _, line in text_lines(path)))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{name}: not JSON: {error}") from None
    found: dict[str, Question] = {}
    for article_number, article in enumerate(_list(content, "data", name)):
        place = f"{name}: data[{article_number}]"
        for number, paragraph in enumerate(_list(article, "paragraphs", place)):
            within = f"{place}.paragraphs[{number}]"
            context = _string(paragraph, "context", within)
            for index, entry in enumerate(_list(paragraph, "qas", within)):
                question = _question(entry, context, name, f"{within}.qas[{index}]")
                if question.id in found:
                    raise ValueError(f"{name}: there are two questions {question.id!r}")
                found[question.id] = question
    if not found:
        raise ValueError(f"{name}: there are no questions")
    return list(found.values())


def _question(entry: Any, context: str, name: str, place: str) -> Question:
    key = _string(entry, "id", place)
    where = f"{name}: question {key!r}"
    answers = []
    for answer in [] if entry.get("is_impossible") else _list(entry, "answers", where):
        text = _string(answer, "text", where)
        start = answer.get("answer_start")
        if type(start) is not int or start < 0 or context[start : start + len(text)] != text:
            raise ValueError(
                f"{where}: the answer {text!r:.60} is not at character {start!r:.20} of the context"
            )
        answers.append((text, start))
    return Question(key, _string(entry, "question", where), context, answers)


def _list(value: Any, key: str, where: str) -> list[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise ValueError(f"{where}: {key!r} must be a list")
    return found


def _string(value: Any, key: str, where: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, str):
        raise ValueError(f"{where}: {key!r} must be a string")
    return found
