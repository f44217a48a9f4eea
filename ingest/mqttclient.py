"""paho's client with quicker ways in and out: large reads, no object for each message, acknowledgements in one write.

paho reads byte by byte from the socket, builds a message and a `Properties` for each PUBLISH, and writes each PUBACK by
itself; at thousands of messages a second that is most of its time. Its own parts stay in charge of everything else.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion

READ_BYTES = 1 << 16
_PUBACK = 0x40
_PUBACK_HEAD = b"\x40\x02"
_DISCONNECT = b"\xe0\x00"

OnPublish: TypeAlias = Callable[[bytes, bytes, int, int], None]
"""Called with topic, payload, QoS and packet id of each message."""


class BufferedClient(mqtt.Client):
    """A client for an event loop of one's own; messages go to `on_publish_received` and are acknowledged by hand."""

    def __init__(self, on_publish_received: OnPublish, **options: Any) -> None:
        super().__init__(**options)
        self._on_publish_received = on_publish_received
        self._read = b""
        self._at = 0

    @property
    def buffered(self) -> bool:
        """Whether something was read from the socket that is not handled yet."""
        return self._at < len(self._read)

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._at >= len(self._read):
            self._read, self._at = b"", 0
            self._read = super()._sock_recv(READ_BYTES)
        data = self._read[self._at : self._at + bufsize]
        self._at += len(data)
        return data

    def _ssl_wrap_socket(self, tcp_sock: Any) -> Any:
        """As paho does, and close the socket when the handshake fails."""
        assert self._ssl_context is not None
        assert self._ssl_context.check_hostname
        connection = self._ssl_context.wrap_socket(tcp_sock, do_handshake_on_connect=False, server_hostname=self._host)
        try:
            connection.settimeout(self._connect_timeout)
            connection.do_handshake()
        except OSError:
            connection.close()
            raise
        return connection

    def _handle_publish(self) -> MQTTErrorCode:
        packet = self._in_packet["packet"]
        qos = (self._in_packet["command"] >> 1) & 3
        at = 2 + int.from_bytes(packet[:2], "big")
        topic, mid = packet[2:at], 0
        if qos:
            mid = int.from_bytes(packet[at : at + 2], "big")
            at += 2
        if self._protocol == MQTTProtocolVersion.MQTTv5:
            length, shift = 0, 0
            while True:
                byte = packet[at]
                at += 1
                length |= (byte & 0x7F) << shift
                shift += 7
                if not byte & 0x80:
                    break
            at += length
        self._on_publish_received(bytes(topic), bytes(packet[at:]), qos, mid)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def acknowledge(self, mids: Iterable[int]) -> None:
        """Queue a PUBACK for each packet id, to be written at once."""
        packets = b"".join([_PUBACK_HEAD + mid.to_bytes(2, "big") for mid in mids])
        self._packet_queue(_PUBACK, packets, 0, 1)

    def leave(self, timeout_s: float) -> None:
        """Say goodbye and wait until the broker closed the connection: then it has read every acknowledgement.

        A socket that is closed at once may take what the broker did not read yet with it.
        """
        connection = self._sock
        if connection is None:
            return
        with contextlib.suppress(OSError, ValueError):
            connection.setblocking(True)
            connection.settimeout(timeout_s)  # type: ignore[attr-defined]  # paho's protocol of a socket leaves it out
            connection.send(_DISCONNECT)
            ends = time.monotonic() + timeout_s
            while connection.recv(READ_BYTES) and time.monotonic() < ends:
                pass
        self._sock_close()
