"""Turns what the stuck detector notices into alerts about sensors; retired devices are left in peace."""

from __future__ import annotations

import math
from collections.abc import Sequence

from alerts.alert import Fact, Kind, Severity
from alerts.book import AlarmBook, Subject
from alerts.explain import explain_stuck
from alerts.policies.severity import severity_for
from ingest.registry import Registry
from models.detectors.stuck import Turn


class StuckPolicy:
    """Opens an alert on a series that is stuck and ends it when the series moves again."""

    def __init__(self, registry: Registry, book: AlarmBook) -> None:
        self._registry, self._book = registry, book

    def decide(self, turns: Sequence[Turn]) -> None:
        """Open and return stuck alerts."""
        for turn in turns:
            subject: Subject = (Kind.STUCK, int(self._registry.series_device[turn.series]), turn.series)
            if turn.begins:
                self._open(turn, subject)
            elif subject in self._book.open:
                self._book.return_(turn.row, subject, turn.at)

    def _open(self, turn: Turn, subject: Subject) -> None:
        device = self._registry.device(subject[1])
        if device.retired or subject in self._book.open:
            return
        names = self._registry.key(turn.series)
        facts: dict[str, Fact] = {
            "value": turn.value,
            "unit": self._registry.metric(turn.series).unit,
            "since_at": turn.since,
            "run": turn.run,
            "longest": turn.longest,
            "at": turn.at,
        }
        severity = severity_for(device.criticality, Severity.MEDIUM)
        score = math.log(turn.run / turn.longest)
        text = explain_stuck(names[2], facts)
        self._book.raise_(turn.row, subject, names, severity, turn.since, turn.at, score, text, facts)
