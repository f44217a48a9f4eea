"""The part of CBOR (RFC 8949) that SenML needs: integers, doubles, text, arrays and maps, definite lengths."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

Value = int | float | str | Sequence["Value"] | Mapping["Value", "Value"]


def encode_cbor(value: Value) -> bytes:
    """Preferred serialisation of integers and lengths; every float as a double.

    >>> encode_cbor([{-2: "a:", 6: -1}, 1.5]).hex()
    '82a22162613a0620fb3ff8000000000000'
    """
    match value:
        case bool():
            raise TypeError("a boolean has no place in a SenML value")
        case int():
            return _head(0, value) if value >= 0 else _head(1, -1 - value)
        case float():
            return b"\xfb" + struct.pack(">d", value)
        case str():
            text = value.encode()
            return _head(3, len(text)) + text
        case Mapping():
            items = b"".join(encode_cbor(key) + encode_cbor(item) for key, item in value.items())
            return _head(5, len(value)) + items
        case _:
            return _head(4, len(value)) + b"".join(encode_cbor(item) for item in value)


def _head(major: int, number: int) -> bytes:
    """Initial byte with its argument, section 3 of the RFC."""
    if number < 24:
        return bytes([major << 5 | number])
    for additional, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * size):
            return bytes([major << 5 | additional]) + number.to_bytes(size, "big")
    raise ValueError(f"{number} does not fit in 64 bits")
