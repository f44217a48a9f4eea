"""What the client cuts out of the bytes that a broker sends, however they are cut on their way."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from ingest.mqtt import client as client_module
from ingest.mqtt.client import BufferedClient, Publish


class Wire:
    """A client with the broker's end of its connection."""

    def __init__(self, protocol: MQTTProtocolVersion) -> None:
        self.heard: list[Publish] = []
        self.room = True
        self.client = BufferedClient(
            self.heard.extend,
            lambda: self.room,
            callback_api_version=CallbackAPIVersion.VERSION2,
            protocol=protocol,
            manual_ack=True,
        )
        self.broker, ours = socket.socketpair()
        ours.setblocking(False)
        self.client._sock = ours

    def send(self, data: bytes) -> MQTTErrorCode:
        self.broker.sendall(data)
        return self.client.read()[0]

    def message(self, mid: int) -> bytes:
        return publish("a", b"x", 1, mid, b"" if self.client.protocol == MQTTProtocolVersion.MQTTv5 else None)

    def mids(self) -> list[int]:
        return [mid for *_, mid in self.heard]

    def close(self) -> None:
        self.broker.close()
        self.client._sock_close()


@pytest.fixture(params=[MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5])
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    made = Wire(request.param)
    yield made
    made.close()


def length(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number % 128 | 128]) + length(number // 128)


def publish(topic: str, payload: bytes, qos: int, mid: int, properties: bytes | None) -> bytes:
    body = len(topic.encode()).to_bytes(2, "big") + topic.encode()
    body += mid.to_bytes(2, "big") if qos else b""
    body += b"" if properties is None else length(len(properties)) + properties
    body += payload
    return bytes([0x30 | qos << 1]) + length(len(body)) + body


USER_PROPERTY = b"\x26\x00\x01a" + b"\x00\xc8" + 200 * b"b"
MESSAGES = [("a", b"", 0, 0), ("site/pump/telemetry", b"x" * 100, 1, 7), ("é", b"y" * 300, 1, 65_535)]


@given(cuts=st.lists(st.integers(1, 900), max_size=12), version=st.sampled_from([3, 5]), stray=st.booleans())
def test_messages_are_whole_wherever_the_stream_is_cut(cuts: list[int], version: int, stray: bool) -> None:
    v5 = version == 5
    wire = Wire(MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311)
    stream = b"".join(
        publish(*message, USER_PROPERTY if v5 and number else b"" if v5 else None) + (b"\xd0\x00" if stray else b"")
        for number, message in enumerate(MESSAGES)
    )
    at = 0
    for cut in sorted({min(cut, len(stream)) for cut in cuts} | {len(stream)}):
        assert wire.send(stream[at:cut]) == MQTTErrorCode.MQTT_ERR_SUCCESS
        at = cut
    assert wire.heard == [(topic.encode(), payload, qos, mid) for topic, payload, qos, mid in MESSAGES]
    wire.close()


def test_a_large_message_is_put_together(wire: Wire) -> None:
    v5 = wire.client.protocol == MQTTProtocolVersion.MQTTv5
    payload = bytes(range(256)) * 2_000
    data = publish("a", payload, 1, 3, b"" if v5 else None)
    for at in range(0, len(data), 50_000):
        wire.send(data[at : at + 50_000])
    assert wire.heard == [(b"a", payload, 1, 3)]


def test_an_end_of_the_stream_is_told(wire: Wire) -> None:
    wire.broker.shutdown(socket.SHUT_WR)
    assert wire.client.read()[0] == MQTTErrorCode.MQTT_ERR_CONN_LOST


@pytest.mark.parametrize("data", [b"\x30\xff\xff\xff\xff\x01", b"\x32\x02\x00\x09", b"\x30\x80\x80\x80\x80"])
def test_what_is_no_mqtt_ends_the_connection(wire: Wire, data: bytes) -> None:
    with pytest.raises(ValueError, match="the broker sent"):
        wire.send(data + bytes(4))


def test_what_had_arrived_when_the_connection_was_lost_is_taken(wire: Wire) -> None:
    wire.send(wire.message(1))
    wire.broker.sendall(b"".join(map(wire.message, range(2, 5_000))))
    wire.broker.close()
    wire.client.acknowledge([1])
    assert wire.client.socket() is None
    assert wire.mids() == list(range(1, 5_000))


def test_without_room_it_is_left(wire: Wire) -> None:
    wire.send(wire.message(1))
    wire.broker.sendall(wire.message(2))
    wire.broker.close()
    wire.room = False
    wire.client.acknowledge([1])
    assert wire.client.socket() is None
    assert wire.mids() == [1]


def test_what_follows_a_packet_over_which_the_connection_is_lost_is_taken_in_order(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    v5 = wire.client.protocol == MQTTProtocolVersion.MQTTv5
    suback = b"\x90\x04\x00\x01\x00\x01" if v5 else b"\x90\x03\x00\x01\x01"

    def acknowledge(*_: object) -> None:
        wire.client.acknowledge([9])
        wire.client.loop_write()

    wire.client.on_subscribe = acknowledge
    monkeypatch.setattr(client_module, "READ_BYTES", len(suback + wire.message(1)))
    wire.broker.sendall(suback + wire.message(1) + wire.message(2))
    wire.broker.close()
    wire.client.read()
    assert wire.client.socket() is None
    assert wire.mids() == [1, 2]
