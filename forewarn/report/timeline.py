"""When alerts were open: lanes of bars for each device and configuration, and how many were raised in each period."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from alerts.alert import Alert, Severity
from forewarn.history.pairing import over_at
from forewarn.report.plot import DAY, HOUR, local
from ingest.reading import NS_PER_SECOND

PERIODS_S = (HOUR, 6 * HOUR, DAY, 7 * DAY, 28 * DAY)
MOST_PERIODS = 100


@dataclass(frozen=True, slots=True)
class Bar:
    """A span on an axis of time, in shares of it."""

    left: float
    width: float
    raised: float
    alert: Alert

    @property
    def tone(self) -> str:
        """The class of its colour."""
        return f"tone-{self.alert.severity}"


def bars(alerts: Sequence[Alert], start: int, end: int, run_end: int) -> list[Bar]:
    """The alerts that are open at some time of the window; `run_end` is when the history ends, all ns UTC."""
    length = end - start
    found = []
    for alert in alerts:
        first, last = max(alert.onset_at, start), min(over_at(alert, run_end), end)
        if first <= last and alert.raised_at <= end:
            raised = max(alert.raised_at - start, 0) / length
            found.append(Bar((first - start) / length, (last - first) / length, raised, alert))
    return found


@dataclass(frozen=True, slots=True)
class Period:
    """How many alerts of each severity were raised in a stretch of time."""

    left: float
    width: float
    numbers: tuple[tuple[Severity, int], ...]
    """The most severe first; without those that have none."""

    @property
    def total(self) -> int:
        """All of them."""
        return sum(number for _, number in self.numbers)


def period_length_s(start: int, end: int) -> int:
    """An hour, six hours, a day, a week or four: so that there are no more than a hundred in a span of ns UTC."""
    length = (end - start) / NS_PER_SECOND
    return next((step for step in PERIODS_S if length / step <= MOST_PERIODS), PERIODS_S[-1])


def periods(alerts: Sequence[Alert], start: int, end: int, zone: ZoneInfo) -> list[Period]:
    """Alerts by period of raising; periods begin at local midnight of the first day and each of their lengths after."""
    step = period_length_s(start, end)
    midnight = local(start, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    skipped = math.floor((local(start, zone) - midnight).total_seconds() / step)
    origin = int((midnight + timedelta(seconds=skipped * step)).timestamp()) * NS_PER_SECOND
    length = step * NS_PER_SECOND
    count = max(1, math.ceil((end - origin) / length))
    numbers = [dict.fromkeys(reversed(Severity), 0) for _ in range(count)]
    for alert in alerts:
        numbers[min(max((alert.raised_at - origin) // length, 0), count - 1)][alert.severity] += 1
    made = []
    for k, counts in enumerate(numbers):
        left, right = max(origin + k * length, start), min(origin + (k + 1) * length, end)
        there = tuple((severity, n) for severity, n in counts.items() if n)
        made.append(Period((left - start) / (end - start), max(right - left, 0) / (end - start), there))
    return made
