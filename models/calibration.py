"""Turns a series' raw scores into p-values by their rank among its own recent scores.

Below the tail the p-value is the conformal rank (1 + #{past ≥ score}) / (1 + n) (Laxhammar and Falkman, "Conformal
prediction for distribution-independent anomaly detection in streaming vessel data", 2010). Beyond the 90th percentile
of the past a generalised Pareto tail is fitted to the excesses by the method of moments (Hosking and Wallis, "Parameter
and quantile estimation for the generalized Pareto distribution", 1987), so that p-values far below 1/n exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import BoolArray, FloatArray, IntArray
from ingest.rows import StateTable

WINDOW = 256
"""Scores remembered per series: the rank resolves 1/257, the tail is fitted to the highest 26."""
MIN_SCORES = 64
"""Scores before a p-value is given; the tail then rests on 6 excesses."""
REFIT_EVERY = 32
"""Readings of a series between two fits of its tail."""
TAIL = 0.1
"""Share of the past that counts as tail."""
MAX_SHAPE = 0.4
"""Bound of the Pareto shape: the moment estimate needs a finite variance (< 0.5)."""
MIN_P = 1e-15
"""p-values are reported down to here; nothing is known about rarer events."""


class RankCalibrator:
    """Ring of recent scores and a fitted tail per series."""

    def __init__(self) -> None:
        self._state = StateTable(
            {
                "ring": (np.float64, (WINDOW,), np.inf),
                "count": (np.int64, (), 0),
                "threshold": (np.float64, (), np.inf),
                "scale": (np.float64, (), 1.0),
                "shape": (np.float64, (), 0.0),
            }
        )

    def resize(self, n_series: int) -> None:
        """Make room for that many series."""
        self._state.resize(n_series)

    @property
    def ready(self) -> BoolArray:
        """Whether each series has enough scores for a p-value."""
        return np.asarray(self._state["count"] >= MIN_SCORES)

    def round(self, series: IntArray, score: FloatArray) -> FloatArray:
        """p-values of one round of scores (each series once), then learn them; 1 while there are too few."""
        state = self._state
        count = state["count"][series]
        seen = np.minimum(count, WINDOW)
        at_least = np.count_nonzero(state["ring"][series] >= score[:, None], axis=1) - (WINDOW - seen)
        p = (1.0 + at_least) / (1.0 + seen)
        excess = score - state["threshold"][series]
        tail = excess > 0
        if tail.any():
            rows = series[tail]
            p[tail] = _tail_p(excess[tail], state["scale"][rows], state["shape"][rows])
        p[count < MIN_SCORES] = 1.0
        state["ring"][series, count % WINDOW] = score
        state["count"][series] = count + 1
        due = ((count + 1) % REFIT_EVERY == 0) & (count + 1 >= MIN_SCORES)
        if due.any():
            self._fit(series[due])
        return np.asarray(np.maximum(p, MIN_P))

    def _fit(self, series: IntArray) -> None:
        """Fit the tails of those series to their rings; without two excesses the rank alone speaks."""
        state = self._state
        past = np.sort(state["ring"][series], axis=1)  # rows not yet in use hold inf and come last
        seen = np.minimum(state["count"][series], WINDOW)
        at = (seen * (1 - TAIL)).astype(np.intp) - 1
        threshold = past[np.arange(len(series)), at]
        excess = past - threshold[:, None]
        beyond = (excess > 0) & (np.arange(WINDOW) < seen[:, None])
        excess[~beyond] = 0.0
        n = beyond.sum(axis=1)
        mean = excess.sum(axis=1) / np.maximum(n, 1)
        variance = (excess * excess).sum(axis=1) / np.maximum(n, 1) - mean * mean
        shape = np.clip(0.5 * (1.0 - mean * mean / np.maximum(variance, 1e-12 * mean * mean + 1e-300)), 0.0, MAX_SHAPE)
        fitted = n >= 2
        state["threshold"][series] = np.where(fitted, threshold, np.inf)
        state["scale"][series] = np.where(fitted, mean * (1.0 - shape), 1.0)
        state["shape"][series] = np.where(fitted, shape, 0.0)

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per series."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        self._state.restore(saved, series)


def _tail_p(excess: FloatArray, scale: FloatArray, shape: FloatArray) -> FloatArray:
    """P(score ≥ threshold + excess) = TAIL × survival function of the generalised Pareto distribution."""
    z = excess / scale
    heavy = shape > 1e-6
    p = np.exp(-np.minimum(z, 700.0))
    p[heavy] = np.exp(-np.log1p(shape[heavy] * z[heavy]) / shape[heavy])
    return np.asarray(TAIL * p)
