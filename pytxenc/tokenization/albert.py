"""ALBERT: SentencePiece unigram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from .added_tokens import AddedToken
from .base import PreTrainedTokenizerBase
from .files import PathLike
from .sentencepiece_file import sentencepiece_model
from .sources import (
    Source,
    add_pieces_as_tokens,
    blank_ids,
    file_options,
    metaspace,
    take_files,
    typed_pieces,
    unigram_source,
)
from .templates import template_processing

Token = str | AddedToken


class AlbertTokenizer(PreTrainedTokenizerBase):
    """ALBERT's tokenizer: SentencePiece unigram, `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`.

    vocab: path of a SentencePiece .model, or a list of (piece, score).  `vocab_file` is the
        same under its older name; instead `tokenizer_file` may name a tokenizer.json, whose
        pieces, added tokens, character map and template are used.
    do_lower_case: lower-case the text.
    keep_accents: leave accents in the text.
    bos_token ... mask_token: the special tokens.
    add_prefix_space: put U+2581 in front of every word, the first one included.
    trim_offsets: kept for compatibility.
    original_rules: cut texts exactly as google-research/albert did, whichever file the pieces
        come from: white space joined, quotes, accents, lower case by Python's rules, then
        SentencePiece's own normaliser and search (user-defined pieces found inside words),
        and no comma in one piece with the digit before it.  Special tokens in the text are
        found first, added tokens as they are written.  Slower, since it runs in Python; saved
        with the tokenizer.  Offsets leave out the space before a word; characters that came
        of one character share its offsets.

    Other arguments are those of every tokenizer: model_max_length, padding_side,
    truncation_side, model_input_names, extra_special_tokens, split_special_tokens,
    clean_up_tokenization_spaces.

    As in transformers 5.23, the same checkpoint may give other ids from its spiece.model than
    from its tokenizer.json: only the latter has the scores that keep "9," from being one
    piece, and the former makes special tokens of the model's user-defined pieces.
    """

    vocab_files_names: ClassVar[dict[str, str]] = {
        "vocab_file": "spiece.model",
        "tokenizer_file": "tokenizer.json",
    }
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(
        self,
        vocab: PathLike | Sequence[tuple[str, float]] | None = None,
        do_lower_case: bool = True,
        keep_accents: bool = False,
        bos_token: Token = "[CLS]",
        eos_token: Token = "[SEP]",
        unk_token: Token = "<unk>",
        sep_token: Token = "[SEP]",
        pad_token: Token = "<pad>",
        cls_token: Token = "[CLS]",
        mask_token: Token = "[MASK]",
        add_prefix_space: bool = True,
        trim_offsets: bool = True,
        original_rules: bool = False,
        **kwargs: Any,
    ) -> None:
        self.do_lower_case = bool(do_lower_case)
        self.keep_accents = bool(keep_accents)
        self.add_prefix_space = bool(add_prefix_space)
        self.trim_offsets = bool(trim_offsets)
        self.original_rules = bool(original_rules)
        vocab, files = take_files(self, vocab, kwargs)
        if vocab is None and "tokenizer_file" not in files:
            blank = blank_ids(self, pad_token, unk_token, cls_token, sep_token, mask_token)
            source = Source("no vocabulary", [(token, 0.0) for token in blank])
        else:
            source, extra = unigram_source(vocab, files.get("tokenizer_file"), self.original_rules)
            add_pieces_as_tokens(kwargs, extra)
        if len(source.vocab) < 2:
            raise ValueError(f"{source.where}: has no piece 1, which is the unknown one")
        self._file_template = source.json.post_processor if source.json else None
        pre_tokenizer, decoder = metaspace(self.add_prefix_space)
        self._build(
            {
                "model": {
                    "type": "Unigram",
                    "unk_id": 1,
                    "byte_fallback": False,
                    "vocab": source.vocab,
                },
                "normalizer": self._normalizer(source.charsmap),
                "pre_tokenizer": pre_tokenizer,
                "decoder": decoder,
            },
            {
                "do_lower_case": self.do_lower_case,
                "keep_accents": self.keep_accents,
                "bos_token": bos_token,
                "eos_token": eos_token,
                "unk_token": unk_token,
                "sep_token": sep_token,
                "pad_token": pad_token,
                "cls_token": cls_token,
                "mask_token": mask_token,
                "add_prefix_space": self.add_prefix_space,
                "trim_offsets": self.trim_offsets,
                **({"original_rules": True} if self.original_rules else {}),
            },
            {**file_options(source.json, source.where), **kwargs},
            source.where,
            source.json.added_tokens if source.json else None,
        )

    def _normalizer(self, charsmap: str | None) -> dict[str, Any]:
        steps: list[dict[str, Any]] = [
            {"type": "Replace", "pattern": {"String": quotes}, "content": '"'}
            for quotes in ("``", "''")
        ]
        if not self.keep_accents:
            steps += [{"type": "NFKD"}, {"type": "StripAccents"}]
        if self.do_lower_case:
            steps.append({"type": "Lowercase"})
        if charsmap is not None:
            steps.append({"type": "Precompiled", "precompiled_charsmap": charsmap})
        return {"type": "Sequence", "normalizers": steps}

    def _charsmap(self) -> str | None:
        last_step: dict[str, Any] = self._spec["normalizer"]["normalizers"][-1]
        return last_step.get("precompiled_charsmap")

    def _vocabulary_files(self) -> dict[str, str | bytes]:
        model = self._spec["model"]
        pieces = typed_pieces(model["vocab"], model["unk_id"], self._added, self.original_rules)
        return {"spiece.model": sentencepiece_model(pieces, self._charsmap())}

    def _make_core(self, spec: Mapping[str, Any]) -> Any:
        plain = super()._make_core(spec)
        if not self.original_rules:
            return plain
        from .albert_original import OriginalRules, OriginalTokenizer

        model = self._spec["model"]
        rules = OriginalRules(
            model["vocab"],
            [model["vocab"][model["unk_id"]][0], *self.special_tokens_map.values()],
            self._charsmap(),
            self.do_lower_case,
            self.keep_accents,
        )
        return OriginalTokenizer(
            plain, rules, model["unk_id"], spec["added_tokens"], spec["post_processor"]
        )

    def _make_post_processor(self) -> dict[str, Any]:
        if self._file_template is not None:
            return self._file_template
        cls, sep = self.cls_token, self.sep_token
        if cls is None or sep is None:
            raise ValueError("cls_token and sep_token must be set: the template is made of them")
        return template_processing(
            [(cls, 0), (0, 0), (sep, 0)],
            [(cls, 0), (0, 0), (sep, 0), (1, 1), (sep, 1)],
            {cls: self.cls_token_id, sep: self.sep_token_id},
        )


AlbertTokenizerFast = AlbertTokenizer
