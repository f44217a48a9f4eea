"""The open alerts of the engine: one per (device, metric, kind), confirmed instead of repeated."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from alerts.alert import (
    Alert,
    AlertEvent,
    Confirmed,
    Escalated,
    Explanation,
    Fact,
    Kind,
    Opened,
    Returned,
    Revised,
    Severity,
)
from alerts.alert import alert_id as make_id

WHOLE_DEVICE = -1
Subject = tuple[Kind, int, int]
"""(kind, device number, series number or WHOLE_DEVICE)."""


@dataclass(slots=True)
class OpenAlert:
    """What the engine has to remember of an alert while its condition lasts."""

    id: str
    severity: Severity
    raised_at: int
    last_at: int
    score: float
    count: int = 1
    metric: str | None = None


class AlarmBook:
    """Opens, confirms, escalates and returns alerts, and collects what happened in order of the triggering rows."""

    def __init__(self) -> None:
        self._open: dict[Subject, OpenAlert] = {}
        self._by_device: dict[Kind, dict[int, dict[Subject, None]]] = {kind: {} for kind in Kind}
        self._events: list[tuple[int, AlertEvent]] = []
        self._confirmed: dict[Subject, int] = {}

    @property
    def open(self) -> Mapping[Subject, OpenAlert]:
        """What is open."""
        return self._open

    def by_device(self, kind: Kind) -> Mapping[int, Collection[Subject]]:
        """What is open of one kind, by device number; devices with nothing open are not in it."""
        return self._by_device[kind]

    def raise_(
        self,
        row: int,
        subject: Subject,
        names: tuple[str, str, str | None],
        severity: Severity,
        onset_at: int,
        raised_at: int,
        score: float,
        explanation: Explanation,
        evidence: Mapping[str, Fact],
    ) -> None:
        """Open an alert about `names` (site, device, metric)."""
        kind = subject[0]
        identity = make_id(*names, kind, raised_at)
        alert = Alert(
            identity,
            *names,
            kind,
            severity,
            onset_at,
            raised_at,
            score,
            explanation,
            last_at=raised_at,
            evidence=evidence,
        )
        self._put(subject, OpenAlert(identity, severity, raised_at, raised_at, score, metric=names[2]))
        self._events.append((row, Opened(alert)))

    def confirm(self, row: int, subject: Subject, at: int, score: float) -> None:
        """The condition of an open alert was seen again."""
        alert = self.open[subject]
        alert.count += 1
        alert.last_at = max(alert.last_at, at)
        alert.score = max(alert.score, score)
        self._confirmed[subject] = row

    def escalate(
        self,
        row: int,
        subject: Subject,
        at: int,
        severity: Severity,
        explanation: Explanation,
        evidence: Mapping[str, Fact],
    ) -> None:
        """An open alert became worse; a severity never sinks while the alert is open."""
        alert = self.open[subject]
        if severity.rank > alert.severity.rank:
            alert.severity = severity
            self._events.append((row, Escalated(alert.id, at, severity, explanation, evidence)))

    def revise(
        self, row: int, subject: Subject, at: int, explanation: Explanation, evidence: Mapping[str, Fact]
    ) -> None:
        """What an open alert says has changed."""
        self._tell_confirmed(subject)
        self._events.append((row, Revised(self.open[subject].id, at, explanation, evidence)))

    def return_(self, row: int, subject: Subject, at: int) -> None:
        """The condition of an open alert is gone."""
        self._tell_confirmed(subject)
        self._events.append((row, Returned(self._take(subject).id, at)))

    def drain(self) -> tuple[AlertEvent, ...]:
        """What happened since the last call, in order of the rows that showed it."""
        return tuple(event for _, event in self.drained())

    def drained(self) -> list[tuple[int, AlertEvent]]:
        """The same, each with its row."""
        for subject in list(self._confirmed):
            self._tell_confirmed(subject)
        events = sorted(self._events, key=lambda pair: pair[0])
        self._events.clear()
        return events

    def _tell_confirmed(self, subject: Subject) -> None:
        row = self._confirmed.pop(subject, None)
        if row is not None:
            alert = self.open[subject]
            self._events.append((row, Confirmed(alert.id, alert.last_at, alert.count, alert.score)))

    def forget(self, kept: Collection[str]) -> list[Subject]:
        """Forget open alerts but those whose ids are in `kept`, without a word; what they were about."""
        forgotten = [subject for subject, alert in self.open.items() if alert.id not in kept]
        for subject in forgotten:
            self._take(subject)
        return forgotten

    def _put(self, subject: Subject, alert: OpenAlert) -> None:
        kind, device, _ = subject
        self._open[subject] = alert
        self._by_device[kind].setdefault(device, {})[subject] = None

    def _take(self, subject: Subject) -> OpenAlert:
        kind, device, _ = subject
        subjects = self._by_device[kind][device]
        del subjects[subject]
        if not subjects:
            del self._by_device[kind][device]
        return self._open.pop(subject)

    def save(self, key: Any) -> list[dict[str, Any]]:
        """The open alerts as plain values; `key(device, series)` gives the names that stand for the numbers."""
        return [
            {"kind": kind, "key": key(device, series), **asdict(alert)}
            for (kind, device, series), alert in self.open.items()
        ]

    def restore(self, saved: list[dict[str, Any]], numbers: Any) -> None:
        """Take back saved alerts; `numbers(key)` gives (device, series)."""
        for subject in list(self._open):
            self._take(subject)
        for item in saved:
            kind, key = Kind(item.pop("kind")), item.pop("key")
            severity = Severity(item.pop("severity"))
            self._put((kind, *numbers(key)), OpenAlert(severity=severity, **item))
