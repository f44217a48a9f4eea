"""Decides which scores become alerts: when to open, how severe, when to let go, and says why.

    limits    value ──▶ beyond a rule for its on-delay ──▶ alert ──▶ inside by the hysteresis for its off-delay ──▶ over
    baseline  p-values on a device ──▶ two of three as rare as the budget asks ──▶ alert ──▶ quiet for a while ──▶ over
    silence   turns of the silence detector, one to one

Pure, on event time. Rows that concern nothing unusual are passed over as arrays; only the others are looked at one by
one, in order of arrival.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alerts.alert import Kind, Severity
from alerts.book import WHOLE_DEVICE, AlarmBook, Subject
from alerts.budget import Budget
from alerts.explain import explain_baseline, explain_limit, explain_silence
from alerts.leading import deviation, moved, rarity
from alerts.limits import MOST, LimitTable, with_alarm
from alerts.outliers import Outlier, Outliers, outside
from ingest.reading import NS_PER_SECOND, BoolArray, FloatArray, ReadingBatch
from ingest.registry import Criticality, Registry
from ingest.rows import Rows
from models.bank import Judgement, Verdicts
from models.detectors.device import SEVERAL
from models.detectors.gaps import least_limit
from models.detectors.limits import Boundary, LimitRule
from models.detectors.silence import Turn
from models.evidence import QUIET
from models.telling import tempered

CLUSTERS = 24.0
"""How much higher the level may be than one in the accepted number of rows: two rows of three have to keep to it, rare
rows come in clusters, and some of the rarity is lost where p-values are put together (measured: false episodes on
normal data stay within the budget)."""
LONG_CLUSTERS = 1.0
"""The same for what lasts: it is heard once, and extreme where there is trouble."""
MOST_LEVEL = 4e-3
"""No p-value above this opens an alert, however large the budget and rare the readings: below UNUSUAL, so that what
opens one is not a quiet row, and by enough that a state which is new takes metrics which are rare themselves."""
BLATANT = 2.5
"""What is still young (see `models.warmth.young`) has to be so many half widths of its band off for an alert."""
REST = 100
"""Rows of a device after an alert in which only what is rarer than all since then opens another one."""
GRAVE = 1e-3
LASTING = 20.0
"""An alert becomes severe when p is below GRAVE times the level that opens one after LASTING expected intervals."""
LEADS = 0.5
"""A metric with at least this share of the sum of -log p is what the alert is about; otherwise it is the device."""


def severity_for(criticality: Criticality, usual: Severity) -> Severity:
    """The severity on a device: one above the usual where much depends on it, one below where little does."""
    shift = {Criticality.LOW: -1, Criticality.MEDIUM: 0, Criticality.HIGH: 1}[criticality]
    return list(Severity)[min(max(usual.rank + shift, 0), Severity.HIGH.rank)]


def alarm_level(interval_ns: FloatArray, budget: Budget, clusters: float | None = None) -> FloatArray:
    """The p-value two of which open an alert: chance falls below it as often as the budget accepts.

    `clusters` is CLUSTERS by default.

    >>> alarm_level(np.array([60e9]), Budget.parse("1 per device-month"))
    array([0.00054753])
    """
    per_row = budget.per_device_second * interval_ns / NS_PER_SECOND
    return np.asarray(np.minimum((CLUSTERS if clusters is None else clusters) * per_row, MOST_LEVEL))


def has_lasted(verdicts: Verdicts, budget: Budget) -> BoolArray:
    """Where what lasts is first as rare as the budget asks; devices that are young are not yet judged by it."""
    level = alarm_level(verdicts.interval_ns, budget, LONG_CLUSTERS)
    return np.asarray((verdicts.lasts.p_value <= level) & (verdicts.lasts.lowest > level) & ~verdicts.young)


def is_blatant(facts: FloatArray) -> BoolArray:
    """Where a reading is so far off that no day explains it; `facts` as `models.bank.Verdicts.facts`.

    Where zero is usual the machine stood still so far: it starts.

    >>> is_blatant(np.array([[33, 20, 15, 25, 20, 1], [29, 20, 15, 25, 20, 1], [9, 0.2, -1, 1, 0, 1]])).tolist()
    [True, False, False]
    """
    value, expected, low, high = facts.T[:4]
    far = np.abs(value - expected) >= BLATANT * (high - low) / 2
    return np.asarray(far & ~((low <= 0) & (high >= 0)))


@dataclass(slots=True)
class _Past:
    """A device's last alert: the row in which it ended, and the rarest p-value since it began."""

    number: int
    rarest: float


class BaselinePolicy:
    """Opens an alert on a device when two p-values, or what lasts, are as rare as the budget asks.

    It ends after a quiet while.
    """

    def __init__(self, registry: Registry, book: AlarmBook, budget: Budget) -> None:
        self._registry, self._book, self._budget = registry, book, budget
        self._past: dict[int, _Past] = {}
        self.outliers = Outliers()

    def decide(self, verdicts: Verdicts) -> None:
        """Look at the verdicts that are rare enough, and at all on devices with an open alert."""
        level = alarm_level(verdicts.interval_ns, self._budget)
        far = np.flatnonzero((verdicts.p_value <= level) & outside(verdicts.facts))
        self._follow(verdicts, level, far)
        self.outliers.keep(verdicts, far)

    def _follow(self, verdicts: Verdicts, level: FloatArray, far: Rows) -> None:
        """Open, confirm and end alerts; `far` are the rare verdicts whose readings are outside their bands."""
        rarity = np.where(has_lasted(verdicts, self._budget), verdicts.lasts.p_value, np.inf)
        confirmed = verdicts.confirmed <= level
        doubtful = np.flatnonzero(confirmed & verdicts.young)
        confirmed[doubtful] = is_blatant(verdicts.facts[doubtful])
        rarity[confirmed] = verdicts.confirmed[confirmed]
        opened, enough = self._book.by_device(Kind.BASELINE), rarity < np.inf
        if not opened and not enough.any():
            return
        concerned = np.isin(verdicts.device, [*opened, *verdicts.device[enough].tolist()])
        for i in np.flatnonzero(concerned).tolist():
            self._one(i, verdicts, float(level[i]) if confirmed[i] else 0.0, float(rarity[i]), far)

    def _one(self, i: int, verdicts: Verdicts, level: float, rarity: float, far: Rows) -> None:
        """Verdict i; `level` is the one its p-value keeps to, or 0, `rarity` what may open an alert, or infinite."""
        row, device, at = int(verdicts.row[i]), int(verdicts.device[i]), int(verdicts.time[i])
        subject = self._open_on(device)
        if subject is None:
            if rarity < math.inf and self._is_news(device, int(verdicts.number[i]), rarity):
                self._open(i, verdicts, self.outliers.before(i, verdicts, far) if level > 0 else None)
            return
        past = self._past[device]
        past.number, past.rarest = int(verdicts.number[i]), min(past.rarest, float(verdicts.p_value[i]))
        if verdicts.quiet[i] >= QUIET:
            self._book.return_(row, subject, at)
        elif verdicts.quiet[i] == 0:
            self._book.confirm(row, subject, at, float(verdicts.score[i]))
            lasted = at - verdicts.since[i] >= LASTING * verdicts.interval_ns[i]
            if verdicts.p_value[i] <= GRAVE * level and lasted:
                self._escalate(i, subject, verdicts)

    def _is_news(self, device: int, number: int, rarity: float) -> bool:
        """Whether an alert may open: soon after the last one, only what is rarer than all since then."""
        past = self._past.get(device)
        if past is None or number - past.number > REST:
            self._past[device] = _Past(number, rarity)
            return True
        news = rarity < past.rarest
        past.rarest = min(past.rarest, rarity)
        return news

    def _open_on(self, device: int) -> Subject | None:
        """The open alert on a device; its subject may be a series, from the time when that was its only one."""
        return next(iter(self._book.by_device(Kind.BASELINE).get(device, ())), None)

    def _open(self, i: int, verdicts: Verdicts, outlier: Outlier | None) -> None:
        device, series = int(verdicts.device[i]), int(verdicts.series[i])
        site, name, metric = self._registry.key(int(verdicts.leader[i]))
        facts = self._facts(i, verdicts)
        if outlier is not None and "average" in facts:
            del facts["average"]
            facts |= {**deviation(outlier.facts), "at": outlier.at}
        self._book.raise_(
            int(verdicts.row[i]),
            (Kind.BASELINE, device, WHOLE_DEVICE if series == SEVERAL else series),
            (site, name, None if facts["together"] else metric),
            severity_for(self._registry.device(device).criticality, Severity.MEDIUM),
            facts["since_at"],
            int(verdicts.time[i]),
            float(verdicts.score[i]),
            explain_baseline(metric, facts),
            facts,
        )

    def _escalate(self, i: int, subject: Subject, verdicts: Verdicts) -> None:
        """The trouble is large and lasts."""
        severity = severity_for(self._registry.device(subject[1]).criticality, Severity.HIGH)
        if severity.rank > self._book.open[subject].severity.rank:
            facts = self._facts(i, verdicts)
            text = explain_baseline(self._registry.key(int(verdicts.leader[i]))[2], facts)
            row, at = int(verdicts.row[i]), int(verdicts.time[i])
            self._book.escalate(row, subject, at, severity, text, facts)

    def _facts(self, i: int, verdicts: Verdicts) -> dict[str, Any]:
        row, device, at, since = (int(getattr(verdicts, name)[i]) for name in ("row", "device", "time", "since"))
        number, interval_ns = int(verdicts.leader[i]), float(verdicts.interval_ns[i])
        told = float(min(verdicts.told[i], *tempered(verdicts.lasts.p_value[i : i + 1])))
        leader = self._registry.metric(number)
        return {
            "metric": leader.name,
            **deviation(verdicts.facts[i].tolist()),
            "unit": leader.unit,
            "together": bool(verdicts.share[i] < LEADS),
            "p_value": told,
            **rarity(told, int(verdicts.number[i])),
            "since_at": since,
            "at": at,
            **moved(self._registry, verdicts.moves, device, row, at, since, interval_ns, number),
        }

    def forget(self) -> None:
        """Judge devices without an open alert as if they had never had one."""
        opened = self._book.by_device(Kind.BASELINE)
        self._past = {device: past for device, past in self._past.items() if device in opened}

    def save(self) -> list[tuple[int, int, float]]:
        """(device number, row in which its last alert ended, rarest p-value since it began) of every device."""
        return [(device, past.number, past.rarest) for device, past in self._past.items()]

    def restore(self, saved: Iterable[tuple[int, int, float]]) -> None:
        """Take back what `save` gave."""
        self._past = {device: _Past(number, rarest) for device, number, rarest in saved}


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
        self, row: int, subject: Subject, at: int, value: float, rule: Any, state: _RuleState, judged: Judgement
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
