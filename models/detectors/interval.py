"""Learns how often something is reported: the expected interval of a series or a device."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray, IntArray, TimeArray
from ingest.rows import StateTable, rounds

MIN_GAPS = 10
"""Gaps before an interval counts as known."""
MEMORY = 32
"""Gaps over which the mean is taken."""
OUTAGE = 4.0
"""A gap longer than this many intervals is an outage, not a rhythm: it counts as that many."""
NEVER = int(np.iinfo(np.int64).min)
FEW = 4
"""Rounds with fewer readings than this are better walked one reading after the other."""


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

    def round(self, rows: IntArray, time: TimeArray) -> FloatArray:
        """Learn one round of readings (each row once, newer than its last); the intervals known then, in ns or NaN."""
        state = self._state
        last, gaps, mean = state["last"][rows], state["gaps"][rows], state["mean"][rows]
        seen = last != NEVER
        gap = np.where(seen, time - np.where(seen, last, time), 0).astype(np.float64)
        first = seen & (gaps == 0)
        counted = np.where(first, gap, np.minimum(gap, OUTAGE * mean))
        gaps = gaps + seen
        mean = mean + np.where(seen, (counted - mean) / np.clip(gaps, 1, MEMORY), 0.0)
        state["mean"][rows], state["gaps"][rows], state["last"][rows] = mean, gaps, time
        state["first"][rows[~seen]] = time[~seen]
        return np.where(gaps >= MIN_GAPS, mean, np.nan)

    def learn(self, rows: IntArray, time: TimeArray) -> FloatArray:
        """Learn a batch in order, each reading newer than its row's last; the intervals known with each, as `round`."""
        out = np.empty(len(rows))
        steps = rounds(rows)
        if len(steps) * FEW <= len(rows):
            for step in steps:
                out[step] = self.round(rows[step], time[step])
            return out
        for row in np.unique(rows).tolist():
            at = np.flatnonzero(rows == row)
            out[at] = self._follow(row, time[at].tolist())
        return out

    def _follow(self, row: int, times: list[int]) -> list[float]:
        """As `round`, one reading after the other: faster where rounds are small, and the same to the bit."""
        state, out = self._state, []
        last, gaps, mean = (state[name][row].item() for name in ("last", "gaps", "mean"))
        if last == NEVER:
            state["first"][row] = times[0]
        for time in times:
            if last != NEVER:
                gap = float(time - last)
                gaps += 1
                counted = gap if gaps == 1 else min(gap, OUTAGE * mean)
                mean += (counted - mean) / min(gaps, MEMORY)
            last = time
            out.append(mean if gaps >= MIN_GAPS else math.nan)
        state["last"][row], state["gaps"][row], state["mean"][row] = last, gaps, mean
        return out

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], rows: IntArray) -> None:
        """Take back a saved state; saved row i belongs to number `rows[i]`."""
        self._state.restore(saved, rows)
