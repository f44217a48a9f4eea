"""When a device is away from its own baseline: two of three p-values as rare as the budget asks, or what lasts.

    p-values on a device ──▶ two of three as rare as the budget asks ──▶ alert ──▶ quiet for a while ──▶ over

Rows that concern nothing unusual are passed over as arrays; only the others are looked at one by one, in order of
arrival.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from alerts.alert import Kind, Severity
from alerts.book import WHOLE_DEVICE, AlarmBook, Subject
from alerts.budget import Budget
from alerts.explain import explain_baseline
from alerts.leading import deviation, moved, rarity
from alerts.outliers import Outlier, Outliers, outside
from alerts.policies.severity import severity_for
from alerts.recurring import Recurring
from ingest.reading import NS_PER_SECOND, BoolArray, FloatArray
from ingest.registry import Registry
from ingest.rows import Rows
from models.bank import Verdicts
from models.detectors.device import SEVERAL
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
"""What is still young (see `models.warmup.young`) has to be so many half widths of its band off for an alert."""
REST = 100
"""Rows of a device after an alert in which only what is rarer than all since then opens another one."""
GRAVE = 1e-3
LASTING = 20.0
"""An alert becomes severe when p is below GRAVE times the level that opens one after LASTING expected intervals."""
LEADS = 0.5
"""A metric with at least this share of the sum of -log p is what the alert is about; otherwise it is the device."""


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
        self.recurring = Recurring()

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
            if rarity < math.inf and self._is_news(i, verdicts, rarity):
                self._open(i, verdicts, self.outliers.before(i, verdicts, far) if level > 0 else None)
            return
        past = self._past[device]
        past.number, past.rarest = int(verdicts.number[i]), min(past.rarest, float(verdicts.p_value[i]))
        if verdicts.quiet[i] >= QUIET:
            self._book.return_(row, subject, at)
        elif verdicts.quiet[i] == 0:
            self.recurring.note(device, at, float(verdicts.score[i]))
            self._book.confirm(row, subject, at, float(verdicts.score[i]))
            lasted = at - verdicts.since[i] >= LASTING * verdicts.interval_ns[i]
            if verdicts.p_value[i] <= GRAVE * level and lasted:
                self._escalate(i, subject, verdicts)

    def _is_news(self, i: int, verdicts: Verdicts, rarity: float) -> bool:
        """Whether an alert may open: soon after the last one, only what is rarer than all since then.

        What comes at its hour every day or every week opens none.
        """
        device, at, score = int(verdicts.device[i]), int(verdicts.time[i]), float(verdicts.score[i])
        number = int(verdicts.number[i])
        past = self._past.get(device)
        if past is None or number - past.number > REST:
            self._past[device], news = _Past(number, rarity), True
        else:
            news = rarity < past.rarest
            past.rarest = min(past.rarest, rarity)
        news = news and not self.recurring.expected(device, at, score)
        self.recurring.note(device, at, score)
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
        facts |= self.recurring.facts(device, int(verdicts.time[i]), float(verdicts.score[i]))
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
