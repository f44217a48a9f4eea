"""Turns outlooks into forecast alerts: when a series with limits is on its way across one of them.

    blocks that ended ─▶ models.forecast ─▶ an outlook ─▶ opens an alert │ confirms, revises, escalates it
                                            └ none for three days ─▶ over

An alert is about the most severe limit that will be crossed, of several as severe the one that comes first. It is high
where the crossing may be less than a week away, which is the time to plan; medium before that; never more severe than
the limit itself would be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alerts.alert import Fact, Kind, Severity
from alerts.book import AlarmBook, Subject
from alerts.explain import explain_forecast
from alerts.limits import LimitTable
from alerts.policies.severity import severity_for
from ingest.reading import FloatArray
from ingest.registry import Registry
from models.detectors.limits import Boundary, LimitRule
from models.forecast import DAY_NS, Outlooks, outlooks
from models.levels import Closed

PLAN_NS = 7 * DAY_NS
"""A crossing that may come sooner than this is to be planned for now."""
OVER_NS = 3 * DAY_NS
"""A forecast that nothing has confirmed for so long is over: days are looked at once a day, and one may be odd."""
RETOLD_NS = DAY_NS
"""An open alert's forecast is told anew at most so often."""
CONFIDENCE = 0.8


@dataclass(slots=True)
class _Standing:
    """Where an open forecast stands, event times in ns."""

    spoken_at: int
    told_at: int


@dataclass(frozen=True, slots=True)
class _Forecast:
    """One limit of one series that will be crossed, and how severe that is now."""

    severity: Severity
    onset_at: int
    score: float
    facts: Mapping[str, Fact]

    @property
    def rank(self) -> tuple[int, int]:
        """The more severe one first, then the sooner one."""
        return self.severity.rank, -int(self.facts["likely_at"] or 0)


class ForecastPolicy:
    """Opens, follows and ends forecast alerts."""

    def __init__(self, registry: Registry, book: AlarmBook, limits: LimitTable) -> None:
        self._registry, self._book, self._limits = registry, book, limits
        self._standing: dict[int, _Standing] = {}

    @property
    def open(self) -> bool:
        """Whether any forecast is."""
        return bool(self._standing)

    def decide(self, closed: Closed) -> None:
        """Look at series whose blocks ended, block by block."""
        sides = [self._limits.sides(series) for series in closed.series.tolist()]
        high, low = _table([high for high, _ in sides], np.inf), _table([low for _, low in sides], -np.inf)
        found = outlooks(closed, high, low)
        spoken = self._by_place(closed, found)
        for place, series in enumerate(closed.series.tolist()):
            if place in spoken or series in self._standing:
                self._one(int(closed.row[place]), series, int(closed.time[place]), spoken.get(place))

    def _by_place(self, closed: Closed, found: Outlooks) -> dict[int, _Forecast]:
        """The one forecast of each block that has any."""
        spoken: dict[int, _Forecast] = {}
        for i in range(len(found)):
            place = int(found.place[i])
            made = self._forecast(int(closed.series[place]), int(closed.time[place]), found, i)
            known = spoken.get(place)
            if made is not None and (known is None or made.rank > known.rank):
                spoken[place] = made
        return spoken

    def _forecast(self, series: int, now: int, found: Outlooks, i: int) -> _Forecast | None:
        earliest = max(int(found.earliest_at[i]), now)
        if int(found.likely_at[i]) <= now:
            return None
        side = "high" if found.slope[i] > 0 else "low"
        rule = _rule(self._limits.of(series), side, float(found.limit[i]))
        device = self._registry.device(int(self._registry.series_device[series]))
        usual = Severity.HIGH if earliest - now <= PLAN_NS else Severity.MEDIUM
        severity = min(severity_for(device.criticality, usual), Severity(rule.severity), key=lambda one: one.rank)
        facts: dict[str, Fact] = {
            "value": float(found.level[i]),
            "limit": float(found.limit[i]),
            "side": side,
            "unit": self._registry.metric(series).unit,
            "label": rule.label,
            "label_zh": rule.label_zh,
            "per_day": float(found.slope[i]),
            "since_at": int(found.since[i]),
            "earliest_at": earliest,
            "likely_at": int(found.likely_at[i]),
            "latest_at": int(found.latest_at[i]),
            "confidence": CONFIDENCE,
            "at": now,
        }
        return _Forecast(severity, int(found.since[i]), float(found.evidence[i]), facts)

    def _one(self, row: int, series: int, at: int, made: _Forecast | None) -> None:
        subject: Subject = (Kind.FORECAST, int(self._registry.series_device[series]), series)
        standing = self._standing.get(series)
        if made is None:
            if standing is not None and at - standing.spoken_at > OVER_NS:
                del self._standing[series]
                self._book.return_(row, subject, at)
            return
        names = self._registry.key(series)
        text = explain_forecast(names[2], made.facts)
        if standing is None:
            self._standing[series] = _Standing(at, at)
            self._book.raise_(row, subject, names, made.severity, made.onset_at, at, made.score, text, made.facts)
            return
        standing.spoken_at = at
        self._book.confirm(row, subject, at, made.score)
        if made.severity.rank > self._book.open[subject].severity.rank:
            self._book.escalate(row, subject, at, made.severity, text, made.facts)
            standing.told_at = at
        elif at - standing.told_at >= RETOLD_NS:
            self._book.revise(row, subject, at, text, made.facts)
            standing.told_at = at

    def forget(self, series: int) -> None:
        """Speak of a series as if for the first time."""
        self._standing.pop(series, None)

    def save(self) -> list[tuple[int, int, int]]:
        """(series number, spoken at, told at) of every open forecast."""
        return [(series, one.spoken_at, one.told_at) for series, one in self._standing.items()]

    def restore(self, saved: Iterable[Sequence[Any]]) -> None:
        """Take back what `save` gave."""
        self._standing = {series: _Standing(spoken_at, told_at) for series, spoken_at, told_at in saved}


def _table(rows: Sequence[Sequence[float]], filler: float) -> FloatArray:
    """Rows of different lengths as one array."""
    width = max((len(row) for row in rows), default=0)
    return np.array([[*row, *[filler] * (width - len(row))] for row in rows], np.float64).reshape(len(rows), width)


def _rule(rules: Sequence[LimitRule], side: str, limit: float) -> LimitRule:
    """The rule that a limit is of; of several the most severe one."""
    fixed = [rule for rule in rules if rule.boundary is not Boundary.ALARM]
    found = [rule for rule in fixed if (rule.high if side == "high" else rule.low) == limit]
    return max(found, key=lambda rule: Severity(rule.severity).rank)
