"""Sees a device as a whole: what its metrics say at one time, put together into a row.

A device's row at time t is complete when as many metrics have reported since its clock moved to t as lately did, or
else when its clock moves on. A metric that did not report keeps its last score for a few rows, then it is left out. The
score of a row is the root mean square of its metrics' scores; that of a device with a single metric is that metric's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import BoolArray, FloatArray, IntArray, TimeArray
from ingest.rows import Rows, StateTable
from ingest.runs import run_lengths, run_starts, shifted
from models.blocks import Keys
from models.detectors.novelty import LOOK, SIZE

CARRIED = 8
"""Rows of the device for which the last score of a metric still counts."""
NEVER = np.iinfo(np.int64).min
SEVERAL = -1
"""In place of a series number: several series together."""
P_VALUE, AVERAGE, USUAL = 4, slice(5, 5 + SIZE), slice(5 + SIZE, 5 + 2 * SIZE)
SAYS = 5 + 2 * SIZE
"""What is known with each reading: value and band (expected, low, high), p-value, and averages with their usual
distances, as columns of one array."""
FACTS = (0, 1, 2, 3, AVERAGE.start + 1, USUAL.start + 1)
"""Those that people are told of the leader: value, band, the average of 30 readings and its usual distance."""


@dataclass(frozen=True, slots=True)
class Members:
    """The metrics of rows that are looked at more closely."""

    which: Keys
    """For each metric, the place of its row among the rows; ascending."""
    series: Keys
    says: FloatArray
    """What was known with the metric's last reading, shape (n_members, SAYS)."""


@dataclass(frozen=True, slots=True)
class DeviceRows:
    """Complete rows of devices, in the order in which they were completed."""

    row: Keys
    """Row of the batch that completed it."""
    device: Keys
    number: Keys
    """Which row of its device it is."""
    time: TimeArray
    """Event time of the row, in ns."""
    series: Keys
    """The device's only series, or SEVERAL."""
    score: FloatArray
    """Root mean square of the metrics' scores; NaN where none is known."""
    rarest: FloatArray
    """Mean of 1 / p-value over the metrics."""
    leader: Keys
    """Series with the lowest p-value."""
    share: FloatArray
    """The leader's share of the sum of -log p, 0 … 1."""
    facts: FloatArray
    """The leader's last value, the middle, lower and upper end of its band, its average over the last 30 readings and
    how far that usually is from the middle, shape (n_rows, 6)."""

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.row)

    @classmethod
    def empty(cls) -> DeviceRows:
        """No rows."""
        none, real = np.zeros(0, np.int64), np.zeros(0)
        return cls(none, none, none, none, none, real, real, none, real, np.zeros((0, len(FACTS))))


class DeviceView:
    """Clock and row of every device, last score of every series."""

    def __init__(self) -> None:
        self._series = StateTable(
            {"score": (np.float64, (), np.nan), "row": (np.int64, (), NEVER), "says": (np.float64, (SAYS,), np.nan)}
        )
        self._devices = StateTable(
            {
                "clock": (np.int64, (), NEVER),
                "row": (np.int64, (), 0),
                "counts": (np.int64, (3,), 0),
                "done": (np.bool_, (), True),
            }
        )

    def resize(self, n_series: int, n_devices: int) -> None:
        """Make room for that many series and devices."""
        self._series.resize(n_series)
        self._devices.resize(n_devices)

    def advance(
        self, series: Keys, time: TimeArray, score: FloatArray, says: FloatArray, device_of: Keys
    ) -> tuple[DeviceRows, Members]:
        """Take in scored readings in order of arrival; the rows that were completed, and the metrics of some.

        `score` is NaN where a series is not known well enough; `says` has the shape (n_readings, SAYS). `device_of`
        gives the device number of each series number.
        """
        if not len(series):
            none = np.zeros(0, np.int64)
            return DeviceRows.empty(), Members(none, none, np.zeros((0, SAYS)))
        walk = _Walk(self._devices, device_of[series].astype(np.int64), time)
        found = self._compose(series, score, says, walk, walk.events(), device_of)
        self._remember(series, score, says, walk)
        return found

    def _compose(
        self, series: Keys, score: FloatArray, says: FloatArray, walk: _Walk, event: _Events, device_of: Keys
    ) -> tuple[DeviceRows, Members]:
        """The rows behind `event`, with the scores of all series of their devices as they stood then."""
        which, member = _members(walk.device[event.at], device_of)
        last, hit = _latest(series, walk.order, member, event.upto[which])
        value = np.where(hit, score[last], self._series["score"][member])
        row = np.where(hit, walk.row_of(last), self._series["row"][member])
        seen = np.bincount(which, row != NEVER, len(event.at))
        here = row != NEVER
        here[here] = event.row[which[here]] - row[here] <= CARRIED
        which, member, hit, last, value = which[here], member[here], hit[here], last[here], value[here]
        says_of = _Says(says, self._series["says"], last, hit, member)
        size = np.bincount(which, minlength=len(event.at))
        square = np.bincount(which, np.nan_to_num(value) ** 2, len(event.at))
        known = np.bincount(which, ~np.isnan(value), len(event.at))
        p_value = says_of.column(P_VALUE)
        surprise = -np.log(p_value)
        total, lead = np.bincount(which, surprise, len(event.at)), _leaders(which, surprise, len(event.at))
        with np.errstate(invalid="ignore", divide="ignore"):
            rows = DeviceRows(
                walk.order[event.at],
                walk.device[event.at],
                event.row,
                event.time,
                np.where(seen >= 2, SEVERAL, member[lead]),
                np.sqrt(square / known),
                np.bincount(which, 1.0 / p_value, len(event.at)) / size,
                member[lead],
                np.where(total > 0, surprise[lead] / total, 0.0),
                says_of.rows(lead)[:, FACTS],
            )
        looked = np.flatnonzero(event.row[which] % LOOK == 0)
        return rows, Members(which[looked], member[looked], says_of.rows(looked))

    def _remember(self, series: Keys, score: FloatArray, says: FloatArray, walk: _Walk) -> None:
        last = np.full(self._series.n, -1, np.int64)
        np.maximum.at(last, series, np.arange(len(series)))
        touched = np.flatnonzero(last >= 0)
        self._series["score"][touched] = score[last[touched]]
        self._series["says"][touched] = says[last[touched]]
        self._series["row"][touched] = walk.row_of(last[touched])
        walk.store(self._devices)

    def save(self) -> dict[str, dict[str, NDArray[Any]]]:
        """The state of series and devices as arrays with a row each."""
        return {"series": self._series.save(), "device": self._devices.save()}

    def restore(self, saved: Mapping[str, Mapping[str, NDArray[Any]]], series: IntArray, devices: IntArray) -> None:
        """Take back a saved state; the arrays tell which number each saved row belongs to."""
        self._series.restore(saved["series"], series)
        self._devices.restore(saved["device"], devices)


@dataclass(frozen=True, slots=True)
class _Says:
    """What is known of metrics: with a reading of the batch where `hit`, else from before."""

    fresh: FloatArray
    kept: FloatArray
    last: Keys
    hit: BoolArray
    member: Keys

    def column(self, number: int) -> FloatArray:
        return np.asarray(np.where(self.hit, self.fresh[self.last, number], self.kept[self.member, number]))

    def rows(self, some: Rows) -> FloatArray:
        found = self.fresh[self.last[some]]
        old = ~self.hit[some]
        found[old] = self.kept[self.member[some][old]]
        return found


@dataclass(frozen=True, slots=True)
class _Events:
    """Rows about to be judged, in order."""

    at: Keys
    """Place of the reading that completes each, in the walk's order."""
    upto: Keys
    """Place in the walk's order up to which readings belong to it, not included."""
    row: Keys
    """Number of the device's row."""
    time: TimeArray


class _Walk:
    """A batch ordered by device, with the row of its device each reading belongs to."""

    def __init__(self, devices: StateTable, device: Keys, time: TimeArray) -> None:
        self.order: Rows = np.argsort(device, kind="stable")
        self.device = device[self.order]
        self._time = time[self.order]
        start = run_starts(self.device)
        self._starts = np.flatnonzero(start)
        self._number = np.cumsum(start) - 1
        self.known = self.device[self._starts]
        self._clock = devices["clock"][self.known]
        self._row, self._done = devices["row"][self.known], devices["done"][self.known]
        self._before, self._after = self._clocks()
        self._opens = self._time > self._before
        opened: Keys = np.cumsum(self._opens, dtype=np.int64)
        opened = opened - np.repeat(
            opened[self._starts] - self._opens[self._starts], run_lengths(self._starts, len(time))
        )
        self._rows = self._row[self._number] + opened
        self._count(devices["counts"][self.known], opened)
        self._place = np.empty(len(time), np.int64)
        self._place[self.order] = np.arange(len(time))

    def _clocks(self) -> tuple[TimeArray, TimeArray]:
        """The device's clock before and after each reading."""
        values, rank = np.unique(np.r_[self._clock, self._time], return_inverse=True)
        base = self._number * len(values)
        rank_of_clock, rank_of_time = rank[: len(self._clock)], rank[len(self._clock) :]
        after = np.maximum.accumulate(base + np.maximum(rank_of_time, rank_of_clock[self._number])) - base
        before = shifted(after, 0)
        before[self._starts] = rank_of_clock
        return values[before], values[after]

    def _count(self, counts: Keys, opened: Keys) -> None:
        """Readings per row: `counts` holds those of each device's last two rows and of the present one."""
        ends = np.r_[self._starts[1:], len(opened)] - 1
        size = 3 + opened[ends]
        self._base = np.r_[0, np.cumsum(size)[:-1]] + 2
        self._group = self._base[self._number] + opened
        total = np.bincount(self._group, minlength=int(size.sum()))
        for k in range(3):
            total[self._base - 2 + k] += counts[:, k]
        self._total = total
        starts = run_starts(self._group)
        first = np.maximum.accumulate(np.where(starts, np.arange(len(opened)), 0))
        had = np.zeros(len(total), np.int64)
        had[self._base] = counts[:, 2]
        self._cumulative = np.arange(len(opened)) - first + 1 + had[self._group]
        expected = np.zeros(len(total), np.int64)
        expected[2:] = np.maximum(total[1:-1], total[:-2])
        self._expected = np.where(expected > 0, expected, np.iinfo(np.int64).max)
        done = self._total >= self._expected
        done[self._base] |= self._done
        done[self._base - 1] = done[self._base - 2] = True
        self._complete = done

    def events(self) -> _Events:
        """Rows completed by their last metric, and rows closed because the clock moved on, in order of arrival."""
        was_done = np.zeros(len(self._total), np.bool_)
        was_done[self._base] = self._done
        full = (self._cumulative == self._expected[self._group]) & ~was_done[self._group]
        closes = self._opens & ~self._complete[self._group - 1] & (self._before != NEVER)
        full_at, close_at = np.flatnonzero(full), np.flatnonzero(closes)
        at = np.r_[close_at, full_at]
        upto = np.r_[close_at, full_at + 1]
        row = np.r_[self._rows[close_at] - 1, self._rows[full_at]]
        time = np.r_[self._before[close_at], self._after[full_at]]
        order = np.lexsort((upto, self.order[at]))
        return _Events(at[order], upto[order], row[order], time[order])

    def row_of(self, readings: Keys) -> Keys:
        """The device's row number of readings, given by their row in the batch."""
        return np.asarray(self._rows[self._place[readings]])

    def store(self, devices: StateTable) -> None:
        """Keep where every device of the batch now is."""
        ends = np.r_[self._starts[1:], len(self.order)] - 1
        devices["clock"][self.known], devices["row"][self.known] = self._after[ends], self._rows[ends]
        group = self._group[ends]
        devices["counts"][self.known] = self._total[group[:, None] + np.array([-2, -1, 0])]
        devices["done"][self.known] = self._complete[group]


def _members(device: Keys, device_of: Keys) -> tuple[Keys, Keys]:
    """Every pair (i, series of device[i]), ordered by i and then by series."""
    order = np.argsort(device_of, kind="stable")
    ordered = device_of[order]
    first = np.searchsorted(ordered, device)
    size = np.searchsorted(ordered, device, side="right") - first
    which = np.repeat(np.arange(len(device)), size)
    offset = np.arange(len(which)) - np.repeat(np.cumsum(size) - size, size)
    return which, order[first[which] + offset].astype(np.int64)


def _latest(series: Keys, order: Rows, member: Keys, upto: Keys) -> tuple[Keys, BoolArray]:
    """For each member the last reading before place `upto` in the walk's order, and whether there is one."""
    n = len(series)
    key = np.sort(series[order].astype(np.int64) * n + np.arange(n))
    at = np.searchsorted(key, member * n + upto) - 1
    found = key[np.maximum(at, 0)]
    return order[found % n], (at >= 0) & (found // n == member)


def _leaders(which: Keys, surprise: FloatArray, n: int) -> Rows:
    """For each row the first of its metrics with the most surprise."""
    top = np.zeros(n)
    np.maximum.at(top, which, surprise)
    lead = np.zeros(n, np.intp)
    highest = np.flatnonzero(surprise == top[which])[::-1]
    lead[which[highest]] = highest
    return lead
