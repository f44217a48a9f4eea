"""Learns how often something is reported: the expected interval of a series or a device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray, IntArray, TimeArray
from ingest.rows import StateTable

MIN_GAPS = 10
"""Gaps before an interval counts as known."""
MEMORY = 32
"""Gaps over which the mean is taken."""
OUTAGE = 4.0
"""A gap longer than this many intervals is an outage, not a rhythm: it counts as that many."""
NEVER = np.iinfo(np.int64).min


class Interval:
    """Mean gap between readings in event time, per series or device, hardened against outages."""

    def __init__(self) -> None:
        self._state = StateTable(
            {"last": (np.int64, (), NEVER), "gaps": (np.int64, (), 0), "mean": (np.float64, (), 0.0)}
        )

    def resize(self, n: int) -> None:
        """Make room for that many series or devices."""
        self._state.resize(n)

    def round(self, rows: IntArray, time: TimeArray) -> FloatArray:
        """Learn one round of readings (each row once, newer than its last); the intervals known then, in ns or NaN."""
        state = self._state
        last, gaps, mean = state["last"][rows], state["gaps"][rows], state["mean"][rows]
        seen = last != NEVER
        gap = np.where(seen, time - np.where(seen, last, time), 0).astype(np.float64)
        first = seen & (gaps == 0)
        counted = np.where(first, gap, np.minimum(gap, OUTAGE * mean))
        gaps = gaps + seen
        mean = mean + np.where(seen, (counted - mean) / np.clip(gaps, 1, MEMORY), 0.0)
        state["mean"][rows], state["gaps"][rows], state["last"][rows] = mean, gaps, time
        return np.where(gaps >= MIN_GAPS, mean, np.nan)

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], rows: IntArray) -> None:
        """Take back a saved state; saved row i belongs to number `rows[i]`."""
        self._state.restore(saved, rows)
