"""Learns how often something is reported: the expected interval of a series or a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.reading import NEVER, FloatArray, IntArray, TimeArray
from ingest.rows import StateTable
from models.blocks import Keys

MIN_GAPS = 10
"""Gaps before an interval counts as known."""
MEMORY = 32
"""Gaps over which the mean is taken."""
OUTAGE = 4.0
"""A gap longer than this many intervals is an outage, not a rhythm: it counts as that many."""


class _Series(Protocol):
    """A record of the state."""

    first: int
    last: int
    gaps: int
    mean: float


class Interval:
    """Mean gap between readings in event time, per series or device, hardened against outages."""

    def __init__(self) -> None:
        self._state = StateTable(
            {
                "first": (np.int64, (), NEVER),
                "last": (np.int64, (), NEVER),
                "gaps": (np.int64, (), 0),
                "mean": (np.float64, (), 0.0),
            }
        )

    def resize(self, n: int) -> None:
        """Make room for that many series or devices."""
        self._state.resize(n)

    @property
    def first(self) -> TimeArray:
        """Time of the first reading of every series or device, ns UTC; NEVER before it."""
        return np.asarray(self._state["first"])

    @property
    def last(self) -> TimeArray:
        """Time of the last reading of every series or device, ns UTC; NEVER before the first."""
        return np.asarray(self._state["last"])

    @property
    def known(self) -> FloatArray:
        """The present interval of every series or device in ns; NaN while not known."""
        return np.where(self._state["gaps"] >= MIN_GAPS, self._state["mean"], np.nan)

    def learn(self, rows: Keys, time: TimeArray) -> FloatArray:
        """Learn readings in order, each newer than its row's last; the intervals known with each, in ns or NaN."""
        interval = np.empty(len(rows))
        _learn(self._state.records, rows, time, interval)
        return interval

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], rows: IntArray) -> None:
        """Take back a saved state; saved row i belongs to number `rows[i]`."""
        self._state.restore(saved, rows)


@compiled
def _learn(records: Sequence[_Series], keys: Keys, time: TimeArray, interval: FloatArray) -> None:
    for row in range(len(keys)):
        state = records[keys[row]]
        if state.last == NEVER:
            state.first = time[row]
        else:
            gap = float(time[row] - state.last)
            state.gaps += 1
            counted = gap if state.gaps == 1 else min(gap, OUTAGE * state.mean)
            state.mean += (counted - state.mean) / min(state.gaps, MEMORY)
        state.last = time[row]
        interval[row] = state.mean if state.gaps >= MIN_GAPS else np.nan
