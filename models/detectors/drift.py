"""Sees what moves over days, which is learned as it goes by whoever looks at single readings.

    blocks of readings ─▶ means of 32 ─▶ Shift ─▶ score ─▶ Calibrator ─▶ p-value, which holds until the next mean

The same judgement as of readings, a few octaves lower: averages over 2 to 240 means, measured against the level of the
last thousand of them. At a reading a minute that is an hour to five days against three weeks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray, IntArray, TimeArray
from ingest.rows import StateTable, under
from models.blocks import BLOCK, Keys, Part, parts
from models.calibration import Calibrator, rarity_of_means
from models.detectors.interval import NEVER
from models.detectors.shift import SPANS, Shift

BLOCKS = 2
"""Blocks of readings that make a mean: those of two are the longest that the slowest usual faults need."""
MEAN = BLOCKS * BLOCK
MIN_SCORES = 64
"""Scores before a p-value."""
HOLD = 96
"""Scores, two days of minutes, after which a lasting change is the new normal."""
SEEN_NS = 8 * 86_400e9
"""Nothing is said before so much was seen: of what moves over days a week with its days off is the least to know."""


class Drift:
    """Means, levels and p-values of every series."""

    def __init__(self) -> None:
        self._shift, self._calibrator = Shift(scored=len(SPANS)), Calibrator(MIN_SCORES, HOLD)
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

    def p_value(self, series: Keys) -> FloatArray:
        """The p-value of the last mean of those series; NaN while there is none."""
        return np.asarray(self._state["p_value"][series])

    def band(self, series: Keys) -> FloatArray:
        """What was expected of it: middle, lower and upper end, shape (n_series, 3)."""
        return np.asarray(self._state["band"][series])

    def take(self, series: Keys, mean: FloatArray, time: TimeArray, rare: FloatArray) -> None:
        """Take in the means of blocks of those series, each once, which ended at `time`.

        `rare` is the p-value that is rare for single readings, see `models.calibration.rarity`.
        """
        state = self._state
        first = state["first"][series]
        state["first"][series] = np.where(first == NEVER, time, first)
        state["blocks"][series] += 1
        state["sum"][series] += mean / BLOCKS
        whole = state["blocks"][series] == BLOCKS
        if not whole.any():
            return
        series, time, rare = series[whole], time[whole], rare[whole]
        value = state["sum"][series]
        state["blocks"][series], state["sum"][series] = 0, 0.0
        for part in parts(series, self._shift.seen):
            self._judge(part, value, time, rarity_of_means(rare, MEAN))

    def _judge(self, part: Part, value: FloatArray, time: TimeArray, rare: FloatArray) -> None:
        state, known = self._state, self._shift.scoring(part.keys)
        judged = self._shift.advance(part, value[part.rows], time[part.rows])
        if known.any():
            some = part.only(known)
            p_value = self._calibrator.rate(some, judged.score[known])
            if len(some.ended):
                self._calibrator.learn(some.ended, rare[some.rows[some.full]])
            settled = self._calibrator.ready[some.keys] & (time[some.rows] - state["first"][some.keys] >= SEEN_NS)
            state["p_value"][some.keys] = np.where(settled, p_value, np.nan)
            state["band"][part.keys] = np.stack([judged.expected, judged.low, judged.high], axis=1)
        if len(part.ended):
            self._shift.learn(part.ended)

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per series."""
        return {f"{name}.{key}": array for name, part in self._parts().items() for key, array in part.save().items()}

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        for name, part in self._parts().items():
            part.restore(under(saved, f"{name}."), series)

    def _parts(self) -> dict[str, Shift | Calibrator | StateTable]:
        return {"shift": self._shift, "calibrator": self._calibrator, "means": self._state}
