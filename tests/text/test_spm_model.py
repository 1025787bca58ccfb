"""read_sentencepiece against the sentencepiece package, and on files that are no models."""

import sys
from pathlib import Path

import pytest

from pytxenc._core import read_sentencepiece

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))

import spm_proto as proto

DEFAULTS = {
    "model_type": 1,
    "unk_id": 0,
    "bos_id": 1,
    "eos_id": 2,
    "pad_id": -1,
    "precompiled_charsmap": b"",
    "add_dummy_prefix": True,
    "remove_extra_whitespaces": True,
    "escape_whitespaces": True,
}


def test_pieces_and_defaults():
    assert read_sentencepiece(proto.model()) == {"pieces": proto.PIECES, **DEFAULTS}
    bare = proto.piece("x")
    assert read_sentencepiece(bare)["pieces"] == [("x", 0.0, 1)]


def test_every_field():
    trainer = b"".join(
        proto.number(*pair) for pair in ((3, 2), (40, 5), (41, -1), (42, 3), (43, 4))
    )
    flags = b"".join(proto.number(field, 0) for field in (3, 4, 5))
    normalizer = proto.data(1, b"name") + proto.data(2, b"\x00map\xff") + flags
    assert read_sentencepiece(proto.model(trainer=trainer, normalizer=normalizer)) == {
        "pieces": proto.PIECES,
        "model_type": 2,
        "unk_id": 5,
        "bos_id": -1,
        "eos_id": 3,
        "pad_id": 4,
        "precompiled_charsmap": b"\x00map\xff",
        "add_dummy_prefix": False,
        "remove_extra_whitespaces": False,
        "escape_whitespaces": False,
    }


def test_unknown_fields_are_skipped():
    group = proto.varint(9 << 3 | 3) + proto.number(1, 7) + proto.varint(9 << 3 | 4)
    fixed = proto.varint(8 << 3 | 1) + bytes(8) + proto.varint(8 << 3 | 5) + bytes(4)
    extra = group + fixed + proto.data(4, b"self test") + proto.number(200, 1)
    inside = proto.data(1, proto.data(1, b"x") + extra)
    assert read_sentencepiece(extra + inside + extra)["pieces"] == [("x", 0.0, 1)]


def test_later_fields_win():
    twice = proto.data(1, proto.data(1, b"x") + proto.data(1, b"y"))
    specs = proto.data(2, proto.number(40, 1)) + proto.data(2, proto.number(40, 0))
    parsed = read_sentencepiece(twice + specs)
    assert parsed["pieces"][0][0] == "y" and parsed["unk_id"] == 0


def test_accepts_any_buffer():
    assert read_sentencepiece(memoryview(bytearray(proto.model())))["pieces"] == proto.PIECES
    with pytest.raises(TypeError):
        read_sentencepiece("text")


def nested(depth):
    return proto.varint(9 << 3 | 3) * depth + proto.varint(9 << 3 | 4) * depth


@pytest.mark.parametrize(
    "contents, message",
    [
        (b"", "no piece before the end at byte 0"),
        (proto.piece("abc")[:-1], "longer than what is left of the message at byte 0"),
        (b"\x0a", "a number is cut off at byte 1"),
        (b"\x0a" + b"\xff" * 9 + b"\x02", "more than 64 bits at byte 1"),
        (b"\x00", "impossible field number at byte 0"),
        (b"\x0e", "impossible wire type at byte 0"),
        (b"\x0c", "impossible wire type at byte 0"),
        (b"\x08\x01", "wrong wire type at byte 0"),
        (proto.data(1, proto.data(1, b"\xff")), "not UTF-8 at byte 4"),
        (proto.data(1, proto.data(1, b"\xed\xa0\x80")), "not UTF-8 at byte 4"),
        (proto.piece("x", float("nan")), "not finite at byte 5"),
        (proto.piece("x", float("inf")), "not finite at byte 5"),
        (proto.piece("x", 0.0, 7), "unknown type of piece at byte 10"),
        (proto.piece("x", 0.0, 0), "unknown type of piece"),
        (proto.data(1, proto.number(1, 5)), "wrong wire type at byte 2"),
        (proto.model() + b"\x4b", "a group has no end at byte"),
        (proto.model() + b"\x4b\x54", "the end of another group at byte"),
        (proto.model() + nested(33), "nested too deeply"),
        (proto.model(trainer=proto.number(40, 10)), "unk_id is 10 and there are 10 pieces"),
        (proto.model(trainer=proto.number(3, 2**40)), "out of range"),
        (proto.model(trainer=proto.number(41, -2)), "out of range"),
        (proto.model(trainer=proto.data(40, b"")), "wrong wire type"),
        (proto.model(normalizer=proto.number(2, 1)), "wrong wire type"),
        (b"\x1f\x8b\x08\x00garbage", "not a SentencePiece model"),
    ],
)
def test_malformed(contents, message):
    with pytest.raises(ValueError, match="not a SentencePiece model: ") as error:
        read_sentencepiece(contents)
    assert message in str(error.value)


def test_groups_nested_as_deep_as_allowed():
    assert read_sentencepiece(proto.model() + nested(32))["pieces"] == proto.PIECES


def test_every_prefix_is_read_or_refused():
    contents = proto.model(trainer=proto.number(40, 0), normalizer=proto.number(3, 1))
    for end in range(len(contents)):
        try:
            pieces = read_sentencepiece(contents[:end])["pieces"]
        except ValueError:
            continue
        assert pieces == proto.PIECES[: len(pieces)]


def check_against_sentencepiece(contents):
    sentencepiece = pytest.importorskip("sentencepiece")
    theirs = sentencepiece.SentencePieceProcessor(model_proto=contents)
    ours = read_sentencepiece(contents)
    assert len(ours["pieces"]) == len(theirs)
    kinds = {2: theirs.is_unknown, 3: theirs.is_control, 5: theirs.is_unused, 6: theirs.is_byte}
    for i, (piece, score, kind) in enumerate(ours["pieces"]):
        assert (piece, score) == (theirs.id_to_piece(i), theirs.get_score(i))
        assert [is_kind(i) for is_kind in kinds.values()] == [kind == k for k in kinds]
    assert ours["unk_id"] == theirs.unk_id()
    return ours


def test_small_model_against_sentencepiece():
    check_against_sentencepiece(proto.model(trainer=b"", normalizer=b""))


def test_trained_model_against_sentencepiece(tmp_path):
    sentencepiece = pytest.importorskip("sentencepiece")
    text = tmp_path / "text"
    text.write_text("the quick brown fox jumps over the lazy dog\nand naps \u00e9t\u00e9\n" * 50)
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(tmp_path / "m"),
        vocab_size=34,
        user_defined_symbols=["[X]"],
        pad_id=3,
        minloglevel=2,
        add_dummy_prefix=False,
    )
    ours = check_against_sentencepiece((tmp_path / "m.model").read_bytes())
    assert (ours["pad_id"], ours["add_dummy_prefix"], ours["model_type"]) == (3, False, 1)
    assert ("[X]", 0.0, 4) in ours["pieces"] and len(ours["precompiled_charsmap"]) > 1000


def test_albert_model_against_sentencepiece(data_dir):
    path = data_dir / "tokenizers" / "albert-base-v2" / "spiece.model"
    ours = check_against_sentencepiece(path.read_bytes())
    assert len(ours["pieces"]) == 30000 and len(ours["precompiled_charsmap"]) > 100_000
