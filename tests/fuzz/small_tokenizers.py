"""The files of small valid tokenizers, one of every kind, as bytes to be damaged."""

import json
from typing import Any

import spm_proto

SPECIAL = {
    "roberta": ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
    "albert": ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"],
    "bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
}
_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]
BYTE_CHARS = [chr(c) for c in _PRINTABLE] + [chr(256 + i) for i in range(len(_OTHERS))]
MERGES = ["h e", "l l", "he ll", "hell o", "\u0120 w", "a a", "aa aa", "\u0120 \u0120"]
WORDS = ["hello", "world", "##s", "##a", "a", "b", "##b", ",", ".", "'", "9", "\u4e2d", "\xe9"]
PIECES = [("\u2581", -2.0), ("\u2581hello", -3.0), ("a", -4.0), ("aa", -4.5), ("b", -5.0)]
PIECES += [(",", -5.5), ("9", -6.0), ("9,", -6.5), ("\u4e2d", -7.0), ("\u0301", -9.0)]


def as_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _added(tokens: list[str]) -> list[dict[str, Any]]:
    flags = {"single_word": False, "rstrip": False, "normalized": False, "special": True}
    return [
        {"id": i, "content": token, "lstrip": "mask" in token.lower(), **flags}
        for i, token in enumerate(tokens)
    ]


def _template(cls: str, sep: str) -> dict[str, Any]:
    def special(token: str, type_id: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": token, "type_id": type_id}}

    a = {"Sequence": {"id": "A", "type_id": 0}}
    b = {"Sequence": {"id": "B", "type_id": 1}}
    return {
        "type": "TemplateProcessing",
        "single": [special(cls, 0), a, special(sep, 0)],
        "pair": [special(cls, 0), a, special(sep, 0), b, special(sep, 1)],
        "special_tokens": {
            token: {"id": token, "ids": [i], "tokens": [token]} for i, token in ((2, cls), (3, sep))
        },
    }


def _tokenizer_json(model: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 512, "stride": 0},
        "padding": None,
        **parts,
        "model": model,
    }


def roberta_vocab() -> dict[str, int]:
    tokens = [*SPECIAL["roberta"], *BYTE_CHARS, *(merge.replace(" ", "") for merge in MERGES)]
    return {token: i for i, token in enumerate(tokens)}


def roberta_json() -> dict[str, Any]:
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return _tokenizer_json(
        {"type": "BPE", "vocab": roberta_vocab(), "merges": [m.split(" ") for m in MERGES]},
        added_tokens=_added(SPECIAL["roberta"]),
        normalizer=None,
        pre_tokenizer={**byte_level, "use_regex": True},
        post_processor={
            "type": "RobertaProcessing",
            "sep": ["</s>", 2],
            "cls": ["<s>", 0],
            "trim_offsets": True,
            "add_prefix_space": False,
        },
        decoder={**byte_level, "use_regex": True},
    )


def albert_json() -> dict[str, Any]:
    vocab = [[token, 0.0] for token in SPECIAL["albert"]] + [list(piece) for piece in PIECES]
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always"}
    charsmap = "BAAAAAAEAAA="  # a trie of one empty node
    steps = [
        {"type": "Replace", "pattern": {"String": "``"}, "content": '"'},
        {"type": "NFKD"},
        {"type": "StripAccents"},
        {"type": "Lowercase"},
        {"type": "Precompiled", "precompiled_charsmap": charsmap},
    ]
    return _tokenizer_json(
        {"type": "Unigram", "unk_id": 1, "vocab": vocab, "byte_fallback": False},
        added_tokens=_added(SPECIAL["albert"]),
        normalizer={"type": "Sequence", "normalizers": steps},
        pre_tokenizer={
            "type": "Sequence",
            "pretokenizers": [{"type": "WhitespaceSplit"}, {**metaspace, "split": True}],
        },
        post_processor=_template("[CLS]", "[SEP]"),
        decoder={**metaspace, "split": True},
    )


def bert_vocab() -> list[str]:
    return [*SPECIAL["bert"], *WORDS]


def bert_json() -> dict[str, Any]:
    return _tokenizer_json(
        {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {token: i for i, token in enumerate(bert_vocab())},
        },
        added_tokens=_added(SPECIAL["bert"]),
        normalizer={
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        pre_tokenizer={"type": "BertPreTokenizer"},
        post_processor=_template("[CLS]", "[SEP]"),
        decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
    )


def spiece_model() -> bytes:
    kinds = {"<unk>": 2, "<pad>": 3, "[CLS]": 3, "[SEP]": 3, "[MASK]": 4}
    pieces = [(token, 0.0, kinds[token]) for token in SPECIAL["albert"]]
    trainer = spm_proto.number(3, 1) + spm_proto.number(40, 1)
    normalizer = b"".join(spm_proto.number(field, 1) for field in (3, 4, 5))
    pieces += [(piece, score, 1) for piece, score in PIECES]
    return spm_proto.model(pieces, trainer, normalizer)


def side_files(family: str) -> dict[str, bytes]:
    """What may stand beside the vocabulary."""
    special = SPECIAL[family]
    mask = {"content": special[-1], "lstrip": True, "rstrip": False, "normalized": False}
    by_id = {str(i): token for i, token in enumerate(_added(special))}
    for token in by_id.values():
        del token["id"]
    config = {
        "model_max_length": 512,
        "padding_side": "right",
        "unk_token": special[1 if family != "roberta" else 3],
        "mask_token": {"__type": "AddedToken", **mask, "single_word": False},
        "extra_special_tokens": ["<extra>"],
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
    }
    return {
        "tokenizer_config.json": as_json(config),
        "tokenizer_config.json#decoder": as_json({**config, "added_tokens_decoder": by_id}),
        "special_tokens_map.json": as_json({"mask_token": mask, "pad_token": special[0]}),
        "added_tokens.json": as_json({"<new>": 400, "newer word": 401}),
    }


def vocabulary_files() -> dict[str, tuple[str, dict[str, bytes]]]:
    """Kind -> (family, the files that a tokenizer of this kind must have)."""
    merges = "\n".join(["#version: 0.2", *MERGES]) + "\n"
    return {
        "vocab.json": (
            "roberta",
            {"vocab.json": as_json(roberta_vocab()), "merges.txt": merges.encode()},
        ),
        "roberta tokenizer.json": ("roberta", {"tokenizer.json": as_json(roberta_json())}),
        "spiece.model": ("albert", {"spiece.model": spiece_model()}),
        "albert tokenizer.json": ("albert", {"tokenizer.json": as_json(albert_json())}),
        "vocab.txt": ("bert", {"vocab.txt": ("\n".join(bert_vocab()) + "\n").encode()}),
        "bert tokenizer.json": ("bert", {"tokenizer.json": as_json(bert_json())}),
    }
