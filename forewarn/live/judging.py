"""The second stage: judges what is durable, records alerts and orders, and hands on what is to be stored.

    backlog │ spool ─▶ Engine ─▶ Desk (one transaction) ─▶ board, event stream ─▶ backlog of the store
                         ▲                                  └ now and then: checkpoint
                  wall ticks, while inputs are connected

It is a function of the spool: after a crash the same entries lead to the same alerts and orders. An entry over which
the engine fails, a fault of this program, is found by going back to the checkpoint and judging one by one; it is then
stored without scores, and judging goes on behind it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import structlog

from alerts.alert import AlertEvent
from alerts.model_store import SHORT
from alerts.riskwatch import Models
from forewarn.engine import Engine, Outcome
from forewarn.history.logfeed import arrived, logged
from forewarn.live.announcing import Announcer
from forewarn.live.backlog import Backlog, Item
from forewarn.live.backoff import Backoff
from forewarn.live.checkpoint import Checkpoint
from forewarn.live.checkpointing import Checkpointing
from forewarn.live.health import Health, reported
from forewarn.live.notebook import NO_NOTES, Notebook, Notes
from forewarn.live.receiving import Entry
from ingest.columns import joined
from ingest.errors import IngestError, named
from ingest.keyed import SeriesNames
from ingest.keyedscores import KeyedScores
from ingest.logentry import Arrived
from ingest.reading import NS_PER_SECOND, ROWS_AT_ONCE, ReadingBatch, TimeArray
from ingest.registry import Registry
from ingest.sequence import Sequences
from ingest.spool import Consumer, Spool
from models.score import Scores
from workorders.desk import Desk

WAIT_S = 0.1
REST_S, REST_BELOW = 0.2, 16_384
"""From one start to the next if there is less to judge than that: what comes meanwhile is judged together."""
TICK_NS = 5 * NS_PER_SECOND
"""Between wall ticks; the shortest silence is 5 minutes."""
MOST_SET_ASIDE, MOST_NAMED = 100, 3
"""Entries that are not judged, for a fault each; with more of them judging ends, for something is wrong altogether."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ToStore:
    """What is to be stored of an entry: readings with their arrival in ns UTC, and what they scored."""

    readings: ReadingBatch
    received_at: TimeArray
    scores: Scores


@dataclass(frozen=True, slots=True)
class Memory:
    """What was known at the last checkpoint, or nothing yet."""

    position: int
    engine: Engine
    sequences: list[list[object]]
    size_bytes: int


class Judging:
    """The thread that feeds the engine; `remember` tells what the last checkpoint holds, or raises RetryableError."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        desk: Desk,
        notebook: Notebook,
        spool: Spool,
        source: Backlog[Entry],
        target: Backlog[ToStore],
        announcer: Announcer,
        checkpoints: Checkpointing,
        health: Health,
        clock: Callable[[], int],
        now_if_connected: Callable[[], int | None],
        remember: Callable[[], Memory],
    ) -> None:
        self._engine, self._registry, self._desk, self._spool = engine, registry, desk, spool
        self._notebook = notebook
        self._source, self._target, self._announcer = source, target, announcer
        self._checkpoints, self._remember = checkpoints, remember
        self._clock, self._now_if_connected = clock, now_if_connected
        self._names = SeriesNames(registry)
        self._sequences = Sequences()
        self._stopping = threading.Event()
        self._health = health
        self._backoff = Backoff("database", health, self._stopping, "judging")
        self._spool_backoff = Backoff("spool", health, self._stopping, "judging")
        self.done = 0
        """Position of the spool up to which everything is judged and recorded."""
        self._settled = True
        """Whether the engine's state is that of `done`, and what it said is recorded."""
        self._wanted: Models | None = None
        self._judged_before = 0
        """Position of the spool up to which the last run may have judged."""
        self._looked = False
        """Whether it is noted that the shadow has begun to judge."""
        self._failed = False
        """Whether the engine failed, so that its state is nothing to go on from."""
        self._one_by_one = 0
        """Position of the spool up to which entries are judged each by itself."""
        self._set_aside: set[int] = set()
        """Positions of entries that are not judged."""
        self._handed_on = 0
        """Position of the spool up to which everything was handed on to the store."""
        self._arrived_at = 0
        self._tick_at = 0
        self._thread = threading.Thread(target=self._run, name="judging", daemon=True)

    def restore(self, memory: Memory) -> None:
        """Go on from there."""
        self._engine = memory.engine
        self._sequences.restore(memory.sequences)
        self.done = memory.position
        self._checkpoints.restore(memory.position, memory.size_bytes)

    def start(self) -> None:
        """Begin to judge."""
        self._checkpoints.start()
        self._judged_before = self._spool.last
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End after the batch at hand, with a checkpoint."""
        self._stopping.set()
        self._source.wake()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def want(self, models: Models, begun: bool) -> None:
        """Let these models look as soon as that can be: at once, but for what the last run may have judged.

        `begun`: it is known since when the shadow judges. Any thread may call this.
        """
        self._wanted = models
        self._looked = self._looked and begun

    @property
    def models(self) -> Models:
        """The models that look now."""
        return self._engine.models

    @property
    def idle(self) -> bool:
        """Whether everything that is durable is judged."""
        return self.done >= self._spool.last

    # -- the thread ------------------------------------------------------------------------------------------------
    def _run(self) -> None:
        with reported("judging", self._health):
            while not self._stopping.is_set():
                self._step()
            if self._settled and self.done > self._checkpoints.position:
                self._checkpoint()

    def _step(self) -> None:
        try:
            if self._failed:
                self._go_back()
            if not self._exchange():
                return
            found = self._next()
        except IngestError as error:
            self._spool_backoff.failed(error)
            return
        self._spool_backoff.worked()
        began, rows = time.monotonic(), 0
        for after, position, entries in found:
            rows += sum(len(entry.batch) for entry in entries)
            if not self._judge(after, position, entries):
                return
        self._tick()
        if self._checkpoints.is_due(self.done):
            self._checkpoint()
        if 0 < rows < REST_BELOW:
            self._stopping.wait(max(0.0, began + REST_S - time.monotonic()))

    def _exchange(self) -> bool:
        """Exchange the models if others are wanted, with a checkpoint before anything is judged by them.

        After a crash the checkpoint says who judged what: what comes before it the models that it names, what comes
        behind it these. That is why all that the last run may have judged is judged by its models first. False if the
        service stops before the checkpoint is made.
        """
        wanted = self._wanted
        if wanted is None or wanted.digests == self._engine.models.digests or self.done < self._judged_before:
            return True
        self._settled = False
        self._engine.use(wanted)
        while (error := self._checkpoint()) is not None:
            if not self._spool_backoff.failed(error):
                return False
        self._spool_backoff.worked()
        self._settled, self._looked = True, False
        active, shadow = (None if digest is None else digest[:SHORT] for digest in wanted.digests)
        log.info("models look from now on", active=active, shadow=shadow)
        return True

    def _next(self) -> list[tuple[int, int, list[Entry]]]:
        """What comes next, as (after, position, entries), from memory where it is there, else from the spool."""
        one_by_one = self.done < self._one_by_one
        items = self._source.take(self.done, ROWS_AT_ONCE, WAIT_S)
        if items:
            groups = [[item] for item in items] if one_by_one else [items]
            return [(group[0].after, group[-1].position, [item.value for item in group]) for group in groups]
        last = self._source.gap(self.done, self._spool.last)
        if last <= self.done:
            return []
        found = [pair for pair in self._spool.read(self.done, ROWS_AT_ONCE) if pair[0] <= last]
        stored = self._spool.marks().get(Consumer.STORE, 0)  # cut there: what is confirmed is not handed on again
        parts = [[one for one in found if one[0] <= stored], [one for one in found if one[0] > stored]]
        told, after = [], self.done
        for part in [[one] for one in found] if one_by_one else filter(None, parts):
            told.append((after, part[-1][0], [Entry(batch, batch.readings(self._registry)) for _, batch in part]))
            after = part[-1][0]
        return told

    def _judge(self, after: int, position: int, entries: Sequence[Entry]) -> bool:
        """Judge entries and record what follows; False if the service stops before all of it is done."""
        readings = ReadingBatch.concat([entry.readings for entry in entries])
        received_at = joined([entry.batch.received_at for entry in entries], np.int64)
        log = arrived([entry.batch for entry in entries])
        self._settled = False
        outcome = self._ask(position, entries, readings, log)
        if outcome is None:
            return False
        for entry in entries:
            self._sequences.remember(entry.batch)
        began_at = None if self._looked else outcome.looked_at
        noted = Notes(log, self._engine.models.digests[1], outcome.noted, began_at)
        if not (self._record(outcome.events, noted) and self._hand_on(after, position, readings, received_at, outcome)):
            return False
        self.done = position
        self._settled = True
        self._looked = self._looked or began_at is not None
        self._arrived_at = max(entry.batch.last_arrival for entry in entries)
        self._announcer.readings(readings, outcome.scores, outcome.counts, self._arrived_at)
        self._announcer.warm_up(self._engine)
        return True

    def _ask(
        self, position: int, entries: Sequence[Entry], readings: ReadingBatch, log: Sequence[Arrived]
    ) -> Outcome | None:
        """What the engine says of entries up to `position`; None if it failed, and they are to be judged again."""
        if position in self._set_aside:
            return Outcome.unjudged(len(readings))
        try:
            return self._engine.process(readings, logged(log))
        except Exception as fault:
            if len(self._set_aside) >= MOST_SET_ASIDE:
                raise
            self._note_fault(position, entries, fault)
            return None

    def _note_fault(self, position: int, entries: Sequence[Entry], fault: Exception) -> None:
        """Judge again, one by one; what fails alone is set aside."""
        self._failed, self._one_by_one = True, max(self._one_by_one, position)
        if len(entries) > 1:
            log.warning("the engine failed: its last entries are judged again, one by one", position=position)
            return
        self._set_aside.add(position)
        keys = sorted({f"{name[0]}/{name[1]}" for name in entries[0].batch.names})
        what = f"{len(entries[0].batch)} readings of {', '.join(keys[:MOST_NAMED])}"
        said = named(fault)[:300]
        log.error("an entry is stored but not judged: a fault in this program", entry=what, exc_info=fault)
        self._health.degrade(
            "judging", f"{len(self._set_aside)} entries are stored but not judged, last {what}: {said}"
        )

    def _go_back(self) -> None:
        """Go on from the last checkpoint: the engine's state is damaged. Raises RetryableError."""
        self.restore(self._remember())
        self._judged_before = max(self._judged_before, self._one_by_one)
        self._arrived_at = 0  # no tick may be ahead of what is judged again
        self._failed, self._settled = False, True

    def _record(self, events: Sequence[AlertEvent], noted: Notes = NO_NOTES) -> bool:
        """Record alerts and orders, and what is only noted, however long it takes; False if the service stops first."""
        while events or noted:
            try:
                self._notebook.note(noted)
                changes = self._desk.record(events, self._clock())
            except IngestError as error:
                if not self._backoff.failed(error):
                    return False
            else:
                self._backoff.worked()
                self._announcer.changes(events, changes)
                return True
        return True

    def _hand_on(
        self, after: int, position: int, readings: ReadingBatch, received_at: TimeArray, outcome: Outcome
    ) -> bool:
        """Hand on to the store, however long it takes; False if the service stops first."""
        if position <= self._handed_on:
            return True
        self._handed_on = position
        rows = len(readings)
        if outcome.duplicate.any():
            readings, received_at = readings[~outcome.duplicate], received_at[~outcome.duplicate]
        if self._target.push(Item(after, position, rows, ToStore(readings, received_at, outcome.scores))):
            return True
        scores = KeyedScores.of(outcome.scores, self._names)
        while True:
            try:
                self._spool.put_scores(position, scores)
            except IngestError as error:
                if not self._spool_backoff.failed(error):
                    return False
            else:
                return True

    def _tick(self) -> None:
        """Tell the engine the time: now, or while something is still to be judged, when the newest judged arrived."""
        now = self._now_if_connected()
        if now is None:
            return
        if not self.idle:
            now = min(now, self._arrived_at)
        if now >= self._tick_at:
            self._settled = False
            self._settled = self._record(self._engine.tick(now).events)
            self._tick_at = now + TICK_NS

    def _checkpoint(self) -> IngestError | None:
        """Save the engine's state as of `done`, and scores that are not stored yet with it; why it was not possible."""
        return self._checkpoints.save(self.done, self._state)

    def _state(self) -> Checkpoint:
        for item in self._target.waiting():
            self._spool.put_scores(item.position, KeyedScores.of(item.value.scores, self._names))
        return Checkpoint(self._engine.save(), self._sequences.save(), board=self._announcer.memory())
