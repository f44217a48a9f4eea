"""The embedded broker: amqtt in a thread of its own, with readings taken inside of it.

    device ──PUBLISH──▶ PacketReader ─▶ handler ─▶ handover ─▶ … durable … ─▶ PUBACK, and on to subscribers

A publisher's PUBACK (QoS 1) or PUBREC (QoS 2) is held until what it published is durable, so a message that was
acknowledged is never lost. What it does not keep beyond its own life: retained messages, sessions of subscribers and
what waits for them. MQTT 3.1.1 only; an MQTT 5 client is told so.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import math
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from amqtt.adapters import BufferReader, ReaderAdapter, WriterAdapter
from amqtt.broker import Broker, Server
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.errors import AMQTTError, BrokerError, MQTTError, NoDataError
from amqtt.mqtt.connack import BAD_USERNAME_PASSWORD, ConnackPacket
from amqtt.mqtt.connect import ConnectPacket
from amqtt.mqtt.disconnect import DisconnectPacket
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.session import Session

from ingest.adapters.adapter import Publish
from ingest.handover import Handover
from ingest.mqtt.holding import HoldingHandler, Publications, own_id
from ingest.mqtt.packets import Gate, PacketReader, PacketWriter
from ingest.topics import TopicFilters

log = structlog.get_logger(__name__)

CONNECT_WITHIN_S = 10.0
"""A connection that says nothing for so long is closed."""
KEEP_ALIVE_FACTOR = 1.5
"""A client is gone after one and a half times its keep-alive without a packet (MQTT 3.1.1, 3.1.2.10)."""
MOST_KEPT = 1_000
"""Messages for a subscriber with a session that is away."""
START_WITHIN_S = 10.0
STOP_WITHIN_S = 3.0
_CONNECT = 0x10
_MQTT_5 = b"\x00\x04MQTT\x05"
_UNSUPPORTED_VERSION = b"\x20\x03\x00\x84\x00"
"""CONNACK of MQTT 5 with reason 0x84 and no properties."""


class BrokerStartError(Exception):
    """The broker cannot listen where it should; the message names address and reason."""


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    """Where the broker listens and whom it lets in; without a user name everybody."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class _Connection:
    """A client that is being served."""

    writer: PacketWriter
    ended: asyncio.Event


class _Broker(Broker):  # type: ignore[misc]  # amqtt has no types
    """amqtt with our reader and handler, our own way to let clients in, and wills taken like other messages."""

    def __init__(self, options: BrokerOptions, intake: Publications, loop: asyncio.AbstractEventLoop) -> None:
        listener = ListenerConfig(
            bind=f"{options.host}:{options.port}",
            ssl=options.cert_file is not None,
            cafile=options.ca_file,
            certfile=options.cert_file,
            keyfile=options.key_file,
        )
        super().__init__(BrokerConfig(listeners={"default": listener}, plugins={}), loop)
        self._options, self._intake = options, intake
        self._connections: dict[str, _Connection] = {}
        """By the client's id, its own or one made up for the connection."""

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """Serve one connection to its end; whatever a client does, the others go on."""
        packets, answers = PacketReader(reader), PacketWriter(writer)
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                client_id, refusal = await self._look_at(await packets.peek())
            if refusal is None:
                async with self._alone(client_id, answers):
                    await self._client_connected(listener_name, packets, answers)
            else:
                writer.write(refusal)
                await writer.drain()
        except (TimeoutError, OSError, EOFError, AMQTTError, MQTTError, NoDataError) as error:
            log.debug("connection ended", reason=str(error))
        except Exception:
            log.exception("connection failed")
        finally:
            writer.close()

    @contextlib.asynccontextmanager
    async def _alone(self, client_id: str, writer: PacketWriter) -> AsyncIterator[None]:
        """For the time of a connection: the only one of that client (MQTT 3.1.1, 3.1.4-2).

        A device that lost its network is back before its earlier connection is known to be dead. That one ends first,
        with its will: told later, the will would call a device offline that is there.
        """
        async with asyncio.timeout(CONNECT_WITHIN_S):
            while (earlier := self._connections.get(client_id)) is not None:
                log.info("an earlier connection of the client is ended", client_id=client_id)
                earlier.writer.abort()
                await earlier.ended.wait()
        mine = self._connections[client_id] = _Connection(writer, asyncio.Event())
        try:
            yield
        finally:
            del self._connections[client_id]
            mine.ended.set()

    async def _look_at(self, first: bytes) -> tuple[str, bytes | None]:
        """The id of a client by its first packet, and what to answer if it may not come in.

        Raises AMQTTError if it is no CONNECT.
        """
        if first[0] == _CONNECT and _MQTT_5 in first[:12]:
            log.warning("client refused", reason="it speaks MQTT 5, the embedded broker 3.1.1")
            return "", _UNSUPPORTED_VERSION
        connect = await ConnectPacket.from_stream(BufferReader(first))
        if self._let_in(connect.username, connect.password):
            return connect.client_id, None
        log.warning("client refused", reason="wrong user name or password", client_id=connect.client_id)
        return connect.client_id, bytes(ConnackPacket.build(0, BAD_USERNAME_PASSWORD).to_bytes())

    def _let_in(self, username: str | None, password: str | None) -> bool:
        wanted = self._options
        if wanted.username is None:
            return True
        known = hmac.compare_digest((username or "").encode(), wanted.username.encode())
        right = hmac.compare_digest((password or "").encode(), (wanted.password or "").encode())
        return known and right

    async def _authenticate(self, session: Session, _: ListenerConfig) -> bool:
        """Who came so far was let in by `_look_at`."""
        session.is_anonymous = self._options.username is None
        return True

    async def _handle_client_session(
        self,
        reader: ReaderAdapter,
        writer: WriterAdapter,
        client_session: Session,
        _usual: BrokerProtocolHandler,
        server: Server,
        listener_name: str,
    ) -> None:
        """Put our handler in the place of the usual one."""
        assert isinstance(reader, PacketReader)
        client_session.keep_alive = math.ceil(KEEP_ALIVE_FACTOR * client_session.keep_alive)
        ours = HoldingHandler(self.plugins_manager, loop=self._loop)
        ours.intake = self._intake
        ours.gate = reader.gate = Gate(self._intake.room)
        await super()._handle_client_session(reader, writer, client_session, ours, server, listener_name)

    async def _retain_broadcast_message(self, broadcast: dict[str, Any], qos: int, target_session: Session) -> None:
        """Keep a message for a subscriber that is away, in the place of its oldest where there is no room."""
        if target_session.retained_messages.qsize() >= MOST_KEPT:
            target_session.retained_messages.get_nowait()
        await super()._retain_broadcast_message(broadcast, qos, target_session)

    async def _handle_disconnect(
        self, client_session: Session, handler: BrokerProtocolHandler, disconnect_waiter: asyncio.Future[Any]
    ) -> None:
        """Take the will of a client that went without a word, like any other message."""
        said_goodbye = isinstance(disconnect_waiter.result(), DisconnectPacket)
        if client_session.will_flag and not said_goodbye:
            will = bytes(client_session.will_message or b"")
            self._intake.take(client_session.will_topic, will, 0, own_id(client_session))
        await super()._handle_disconnect(client_session, handler, disconnect_waiter)


class EmbeddedBroker:
    """The broker as the service sees it: it starts, it is connected or not, it stops."""

    def __init__(
        self, options: BrokerOptions, handover: Handover, topics: Sequence[str], now: Callable[[], int]
    ) -> None:
        self._options, self._handover, self._topics, self._now = options, handover, tuple(topics), now
        self._loop: asyncio.AbstractEventLoop
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._broker: _Broker
        self._intake: Publications | None = None
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)

    def start(self) -> None:
        """Listen. Raises BrokerStartError if that is not possible."""
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        try:
            self._started.result(START_WITHIN_S)
        except (AMQTTError, BrokerError, OSError, TimeoutError) as error:
            raise BrokerStartError(f"{self._options.host}:{self._options.port}: {error}") from error

    def pause(self) -> None:
        """Take no further message; acknowledgements still go out."""
        if self._intake is not None:
            self._intake.close()

    def stop(self) -> None:
        """Close all connections; what was not acknowledged, its senders will send again."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(STOP_WITHIN_S + 1)

    def publish(self, wishes: Sequence[Publish]) -> None:
        """Publish to the subscribers, from any thread."""

        def broadcast() -> None:
            for wish in wishes:
                task = self._loop.create_task(
                    self._broker.internal_message_broadcast(wish.topic, wish.payload, wish.qos)
                )
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(broadcast)

    @property
    def dropped(self) -> int:
        """None: when there is no room, nothing more is read."""
        return 0

    @property
    def problem(self) -> str | None:
        """What keeps messages from coming in; None if nothing does."""
        return None if self._thread.is_alive() and self._started.done() else "the embedded broker does not run"

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        intake = self._intake = Publications(self._handover, TopicFilters(self._topics), self._now, self._loop)
        broker = self._broker = _Broker(self._options, intake, self._loop)
        try:
            await broker.start()
        except (AMQTTError, BrokerError, OSError) as error:
            self._started.set_exception(error)
            return
        self._started.set_result(None)
        await self._stopping.wait()
        intake.close()
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await broker.shutdown()
        except TimeoutError:
            log.warning("the embedded broker did not end in time")
