"""The first stage: takes messages, makes what they say durable, and only then has them acknowledged.

handover ─▶ Receiver ─▶ spool.append (one commit for all of them) ─▶ acknowledge ─▶ backlog of the judge
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from forewarn.live.backlog import Backlog, Item
from forewarn.live.backoff import Backoff
from forewarn.live.callqueue import CallQueue
from forewarn.live.health import Health, reported
from forewarn.live.metrics import Metrics
from forewarn.live.sparing import Sparing
from ingest.adapters.adapter import DeviceStatus, Publish
from ingest.adapters.chain import Adapters
from ingest.errors import IngestError
from ingest.handover import Handover
from ingest.keyed import KeyedBatch
from ingest.message import Message, Source
from ingest.reading import NS_PER_SECOND, ReadingBatch
from ingest.receiver import Received, Receiver, TelemetryResult
from ingest.rejects import Reject, Rejects
from ingest.spool import Spool

MAX_MESSAGES = 5_000
"""Messages in one micro-batch: at a commit of some milliseconds, well above what MQTT brings in that time."""
MAX_BYTES = 8 * 2**20
MAX_ROWS = 32_768
"""Readings in one entry of the spool; more become several, so that each fits into the smallest spool."""
IDLE_S = 0.5
ROOM_WITHIN_S = 1.0
"""The spool is the machine's own: it is asked again soon, for everybody waits for it."""
MEMORY, MEMORY_S = "adapters", 30.0
"""What payload formats have learned is kept with the message that taught it, and what may be lost now and then."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """A spool entry in memory: the same readings by name and by series number."""

    batch: KeyedBatch
    readings: ReadingBatch


class Ticket:
    """What a request over HTTP waits for."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.result: TelemetryResult | None = None


class Receiving:
    """The thread that empties the handover."""

    def __init__(
        self,
        handover: Handover,
        receiver: Receiver,
        spool: Spool,
        rejects: Rejects,
        backlog: Backlog[Entry],
        health: Health,
        metrics: Metrics,
        clock: Callable[[], int],
        publish: Callable[[Sequence[Publish]], None],
        on_statuses: Callable[[Sequence[DeviceStatus]], None],
        adapters: Adapters,
    ) -> None:
        self._adapters = adapters
        self.memory = b""
        """What the payload formats have learned, as of half a minute ago at most."""
        self._learned, self._memory_at = -1, 0.0
        self._handover, self._receiver, self._spool, self._rejects = handover, receiver, spool, rejects
        self._backlog, self._metrics, self._clock, self._publish = backlog, metrics, clock, publish
        self._on_statuses = on_statuses
        self._giving_up, self._stopping = threading.Event(), threading.Event()
        self._health = health
        self._unread = Sparing(_say_unread)
        self._backoff = Backoff("spool", health, self._giving_up, longest_s=ROOM_WITHIN_S)
        self.calls = CallQueue(handover.wake)
        self._thread = threading.Thread(target=self._run, name="receiving", daemon=True)

    def start(self) -> None:
        """Begin to take messages."""
        self.memory = self._adapters.save()
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Take what waits in the handover, as far as that goes in `timeout_s`, and end."""
        self._stopping.set()
        self._handover.wake()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
            self._giving_up.set()
            self._thread.join(1.0)

    @property
    def idle(self) -> bool:
        """Whether everything that arrived is durable."""
        return self._handover.idle and not len(self.calls)

    def keep(self, entry: Entry, also: Callable[[], object]) -> None:
        """Make an entry durable, `also` in the same transaction. Raises IngestError, keeping nothing.

        For this thread alone, its `calls` included: entries have to reach the backlog in the order of the spool.
        """
        after = self._spool.last
        position = self._spool.append(entry.batch, also)
        if entry.batch.weight:
            self._backlog.push(Item(after, position, entry.batch.weight, entry))

    def _run(self) -> None:
        with reported("receiving", self._health):
            while not self._giving_up.is_set():
                self.calls.run(self._giving_up)
                self._unread.tell()
                messages = self._handover.take(MAX_MESSAGES, MAX_BYTES, IDLE_S)
                if messages:
                    self._take(messages)
                elif self._stopping.is_set():
                    return

    def _new_memory(self) -> bytes | None:
        """What the payload formats have learned, where that is to be kept with these messages."""
        now = time.monotonic()
        if self._adapters.revision == self._learned and now < self._memory_at:
            return None
        first, before = self._learned < 0, self.memory
        self._learned, self._memory_at = self._adapters.revision, now + MEMORY_S
        self.memory = self._adapters.save()
        return self.memory if first or self.memory != before else None

    def _take(self, messages: Sequence[Message]) -> None:
        received = self._read(messages)
        if received is None or not self._keep(received):
            return  # nothing was acknowledged: whoever sent it will send it again
        self._count(messages, received)  # first: who was acknowledged may look at the figures at once
        self._acknowledge(messages, received)
        self._metrics.ack_seconds.observe((self._clock() - messages[0].received_at) / NS_PER_SECOND)
        if received.statuses:
            self._on_statuses(received.statuses)
        if received.wishes:
            self._publish(received.wishes)

    def _read(self, messages: Sequence[Message]) -> Received | None:
        """What the messages say. Should reading fail, they are read one by one, so that one cannot stop the others."""
        try:
            return self._receiver.receive(messages)
        except Exception as error:
            if len(messages) == 1:
                log.exception("a message cannot be read because of a fault in this program", topic=messages[0].topic)
                return self._receiver.failed(messages[0], error)
        for message in messages:
            self._take([message])
        return None

    def _keep(self, received: Received) -> bool:
        """Make readings and rejects durable, however long it takes; False if the service stops first."""
        memory = self._new_memory()
        for start in range(0, max(len(received.batch), 1), MAX_ROWS):
            rows = slice(start, start + MAX_ROWS)
            whole = len(received.batch) <= MAX_ROWS
            batch, readings = received.batch, received.readings
            entry = Entry(batch, readings) if whole else Entry(batch.part(rows.start, rows.stop), readings[rows])
            if not self._keep_entry(entry, *((received.rejects, memory) if start == 0 else ((), None))):
                return False
        return True

    def _keep_entry(self, entry: Entry, rejects: Sequence[Reject], memory: bytes | None) -> bool:
        def also() -> None:
            self._rejects.add(rejects)
            if memory is not None:
                self._spool.keep(MEMORY, memory)

        while True:
            try:
                self.keep(entry, also)
            except IngestError as error:
                if not self._backoff.failed(error):
                    return False
            else:
                self._backoff.worked()
                return True

    def _acknowledge(self, messages: Sequence[Message], received: Received) -> None:
        tokens: dict[int, tuple[Source, list[object]]] = {}
        for number, result in received.results.items():
            ticket = messages[number].token
            assert isinstance(ticket, Ticket)
            ticket.result = result
        for message in messages:
            if message.source is not None:
                tokens.setdefault(id(message.source), (message.source, []))[1].append(message.token)
        for source, known in tokens.values():
            source.acknowledge(known)

    def _count(self, messages: Sequence[Message], received: Received) -> None:
        metrics = self._metrics
        metrics.messages.inc(len(messages))
        metrics.received.inc(len(received.batch))
        metrics.rejected.inc(received.rejected)
        metrics.duplicate.inc(received.repeated)
        metrics.clock_off.inc(received.clock_off)
        metrics.handover.set(len(self._handover))
        if received.rejects:
            first = received.rejects[0]
            self._unread.add(len(received.rejects), topic=first.topic, reason=first.reason[:200])


def _say_unread(messages: int, **facts: str) -> None:
    log.warning("could not be read", messages=messages, **facts)
