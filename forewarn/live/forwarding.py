"""The third stage: brings readings and scores into the store, in order, and says what is confirmed.

    backlog │ spool ─▶ store.write, write_scores ─▶ refused points to the rejects ─▶ mark "store"

A store that is away is tried again with back-off; what waits for it waits in the spool.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
import structlog

from forewarn.live.backlog import Backlog
from forewarn.live.backoff import Backoff
from forewarn.live.callqueue import CallQueue
from forewarn.live.health import Health, reported
from forewarn.live.judging import ToStore
from forewarn.live.metrics import Metrics
from forewarn.live.sparing import Sparing
from ingest.columns import joined
from ingest.errors import IngestError
from ingest.keyed import KeyedBatch, SeriesNames
from ingest.keyedscores import KeyedScores
from ingest.reading import ReadingBatch
from ingest.registry import Registry
from ingest.rejects import Reject, Rejects, RejectSource
from ingest.rereading import EXACT_TIME
from ingest.spool import Consumer, Spool
from ingest.stores.store import Refused, TelemetryStore
from ingest.times import format_time

MAX_ROWS = 50_000
"""Readings written at once."""
WAIT_S = 0.2
REST_S, REST_BELOW = 1.0, 32_768
"""From one start to the next if there is less to write than that: what comes meanwhile is written together."""
UPKEEP_S = 10.0
NS_PER_MS = 1_000_000

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Work:
    """What is being written: all behind `_done` up to `position`; `batch` is None once it is confirmed."""

    position: int
    batch: KeyedBatch | None
    scores: KeyedScores
    rows: int


class Forwarding:
    """The thread that writes to the store. `judged` tells up to which position there are scores."""

    def __init__(
        self,
        store: TelemetryStore,
        spool: Spool,
        rejects: Rejects,
        source: Backlog[ToStore],
        registry: Registry,
        judged: Callable[[], int],
        health: Health,
        metrics: Metrics,
        clock: Callable[[], int],
    ) -> None:
        self._store, self._spool, self._rejects, self._source = store, spool, rejects, source
        self._judged, self._metrics, self._clock = judged, metrics, clock
        self._names = SeriesNames(registry)
        self._stopping, self._giving_up = threading.Event(), threading.Event()
        self._health = health
        self._backoff = Backoff("store", health, self._giving_up)
        self._unkept = Sparing(_say_unkept)
        self.calls = CallQueue(source.wake)
        """For what else writes to the store, which one thread may do."""
        self._done = 0
        self._work: _Work | None = None
        self._upkeep_at = 0.0
        self._thread = threading.Thread(target=self._run, name="forwarding", daemon=True)

    def start(self) -> None:
        """Begin to write, behind what was confirmed before."""
        self._done = self._spool.marks().get(Consumer.STORE, 0)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Write what waits, as far as that goes in `timeout_s`, and end."""
        self._stopping.set()
        self._source.wake()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
            self._giving_up.set()
            self._thread.join(1.0)

    @property
    def idle(self) -> bool:
        """Whether everything that is judged is stored."""
        return self._done >= self._judged()

    def _run(self) -> None:
        with reported("forwarding", self._health):
            while not (self._giving_up.is_set() or (self._stopping.is_set() and self.idle)):
                self.calls.run(self._giving_up)
                self._unkept.tell()
                try:
                    worked = self._step()
                except IngestError as error:
                    self._backoff.failed(error)
                else:
                    if worked:
                        self._backoff.worked()

    def _step(self) -> bool:
        """Write what comes next; whether there was anything."""
        if time.monotonic() >= self._upkeep_at:
            self._upkeep_at = time.monotonic() + UPKEEP_S
            self._store.maintain(self._clock())
        work = self._work = self._work or self._next()
        if work is None:
            return False
        began = time.monotonic()
        if work.batch is not None:
            refused = self._refused(work.batch, self._store.write(work.batch))
            self._metrics.stored.inc(len(work.batch) - len(refused))
            self._reject(refused)
            work.batch = None  # confirmed: not to be sent again should the scores fail
        if len(work.scores):
            self._reject(self._refused_scores(work.scores, self._store.write_scores(work.scores)))
        self._metrics.write_seconds.observe(time.monotonic() - began)
        self._spool.mark(Consumer.STORE, work.position)
        self._done, self._work = work.position, None
        if work.rows < REST_BELOW:
            self._stopping.wait(max(0.0, began + REST_S - time.monotonic()))
        return True

    def _next(self) -> _Work | None:
        """What comes next, from memory where it is there, else from the spool."""
        items = self._source.take(self._done, MAX_ROWS, WAIT_S)
        if items:
            parts = [item.value for item in items]
            received_at = joined([part.received_at for part in parts], np.int64)
            batch = KeyedBatch.of(ReadingBatch.concat([part.readings for part in parts]), self._names, received_at)
            scores = KeyedScores.of_all([part.scores for part in parts], self._names)
            return _Work(items[-1].position, batch, scores, len(batch))
        last = self._source.gap(self._done, self._judged())
        if last <= self._done:
            return None
        entries = [(at, batch) for at, batch in self._spool.read(self._done, MAX_ROWS) if at <= last]
        position = entries[-1][0] if entries else last
        kept = [kept for at, kept in self._spool.read_scores(self._done, MAX_ROWS) if at <= position]
        batch = KeyedBatch.concat([batch for _, batch in entries])
        return _Work(position, batch, KeyedScores.concat(kept), len(batch))

    def _refused(self, batch: KeyedBatch, refused: Sequence[Refused]) -> list[Reject]:
        rejects = []
        for one in refused:
            site, device, metric = batch.names[batch.key[one.row]]
            time_ns, unit = int(batch.time[one.row]), batch.units[batch.key[one.row]][0]
            said: dict[str, object] = {"site": site, "device": device, "ts": time_ns / NS_PER_MS}
            said |= {EXACT_TIME: format_time(time_ns), "values": {metric: float(batch.value[one.row])}}
            said |= {"units": {metric: unit}} if unit is not None else {}
            rejects.append(_reject(int(batch.received_at[one.row]), one.reason, said))
        return rejects

    def _refused_scores(self, scores: KeyedScores, refused: Sequence[Refused]) -> list[Reject]:
        rejects = []
        for one in refused:
            site, device, metric = scores.names[scores.key[one.row]]
            said = {"site": site, "device": device, "metric": metric, "ts": int(scores.time[one.row]) / NS_PER_MS}
            rejects.append(_reject(self._clock(), one.reason, said | {"score": float(scores.score[one.row])}))
        return rejects

    def _reject(self, refused: Sequence[Reject]) -> None:
        if refused:
            self._rejects.add(refused)
            self._metrics.refused.inc(len(refused))
            self._unkept.add(len(refused), reason=refused[0].reason[:200])


def _say_unkept(points: int, reason: str) -> None:
    log.warning("the store refused points for good", points=points, reason=reason)


def _reject(at: int, reason: str, said: dict[str, object]) -> Reject:
    return Reject(at, RejectSource.STORE, "", reason, orjson.dumps(said))
