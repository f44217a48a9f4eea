"""Asks whether a device has been where it is: the distance of its state to the nearest ones of its past.

The state of a device is the averages of all its metrics over a short, a longer and a long while (`SPANS` in
`models.detectors.shift`), each in units of its usual distance. Now and then a state is stored; the score is the mean
distance to the nearest stored ones (Ramaswamy, Rastogi and Shim, "Efficient algorithms for mining outliers from large
data sets", SIGMOD 2000). States of the recent past do not count, so that trouble is not its own excuse.

It costs more than the other detectors and sees slow things, so it looks at every second row of a device only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import BoolArray, FloatArray, IntArray
from ingest.rows import StateTable, under
from ingest.runs import run_ends, run_starts
from models.blocks import Keys, parts
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
NEAREST = 2
CHUNK = 256
"""States compared at a time: what they take stays in the processor's cache."""
_AGE = ((np.arange(SLOTS)[:, None] - 1 - np.arange(SLOTS)) % SLOTS).astype(np.int16)
"""How many states were stored after that in each slot, by the number stored modulo SLOTS."""
AVERAGES = (0, 2, 3)
"""Which of the averages make the state."""
SIZE = len(AVERAGES)
WARM_UP = 128
"""Rows before a score is given."""
MIN_SCORES = 64
"""Scores before a p-value: with WARM_UP, 256 rows."""
HOLD = 200
"""Scores, 400 rows, after which a lasting change is the new normal."""


@dataclass(frozen=True, slots=True)
class States:
    """States of devices at rows that are looked at; per device in order of its rows."""

    device: Keys
    number: Keys
    """Number of the device's row, a multiple of LOOK."""
    rare: FloatArray
    """The p-value that is rare at the device's pace, see `models.calibration.rarity`."""
    which: Keys
    """For each metric of each state, the state's place in `device`; ascending."""
    series: Keys
    average: FloatArray
    """Shape (n_metrics_of_states, SIZE), in the series' unit."""
    usual: FloatArray
    """Their usual distances, of the same shape."""

    def only(self, kept: NDArray[np.intp]) -> States:
        """Some of the states, in ascending order of their places."""
        place = np.full(len(self.device), -1)
        place[kept] = np.arange(len(kept))
        mine = place[self.which] >= 0
        return States(
            self.device[kept],
            self.number[kept],
            self.rare[kept],
            place[self.which[mine]],
            self.series[mine],
            self.average[mine],
            self.usual[mine],
        )


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

    def last(self, device: Keys) -> FloatArray:
        """The p-value of the last look at each of those devices; 1 while not known."""
        return np.asarray(self._devices["p_value"][device])

    def look(self, states: States) -> FloatArray:
        """p-values of those states, which are stored where it is their turn."""
        p_value = np.ones(len(states.device))
        for turn in _turns(states):
            now = states.only(turn)
            p_value[turn] = self._rate(now, self._distance(now))
            self._store(now)
        if len(p_value):
            ends = np.flatnonzero(run_ends(states.device))
            self._devices["p_value"][states.device[ends]] = p_value[ends]
        return p_value

    def _distance(self, now: States) -> FloatArray:
        """Mean distance to the nearest stored states; NaN where too little is known."""
        series = now.series
        with np.errstate(over="ignore", invalid="ignore"):
            unit = (1.0 / now.usual).astype(np.float32)[:, :, None]
            here = (now.average - self._series["origin"][series, None]).astype(np.float32)[:, :, None]
        starts = np.flatnonzero(run_starts(now.which))
        edges = np.r_[starts, len(series)]
        nearest = np.full(len(starts), np.nan)
        for first in range(0, len(starts), CHUNK):
            some = slice(first, min(first + CHUNK, len(starts)))
            members = slice(edges[some.start], edges[some.stop])
            square = self._squares(series[members], here[members], unit[members])
            mean = _means(square, starts[some] - members.start, np.diff(edges[some.start : some.stop + 1]))
            usable = self._usable(now.device[some]) & ~np.isnan(mean)
            mean[~usable] = np.inf
            least = np.partition(mean, NEAREST - 1, axis=1)[:, :NEAREST]
            nearest[some] = np.sqrt(least.astype(np.float64)).mean(axis=1)
        return np.where(np.isfinite(nearest) & (now.number > WARM_UP), nearest, np.nan)

    def _usable(self, device: Keys) -> BoolArray:
        """Which slots hold states that those devices are compared with, shape (n_devices, SLOTS)."""
        stored = self._devices["stored"][device]
        age = _AGE[stored % SLOTS]
        recent = np.minimum(stored // 3, RECENT)
        oldest = np.minimum(recent + STATES, stored)
        return np.asarray((age >= recent[:, None].astype(np.int16)) & (age < oldest[:, None].astype(np.int16)))

    def _squares(self, series: Keys, here: NDArray[np.float32], unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sum of squares of the distances from what is in each slot, shape (n_series, SLOTS)."""
        with np.errstate(over="ignore", invalid="ignore"):
            away = self._series["states"][series]
            away -= here
            away *= unit
            away *= away
            total = away[:, 0]
            for k in range(1, SIZE):  # faster than a sum over the short axis
                total += away[:, k]
        return total

    def _rate(self, now: States, score: FloatArray) -> FloatArray:
        p_value = np.ones(len(score))
        known = np.flatnonzero(~np.isnan(score))
        keys = now.device[known]
        for part in parts(keys, self._calibrator.filled):
            rows = known[part.rows]
            p_value[rows] = self._calibrator.rate(part, score[rows])
            if len(part.ended):
                self._calibrator.learn(part.ended, now.rare[rows[part.full]])
        return p_value

    def _store(self, now: States) -> None:
        mine = (now.number % STORE == 0)[now.which]
        series, device = now.series[mine], now.device[now.which[mine]]
        slot = self._devices["stored"][device] % SLOTS
        origin = self._series["origin"]
        fresh = np.isnan(origin[series])
        origin[series[fresh]] = now.average[mine][fresh, 0]
        with np.errstate(over="ignore", invalid="ignore"):
            self._series["states"][series, :, slot] = now.average[mine] - origin[series, None]
        self._devices["stored"][np.unique(device)] += 1

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


def _means(square: NDArray[np.float32], starts: Keys, size: Keys) -> NDArray[np.float32]:
    """Means over the averages of `size` metrics from each of `starts` on, shape (n_states, SLOTS)."""
    total = square[starts]
    for k in range(1, int(size.max())):
        more = np.flatnonzero(size > k)
        total[more] += square[starts[more] + k]
    total /= (SIZE * size[:, None]).astype(np.float32)
    return np.asarray(total)


def _turns(states: States) -> list[NDArray[np.intp]]:
    """The states in turns: in each, of every device, those from one stored state to the next."""
    if not len(states.device):
        return []
    turn = (states.number - 1) // STORE
    starts = run_starts(states.device)
    first = np.flatnonzero(starts)[np.cumsum(starts) - 1]
    step = turn - turn[first]
    return [np.flatnonzero(step == k) for k in np.unique(step)]
