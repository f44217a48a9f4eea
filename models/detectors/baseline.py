"""Compares a reading with the series' own recent level and spread: an EWMA chart that is hard to fool.

Exponentially weighted moving average after Roberts, "Control chart tests based on geometric moving averages", 1959;
the innovation is clipped as in Gelper, Fried and Croux, "Robust forecasting with exponential and Holt-Winters
smoothing", 2010, so that an outlier cannot drag its own baseline along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray, IntArray
from ingest.rows import StateTable

WARM_UP = 16
"""Readings before a score is given: level and spread are plain means until then."""
LEVEL_SPAN = 30
"""Readings over which the level is smoothed: short enough to follow a daily rhythm sampled each minute."""
SPREAD_SPAN = 200
"""Readings over which the spread is smoothed: longer, for a spread needs more data than a level."""
CLIP = 3.0
"""An innovation beyond this many spreads counts as this many when the level learns."""
BAND = 4.0
"""Half width of the band shown to people, in spreads."""
LARGEST = 1e150
"""Values beyond this count as this: their squares still fit a float."""
HIGHEST_SCORE = 1e9
"""A billion spreads away is as unusual as it gets."""
MEAN_ABS_TO_SIGMA = 1.2533141373155001
"""sqrt(pi/2): a normal distribution's standard deviation over its mean absolute deviation."""


class Judged(NamedTuple):
    """One round's result; arrays of one length. Score and band are NaN during the warm-up."""

    score: FloatArray
    expected: FloatArray
    low: FloatArray
    high: FloatArray


class Baseline:
    """Level, spread and smallest step of every series."""

    def __init__(self) -> None:
        self._state = StateTable(
            {
                "count": (np.int64, (), 0),
                "level": (np.float64, (), 0.0),
                "spread": (np.float64, (), 0.0),
                "last": (np.float64, (), 0.0),
                "step": (np.float64, (), np.inf),
            }
        )

    def resize(self, n_series: int) -> None:
        """Make room for that many series."""
        self._state.resize(n_series)

    def round(self, series: IntArray, value: FloatArray) -> Judged:
        """Score one round of values (each series once), then learn them.

        The score is the distance from the level in spreads: dimensionless, ≥ 0, higher is more anomalous.
        """
        state = self._state
        count, level = state["count"][series], state["level"][series]
        value = np.clip(value, -LARGEST, LARGEST)
        deviation = value - level
        scale = self._scale(series, level)
        score = np.minimum(np.abs(deviation) / scale, HIGHEST_SCORE)
        band = BAND * scale
        cold = count < WARM_UP
        judged = Judged(score, level.copy(), level - band, level + band)
        for column in judged:
            column[cold] = np.nan
        self._learn(series, value, deviation, scale)
        return judged

    def _scale(self, series: IntArray, level: FloatArray) -> FloatArray:
        """One spread, at least the smallest step seen (a quantised value) or 0.1 % of the level (a constant one)."""
        spread, step = self._state["spread"][series], self._state["step"][series]
        floor = np.where(np.isfinite(step), step, 1e-3 * np.abs(level))
        return np.asarray(np.maximum(np.maximum(spread, floor), 1e-9))

    def _learn(self, series: IntArray, value: FloatArray, deviation: FloatArray, scale: FloatArray) -> None:
        state = self._state
        count = state["count"][series]
        cold = count < WARM_UP
        clipped = np.where(cold, deviation, np.clip(deviation, -CLIP * scale, CLIP * scale))
        state["level"][series] += clipped / np.minimum(count + 1, LEVEL_SPAN)
        spread = state["spread"][series]
        growth = MEAN_ABS_TO_SIGMA * np.abs(clipped) - spread
        state["spread"][series] = spread + np.where(count > 0, growth / np.clip(count, 1, SPREAD_SPAN), 0.0)
        step = np.abs(value - state["last"][series])
        smaller = (count > 0) & (step > 0) & (step < state["step"][series])
        state["step"][series] = np.where(smaller, step, state["step"][series])
        state["last"][series] = value
        state["count"][series] = count + 1

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per series."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        self._state.restore(saved, series)
