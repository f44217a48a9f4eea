"""What a series' level was, block by block: three-hour means and each day's highest and lowest of them.

    reading ─▶ open block of 3 h ─▶ closed: its mean into the ring ─▶ day's highest, lowest

For those who look at days rather than at readings: forecasts and the alarm setting of vibration. Only the series that
somebody asks about are followed. Blocks lie on event time, from the epoch on, and a block ends with the first reading
behind it, so the result does not depend on how readings were cut into batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.reading import NEVER, NS_PER_SECOND, BoolArray, FloatArray, IntArray, ReadingBatch, TimeArray
from ingest.rows import StateTable

Keys = NDArray[np.int64]

BLOCK_NS = 3 * 3600 * NS_PER_SECOND
BLOCKS_PER_DAY = 8
BLOCKS = 24 * BLOCKS_PER_DAY
"""Blocks that are kept: three weeks to compare with, and a few days that are compared."""
DAYS = 96
"""Days that are kept."""
MOST = 1e30
"""Values beyond count as this: no quantity is larger, and sums and squares of them stay numbers."""
AT_ONCE = 1024
"""Blocks that are told at once at most: what comes with them takes 3 KB each."""


class Closed(NamedTuple):
    """Blocks that ended, in the order in which they did; columns of one length."""

    row: Keys
    """Row of the batch with which it was known: the first reading behind the block."""
    time: TimeArray
    """Event time of that reading."""
    series: Keys
    block: Keys
    """Number of the block that ended; it covers the time from block × BLOCK_NS on."""
    new_day: BoolArray
    """Whether the day of the block is over as well."""
    means: FloatArray
    """Means of the blocks up to that one, oldest first, shape (n_closed, BLOCKS); NaN where there is none."""
    highs: FloatArray
    """Each day's highest block up to then, oldest first, shape (n_closed, DAYS); NaN where there is none."""
    lows: FloatArray
    """Each day's lowest block, likewise."""

    @classmethod
    def room(cls, n: int) -> Closed:
        """Room for `n` blocks."""
        row, time, series, block = np.empty((4, n), np.int64)
        highs, lows = np.empty((2, n, DAYS))
        return cls(row, time, series, block, np.empty(n, np.bool_), np.empty((n, BLOCKS)), highs, lows)

    def only(self, which: BoolArray | slice) -> Closed:
        """Some of them."""
        return Closed._make(column[which] for column in self)


class _Series(Protocol):
    """A record of the state."""

    series: int
    block: int
    sum: float
    count: int
    mean: FloatArray
    high: FloatArray
    low: FloatArray


class Levels:
    """The blocks of the followed series."""

    def __init__(self) -> None:
        self._table = _empty()
        self._place = np.full(0, -1, np.int64)

    def follow(self, series: Sequence[int] | IntArray | Keys, n_series: int) -> None:
        """Follow these series from now on, beside those that are followed already."""
        if len(self._place) < n_series:
            self._place = np.concatenate([self._place, np.full(n_series - len(self._place), -1, np.int64)])
        wanted = np.asarray(series, np.int64)
        missing = wanted[self._place[wanted] < 0]
        if len(missing):
            fresh = np.unique(missing)
            first = self._table.n
            self._table.resize(first + len(fresh))
            self._table["series"][first : first + len(fresh)] = fresh
            self._place[fresh] = np.arange(first, first + len(fresh))

    def advance(self, batch: ReadingBatch) -> Iterator[Closed]:
        """Take readings that are new in their series; tell which blocks ended, so many at a time.

        What it gives must be gone through to the end.
        """
        row = 0
        while row < len(batch):
            closed = Closed.room(min(len(batch) - row, AT_ONCE))
            records = self._table.records
            row, n = _advance(records, self._place, batch.series, batch.time, batch.value, row, closed)
            if n:
                yield closed.only(slice(n))

    # -- state -------------------------------------------------------------------------------------------------------
    def save(self) -> dict[str, NDArray[Any]]:
        """The state by name; `series` holds the numbers of the series as of now."""
        return self._table.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; `series` gives today's number of every series number of then."""
        numbers = series[saved["series"]].astype(np.int64)
        self._table = _empty()
        self._table.restore({**saved, "series": numbers}, np.arange(len(numbers), dtype=np.int32))
        self._place = np.full(int(numbers.max()) + 1 if len(numbers) else 0, -1, np.int64)
        self._place[numbers] = np.arange(len(numbers))


def _empty() -> StateTable:
    return StateTable(
        {
            "series": (np.int64, (), -1),
            "block": (np.int64, (), NEVER),
            "sum": (np.float64, (), 0.0),
            "count": (np.int64, (), 0),
            "mean": (np.float64, (BLOCKS,), np.nan),
            "high": (np.float64, (DAYS,), np.nan),
            "low": (np.float64, (DAYS,), np.nan),
        }
    )


@compiled
def _advance(
    records: Sequence[_Series],
    place: Keys,
    series: IntArray,
    time: TimeArray,
    value: FloatArray,
    row: int,
    closed: Closed,
) -> tuple[int, int]:
    """Take readings from `row` on until `closed` is full or there are no more; the next row, and how many blocks."""
    n = 0
    while row < len(series) and n < len(closed.row):
        number = series[row]
        if number < len(place) and place[number] >= 0:
            state, block = records[place[number]], time[row] // BLOCK_NS
            if block != state.block:
                if state.block != NEVER:
                    _end(state, block)
                    closed.row[n], closed.time[n] = row, time[row]
                    _tell(state, block, closed, n)
                    n += 1
                state.block, state.sum, state.count = block, 0.0, 0
            state.sum += min(max(value[row], -MOST), MOST)
            state.count += 1
        row += 1
    return row, n


@compiled
def _end(state: _Series, after: int) -> None:
    """The open block ends, for one of number `after` begins."""
    mean, day = state.sum / state.count, state.block // BLOCKS_PER_DAY
    state.mean[state.block % BLOCKS] = mean
    high, low = state.high[day % DAYS], state.low[day % DAYS]
    state.high[day % DAYS] = mean if np.isnan(high) else max(high, mean)
    state.low[day % DAYS] = mean if np.isnan(low) else min(low, mean)
    _clear(state.mean, state.block, after)
    _clear(state.high, day, after // BLOCKS_PER_DAY)
    _clear(state.low, day, after // BLOCKS_PER_DAY)


@compiled
def _clear(ring: FloatArray, before: int, after: int) -> None:
    """Forget the slots behind `before` up to `after`: nothing is known about them yet."""
    for ahead in range(1, min(after - before, len(ring)) + 1):
        ring[(before + ahead) % len(ring)] = np.nan


@compiled
def _tell(state: _Series, after: int, closed: Closed, n: int) -> None:
    """Note as number `n` the block that ended, and what came before it."""
    day = state.block // BLOCKS_PER_DAY
    closed.series[n], closed.block[n], closed.new_day[n] = state.series, state.block, day != after // BLOCKS_PER_DAY
    for k in range(BLOCKS):
        closed.means[n, k] = state.mean[(state.block + 1 + k) % BLOCKS]
    for k in range(DAYS):
        slot = (day + 1 + k) % DAYS
        closed.highs[n, k], closed.lows[n, k] = state.high[slot], state.low[slot]
