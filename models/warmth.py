"""Forecasts when there will be enough data to judge a series, which it says of itself before that."""

from __future__ import annotations

import numpy as np

from ingest.reading import FloatArray, TimeArray
from models.blocks import Keys
from models.calibration import MIN_SCORES
from models.detectors.shift import WARM_UP

ENOUGH = WARM_UP + MIN_SCORES
"""Readings of a series before one of them can be unusual: some to know it, then scores to compare with."""
UNKNOWN = int(np.iinfo(np.int64).min)
_MOST = 9.2e18
"""No time in ns is told beyond this (the year 2261)."""


def enough_at(seen: Keys, last: TimeArray, interval_ns: FloatArray) -> TimeArray:
    """When each series will have `ENOUGH` readings if it goes on as it does, in event time, ns UTC.

    `seen` readings were judged so far, the newest at `last`, and one comes every `interval_ns` (NaN while not known).
    All of shape (n_series,), as the result. UNKNOWN where there is enough already, where the interval is not known, and
    beyond the year 2261.

    >>> enough_at(np.array([ENOUGH - 2]), np.array([100]), np.array([10.0])).tolist()
    [120]
    """
    missing = ENOUGH - seen
    wait = np.where(missing > 0, missing * interval_ns, np.nan)
    known = last.astype(np.float64) + wait < _MOST
    return np.where(known, last + np.where(known, np.rint(wait), 0.0).astype(np.int64), UNKNOWN)
