"""The way of a reading through the running service, on one page: three threads and a log between them.

    inputs ─▶ Handover ─▶ Receiving ─▶ spool (durable) ─▶ acknowledged
                              │ Backlog, or read from the spool
                              ▼
                           Judging ─▶ Engine ─▶ Desk: alerts and orders in the database
                              │ Backlog, or read from the spool
                              ▼
                          Forwarding ─▶ store: readings and scores

Each stage may stop for as long as what it needs is away; the spool holds what waits, and when the spool is full
nothing is acknowledged any more. After a crash Judging goes on from the last checkpoint, Forwarding from its mark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from api.board import Board
from api.hub import Hub
from forewarn.engine import Engine, EngineConfig, StateError
from forewarn.live.announcing import Announcer
from forewarn.live.backlog import Backlog
from forewarn.live.checkpoint import Checkpoint
from forewarn.live.checkpointing import Checkpointing
from forewarn.live.forwarding import Forwarding
from forewarn.live.health import Health
from forewarn.live.judging import Judging, Memory, ToStore
from forewarn.live.metrics import Metrics
from forewarn.live.modelwatch import ModelLoader, as_saved
from forewarn.live.notebook import Notebook
from forewarn.live.receiving import MEMORY, Entry, Receiving, Ticket
from ingest.adapters.adapter import Publish
from ingest.adapters.chain import Adapters
from ingest.decode import Decoder
from ingest.errors import RetryableError
from ingest.handover import Handover
from ingest.message import Message
from ingest.receiver import Receiver, TelemetryResult
from ingest.registry import Registry
from ingest.rejects import Rejects
from ingest.sequence import Sequences
from ingest.spool import Spool
from ingest.stores.store import TelemetryStore
from workorders.desk import Desk

BACKLOG_ROWS = 400_000
"""Readings held in memory between two stages, some 40 MB; what is beyond waits in the spool."""
REPLAY_ROWS = 65_536
SUBMIT_WITHIN_S = 10.0
STOP_RECEIVING_S, STOP_JUDGING_S, STOP_FORWARDING_S = 1.0, 1.5, 0.7
"""Together well within the 5 s that a stop may take."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Parts:
    """What a pipeline is made of."""

    registry: Registry
    handover: Handover
    decoder: Decoder
    adapters: Adapters
    spool: Spool
    spool_bytes: int
    """How large the spool may grow."""
    rejects: Rejects
    store: TelemetryStore
    desk: Desk
    notebook: Notebook
    loader: ModelLoader
    board: Board
    hub: Hub
    health: Health
    metrics: Metrics
    clock: Callable[[], int]
    """Now, ns UTC."""
    connected: Callable[[], bool]
    """Whether inputs are connected, so that silence means something."""
    publish: Callable[[Sequence[Publish]], None]
    on_notices: Callable[[], None]


class Pipeline:
    """The three stages; `recover` first, then `start`."""

    def __init__(self, parts: Parts, config: EngineConfig) -> None:
        self._parts, self._config = parts, config
        self._sequences = Sequences()
        to_judge: Backlog[Entry] = Backlog(BACKLOG_ROWS)
        to_store: Backlog[ToStore] = Backlog(BACKLOG_ROWS)
        self.announcer = Announcer(parts.registry, parts.board, parts.hub, parts.metrics, parts.clock, parts.on_notices)
        self.receiving = Receiving(
            parts.handover,
            Receiver(parts.registry, parts.decoder, self._sequences),
            parts.spool,
            parts.rejects,
            to_judge,
            parts.health,
            parts.metrics,
            parts.clock,
            parts.publish,
            parts.board.note_statuses,
            parts.adapters,
        )
        self.judging = Judging(
            Engine(parts.registry, config),
            parts.registry,
            parts.desk,
            parts.notebook,
            parts.spool,
            to_judge,
            to_store,
            self.announcer,
            Checkpointing(parts.spool, parts.spool_bytes, parts.metrics),
            parts.health,
            parts.clock,
            self._now_if_connected,
            lambda: self._memory()[0],
        )
        self.forwarding = Forwarding(
            parts.store,
            parts.spool,
            parts.rejects,
            to_store,
            parts.registry,
            lambda: self.judging.done,
            parts.health,
            parts.metrics,
            parts.clock,
        )
        self._requests = _Requests()
        self._taking = False

    def recover(self) -> None:
        """Take back what the last run knew; its readings since the checkpoint are judged again by `start`."""
        memory, checkpoint = self._memory()
        if checkpoint is not None:
            self._parts.adapters.restore(checkpoint.adapters)
            self._parts.board.restore(checkpoint.board, self._parts.registry)
        self.judging.restore(memory)
        self._sequences.restore(memory.sequences)
        if kept := self._parts.spool.kept(MEMORY):
            self._parts.adapters.restore(kept)
        self._remember(self.judging.done)

    def _memory(self) -> tuple[Memory, Checkpoint | None]:
        """What the last checkpoint holds, as far as it can be read. Raises RetryableError."""
        position, blob = self._parts.spool.load_checkpoint() or (0, b"")
        if blob:
            try:
                checkpoint = Checkpoint.decode(blob)
                engine, problems = as_saved(checkpoint.engine, self._parts.registry, self._config, self._parts.loader)
                for problem in problems:
                    log.warning("what was judged since the last checkpoint is judged without a model", problem=problem)
                return Memory(position, engine, checkpoint.sequences, len(blob)), checkpoint
            except StateError as error:
                log.warning("the engine starts without its memory", reason=str(error))
        return Memory(position, Engine(self._parts.registry, self._config), [], len(blob)), None

    def _remember(self, position: int) -> None:
        """Know the messages again that were accepted since the checkpoint: some may be sent once more."""
        rows = 0
        while found := self._parts.spool.read(position, REPLAY_ROWS):
            for _, batch in found:
                self._sequences.remember(batch)
                rows += len(batch)
            position = found[-1][0]
        if rows:
            log.info("readings since the last checkpoint are judged again", readings=rows)

    def start(self) -> None:
        """Begin, the last stage first."""
        self.forwarding.start()
        self.judging.start()
        self.receiving.start()
        self._taking = True

    def stop(self) -> None:
        """End, the first stage first; what is not judged or stored by then waits in the spool."""
        self._taking = False
        self.receiving.stop(STOP_RECEIVING_S)
        self.judging.stop(STOP_JUDGING_S)
        self.forwarding.stop(STOP_FORWARDING_S)

    def submit(self, objects: Sequence[object], topic: str = "") -> TelemetryResult:
        """Take canonical objects and return once what they say is durable. Raises RetryableError without room.

        They are readings, or log entries where `topic` is `LOG`.
        """
        parts = self._parts
        if not self._taking or parts.handover.full or "spool" in parts.health.not_ready():
            raise RetryableError("there is no room for readings at the moment")
        ticket = Ticket()
        parts.handover.put(Message(topic, b"", parts.clock(), self._requests, ticket, objects))
        if not ticket.done.wait(SUBMIT_WITHIN_S) or ticket.result is None:
            raise RetryableError("the readings could not be made durable in time")
        return ticket.result

    @property
    def idle(self) -> bool:
        """Whether everything that arrived is durable, judged and stored."""
        return self.receiving.idle and self.judging.idle and self.forwarding.idle

    def _now_if_connected(self) -> int | None:
        """Now, if inputs are connected and nothing that arrived waits to become durable."""
        now = self._parts.clock()
        return now if self._parts.connected() and self.receiving.idle else None


class _Requests:
    """The requests over HTTP as a source of messages."""

    def acknowledge(self, tokens: Sequence[object]) -> None:
        """Let the requests answer."""
        for ticket in tokens:
            assert isinstance(ticket, Ticket)
            ticket.done.set()
