"""Many MQTT clients in one thread: each device with its own session, will and acknowledgements.

paho does the protocol; the sockets of all clients are watched by one selector, so that thousands of sessions need
neither thousands of threads nor `select`'s limit on file numbers.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from simulators.errors import SimulatorError
from simulators.payloads.encoder import Outgoing

CONNECT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
LAST_WORDS_S = 0.7
"""For what is on its way when somebody asks for the end; twice that and the closing take less than the 5 s promised."""
RECONNECT_FIRST_S = 0.5
RECONNECT_LONGEST_S = 8.0
RECONNECT_ATTEMPTS = 8
"""About 40 s of trying before we give up."""
IN_FLIGHT_PER_CLIENT = 20
HEARD_AT_MOST = 1000
"""Commands that wait to be answered; the oldest make room."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is and who we are there."""

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None

    @classmethod
    def of(cls, url: str) -> Broker:
        """From `mqtt://[user[:password]@]host[:port]` or `mqtts://…`. Raises SimulatorError on anything else."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or port == -1 or parts.path not in ("", "/"):
            raise SimulatorError(f"--mqtt {url!r} is no broker address; write mqtt://host:1883 or mqtts://host:8883")
        tls = parts.scheme == "mqtts"
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(parts.hostname, port or (8883 if tls else 1883), tls, user, password)

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


@dataclass(slots=True)
class _Session:
    client: Client
    connected: bool = False
    refused: str | None = None
    attempts: int = 0
    retry_at: float = 0.0
    begun: bool = False
    """Connected for the first time, or trying to."""
    held: bool = False
    """Off on purpose."""
    unwritten: set[int] = field(default_factory=set)
    """Message ids of QoS 0 still in paho's buffer; lost with the connection."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A client: its id, its last will, and its own user name where the format asks for one (an access token)."""

    client_id: str
    will: Outgoing | None = None
    user: str | None = None
    listens: tuple[str, ...] = ()
    """Topics it subscribes to as soon as it is connected."""


class Sessions:
    """The clients of a simulated fleet. Not thread-safe: one thread connects, publishes and services them all.

    QoS 1 messages are kept until acknowledged and sent again after a reconnect; at most `in_flight` of them are
    unacknowledged at a time over all clients, `publish` waits for room.
    """

    def __init__(self, broker: Broker, identities: Sequence[Identity], in_flight: int = 1000) -> None:
        self.broker = broker
        self.in_flight = in_flight
        self.reconnects = 0
        self.acknowledged = 0
        self.heard: deque[tuple[str, bytes]] = deque(maxlen=HEARD_AT_MOST)
        """(topic, payload) of what came for the clients; whoever publishes takes it out."""
        self._selector = selectors.DefaultSelector()
        self._sessions = [_Session(self._client(identity)) for identity in identities]
        for session, identity in zip(self._sessions, identities, strict=True):
            self._wire(session, identity.listens)
        self._waiting = 0
        self._closing = False
        self._misc_at = 0.0
        self._asked: Callable[[], bool] = lambda: False

    def __len__(self) -> int:
        return len(self._sessions)

    def connect(self, should_stop: Callable[[], bool] = lambda: False, at_once: int = 200) -> None:
        """Open every session, `at_once` waiting for their CONNACK together. Raises SimulatorError if one cannot.

        From now on nothing waits any longer once `should_stop`.
        """
        self._asked = should_stop
        for first in range(0, len(self._sessions), at_once):
            group = self._sessions[first : first + at_once]
            for session in group:
                if should_stop():
                    return
                self._open(session)
            self._until(_all_connected(group), "did not answer")

    def publish(self, number: int, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> None:
        """Send from client `number`; waits while too many are unacknowledged."""
        if self._waiting >= self.in_flight:
            self._until(lambda: self._waiting < self.in_flight, "does not acknowledge")
        session = self._sessions[number]
        self._sent(session, session.client.publish(topic, payload, qos, retain), qos)

    def service(self, wait_s: float) -> None:
        """Read, write and reconnect for at most `wait_s`; returns early when something happened."""
        now = time.monotonic()
        for key, events in self._selector.select(max(0.0, wait_s)):
            session: _Session = key.data
            if events & selectors.EVENT_READ:
                session.client.loop_read(100)
            if events & selectors.EVENT_WRITE:
                session.client.loop_write()
        if now >= self._misc_at:
            self._misc_at = now + 0.5
            for session in self._sessions:
                self._keep(session, now)

    def drain(self, timeout_s: float = 30.0) -> None:
        """Wait until everything sent with QoS 1 is acknowledged. Raises SimulatorError after `timeout_s`."""
        self._until(self._all_gone, "does not acknowledge", timeout_s=timeout_s)

    def finish(self, within_s: float) -> None:
        """Wait a moment for what is on its way; what is not acknowledged by then is left."""
        deadline = time.monotonic() + within_s
        self._until(self._all_gone, "does not acknowledge", lambda: time.monotonic() > deadline)

    def close(self, drop: bool = False) -> None:
        """End all sessions: politely, or, with `drop`, so that the broker sends the wills."""
        self._closing = True
        for session in self._sessions:
            if drop:
                self._break(session)
            else:
                session.client.disconnect()
        deadline = time.monotonic() + CLOSE_TIMEOUT_S
        while self._selector.get_map() and time.monotonic() < deadline:
            self.service(0.05)
        for session in self._sessions:
            _unwire(session.client)
        self._selector.close()

    def break_off(self, number: int) -> None:
        """Cut the connection of one client as a dead radio does, until `come_back`."""
        self._sessions[number].held = True
        self._break(self._sessions[number])

    def come_back(self, number: int) -> None:
        """Let a client connect again; what it publishes meanwhile waits."""
        self._sessions[number].held = False
        self._sessions[number].retry_at = 0.0
        self._misc_at = 0.0

    def wait_for(self, number: int) -> None:
        """Wait until a client that came back is connected. Raises SimulatorError if it is not in a minute."""
        session = self._sessions[number]
        self._until(lambda: session.connected, "did not answer")

    def next_will(self, number: int, will: Outgoing | None) -> None:
        """The will of that client's next session."""
        if will is not None:
            self._sessions[number].client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        else:
            self._sessions[number].client.will_clear()

    @property
    def connected(self) -> int:
        """Sessions that are open now."""
        return sum(session.connected for session in self._sessions)

    # -- paho's side ---------------------------------------------------------------------------------------------
    def _client(self, identity: Identity) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id=identity.client_id)
        client.max_inflight_messages_set(IN_FLIGHT_PER_CLIENT)
        client.max_queued_messages_set(0)
        client.connect_timeout = CONNECT_TIMEOUT_S
        if identity.user is not None and self.broker.user is None:
            client.username_pw_set(identity.user)
        if self.broker.user is not None:
            client.username_pw_set(self.broker.user, self.broker.password)
        if self.broker.tls:
            client.tls_set()
        if identity.will is not None:
            client.will_set(identity.will.topic, identity.will.payload, qos=1, retain=identity.will.retain)
        return client

    def _wire(self, session: _Session, listens: Sequence[str]) -> None:
        client = session.client

        def opened(_client: Client, _data: Any, sock: Any) -> None:
            self._selector.register(sock, selectors.EVENT_READ, session)

        def closed(_client: Client, _data: Any, sock: Any) -> None:
            if sock in self._selector.get_map():
                self._selector.unregister(sock)
            session.connected = False
            self._waiting -= len(session.unwritten)
            session.unwritten.clear()

        def wants_write(_client: Client, _data: Any, sock: Any) -> None:
            self._selector.modify(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, session)

        def written(_client: Client, _data: Any, sock: Any) -> None:
            if sock in self._selector.get_map():
                self._selector.modify(sock, selectors.EVENT_READ, session)

        def connected(_client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            session.connected = not reason.is_failure
            session.refused = str(reason) if reason.is_failure else None
            session.attempts = 0 if session.connected else session.attempts
            if session.connected and listens:
                client.subscribe([(topic, 1) for topic in listens])

        def acknowledged(_client: Client, _data: Any, mid: int, _reason: Any, _properties: Any) -> None:
            session.unwritten.discard(mid)
            self._waiting -= 1
            self.acknowledged += 1

        client.on_socket_open, client.on_socket_close = opened, closed
        client.on_socket_register_write, client.on_socket_unregister_write = wants_write, written
        client.on_connect, client.on_publish, client.on_message = connected, acknowledged, self._hear

    def _hear(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload)))

    def _open(self, session: _Session) -> None:
        session.begun = True
        try:
            session.client.connect(self.broker.host, self.broker.port, keepalive=60)
        except (OSError, ValueError) as error:
            raise SimulatorError(f"broker {self.broker} cannot be reached: {error}") from error

    def _sent(self, session: _Session, info: MQTTMessageInfo, qos: int) -> None:
        """Count it; QoS 0 is acknowledged by paho itself once written, and without a connection not kept at all."""
        if qos == 0 and info.rc == MQTTErrorCode.MQTT_ERR_NO_CONN:
            return
        if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            raise SimulatorError(f"broker {self.broker} cannot be published to: {info.rc.name}")
        if qos == 0:
            session.unwritten.add(info.mid)
        self._waiting += 1

    def _keep(self, session: _Session, now: float) -> None:
        session.client.loop_misc()
        if session.refused is not None:
            raise SimulatorError(f"broker {self.broker} refuses the connection: {session.refused}")
        if session.connected or session.held or not session.begun or session.client.socket() is not None:
            return
        if self._closing or now < session.retry_at:
            return
        session.attempts += 1
        if session.attempts > RECONNECT_ATTEMPTS:
            raise SimulatorError(f"broker {self.broker} is gone: {RECONNECT_ATTEMPTS} attempts to reconnect failed")
        session.retry_at = now + min(RECONNECT_FIRST_S * 2**session.attempts, RECONNECT_LONGEST_S)
        self.reconnects += 1
        try:
            session.client.reconnect()
        except OSError:
            return  # tried again later

    def _break(self, session: _Session) -> None:
        sock = session.client.socket()
        if sock is not None:
            socket.socket.shutdown(cast(socket.socket, sock), socket.SHUT_RDWR)

    def _all_gone(self) -> bool:
        return self._waiting == 0

    def _until(
        self,
        done: Callable[[], bool],
        problem: str,
        should_stop: Callable[[], bool] | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        should_stop = should_stop or self._asked
        last = time.monotonic()
        seen = (self._waiting, self.connected)
        while not done() and not should_stop():
            self.service(0.1)
            now, state = time.monotonic(), (self._waiting, self.connected)
            if state != seen:
                last, seen = now, state
            if now - last > timeout_s:
                raise SimulatorError(f"broker {self.broker} {problem} within {timeout_s:g} s")


def _unwire(client: Client) -> None:
    """Paho closes a forgotten socket when the client is collected; that is no longer our business."""
    client.on_socket_close = client.on_socket_unregister_write = None


def _all_connected(sessions: Sequence[_Session]) -> Callable[[], bool]:
    return lambda: all(session.connected for session in sessions)
