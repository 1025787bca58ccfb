"""Writing SentencePiece .model files (reading them is C's)."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable

# Types of pieces.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED = range(1, 5)

# Numbers of the fields in sentencepiece_model.proto that are written.
_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_PIECE_TEXT, _PIECE_SCORE, _PIECE_TYPE = 1, 2, 3
_MODEL_TYPE, _VOCAB_SIZE, _UNK_ID, _UNK_PIECE = 3, 4, 40, 45
_NAME, _CHARSMAP, _DUMMY_PREFIX, _REMOVE_SPACES, _ESCAPE_SPACES = range(1, 6)
_UNIGRAM = 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _data(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def sentencepiece_model(pieces: Iterable[tuple[str, float, int]], charsmap: str | None) -> bytes:
    """The bytes of a unigram model.

    pieces: (text, score, type) in order of id; one is of type UNKNOWN.
    charsmap: the precompiled character map in base64, or None.
    """
    pieces = list(pieces)
    unk_id = next(index for index, piece in enumerate(pieces) if piece[2] == UNKNOWN)
    trainer = (
        _number(_MODEL_TYPE, _UNIGRAM)
        + _number(_VOCAB_SIZE, len(pieces))
        + _number(_UNK_ID, unk_id)
        + _data(_UNK_PIECE, pieces[unk_id][0].encode())
    )
    normalizer = _data(_NAME, b"identity" if charsmap is None else b"user_defined")
    if charsmap is not None:
        normalizer += _data(_CHARSMAP, base64.b64decode(charsmap))
    for flag in (_DUMMY_PREFIX, _REMOVE_SPACES, _ESCAPE_SPACES):
        normalizer += _number(flag, 1)
    parts = [
        _data(
            _PIECES,
            _data(_PIECE_TEXT, text.encode())
            + _float(_PIECE_SCORE, score)
            + _number(_PIECE_TYPE, kind),
        )
        for text, score, kind in pieces
    ]
    return b"".join((*parts, _data(_TRAINER, trainer), _data(_NORMALIZER, normalizer)))
