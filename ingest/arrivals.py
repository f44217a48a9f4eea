"""Tells apart what is new, late, a duplicate or a conflict (contract, section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.reading import NEVER, FlagArray, FloatArray, IntArray, Quality, ReadingBatch, TimeArray
from ingest.rows import StateTable

REMEMBERED = 32
"""Readings per series whose time and value are remembered to recognise a repetition. A redelivery or a resent batch
comes within a few readings; what is older than that is stored again by the same key, which changes nothing."""

HISTORICAL = int(Quality.HISTORICAL)


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


NEW, LATE, DUPLICATE, CONFLICT = map(int, Arrival)
"""As plain numbers, for what looks at many rows at once."""


class _Series(Protocol):
    """A record of the state."""

    newest: int
    """Time of the newest judged reading."""
    latest: int
    """The latest time that was ever remembered: what comes after it repeats nothing."""
    count: int
    time: TimeArray
    value: FloatArray


class Arrivals:
    """Remembers the newest reading and the last few of each series."""

    def __init__(self) -> None:
        self._state = StateTable(
            {
                "newest": (np.int64, (), NEVER),
                "latest": (np.int64, (), NEVER),
                "count": (np.int64, (), 0),
                "time": (np.int64, (REMEMBERED,), NEVER),
                "value": (np.float64, (REMEMBERED,), 0.0),
            }
        )

    def classify(self, batch: ReadingBatch) -> FlagArray:
        """`Arrival` of every row, in order of arrival, and remember the rows."""
        arrival = np.empty(len(batch), np.uint8)
        if len(batch):
            self._state.resize(int(batch.series.max()) + 1)
            _classify(self._state.records, batch.series, batch.time, batch.value, batch.quality, arrival)
        return arrival

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per series."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        self._state.restore(saved, series)


@compiled
def _classify(
    records: Sequence[_Series],
    series: IntArray,
    time: TimeArray,
    value: FloatArray,
    quality: FlagArray,
    arrival: FlagArray,
) -> None:
    for row in range(len(series)):
        state, at = records[series[row]], time[row]
        slot = 0 if at <= state.latest else REMEMBERED
        while slot < REMEMBERED and state.time[slot] != at:
            slot += 1
        if slot < REMEMBERED:
            arrival[row] = DUPLICATE if state.value[slot] == value[row] else CONFLICT
        else:
            slot = state.count % REMEMBERED
            state.count += 1
            state.time[slot], state.latest = at, max(at, state.latest)
            live = quality[row] & HISTORICAL == 0 and at > state.newest
            arrival[row] = NEW if live else LATE
            if live:
                state.newest = at
        state.value[slot] = value[row]
