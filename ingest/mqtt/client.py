"""paho's client with quicker ways in and out: large reads, no object for each message, acknowledgements in one write.

paho reads byte by byte from the socket, builds a message and a `Properties` for each PUBLISH, and writes each PUBACK by
itself; at thousands of messages a second that is most of its time. Here PUBLISH packets are cut out of large reads. Its
own parts stay in charge of everything else: each other packet is given to it whole.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion

READ_BYTES = 1 << 18
"""More than a tenth of a second usually brings: a read that brings as much has probably left something behind."""
RECORD_BYTES = 1 << 14
"""Over TLS one record is all that a read brings."""
_PUBLISH = 0x30
_PUBACK = 0x40
_PUBACK_HEAD = b"\x40\x02"
_DISCONNECT = b"\xe0\x00"

Publish: TypeAlias = tuple[bytes, bytes, int, int]
"""Topic, payload, QoS and packet id."""

OnPublishes: TypeAlias = Callable[[list[Publish]], None]
"""Called with the messages that one read brought."""


class BufferedClient(mqtt.Client):
    """A client for an event loop of one's own; messages go to `on_publishes` and are acknowledged by hand.

    What had arrived when a connection ends goes there as well, while there `has_room`.
    """

    def __init__(self, on_publishes: OnPublishes, has_room: Callable[[], bool], **options: Any) -> None:
        super().__init__(**options)
        self._on_publishes, self._has_room = on_publishes, has_room
        self._parts: list[bytes] = []
        """What was read of a packet that is not whole yet."""
        self._missing = 0
        """Bytes without which it cannot be whole."""
        self._packet = b""
        """What paho is given to read."""
        self._handling = self._lost = False
        """Whether packets are being handled, and whether the connection ended meanwhile."""

    def read(self) -> tuple[MQTTErrorCode, bool]:
        """Read once from the socket and handle every whole packet; also whether that emptied it of something."""
        try:
            data = super()._sock_recv(READ_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS, False
        if not data:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST, False
        self._confirm()
        waits = self._missing > len(data)
        full = RECORD_BYTES if isinstance(self._sock, ssl.SSLSocket) else READ_BYTES
        return self._take(data), not waits and len(data) < full

    def _confirm(self) -> None:
        """Have the system tell the broker's at once that what was read is here (tcp(7), not kept from read to read).

        Otherwise it waits some 40 ms for something of ours to send, and the broker's holds back what follows: that is
        slow, and lost with a broker that is killed.
        """
        if sys.platform == "linux" and self._sock is not None:
            with contextlib.suppress(OSError):  # no TCP
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # type: ignore[attr-defined]

    def _take(self, data: bytes) -> MQTTErrorCode:
        with self._msgtime_mutex:
            self._last_bytes_received = self._last_msg_in = mqtt.time_func()
        self._parts.append(data)
        self._missing -= len(data)
        if self._missing > 0:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        return self._handle(data if len(self._parts) == 1 else b"".join(self._parts))

    def _handle(self, data: bytes) -> MQTTErrorCode:
        """Handle the packets in `data`, and keep what is left behind the last whole one."""
        self._handling = True
        try:
            return self._cut(data)
        finally:
            self._handling = False
            if self._lost:
                self._sock_close()

    def _cut(self, data: bytes) -> MQTTErrorCode:
        publishes: list[Publish] = []
        at, code = 0, MQTTErrorCode.MQTT_ERR_SUCCESS
        while at < len(data):
            body, length = _variable(data, at + 1)
            if body + length > len(data):
                break
            end = body + length
            if data[at] & 0xF0 == _PUBLISH:
                publishes.append(self._publish_in(data[at], data, body, end))
            elif code == MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._packet = data[at:end]
                code = super().loop_read()
            at = end
        self._parts = [data[at:]] if at < len(data) else []
        self._missing = body + length - len(data) if self._parts else 0
        if publishes:
            self._on_publishes(publishes)
        return code

    def _publish_in(self, command: int, data: bytes, at: int, end: int) -> Publish:
        """Topic, payload, QoS and packet id of a PUBLISH whose variable header begins at `at`."""
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        topic, qos, mid = data[start:at], command >> 1 & 3, 0
        if qos:
            mid = int.from_bytes(data[at : at + 2], "big")
            at += 2
        if self._protocol == MQTTProtocolVersion.MQTTv5 and at < end:
            at, length = (at + 1, 0) if not data[at] else _variable(data, at)
            at += length
        if at > end:
            raise ValueError("the broker sent a PUBLISH that ends before its payload")
        return topic, data[at:end], qos, mid

    def _sock_recv(self, bufsize: int) -> bytes:
        data, self._packet = self._packet[:bufsize], self._packet[bufsize:]
        if not data:
            raise BlockingIOError
        return data

    def _sock_close(self) -> None:
        """As paho does, but first take what had arrived before the connection was lost.

        A broker sends a message on before it acknowledges it to its publisher, and may be killed before it saves it:
        what lies in our socket may be the only copy there is.
        """
        self._lost = self._handling
        if self._lost:
            return  # after what was read already
        with contextlib.suppress(OSError, ValueError):  # broken behind what was read
            while self._sock is not None and self._has_room() and (data := super()._sock_recv(READ_BYTES)):
                self._take(data)
        super()._sock_close()

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


def _variable(data: bytes, at: int) -> tuple[int, int]:
    """The variable byte integer at `at` (MQTT 5, section 1.5.5): where it ends, and its value.

    One that is not whole reads as one that wants more bytes than there are.
    """
    value, shift = 0, 0
    for place in range(at, min(at + 4, len(data))):
        value |= (data[place] & 0x7F) << shift
        if data[place] < 0x80:
            return place + 1, value
        shift += 7
    if len(data) >= at + 4:
        raise ValueError("the broker sent a packet with a malformed length")
    return len(data), 1
