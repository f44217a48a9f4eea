"""Tells what was just judged: to the event stream, the board, the log and the counters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from alerts.alert import AlertEvent, Escalated, Opened
from api.board import Board
from api.hub import Hub
from api.publish import publish_changes, publish_readings
from forewarn.engine import Counts, Engine
from forewarn.live.metrics import Metrics
from ingest.reading import NS_PER_SECOND, ReadingBatch
from ingest.registry import Registry
from models.score import Scores
from workorders.desk import Changes

WARM_NS = 5 * NS_PER_SECOND
"""Between two looks at which series have enough data."""

log = structlog.get_logger(__name__)


class Announcer:
    """Passes on what the judging thread found; nothing here decides or keeps anything."""

    def __init__(
        self,
        registry: Registry,
        board: Board,
        hub: Hub,
        metrics: Metrics,
        clock: Callable[[], int],
        on_notices: Callable[[], None],
    ) -> None:
        self._registry, self._board, self._hub = registry, board, hub
        self._metrics, self._clock, self._on_notices = metrics, clock, on_notices
        self._warm_at = 0

    def changes(self, events: Sequence[AlertEvent], changes: Changes) -> None:
        """Alerts and orders changed because of these events."""
        opened = {event.alert.id for event in events if isinstance(event, Opened)}
        worse = {event.alert_id for event in events if isinstance(event, Escalated)}
        for alert in changes.alerts:
            if alert.id in opened:
                self._metrics.alerts.inc()
                log.info("alert opened", alert=alert.id, device=alert.device, severity=alert.severity, kind=alert.kind)
        self._tell(changes, lambda id_: "opened" if id_ in opened else "escalated" if id_ in worse else "updated")

    def unshelved(self, changes: Changes) -> None:
        """Alerts and orders changed because shelves ended."""
        self._tell(changes, lambda _: "unshelved")

    def _tell(self, changes: Changes, how: Callable[[str], str]) -> None:
        """Pass changes on; `how` says by its id how an alert changed."""
        publish_changes(self._hub, self._registry, changes, how)
        for order in changes.orders:
            if order.number in changes.opened:
                self._metrics.orders.inc()
                log.info("work order opened", number=order.number, device=order.device, priority=order.priority)
        if changes.notices:
            self._on_notices()

    def readings(self, readings: ReadingBatch, scores: Scores, counts: Counts, arrived_at: int) -> None:
        """Readings that arrived until `arrived_at` (ns UTC) are judged."""
        self._board.note(readings, arrived_at)
        publish_readings(self._hub, self._registry, scores)
        self._metrics.judged.inc(counts.judged)
        self._metrics.duplicate.inc(counts.duplicate)
        self._metrics.late.inc(counts.late)
        self._metrics.conflict.inc(counts.conflict)
        self._metrics.judge_seconds.observe(max(0, self._clock() - arrived_at) / NS_PER_SECOND)

    def warm_up(self, engine: Engine) -> None:
        """Now and then: which series have enough data, and when the others will."""
        now = self._clock()
        if now >= self._warm_at:
            self._board.note_warm(engine.warm, engine.enough_at)
            self._warm_at = now + WARM_NS

    def memory(self) -> bytes:
        """What the board knows, to be kept with a checkpoint."""
        return self._board.save(self._registry)
