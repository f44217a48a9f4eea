"""Fills the board from the store after a restart: a quiet device must not look as if it had never been heard of."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from api.board import Board
from ingest.errors import IngestError
from ingest.reading import NS_PER_SECOND, ReadingBatch
from ingest.registry import Registry, SeriesKey
from ingest.stores.store import TelemetryStore

WINDOWS_S = (3_600, 86_400, 30 * 86_400)
"""How far back to look for the newest reading, step by step; older ones are not looked for."""
BUCKETS = 120
"""Intervals in a window: the newest one that holds readings is then read."""
ROWS = 10_000
BUDGET_S = 0.3
"""How long one request may go on with it: a large fleet is recalled over several."""


class Recall:
    """Looks up the newest reading of every series that was not heard of since the start, once for each."""

    def __init__(self, registry: Registry, board: Board, store: TelemetryStore, clock: Callable[[], int]) -> None:
        self._registry, self._board, self._store, self._clock = registry, board, store, clock
        self._lock = threading.Lock()
        self._next = 0

    def go_on(self) -> None:
        """Go on for a moment. Nothing happens while another request does it or the store is away."""
        if self._next >= self._registry.n_series or not self._lock.acquire(blocking=False):
            return
        try:
            until = monotonic() + BUDGET_S
            while self._next < self._registry.n_series and monotonic() < until:
                self._one(self._next)
                self._next += 1
        except IngestError:
            return
        finally:
            self._lock.release()

    def _one(self, series: int) -> None:
        device = self._registry.device(int(self._registry.series_device[series]))
        forgotten = device.retired and device.first_seen
        if forgotten or self._board.of(series).time is not None:
            return
        found = self._newest(self._registry.key(series))
        if found is not None:
            time, value = found
            self._board.note(ReadingBatch.of([series], [time], [value]), received_at=time)

    def _newest(self, key: SeriesKey) -> tuple[int, float] | None:
        end = self._clock() + 1
        for window_s in WINDOWS_S:
            step = window_s * NS_PER_SECOND // BUCKETS
            buckets = self._store.aggregate(*key, end - window_s * NS_PER_SECOND, end, step, BUCKETS + 1)
            if len(buckets):
                points = self._store.readings(*key, int(buckets.time[-1]), end, ROWS)
                return (int(points.time[-1]), float(points.value[-1])) if len(points) else None
        return None
