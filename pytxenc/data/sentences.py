"""Sentences of plain text."""

from __future__ import annotations

import numpy as np

from .. import _core

__all__ = ["split_sentences"]


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, without the white space around them.

    A sentence ends with its line (a text of hard-wrapped lines must be joined before), or where
    stops (. ! ? … and those of other scripts), with the quotes and brackets that close behind
    them, are followed by white space and something else than a lower-case letter.  A single full
    stop does not end one after titles ("Dr. Smith"), initials, "e.g." and their like, before the
    number of "No. 5", behind the number or letter that a list item begins with, and after
    abbreviations that may end a sentence ("Inc.", "U.S.") only before a word that often begins
    one ("The", "However").  Full-width stops (。！？) need no white space.  The lists are English.

    Raises TypeError for what is no str, ValueError for one with lone surrogates.
    """
    if not isinstance(text, str):
        raise TypeError(f"split_sentences() takes a str, not {type(text).__name__}")
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"the text has half of a surrogate pair at character {error.start}"
        ) from None
    spans, _ = _core.find_lines(data, np.array([len(data)], np.int64), True)
    sentences = (data[begin:end].decode().strip() for begin, end in spans.tolist())
    return [sentence for sentence in sentences if sentence]
