"""MQTT clients for load: many sessions and many messages, a system call for many packets.

The same interface as `sessions.Sessions`, without TLS; what a benchmark and `--speed max` use. A general client spends
some 70 µs of Python on a message; writing the packet ourselves and sending dozens at once takes a tenth of that.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from simulators import packets
from simulators.errors import SimulatorError
from simulators.payloads.encoder import Outgoing
from simulators.sessions import (
    CONNECT_TIMEOUT_S,
    HEARD_AT_MOST,
    LAST_WORDS_S,
    RECONNECT_ATTEMPTS,
    RECONNECT_FIRST_S,
    RECONNECT_LONGEST_S,
    Broker,
    Identity,
)

FLUSH_BYTES = 16_384
"""Packets are collected up to that size before they are sent."""
BUFFER_BYTES = 1 << 20
"""A client that could not send so much waits."""
STALL_S = 60.0


@dataclass(slots=True)
class _Client:
    identity: Identity
    will: Outgoing | None
    sock: socket.socket | None = None
    connected: bool = False
    held: bool = False
    out: bytearray = field(default_factory=bytearray)
    got: bytearray = field(default_factory=bytearray)
    unacknowledged: dict[int, bytes] = field(default_factory=dict)
    packet_id: int = 0
    attempts: int = 0
    retry_at: float = 0.0
    watched: int = 0
    """What its socket is watched for."""


class BulkSessions:
    """Not thread-safe. QoS 1 messages are kept until acknowledged and sent again after a reconnect."""

    def __init__(self, broker: Broker, identities: Sequence[Identity], in_flight: int = 4000) -> None:
        self.broker = broker
        self.in_flight = in_flight
        self.reconnects = 0
        self.acknowledged = 0
        self.heard: deque[tuple[str, bytes]] = deque(maxlen=HEARD_AT_MOST)
        """(topic, payload) of what came for the clients; whoever publishes takes it out."""
        self._waiting = 0
        self._clients = [_Client(identity, identity.will) for identity in identities]
        self._selector = selectors.DefaultSelector()
        self._dirty: set[int] = set()
        self._lost: set[int] = set()
        self._asked: Callable[[], bool] = lambda: False

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def connected(self) -> int:
        """Sessions that are open now."""
        return sum(client.connected for client in self._clients)

    def connect(self, should_stop: Callable[[], bool] = lambda: False, at_once: int = 200) -> None:
        """Open every session, `at_once` waiting for their CONNACK together. Raises SimulatorError if one cannot.

        From now on nothing waits any longer once `should_stop`.
        """
        self._asked = should_stop
        for first in range(0, len(self._clients), at_once):
            numbers = range(first, min(first + at_once, len(self._clients)))
            for number in numbers:
                if should_stop():
                    return
                self._open(number)
            self._until(self._all_connected(numbers), "did not answer")

    def publish(self, number: int, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> None:
        """Send from client `number`; waits while too much is unacknowledged or unsent."""
        client = self._clients[number]
        if self._waiting >= self.in_flight or len(client.unacknowledged) > 60_000:
            self._until(lambda: self._waiting <= self.in_flight // 2, "does not acknowledge")
        if len(client.out) > BUFFER_BYTES:
            self._until(lambda: len(client.out) < BUFFER_BYTES // 2, "does not read")
        if qos:
            client.packet_id = client.packet_id % 0xFFFF + 1
            packet = packets.publish(topic, payload, 1, retain, client.packet_id)
            client.unacknowledged[client.packet_id] = packet
            self._waiting += 1
            if not client.connected:
                return
        else:
            packet = packets.publish(topic, payload, 0, retain, 0)
        client.out += packet
        self._dirty.add(number)
        if len(client.out) >= FLUSH_BYTES:
            self._flush(number)

    def service(self, wait_s: float) -> None:
        """Send what waits, read what came, reconnect what was lost; at most `wait_s`."""
        for number in list(self._dirty):
            self._flush(number)
        for key, events in self._selector.select(max(0.0, wait_s)):
            if events & selectors.EVENT_WRITE:
                self._flush(key.data)
            if events & selectors.EVENT_READ:
                self._read(key.data)
        for number in list(self._lost):
            self._retry(number)

    def drain(self, timeout_s: float = 30.0) -> None:
        """Wait until everything is sent and, with QoS 1, acknowledged. Raises SimulatorError after `timeout_s`."""
        self._until(self._all_gone, "does not acknowledge", timeout_s=timeout_s)

    def finish(self, within_s: float) -> None:
        """Wait a moment for what is on its way; what is not acknowledged by then is left."""
        deadline = time.monotonic() + within_s
        self._until(self._all_gone, "does not acknowledge", lambda: time.monotonic() > deadline)

    def close(self, drop: bool = False) -> None:
        """End all sessions: politely, or, with `drop`, so that the broker sends the wills."""
        for client in self._clients:
            if client.sock is not None:
                if not drop:
                    client.sock.setblocking(True)
                    client.sock.settimeout(LAST_WORDS_S if self._asked() else CONNECT_TIMEOUT_S)
                    _send_last(client.sock, bytes(client.out) + packets.DISCONNECT)
                client.sock.close()
                client.sock = None
        self._selector.close()

    def break_off(self, number: int) -> None:
        """Cut the connection of one client as a dead radio does, until `come_back`."""
        self._clients[number].held = True
        self._drop(number)

    def come_back(self, number: int) -> None:
        """Let a client connect again."""
        client = self._clients[number]
        client.held, client.retry_at = False, 0.0
        self._lost.add(number)

    def wait_for(self, number: int) -> None:
        """Wait until a client that came back is connected. Raises SimulatorError if it is not in a minute."""
        client = self._clients[number]
        self._until(lambda: client.connected, "did not answer")

    def next_will(self, number: int, will: Outgoing | None) -> None:
        """The will of that client's next session."""
        self._clients[number].will = will

    # -- sockets -------------------------------------------------------------------------------------------------
    def _open(self, number: int) -> None:
        client, broker = self._clients[number], self.broker
        user, password = (broker.user, broker.password) if broker.user else (client.identity.user, None)
        try:
            sock = socket.create_connection((broker.host, broker.port), CONNECT_TIMEOUT_S)
        except OSError as error:
            raise SimulatorError(f"broker {broker} cannot be reached: {error}") from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        client.sock, client.got = sock, bytearray()
        client.out = bytearray(packets.connect(client.identity.client_id, client.will, user, password))
        client.watched = selectors.EVENT_READ
        self._selector.register(sock, client.watched, number)
        self._flush(number)

    def _flush(self, number: int) -> None:
        client = self._clients[number]
        self._dirty.discard(number)
        if client.sock is None or not client.out:
            return
        try:
            sent = client.sock.send(client.out)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(number)
            return
        del client.out[:sent]
        events = selectors.EVENT_READ
        if client.out:
            events |= selectors.EVENT_WRITE
            self._dirty.add(number)
        if client.watched != events:
            client.watched = events
            self._selector.modify(client.sock, events, number)

    def _read(self, number: int) -> None:
        client = self._clients[number]
        if client.sock is None:
            return
        try:
            data = client.sock.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(number)
            return
        client.got += data
        for head, content in packets.received(client.got):
            kind = head & 0xF0
            if kind == packets.PUBACK and client.unacknowledged.pop(int.from_bytes(content[:2], "big"), b""):
                self._waiting -= 1
                self.acknowledged += 1
            elif kind == packets.CONNACK:
                self._welcomed(number, content[1])
            elif kind == packets.PUBLISH:
                self._hear(number, *packets.published(head, content))

    def _hear(self, number: int, topic: str, payload: bytes, packet_id: int | None) -> None:
        self.heard.append((topic, payload))
        if packet_id is not None:
            self._clients[number].out += packets.puback(packet_id)
            self._dirty.add(number)

    def _welcomed(self, number: int, code: int) -> None:
        if code:
            reason = packets.RETURN_CODES.get(code, f"code {code}")
            raise SimulatorError(f"broker {self.broker} refuses the connection: {reason}")
        client = self._clients[number]
        client.connected, client.attempts = True, 0
        if client.identity.listens:
            client.packet_id = client.packet_id % 0xFFFF + 1
            client.out += packets.subscribe(client.identity.listens, client.packet_id)
        for packet in client.unacknowledged.values():
            client.out += packets.again(packet)
        if client.out:
            self._dirty.add(number)

    def _drop(self, number: int) -> None:
        """The connection is gone: QoS 0 with it, QoS 1 waits for the next one."""
        client = self._clients[number]
        if client.sock is not None:
            self._selector.unregister(client.sock)
            client.sock.close()
        client.sock, client.connected = None, False
        client.out.clear()
        self._dirty.discard(number)
        self._lost.add(number)

    def _retry(self, number: int) -> None:
        client, now = self._clients[number], time.monotonic()
        if client.held or now < client.retry_at:
            return
        if client.attempts >= RECONNECT_ATTEMPTS:
            raise SimulatorError(f"broker {self.broker} is gone: {RECONNECT_ATTEMPTS} attempts to reconnect failed")
        client.attempts += 1
        client.retry_at = now + min(RECONNECT_FIRST_S * 2**client.attempts, RECONNECT_LONGEST_S)
        self.reconnects += 1
        try:
            self._open(number)
        except SimulatorError:
            return
        self._lost.discard(number)

    def _all_connected(self, numbers: range) -> Callable[[], bool]:
        return lambda: all(self._clients[number].connected for number in numbers)

    def _all_gone(self) -> bool:
        return not self._waiting and not self._dirty

    def _until(
        self,
        done: Callable[[], bool],
        problem: str,
        should_stop: Callable[[], bool] | None = None,
        timeout_s: float = STALL_S,
    ) -> None:
        should_stop = should_stop or self._asked
        last, seen = time.monotonic(), (self.acknowledged, self.connected, len(self._dirty))
        while not done() and not should_stop():
            self.service(0.1)
            now, state = time.monotonic(), (self.acknowledged, self.connected, len(self._dirty))
            if state != seen:
                last, seen = now, state
            if now - last > timeout_s:
                raise SimulatorError(f"broker {self.broker} {problem} within {timeout_s:g} s")


def _send_last(sock: socket.socket, data: bytes) -> None:
    try:
        sock.sendall(data)
    except OSError:
        return
