"""When followed series will cross their limits: looked for in days' levels, and in blocks of three hours.

    days      each day's highest three-hour mean, up to 96 days         ── slow wear, weeks to months ahead
    blocks    three-hour means less what that hour of the day usually    ── trouble of the last six days, hours to days
              was in the weeks before

A rhythm of the day is in neither: the first compares days, the second the same hours. Times when a machine stands still
are left out. Something is said only where the growth is real, has been seen for at least as long as the crossing is
away, and the interval is worth telling. The lower limits of a series are looked at upside down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ingest.reading import FloatArray, TimeArray
from models.levels import BLOCK_NS, BLOCKS_PER_DAY, DAYS, Closed, Keys
from models.trend import Trend, find_trend

REAL = 10.0
"""Log likelihood ratio from which growth counts as real (measured: docs/forecast.md)."""
AHEAD = 1.0
"""No forecast looks further ahead than this many times as long as the growth has been seen."""
VAGUE = 8.0
"""An interval whose later end is more than this many times as far away as the earlier one says nothing."""
STANDING = 6.0
"""A level this many usual distances below its neighbours is of a machine that stands still."""
FEWEST_DAYS = 8
RECORDS = (12, 24, 48, DAYS)
"""Lengths of record that are looked at, in days: the shortest that holds what there is."""
MOVING = 2.0
"""Blocks: nothing is looked for unless the last day lies this many usual distances above what is usual."""
RECENT_DAYS = 6
"""Blocks: growth is looked for in these days, against the days before."""
WINDOW_DAYS = 12
FEWEST_REFERENCE_DAYS = 7
FEWEST_BLOCKS = 24
DAY_NS = BLOCKS_PER_DAY * BLOCK_NS
_Found: TypeAlias = tuple[int, float, int, int, int, int, float, float, float]
"""A row of `Outlooks`."""


@dataclass(frozen=True, slots=True)
class Outlooks:
    """Limits that will be crossed, columns of one length; times in ns UTC, an interval of 80 %."""

    place: Keys
    """Which of the closed blocks it is about."""
    limit: FloatArray
    earliest_at: TimeArray
    likely_at: TimeArray
    latest_at: TimeArray
    since: TimeArray
    """Likely onset of the growth."""
    level: FloatArray
    """What the level is now, the rhythm of the day at its highest included."""
    slope: FloatArray
    """Growth per day, lately; negative towards a lower limit."""
    evidence: FloatArray
    """See `models.trend.Trend`."""

    def __len__(self) -> int:
        """Number of limits that will be crossed."""
        return len(self.place)


def outlooks(closed: Closed, high: FloatArray, low: FloatArray) -> Outlooks:
    """What will be crossed, of series whose blocks ended.

    `high` and `low` hold their limits, shape (n_closed, n_limits), infinite and -infinite where there is none.
    """
    found: list[_Found] = []
    for sign, limits, days in ((1.0, high, closed.highs), (-1.0, -low, closed.lows)):
        asked = np.isfinite(limits).any(axis=1)
        if (asked & closed.new_day).any():
            looked = np.asarray(asked & closed.new_day)
            some = np.flatnonzero(looked)
            found += _by_days(sign * days[some], closed.only(looked), limits[some], sign, some)
        if asked.any():
            some = np.flatnonzero(asked)
            found += _by_blocks(sign * closed.means[some], closed.only(np.asarray(asked)), limits[some], sign, some)
    return _as_columns(found)


def _as_columns(found: list[_Found]) -> Outlooks:
    place, limit, earliest, likely, latest, since, level, slope, evidence = (
        zip(*found, strict=True) if found else ((),) * 9
    )
    at = np.array([earliest, likely, latest, since], np.int64)
    now = np.array([level, slope, evidence], np.float64)
    return Outlooks(np.array(place, np.int64), np.array(limit, np.float64), at[0], at[1], at[2], at[3], *now)


def _by_days(days: FloatArray, closed: Closed, limits: FloatArray, sign: float, some: Keys) -> list[_Found]:
    """Growth over days. The last level stands for the middle of its day."""
    levels = running_only(days)
    there = np.isfinite(levels)
    middle = median(levels, 1)
    spread = median(np.abs(levels - middle[:, None]), 1)
    moving = (there.sum(axis=1) >= FEWEST_DAYS) & (median(levels[:, -3:], 1) > middle + spread)
    found = []
    for i in np.flatnonzero(moving).tolist():
        size = next(size for size in RECORDS if there[i, : DAYS - size].sum() == 0)
        trend = find_trend(levels[i, -size:])
        if trend is not None and trend.evidence >= REAL:
            now = (int(closed.block[i]) // BLOCKS_PER_DAY) * DAY_NS + DAY_NS // 2
            found += _crossings(_Growth(trend, now, DAY_NS, 0.0, float(days[i, -1])), limits[i], sign, int(some[i]))
    return found


def _by_blocks(means: FloatArray, closed: Closed, limits: FloatArray, sign: float, some: Keys) -> list[_Found]:
    """Growth over the last days' blocks, less what the same hours usually were before."""
    by_day = means.reshape(len(means), -1, BLOCKS_PER_DAY)
    known = np.isfinite(by_day[:, :-RECENT_DAYS]).any(axis=2).sum(axis=1) >= FEWEST_REFERENCE_DAYS
    usual = median(by_day[:, :-RECENT_DAYS], 1)
    residual = by_day - usual[:, None, :]
    spread = 1.4826 * median(np.abs(residual[:, :-RECENT_DAYS].reshape(len(means), -1)), 1)
    residual = np.where(residual < -STANDING * spread[:, None, None], np.nan, residual)
    moving = known & (median(residual[:, -1], 1) > MOVING * spread)
    found = []
    for i in np.flatnonzero(moving).tolist():
        window = residual[i, -WINDOW_DAYS:].reshape(-1)
        if np.isfinite(window).sum() < FEWEST_BLOCKS:
            continue
        trend = find_trend(window, earliest=(WINDOW_DAYS - RECENT_DAYS) * BLOCKS_PER_DAY)
        if trend is not None and trend.evidence >= REAL:
            now = int(closed.block[i]) * BLOCK_NS + BLOCK_NS // 2
            highest = float(np.fmax.reduce(means[i, -BLOCKS_PER_DAY:]))
            growth = _Growth(trend, now, BLOCK_NS, float(np.fmax.reduce(usual[i])), highest)
            found += _crossings(growth, limits[i], sign, int(some[i]))
    return found


@dataclass(frozen=True, slots=True)
class _Growth:
    """The trend of one series, and what its steps mean."""

    trend: Trend
    now: int
    step_ns: int
    top: float
    """What the rhythm of the day adds to the levels at its highest."""
    highest: float
    """The last day's highest level as it was."""


def _crossings(seen: _Growth, limits: FloatArray, sign: float, place: int) -> list[_Found]:
    """The limits that the growth will cross, as rows of `Outlooks`."""
    trend, found = seen.trend, []
    for limit in limits[(limits > seen.highest) & np.isfinite(limits)].tolist():
        early, middle, late = trend.crossing(limit - seen.top)
        if middle <= AHEAD * trend.span and late <= VAGUE * max(early, 1.0):
            earliest, likely, latest = (seen.now + int(steps * seen.step_ns) for steps in (early, middle, late))
            since = seen.now - int(trend.span * seen.step_ns)
            slope = sign * trend.slope * (DAY_NS / seen.step_ns)
            level = sign * (trend.level + seen.top)
            found.append((place, sign * limit, earliest, likely, latest, since, level, slope, trend.evidence))
    return found


def running_only(levels: FloatArray) -> FloatArray:
    """Levels without those of days on which the machine stood still, shape (n_series, n); NaN in their place."""
    padded = np.pad(levels, ((0, 0), (3, 3)), constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, 7, axis=1)
    distance = levels - median(around, 2)
    usual = 1.4826 * median(np.abs(distance), 1)
    return np.where(distance < -STANDING * usual[:, None] - 1e-12, np.nan, levels)


def median(values: FloatArray, axis: int) -> FloatArray:
    """The median over an axis of what is there; NaN where nothing is.

    >>> median(np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]]), 1).tolist()
    [2.0, nan]
    """
    ordered = np.sort(values, axis=axis)  # NaN comes last
    count = np.isfinite(values).sum(axis=axis, keepdims=True)
    lower = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis)
    upper = np.take_along_axis(ordered, np.minimum(count // 2, values.shape[axis] - 1), axis)
    return np.asarray(((lower + upper) / 2.0).squeeze(axis))
