"""The few MQTT 3.1.1 packets a load of publishing devices needs (OASIS standard, chapters 2 and 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulators.payloads.encoder import Outgoing

CONNACK, PUBLISH, PUBACK = 0x20, 0x30, 0x40
DISCONNECT = b"\xe0\x00"
_CONNECT, _SUBSCRIBE = 0x10, 0x82
_DUP = 0x08

RETURN_CODES = {
    1: "unacceptable protocol version",
    2: "client id rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorised",
}
"""Why a CONNACK refuses, section 3.2.2.3."""


def connect(client_id: str, will: Outgoing | None, user: str | None, password: str | None) -> bytes:
    """CONNECT with a clean session and no keep-alive."""
    flags = 0x02
    content = _text(client_id)
    if will is not None:
        flags |= 0x04 | 0x08 | (0x20 if will.retain else 0)  # will, QoS 1, retain
        content += _text(will.topic) + len(will.payload).to_bytes(2, "big") + will.payload
    if user is not None:
        flags |= 0x80
        content += _text(user)
    if password is not None:
        flags |= 0x40
        content += _text(password)
    return _packet(_CONNECT, _text("MQTT") + bytes([4, flags, 0, 0]) + content)


def publish(topic: str, payload: bytes, qos: int, retain: bool, packet_id: int) -> bytes:
    """PUBLISH; `packet_id` counts only for QoS 1."""
    head = PUBLISH | qos << 1 | retain
    return _packet(head, _text(topic) + (packet_id.to_bytes(2, "big") if qos else b"") + payload)


def subscribe(topics: Sequence[str], packet_id: int) -> bytes:
    """SUBSCRIBE to topics with QoS 1."""
    wanted = b"".join(_text(topic) + b"\x01" for topic in topics)
    return _packet(_SUBSCRIBE, packet_id.to_bytes(2, "big") + wanted)


def puback(packet_id: int) -> bytes:
    """PUBACK."""
    return _packet(PUBACK, packet_id.to_bytes(2, "big"))


def published(head: int, content: bytes) -> tuple[str, bytes, int | None]:
    """(topic, payload, packet id if it wants a PUBACK) of a PUBLISH."""
    end = 2 + int.from_bytes(content[:2], "big")
    topic = content[2:end].decode()
    if head & 0x06:
        return topic, content[end + 2 :], int.from_bytes(content[end : end + 2], "big")
    return topic, content[end:], None


def again(packet: bytes) -> bytes:
    """The same PUBLISH, marked as sent again."""
    return bytes([packet[0] | _DUP]) + packet[1:]


def received(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """(first byte, content) of every whole packet at the front of `buffer`, which is consumed."""
    while len(buffer) >= 2:
        size = shift = 0
        at = 1
        while True:
            if at >= len(buffer):
                return
            byte = buffer[at]
            size |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        if len(buffer) < at + size:
            return
        head, content = buffer[0], bytes(buffer[at : at + size])
        del buffer[: at + size]
        yield head, content


def _packet(head: int, content: bytes) -> bytes:
    size, length = bytearray(), len(content)
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    size.append(length)
    return bytes([head]) + size + content


def _text(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(2, "big") + raw
