"""When there will be enough data to judge a series, which it says of itself before, and what is young even then."""

from __future__ import annotations

import numpy as np

from ingest.reading import BoolArray, FloatArray, TimeArray
from models.blocks import Keys
from models.calibration import MIN_SCORES
from models.detectors.shift import WARM_UP

ENOUGH = WARM_UP + MIN_SCORES
"""Readings of a series before one of them can be unusual: some to know it, then scores to compare with."""
DAY_NS = 86_400e9
UNHURRIED_NS = 20e9
"""What is read no more often than that follows the day: people, weather, shifts."""
UNKNOWN = int(np.iinfo(np.int64).min)
_MOST = 9.2e18
"""No time in ns is told beyond this (the year 2261)."""


def young(age_ns: FloatArray, interval_ns: FloatArray) -> BoolArray:
    """Whether what is read every `interval_ns` (NaN while not known) follows the day, but was seen for less than one.

    A machine that starts for the first time and a room that warms up may then just be doing what they do every day.

    >>> young(np.array([1.0, 23, 25]) * 3600e9, np.array([1e9, 60e9, 60e9])).tolist()
    [False, True, False]
    """
    return np.asarray((interval_ns >= UNHURRIED_NS) & (age_ns < DAY_NS))


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
