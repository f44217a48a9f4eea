"""Sees what lasts: many rows a little unusual, none of them rare, such as a small change within the noise that stays.

    p-value of each row ─▶ mean of -log10 p over a hundred rows ─▶ Calibrator ─▶ p-value of the mean

An exponentially weighted mean of the rarity of a device's rows is compared with its own past, like any other score.
What it says of a device falls slowly and stays low for long, so it is heard once: where it first falls below a level
while there is something unusual, and again after it has been back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.reading import BoolArray, FloatArray, IntArray
from ingest.rows import StateTable, under
from models.blocks import Keys
from models.calibration import Calibrator

SPAN = 100.0
"""Rows over which the mean is taken."""
BACK = 0.05
"""A p-value above this ends what lasted."""
_USUAL = float(np.log10(np.e))
"""Mean of -log10 p where nothing is wrong."""


class Lasts(NamedTuple):
    """What lasts at each row; columns of one length."""

    p_value: FloatArray
    """How rare the mean over the last rows is; 1 while not known, and where no stretch of unusual rows lasts."""
    lowest: FloatArray
    """The lowest one before, since it was back; 1 where there is none."""


class _Device(Protocol):
    """A record of the state."""

    seen: int
    mean: float
    lowest: float


class Lasting:
    """The mean rarity of every device, and how rare that is."""

    def __init__(self) -> None:
        self._state = StateTable(
            {"seen": (np.int64, (), 0), "mean": (np.float64, (), _USUAL), "lowest": (np.float64, (), 1.0)}
        )
        self._calibrator = Calibrator()

    def resize(self, n: int) -> None:
        """Make room for that many devices."""
        self._state.resize(n)
        self._calibrator.resize(n)

    def follow(self, device: Keys, p_value: FloatArray, rare: FloatArray, stirs: BoolArray) -> Lasts:
        """Take in rows, in order of each device's time.

        `rare` is as `models.calibration.rarity` tells; `stirs` where a stretch of unusual rows lasts.
        """
        mean, lowest = np.empty(len(device)), np.empty(len(device))
        _average(self._state.records, device, p_value, mean)
        found = np.fmin(self._calibrator.rate(device, mean, rare), 1.0)
        _remember(self._state.records, device, stirs, found, lowest)
        return Lasts(found, lowest)

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per device."""
        calibrator = {f"calibrator.{name}": array for name, array in self._calibrator.save().items()}
        return self._state.save() | calibrator

    def restore(self, saved: Mapping[str, NDArray[Any]], devices: IntArray) -> None:
        """Take back a saved state; saved row i belongs to device `devices[i]`."""
        self._state.restore({name: array for name, array in saved.items() if "." not in name}, devices)
        self._calibrator.restore(under(saved, "calibrator."), devices)


@compiled
def _average(records: Sequence[_Device], device: Keys, p_value: FloatArray, out: FloatArray) -> None:
    """The mean rarity after each row, in decades; NaN before so many rows were judged."""
    for row in range(len(device)):
        state = records[device[row]]
        if state.seen > 0 or p_value[row] < 1.0:
            state.seen += 1
            state.mean += 2.0 / (SPAN + 1.0) * (-np.log10(p_value[row]) - state.mean)
        out[row] = state.mean if state.seen > SPAN else np.nan


@compiled
def _remember(
    records: Sequence[_Device], device: Keys, stirs: BoolArray, p_value: FloatArray, lowest: FloatArray
) -> None:
    for row in range(len(device)):
        state = records[device[row]]
        if p_value[row] > BACK:
            state.lowest = 1.0
        if not stirs[row]:
            p_value[row] = 1.0
        lowest[row] = state.lowest
        state.lowest = min(state.lowest, p_value[row])
