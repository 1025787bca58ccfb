"""Damaged vocabularies, merges and pieces read by C as they stand and through Python objects.

What C accepts Python accepts, and the tokenizers are the same.

python tests/fuzz/fuzz_file_text.py --runs 100000 --seed 1
"""

import json
import random
from typing import Any

import mutate
import small_tokenizers as small
import spm_proto

from pytxenc._core import Tokenizer, split_tokenizer_json
from pytxenc.tokenization.files import FileText

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
BPE = {"type": "BPE", "vocab": small.roberta_vocab(), "merges": small.MERGES}
WORD_PIECE = {
    "type": "WordPiece",
    "unk_token": "[UNK]",
    "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100,
}
UNIGRAM = {"type": "Unigram", "unk_id": 1}
PIECES = [["<pad>", 0], ["<unk>", 0.0], *map(list, small.PIECES)]
LINES = "".join(token + "\n" for token in small.bert_vocab()).encode()
MERGE_LINES = "".join(line + "\n" for line in ["#version: 0.2", *small.MERGES]).encode()
ESCAPED = json.dumps(small.roberta_vocab()).encode()  # "\u0120" and the like
TEXTS = ["hello hello, wb a aaa aaaa", "\u2581hello9,99a\u4e2d", "a b \xe9 \U0001f600"]

# format -> model around it, key, texts
CASES: dict[str, tuple[dict[str, Any], str, list[bytes]]] = {
    "vocab.json": (BPE, "vocab", [small.as_json(BPE["vocab"]), ESCAPED]),
    "vocab.txt": (WORD_PIECE, "vocab", [LINES, LINES.replace(b"\n", b"\r\n"), LINES + b"x \n"]),
    "merges.json": (
        BPE,
        "merges",
        [small.as_json(BPE["merges"]), small.as_json([m.split(" ") for m in small.MERGES])],
    ),
    "merges.txt": (BPE, "merges", [MERGE_LINES, MERGE_LINES.replace(b"\n", b"\r\n")]),
    "pieces.json": (UNIGRAM, "vocab", [small.as_json(PIECES), json.dumps(PIECES).encode()]),
    "sentencepiece": (UNIGRAM, "vocab", [spm_proto.model()]),
}


def damage(rng: random.Random, name: str, data: bytes) -> bytes:
    if not name.endswith(".json"):
        return mutate.mutate(rng, data, mutate.RAW)
    if rng.randrange(2):
        return mutate.mutate(rng, data, mutate.JSON)
    value = json.loads(data)
    mutate.edit_tree(rng, value)
    indent = rng.choice((None, 1))
    text = json.dumps(value, ensure_ascii=bool(rng.randrange(2)), indent=indent)
    return text.encode("utf-8", "replace")


def compare(name: str, data: bytes) -> bool:
    """Whether C took the text; if so it must be what Python makes of it."""
    model, key, _ = CASES[name]
    spec: dict[str, Any] = {"pre_tokenizer": BYTE_LEVEL if model is BPE else None}
    text = FileText(name, data, "file")
    try:
        ours = Tokenizer({**spec, "model": {**model, key: text}})
    except ValueError:
        return False
    theirs = Tokenizer({**spec, "model": {**model, key: text.load()}})
    assert ours.get_vocab() == theirs.get_vocab()
    assert ours.get_vocab_size() == theirs.get_vocab_size()
    for one in TEXTS:
        found = []
        for tokenizer in (ours, theirs):
            try:
                found.append(tokenizer.encode_batch([one])["ids"].tolist())
            except ValueError as error:
                found.append(str(error))
        assert found[0] == found[1], one
    return True


def compare_split(rng: random.Random) -> bool:
    """The parts of a tokenizer.json put together again are the whole."""
    spec = rng.choice((small.roberta_json, small.albert_json, small.bert_json))()
    data = damage(rng, "tokenizer.json", small.as_json(spec))
    parts = split_tokenizer_json(data)
    if parts is None:
        return False
    whole, rest = json.loads(data), json.loads(parts[0])
    for key, part in zip(("vocab", "merges"), parts[1:], strict=True):
        if part is not None:
            assert rest["model"][key] is None
            rest["model"][key] = json.loads(part)
    assert list(whole) == list(rest) and repr(whole) == repr(rest)
    return True


def check(rng: random.Random) -> bool:
    name = rng.choice([*CASES, "tokenizer.json"])
    if name == "tokenizer.json":
        return compare_split(rng)
    return compare(name, damage(rng, name, rng.choice(CASES[name][2])))


if __name__ == "__main__":
    mutate.main(check)
