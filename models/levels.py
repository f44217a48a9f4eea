"""What a series' level was, block by block: three-hour means and each day's highest and lowest of them.

    reading ─▶ open block of 3 h ─▶ closed: its mean into the ring ─▶ day's highest, lowest

For those who look at days rather than at readings: forecasts and the alarm setting of vibration. Only the series that
somebody asks about are followed. Blocks lie on event time, from the epoch on, and a block ends with the first reading
behind it, so the result does not depend on how readings were cut into batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import NS_PER_SECOND, BoolArray, FloatArray, IntArray, ReadingBatch, TimeArray
from ingest.rows import StateTable
from ingest.runs import run_lengths, run_starts

Keys = NDArray[np.int64]

BLOCK_NS = 3 * 3600 * NS_PER_SECOND
BLOCKS_PER_DAY = 8
BLOCKS = 24 * BLOCKS_PER_DAY
"""Blocks that are kept: three weeks to compare with, and a few days that are compared."""
DAYS = 96
"""Days that are kept."""
NEVER = np.iinfo(np.int64).min
MOST = 1e100
"""Values beyond count as this: no quantity is larger, and sums and squares of them stay numbers."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Blocks that ended; each followed series at most once, columns of one length."""

    row: Keys
    """Row of the batch with which it was known: the first reading behind the block."""
    time: TimeArray
    """Event time of that reading."""
    place: Keys
    """Where `Levels` keeps the series."""
    series: Keys
    block: Keys
    """Number of the block that ended; it covers the time from block × BLOCK_NS on."""
    new_day: BoolArray
    """Whether the day of the block is over as well."""

    def __len__(self) -> int:
        """Number of blocks."""
        return len(self.row)

    def only(self, which: BoolArray) -> Closed:
        """Some of them."""
        return Closed(*(getattr(self, field.name)[which] for field in fields(self)))


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
        """Take readings that are new in their series; after each round of blocks that ended, tell which.

        Rounds must be gone through to the end; what `recent` and `daily` say is that of the round.
        """
        known = batch.series < len(self._place)
        place = np.full(len(batch), -1, np.int64)
        place[known] = self._place[batch.series[known]]
        rows = np.flatnonzero(place >= 0)
        if not len(rows):
            return
        rows = rows[np.argsort(place[rows], kind="stable")]
        keys, blocks = place[rows], batch.time[rows] // BLOCK_NS
        begins = np.flatnonzero(np.r_[True, (keys[1:] != keys[:-1]) | (blocks[1:] != blocks[:-1])])
        of_key = keys[begins]
        starts = run_starts(of_key)
        rank = np.arange(len(begins)) - np.maximum.accumulate(np.where(starts, np.arange(len(begins)), 0))
        length = run_lengths(begins, len(rows))
        rank_of_row = np.repeat(rank, length)
        for number in range(int(rank.max()) + 1):
            segments = begins[rank == number]
            closed = self._begin(keys[segments], blocks[segments], rows[segments], batch.time)
            if len(closed):
                yield closed
            inside = rank_of_row == number
            value = np.clip(batch.value[rows[inside]], -MOST, MOST)
            np.add.at(self._table["sum"], keys[inside], value)
            np.add.at(self._table["count"], keys[inside], 1)

    def _begin(self, place: Keys, block: Keys, row: Keys, time: TimeArray) -> Closed:
        """Readings of `block` come: end what is open before it."""
        table = self._table
        before = table["block"][place]
        ends = (before != block) & (before != NEVER)
        closed = Closed(
            row[ends],
            time[row[ends]],
            place[ends],
            table["series"][place[ends]],
            before[ends],
            before[ends] // BLOCKS_PER_DAY != block[ends] // BLOCKS_PER_DAY,
        )
        if len(closed):
            self._end(closed, block[ends])
        changes = before != block
        table["block"][place[changes]] = block[changes]
        table["sum"][place[changes]] = 0.0
        table["count"][place[changes]] = 0
        return closed

    def _end(self, closed: Closed, after: Keys) -> None:
        table, place, block = self._table, closed.place, closed.block
        mean = table["sum"][place] / table["count"][place]
        table["mean"][place, block % BLOCKS] = mean
        day = block // BLOCKS_PER_DAY
        table["high"][place, day % DAYS] = np.fmax(table["high"][place, day % DAYS], mean)
        table["low"][place, day % DAYS] = np.fmin(table["low"][place, day % DAYS], mean)
        _clear(table["mean"], place, block, after, BLOCKS)
        for name in ("high", "low"):
            _clear(table[name], place, day, after // BLOCKS_PER_DAY, DAYS)

    def recent(self, closed: Closed) -> FloatArray:
        """Means of the blocks up to the closed one, oldest first, shape (n_closed, BLOCKS); NaN where there is none."""
        order = (closed.block[:, None] + np.arange(1, BLOCKS + 1)) % BLOCKS
        return np.asarray(self._table["mean"][closed.place[:, None], order])

    def daily(self, closed: Closed, side: str) -> FloatArray:
        """Each day's `high` or `low` up to that of the closed block, oldest first, shape (n_closed, DAYS)."""
        order = (closed.block[:, None] // BLOCKS_PER_DAY + np.arange(1, DAYS + 1)) % DAYS
        return np.asarray(self._table[side][closed.place[:, None], order])

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


def _clear(ring: NDArray[Any], place: Keys, before: Keys, after: Keys, size: int) -> None:
    """Forget the slots behind `before` up to `after`: nothing is known about them yet."""
    step = np.minimum(after - before, size)
    for ahead in range(1, int(step.max()) + 1):
        some = step >= ahead
        ring[place[some], (before[some] + ahead) % size] = np.nan
