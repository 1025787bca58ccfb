"""Writes SentencePiece .model files field by field, well-formed or not."""

import struct


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def data(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def score(value: float) -> bytes:
    return varint(2 << 3 | 5) + struct.pack("<f", value)


def piece(text: str, value: float | None = None, kind: int | None = None) -> bytes:
    body = data(1, text.encode())
    if value is not None:
        body += score(value)
    if kind is not None:
        body += number(3, kind)
    return data(1, body)


PIECES = [
    ("<unk>", 0.0, 2),
    ("<s>", 0.0, 3),
    ("</s>", 0.0, 3),
    ("\u2581", -1.5, 1),
    ("a", -2.0, 1),
    ("\u2581a", -2.25, 1),
    ("b", -3.0, 1),
    ("\u4e2d", -3.5, 1),
    ("(", 0.0, 4),
    ("\U0001f600", -9.0, 1),
]


def model(pieces=PIECES, trainer: bytes | None = None, normalizer: bytes | None = None) -> bytes:
    """A whole file; `trainer` and `normalizer` are the fields of those messages."""
    out = b"".join(piece(*one) for one in pieces)
    if trainer is not None:
        out += data(2, trainer)
    if normalizer is not None:
        out += data(3, normalizer)
    return out
