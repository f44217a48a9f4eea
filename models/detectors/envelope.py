"""Knows between which ends a series stayed on each of the last days: beyond all of them it is unusual, come what may.

    average over 30 readings ─▶ highest and lowest of each day ─▶ of 28 days ─▶ how far beyond ─▶ p-value
                                             └─▶ how much they differ from day to day ──┘

A machine that is stopped at weekends, or runs in several ways, has distances that know the stops, and trouble while it
runs is small beside them. Its days still end where they always did. The extremes of days are block maxima (Gumbel,
"Statistics of Extremes", 1958): beyond the highest of them chance falls off exponentially, on the scale on which they
differ. Of 869 normal days of recordings that had known eight others 17 went beyond by more than one such scale, two by
more than four and none by more than eight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.prefetch import prefetch
from ingest.reading import NS_PER_DAY, FloatArray, IntArray, TimeArray
from ingest.rows import StateTable
from models.blocks import Keys
from models.calibration import MIN_P
from models.evidence import UNUSUAL

DAYS = 28
"""Days with readings that are remembered (UTC)."""
LEAST_DAYS = 8
"""Whole days before anything is said: a week with its days off is the least to know."""
LEAST_SCALE, DUST = 0.02, 1e-9
"""The scale is at least LEAST_SCALE of the span between the ends, and DUST of what is farther from zero of them, for
arithmetic leaves a difference behind."""
AT_THE_END = 3.0
"""The p-value is this times exp(-scales beyond the end): nothing is said up to one scale, and it takes eight to twelve,
by how often there is a reading and how many metrics a device has, to open an alert alone."""
MOST = 1e30
"""A value beyond teaches nothing, and nothing is said of it here."""
TINY = 1e-12
AHEAD = 8
"""Rows from the one that is worked on to the one whose record is fetched."""


class _Series(Protocol):
    """A record of the state."""

    day: int
    """The open one, in days since the epoch."""
    days: int
    """That are closed and count; -2 before the first, which does not, for its beginning is missing."""
    low: float
    high: float
    """Ends of the open day; below, of the days that are remembered."""
    lowest: float
    highest: float
    down: float
    """The scales beyond them. What each reading needs ends here."""
    up: float
    lows: FloatArray
    highs: FloatArray


class Envelope:
    """The ends of the last days of every series."""

    def __init__(self) -> None:
        self._state = StateTable(
            {
                "day": (np.int64, (), 0),
                "days": (np.int64, (), -2),
                "low": (np.float64, (), np.inf),
                "high": (np.float64, (), -np.inf),
                "lowest": (np.float64, (), -np.inf),
                "highest": (np.float64, (), np.inf),
                "down": (np.float64, (), 1.0),
                "up": (np.float64, (), 1.0),
                "lows": (np.float64, (DAYS,), 0.0),
                "highs": (np.float64, (DAYS,), 0.0),
            }
        )

    def resize(self, n_series: int) -> None:
        """Make room for that many series."""
        self._state.resize(n_series)

    def follow(self, series: Keys, average: FloatArray, time: TimeArray, p_value: FloatArray, band: FloatArray) -> None:
        """Take in averages of `series` at `time` (ns), each newer than the last of its series.

        `p_value` becomes that of being beyond the ends where that is lower, and `band`, shape (3, n_readings), ends
        where the days did where that is what is unusual. Nothing is said where the band is NaN.
        """
        _follow(self._state.records, series, average, time, MIN_P, UNUSUAL, p_value, band)

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per series."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        self._state.restore(saved, series)


@compiled
def _follow(
    records: Sequence[_Series],
    series: Keys,
    average: FloatArray,
    time: TimeArray,
    least: float,
    unusual: float,
    p_value: FloatArray,
    band: FloatArray,
) -> None:
    for row in range(len(series)):
        _fetch(records, series, row + AHEAD)
        state, value, day = records[series[row]], average[row], time[row] // NS_PER_DAY
        if not abs(value) <= MOST:
            continue
        if day != state.day:
            _close(state)
            state.day, state.low, state.high = day, value, value
        state.low, state.high = min(state.low, value), max(state.high, value)
        if state.lowest <= value <= state.highest or np.isnan(band[0, row]):
            continue
        beyond = max((value - state.highest) / state.up, (state.lowest - value) / state.down)
        if beyond <= 1.0:
            continue
        found = max(AT_THE_END * np.exp(-beyond), least)
        if found < p_value[row]:
            p_value[row] = found
            if found <= unusual:
                band[1, row], band[2, row] = state.lowest, state.highest


@compiled
def _fetch(records: Sequence[_Series], series: Keys, row: int) -> None:
    """Have what a reading needs of its record fetched: its first line."""
    if row < len(series):
        prefetch(records[series[row]], 0)


@compiled
def _close(state: _Series) -> None:
    """The open day ends."""
    if state.days >= 0:
        at = state.days % DAYS
        state.lows[at], state.highs[at] = state.low, state.high
    state.days += 1
    known = min(state.days, DAYS)
    if known < LEAST_DAYS:
        return
    state.lowest, state.highest = state.lows[:known].min(), state.highs[:known].max()
    scale = LEAST_SCALE * (state.highest - state.lowest) + DUST * max(abs(state.lowest), abs(state.highest)) + TINY
    state.down, state.up = max(_scale(state.lows, state.days), scale), max(_scale(state.highs, state.days), scale)


@compiled
def _scale(ends: FloatArray, days: int) -> float:
    """How much the ends of one day differ from those of the next: the median, so that days off do not count."""
    steps = np.empty(min(days, DAYS) - 1)
    for k in range(len(steps)):
        steps[k] = abs(ends[(days - 1 - k) % DAYS] - ends[(days - 2 - k) % DAYS])
    steps.sort()
    return float(steps[len(steps) // 2])
