"""Sets the ALARM of vibration from each machine's own baseline: so much above it, never far above zone B/C.

    days that ended ─▶ settled level of a week's running ─▶ baseline ─▶ baseline + 25 % of B/C, at most 1.25 × B/C

The run-in guard: no baseline before seven days of running whose level has settled, for a machine that is new or was
overhauled changes by itself at first. A level that stays a tenth lower for four weeks, after a repair, becomes the new
baseline; one that rises never does. Days on which the machine stands still do not count.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from alerts.limits import LimitTable
from ingest.reading import FloatArray, ReadingBatch
from models.detectors.limits import Boundary, LimitRule, alarm_setting
from models.forecast import running_only
from models.levels import Closed

RUN_IN_DAYS = 7
"""Days of running that make a baseline, the fewest that hold a week's work."""
LOWER_DAYS = 28
"""Days of running at a lower level that make it the new baseline."""
SETTLED = 0.1
"""Share by which the beginning and the end of these days may differ."""


def settled_level(days: FloatArray, count: int) -> float | None:
    """The level of the last `count` days of running, if it has settled; None otherwise.

    `days` are days' levels, oldest first, shape (n_days,), NaN where there is none.

    >>> settled_level(np.array([0.4, 0.7, 1.0, 1.1, 1.05, 1.0, 1.1, 1.0, 1.0]), 7)
    1.0
    >>> settled_level(np.array([3.0, 2.5, 2.1, 1.8, 1.5, 1.3, 1.1]), 7) is None
    True
    """
    there = days[np.isfinite(days)]
    if len(there) < count:
        return None
    last = there[-count:]
    third = count // 3
    begins, ends = float(np.median(last[:third])), float(np.median(last[-third:]))
    return float(np.median(last)) if abs(ends - begins) <= SETTLED * abs(begins) else None


class AlarmSettings:
    """The baselines of the series that have an ALARM, and what follows for each reading."""

    def __init__(self, limits: LimitTable) -> None:
        self._limits = limits
        self._baseline: dict[int, float] = {}

    def baseline(self, series: int) -> float | None:
        """What is known about a series, in its unit."""
        return self._baseline.get(series)

    def limits(self, batch: ReadingBatch) -> FloatArray:
        """The ALARM limit of each row as of before the batch, infinite where there is none; `learn` keeps it true."""
        if not self._baseline:
            return np.full(len(batch), np.inf)
        series, place = np.unique(batch.series, return_inverse=True)
        return np.array([self._limit(number) for number in series.tolist()], np.float64)[place]

    def learn(self, closed: Closed, batch: ReadingBatch, limits: FloatArray) -> None:
        """Look at days that ended; a new baseline counts from the row on with which its day ended."""
        asked = [new_day and self._rule(series) is not None for series, new_day in _days(closed)]
        chosen = closed.only(np.array(asked, np.bool_))
        if not len(chosen.row):
            return
        days = running_only(chosen.highs)
        for place, series in enumerate(chosen.series.tolist()):
            if self._changes(series, days[place]):
                rows = np.flatnonzero(batch.series == series)
                limits[rows[rows >= chosen.row[place]]] = self._limit(series)

    def _changes(self, series: int, days: FloatArray) -> bool:
        known = self._baseline.get(series)
        found = settled_level(days, RUN_IN_DAYS if known is None else LOWER_DAYS)
        if found is None or (known is not None and found >= (1.0 - SETTLED) * known):
            return False
        self._baseline[series] = found
        return True

    def _limit(self, series: int) -> float:
        baseline = self._baseline.get(series)
        rule = None if baseline is None else self._rule(series)
        if baseline is None or rule is None or rule.high is None:
            return np.inf
        return alarm_setting().limit(baseline, rule.high)

    def _rule(self, series: int) -> LimitRule | None:
        """The series' rule of ALARM."""
        return next((rule for rule in self._limits.of(series) if rule.boundary is Boundary.ALARM), None)

    def save(self) -> list[tuple[int, float]]:
        """(series number, baseline)."""
        return list(self._baseline.items())

    def restore(self, saved: Iterable[tuple[int, float]]) -> None:
        """Take back what `save` gave."""
        self._baseline = dict(saved)


def _days(closed: Closed) -> list[tuple[int, bool]]:
    return list(zip(closed.series.tolist(), closed.new_day.tolist(), strict=True))
