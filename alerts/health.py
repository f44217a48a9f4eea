"""Whether the alarm system serves the people: how many alerts there are, how many were wrong, which are a nuisance.

    alerts of the last weeks ─┬─▶ figures beside what is asked of an alarm system (`alerts/health.toml`)
    and what people said  ────┴─▶ false alarms beside `alarms.budget`: is it kept?

Pure, on event time. The figures are the key performance indicators of ANSI/ISA-18.2, IEC 62682 and EEMUA 191, for the
service as one operator position.
"""

from __future__ import annotations

import math
import tomllib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerts.alert import Kind, Severity, Subject
from alerts.budget import OUTSIDE_THE_BUDGET, SECONDS_PER, Budget
from ingest.reading import NS_PER_DAY, NS_PER_SECOND, TimeArray

MONTH_NS = int(SECONDS_PER["month"] * NS_PER_SECOND)
CHANCE = 0.05
"""More false alarms than come this seldom, were the budget kept, are too many."""


class Rule(NamedTuple):
    """What counts as what; see `alerts/health.toml`."""

    period_s: int
    flood: int
    flood_over: int
    chatter: int
    chatter_s: int
    fleeting_s: int
    stale_s: int
    frequent: int
    fewest: int


@lru_cache(maxsize=1)
def asked() -> tuple[Rule, dict[str, float]]:
    """What counts as what, and the most of each figure that is asked for."""
    table = tomllib.loads(resources.files("alerts").joinpath("health.toml").read_text(encoding="utf-8"))
    return Rule(**table["rule"]), table["most"]


@dataclass(frozen=True, slots=True)
class Lived:
    """An alert from beginning to end, in ns UTC of event time."""

    subject: Subject
    severity: Severity
    raised_at: int
    over_at: int | None
    """When its condition was gone or a person closed it; None while it lasts."""
    right: bool | None = None
    """Whether it was, as people said; None if nobody did."""
    work_order: str | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure and what is asked of it."""

    name: str
    value: float
    most: float
    tells: bool
    """Whether there are enough alerts for it to say anything."""

    @property
    def met(self) -> bool | None:
        """Whether it is as is asked; None where it says nothing."""
        return self.value <= self.most if self.tells else None


@dataclass(frozen=True, slots=True)
class Frequent:
    """One of the alarms that were raised most often."""

    subject: Subject
    raised: int
    false: int


class Keeping(StrEnum):
    """Whether the budget of false alarms is kept."""

    KEPT = "kept"
    UNANSWERED = "unanswered"
    """It depends on what the alerts were that nobody answered yet."""
    EXCEEDED = "exceeded"


@dataclass(frozen=True, slots=True)
class BudgetKept:
    """False alarms beside `alarms.budget`, of the kinds that it speaks of."""

    accepted: float
    """False alarms accepted per device-month."""
    device_months: float
    raised: int
    right: int
    """Those that people said were right, …"""
    false: int
    """… and those that were not; nobody said anything of the others."""

    @property
    def unanswered(self) -> int:
        """Alerts of which nobody said whether they were right."""
        return self.raised - self.right - self.false

    @property
    def least(self) -> float:
        """False alarms per device-month if all that were not answered were right."""
        return self.false / self.device_months if self.device_months else 0.0

    @property
    def most(self) -> float:
        """The same if none of them was."""
        return (self.false + self.unanswered) / self.device_months if self.device_months else 0.0

    @property
    def keeping(self) -> Keeping:
        """Whether more were false than chance makes of the budget in this time."""
        expected = self.accepted * self.device_months
        if chance_of(self.false, expected) < CHANCE:
            return Keeping.EXCEEDED
        possible = self.false + self.unanswered
        return Keeping.UNANSWERED if chance_of(possible, expected) < CHANCE else Keeping.KEPT


@dataclass(frozen=True, slots=True)
class AlarmHealth:
    """The alarm system from `start` to `end` (ns UTC, exclusive)."""

    start: int
    end: int
    devices: int
    raised: int
    by_severity: dict[Severity, int]
    by_kind: dict[Kind, int]
    figures: tuple[Figure, ...]
    frequent: tuple[Frequent, ...]
    """The most frequent first."""
    budget: BudgetKept


def chance_of(number: int, expected: float) -> float:
    """The chance of so many or more where so many are expected: the upper tail of a Poisson distribution.

    >>> [round(chance_of(number, 1.0), 3) for number in (0, 1, 3, 4)]
    [1.0, 0.632, 0.08, 0.019]
    """
    if number == 0:
        return 1.0
    if expected <= 0.0:
        return 0.0
    fewer = (math.exp(n * math.log(expected) - expected - math.lgamma(n + 1)) for n in range(number))
    return max(1.0 - math.fsum(fewer), 0.0)


def alarm_health(lived: Sequence[Lived], start: int, end: int, devices: int, budget: Budget) -> AlarmHealth:
    """How it was from `start` to `end` with so many devices.

    `lived` are all alerts that were raised then or still on, by time of raising.
    """
    raised = [alert for alert in lived if start <= alert.raised_at < end]
    number = Counter(alert.subject for alert in raised)
    false = Counter(alert.subject for alert in raised if alert.right is False)
    often = sorted(number.items(), key=lambda one: (-one[1], tuple(map(str, one[0]))))[: asked()[0].frequent]
    severities = Counter(alert.severity for alert in raised)
    kinds = Counter(alert.subject.kind for alert in raised)
    return AlarmHealth(
        start,
        end,
        devices,
        len(raised),
        {severity: severities[severity] for severity in Severity},
        {kind: kinds[kind] for kind in Kind if kinds[kind]},
        _figures(lived, raised, sum(n for _, n in often), start, end),
        tuple(Frequent(subject, n, false[subject]) for subject, n in often),
        _budget_kept(raised, devices * (end - start) / MONTH_NS, budget),
    )


def _budget_kept(raised: Sequence[Lived], device_months: float, budget: Budget) -> BudgetKept:
    judged = [alert.right for alert in raised if alert.subject.kind not in OUTSIDE_THE_BUDGET]
    return BudgetKept(budget.per_device_month, device_months, len(judged), judged.count(True), judged.count(False))


def _figures(
    lived: Sequence[Lived], raised: Sequence[Lived], frequent: int, start: int, end: int
) -> tuple[Figure, ...]:
    rule, most = asked()
    times = np.array([alert.raised_at for alert in raised], np.int64)
    hours = (end - start) / (3600 * NS_PER_SECOND)
    counts = _periods(times, start, end, rule.period_s * NS_PER_SECOND)
    found = {
        "per_hour": len(raised) / hours if hours else 0.0,
        "busy_periods": float((counts > rule.flood).mean()) if len(counts) else 0.0,
        "flood_time": _flood_share(counts, rule.flood, rule.flood_over),
        "frequent_share": frequent / len(raised) if raised else 0.0,
        "chattering": float(_chattering(raised, rule.chatter, rule.chatter_s * NS_PER_SECOND)),
        "fleeting": float(sum(_is_fleeting(alert, rule.fleeting_s * NS_PER_SECOND) for alert in raised)),
        "stale": float(_most_stale(lived, rule.stale_s * NS_PER_SECOND, start, end)),
    }
    return tuple(
        Figure(name, value, most[name], name != "frequent_share" or len(raised) >= rule.fewest)
        for name, value in found.items()
    )


def _periods(times: TimeArray, start: int, end: int, length: int) -> NDArray[np.int64]:
    """How many were raised in each period since `start`; the last one may be shorter."""
    return np.bincount((times - start) // length, minlength=-(-(end - start) // length)).astype(np.int64)


def _flood_share(counts: NDArray[np.int64], flood: int, over: int) -> float:
    """Share of the periods from one with more than `flood` to the one before the first with fewer than `over`."""
    flooded, total = False, 0
    for count in counts.tolist():
        flooded = count > flood or (flooded and count >= over)
        total += flooded
    return total / len(counts) if len(counts) else 0.0


def _chattering(raised: Sequence[Lived], times: int, within: int) -> int:
    """How many alarms were raised `times` times within that time at least once."""
    when: dict[Subject, list[int]] = defaultdict(list)
    for alert in raised:
        when[alert.subject].append(alert.raised_at)
    return sum(
        any(later - earlier <= within for earlier, later in zip(of_one, of_one[times - 1 :], strict=False))
        for of_one in when.values()
    )


def _is_fleeting(alert: Lived, within: int) -> bool:
    return alert.over_at is not None and alert.over_at - alert.raised_at <= within


def _most_stale(lived: Sequence[Lived], after: int, start: int, end: int) -> int:
    """The most that were stale on any day since `start`."""
    days = max(-(-(end - start) // NS_PER_DAY), 0)
    change = np.zeros(days + 1, np.int64)
    for alert in lived:
        since, over = max(alert.raised_at + after, start), end if alert.over_at is None else min(alert.over_at, end)
        if since < over:
            change[(since - start) // NS_PER_DAY] += 1
            change[-(-(over - start) // NS_PER_DAY)] -= 1
    return int(np.cumsum(change).max(initial=0))
