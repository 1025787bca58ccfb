"""Tokens that are matched in the text before the model sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


class AddedToken:
    """A token looked for in the text as it stands, with rules for what surrounds it.

    content: the text of the token.
    single_word: match only where no word character is next to it.
    lstrip, rstrip: take the white space on that side into the match.
    normalized: match in the normalised text (lower-cased by an uncased tokenizer) rather
        than in the original; by default True unless the token is special.
    special: left out by `skip_special_tokens` and kept whole by the tokenizer.
    """

    __slots__ = ("_normalized", "content", "lstrip", "rstrip", "single_word", "special")

    def __init__(
        self,
        content: str = "",
        single_word: bool = False,
        lstrip: bool = False,
        rstrip: bool = False,
        normalized: bool | None = None,
        special: bool = False,
    ) -> None:
        if not isinstance(content, str):
            raise TypeError(f"AddedToken content must be a str, not {type(content).__name__}")
        self.content = content
        self.single_word = bool(single_word)
        self.lstrip = bool(lstrip)
        self.rstrip = bool(rstrip)
        self._normalized = None if normalized is None else bool(normalized)
        self.special = bool(special)

    @property
    def normalized(self) -> bool:
        """Whether the token is matched in normalised text."""
        return not self.special if self._normalized is None else self._normalized

    @normalized.setter
    def normalized(self, value: bool) -> None:
        self._normalized = bool(value)

    @classmethod
    def from_mapping(cls, entry: Any, where: str) -> AddedToken:
        """A token from parsed JSON; ValueError naming `where` if it is malformed."""
        if isinstance(entry, AddedToken):
            return entry
        if not isinstance(entry, Mapping):
            raise ValueError(f"{where}: expected an object with 'content', got {entry!r:.80}")
        if not isinstance(entry.get("content"), str):
            raise ValueError(
                f"{where}: 'content' must be a string, got {entry.get('content')!r:.80}"
            )
        for flag in _FLAGS:
            if not isinstance(entry.get(flag, False), bool):
                raise ValueError(
                    f"{where}: '{flag}' must be true or false, got {entry[flag]!r:.80}"
                )
        return cls(entry["content"], **{flag: entry[flag] for flag in _FLAGS if flag in entry})

    def to_dict(self) -> dict[str, Any]:
        """The token as tokenizer.json has it, without its id."""
        return {
            "content": self.content,
            "single_word": self.single_word,
            "lstrip": self.lstrip,
            "rstrip": self.rstrip,
            "normalized": self.normalized,
            "special": self.special,
        }

    def copy(self, *, special: bool | None = None) -> AddedToken:
        """The same token, special or not as asked."""
        return AddedToken(
            self.content,
            self.single_word,
            self.lstrip,
            self.rstrip,
            self._normalized,
            self.special if special is None else special,
        )

    def __str__(self) -> str:
        return self.content

    def __repr__(self) -> str:
        return (
            f'AddedToken("{self.content}", rstrip={self.rstrip}, lstrip={self.lstrip},'
            f" single_word={self.single_word}, normalized={self.normalized},"
            f" special={self.special})"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AddedToken):
            return NotImplemented
        return (
            self.content == other.content
            and self.single_word == other.single_word
            and self.lstrip == other.lstrip
            and self.rstrip == other.rstrip
            and self.normalized == other.normalized
            and self.special == other.special
        )

    def __hash__(self) -> int:
        return hash(self.content)

    def __reduce__(self) -> tuple[Any, ...]:
        return AddedToken, (
            self.content,
            self.single_word,
            self.lstrip,
            self.rstrip,
            self._normalized,
            self.special,
        )


def merge_added_tokens(
    added: Mapping[int, AddedToken],
    new: Iterable[AddedToken],
    model_token_to_id: Callable[[str], int | None],
    first_new: int,
) -> tuple[dict[int, AddedToken], int]:
    """Add `new` to the added tokens of a tokenizer; returns all of them and how many were new.

    A token that the model's vocabulary knows keeps that id; others get ids from `first_new`
    on, the first one behind the vocabulary.
    One already there with the same flags, or empty, is left out of the count, and one there
    with other flags is replaced (as in tokenizers 0.23).
    """
    merged = dict(added)
    ids = {token.content: index for index, token in merged.items()}
    next_id = max(first_new, max(merged, default=-1) + 1)
    count = 0
    for token in new:
        if not token.content:
            continue
        index = ids.get(token.content)
        if index is None:
            index = model_token_to_id(token.content)
        elif merged[index] == token:
            continue
        if index is None:
            index = next_id
        next_id = max(next_id, index + 1)
        ids[token.content] = index
        merged[index] = token.copy()
        count += 1
    return merged, count
