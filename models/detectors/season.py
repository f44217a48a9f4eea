"""Knows the course of the day of every series: what is usual at an hour is no deviation.

    reading ─▶ mean of its hour ─▶ profile of the day, and how often it foretells better than the mean alone
       └─────▶ less what the profile explains of it ─▶ Shift

The additive seasonal profile of exponential smoothing (Winters, "Forecasting sales by exponentially weighted moving
averages", Management Science 6, 1960), with an index for each hour of the day. It counts as far as it has proved to
foretell, and only what lies between the mean and the profile is explained: a machine that stands still on a holiday is
where it is at night, and not wrong for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.prefetch import LINE, prefetch
from ingest.reading import NS_PER_SECOND, FloatArray, IntArray, TimeArray
from ingest.rows import StateTable
from models.blocks import Keys

HOURS = 24
HOUR_NS = 3600 * NS_PER_SECOND
LEAST = 2
"""Days on which an hour was seen before its index says anything."""
MEMORY = 28.0
"""Days over which an index is learned."""
TRIED = 72.0
"""Hours over which it is learned how far off the profile is, and the mean alone, …"""
SURE = 24
"""… and after so many of them it is used:"""
NOT_AT_ALL, IN_FULL = 0.9, 0.6
"""… not at all where it is off by this share of what the mean is, in full where by no more than that one."""
HALF = 2.0
STEP = 9.0
WORST = 1
MOST_OFF = 1.2
FADE = 0.04
WIDE = 1
CLIP = 4.0
"""An hour farther from its index than this many usual distances counts as this many when it is learned."""
AHEAD = 8
"""Rows from the one that is worked on to the one whose record is fetched."""


class _Series(Protocol):
    """A record of the state."""

    hour: int
    """The open one, in hours since the epoch, with its readings: their sum and number."""
    sum: float
    count: int
    mean: float
    """Of the hours of the last days."""
    share: float
    """How much the profile counts, 0 … 1."""
    off: float
    """Mean distance of an hour from what the profile foretold, …"""
    off_clipped: float
    """… the same clipped, and that from the mean alone."""
    alone: float
    learned: int
    """Hours so far, and those that were foretold."""
    tried: int
    profile: NDArray[np.float32]
    """How far each hour of the day lies from the mean."""
    days: NDArray[np.uint8]
    """On how many days each was seen; at most MEMORY of them are counted."""


class Season:
    """Mean and profile of the day of every series."""

    def __init__(self) -> None:
        self._state = StateTable(
            {
                "hour": (np.int64, (), 0),
                "sum": (np.float64, (), 0.0),
                "count": (np.int64, (), 0),
                "mean": (np.float64, (), 0.0),
                "share": (np.float64, (), 0.0),
                "off": (np.float64, (), 0.0),
                "off_clipped": (np.float64, (), 0.0),
                "alone": (np.float64, (), 0.0),
                "worst": (np.float64, (), 0.0),
                "day_off": (np.float64, (), 0.0),
                "day_alone": (np.float64, (), 0.0),
                "learned": (np.int64, (), 0),
                "tried": (np.int64, (), 0),
                "profile": (np.float32, (HOURS,), 0.0),
                "days": (np.uint8, (HOURS,), 0),
            }
        )

    def resize(self, n_series: int) -> None:
        """Make room for that many series."""
        self._state.resize(n_series)

    def explain(self, series: Keys, value: FloatArray, time: TimeArray) -> FloatArray:
        """How much of values of `series`, read at `time` (ns), is their hour's; each is newer than the last one."""
        explained = np.empty(len(series))
        _explain(self._state.records, series, value, time, explained)
        return explained

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per series."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        self._state.restore(saved, series)


@compiled
def _explain(records: Sequence[_Series], series: Keys, value: FloatArray, time: TimeArray, out: FloatArray) -> None:
    for row in range(len(series)):
        _fetch(records, series, row + AHEAD)
        state, hour = records[series[row]], time[row] // HOUR_NS
        if hour != state.hour:
            if state.count > 0:
                _learn(state)
            state.hour, state.sum, state.count = hour, 0.0, 0
        state.sum += value[row]
        state.count += 1
        out[row] = _between(HALF * (value[row] - state.mean), _index(state, time[row])) if state.share > 0.0 else 0.0


@compiled
def _fetch(records: Sequence[_Series], series: Keys, row: int) -> None:
    """Have a reading's record fetched."""
    if row < len(series):
        for offset in (0, LINE, 2 * LINE):
            prefetch(records[series[row]], offset)


@compiled
def _between(away: float, usual: float) -> float:
    """What of the distance from the mean lies on the way to where it usually is."""
    return float(min(max(away, min(usual, 0.0)), max(usual, 0.0)))


@compiled
def _envelope(state, away, hour):
    low = high = 0.0
    for k in range(hour - WIDE, hour + WIDE + 1):
        if state.days[k % HOURS] < LEAST:
            return 0.0
        usual = state.share * state.profile[k % HOURS]
        low, high = min(low, usual), max(high, usual)
    return min(max(away, low), high)


@compiled
def _index(state: _Series, time: int) -> float:
    """How far the series usually is from its mean, as far as that counts: between the middles of two hours."""
    hour = (time // HOUR_NS) % HOURS
    past = (time % HOUR_NS) / HOUR_NS - 0.5
    other = (hour + 1) % HOURS if past > 0.0 else (hour - 1) % HOURS
    if state.days[hour] < LEAST or state.days[other] < LEAST:
        return 0.0
    return float(state.share * (state.profile[hour] + abs(past) * (state.profile[other] - state.profile[hour])))


@compiled
def _learn(state: _Series) -> None:
    """The open hour ends."""
    mean, hour = state.sum / state.count, state.hour % HOURS
    if not np.isfinite(mean):  # values themselves overflow: they teach nothing
        return
    if state.learned == 0:
        state.mean = mean
    away = mean - state.mean
    apart = away - state.profile[hour]
    if state.days[hour] >= LEAST:
        apart = _try(state, away, apart)
    state.days[hour] = min(state.days[hour] + 1, MEMORY)
    state.profile[hour] += apart / state.days[hour]
    state.learned += 1
    state.mean += away / min(float(state.learned), MEMORY * HOURS)


@compiled
def _smooth(profile):
    low = high = profile[HOURS - 1]
    step = 0.0
    for k in range(HOURS):
        low, high = min(low, profile[k]), max(high, profile[k])
        step = max(step, abs(profile[k] - profile[k - 1]))
    return step <= STEP * (high - low)


@compiled
def _try(state: _Series, away: float, apart: float) -> float:
    """How well the profile foretold an hour; how far apart they are as far as that is learned."""
    state.tried += 1
    weight = 1.0 / min(float(state.tried), TRIED)
    reach = CLIP * state.off if state.tried > SURE else np.inf
    state.off += weight * (abs(apart) - state.off)
    state.off_clipped += weight * (min(abs(apart), reach) - state.off_clipped)
    state.alone += weight * (min(abs(away), reach) - state.alone)
    state.day_off += min(abs(apart), reach)
    state.day_alone += min(abs(away), reach)
    if state.tried % HOURS == 0:
        ratio = min(state.day_off / state.day_alone, MOST_OFF) if state.day_alone > 0.0 else MOST_OFF
        state.worst = max(ratio, state.worst - FADE)
        state.day_off, state.day_alone = 0.0, 0.0
    if state.tried >= SURE and state.alone > 0.0:
        off = state.worst if WORST else state.off_clipped / state.alone
        state.share = min(max((NOT_AT_ALL - off) / (NOT_AT_ALL - IN_FULL), 0.0), 1.0)
        if not _smooth(state.profile):
            state.share = 0.0
    return float(min(max(apart, -reach), reach))
