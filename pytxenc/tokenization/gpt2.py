"""GPT-2: byte-level BPE without special tokens around a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from .added_tokens import AddedToken
from .base import PreTrainedTokenizerBase
from .files import PathLike
from .roberta import byte_level_files, byte_level_spec, read_byte_level
from .sources import Source, file_options, take_files
from .templates import plain_template, set_flags

Token = str | AddedToken


class GPT2Tokenizer(PreTrainedTokenizerBase):
    """GPT-2's tokenizer: byte-level BPE, nothing around the text.

    vocab: path of vocab.json, a mapping of token to id, or a list of tokens.
    merges: path of merges.txt, or a list of pairs or of "left right" strings, by rank.
        `vocab_file` and `merges_file` are the same under their older names; instead of both
        `tokenizer_file` may name a tokenizer.json, whose vocabulary, merges, post-processor
        and added tokens are used.
    errors: kept for compatibility; bytes that are no UTF-8 decode to U+FFFD.
    unk_token ... pad_token: the special tokens; pad_token is none by default.
    add_prefix_space: treat the text as if a space were in front of it.
    add_bos_token, add_eos_token: put those tokens around every text.

    Other arguments are those of every tokenizer: model_max_length, padding_side,
    truncation_side, model_input_names, extra_special_tokens, split_special_tokens,
    clean_up_tokenization_spaces.
    """

    vocab_files_names: ClassVar[dict[str, str]] = {
        "vocab_file": "vocab.json",
        "merges_file": "merges.txt",
    }
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(
        self,
        vocab: PathLike | Mapping[str, int] | Sequence[str] | None = None,
        merges: PathLike | Sequence[Any] | None = None,
        errors: str = "replace",
        unk_token: Token = "<|endoftext|>",
        bos_token: Token = "<|endoftext|>",
        eos_token: Token = "<|endoftext|>",
        pad_token: Token | None = None,
        add_prefix_space: bool = False,
        add_bos_token: bool | None = None,
        add_eos_token: bool | None = None,
        **kwargs: Any,
    ) -> None:
        self.add_prefix_space = bool(add_prefix_space)
        vocab, files = take_files(self, vocab, kwargs)
        merges = files.pop("merges_file", None) if merges is None else merges
        source = Source("no vocabulary", {}, [])
        if vocab is not None or "tokenizer_file" in files:
            source = read_byte_level(vocab, merges, files.get("tokenizer_file"))
        flags = set_flags(self, add_bos_token=add_bos_token, add_eos_token=add_eos_token)
        self._file_template = source.json.post_processor if source.json and not flags else None
        self._build(
            byte_level_spec(source, self.add_prefix_space),
            {
                "errors": errors,
                "unk_token": unk_token,
                "bos_token": bos_token,
                "eos_token": eos_token,
                "pad_token": pad_token,
                "add_prefix_space": self.add_prefix_space,
                **flags,
            },
            {**file_options(source.json, source.where), **kwargs},
            source.where,
            source.json.added_tokens if source.json else None,
        )

    def _make_post_processor(self) -> dict[str, Any]:
        return self._file_template or plain_template(self)

    def _vocabulary_files(self) -> dict[str, str | bytes]:
        return byte_level_files(self._spec["model"])


GPT2TokenizerFast = GPT2Tokenizer
