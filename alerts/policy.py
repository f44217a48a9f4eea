"""Decides which scores become alerts: when to open, how severe, when to let go, and says why.

    limits    value ──▶ beyond a rule for its on-delay ──▶ alert ──▶ inside by the hysteresis for its off-delay ──▶ over
    baseline  p-values ──▶ evidence above the height the budget allows ──▶ alert ──▶ evidence gone ──▶ over
    silence   turns of the silence detector, one to one

Pure, on event time. Rows that concern nothing unusual are passed over as arrays; only the others are looked at one by
one, in order of arrival.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alerts.alert import Kind, Severity
from alerts.book import WHOLE_DEVICE, AlarmBook, Subject
from alerts.budget import Budget
from alerts.explain import explain_baseline, explain_limit, explain_silence
from alerts.limits import LimitTable
from ingest.reading import NS_PER_SECOND, FloatArray, ReadingBatch
from ingest.registry import Criticality, Registry
from models.bank import Judgement
from models.detectors.silence import Turn
from models.evidence import DECAY, MOST

METRICS_PER_DEVICE = 4
"""The budget of a device is shared among about this many metrics."""
DEPENDENCE = 1.5
"""Successive p-values are not independent; heights are raised by this factor over the independent case (measured:
false episodes on normal data stay within the budget)."""
RAREST_SHOWN = 1e6
"""Rarity is told to people up to one in this many readings; nothing is known about rarer events."""


def severity_for(criticality: Criticality, usual: Severity) -> Severity:
    """The severity on a device: one above the usual where much depends on it, one below where little does."""
    shift = {Criticality.LOW: -1, Criticality.MEDIUM: 0, Criticality.HIGH: 1}[criticality]
    return list(Severity)[min(max(usual.rank + shift, 0), Severity.HIGH.rank)]


def evidence_height(interval_ns: FloatArray, budget: Budget) -> FloatArray:
    """Evidence that opens an alert, in nats: chance alone crosses it as often as the budget accepts.

    >>> evidence_height(np.array([60e9]), Budget.parse("1 per device-month")).round(1)
    array([19.3])
    """
    per_reading = budget.per_device_second * interval_ns / NS_PER_SECOND / METRICS_PER_DEVICE
    return np.asarray(DEPENDENCE * -np.log(np.minimum(per_reading, 0.1)) / DECAY)


class BaselinePolicy:
    """Opens an alert when a series' evidence exceeds what the budget leaves to chance."""

    def __init__(self, registry: Registry, book: AlarmBook, budget: Budget) -> None:
        self._registry, self._book, self._budget = registry, book, budget

    def decide(self, judgement: Judgement) -> None:
        """Look at the rows whose evidence is high enough, and at all rows of series with an open alert."""
        height = evidence_height(judgement.interval_ns, self._budget)
        with np.errstate(invalid="ignore"):
            enough = judgement.evidence >= height
        opened = [series for kind, _, series in self._book.open if kind is Kind.BASELINE]
        concerned = np.union1d(judgement.scores.series[enough], opened)
        for row in np.flatnonzero(np.isin(judgement.scores.series, concerned)).tolist():
            self._one(row, judgement, bool(enough[row]))

    def _one(self, row: int, judgement: Judgement, enough: bool) -> None:
        scores = judgement.scores
        series = int(scores.series[row])
        device = int(self._registry.series_device[series])
        subject: Subject = (Kind.BASELINE, device, series)
        evidence, at, score = float(judgement.evidence[row]), int(scores.time[row]), float(scores.score[row])
        if subject not in self._book.open:
            if enough:
                self._open(row, subject, judgement)
        elif evidence <= 0.0:
            self._book.return_(row, subject, at)
        else:
            self._book.confirm(row, subject, at, score)
            if evidence >= MOST:
                self._escalate(row, subject, judgement)

    def _open(self, row: int, subject: Subject, judgement: Judgement) -> None:
        names = self._registry.key(subject[2])
        facts = self._facts(row, subject, judgement)
        severity = severity_for(self._registry.device(subject[1]).criticality, Severity.MEDIUM)
        self._book.raise_(
            row,
            subject,
            names,
            severity,
            int(judgement.since[row]),
            int(judgement.scores.time[row]),
            float(judgement.scores.score[row]),
            explain_baseline(names[2], facts),
            facts,
        )

    def _escalate(self, row: int, subject: Subject, judgement: Judgement) -> None:
        """Evidence at its cap: the trouble is large and lasts."""
        severity = severity_for(self._registry.device(subject[1]).criticality, Severity.HIGH)
        if severity.rank > self._book.open[subject].severity.rank:
            facts = self._facts(row, subject, judgement)
            text = explain_baseline(self._registry.key(subject[2])[2], facts)
            self._book.escalate(row, subject, int(judgement.scores.time[row]), severity, text, facts)

    def _facts(self, row: int, subject: Subject, judgement: Judgement) -> dict[str, Any]:
        scores = judgement.scores
        return {
            "value": float(scores.value[row]),
            "expected": float(scores.expected[row]),
            "low": float(scores.low[row]),
            "high": float(scores.high[row]),
            "unit": self._registry.metric(subject[2]).unit,
            "p_value": float(scores.p_value[row]),
            "one_in": float(min(1.0 / scores.p_value[row], RAREST_SHOWN)),
            "at": int(scores.time[row]),
        }


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

    def decide(self, batch: ReadingBatch) -> None:
        """Look at rows beyond a limit, and at all rows of series on their way in or out."""
        if not self._limits.rules:
            return
        low, high = self._limits.bounds()
        beyond = (batch.value > high[batch.series]) | (batch.value < low[batch.series])
        concerned = np.union1d(batch.series[beyond], list(self._states))
        for row in np.flatnonzero(np.isin(batch.series, concerned)).tolist():
            self._one(row, int(batch.series[row]), int(batch.time[row]), float(batch.value[row]))

    def _one(self, row: int, series: int, at: int, value: float) -> None:
        rules = self._limits.of(series)
        states = self._states.get(series) or [_RuleState() for _ in rules]
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
        worst = max(active, key=lambda i: (Severity(rules[i].severity).rank, rules[i].excess(value)))
        self._tell(row, subject, at, value, rules[worst], states[worst])

    def _tell(self, row: int, subject: Subject, at: int, value: float, rule: Any, state: _RuleState) -> None:
        names = self._registry.key(subject[2])
        onset = state.broken_since if state.broken_since is not None else at
        facts = {
            "value": value,
            "limit": rule.high if rule.high is not None and value > rule.high - rule.hysteresis else rule.low,
            "side": "high" if rule.high is not None and value > rule.high - rule.hysteresis else "low",
            "unit": self._registry.metric(subject[2]).unit,
            "held_s": (at - onset) / NS_PER_SECOND,
            "label": rule.label,
            "at": at,
        }
        severity, score = Severity(rule.severity), max(rule.excess(value), 0.0)
        if subject not in self._book.open:
            self._book.raise_(row, subject, names, severity, onset, at, score, explain_limit(names[2], facts), facts)
            return
        self._book.confirm(row, subject, at, score)
        self._book.escalate(row, subject, at, severity, explain_limit(names[2], facts), facts)

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
        """Take back what `save` gave; where the rules of a series changed since, it starts afresh."""
        self._states = {
            series: [_RuleState(*state) for state in states]
            for series, states in saved
            if len(states) == len(self._limits.of(series))
        }


def _follow(state: _RuleState, rule: Any, at: int, value: float) -> None:
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


class SilencePolicy:
    """Turns of the silence detector into alerts; retired devices are left in peace."""

    def __init__(self, registry: Registry, book: AlarmBook) -> None:
        self._registry, self._book = registry, book

    def decide(self, turns: Sequence[Turn]) -> None:
        """Open and return silence alerts."""
        for turn in turns:
            subject: Subject = (Kind.SILENCE, turn.device, turn.series)
            if turn.begins:
                self._open(turn, subject)
            elif subject in self._book.open:
                self._book.return_(turn.row, subject, turn.at)

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
