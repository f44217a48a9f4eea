"""Readers of wire formats, written from the specifications, for tests of the encoders only."""

import struct


def protobuf(data: bytes) -> list[tuple[int, int | bytes]]:
    """(field number, value) of every field: varint and 64-bit as integers, length-delimited as bytes."""
    fields: list[tuple[int, int | bytes]] = []
    at = 0

    def varint() -> int:
        nonlocal at
        result = shift = 0
        while True:
            byte = data[at]
            at += 1
            result |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return result

    while at < len(data):
        tag = varint()
        match tag & 7:
            case 0:
                fields.append((tag >> 3, varint()))
            case 1:
                fields.append((tag >> 3, int.from_bytes(data[at : at + 8], "little")))
                at += 8
            case 2:
                size = varint()
                fields.append((tag >> 3, data[at : at + size]))
                at += size
            case other:
                raise AssertionError(f"wire type {other}")
    return fields


def double(bits: int | bytes) -> float:
    """The double behind a 64-bit field."""
    assert isinstance(bits, int)
    return float(struct.unpack("<d", bits.to_bytes(8, "little"))[0])


def part(fields: list[tuple[int, int | bytes]], number: int) -> list[int | bytes]:
    """All values of that field."""
    return [value for field, value in fields if field == number]


def message(value: int | bytes) -> list[tuple[int, int | bytes]]:
    """A nested message."""
    assert isinstance(value, bytes)
    return protobuf(value)
