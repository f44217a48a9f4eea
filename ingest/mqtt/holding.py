"""How the embedded broker takes a message, handed over at once and acknowledged when durable, and sends it on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.mqtt.publish import PublishPacket
from amqtt.session import OutgoingApplicationMessage, Session

from ingest.handover import Handover
from ingest.message import Message
from ingest.mqtt.packets import Gate, PacketWriter
from ingest.topics import TopicFilters

MOST_UNDER_WAY = 5_000
"""Messages on their way to one subscriber: one that lets so many wait reads no more, or confirms none."""
_MADE_UP = "amqtt/"
"""How ids begin that amqtt gives to clients without one."""

log = structlog.get_logger(__name__)


def own_id(session: Session | None) -> str | None:
    """The id that a client gave itself; None if the broker made one up, which is another one after each connect."""
    client_id: str | None = None if session is None else session.client_id
    return None if client_id is None or client_id.startswith(_MADE_UP) else client_id


class HoldingHandler(BrokerProtocolHandler):  # type: ignore[misc]  # amqtt has no types
    """Holds the acknowledgement of a published message until it is durable."""

    intake: Publications
    gate: Gate
    _under_way = 0

    async def mqtt_publish(
        self, topic: str, data: bytes, qos: int | None, retain: bool, ack_timeout: int | None = None
    ) -> OutgoingApplicationMessage:
        """Send a message on to this subscriber; one that takes none any more is disconnected."""
        if retain:  # as many as there are
            return await super().mqtt_publish(topic, data, qos, retain, ack_timeout)
        if self._under_way == MOST_UNDER_WAY:
            log.warning("a subscriber takes no messages and is disconnected", client_id=own_id(self.session))
            assert isinstance(self.writer, PacketWriter)
            self.writer.abort()
        self._under_way += 1
        try:
            return await super().mqtt_publish(topic, data, qos, retain, ack_timeout)
        finally:
            self._under_way -= 1

    def handle_publish(self, publish_packet: PublishPacket) -> Coroutine[Any, Any, None]:
        """Take the message at once, in order of arrival; what is returned waits and acknowledges.

        Called once for each PUBLISH. Not a coroutine itself, so that a client that disconnects right afterwards
        cannot cancel the taking.
        """
        again = (
            publish_packet.qos == 2
            and self.session is not None
            and publish_packet.packet_id in self.session.inflight_in
        )
        packet, client = publish_packet, own_id(self.session)
        taken = None if again else self.intake.take(packet.topic_name, packet.data, packet.qos, client)
        self.gate.enter()
        return self._acknowledge(publish_packet, taken)

    async def _acknowledge(self, publish_packet: PublishPacket, taken: asyncio.Future[None] | None) -> None:
        try:
            if taken is not None:
                await taken
            await super().handle_publish(publish_packet)
        finally:
            self.gate.leave()

    def handle_read_timeout(self) -> None:
        """The keep-alive is over: the client is gone, unless it waits for us."""
        if self.gate.idle and self.reader is not None:
            self.reader.feed_eof()


class Publications:
    """Hands published messages to the handover and tells the handlers when they are durable."""

    def __init__(
        self, handover: Handover, filters: TopicFilters, now: Callable[[], int], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._handover, self._filters, self._now, self._loop = handover, filters, now, loop
        self._closed = False
        self.room = asyncio.Event()
        self.room.set()
        handover.on_room(lambda: self._call(self.room.set))

    def take(
        self, topic: str | None, payload: bytes | None, qos: int | None, client: str | None
    ) -> asyncio.Future[None] | None:
        """Lay down a message if it is of a topic that is listened to; the future is done once it is durable."""
        if topic is None or payload is None or not self._filters.match(topic):
            return None
        if self._closed:  # never done, so never acknowledged: its sender keeps it
            return self._loop.create_future()
        durable: asyncio.Future[None] | None = self._loop.create_future() if qos else None
        self._handover.put(Message(topic, payload, self._now(), self if durable else None, durable, client=client))
        if self._handover.full:
            self.room.clear()
            if not self._handover.full:  # emptied in between, and its call came before
                self.room.set()
        return durable

    def close(self) -> None:
        """Take nothing more."""
        self._closed = True

    def acknowledge(self, tokens: Sequence[object]) -> None:
        """What these messages said is durable."""
        self._call(lambda: _resolve(tokens))

    def _call(self, function: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(function)


def _resolve(tokens: Sequence[object]) -> None:
    for token in tokens:
        assert isinstance(token, asyncio.Future)
        if not token.done():
            token.set_result(None)
