"""XLM-RoBERTa: SentencePiece unigram with RoBERTa's template."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar

from .added_tokens import AddedToken
from .base import PreTrainedTokenizerBase
from .files import PathLike
from .sentencepiece_file import CONTROL, UNKNOWN, sentencepiece_model
from .sources import (
    Source,
    add_pieces_as_tokens,
    blank_ids,
    file_options,
    take_files,
    typed_pieces,
    unigram_source,
    unigram_spec,
)
from .templates import two_separators

Token = str | AddedToken


class XLMRobertaTokenizer(PreTrainedTokenizerBase):
    """XLM-RoBERTa's tokenizer: SentencePiece unigram, `<s> A </s>`, `<s> A </s></s> B </s>`.

    vocab: path of a SentencePiece .model (whose pieces follow `<s> <pad> </s> <unk>`, with
        `<mask>` behind), or a list of (piece, score) in order of id.  `vocab_file` is the
        same under its older name; instead `tokenizer_file` may name a tokenizer.json, whose
        pieces, added tokens and character map are used.
    add_prefix_space: put U+2581 in front of every word, the first one included.
    bos_token ... mask_token: the special tokens.

    Other arguments are those of every tokenizer: model_max_length, padding_side,
    truncation_side, model_input_names, extra_special_tokens, split_special_tokens,
    clean_up_tokenization_spaces.
    """

    vocab_files_names: ClassVar[dict[str, str]] = {
        "vocab_file": "sentencepiece.bpe.model",
        "tokenizer_file": "tokenizer.json",
    }
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(
        self,
        vocab: PathLike | Sequence[tuple[str, float]] | None = None,
        add_prefix_space: bool = True,
        bos_token: Token = "<s>",
        eos_token: Token = "</s>",
        sep_token: Token = "</s>",
        cls_token: Token = "<s>",
        unk_token: Token = "<unk>",
        pad_token: Token = "<pad>",
        mask_token: Token = "<mask>",
        **kwargs: Any,
    ) -> None:
        self.add_prefix_space = bool(add_prefix_space)
        vocab, files = take_files(self, vocab, kwargs)
        first = [(str(token), 0.0) for token in (bos_token, pad_token, eos_token, unk_token)]
        last = [(str(mask_token), 0.0)]
        if vocab is None and "tokenizer_file" not in files:
            blank = blank_ids(self, bos_token, pad_token, eos_token, unk_token, mask_token)
            source = Source("no vocabulary", [(token, 0.0) for token in blank])
        else:
            source, extra = unigram_source(vocab, files.get("tokenizer_file"))
            if isinstance(vocab, (str, os.PathLike)):  # a .model, with pieces of its own in front
                source = source._replace(vocab=first + source.vocab[3:] + last)
                add_pieces_as_tokens(kwargs, extra)
        if len(source.vocab) < 4:
            raise ValueError(f"{source.where}: has no piece 3, which is the unknown one")
        self._build(
            unigram_spec(source, 3, self.add_prefix_space),
            {
                "add_prefix_space": self.add_prefix_space,
                "bos_token": bos_token,
                "eos_token": eos_token,
                "sep_token": sep_token,
                "cls_token": cls_token,
                "unk_token": unk_token,
                "pad_token": pad_token,
                "mask_token": mask_token,
            },
            {**file_options(source.json, source.where), **kwargs},
            source.where,
            source.json.added_tokens if source.json else None,
        )

    def _make_post_processor(self) -> dict[str, Any]:
        return two_separators(self)

    def _vocabulary_files(self) -> dict[str, str | bytes]:
        model, normalizer = self._spec["model"], self._spec["normalizer"]
        pieces = typed_pieces(model["vocab"], model["unk_id"], self._added)
        named = (self.bos_token, self.pad_token, self.eos_token, self.unk_token, self.mask_token)
        if tuple(piece for piece, _, _ in (*pieces[:4], pieces[-1])) != named:
            raise ValueError(
                f"no {self.vocab_files_names['vocab_file']} can be written: the vocabulary does"
                f" not begin with {', '.join(map(str, named[:4]))} and end with {named[4]}"
            )
        front = [(str(self.unk_token), 0.0, UNKNOWN)]
        front += [(str(token), 0.0, CONTROL) for token in (self.bos_token, self.eos_token)]
        charsmap = None if normalizer is None else normalizer["precompiled_charsmap"]
        return {"sentencepiece.bpe.model": sentencepiece_model(front + pieces[4:-1], charsmap)}


XLMRobertaTokenizerFast = XLMRobertaTokenizer
