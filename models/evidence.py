"""Gathers evidence over successive readings: a CUSUM of log p-values per series.

Under the null −ln p is exponential with mean 1; the sum of (−ln p − DRIFT), kept at 0 or above, crosses a height h by
chance about once in exp(DECAY × h) readings (Page, "Continuous inspection schemes", 1954; Siegmund, "Sequential
analysis", 1985). What height is enough is policy: see `alerts.policy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray, IntArray
from ingest.rows import StateTable

DRIFT = 3.0
"""Evidence a reading must bring to count for an anomaly, in nats: p below exp(-3) ≈ 0.05."""
DECAY = 0.9405
"""Root of exp(-DRIFT × θ) = 1 − θ: how fast chance crossings become rare with the height."""
MOST_PER_READING = 8.0
"""Cap of one reading's −ln p − DRIFT, so that no single reading raises an alarm on its own."""
MOST = 60.0
"""Cap of the sum, so that it is gone about 30 normal readings after the trouble is."""


class Evidence:
    """The running sum of every series, in nats."""

    def __init__(self) -> None:
        self._state = StateTable({"sum": (np.float64, (), 0.0)})

    def resize(self, n_series: int) -> None:
        """Make room for that many series."""
        self._state.resize(n_series)

    def round(self, series: IntArray, p_value: FloatArray) -> FloatArray:
        """The sums after one round of p-values (each series once)."""
        gain = np.minimum(-np.log(p_value) - DRIFT, MOST_PER_READING)
        total = np.clip(self._state["sum"][series] + gain, 0.0, MOST)
        self._state["sum"][series] = total
        return np.asarray(total)

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per series."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        self._state.restore(saved, series)
