"""The arguments of a tokenizer call: what they may be, and the texts among them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..arguments import unknown_keyword

MORE_THAN_ANY = 2**62  # tokens, more than a text can have
PADDING = {False: None, None: None, "do_not_pad": None, True: "longest"}
TRUNCATION = {False: None, None: None, "do_not_truncate": None, True: "longest_first"}


def check_strategy(
    name: str, value: Any, aliases: Mapping[Any, Any], choices: Sequence[str]
) -> Any:
    value = getattr(value, "value", value)
    if value is None or isinstance(value, (bool, str)):
        found = aliases.get(value, value)
        if found is None or found in choices:
            return found
    names = ", ".join(map(repr, [*choices, *(a for a in aliases if isinstance(a, str))]))
    raise ValueError(f"{name} must be True, False or one of {names}; got {value!r}")


def check_side(name: str, value: Any) -> str:
    """`value` if it is "left" or "right"; ValueError otherwise."""
    if value not in ("left", "right"):
        raise ValueError(f"{name} must be 'left' or 'right', not {value!r}")
    return value


def check_count(name: str, value: Any) -> int:
    if isinstance(value, (bool, float)) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value < 0:
        raise ValueError(f"{name} must not be negative, got {value}")
    return min(int(value), MORE_THAN_ANY)


def check_positive(name: str, value: Any) -> int:
    """The same, and at least 1."""
    count = check_count(name, value)
    if count == 0:
        raise ValueError(f"{name} must be at least 1, got 0")
    return count


@dataclasses.dataclass(slots=True)
class CallOptions:
    """The arguments of a call other than the texts, with their defaults."""

    add_special_tokens: bool = True
    padding: bool | str | None = False
    truncation: bool | str | None = None
    max_length: int | None = None
    stride: int = 0
    is_split_into_words: bool = False
    pad_to_multiple_of: int | None = None
    padding_side: str | None = None
    return_tensors: str | None = None
    return_token_type_ids: bool | None = None
    return_attention_mask: bool | None = None
    return_overflowing_tokens: bool = False
    return_special_tokens_mask: bool = False
    return_offsets_mapping: bool = False
    return_length: bool = False
    verbose: bool = True
    split_special_tokens: bool | None = None

    def values(self) -> tuple[Any, ...]:
        """The options in the order above."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)

    @classmethod
    def of(cls, what: str, arguments: Mapping[str, Any]) -> CallOptions:
        """Options from keyword arguments; TypeError for one that does not exist."""
        for name in arguments:
            if name not in cls.__dataclass_fields__:
                raise unknown_keyword(what, name, cls.__dataclass_fields__)
        return cls(**arguments)


def _check_text(name: str, value: Any, split: bool) -> None:
    if not isinstance(value, (list, tuple) if split else str):
        wanted = "a list of words (is_split_into_words=True)" if split else "a str"
        raise TypeError(f"{name} must be {wanted}, not {type(value).__name__}")


def arrange_texts(text: Any, pair: Any, split: bool) -> tuple[bool, list[Any], list[Any] | None]:
    """(is it a batch, texts, second texts or None) out of what a call may be given."""
    if not isinstance(text, (str, list, tuple)):
        raise ValueError(
            "text must be a str, a list of str (a batch; or one text of words with"
            " is_split_into_words=True) or a list of lists of words,"
            f" not {type(text).__name__}"
        )
    batched = isinstance(text, (list, tuple))
    if split and batched:
        batched = bool(text) and isinstance(text[0], (list, tuple))
    if not batched:
        _check_text("text", text, split)
        if pair is None:
            return False, [text], None
        _check_text("text_pair", pair, split)
        return False, [text], [pair] if pair else None
    if pair is not None:
        if not isinstance(pair, (list, tuple)):
            raise TypeError(
                "with a batch of texts text_pair must be a list of as many texts,"
                f" not {type(pair).__name__}"
            )
        if len(pair) != len(text):
            raise ValueError(f"{len(text)} texts but {len(pair)} second texts were given")
        return True, list(text), list(pair)
    if text and isinstance(text[0], (list, tuple)):
        first = text[0]
        if not split or (first and isinstance(first[0], (list, tuple))):
            for index, item in enumerate(text):
                if not isinstance(item, (list, tuple)) or len(item) != 2:
                    raise ValueError(
                        f"item {index} of a batch of pairs must be a pair of texts,"
                        f" got {item!r:.80}"
                        + ("" if split else "; for lists of words pass is_split_into_words=True")
                    )
            return True, [item[0] for item in text], [item[1] for item in text]
    elif text and not isinstance(text[0], str):
        hint = "; decode() turns ids into text" if isinstance(text[0], (int, np.integer)) else ""
        raise ValueError(f"a batch must hold texts, but item 0 is {text[0]!r:.80}{hint}")
    return True, list(text), None


def copy_words(words: Any) -> Any:
    return list(words) if isinstance(words, (list, tuple)) else words
