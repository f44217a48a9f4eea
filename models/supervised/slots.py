"""The readings of a batch by device and slot: which row ends which slot, and what each slot's readings add up to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray, IntArray, ReadingBatch, TimeArray
from ingest.rows import StateTable
from ingest.runs import run_lengths, run_starts, shifted

NEVER = np.iinfo(np.int64).min

Keys = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Due:
    """A device is to be judged with its first reading from `row` on that brings its time to `time` or later."""

    device: int
    row: int
    time: int


@dataclass(frozen=True, slots=True)
class Ordered:
    """Followed rows of a batch by device, each device's in order of arrival; columns of one length."""

    series: IntArray
    value: FloatArray
    row: Keys
    device: Keys
    clock: TimeArray
    """The device's newest event time with this row."""
    closes: NDArray[np.bool_]
    """Whether the row is the first of a later slot than any before."""
    closings: Keys
    """How many rows of the device closed a slot so far, this one included."""
    gap: IntArray
    """Slots from the one that is closed to the new one; 0 where none is closed."""
    slot: TimeArray

    @classmethod
    def of(cls, batch: ReadingBatch, row: Keys, device_of: IntArray, clocks: TimeArray, slot_ns: int) -> Ordered:
        """Order the rows, and follow each device's time."""
        device = device_of[batch.series].astype(np.intp)
        order = np.argsort(device, kind="stable")
        device = device[order]
        clock = _running_max(np.maximum(batch.time[order], clocks[device]), device)
        first = run_starts(device)
        before = np.where(first, clocks[device], shifted(clock, NEVER))
        slot = clock // slot_ns
        gap = np.where(before == NEVER, 0, slot - before // slot_ns)
        closes = gap > 0
        total = np.cumsum(closes)
        starts = np.flatnonzero(first)
        base: Keys = (total - closes)[starts]
        sizes = run_lengths(starts, len(device))
        closings: Keys = total - np.repeat(base, sizes)
        by_device = batch[order]
        return cls(
            by_device.series, by_device.value, row[order], device, clock, closes, closings, gap.astype(np.int32), slot
        )

    def first_from(self, due: Due) -> int | None:
        """Place of the row with which a device is to be judged; None if it is not among these."""
        low, high = np.searchsorted(self.device, [due.device, due.device + 1])
        low += np.searchsorted(self.row[low:high], due.row)
        place = int(low + np.searchsorted(self.clock[low:high], due.time))
        return place if place < high else None


def _running_max(values: TimeArray, group: Keys) -> TimeArray:
    """The largest value so far within each group of neighbours."""
    distinct, rank = np.unique(values, return_inverse=True)
    number = np.cumsum(np.r_[0, group[1:] != group[:-1]])
    highest = np.maximum.accumulate(rank + number * len(distinct))
    return np.asarray(distinct[highest - number * len(distinct)])


def groups(numbers: Keys) -> dict[int, Keys]:
    """The places of each distinct number, in order."""
    order = np.argsort(numbers, kind="stable")
    cuts = np.flatnonzero(np.diff(numbers[order])) + 1
    return {int(numbers[group[0]]): group for group in np.split(order, cuts)} if len(order) else {}


@dataclass(frozen=True, slots=True)
class Fleet:
    """Which series belong to the devices of a batch, and when each device closes a slot."""

    device: Keys
    """Distinct devices of the batch."""
    first: Keys
    """Where the series of each begin in `series`, and the end."""
    series: Keys
    closer: dict[int, tuple[Keys, IntArray, TimeArray]]
    """By the number of the closing: places of the devices, the gap, and the start of the new slot."""

    @classmethod
    def of(cls, rows: Ordered, metric_of: Keys, device_of: IntArray) -> Fleet:
        """Those of the devices in `rows`."""
        devices = np.unique(rows.device)
        followed = np.flatnonzero((metric_of >= 0) & np.isin(device_of, devices))
        followed = followed[np.argsort(device_of[followed], kind="stable")]
        first = np.asarray(np.searchsorted(device_of[followed], np.r_[devices, devices[-1] + 1]))
        at = np.flatnonzero(rows.closes)
        places = np.searchsorted(devices, rows.device[at])
        by_closing = groups(rows.closings[at])
        closer = {n: (places[some], rows.gap[at[some]], rows.slot[at[some]]) for n, some in by_closing.items()}
        return cls(devices, first, followed, closer)

    def closing(self, number: int) -> tuple[Keys, IntArray, TimeArray]:
        """Series of the devices that close a slot for the `number`th time, with the gap and the new slot of each."""
        places, gap, slot = self.closer[number]
        series, owner = self.spread(places)
        return series, gap[owner], slot[owner]

    def spread(self, places: Keys) -> tuple[Keys, Keys]:
        """For devices by place: all their series, and for each of them the number of its device among `places`."""
        sizes = self.first[places + 1] - self.first[places]
        owner = np.repeat(np.arange(len(places)), sizes)
        offset = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return self.series[self.first[places][owner] + offset], owner


@dataclass(frozen=True, slots=True)
class Sums:
    """What the readings of a batch add up to in each slot of each series, in order of the device's closings."""

    series: Keys
    total: FloatArray
    count: Keys
    first: Keys
    """Where the slots after the `level`th closing begin, and the end."""

    @classmethod
    def of(cls, rows: Ordered, state: StateTable) -> Sums:
        """Sums in order of arrival, on top of what is in the open slots: the same however a batch is cut."""
        n_series = int(rows.series.max()) + 1
        pair, place = np.unique(rows.closings * n_series + rows.series, return_inverse=True)
        level, series = np.divmod(pair, n_series)
        total = np.where(level == 0, state["sum"][series], 0.0)
        np.add.at(total, place, rows.value)
        count = np.where(level == 0, state["count"][series], 0) + np.bincount(place, minlength=len(pair))
        return cls(series, total, count, np.searchsorted(level, np.arange(rows.closings.max() + 2)))

    def open(self, level: int, state: StateTable) -> None:
        """Write the sums of the slots that are open after the `level`th closing into the state."""
        some = slice(self.first[level], self.first[level + 1])
        state["sum"][self.series[some]] = self.total[some]
        state["count"][self.series[some]] = self.count[some]
