"""Listens to an external broker: a session that survives us, and acknowledgements only after the commit.

    broker ─▶ MqttInput (thread) ─▶ handover ─▶ … durable … ─▶ acknowledge ─▶ PUBACK

The session is persistent, so the broker keeps what arrives while we are away and sends again what we did not
acknowledge. It stops on its own after `RECEIVE_MAXIMUM` messages in flight (MQTT 5; a broker of 3.1.1 has a limit of
its own): that is the answer to a full handover. docs/mqtt.md says which settings a broker needs for that.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.adapters.adapter import Publish
from ingest.errors import named
from ingest.handover import Handover
from ingest.message import Message
from ingest.mqtt.client import BufferedClient
from ingest.mqtt.options import MqttOptions
from ingest.mqtt.subscriptions import NoMemory, Subscriptions

RECEIVE_MAXIMUM = 2_000
"""Messages in flight: enough for the micro-batch that is being committed and the next one."""
SESSION_KEPT_S = 30 * 86_400
"""How long a broker of MQTT 5 keeps our session while we are away."""
KEEP_ALIVE_S = 30
CONNECT_WITHIN_S = 10.0
FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 60.0
"""Between two attempts to connect: doubling, with jitter between half and all of it."""
STABLE_S = 5.0
"""A connection that lasted so long was a good one: the next attempt comes soon again."""
FLUSH_WITHIN_S = 2.0
MAX_WISHES = 1_000
"""Messages of ours that wait to be published; they are requests that a device will be sent again."""
REST_S = 0.1
"""After a read that emptied the socket: what comes meanwhile is read, committed and acknowledged together."""
HURRY_S, PROBE_S = 0.1, 10.0
"""Without a rest, now and then, when as many messages are in flight as ever: the broker may hold back until some are
acknowledged. If it does, as many are in flight again at once, and it goes on without."""
MAX_TOPICS = 1 << 17
LONGEST_REMEMBERED = 512
"""Topics whose text is remembered before the memory is cleared, and how long each may be."""
DROPPED = b"$SYS/broker/publish/messages/dropped"
"""Where mosquitto tells how many messages it has dropped because a queue was full."""
DOCS = "docs/mqtt.md, Another broker"
"""Where the settings stand that a broker needs."""
_TICK_S = 0.5
_SUCCESS = MQTTErrorCode.MQTT_ERR_SUCCESS

log = structlog.get_logger(__name__)


class _LostError(Exception):
    """The connection ended or never came about; the message is the reason."""


class MqttInput:
    """Keeps a connection to a broker and hands over what it sends."""

    def __init__(
        self,
        options: MqttOptions,
        handover: Handover,
        now: Callable[[], int] = time.time_ns,
        rng: Random | None = None,
        subscriptions: Subscriptions | None = None,
    ) -> None:
        self._session = f"{options.host}:{options.port}/{options.client_id}"
        self._subscriptions = subscriptions or NoMemory()
        self._broker_dropped: int | None = None
        self._options, self._handover, self._now, self._rng = options, handover, now, rng or Random()
        self._acks: deque[tuple[int, int]] = deque()
        self._wishes: deque[Publish] = deque(maxlen=MAX_WISHES)
        self._wake_read: socket.socket
        self._wake_write: socket.socket
        self._stopping, self._paused = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._topics: dict[bytes, str] = {}
        self._watched = 0
        self._rest_until = self._hurry_until = self._probe_at = 0.0
        self._in_flight = self._most_in_flight = 0
        """Messages that are not acknowledged: now, and at most on this connection."""
        self._life = 0
        self._subscribed = False
        self._subscribing: int | None = None
        self._protocol = MQTTProtocolVersion.MQTTv5
        self._known_protocol = False
        self._problem: str | None = "not connected yet"
        self.dropped = 0
        """Messages without QoS that found the handover full."""

    # -- what others see -------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Connect, and keep connecting."""
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._thread.start()

    def pause(self) -> None:
        """Take no further message; acknowledgements still go out."""
        self._paused.set()
        self._wake()

    def stop(self) -> None:
        """Send the acknowledgements that wait, and disconnect. The broker keeps the session."""
        self._paused.set()
        self._stopping.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(FLUSH_WITHIN_S + CONNECT_WITHIN_S)
        self._wake_read.close()
        self._wake_write.close()

    @property
    def problem(self) -> str | None:
        """What keeps messages from coming in; None while connected and subscribed."""
        return self._problem and f"{self._options.host}:{self._options.port}: {self._problem}"

    def acknowledge(self, tokens: Sequence[object]) -> None:
        """Have these messages acknowledged, from any thread. Those of an earlier connection are not: see `_run`."""
        self._acks.extend(tokens)  # type: ignore[arg-type]  # our own tokens
        self._wake()

    def publish(self, wishes: Sequence[Publish]) -> None:
        """Publish to the broker while connected, from any thread; the oldest that wait are dropped beyond a bound."""
        self._wishes.extend(wishes)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it wakes anyway; closed: nobody waits
            self._wake_write.send(b"\0")

    # -- the thread ------------------------------------------------------------------------------------------------
    def _run(self) -> None:
        """One connection after the other.

        A message that was not acknowledged when its connection ended comes again over the next one; its late
        acknowledgement must not go out there, for the packet id may stand for another message by then.
        """
        delay_s = FIRST_DELAY_S
        while not self._stopping.is_set():
            self._life += 1
            began = time.monotonic()
            try:
                self._connection()
            except (_LostError, OSError, ssl.SSLError, ValueError) as error:
                self._tell(str(error) or type(error).__name__)
            except Exception as error:
                log.exception("a connection to the broker ended by a fault in this program")
                self._tell(f"a fault: {named(error)}"[:300])
            if time.monotonic() - began > STABLE_S:
                delay_s = FIRST_DELAY_S
            if not self._stopping.is_set():
                self._stopping.wait(delay_s * self._rng.uniform(0.5, 1.0))
            delay_s = min(2 * delay_s, LONGEST_DELAY_S)

    def _tell(self, problem: str | None) -> None:
        """Note what is wrong, and say so when it changes."""
        if problem != self._problem and not self._stopping.is_set():
            where = f"{self._options.host}:{self._options.port}"
            if problem is None:
                log.info("mqtt connected", broker=where, protocol=self._protocol.name)
            else:
                log.warning("mqtt not connected, will be tried again", broker=where, error=problem)
        self._problem = problem

    def _connection(self) -> None:
        """Connect, subscribe and serve until the end. Raises _LostError with the reason."""
        client = self._client()
        client.connect(
            self._options.host,
            self._options.port,
            KEEP_ALIVE_S,
            **({} if self._protocol != MQTTProtocolVersion.MQTTv5 else _v5_options()),
        )
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_read, selectors.EVENT_READ)
            self._watched, self._in_flight, self._most_in_flight = 0, 0, 0
            self._rest_until = self._hurry_until = self._probe_at = 0.0
            try:
                self._serve(client, selector)
            except _LostError as error:
                if self._answer is not None and self._answer.is_failure:
                    raise _LostError(f"refused by the broker: {self._answer}") from error
                raise
            finally:
                self._choose_protocol()
                client.leave(FLUSH_WITHIN_S)

    def _client(self) -> BufferedClient:
        options, v5 = self._options, self._protocol == MQTTProtocolVersion.MQTTv5
        client = BufferedClient(
            self._receive,
            self._takes,
            callback_api_version=CallbackAPIVersion.VERSION2,
            client_id=options.client_id,
            protocol=self._protocol,
            clean_session=None if v5 else False,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_WITHIN_S
        client.username = options.username
        client.password = options.password
        if options.tls:
            cert, key = (str(path) if path else None for path in (options.cert_file, options.key_file))
            client.tls_set(str(options.ca_file) if options.ca_file else None, cert, key)
        self._answer: ReasonCode | None = None
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_socket_register_write = lambda *_: None  # writing is for our loop, not for whoever queues a packet
        return client

    def _serve(self, client: BufferedClient, selector: selectors.BaseSelector) -> None:
        began = time.monotonic()
        leaving: float | None = None
        while leaving is None or (self._acks and time.monotonic() < leaving):
            connection = client.socket()
            if connection is None:
                raise _LostError("the connection was lost")
            self._wait(client, connection, selector)  # type: ignore[arg-type]  # paho's own type of sockets
            self._send_acks(client)
            while self._wishes and self._problem is None:
                wish = self._wishes.popleft()
                client.publish(wish.topic, wish.payload, wish.qos)
            _check(client.loop_write() if client.want_write() else _SUCCESS)
            _check(client.loop_misc())
            if self._answer is None and time.monotonic() - began > CONNECT_WITHIN_S:
                raise _LostError("no answer to CONNECT")
            if self._answer is not None and self._answer.is_failure:
                raise _LostError("refused")
            if self._stopping.is_set() and leaving is None:
                leaving = time.monotonic() + FLUSH_WITHIN_S

    def _wait(self, client: BufferedClient, connection: socket.socket, selector: selectors.BaseSelector) -> None:
        """Wait for something to do and read what came; after a rest, without asking first whether anything did."""
        rest_s = self._rest_until - time.monotonic()
        takes = self._takes()
        reads = takes and rest_s <= 0
        self._watch(connection, selectors.EVENT_READ * reads | selectors.EVENT_WRITE * client.want_write(), selector)
        events = {key.fileobj: mask for key, mask in selector.select(_TICK_S if rest_s <= 0 else rest_s)}
        if self._wake_read in events:
            with contextlib.suppress(BlockingIOError):
                self._wake_read.recv(4096)
        if events.get(connection, 0) & selectors.EVENT_READ or (rest_s > 0 and takes and not events):
            code, emptied = client.read()
            _check(code)
            if emptied:
                self._rest_until = self._rested(time.monotonic())

    def _rested(self, now_s: float) -> float:
        """When to read again after a read that emptied the socket."""
        if self._in_flight >= max(self._most_in_flight, 1):
            self._most_in_flight = self._in_flight
            if now_s < self._hurry_until or now_s >= self._probe_at:
                self._hurry_until, self._probe_at = now_s + HURRY_S, now_s + PROBE_S
        return now_s + REST_S if now_s >= self._hurry_until else now_s

    def _takes(self) -> bool:
        """Whether there is room for a message, and a wish."""
        return not self._paused.is_set() and not self._handover.full

    def _watch(self, connection: socket.socket, wanted: int, selector: selectors.BaseSelector) -> None:
        """Have the selector tell these events of the connection."""
        if wanted == self._watched:
            return
        if not self._watched:
            selector.register(connection, wanted)
        elif wanted:
            selector.modify(connection, wanted)
        else:
            selector.unregister(connection)
        self._watched = wanted

    def _send_acks(self, client: BufferedClient) -> None:
        mids = []
        for _ in range(len(self._acks)):
            life, mid = self._acks.popleft()
            if life == self._life:
                mids.append(mid)
        if mids:
            self._in_flight -= len(mids)
            client.acknowledge(mids)

    def _choose_protocol(self) -> None:
        """Not every broker knows MQTT 5: where none was ever spoken well, try the other version the next time."""
        answer = self._answer
        if answer is not None and (not answer.is_failure or answer.getName() != "Unsupported protocol version"):
            self._known_protocol = True
        elif not self._known_protocol:
            v5, v311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
            self._protocol = v311 if self._protocol == v5 else v5

    # -- called by paho, in the thread -----------------------------------------------------------------------------
    def _on_connect(self, client: Any, _data: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        self._answer = reason
        if reason.is_failure:
            return
        self._broker_dropped = None
        former = self._subscriptions.of(self._session)
        self._look_at(flags.session_present, bool(former), properties)
        if flags.session_present and self._subscribed:
            self._tell(None)
            return
        if gone := sorted(set(former) - set(self._options.topics)):
            client.unsubscribe(gone)
        client.subscribe(DROPPED.decode(), 0)
        if self._protocol == MQTTProtocolVersion.MQTTv5:
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            _, self._subscribing = client.subscribe([(topic, options) for topic in self._options.topics])
        else:
            _, self._subscribing = client.subscribe([(topic, 1) for topic in self._options.topics])

    def _look_at(self, session_present: bool, was_here: bool, properties: Properties | None) -> None:
        """Warn of what can be seen of settings with which this broker loses messages."""
        said = log.bind(broker=self._session, see=DOCS)
        if not session_present and (was_here or self._subscribed):
            said.warning("the broker lost our session and what it held for us")
        kept_s = getattr(properties, "SessionExpiryInterval", SESSION_KEPT_S)
        if kept_s < SESSION_KEPT_S:
            said.warning("the broker keeps our session for a short time only while we are away", seconds=kept_s)
        if getattr(properties, "MaximumQoS", 1) < 1:
            said.warning("the broker knows QoS 0 only, so it may lose messages")

    def _note_dropped(self, payload: bytes) -> None:
        """The broker tells how many messages it has dropped since its start, ours or others'."""
        dropped = int(payload) if payload.isdigit() else 0
        if self._broker_dropped is not None and dropped > self._broker_dropped:
            number = dropped - self._broker_dropped
            log.warning("the broker dropped messages because a queue was full", messages=number, see=DOCS)
        self._broker_dropped = dropped

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, reasons: list[ReasonCode], _properties: Any) -> None:
        if len(reasons) != len(self._options.topics) or mid != self._subscribing:
            return  # what the broker tells of itself, which it may refuse
        if any(reason.value == 0 for reason in reasons):
            log.warning("the broker grants QoS 0 only, so it may lose messages", broker=self._session, see=DOCS)
        refused = [topic for topic, reason in zip(self._options.topics, reasons, strict=False) if reason.is_failure]
        if refused:
            self._tell(f"the broker refuses the subscription to {', '.join(refused)}")
        else:
            self._subscribed = True
            self._subscriptions.note(self._session, self._options.topics)
            self._tell(None)

    def _receive(self, publishes: Sequence[tuple[bytes, bytes, int, int]]) -> None:
        now, life, messages = self._now(), self._life, []
        for topic, payload, qos, mid in publishes:
            name = self._topics.get(topic) or self._name(topic)
            if qos:
                self._in_flight += 1
                messages.append(Message(name, payload, now, self, (life, mid)))
                continue
            if topic == DROPPED:
                self._note_dropped(payload)
                continue
            self._handover.put_all(messages)
            messages = []
            if self._handover.full:
                self.dropped += 1
            else:
                messages.append(Message(name, payload, now))
        self._handover.put_all(messages)

    def _name(self, topic: bytes) -> str:
        if len(self._topics) >= MAX_TOPICS:
            self._topics.clear()
        name = topic.decode("utf-8", "replace")
        if len(topic) <= LONGEST_REMEMBERED:
            self._topics[topic] = name
        return name


def _v5_options() -> dict[str, Any]:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_KEPT_S
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    return {"clean_start": False, "properties": properties}


def _check(code: MQTTErrorCode) -> None:
    if code != _SUCCESS:
        raise _LostError(f"the connection was lost: {code.name}")
