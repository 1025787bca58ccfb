"""BERT: WordPiece."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from .added_tokens import AddedToken
from .base import PreTrainedTokenizerBase
from .files import PathLike, check_vocab, read_tokenizer_json, read_vocab_txt
from .sources import Source, blank_ids, file_options, take_files
from .templates import template_processing

Token = str | AddedToken


class BertTokenizer(PreTrainedTokenizerBase):
    """BERT's tokenizer: words and punctuation cut into WordPieces, `[CLS] A [SEP] B [SEP]`.

    vocab: path of vocab.txt, a mapping of token to id, or a list of tokens.  `vocab_file` is
        the same under its older name; instead `tokenizer_file` may name a tokenizer.json,
        whose vocabulary and added tokens are used.
    do_lower_case: lower-case the text (False for cased vocabularies).
    unk_token ... mask_token: the special tokens.
    tokenize_chinese_chars: make every Chinese character a word.
    strip_accents: remove accents; None means when lower-casing.

    Other arguments are those of every tokenizer: model_max_length, padding_side,
    truncation_side, model_input_names, extra_special_tokens, split_special_tokens,
    clean_up_tokenization_spaces.
    """

    vocab_files_names: ClassVar[dict[str, str]] = {
        "vocab_file": "vocab.txt",
        "tokenizer_file": "tokenizer.json",
    }
    model_input_names = ["input_ids", "token_type_ids", "attention_mask"]  # noqa: RUF012

    def __init__(
        self,
        vocab: PathLike | Mapping[str, int] | Sequence[str] | None = None,
        do_lower_case: bool = True,
        unk_token: Token = "[UNK]",
        sep_token: Token = "[SEP]",
        pad_token: Token = "[PAD]",
        cls_token: Token = "[CLS]",
        mask_token: Token = "[MASK]",
        tokenize_chinese_chars: bool = True,
        strip_accents: bool | None = None,
        **kwargs: Any,
    ) -> None:
        self.do_lower_case = bool(do_lower_case)
        self.tokenize_chinese_chars = bool(tokenize_chinese_chars)
        self.strip_accents = None if strip_accents is None else bool(strip_accents)
        vocab, files = take_files(self, vocab, kwargs)
        if vocab is None and "tokenizer_file" not in files:
            blank = blank_ids(self, pad_token, unk_token, cls_token, sep_token, mask_token)
            source = Source("no vocabulary", blank)
        else:
            source = read_wordpiece(vocab, files.get("tokenizer_file"))
        if str(unk_token) not in source.vocab:
            raise ValueError(
                f"{source.where}: the unknown token {str(unk_token)!r} is not among the"
                f" {len(source.vocab)} tokens of the vocabulary; pass unk_token="
            )
        self._build(
            wordpiece_spec(
                source,
                unk_token,
                self.do_lower_case,
                self.tokenize_chinese_chars,
                self.strip_accents,
            ),
            {
                "do_lower_case": self.do_lower_case,
                "unk_token": unk_token,
                "sep_token": sep_token,
                "pad_token": pad_token,
                "cls_token": cls_token,
                "mask_token": mask_token,
                "tokenize_chinese_chars": self.tokenize_chinese_chars,
                "strip_accents": self.strip_accents,
            },
            {**file_options(source.json, source.where), **kwargs},
            source.where,
            source.json.added_tokens if source.json else None,
        )

    def _make_post_processor(self) -> dict[str, Any]:
        cls, sep = self.cls_token, self.sep_token
        if cls is None or sep is None:
            raise ValueError("cls_token and sep_token must be set: the template is made of them")
        return template_processing(
            [(cls, 0), (0, 0), (sep, 0)],
            [(cls, 0), (0, 0), (sep, 0), (1, 1), (sep, 1)],
            {cls: self.cls_token_id, sep: self.sep_token_id},
        )

    def _vocabulary_files(self) -> dict[str, str | bytes]:
        return wordpiece_files(self._spec["model"])


class DistilBertTokenizer(BertTokenizer):
    """DistilBERT's tokenizer: BERT's, without token type ids unless they are asked for."""

    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012


def wordpiece_spec(
    source: Source, unk_token: Token, lower: bool, chinese: bool, strip_accents: bool | None
) -> dict[str, Any]:
    """Model and steps of BERT's WordPiece."""
    return {
        "model": {
            "type": "WordPiece",
            "unk_token": str(unk_token),
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": source.vocab,
        },
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": chinese,
            "strip_accents": strip_accents,
            "lowercase": lower,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    }


def wordpiece_files(model: Mapping[str, Any]) -> dict[str, str | bytes]:
    """vocab.txt of a WordPiece model."""
    vocab = model["vocab"]
    last = max(vocab, key=lambda token: vocab[token])
    tokens = [last] * (vocab[last] + 1)  # of a repeated token only the last line counts
    for token, index in vocab.items():
        tokens[index] = token
    return {"vocab.txt": "".join(token + "\n" for token in tokens)}


def read_wordpiece(vocab: Any, tokenizer_file: str | None) -> Source:
    """The vocabulary from wherever a constructor was told to find it."""
    if vocab is None:
        assert tokenizer_file is not None
        parsed = read_tokenizer_json(tokenizer_file)
        parsed.require("WordPiece", tokenizer_file)
        tokens = check_vocab(parsed.model["vocab"], f"{tokenizer_file}: model.vocab")
        return Source(tokenizer_file, tokens, json=parsed)
    if isinstance(vocab, (str, os.PathLike)):
        return Source(os.fspath(vocab), read_vocab_txt(vocab))
    return Source("vocab", check_vocab(vocab, "vocab"))


BertTokenizerFast = BertTokenizer
DistilBertTokenizerFast = DistilBertTokenizer
ElectraTokenizer = BertTokenizer
ElectraTokenizerFast = BertTokenizer
