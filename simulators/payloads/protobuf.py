"""Protocol Buffers' wire format, as much as Sparkplug's payload needs (https://protobuf.dev/programming-guides/encoding/)."""

from __future__ import annotations

import struct
from collections.abc import Iterator


def varint(number: int) -> bytes:
    """Base-128, least significant group first.

    >>> varint(150).hex()
    '9601'
    """
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def uint_field(field: int, number: int) -> bytes:
    """A varint field: uint32, uint64, bool, enum."""
    return varint(field << 3) + varint(number)


def double_field(field: int, number: float) -> bytes:
    """A 64-bit field."""
    return varint(field << 3 | 1) + struct.pack("<d", number)


def bytes_field(field: int, content: bytes) -> bytes:
    """A length-delimited field: string, bytes, message."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def text_field(field: int, text: str) -> bytes:
    """A string field."""
    return bytes_field(field, text.encode())


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of every field: varints and fixed ones as whole numbers, the others as bytes.

    Raises ValueError where the bytes end too early or hold a type that the format no longer has.
    """
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        match tag & 7:
            case 0:
                value, at = _read_varint(data, at)
                yield tag >> 3, value
                continue
            case 1:
                size = 8
            case 2:
                size, at = _read_varint(data, at)
            case 5:
                size = 4
            case other:
                raise ValueError(f"wire type {other}")
        content = data[at : at + size]
        if len(content) < size:
            raise ValueError("the message ends inside a field")
        at += size
        yield tag >> 3, content if tag & 7 == 2 else int.from_bytes(content, "little")


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """(number, position after it)."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("the message ends inside a number")
        number |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return number, at
    raise ValueError("a number of more than ten bytes")
