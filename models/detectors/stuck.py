"""Notices a sensor that shows the same value again and again: frozen, saturated, or repeated by its gateway.

How often a series repeats itself depends on its resolution and on what it measures, so each is compared with itself: a
run of equal values is too long when it is several times as long as the longest one so far. Zero does not count, since
machines stand still; nor does a series that hardly ever changes, since set points and states do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import NS_PER_SECOND, BoolArray, FloatArray, IntArray, ReadingBatch, TimeArray
from ingest.rows import Rows, StateTable
from ingest.runs import run_ends, run_starts, shifted
from models.blocks import Keys
from models.detectors.interval import NEVER

TIMES = 5
"""A run is too long when it has so many times the readings of the longest one before it …"""
LEAST_RUN = 60
LEAST_NS = 600 * NS_PER_SECOND
"""… and at least so many readings and 10 minutes."""
CHANGES = 64
"""A series that changed less often than this is not expected to change."""
SEEN_NS = 86_400 * NS_PER_SECOND
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


@dataclass(slots=True)
class _Series:
    """Where one series stands."""

    first: int
    value: float
    since: int
    run: int
    longest: int
    changes: int
    stuck: bool

    def take(self, row: int, series: int, value: float, at: int) -> Turn | None:
        """The next reading."""
        if value == self.value:
            self.run += 1
        else:
            if self.run and self.value != 0.0:
                self.longest = max(self.longest, self.run)
            self.changes += self.run > 0
            self.value, self.since, self.run = value, at, 1
            if self.stuck:
                self.stuck = False
                return Turn(row, series, False, at)
        if self.stuck or not self._too_long(at):
            return None
        self.stuck = True
        return Turn(row, series, True, at, value, self.since, self.run, self.longest)

    def _too_long(self, at: int) -> bool:
        long = self.run >= max(LEAST_RUN, TIMES * self.longest) and at - self.since >= LEAST_NS
        return long and self.value != 0.0 and self.changes >= CHANGES and at - self.first >= SEEN_NS


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
        if not len(batch):
            return []
        order = np.argsort(batch.series, kind="stable")
        runs = _Runs(self._state, batch.series[order].astype(np.int64), batch.value[order], batch.time[order])
        turns: list[Turn] = []
        for series in runs.suspects(self._state).tolist():
            turns += self._walk(series, order[runs.rows_of(series)], batch, int(first[series]))
        runs.keep(self._state)
        return sorted(turns, key=lambda turn: turn.row)

    def _walk(self, series: int, rows: Rows, batch: ReadingBatch, first: int) -> list[Turn]:
        """One reading of a series after the other."""
        state = self._state
        names = ("value", "since", "run", "longest", "changes", "stuck")
        known = _Series(first, *(state[name][series].item() for name in names))
        values, times = batch.value[rows].tolist(), batch.time[rows].tolist()
        told = (known.take(*one) for one in zip(rows.tolist(), [series] * len(rows), values, times, strict=True))
        turns = [turn for turn in told if turn is not None]
        state["stuck"][series] = known.stuck
        return turns

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per series."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        self._state.restore(saved, series)


class _Runs:
    """A batch ordered by series and, within a series, by arrival: the run that each reading belongs to."""

    def __init__(self, state: StateTable, series: Keys, value: FloatArray, time: TimeArray) -> None:
        place = np.arange(len(series))
        starts = run_starts(series)
        self._series, self._value, self._time = series, value, time
        self._first = np.maximum.accumulate(np.where(starts, place, 0))
        self._before: FloatArray = np.where(starts, state["value"][series], shifted(value, 0))
        self._moved: BoolArray = value != self._before
        self._begin = np.maximum.accumulate(np.where(self._moved, place, -1))
        self._carried = self._begin < self._first
        held = state["run"][series]
        self._run = np.where(self._carried, held + place - self._first, place - self._begin) + 1
        self._ended = np.where(starts, held, shifted(self._run, 0))
        self._last = np.flatnonzero(run_ends(series))

    def suspects(self, state: StateTable) -> Keys:
        """Series one of whose runs may be too long, and stuck ones that moved."""
        bound = np.maximum(LEAST_RUN, TIMES * state["longest"][self._series])
        stuck = state["stuck"][self._series]
        long = (self._run >= bound) & (self._value != 0.0) & ~stuck
        if long.any():  # of few series, mostly
            changes = state["changes"] + np.bincount(self._series[self._moved], minlength=len(state["changes"]))
            long &= changes[self._series] >= CHANGES
        return np.unique(self._series[long | (self._moved & stuck)])

    def rows_of(self, series: int) -> slice:
        """The places of the readings of a series."""
        return slice(*np.searchsorted(self._series, [series, series + 1]).tolist())

    def keep(self, state: StateTable) -> None:
        """Keep where every series of the batch now is."""
        ended = self._moved & (self._ended > 0)
        np.add.at(state["changes"], self._series[ended], 1)
        ended &= self._before != 0.0
        np.maximum.at(state["longest"], self._series[ended], self._ended[ended])
        last = self._last
        series, begin = self._series[last], self._begin[last]
        state["since"][series] = np.where(self._carried[last], state["since"][series], self._time[begin])
        state["value"][series], state["run"][series] = self._value[last], self._run[last]
