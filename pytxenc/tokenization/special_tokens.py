"""The named and other special tokens of a tokenizer."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from .added_tokens import AddedToken

logger = logging.getLogger("pytxenc")

NAMED_TOKENS = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
)


def check_token(name: str, value: Any) -> str | AddedToken:
    """A special token as it may be given; TypeError for anything else."""
    if not isinstance(value, (str, AddedToken)):
        raise TypeError(f"{name} must be a str or an AddedToken, not {type(value).__name__}")
    return value


class _NamedToken:
    """`tokenizer.cls_token`: the token's text, None when there is none."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.__doc__ = f"The {name}, or None."

    def __get__(self, tokenizer: SpecialTokens | None, owner: type | None = None) -> Any:
        return self if tokenizer is None else tokenizer._named(self.name)

    def __set__(self, tokenizer: SpecialTokens, value: str | AddedToken | None) -> None:
        tokenizer._set_named(self.name, value)


class _NamedTokenId:
    """`tokenizer.cls_token_id`: the token's id, None when there is no such token."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name.removesuffix("_id")
        self.__doc__ = f"The id of the {self.name}, or None."

    def __get__(self, tokenizer: SpecialTokens | None, owner: type | None = None) -> Any:
        return self if tokenizer is None else tokenizer._named_id(self.name)

    def __set__(self, tokenizer: SpecialTokens, value: int | None) -> None:
        token = None if value is None else tokenizer.convert_ids_to_tokens(value)
        if value is not None and token is None:
            raise ValueError(f"cannot set {self.name}_id to {value}: no token has this id")
        tokenizer._set_named(self.name, token)


class SpecialTokens:
    """The part of a tokenizer that knows its special tokens."""

    _special_tokens: dict[str, str | AddedToken | None]
    _extra_special_tokens: list[str | AddedToken]

    bos_token = _NamedToken()
    eos_token = _NamedToken()
    unk_token = _NamedToken()
    sep_token = _NamedToken()
    pad_token = _NamedToken()
    cls_token = _NamedToken()
    mask_token = _NamedToken()
    bos_token_id = _NamedTokenId()
    eos_token_id = _NamedTokenId()
    unk_token_id = _NamedTokenId()
    sep_token_id = _NamedTokenId()
    pad_token_id = _NamedTokenId()
    cls_token_id = _NamedTokenId()
    mask_token_id = _NamedTokenId()
    pad_token_type_id = 0

    def convert_tokens_to_ids(self, tokens: Any) -> Any:
        raise NotImplementedError

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        raise NotImplementedError

    def add_tokens(self, new_tokens: Any, special_tokens: bool = False) -> int:
        raise NotImplementedError

    def _token_to_id(self, token: str) -> int | None:
        raise NotImplementedError

    @property
    def SPECIAL_TOKENS_ATTRIBUTES(self) -> list[str]:
        """Names of the named special tokens, those of this tokenizer alone included."""
        return list(self._special_tokens)

    def _named(self, name: str) -> str | None:
        value = self._special_tokens.get(name)
        return None if value is None else str(value)

    def _named_id(self, name: str) -> int | None:
        token = self._named(name)
        if token is None:
            return None
        index = self._token_to_id(token)
        return self._unk_id() if index is None else index

    def _unk_id(self) -> int | None:
        unk = self._named("unk_token")
        return None if unk is None else self._token_to_id(unk)

    def _set_named(self, name: str, value: str | AddedToken | None) -> None:
        if value is not None and self._token_to_id(str(check_token(name, value))) is None:
            logger.warning(
                "%s is set to %r, which is not in the vocabulary: its id is that of the unknown"
                " token until add_special_tokens({%r: ...}) adds it",
                name,
                str(value),
                name,
            )
        self._special_tokens = {**self._special_tokens, name: value}

    def __getattr__(self, name: str) -> Any:
        named = self.__dict__.get("_special_tokens", {})
        if name in named:
            return self._named(name)
        if name.endswith("_id") and name.removesuffix("_id") in named:
            return self._named_id(name.removesuffix("_id"))
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    @property
    def extra_special_tokens(self) -> list[str]:
        """Special tokens without a name of their own."""
        return [str(token) for token in self._extra_special_tokens]

    @extra_special_tokens.setter
    def extra_special_tokens(self, value: Sequence[str | AddedToken] | None) -> None:
        if value is not None and not isinstance(value, (list, tuple)):
            raise ValueError(f"extra_special_tokens must be a list, not {type(value).__name__}")
        self._extra_special_tokens = [check_token("extra_special_tokens", t) for t in value or []]

    @property
    def extra_special_tokens_ids(self) -> list[int]:
        """Ids of the special tokens without a name."""
        return self.convert_tokens_to_ids(self.extra_special_tokens)

    @extra_special_tokens_ids.setter
    def extra_special_tokens_ids(self, value: Sequence[int] | None) -> None:
        tokens = None if value is None else self.convert_ids_to_tokens(value)
        if tokens is not None and None in tokens:
            index = list(value or ())[tokens.index(None)]
            raise ValueError(f"cannot set extra_special_tokens_ids: no token has the id {index}")
        self.extra_special_tokens = tokens

    additional_special_tokens = extra_special_tokens
    additional_special_tokens_ids = extra_special_tokens_ids

    @property
    def special_tokens_map(self) -> dict[str, str]:
        """The named special tokens that are set, by name."""
        return {
            name: str(value) for name, value in self._special_tokens.items() if value is not None
        }

    @property
    def special_tokens_map_extended(self) -> dict[str, str | AddedToken]:
        """The named special tokens as they were given, by name."""
        return {name: value for name, value in self._special_tokens.items() if value is not None}

    @property
    def all_special_tokens(self) -> list[str]:
        """Every special token, once."""
        return list(dict.fromkeys([*self.special_tokens_map.values(), *self.extra_special_tokens]))

    @property
    def all_special_tokens_extended(self) -> list[str | AddedToken]:
        """Every special token as it was given, once."""
        tokens: dict[str, str | AddedToken] = {}
        for token in (*self.special_tokens_map_extended.values(), *self._extra_special_tokens):
            tokens.setdefault(str(token), token)
        return list(tokens.values())

    @property
    def all_special_ids(self) -> list[int]:
        """Ids of `all_special_tokens`."""
        return self.convert_tokens_to_ids(self.all_special_tokens)

    def add_special_tokens(
        self,
        special_tokens_dict: Mapping[str, Any],
        replace_extra_special_tokens: bool = True,
        replace_additional_special_tokens: bool | None = None,
    ) -> int:
        """Set special tokens by name, adding to the vocabulary what it lacks.

        Keys are names such as "cls_token", or "extra_special_tokens" (also under its old
        name "additional_special_tokens") with a list.  With `replace_extra_special_tokens`
        that list takes the place of the present one.  Returns how many tokens were added to
        the tokenizer's added tokens.
        """
        if replace_additional_special_tokens is not None:
            replace_extra_special_tokens = replace_additional_special_tokens
        given = dict(special_tokens_dict)
        if "additional_special_tokens" in given:
            given.setdefault("extra_special_tokens", given.pop("additional_special_tokens"))
        names = [*self._special_tokens, "extra_special_tokens"]
        named: dict[str, AddedToken] = {}
        extras = list(self._extra_special_tokens)
        new: list[AddedToken] = []  # in the order given, which decides their ids
        for name, value in given.items():
            if name not in names:
                raise ValueError(
                    f"{name!r} is not the name of a special token; the names are"
                    f" {', '.join(names)}"
                )
            if name != "extra_special_tokens":
                named[name] = _special(name, value)
                new.append(named[name])
                continue
            if not isinstance(value, (list, tuple)):
                raise ValueError(f"{name} must be a list of tokens, not {type(value).__name__}")
            tokens = [_special(name, token) for token in value]
            if not replace_extra_special_tokens:
                tokens = [t for t in tokens if t.content not in self.extra_special_tokens]
                extras += tokens
            elif tokens:
                extras = [*tokens]
            new += tokens
        count = self.add_tokens(new, special_tokens=True)
        self._special_tokens = {**self._special_tokens, **named}
        self._extra_special_tokens = extras
        return count

    def sanitize_special_tokens(self) -> int:
        """Add the special tokens that are not tokens yet; returns how many were added."""
        return self.add_tokens(self.all_special_tokens_extended, special_tokens=True)


def _special(name: str, value: Any) -> AddedToken:
    token = check_token(name, value)
    if isinstance(token, AddedToken):
        return token.copy(special=True)
    return AddedToken(token, normalized=False, special=True)
