"""MPNet: BERT's WordPiece with RoBERTa's template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from .added_tokens import AddedToken
from .base import PreTrainedTokenizerBase
from .bert import read_wordpiece, wordpiece_files, wordpiece_spec
from .files import PathLike
from .sources import Source, file_options, take_files

Token = str | AddedToken


class MPNetTokenizer(PreTrainedTokenizerBase):
    """MPNet's tokenizer: BERT's WordPieces, `<s> A </s>` and `<s> A </s></s> B </s>`.

    vocab: path of vocab.txt, a mapping of token to id, or a list of tokens.  `vocab_file` is
        the same under its older name; instead `tokenizer_file` may name a tokenizer.json,
        whose vocabulary and added tokens are used.
    do_lower_case: lower-case the text.
    bos_token ... mask_token: the special tokens; a mask_token without flags of its own takes
        in the space before it.
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
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(
        self,
        vocab: PathLike | Mapping[str, int] | Sequence[str] | None = None,
        do_lower_case: bool = True,
        bos_token: Token = "<s>",
        eos_token: Token = "</s>",
        sep_token: Token = "</s>",
        cls_token: Token = "<s>",
        unk_token: Token = "[UNK]",
        pad_token: Token = "<pad>",
        mask_token: Token = "<mask>",
        tokenize_chinese_chars: bool = True,
        strip_accents: bool | None = None,
        **kwargs: Any,
    ) -> None:
        self.do_lower_case = bool(do_lower_case)
        self.tokenize_chinese_chars = bool(tokenize_chinese_chars)
        self.strip_accents = None if strip_accents is None else bool(strip_accents)
        vocab, files = take_files(self, vocab, kwargs)
        source = Source("no vocabulary", {})
        if vocab is not None or "tokenizer_file" in files:
            source = read_wordpiece(vocab, files.get("tokenizer_file"))
        if isinstance(mask_token, str):
            mask_token = AddedToken(mask_token, lstrip=True)
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
                "bos_token": bos_token,
                "eos_token": eos_token,
                "sep_token": sep_token,
                "cls_token": cls_token,
                "unk_token": unk_token,
                "pad_token": pad_token,
                "mask_token": mask_token,
                "tokenize_chinese_chars": self.tokenize_chinese_chars,
                "strip_accents": self.strip_accents,
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
            "trim_offsets": True,
            "add_prefix_space": False,
        }

    def _vocabulary_files(self) -> dict[str, str | bytes]:
        return wordpiece_files(self._spec["model"])


MPNetTokenizerFast = MPNetTokenizer
