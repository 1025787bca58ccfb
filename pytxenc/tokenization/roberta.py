"""RoBERTa: byte-level BPE."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from .added_tokens import AddedToken
from .base import PreTrainedTokenizerBase
from .files import (
    PathLike,
    check_merges,
    check_vocab,
    read_merges,
    read_tokenizer_json,
    read_vocab_json,
)
from .sources import Source, blank_ids, file_options, take_files

Token = str | AddedToken


class RobertaTokenizer(PreTrainedTokenizerBase):
    """RoBERTa's tokenizer: byte-level BPE, `<s> A </s>` and `<s> A </s></s> B </s>`.

    vocab: path of vocab.json, a mapping of token to id, or a list of tokens.
    merges: path of merges.txt, or a list of pairs or of "left right" strings, by rank.
        `vocab_file` and `merges_file` are the same under their older names; instead of both
        `tokenizer_file` may name a tokenizer.json, whose vocabulary, merges and added
        tokens are used.
    errors: kept for compatibility; bytes that are no UTF-8 decode to U+FFFD.
    bos_token ... mask_token: the special tokens.
    add_prefix_space: treat the text as if a space were in front of it.
    trim_offsets: leave the space out of a token's offsets.

    Other arguments are those of every tokenizer: model_max_length, padding_side,
    truncation_side, model_input_names, extra_special_tokens, split_special_tokens,
    clean_up_tokenization_spaces.
    """

    vocab_files_names: ClassVar[dict[str, str]] = {
        "vocab_file": "vocab.json",
        "merges_file": "merges.txt",
        "tokenizer_file": "tokenizer.json",
    }
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(
        self,
        vocab: PathLike | Mapping[str, int] | Sequence[str] | None = None,
        merges: PathLike | Sequence[Any] | None = None,
        errors: str = "replace",
        bos_token: Token = "<s>",
        eos_token: Token = "</s>",
        sep_token: Token = "</s>",
        cls_token: Token = "<s>",
        unk_token: Token = "<unk>",
        pad_token: Token = "<pad>",
        mask_token: Token = "<mask>",
        add_prefix_space: bool = False,
        trim_offsets: bool = True,
        **kwargs: Any,
    ) -> None:
        self.add_prefix_space = bool(add_prefix_space)
        self.trim_offsets = bool(trim_offsets)
        vocab, files = take_files(self, vocab, kwargs)
        merges = files.pop("merges_file", None) if merges is None else merges
        if vocab is None and "tokenizer_file" not in files:
            blank = blank_ids(self, pad_token, unk_token, cls_token, sep_token, mask_token)
            source = Source("no vocabulary", blank, [])
        else:
            source = read_byte_level(vocab, merges, files.get("tokenizer_file"))
        self._build(
            byte_level_spec(source, self.add_prefix_space),
            {
                "errors": errors,
                "bos_token": bos_token,
                "eos_token": eos_token,
                "sep_token": sep_token,
                "cls_token": cls_token,
                "unk_token": unk_token,
                "pad_token": pad_token,
                "mask_token": mask_token,
                "add_prefix_space": self.add_prefix_space,
                "trim_offsets": self.trim_offsets,
            },
            {**file_options(source.json, source.where), **kwargs},
            source.where,
            source.json.added_tokens if source.json else None,
        )

    def _make_post_processor(self) -> dict[str, Any]:
        return {
            "type": "RobertaProcessing",
            "sep": [self.sep_token, self.sep_token_id],
            "cls": [self.cls_token, self.cls_token_id],
            "trim_offsets": self.trim_offsets,
            "add_prefix_space": self.add_prefix_space,
        }

    def _vocabulary_files(self) -> dict[str, str | bytes]:
        return byte_level_files(self._spec["model"])


def byte_level_spec(source: Source, add_prefix_space: bool) -> dict[str, Any]:
    """Model and steps of byte-level BPE."""
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": "",
        "end_of_word_suffix": "",
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": source.vocab,
        "merges": source.merges,
    }
    byte_level = {"type": "ByteLevel", "trim_offsets": True, "use_regex": True}
    return {
        "model": model,
        "normalizer": None,
        "pre_tokenizer": {**byte_level, "add_prefix_space": add_prefix_space},
        "decoder": {**byte_level, "add_prefix_space": True},
    }


def byte_level_files(model: Mapping[str, Any]) -> dict[str, str | bytes]:
    """vocab.json and merges.txt of a byte-level BPE model."""
    return {
        "vocab.json": json.dumps(model["vocab"], ensure_ascii=False) + "\n",
        "merges.txt": "".join(line + "\n" for line in ["#version: 0.2", *model["merges"]]),
    }


def read_byte_level(vocab: Any, merges: Any, tokenizer_file: str | None) -> Source:
    """Vocabulary and merges from wherever a constructor was told to find them."""
    where = "vocab"
    if vocab is None:
        assert tokenizer_file is not None
        parsed = read_tokenizer_json(tokenizer_file)
        parsed.require("BPE", tokenizer_file)
        return Source(
            tokenizer_file,
            check_vocab(parsed.model["vocab"], f"{tokenizer_file}: model.vocab"),
            check_merges(parsed.model.get("merges"), f"{tokenizer_file}: model.merges"),
            parsed,
        )
    if isinstance(vocab, (str, os.PathLike)):
        where = os.fspath(vocab)
        vocab = read_vocab_json(vocab)
    else:
        vocab = check_vocab(vocab, "vocab")
    if merges is None:
        raise ValueError(
            "a vocabulary needs its merges (merges.txt): pass merges=, or merges=[] for a"
            " tokenizer that joins nothing"
        )
    if isinstance(merges, (str, os.PathLike)):
        where += f" with {os.fspath(merges)}"
        return Source(where, vocab, read_merges(merges))
    return Source(where, vocab, check_merges(merges, "merges"))


RobertaTokenizerFast = RobertaTokenizer
