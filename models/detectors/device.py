"""Sees a device as a whole: what its metrics say at one time, put together into a row.

A device's row at time t is complete when as many metrics have reported since its clock moved to t as lately did, or
else when its clock moves on. A metric that did not report keeps its last score for a few rows, then it is left out. The
score of a row is the root mean square of its metrics' scores; that of a device with a single metric is that metric's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.fleet import NO_SERIES, Fleet, Link, Owner
from ingest.reading import NEVER, FloatArray, IntArray, TimeArray
from ingest.rows import StateTable
from models.blocks import Keys
from models.detectors.novelty import LOOK, MEMBER, SIZE, Member, Members

CARRIED = 8
"""Rows of the device for which the last score of a metric still counts."""
SEVERAL = -1
"""In place of a series number: several series together."""
FACTS = 6
"""Numbers that people are told of a metric: value; middle, lower and upper end of its band; the average of 30 readings
and how far that usually is from the middle."""
_OF_30 = 1
"""Which of the averages that make a state that is."""
ROOM = 64
"""Metrics of rows that are looked at for which there is room, beside one for each reading."""


class SeriesRows(NamedTuple):
    """What is known with each reading; columns with a row per reading."""

    series: Keys
    time: TimeArray
    score: FloatArray
    """NaN where the series is not known well enough."""
    p_value: FloatArray
    value: FloatArray
    explained: FloatArray
    """What of the value its hour explains: it is in the band, but not in the averages."""
    band: FloatArray
    """Shape (3, n_readings)."""
    average: FloatArray
    """The averages that make a state, shape (n_readings, SIZE)."""
    usual: FloatArray
    """Their usual distances, of the same shape."""


class DeviceRows(NamedTuple):
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
    together: FloatArray
    """The same; NaN where there is a single series as well."""
    rarest: FloatArray
    """Mean of 1 / p-value over the metrics."""
    leader: Keys
    """Series with the lowest p-value."""
    share: FloatArray
    """The leader's share of the sum of -log p, 0 … 1."""
    facts: FloatArray
    """What people are told of the leader, shape (n_rows, FACTS)."""

    @classmethod
    def room(cls, n: int) -> DeviceRows:
        """Room for `n` rows."""
        row, device, number, time, series, leader = np.empty((6, n), np.int64)
        score, together, rarest, share = np.empty((4, n))
        return cls(row, device, number, time, series, score, together, rarest, leader, share, np.empty((n, FACTS)))

    def first(self, n: int) -> DeviceRows:
        """The first `n` of them."""
        return DeviceRows._make(column[:n] for column in self)


class _Series(Protocol):
    """A record of the state of a series."""

    score: float
    row: int
    p_value: float
    value: float
    explained: float
    band: FloatArray
    average: FloatArray
    usual: FloatArray


class _Device(Protocol):
    """A record of the state of a device."""

    clock: int
    row: int
    counts: NDArray[np.int64]
    done: bool


class DeviceView:
    """Clock and row of every device, last score of every series."""

    def __init__(self) -> None:
        self._series = StateTable(
            {
                "score": (np.float64, (), np.nan),
                "row": (np.int64, (), NEVER),
                "p_value": (np.float64, (), 1.0),
                "value": (np.float64, (), np.nan),
                "explained": (np.float64, (), 0.0),
                "band": (np.float64, (3,), np.nan),
                "average": (np.float64, (SIZE,), np.nan),
                "usual": (np.float64, (SIZE,), np.nan),
            }
        )
        self._devices = StateTable(
            {
                "clock": (np.int64, (), NEVER),
                "row": (np.int64, (), 0),
                "counts": (np.int64, (3,), 0),
                "done": (np.bool_, (), True),
            }
        )
        self._fleet = Fleet()

    def resize(self, n_series: int, n_devices: int) -> None:
        """Make room for that many series and devices."""
        self._series.resize(n_series)
        self._devices.resize(n_devices)

    def advance(self, judged: SeriesRows, device_of: Keys) -> tuple[DeviceRows, Members]:
        """Take in judged readings in order of arrival; the rows that were completed, and the metrics of some.

        `device_of` gives the device number of each series number.
        """
        self._fleet.follow(device_of, self._devices.n)
        rows = DeviceRows.room(2 * len(judged.series))  # a reading closes one at most and completes one
        fleet, series, devices = self._fleet, self._series.records, self._devices.records
        members: Any = np.empty(len(judged.series) + ROOM, MEMBER)
        done = (0, 0, 0)
        while True:
            done = _walk(series, devices, fleet.series, fleet.devices, judged, device_of, rows, members, *done)
            if done[0] == len(judged.series):
                return rows.first(done[1]), members[: done[2]]
            members = np.concatenate([members, np.empty(len(members) + 2 * len(device_of), MEMBER)])

    def save(self) -> dict[str, dict[str, NDArray[Any]]]:
        """The state of series and devices as arrays with a row each."""
        return {"series": self._series.save(), "device": self._devices.save()}

    def restore(self, saved: Mapping[str, Mapping[str, NDArray[Any]]], series: IntArray, devices: IntArray) -> None:
        """Take back a saved state; the arrays tell which number each saved row belongs to."""
        self._series.restore(saved["series"], series)
        self._devices.restore(saved["device"], devices)


@compiled
def _walk(
    series: Sequence[_Series],
    devices: Sequence[_Device],
    chain: Sequence[Link],
    owners: Sequence[Owner],
    judged: SeriesRows,
    device_of: Keys,
    rows: DeviceRows,
    members: Members,
    row: int,
    n: int,
    n_members: int,
) -> tuple[int, int, int]:
    """Take in readings from `row` on until all are done or the metrics of two more rows may find no room.

    The next reading, and how many rows and members there are, with the `n` and `n_members` of before.
    """
    while row < len(judged.series):
        of = device_of[judged.series[row]]
        device, owner = devices[of], owners[of]
        if n_members + 2 * owner.count > len(members):
            break
        if judged.time[row] > device.clock:
            if not device.done:  # the clock moves on before all have reported
                rows.row[n], rows.device[n] = row, of
                n_members = _compose(series, device, chain, owner.first, rows, n, members, n_members)
                n += 1
            _begin(device, judged.time[row])
        _take(series[judged.series[row]], judged, row, device.row)
        if _completes(device):
            rows.row[n], rows.device[n] = row, of
            n_members = _compose(series, device, chain, owner.first, rows, n, members, n_members)
            n += 1
        row += 1
    return row, n, n_members


@compiled
def _begin(device: _Device, time: int) -> None:
    """The next row of a device."""
    device.clock, device.done = time, False
    device.row += 1
    device.counts[0], device.counts[1], device.counts[2] = device.counts[1], device.counts[2], 0


@compiled
def _completes(device: _Device) -> bool:
    """One more reading of the present row: whether it is the last one, as far as the two rows before tell."""
    device.counts[2] += 1
    if device.done or device.counts[2] != max(device.counts[0], device.counts[1]):
        return False
    device.done = True
    return True


@compiled
def _take(series: _Series, judged: SeriesRows, row: int, number: int) -> None:
    """Remember what is known with a reading."""
    series.row, series.score, series.p_value = number, judged.score[row], judged.p_value[row]
    series.value, series.explained = judged.value[row], judged.explained[row]
    for k in range(3):
        series.band[k] = judged.band[k, row]
    for k in range(SIZE):
        series.average[k], series.usual[k] = judged.average[row, k], judged.usual[row, k]


@compiled
def _compose(
    series: Sequence[_Series],
    device: _Device,
    chain: Sequence[Link],
    first: int,
    rows: DeviceRows,
    n: int,
    members: Members,
    n_members: int,
) -> int:
    """Row `n`, the present one of a device; how many metrics to look at there are with its own."""
    seen, size, known, square, rarest, total, most, leader = 0, 0, 0, 0.0, 0.0, 0.0, -1.0, first
    number = first
    while number != NO_SERIES:
        metric = series[number]
        seen += metric.row != NEVER
        if metric.row != NEVER and device.row - metric.row <= CARRIED:
            size += 1
            if not np.isnan(metric.score):
                square, known = square + metric.score**2, known + 1
            rarest += 1.0 / metric.p_value
            surprise = -np.log(metric.p_value)
            total += surprise
            if surprise > most:
                most, leader = surprise, number
            if device.row % LOOK == 0:
                _look(metric, number, n, members[n_members])
                n_members += 1
        number = chain[number].next
    rows.number[n], rows.time[n] = device.row, device.clock
    rows.series[n], rows.leader[n] = SEVERAL if seen >= 2 else leader, leader
    rows.score[n], rows.rarest[n] = np.sqrt(square / known), rarest / size
    rows.together[n] = rows.score[n] if seen >= 2 else np.nan
    rows.share[n] = most / total if total > 0 else 0.0
    _tell(series[leader], rows.facts, n)
    return n_members


@compiled
def _tell(series: _Series, facts: FloatArray, n: int) -> None:
    facts[n, 0] = series.value
    for k in range(3):
        facts[n, 1 + k] = series.band[k]
    facts[n, 4], facts[n, 5] = series.average[_OF_30] + series.explained, series.usual[_OF_30]


@compiled
def _look(series: _Series, number: int, row: int, member: Member) -> None:
    member.row, member.series = row, number
    for k in range(SIZE):
        member.average[k], member.usual[k] = series.average[k], series.usual[k]
