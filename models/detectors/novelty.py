"""Asks whether a device has been where it is: the distance of its state to the nearest ones of its past.

The state of a device is the averages of all its metrics over a short, a longer and a long while (`TOLD` in
`models.detectors.shift`), each in units of its usual distance. Now and then a state is stored; the score is the mean
distance to the nearest stored ones (Ramaswamy, Rastogi and Shim, "Efficient algorithms for mining outliers from large
data sets", SIGMOD 2000). States of the recent past do not count, so that trouble is not its own excuse.

It costs more than the other detectors and sees slow things, so it looks at every second row of a device only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.prefetch import LINE, prefetch
from ingest.reading import FloatArray, IntArray
from ingest.rows import StateTable, under
from models.blocks import Keys
from models.calibration import Calibrator
from models.detectors.shift import TOLD

LOOK = 2
"""Rows of a device from one look to the next."""
STORE = 16
"""Rows from one stored state to the next."""
STATES = 64
"""Stored states that are compared with: the past of 1024 rows."""
RECENT = 16
"""The newest stored states, of 256 rows, are not compared with; at first the newest third."""
SLOTS = STATES + RECENT
SIZE = len(TOLD)
"""Averages of a metric in the state."""
WARM_UP = 128
"""Rows before a score is given."""
MIN_SCORES = 64
"""Scores before a p-value: with WARM_UP, 256 rows."""
HOLD = 200
"""Scores, 400 rows, after which a lasting change is the new normal."""
AHEAD = 6
"""Metrics from the one that is worked on to the one whose states are fetched."""
_INFINITE = np.float32(np.inf).view(np.uint32)
"""The bits of an infinite number."""


MEMBER = np.dtype(
    [("row", np.int64), ("series", np.int64), ("average", np.float64, (SIZE,)), ("usual", np.float64, (SIZE,))],
    align=True,
)


class Member(Protocol):
    """A metric of a row that is looked at, a record of MEMBER."""

    row: int
    """The place of its row among the rows."""
    series: int
    average: FloatArray
    """As known with the metric's last reading, in its unit, shape (SIZE,)."""
    usual: FloatArray
    """Their usual distances, of the same shape."""


Members: TypeAlias = Sequence[Member]
"""Those of one row stand together, in the order of the rows."""


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
        self._calibrator = Calibrator(MIN_SCORES, HOLD)

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
        distance, p_value, square = np.empty(len(device)), np.empty(len(device)), np.empty(SLOTS, np.float32)
        series, devices = self._series.records, self._devices.records
        _look(series, devices, device, number, members, square, square.view(np.uint32), distance)
        found = self._calibrator.rate(device, distance, rare)
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
    members: Members,
    square: NDArray[np.float32],
    bits: NDArray[np.uint32],
    out: FloatArray,
) -> None:
    """Mean distance of each state to the nearest stored ones, NaN where nobody looks or too little is known.

    `square` is room for the squared distances from what is in each slot, and `bits` the same room.
    """
    end = 0
    for row in range(len(device)):
        out[row] = np.nan
        if number[row] % LOOK != 0:
            continue
        of, begin = devices[device[row]], end
        while end < len(members) and members[end].row == row:
            end += 1
        if number[row] > WARM_UP:
            square[:] = np.float32(0.0)
            for place in range(begin, end):
                _fetch(series, members, place + AHEAD)
                _add(series[members[place].series], members[place], square)
            out[row] = _nearest(square, bits, of.stored, SIZE * (end - begin))
        if number[row] % STORE == 0:
            for place in range(begin, end):
                _store(series[members[place].series], members[place], of.stored % SLOTS)
            of.stored += 1


@compiled
def _fetch(series: Sequence[_Series], members: Members, place: int) -> None:
    """Have the stored states of a metric fetched: all of its record."""
    if place < len(members):
        for offset in range(0, SIZE * SLOTS * 4, LINE):
            prefetch(series[members[place].series], offset)


@compiled
def _add(series: _Series, member: Member, square: NDArray[np.float32]) -> None:
    """Add the squared distances of a metric's averages from what is in each slot; NaN where there is nothing.

    The three averages are written out, so that it goes through the slots once.
    """
    short, longer, longest = _place(series, member, 0), _place(series, member, 1), _place(series, member, 2)
    per_short, per_longer, per_longest = _per_unit(member, 0), _per_unit(member, 1), _per_unit(member, 2)
    for slot in range(SLOTS):
        a = (series.states[0, slot] - short) * per_short
        b = (series.states[1, slot] - longer) * per_longer
        c = (series.states[2, slot] - longest) * per_longest
        square[slot] += a * a + b * b + c * c


@compiled
def _place(series: _Series, member: Member, k: int) -> np.float32:
    """Average `k` as it is stored: from the origin of its series on."""
    return np.float32(member.average[k] - series.origin)


@compiled
def _per_unit(member: Member, k: int) -> np.float32:
    return np.float32(1.0 / member.usual[k])


@compiled
def _nearest(square: NDArray[np.float32], bits: NDArray[np.uint32], stored: int, size: int) -> float:
    """Mean of the two least distances among the slots that count, as root mean squares over `size` averages."""
    slot = stored % SLOTS
    for _ in range(min(stored // 3, RECENT)):
        slot = (slot if slot > 0 else SLOTS) - 1
        square[slot] = np.float32(np.inf)
    _least_first(bits)
    found = (np.sqrt(square[0] / np.float64(size)) + np.sqrt(square[1] / np.float64(size))) / 2.0
    return found if np.isfinite(found) else np.nan


@compiled
def _least_first(bits: NDArray[np.uint32]) -> None:
    """Put the two least into the first two slots.

    Numbers that are not negative order as their bits do, and NaN comes last; of whole numbers the least is found eight
    at a time.
    """
    least, times, second = _INFINITE, 0, _INFINITE
    for slot in range(SLOTS):
        least = min(least, bits[slot])
    for slot in range(SLOTS):
        is_least = bits[slot] == least
        times += is_least
        second = min(second, _INFINITE if is_least else bits[slot])
    bits[0], bits[1] = least, least if times > 1 else second


@compiled
def _store(series: _Series, member: Member, slot: int) -> None:
    """Remember where a metric is."""
    if np.isnan(series.origin):
        series.origin = member.average[0]
    for k in range(SIZE):
        series.states[k, slot] = _place(series, member, k)


@compiled
def _carry(devices: Sequence[_Device], device: Keys, number: Keys, found: FloatArray, out: FloatArray) -> None:
    """The p-value found at each device's last look so far."""
    for row in range(len(device)):
        of = devices[device[row]]
        if number[row] % LOOK == 0:
            of.p_value = np.fmin(found[row], 1.0)
        out[row] = of.p_value
