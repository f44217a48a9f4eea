"""When a value is beyond a limit that somebody configured, or that the machine's own ALARM sets.

value ──▶ beyond a rule for its on-delay ──▶ alert ──▶ inside by the hysteresis for its off-delay ──▶ over
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alerts.alert import Kind, Severity
from alerts.book import AlarmBook, Subject
from alerts.explain import explain_limit
from alerts.leading import moved
from alerts.limits import MOST, LimitTable, with_alarm
from ingest.reading import NS_PER_SECOND, FloatArray, ReadingBatch
from ingest.registry import Registry
from models.bank import Judgement
from models.detectors.limits import Boundary, LimitRule


@dataclass(slots=True)
class _RuleState:
    """Where one rule stands for one series, in event time ns."""

    broken_since: int | None = None
    back_since: int | None = None
    active: bool = False


class LimitPolicy:
    """Opens an alert when a value is beyond a limit for its on-delay; one alert per series, as severe as its rules."""

    def __init__(self, registry: Registry, book: AlarmBook, limits: LimitTable) -> None:
        self._registry, self._book, self._limits = registry, book, limits
        self._states: dict[int, list[_RuleState]] = {}

    def decide(self, batch: ReadingBatch, judged: Judgement, alarms: FloatArray | None = None) -> None:
        """Look at rows beyond a limit, and at all rows of series on their way in or out.

        `judged` is what the bank says about the batch; `alarms` the ALARM of vibration of every row, infinite where
        there is none.
        """
        if not self._limits.rules and not self._states:
            return
        low, high = self._limits.bounds()
        alarms = np.full(len(batch), np.inf) if alarms is None else alarms
        beyond = (batch.value > np.minimum(high[batch.series], alarms)) | (batch.value < low[batch.series])
        if not self._states and not beyond.any():
            return
        concerned = np.union1d(batch.series[beyond], list(self._states))
        for row in np.flatnonzero(np.isin(batch.series, concerned)).tolist():
            self._one(row, batch, judged, float(alarms[row]))

    def _one(self, row: int, batch: ReadingBatch, judged: Judgement, alarm: float) -> None:
        series, at, value = int(batch.series[row]), int(batch.time[row]), float(batch.value[row])
        rules = [with_alarm(rule, alarm) for rule in self._limits.of(series)]
        states = self._states.get(series) or []
        if len(states) != len(rules):  # other rules hold than before: the series became known better
            states = [_RuleState() for _ in rules]
        for rule, state in zip(rules, states, strict=True):
            _follow(state, rule, at, value)
        if all(state == _RuleState() for state in states):
            self._states.pop(series, None)
        else:
            self._states[series] = states
        active = [i for i, state in enumerate(states) if state.active]
        subject: Subject = (Kind.LIMIT, int(self._registry.series_device[series]), series)
        if not active:
            if subject in self._book.open:
                self._book.return_(row, subject, at)
            return
        worst = max(active, key=lambda i: _weight(rules[i], value))
        self._tell(row, subject, at, value, rules[worst], states[worst], judged)

    def _tell(
        self, row: int, subject: Subject, at: int, value: float, rule: LimitRule, state: _RuleState, judged: Judgement
    ) -> None:
        severity, score = Severity(rule.severity), min(max(rule.excess(value), 0.0), MOST)
        known = self._book.open.get(subject)
        if known is not None:
            self._book.confirm(row, subject, at, score)
            if severity.rank <= known.severity.rank:
                return
        names = self._registry.key(subject[2])
        onset = state.broken_since if state.broken_since is not None else at
        above = rule.low is None or (rule.high is not None and value > rule.high - rule.hysteresis)
        interval_ns = float(judged.interval_ns[row])
        facts: dict[str, Any] = {
            "value": value,
            "limit": rule.high if above else rule.low,
            "side": "high" if above else "low",
            "unit": self._registry.metric(subject[2]).unit,
            "held_s": (at - onset) / NS_PER_SECOND,
            "label": rule.label,
            "label_zh": rule.label_zh,
            "at": at,
            **moved(self._registry, judged.verdicts.moves, subject[1], row, at, onset, interval_ns),
        }
        text = explain_limit(names[2], facts)
        if known is None:
            self._book.raise_(row, subject, names, severity, onset, at, score, text, facts)
        else:
            self._book.escalate(row, subject, at, severity, text, facts)

    def forget(self, series: int) -> None:
        """Judge a series as if it had never broken a rule."""
        self._states.pop(series, None)

    def save(self) -> list[tuple[int, list[tuple[int | None, int | None, bool]]]]:
        """(series number, (broken since, back since, active) per rule) of every series on its way in or out."""
        return [
            (series, [(s.broken_since, s.back_since, s.active) for s in states])
            for series, states in self._states.items()
        ]

    def restore(self, saved: Sequence[tuple[int, Sequence[Sequence[Any]]]]) -> None:
        """Take back what `save` gave; where the rules of a series changed since, it starts afresh with its next row."""
        self._states = {series: [_RuleState(*state) for state in states] for series, states in saved}


def _weight(rule: LimitRule, value: float) -> tuple[int, bool, float]:
    """What matters most: severity; a limit that stands fast before one that the machine sets; how far it is broken."""
    return Severity(rule.severity).rank, rule.boundary is not Boundary.ALARM, rule.excess(value)


def _follow(state: _RuleState, rule: LimitRule, at: int, value: float) -> None:
    """Move one rule's state along one reading."""
    if rule.breaks(value):
        state.back_since = None
        if state.broken_since is None:
            state.broken_since = at
        state.active = state.active or at - state.broken_since >= rule.on_delay_ns
    elif not state.active:
        state.broken_since = None
    elif rule.returned(value):
        if state.back_since is None:
            state.back_since = at
        if at - state.back_since >= rule.off_delay_ns:
            state.broken_since = state.back_since = None
            state.active = False
    else:
        state.back_since = None
