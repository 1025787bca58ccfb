"""The same tokenizer.json given to the `tokenizers` library and to our Tokenizer, compared."""

import contextlib
import copy
import itertools
import json
from typing import Any

import pytest

tokenizers = pytest.importorskip("tokenizers", minversion="0.23")


from pytxenc import _core  # noqa: E402

FIELDS = ("type_ids", "special_tokens_mask", "offsets", "word_ids", "sequence_ids")
MARK = "\u2581"
BYTE_LEVEL = {
    "type": "ByteLevel",
    "add_prefix_space": False,
    "trim_offsets": True,
    "use_regex": True,
}
BERT_NORMALIZER = {
    "type": "BertNormalizer",
    "clean_text": True,
    "handle_chinese_chars": True,
    "strip_accents": None,
    "lowercase": True,
}
METASPACE = {"type": "Metaspace", "replacement": MARK, "prepend_scheme": "always", "split": True}
_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [b for b in range(256) if b not in _PRINTABLE]
BYTE_CHARS = {b: chr(b) for b in _PRINTABLE} | {b: chr(256 + i) for i, b in enumerate(_OTHERS)}


def spec(model: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """A tokenizer.json around a model."""
    empty = dict.fromkeys(("truncation", "padding", "normalizer", "pre_tokenizer"))
    empty |= dict.fromkeys(("post_processor", "decoder"))
    return {"version": "1.0", "added_tokens": [], **empty, "model": model, **parts}


def word_level(*words: str, unk: str = "[UNK]") -> dict[str, Any]:
    vocab = {word: i for i, word in enumerate(dict.fromkeys((unk, *words)))}
    return {"type": "WordLevel", "unk_token": unk, "vocab": vocab}


def word_piece(*pieces: str, unk: str = "[UNK]", longest: int = 100) -> dict[str, Any]:
    return {
        **word_level(*pieces, unk=unk),
        "type": "WordPiece",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": longest,
    }


def unigram(pieces: list[tuple[str, float]], unk_id: int | None = 0) -> dict[str, Any]:
    return {
        "type": "Unigram",
        "unk_id": unk_id,
        "vocab": [list(piece) for piece in pieces],
        "byte_fallback": False,
    }


def bpe(vocab: list[str], merges: list[tuple[str, str]], **options: Any) -> dict[str, Any]:
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": {token: i for i, token in enumerate(dict.fromkeys(vocab))},
        "merges": [list(merge) for merge in merges],
        **options,
    }


def added(content: str, id: int, **flags: bool) -> dict[str, Any]:
    none = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    return {"id": id, "content": content, **none, **flags}


def rows(arrays: dict[str, Any], *names: str) -> list[dict[str, list]]:
    """The flat arrays of encode_batch cut into rows."""
    ends = arrays["rows"].tolist()
    cut = itertools.pairwise(ends)
    return [{name: arrays[name][a:b].tolist() for name in names} for a, b in cut]


def encoding_row(encoding: Any) -> dict[str, list]:
    def or_minus_one(values: list) -> list:
        return [-1 if value is None else value for value in values]

    return {
        "ids": encoding.ids,
        "type_ids": encoding.type_ids,
        "special_tokens_mask": encoding.special_tokens_mask,
        "offsets": [list(pair) for pair in encoding.offsets],
        "word_ids": or_minus_one(encoding.word_ids),
        "sequence_ids": or_minus_one(encoding.sequence_ids),
    }


class Both:
    """Ours and theirs, built from one spec."""

    def __init__(self, spec: dict[str, Any]):
        self.spec = spec
        self.theirs = tokenizers.Tokenizer.from_str(json.dumps(spec))
        self.ours = _core.Tokenizer(copy.deepcopy(spec))

    def encode_theirs(self, texts, pairs, pretokenized, special, split_special, truncation):
        self.theirs.no_truncation()
        if truncation:
            self.theirs.enable_truncation(**truncation)
        self.theirs.encode_special_tokens = split_special
        inputs = texts if pairs is None else list(zip(texts, pairs, strict=True))
        return self.theirs.encode_batch(
            inputs, is_pretokenized=pretokenized, add_special_tokens=special
        )

    def check(
        self, texts, pairs=None, *, pretokenized=False, special=True, split_special=False, **cut
    ):
        """Encode with both; `cut` as for the reference's enable_truncation.

        Where the reference refuses ours must raise ValueError.  Where it crashes on texts that
        are fine (its PanicException; not the one about the stride) ours only must not.
        """
        options = {}
        if cut:
            options = {
                "truncation": cut.get("strategy", "longest_first"),
                "max_length": cut["max_length"],
                "stride": cut.get("stride", 0),
                "truncation_side": cut.get("direction", "right"),
                "overflow": True,
            }
        options |= {"pretokenized": pretokenized, "add_special_tokens": special}
        options |= {"split_special_tokens": split_special}
        try:
            expected = self.encode_theirs(texts, pairs, pretokenized, special, split_special, cut)
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            crashed = type(error).__name__ == "PanicException" and "stride" not in str(error)
            with contextlib.nullcontext() if crashed else pytest.raises(ValueError):
                self.ours.encode_batch(texts, pairs, fields=FIELDS, **options)
            return
        arrays = self.ours.encode_batch(texts, pairs, fields=FIELDS, **options)
        got = rows(arrays, "ids", *FIELDS)
        want = [encoding_row(row) for one in expected for row in (one, *one.overflowing)]
        sample = [i for i, one in enumerate(expected) for _ in (one, *one.overflowing)]
        inputs = [(text, pairs and pairs[i], cut) for i, text in enumerate(texts)]
        assert len(got) == len(want), inputs
        for ours, theirs, i in zip(got, want, sample, strict=True):
            assert ours == theirs, inputs[i]
        if cut:
            assert arrays["sample"].tolist() == sample
        # What is asked for besides the ids must not change them.
        alone = self.ours.encode_batch(texts, pairs, **options)
        assert (alone["ids"] == arrays["ids"]).all() and (alone["rows"] == arrays["rows"]).all()

    def check_decode(self, ids: list[int]):
        for skip in (False, True):
            assert self.ours.decode(ids, skip) == self.theirs.decode(ids, skip), ids
        tokens = [self.theirs.id_to_token(i) for i in ids]
        assert [self.ours.id_to_token(i) for i in ids] == tokens
        tokens = [token for token in tokens if token is not None]
        decoder = self.theirs.decoder
        joined = " ".join(tokens) if decoder is None else decoder.decode(tokens)
        assert self.ours.decode_tokens(tokens) == joined
