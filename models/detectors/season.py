"""Knows the course of the day of every series: what is usual at an hour is no deviation.

    reading ─▶ mean of its hour ─▶ profile of the day ─▶ how far off it was, day by day ─▶ how much it counts
       └─────▶ less what the profile explains of it ─▶ Shift

The additive seasonal profile of exponential smoothing (Winters, "Forecasting sales by exponentially weighted moving
averages", Management Science 6, 1960), with an index for each hour of the day (UTC). It counts as far as it was right
on every day of the last weeks, weekends too, and only where the day is a course: what is switched on and off at an hour
is some minutes early or late, and a profile would make an event of that. And it explains no more of a reading than
twice what it is away from its mean, so that a holiday is not made strange by the day that it is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.prefetch import prefetch
from ingest.reading import NS_PER_SECOND, FloatArray, IntArray, TimeArray
from ingest.rows import StateTable
from models.blocks import Keys

HOURS = 24
HOUR_NS = 3600 * NS_PER_SECOND
LEAST = 2
"""Days on which an hour was seen before its index says anything."""
MEMORY = 28
"""Days over which an index is learned: a fault that grows for a week is not the day's course."""
IN_FULL, NOT_AT_ALL = 0.6, 0.9
"""Off on its worst day by so much of what the mean alone is off, the profile counts in full; by so much, not at all."""
MOST_OFF, FADE = 1.2, 0.03
"""No day counts as worse than this, and each makes less of those before by so much: a bad one is felt for two weeks."""
STEP = 0.5
"""A day whose neighbouring hours differ by more than this share of its range is no course, but a switch."""
CLIPPED, TRIED = 4.0, 72.0
"""An hour farther off than CLIPPED times the usual distance from the mean, of TRIED hours, counts as that far."""
ROOM = 2.0
"""No more of a reading is explained than this many times its distance from the mean."""
MOST = 1e30
"""Hours with a mean beyond teach nothing: no quantity is larger, and an index has to find room."""
AHEAD = 8
"""Rows from the one that is worked on to the one whose record is fetched."""


class _Series(Protocol):
    """A record of the state."""

    hour: int
    """The open one, in hours since the epoch, with its readings: their sum and, below, their number."""
    sum: float
    mean: float
    """Of the hours of the last weeks."""
    share: float
    """How much the profile counts, 0 … 1."""
    count: int
    learned: int
    """Hours so far."""
    days: NDArray[np.uint8]
    """On how many days each hour was seen; no more than MEMORY are counted. What most readings need ends here."""
    profile: NDArray[np.float32]
    """How far each hour of the day lies from the mean."""
    day_off: float
    """Sums over the open day: how far the profile was off, and the mean alone."""
    day_alone: float
    usual: float
    """Mean distance of an hour from the mean."""
    worst: float
    """How far off it was on its worst day, as a share of what the mean was; it fades."""
    tried: int
    """Hours that were foretold."""


class Season:
    """Mean and profile of the day of every series."""

    def __init__(self) -> None:
        self._state = StateTable(
            {
                "hour": (np.int64, (), 0),
                "sum": (np.float64, (), 0.0),
                "mean": (np.float64, (), 0.0),
                "share": (np.float64, (), 0.0),
                "count": (np.int32, (), 0),
                "learned": (np.int32, (), 0),
                "days": (np.uint8, (HOURS,), 0),
                "profile": (np.float32, (HOURS,), 0.0),
                "day_off": (np.float64, (), 0.0),
                "day_alone": (np.float64, (), 0.0),
                "usual": (np.float64, (), 0.0),
                "worst": (np.float32, (), 0.0),
                "tried": (np.int32, (), 0),
            }
        )

    def resize(self, n_series: int) -> None:
        """Make room for that many series."""
        self._state.resize(n_series)

    def explain(self, series: Keys, value: FloatArray, time: TimeArray) -> FloatArray:
        """What of values of `series`, read at `time` (ns) and each newer than its last, the hour explains; then learn.

        In the unit of the values, zero where nothing is known.
        """
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
        out[row] = 0.0
        if state.share > 0.0:
            out[row] = _between(ROOM * (value[row] - state.mean), _index(state, time[row] - hour * HOUR_NS))


@compiled
def _fetch(records: Sequence[_Series], series: Keys, row: int) -> None:
    """Have what most readings need of a record fetched: its first line."""
    if row < len(series):
        prefetch(records[series[row]], 0)


@compiled
def _between(most: float, index: float) -> float:
    """As much of the index as there is room for between zero and `most`."""
    return float(min(max(most, min(index, 0.0)), max(index, 0.0)))


@compiled
def _index(state: _Series, since: int) -> float:
    """How far the series usually is from its mean, as far as that counts: between the middles of two hours.

    `since` is the time since the open hour began, in ns.
    """
    hour = state.hour % HOURS
    past = since / HOUR_NS - 0.5
    other = (hour + 1) % HOURS if past > 0.0 else (hour - 1) % HOURS
    if state.days[hour] < LEAST or state.days[other] < LEAST:
        return 0.0
    return float(state.share * (state.profile[hour] + abs(past) * (state.profile[other] - state.profile[hour])))


@compiled
def _learn(state: _Series) -> None:
    """The open hour ends."""
    mean, hour = state.sum / state.count, state.hour % HOURS
    if not abs(mean) <= MOST:
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
    state.mean += away / min(state.learned, MEMORY * HOURS)


@compiled
def _try(state: _Series, away: float, apart: float) -> float:
    """How an hour was foretold by the mean and by the profile; how far apart as far as that is learned."""
    reach = CLIPPED * state.usual if state.tried >= HOURS else np.inf
    clipped = min(max(apart, -reach), reach)
    state.tried += 1
    state.usual += (abs(away) - state.usual) / min(float(state.tried), TRIED)
    state.day_off += abs(clipped)
    state.day_alone += min(abs(away), reach)
    if state.tried % HOURS == 0:
        _end_day(state)
    return float(clipped)


@compiled
def _end_day(state: _Series) -> None:
    """So many hours were foretold: how much the profile counts from now on."""
    off = min(state.day_off / state.day_alone, MOST_OFF) if state.day_alone > 0.0 else MOST_OFF
    state.worst = max(off, state.worst - FADE)
    state.share = min(max((NOT_AT_ALL - state.worst) / (NOT_AT_ALL - IN_FULL), 0.0), 1.0)
    if not _is_course(state.profile):
        state.share = 0.0
    state.day_off, state.day_alone = 0.0, 0.0


@compiled
def _is_course(profile: NDArray[np.float32]) -> bool:
    """Whether the hours follow each other without a jump."""
    low, high, step = profile[0], profile[0], np.float32(0.0)
    for hour in range(HOURS):
        low, high = min(low, profile[hour]), max(high, profile[hour])
        step = max(step, abs(profile[hour] - profile[hour - 1]))
    return bool(step <= np.float32(STEP) * (high - low))
