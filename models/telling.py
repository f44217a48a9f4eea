"""What is told of how rare a row is: far out less than what alerts go by, and for a while after a rare one still some.

    p-value ─▶ tempered: what is extrapolated far out is told with a sixth of its exponent ─┐
      └─▶ if rare: remembered for a while, as no less than REMEMBERED ──────────────────────┴─▶ the lower one is told

Nobody decides by it: alerts go by the p-values as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.reading import FloatArray, IntArray, TimeArray
from ingest.rows import StateTable
from models.blocks import Keys

FAR, POWER = 0.02, 1 / 6
"""Below FAR a p-value is told as FAR * (p / FAR) ** POWER, which keeps the order of rows. Tails are extrapolated from a
few hundred scores that depend on each other, and machines change over: on recorded machines of six kinds p-values below
0.0001 came 37 times too often. Where a series is stationary, what is told is on the safe side."""
RARE = 1e-3
"""A p-value up to here is remembered …"""
REMEMBERED = 0.02
"""… but as no less than this, above what p-values are held to …"""
ROWS, LONGEST_NS = 100.0, 43_200e9
"""… and fades over so many usual intervals, a rest after an alert, but no more than half a day."""
FAINT = 0.5
"""A p-value that faded up to here is forgotten."""
_LEAST, _MOST = float(-np.log(FAINT)), float(-np.log(REMEMBERED))


def tempered(p_value: FloatArray) -> FloatArray:
    """p-values as they are told, in the same order.

    >>> tempered(np.array([0.5, 0.02, 1e-6])).round(4).tolist()
    [0.5, 0.02, 0.0038]
    """
    told = np.empty(len(p_value))
    _temper(p_value, told)
    return told


@compiled
def _temper(p_value: FloatArray, told: FloatArray) -> None:
    for row in range(len(p_value)):
        p = p_value[row]
        told[row] = FAR * (p / FAR) ** POWER if p < FAR else p


class _Device(Protocol):
    """A record of the state."""

    surprise: float
    """-log of the last rare p-value, as it fades; 0 where there is none."""
    time: int


class Telling:
    """The last rare row of every device, as it fades."""

    def __init__(self) -> None:
        self._state = StateTable({"surprise": (np.float64, (), 0.0), "time": (np.int64, (), 0)})

    def resize(self, n: int) -> None:
        """Make room for that many devices."""
        self._state.resize(n)

    def tell(self, device: Keys, time: TimeArray, p_value: FloatArray, interval_ns: FloatArray) -> FloatArray:
        """What is told of rows, in order of each device's time; `interval_ns` is NaN while not known."""
        told = tempered(p_value)
        _fade(self._state.records, device, time, p_value, interval_ns, told)
        return told

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per device."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], devices: IntArray) -> None:
        """Take back a saved state; saved row i belongs to device `devices[i]`."""
        self._state.restore(saved, devices)


@compiled
def _fade(
    records: Sequence[_Device],
    device: Keys,
    time: TimeArray,
    p_value: FloatArray,
    interval_ns: FloatArray,
    told: FloatArray,
) -> None:
    for row in range(len(device)):
        state = records[device[row]]
        if state.surprise > 0.0:
            span = np.fmin(ROWS * interval_ns[row], LONGEST_NS)
            state.surprise *= np.exp(-max(time[row] - state.time, 0) / span)
        if p_value[row] <= RARE:
            state.surprise = max(state.surprise, -np.log(p_value[row]))
        if state.surprise <= _LEAST:
            state.surprise = 0.0
        else:
            told[row] = min(told[row], np.exp(-min(state.surprise, _MOST)))
            state.time = time[row]
