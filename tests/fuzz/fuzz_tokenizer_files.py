"""Damaged tokenizer files of every kind: refused with the file's name, or usable.

python tests/fuzz/fuzz_tokenizer_files.py --runs 100000 --seed 1
"""

import json
import logging
import os
import random
import tempfile
from pathlib import Path
from typing import Any

import mutate
import small_tokenizers as small

import pytxenc

CLASSES = {
    "roberta": pytxenc.RobertaTokenizer,
    "albert": pytxenc.AlbertTokenizer,
    "bert": pytxenc.BertTokenizer,
}
KINDS = small.vocabulary_files()
SIDE_FILES = {family: small.side_files(family) for family in CLASSES}
TEXTS = ["", "Hello, world 9,9 aab"]
TEXTS += ["a \u4e2d\u56fd\u0301 \U0001f600 <mask>[MASK]  <s> [CLS]<new>\0"]


def damage(rng: random.Random, name: str, data: bytes) -> bytes:
    """The file changed as bytes or, where it is JSON, as a value."""
    if name.endswith((".json", "#decoder")) and rng.randrange(3):
        value = json.loads(data)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            mutate.edit_tree(rng, value)
        return json.dumps(value, ensure_ascii=bool(rng.randrange(2))).encode("utf-8", "replace")
    return mutate.mutate(rng, data, mutate.JSON if name.endswith(".json") else mutate.RAW)


def make_files(rng: random.Random) -> tuple[str, dict[str, bytes]]:
    """The family and files of a tokenizer, one or two of them damaged."""
    family, must = KINDS[rng.choice(list(KINDS))]
    beside = SIDE_FILES[family]
    files = must | {name: beside[name] for name in beside if rng.randrange(3) == 0}
    for name in rng.sample(list(files), min(rng.choice((1, 1, 2)), len(files))):
        files[name] = damage(rng, name, files[name])
    if rng.randrange(100) == 0:
        del files[rng.choice(list(files))]
    return family, files


def use(rng: random.Random, tokenizer: Any) -> None:
    """What a program does with a tokenizer; texts it cannot write are a ValueError."""
    size = len(tokenizer)
    vocab = tokenizer.get_vocab()
    assert size >= tokenizer.vocab_size and all(index >= 0 for index in vocab.values())
    known = set(vocab.values())
    specials = list(tokenizer.special_tokens_map.values())
    for text in [*TEXTS, " ".join([*specials, rng.choice(list(vocab))])]:
        try:
            encoded = tokenizer(text, return_offsets_mapping=True)
            pair = tokenizer(text, "b", max_length=rng.randrange(9), truncation=True)
        except (ValueError, TypeError) as error:
            mutate.require_ours(error)
            continue
        ids = encoded["input_ids"]
        assert len(ids) == len(encoded["offset_mapping"])
        assert all(0 <= a <= b <= len(text) for a, b in encoded["offset_mapping"])
        assert isinstance(tokenizer.decode(ids), str)
        assert isinstance(tokenizer.decode(pair["input_ids"], skip_special_tokens=True), str)
        tokens = tokenizer.convert_ids_to_tokens(ids)
        assert known.isdisjoint(i for token, i in zip(tokens, ids, strict=True) if token is None)
        tokenizer.convert_tokens_to_ids([token for token in tokens if token is not None])
    _ = tokenizer.all_special_ids, tokenizer.max_len_single_sentence, repr(tokenizer)


def make_check(folder: Path):
    def check(rng: random.Random) -> bool:
        family, files = make_files(rng)
        for name, data in files.items():
            (folder / name.removesuffix("#decoder")).write_bytes(data)
        options = {}
        if family == "albert" and rng.randrange(8) == 0:
            options["original_rules"] = True
        try:
            tokenizer = CLASSES[family].from_pretrained(folder, **options)
        except (ValueError, TypeError, OSError) as error:
            mutate.require_ours(error)
            assert str(folder) in str(error), error
            return False
        finally:
            for path in list(folder.iterdir()):
                path.unlink()
        use(rng, tokenizer)
        return True

    return check


if __name__ == "__main__":
    logging.getLogger("pytxenc").setLevel(logging.ERROR)
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory) as name:
        mutate.main(make_check(Path(name)))
