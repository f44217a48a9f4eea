"""Gathers evidence over successive readings: a CUSUM of log p-values per series.

Under the null −ln p is exponential with mean 1; the sum of (−ln p − DRIFT), kept at 0 or above, crosses a height h by
chance at most once in exp(DECAY × h) readings (Page, "Continuous inspection schemes", 1954; Siegmund, "Sequential
analysis", 1985). What height is enough is policy: see `alerts.policy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray, IntArray, TimeArray
from ingest.rows import StateTable

DRIFT = 3.0
"""Evidence a reading must bring to count for an anomaly, in nats: p below exp(-3) ≈ 0.05."""
DECAY = 0.9405
"""Root θ of exp(-DRIFT × θ) = 1 − θ: how fast chance crossings become rare with the height."""
MOST_PER_READING = 8.0
"""Cap of one reading's −ln p − DRIFT, so that no single reading raises an alarm on its own."""
MOST = 60.0
"""Cap of the sum, so that it is gone about 30 normal readings after the trouble is."""


class Evidence:
    """The running sum of every series, in nats."""

    def __init__(self) -> None:
        self._state = StateTable({"sum": (np.float64, (), 0.0), "since": (np.int64, (), 0)})

    def resize(self, n_series: int) -> None:
        """Make room for that many series."""
        self._state.resize(n_series)

    def round(self, series: IntArray, time: TimeArray, p_value: FloatArray) -> tuple[FloatArray, TimeArray]:
        """The sums after one round of p-values (each series once), and since when each has been above zero."""
        state = self._state
        gain = np.minimum(-np.log(p_value) - DRIFT, MOST_PER_READING)
        before = state["sum"][series]
        total = np.clip(before + gain, 0.0, MOST)
        since = np.where((before == 0) & (total > 0), time, state["since"][series])
        state["sum"][series], state["since"][series] = total, since
        return total, since

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per series."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        self._state.restore(saved, series)
