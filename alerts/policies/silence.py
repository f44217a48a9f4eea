"""When a device or a metric is silent: turns of the silence detector, one to one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from alerts.alert import Kind, Severity
from alerts.book import WHOLE_DEVICE, AlarmBook, Subject
from alerts.explain import explain_silence
from alerts.policies.severity import severity_for
from ingest.reading import NS_PER_SECOND
from ingest.registry import Registry
from models.detectors.gaps import least_limit
from models.detectors.silence import Turn


class SilencePolicy:
    """Turns of the silence detector into alerts; retired devices are left in peace."""

    def __init__(self, registry: Registry, book: AlarmBook) -> None:
        self._registry, self._book = registry, book
        self._version = -1
        """Of the registry, when it was last looked at who is retired."""

    def decide(self, turns: Sequence[Turn], now: int) -> None:
        """Open and return silence alerts; `now` (ns UTC) is when those of devices that were retired since end."""
        self._leave_in_peace(now)
        for turn in turns:
            subject: Subject = (Kind.SILENCE, turn.device, turn.series)
            if turn.begins:
                self._open(turn, subject)
            elif subject in self._book.open:
                self._book.return_(turn.row, subject, turn.at)

    def _leave_in_peace(self, now: int) -> None:
        version = self._registry.version
        if self._version == version:
            return
        self._version = version
        opened = self._book.by_device(Kind.SILENCE).items()
        over = [subject for device, of in opened for subject in of if self._registry.device(device).retired]
        for subject in over:
            self._book.return_(0, subject, max(now, self._book.open[subject].last_at))

    def _open(self, turn: Turn, subject: Subject) -> None:
        device = self._registry.device(turn.device)
        if device.retired or subject in self._book.open:
            return
        metric = self._metric(turn)
        limit_s = turn.limit_ns / NS_PER_SECOND
        facts = {
            "limit_s": limit_s,
            "interval_s": round(turn.interval_ns / NS_PER_SECOND, 1),
            "last_at": turn.last,
            "at": turn.at,
        }
        if turn.limit_ns > least_limit(turn.interval_ns):
            facts["usual_gap_s"] = limit_s / 2
        self._book.raise_(
            turn.row,
            subject,
            (device.site, device.name, metric),
            severity_for(device.criticality, Severity.MEDIUM),
            turn.last,
            turn.at,
            math.log1p(limit_s),
            explain_silence(metric, facts),
            facts,
        )

    def _metric(self, turn: Turn) -> str | None:
        """The metric's name; a device that ever reported only one metric is silent by that metric."""
        if turn.series != WHOLE_DEVICE:
            return self._registry.metric(turn.series).name
        return self._registry.metric(turn.only).name if turn.only is not None else None
