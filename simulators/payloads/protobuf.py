"""Protocol Buffers' wire format, as much as Sparkplug's payload needs (https://protobuf.dev/programming-guides/encoding/)."""

from __future__ import annotations

import struct


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
