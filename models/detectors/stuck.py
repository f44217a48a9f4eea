"""Notices a sensor that shows the same value again and again: frozen, saturated, or repeated by its gateway.

How often a series repeats itself depends on its resolution and on what it measures, so each is compared with itself: a
run of equal values is too long when it is several times as long as the longest one so far. Zero does not count, since
machines stand still; nor does a series that hardly ever changes, since set points and states do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.reading import NEVER, NS_PER_DAY, NS_PER_SECOND, FloatArray, IntArray, ReadingBatch, TimeArray
from ingest.rows import StateTable

TIMES = 5
"""A run is too long when it has so many times the readings of the longest one before it …"""
LEAST_RUN = 60
LEAST_NS = 600 * NS_PER_SECOND
"""… and at least so many readings and 10 minutes."""
CHANGES = 64
"""A series that changed less often than this is not expected to change."""
SEEN_NS = NS_PER_DAY
"""Nor is one that was not seen for a day: it has its nights."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A series gets stuck or moves again."""

    row: int
    """Row of the batch that showed it."""
    series: int
    begins: bool
    at: int
    """Event time in ns."""
    value: float = np.nan
    since: int = NEVER
    """Where it begins: event time in ns of the first reading of the run."""
    run: int = 0
    """Where it begins: readings of the run, and of the longest one before it."""
    longest: int = 0


_FOUND = np.dtype(
    [("row", np.int64), ("begins", np.bool_), ("since", np.int64), ("run", np.int64), ("longest", np.int64)], align=True
)


class _Found(Protocol):
    """What becomes a `Turn`."""

    row: int
    begins: bool
    since: int
    run: int
    longest: int


class _Series(Protocol):
    """A record of the state."""

    value: float
    since: int
    run: int
    longest: int
    changes: int
    stuck: bool


class Stuck:
    """The present run of every series and its longest one."""

    def __init__(self) -> None:
        self._state = StateTable(
            {
                "value": (np.float64, (), np.nan),
                "since": (np.int64, (), NEVER),
                "run": (np.int64, (), 0),
                "longest": (np.int64, (), 1),
                "changes": (np.int64, (), 0),
                "stuck": (np.bool_, (), False),
            }
        )

    def advance(self, batch: ReadingBatch, first: TimeArray) -> list[Turn]:
        """Take in readings that are new in their series; who gets stuck and who moves again, in order of the rows.

        `first` is the time in ns of the first reading of every series, shape (n_series,).
        """
        self._state.resize(len(first))
        turns: Any = np.empty(len(batch), _FOUND)
        n = _advance(self._state.records, batch.series, batch.time, batch.value, first, turns)
        return [_turn(batch, *turn) for turn in turns[:n].tolist()]

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per series."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        self._state.restore(saved, series)


def _turn(batch: ReadingBatch, row: int, begins: bool, since: int, run: int, longest: int) -> Turn:
    series, at = int(batch.series[row]), int(batch.time[row])
    if not begins:
        return Turn(row, series, False, at)
    return Turn(row, series, True, at, float(batch.value[row]), since, run, longest)


@compiled
def _advance(
    records: Sequence[_Series],
    series: IntArray,
    time: TimeArray,
    value: FloatArray,
    first: TimeArray,
    turns: Sequence[_Found],
) -> int:
    """Fill in the turns; how many there are."""
    n = 0
    for row in range(len(series)):
        state = records[series[row]]
        before = state.stuck
        if value[row] == state.value:
            state.run += 1
            state.stuck = before or _too_long(state, time[row], first[series[row]])
        else:
            _move(state, value[row], time[row])
        if state.stuck != before:
            turn = turns[n]
            turn.row, turn.begins = row, state.stuck
            turn.since, turn.run, turn.longest = state.since, state.run, state.longest
            n += 1
    return n


@compiled
def _move(state: _Series, value: float, at: int) -> None:
    """Another value: the run is over, and a new one begins."""
    if state.run > 0:
        state.changes += 1
        if state.value != 0.0:
            state.longest = max(state.longest, state.run)
    state.value, state.since, state.run, state.stuck = value, at, 1, False


@compiled
def _too_long(state: _Series, at: int, first: int) -> bool:
    long = state.run >= max(LEAST_RUN, TIMES * state.longest) and at - state.since >= LEAST_NS
    return long and state.value != 0.0 and state.changes >= CHANGES and at - first >= SEEN_NS
