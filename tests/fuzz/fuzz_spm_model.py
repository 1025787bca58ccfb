"""Damaged SentencePiece models: each is refused with an offset or read to its last piece.

python tests/fuzz/fuzz_spm_model.py --runs 100000 --seed 1
"""

import random

import mutate
import spm_proto as proto

from pytxenc._core import Tokenizer, read_sentencepiece


def edit_varint(rng: random.Random, data: bytes) -> bytes:
    """Replace a byte, most of which are keys, lengths and numbers here, by a whole varint."""
    if not data:
        return data
    at = rng.randrange(len(data))
    value = rng.choice((*mutate.BOUNDARIES, data[at] + 1, data[at] - 1, rng.randrange(300)))
    return data[:at] + proto.varint(value) + data[at + 1 :]


WAYS = (*mutate.RAW, edit_varint, edit_varint)


def make_file(rng: random.Random) -> bytes:
    """A model damaged as a whole, or around one message whose length is still right."""
    pieces = rng.sample(proto.PIECES, rng.randint(1, len(proto.PIECES)))
    trainer = b"".join(proto.number(field, rng.randint(-1, 3)) for field in (3, 40, 41, 42, 43))
    normalizer = proto.data(2, rng.randbytes(rng.randrange(20))) + proto.number(3, 1)
    way = rng.randrange(4)
    if way == 0:
        return mutate.mutate(rng, proto.model(pieces, trainer, normalizer), WAYS)
    if way == 1:
        trainer = mutate.mutate(rng, trainer, WAYS)
    elif way == 2:
        normalizer = mutate.mutate(rng, normalizer, WAYS)
    contents = proto.model(pieces, trainer, normalizer)
    if way == 3:
        body = proto.data(1, rng.choice(pieces)[0].encode()) + proto.score(-1.0)
        contents += proto.data(1, mutate.mutate(rng, body, WAYS))
    return contents


def check(rng: random.Random) -> bool:
    contents = make_file(rng)
    try:
        model = read_sentencepiece(contents)
    except ValueError as error:
        assert str(error).startswith("not a SentencePiece model: "), error
        return False
    assert model["unk_id"] < len(model["pieces"])
    vocab = [(piece, score) for piece, score, _ in model["pieces"]]
    unk_id = model["unk_id"] if model["unk_id"] >= 0 else None
    unigram = {"type": "Unigram", "vocab": vocab, "unk_id": unk_id, "byte_fallback": False}
    normalizer = {"type": "Precompiled", "precompiled_charsmap": model["precompiled_charsmap"]}
    for parts in ({}, {"normalizer": normalizer}):
        try:
            tokenizer = Tokenizer({"model": unigram, **parts})
            tokenizer.encode_batch(["a\u2581ab\u4e2d x\U0001f600"], fields=["offsets"])
        except ValueError:
            continue
        assert tokenizer.get_vocab_size() == len(vocab)
    return True


if __name__ == "__main__":
    mutate.main(check)
