"""CamemBERT: SentencePiece unigram with RoBERTa's template."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar

from .added_tokens import AddedToken
from .base import PreTrainedTokenizerBase
from .files import PathLike
from .sources import (
    Source,
    add_pieces_as_tokens,
    file_options,
    take_files,
    unigram_source,
    unigram_spec,
)
from .templates import two_separators

Token = str | AddedToken

_NOT_USED: list[str | AddedToken] = ["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"]


class CamembertTokenizer(PreTrainedTokenizerBase):
    """CamemBERT's tokenizer: SentencePiece unigram, `<s> A </s>`, `<s> A </s></s> B </s>`.

    bos_token ... mask_token: the special tokens; a mask_token without flags of its own takes
        in the space before it.
    add_prefix_space: put U+2581 in front of every word, the first one included.
    vocab_file: path of a SentencePiece .model, whose pieces follow five of CamemBERT's own.
    vocab: the same, or a list of (piece, score) in order of id; instead `tokenizer_file` may
        name a tokenizer.json, whose pieces, added tokens and character map are used.

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
        bos_token: Token = "<s>",
        eos_token: Token = "</s>",
        sep_token: Token = "</s>",
        cls_token: Token = "<s>",
        unk_token: Token = "<unk>",
        pad_token: Token = "<pad>",
        mask_token: Token = "<mask>",
        add_prefix_space: bool = True,
        vocab_file: PathLike | None = None,
        vocab: PathLike | Sequence[tuple[str, float]] | None = None,
        **kwargs: Any,
    ) -> None:
        self.add_prefix_space = bool(add_prefix_space)
        vocab, files = take_files(self, vocab_file if vocab is None else vocab, kwargs)
        pad, unk, mask = map(str, (pad_token, unk_token, mask_token))
        first = [("<s>NOTUSED", 0.0), (pad, 0.0), ("</s>NOTUSED", 0.0), (unk, 0.0)]
        first.append(("<unk>NOTUSED", -100.0))
        source, extra = Source("no vocabulary", [*first, (mask, 0.0)]), _NOT_USED
        if vocab is not None or "tokenizer_file" in files:
            source, pieces = unigram_source(vocab, files.get("tokenizer_file"))
            if isinstance(vocab, (str, os.PathLike)):  # a .model
                source = source._replace(vocab=[*first, *source.vocab[1:], (mask, 0.0)])
                extra = pieces
        add_pieces_as_tokens(kwargs, extra)
        unk_id = next((i for i, (piece, _) in enumerate(source.vocab) if piece == unk), 0)
        if isinstance(mask_token, str):
            mask_token = AddedToken(mask_token, lstrip=True, special=True)
        self._build(
            unigram_spec(source, unk_id, self.add_prefix_space),
            {
                "bos_token": bos_token,
                "eos_token": eos_token,
                "sep_token": sep_token,
                "cls_token": cls_token,
                "unk_token": unk_token,
                "pad_token": pad_token,
                "mask_token": mask_token,
                "add_prefix_space": self.add_prefix_space,
            },
            {**file_options(source.json, source.where), **kwargs},
            source.where,
            source.json.added_tokens if source.json else None,
        )

    def _make_post_processor(self) -> dict[str, Any]:
        return two_separators(self)


CamembertTokenizerFast = CamembertTokenizer
