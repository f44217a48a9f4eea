"""Since when each series is away from its usual, by its own p-value: so that an alert can say what moved first.

A stretch of a series begins with an unusual reading and lasts until so many in a row were usual. The last stretch is
kept: when it began and was last seen, four numbers a series. On the way of every reading its unusual ones, which are
few, are only noted; what they make of the stretches is worked out when somebody asks, or when there are many.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray, IntArray, TimeArray
from ingest.rows import Rows, StateTable
from ingest.runs import run_ends, shifted
from models.blocks import Keys

UNUSUAL = 3e-3
"""A p-value up to here is unusual for a series."""
QUIET = 5
"""Usual readings after which the next unusual one begins another stretch: more, and chance readings before the trouble
count with it; fewer, and slow trouble begins again and again."""
LEAST = 2
"""A stretch of fewer unusual readings is chance: one reading in three hundred is unusual."""
MOST_WAITING = 4_096
"""Noted readings after which they are worked out."""
_NUMBER, _SINCE, _LAST, _COUNT = range(4)
_NEVER = -(QUIET + 1)


class Stretch(NamedTuple):
    """Readings of a series that were unusual, by event time in ns."""

    series: int
    since: int
    last: int


class _Unusual(NamedTuple):
    """Unusual readings, in order of arrival within each series."""

    series: Keys
    row: Rows
    """In the batch that they came with."""
    time: TimeArray
    number: Keys
    """How many readings of their series there were before each."""

    @classmethod
    def joined(cls, parts: Sequence[_Unusual]) -> _Unusual:
        """Those of all parts, ordered by series."""
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        order = np.argsort(columns[0], kind="stable")
        return cls(*(column[order] for column in columns))


_NO_KEYS = np.zeros(0, np.int64)
_NONE = _Unusual(_NO_KEYS, _NO_KEYS, _NO_KEYS, _NO_KEYS)


class Moves:
    """The last stretch of every series, and how it stood at the rows of the present batch."""

    def __init__(self) -> None:
        self._state = StateTable({"stretch": (np.int64, (4,), _NEVER)})
        self._waiting: list[_Unusual] = []
        self._waits = 0
        self._batch: list[_Unusual] = []
        self._asked: tuple[_Unusual, Keys] | None = None

    def resize(self, n_series: int) -> None:
        """Make room for that many series."""
        self._state.resize(n_series)

    def begin(self) -> None:
        """A new batch: earlier rows are not asked about any more."""
        self._waiting += self._batch
        self._waits += sum(len(part.series) for part in self._batch)
        self._batch, self._asked = [], None
        if self._waits > MOST_WAITING:
            self._settle()

    def follow(self, series: Keys, p_value: FloatArray, time: TimeArray, number: Keys) -> None:
        """Take in the batch; `number` tells of each reading how many of its series there were before."""
        row = np.flatnonzero(p_value <= UNUSUAL)
        if len(row):
            self._batch.append(_Unusual(series[row].astype(np.int64), row, time[row], number[row]))

    def of(self, series: Iterable[int], row: int, at: int) -> list[Stretch]:
        """The last stretch of each of those series as it stood with row `row` of the batch, of readings up to `at`."""
        if self._asked is None:
            self._settle()
            found = _Unusual.joined(self._batch) if self._batch else _NONE
            self._asked = found, self._stretches(found)
        stretches = (self._at(one, row, at, *self._asked) for one in series)
        return [stretch for stretch in stretches if stretch is not None]

    def _at(self, series: int, row: int, at: int, found: _Unusual, stretches: Keys) -> Stretch | None:
        first, end = np.searchsorted(found.series, [series, series + 1]).tolist()
        upto = np.flatnonzero((found.row[first:end] <= row) & (found.time[first:end] <= at))
        known = stretches[first + upto[-1]] if len(upto) else self._state["stretch"][series]
        if known[_COUNT] < LEAST:
            return None
        return Stretch(series, int(known[_SINCE]), int(known[_LAST]))

    def _stretches(self, found: _Unusual) -> Keys:
        """The state of its series after each unusual reading, of the shape of the state."""
        before = self._state["stretch"][found.series]
        place = np.arange(len(before))
        first = np.searchsorted(found.series, found.series)
        starts = place == first
        begins = found.number - np.where(starts, before[:, _NUMBER], shifted(found.number, 0)) > QUIET
        begun = np.maximum.accumulate(np.where(begins, place, -1))
        fresh = begun >= first
        since = np.where(fresh, found.time[np.maximum(begun, 0)], before[:, _SINCE])
        count = np.where(fresh, place - begun, before[:, _COUNT] + place - first) + 1
        return np.stack([found.number, since, found.time, count], axis=1)

    def _settle(self) -> None:
        """Work out what the readings before the present batch make of the state."""
        if self._waiting:
            found = _Unusual.joined(self._waiting)
            ends = np.flatnonzero(run_ends(found.series))
            self._state["stretch"][found.series[ends]] = self._stretches(found)[ends]
            self._waiting, self._waits = [], 0

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per series; the present batch is then one of the past."""
        self.begin()
        self._settle()
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        if saved:  # a state of before there were any has none
            self._state.restore(saved, series)
