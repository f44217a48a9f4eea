"""Sees what moves over days, which is learned as it goes by whoever looks at single readings.

    blocks of readings ─▶ means of 32 ─▶ Shift ─▶ score ─▶ Calibrator ─▶ p-value, which holds until the next mean
                                                                           └─▶ with that of each reading: one p-value

They are put together as `models.evidence` does it.

The same judgement as of readings, a few octaves lower: averages over 2 to 240 means, measured against the level of the
last thousand of them. At a reading a minute that is an hour to five days against three weeks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.reading import NEVER, FloatArray, IntArray, TimeArray
from ingest.rows import StateTable, under
from models.blocks import BLOCK, Keys
from models.calibration import Calibrator, rarity_of_means
from models.detectors.shift import AVERAGED, Shift
from models.evidence import UNUSUAL

BLOCKS = 2
"""Blocks of readings that make a mean: those of two are the longest that the slowest usual faults need."""
MEAN = BLOCKS * BLOCK
MIN_SCORES = 64
"""Scores before a p-value."""
HOLD = 96
"""Scores, two days of minutes, after which a lasting change is the new normal."""
SLOW = 0.3
"""Weight of where a metric has drifted over days, beside its readings."""
SEEN_NS = 8 * 86_400e9
"""Nothing is said before so much was seen: of what moves over days a week with its days off is the least to know."""
_NONE = np.zeros(0), np.zeros((3, 0))
"""What is said of no means: a small batch mostly completes none."""


class _Series(Protocol):
    """A record of the state."""

    first: int
    blocks: int
    sum: float
    p_value: float
    band: FloatArray


class Drift:
    """Means, levels and p-values of every series."""

    def __init__(self) -> None:
        self._shift, self._calibrator = Shift(scored=AVERAGED), Calibrator(MIN_SCORES, HOLD)
        self._state = StateTable(
            {
                "first": (np.int64, (), NEVER),
                "blocks": (np.int64, (), 0),
                "sum": (np.float64, (), 0.0),
                "p_value": (np.float64, (), np.nan),
                "band": (np.float64, (3,), np.nan),
            }
        )

    def resize(self, n_series: int) -> None:
        """Make room for that many series."""
        for part in (self._shift, self._calibrator, self._state):
            part.resize(n_series)

    def follow(
        self,
        series: Keys,
        block_mean: FloatArray,
        time: TimeArray,
        rare: FloatArray,
        p_value: FloatArray,
        band: FloatArray,
    ) -> None:
        """Take in readings of `series` at `time` (ns): with the last one of a block its mean, else NaN.

        `rare` is the p-value that is rare for single readings, see `models.calibration.rarity`. Their `p_value`, NaN
        while not known, is put together with that of the last mean, 1 while not known; and their `band`, shape
        (3, n_readings), becomes that of the mean where it is the mean that is unusual.
        """
        records, mean, at = self._state.records, np.empty(len(series)), np.empty(len(series), np.int64)
        at = at[: _gather(records, series, block_mean, time, mean, at)]
        slow, slow_band = self._judge(series[at], mean[at], time[at], rare[at]) if len(at) else _NONE
        _hold(records, series, at, slow, slow_band, SLOW, UNUSUAL, p_value, band)

    def _judge(
        self, series: Keys, mean: FloatArray, time: TimeArray, rare: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """p-values of means, NaN where nothing is said, and their bands, shape (3, n_means)."""
        judged = self._shift.advance(series, mean, time)
        p_value = self._calibrator.rate(series, judged.score, rarity_of_means(rare, MEAN))
        return np.where(time - self._state["first"][series] >= SEEN_NS, p_value, np.nan), judged.band

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per series."""
        return {f"{name}.{key}": array for name, part in self._parts().items() for key, array in part.save().items()}

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        for name, part in self._parts().items():
            part.restore(under(saved, f"{name}."), series)

    def _parts(self) -> dict[str, Shift | Calibrator | StateTable]:
        return {"shift": self._shift, "calibrator": self._calibrator, "means": self._state}


@compiled
def _gather(
    records: Sequence[_Series], series: Keys, block_mean: FloatArray, time: TimeArray, mean: FloatArray, at: Keys
) -> int:
    """Means of `BLOCKS` blocks, in the rows `at` of the readings that complete them; how many there are."""
    n = 0
    for row in range(len(series)):
        if np.isnan(block_mean[row]):
            continue
        state = records[series[row]]
        if state.first == NEVER:
            state.first = time[row]
        state.sum += block_mean[row] / BLOCKS
        state.blocks += 1
        if state.blocks == BLOCKS:
            mean[row], at[n] = state.sum, row
            state.blocks, state.sum = 0, 0.0
            n += 1
    return n


@compiled
def _hold(
    records: Sequence[_Series],
    series: Keys,
    at: Keys,
    slow: FloatArray,
    slow_band: FloatArray,
    weight: float,
    unusual: float,
    p_value: FloatArray,
    band: FloatArray,
) -> None:
    """What was said of the mean in row `at` of its series holds until its next one, beside what readings say."""
    done = 0
    for row in range(len(series)):
        state = records[series[row]]
        if done < len(at) and at[done] == row:
            state.p_value = slow[done]
            for k in range(3):
                state.band[k] = slow_band[k, done]
            done += 1
        fast = np.fmin(p_value[row], 1.0)
        p_value[row] = fast
        if np.isnan(state.p_value):
            continue
        p_value[row] = 1.0 / ((1.0 - weight) / fast + weight / state.p_value)
        if state.p_value < fast and state.p_value <= unusual:
            for k in range(3):
                band[k, row] = state.band[k]
