"""Tells apart what is new, late, a duplicate or a conflict (contract, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FlagArray, IntArray, Quality, ReadingBatch
from ingest.rows import StateTable
from ingest.runs import run_lengths, run_starts, shifted

REMEMBERED = 32
"""Readings per series whose time and value are remembered to recognise a repetition. A redelivery or a resent batch
comes within a few readings; what is older than that is stored again by the same key, which changes nothing."""

NEVER = np.iinfo(np.int64).min


class Arrival(IntEnum):
    """What a reading is when it arrives."""

    NEW = 0
    """Newer than the newest judged reading of its series: judged and stored."""
    LATE = 1
    """Older, or history by its sender's own word: stored, corrects history, never judged."""
    DUPLICATE = 2
    """The same time and value again: dropped."""
    CONFLICT = 3
    """The same time with another value: stored over the first, which stays the judged one."""


class Arrivals:
    """Remembers the newest reading and the last few of each series."""

    def __init__(self) -> None:
        self._state = StateTable(
            {
                "newest": (np.int64, (), NEVER),
                "count": (np.int64, (), 0),
                "time": (np.int64, (REMEMBERED,), NEVER),
                "value": (np.float64, (REMEMBERED,), 0.0),
            }
        )

    def classify(self, batch: ReadingBatch) -> FlagArray:
        """`Arrival` of every row, in order of arrival, and remember the rows."""
        result = np.zeros(len(batch), np.uint8)
        if not len(batch):
            return result
        self._state.resize(int(batch.series.max()) + 1)
        order = np.argsort(batch.series, kind="stable")
        series, time = batch.series[order], batch.time[order]
        first = run_starts(series)
        before = np.where(first, self._state["newest"][series], shifted(time, NEVER))
        history = batch.quality & np.uint8(Quality.HISTORICAL) != 0
        orderly = (time > before) & ~history[order]
        if orderly.all():
            self._remember(series, time, batch.value[order], first)
            return result
        group = np.cumsum(first) - 1
        disorderly = np.zeros(group[-1] + 1, bool)
        disorderly[group[~orderly]] = True
        slow = disorderly[group]
        fast = ~slow
        self._remember(series[fast], time[fast], batch.value[order][fast], first[fast])
        for row in np.sort(order[slow]).tolist():
            reading = int(batch.series[row]), int(batch.time[row]), float(batch.value[row])
            result[row] = self._one(*reading, live=not history[row])
        return result

    def _remember(self, series: IntArray, time: NDArray[np.int64], value: NDArray[np.float64], first: Any) -> None:
        """Append rows sorted by series, in order within each; only the last `REMEMBERED` of a series are kept."""
        if not len(series):
            return
        starts = np.flatnonzero(first)
        sizes = run_lengths(starts, len(series))
        rank = np.arange(len(series)) - np.repeat(starts, sizes)
        kept = np.repeat(sizes, sizes) - rank <= REMEMBERED
        count = self._state["count"]
        at = (count[series[kept]] + rank[kept]) % REMEMBERED
        self._state["time"][series[kept], at] = time[kept]
        self._state["value"][series[kept], at] = value[kept]
        last = starts + sizes - 1
        self._state["newest"][series[last]] = time[last]
        count[series[last]] += sizes

    def _one(self, series: int, time: int, value: float, *, live: bool) -> Arrival:
        state = self._state
        same = np.flatnonzero(state["time"][series] == time)
        if len(same):
            if state["value"][series, same[0]] == value:
                return Arrival.DUPLICATE
            state["value"][series, same[0]] = value
            return Arrival.CONFLICT
        at = state["count"][series] % REMEMBERED
        state["time"][series, at] = time
        state["value"][series, at] = value
        state["count"][series] += 1
        if live and time > state["newest"][series]:
            state["newest"][series] = time
            return Arrival.NEW
        return Arrival.LATE

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per series."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        self._state.restore(saved, series)
