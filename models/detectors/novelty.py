"""Asks whether a device has been where it is: the distance of its state to the nearest ones of its past.

The state of a device is the averages of all its metrics over a short, a longer and a long while (`SPANS` in
`models.detectors.shift`), each in units of its usual distance. Now and then a state is stored; the score is the mean
distance to the nearest stored ones (Ramaswamy, Rastogi and Shim, "Efficient algorithms for mining outliers from large
data sets", SIGMOD 2000). States of the recent past do not count, so that trouble is not its own excuse.

It costs more than the other detectors and sees slow things, so it looks at every second row of a device only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.reading import FloatArray, IntArray
from ingest.rows import StateTable, under
from models.blocks import Keys
from models.calibration import Calibrator

LOOK = 2
"""Rows of a device from one look to the next."""
STORE = 16
"""Rows from one stored state to the next."""
STATES = 64
"""Stored states that are compared with: the past of 1024 rows."""
RECENT = 16
"""The newest stored states, of 256 rows, are not compared with; at first the newest third."""
SLOTS = STATES + RECENT
AVERAGES = (0, 2, 3)
"""Which of the averages make the state."""
SIZE = len(AVERAGES)
WARM_UP = 128
"""Rows before a score is given."""
MIN_SCORES = 64
"""Scores before a p-value: with WARM_UP, 256 rows."""
HOLD = 200
"""Scores, 400 rows, after which a lasting change is the new normal."""


class Members(NamedTuple):
    """The metrics of rows of devices that are looked at."""

    which: Keys
    """For each metric, the place of its row among the rows; ascending."""
    series: Keys
    average: FloatArray
    """As known with the metric's last reading, in its unit, shape (n_members, SIZE)."""
    usual: FloatArray
    """Their usual distances, of the same shape."""


class _Series(Protocol):
    """A record of the state of a series."""

    states: NDArray[np.float32]
    origin: float


class _Device(Protocol):
    """A record of the state of a device."""

    stored: int
    p_value: float


class Novelty:
    """The stored states, by series, and how unusual being far from them is, by device."""

    def __init__(self) -> None:
        self._series = StateTable({"states": (np.float32, (SIZE, SLOTS), np.nan), "origin": (np.float64, (), np.nan)})
        self._devices = StateTable({"stored": (np.int64, (), 0), "p_value": (np.float64, (), 1.0)})
        self._calibrator = Calibrator(MIN_SCORES, HOLD, stretches=True)

    def resize(self, n_series: int, n_devices: int) -> None:
        """Make room for that many series and devices."""
        self._series.resize(n_series)
        self._devices.resize(n_devices)
        self._calibrator.resize(n_devices)

    def follow(self, device: Keys, number: Keys, rare: FloatArray, members: Members) -> FloatArray:
        """p-values of the states of devices at rows in order of arrival, or as they last were; 1 while not known.

        `number` tells which row of its device each is; `rare` is the p-value that is rare at its pace, see
        `models.calibration.rarity`. `members` are the metrics of the rows whose number is a multiple of LOOK.
        """
        looked = np.flatnonzero(number % LOOK == 0)
        first = np.append(np.searchsorted(members.which, looked), len(members.which))
        distance, p_value = np.empty(len(looked)), np.empty(len(device))
        series, devices = self._series.records, self._devices.records
        _look(series, devices, device[looked], number[looked], first, members, distance)
        found = np.fmin(self._calibrator.rate(device[looked], distance, rare[looked]), 1.0)
        _carry(devices, device, number, found, p_value)
        return p_value

    def save(self) -> dict[str, dict[str, NDArray[Any]]]:
        """The state of series and devices as arrays with a row each."""
        calibrator = {f"calibrator.{name}": array for name, array in self._calibrator.save().items()}
        return {"series": self._series.save(), "device": self._devices.save() | calibrator}

    def restore(self, saved: Mapping[str, Mapping[str, NDArray[Any]]], series: IntArray, devices: IntArray) -> None:
        """Take back a saved state; the arrays tell which number each saved row belongs to."""
        self._series.restore(saved["series"], series)
        own = {name: array for name, array in saved["device"].items() if "." not in name}
        self._devices.restore(own, devices)
        self._calibrator.restore(under(saved["device"], "calibrator."), devices)


@compiled
def _look(
    series: Sequence[_Series],
    devices: Sequence[_Device],
    device: Keys,
    number: Keys,
    first: Keys,
    members: Members,
    out: FloatArray,
) -> None:
    """Mean distance of each state to the nearest stored ones, NaN where too little is known.

    The metrics of a state are those from its `first` to that of the next one.
    """
    total, square = np.empty(SLOTS, np.float32), np.empty(SLOTS, np.float32)
    for state in range(len(device)):
        of, begin, end = devices[device[state]], first[state], first[state + 1]
        out[state] = np.nan
        if number[state] > WARM_UP:
            total[:] = np.float32(0.0)
            for member in range(begin, end):
                _squares(series[members.series[member]], members.average, members.usual, member, square)
                total += square
            out[state] = _nearest(total, of.stored, SIZE * (end - begin))
        if number[state] % STORE == 0:
            for member in range(begin, end):
                _store(series[members.series[member]], members.average, member, of.stored % SLOTS)
            of.stored += 1


@compiled
def _squares(series: _Series, average: FloatArray, usual: FloatArray, member: int, square: NDArray[np.float32]) -> None:
    """The squared distances of a metric's averages from what is in each slot, added up."""
    square[:] = np.float32(0.0)
    for k in range(SIZE):
        unit = np.float32(1.0 / usual[member, k])
        here = np.float32(average[member, k] - series.origin)
        for slot in range(SLOTS):
            away = (series.states[k, slot] - here) * unit
            square[slot] += away * away


@compiled
def _nearest(total: NDArray[np.float32], stored: int, size: int) -> float:
    """Mean of the two least distances among the slots that count, as root mean squares over `size` averages."""
    recent = min(stored // 3, RECENT)
    oldest = min(recent + STATES, stored)
    nearest, second = np.float32(np.inf), np.float32(np.inf)
    for age in range(recent, oldest):
        square = total[(stored - 1 - age) % SLOTS]
        if square < nearest:
            nearest, second = square, nearest
        elif square < second:
            second = square
    found = (np.sqrt(nearest / np.float64(size)) + np.sqrt(second / np.float64(size))) / 2.0
    return found if np.isfinite(found) else np.nan


@compiled
def _store(series: _Series, average: FloatArray, member: int, slot: int) -> None:
    if np.isnan(series.origin):
        series.origin = average[member, 0]
    for k in range(SIZE):
        series.states[k, slot] = np.float32(average[member, k] - series.origin)


@compiled
def _carry(devices: Sequence[_Device], device: Keys, number: Keys, found: FloatArray, out: FloatArray) -> None:
    """The p-value found at each device's last look so far."""
    looks = 0
    for row in range(len(device)):
        of = devices[device[row]]
        if number[row] % LOOK == 0:
            of.p_value = found[looks]
            looks += 1
        out[row] = of.p_value
