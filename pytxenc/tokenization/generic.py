"""Tokenizers as a tokenizer.json has them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from .added_tokens import AddedToken
from .base import PreTrainedTokenizerBase
from .files import (
    FileText,
    PathLike,
    TokenizerJson,
    check_scores,
    check_vocab,
    parse_tokenizer_json,
    read_tokenizer_json,
)
from .sources import file_options, take_files
from .templates import plain_template, set_flags

logger = logging.getLogger("pytxenc")


class TokenizersBackend(PreTrainedTokenizerBase):
    """A tokenizer that is what its tokenizer.json says; also called PreTrainedTokenizerFast.

    tokenizer_file: path of a tokenizer.json, whose normalizer, pre-tokenizer, model,
        post-processor, decoder and added tokens are used as they are.
    tokenizer_object: instead of a file, a Tokenizer of the `tokenizers` library.
    bos_token ... mask_token: the special tokens; none by default.
    add_bos_token, add_eos_token: when either is given, the post-processor becomes one that
        puts those tokens around every text, or nothing.

    Other arguments are those of every tokenizer: model_max_length, padding_side,
    truncation_side, model_input_names, extra_special_tokens, split_special_tokens,
    clean_up_tokenization_spaces.
    """

    vocab_files_names: ClassVar[dict[str, str]] = {"tokenizer_file": "tokenizer.json"}
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(
        self,
        *,
        tokenizer_file: PathLike | None = None,
        tokenizer_object: Any = None,
        add_bos_token: bool | None = None,
        add_eos_token: bool | None = None,
        **kwargs: Any,
    ) -> None:
        take_files(self, None, kwargs)
        parsed, where = self._read(tokenizer_file, tokenizer_object)
        options = file_options(parsed, where)
        if parsed.padding and isinstance(parsed.padding.get("pad_token"), str):
            options["pad_token"] = parsed.padding["pad_token"]
        self._file_tokens = [token for token in parsed.tokens if token.content]
        self._file_template = parsed.post_processor
        flags = set_flags(self, add_bos_token=add_bos_token, add_eos_token=add_eos_token)
        self._own_template = bool(flags) or parsed.post_processor is None
        self._build(
            {"model": _model(parsed, where), **parsed.steps},
            flags,
            {**options, **kwargs},
            where,
            # from_pretrained() gives the file's tokens a second time, with what names make of them
            parsed.added_tokens if "legacy_added_tokens" in kwargs else None,
        )
        for token in self._file_tokens:
            index = self._token_to_id(token.content)
            if parsed.added_tokens.get(index, token).content != token.content:  # type: ignore[arg-type]
                logger.warning(
                    "%s: the added token %r has the id %s: ids are given in order",
                    where,
                    token.content,
                    index,
                )
                break

    @staticmethod
    def _read(file: PathLike | None, tokenizer: Any) -> tuple[TokenizerJson, str]:
        if tokenizer is not None:
            if not hasattr(tokenizer, "to_str"):
                raise TypeError(
                    "tokenizer_object must be a Tokenizer of the tokenizers library, not"
                    f" {type(tokenizer).__name__}"
                )
            where = "tokenizer_object"
            return parse_tokenizer_json(json.loads(tokenizer.to_str()), where), where
        if file is None:
            raise ValueError(
                "a tokenizer.json is needed: pass tokenizer_file=, or use from_pretrained()"
            )
        return read_tokenizer_json(file), str(file)

    def _first_tokens(self, known: Mapping[int, AddedToken]) -> Iterable[AddedToken]:
        """The file's tokens as they are, then those of the configuration, then special ones."""
        yield from self._file_tokens
        again = {token.content for token in known.values()}
        present = {token.content for token in self._file_tokens} - again
        for token in super()._first_tokens(known):
            if token.content not in present:
                yield token

    def _make_post_processor(self) -> dict[str, Any] | None:
        return plain_template(self) if self._own_template else self._file_template

    def _vocabulary_files(self) -> dict[str, str | bytes]:
        raise ValueError(
            f"{type(self).__name__} has no vocabulary files beside its tokenizer.json; use"
            " save_pretrained()"
        )


def _model(parsed: TokenizerJson, where: str) -> dict[str, Any]:
    """The model, the texts in it told what they are; the core checks everything else."""
    model = {**parsed.model, "type": parsed.model_type}
    check = check_scores if parsed.model_type == "Unigram" else check_vocab
    if isinstance(model["vocab"], FileText):
        model["vocab"] = check(model["vocab"], f"{where}: model.vocab")
    if isinstance(model.get("merges"), FileText):  # of any tokens, those with a space too
        model["merges"] = json.loads(model["merges"].data)
    return model


PreTrainedTokenizerFast = TokenizersBackend
