"""Learns how long a series may say nothing: ten expected intervals, or longer where its own gaps often are.

    gap of ten expected intervals and more ─▶ counted by length ─▶ fades over a month ─▶ lengths still passed often

A series that is read when somebody passes by, at night not at all, or over a bad radio link would be called silent
again and again. What it does often is no news: its limit is twice a length that its gaps passed at least so often of
late. One long gap teaches nothing, so that a series that really ended is told of as early as ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.reading import NEVER, NS_PER_SECOND, FloatArray, IntArray, TimeArray
from ingest.rows import StateTable
from models.blocks import Keys

INTERVALS = 10
"""Expected intervals without a reading that make a silence."""
SHORTEST_NS = 300 * NS_PER_SECOND
"""No silence is shorter than 5 minutes, however fast the metric."""
LENGTHS = 12
"""Lengths that gaps are counted by, each twice the one before: from 5 minutes to a week, so that weekends are one."""
OFTEN = 2.0
"""Gaps of a length, each fading, that make it usual: three within half a month, or one every week."""
MEMORY_NS = 30.0 * 86_400e9
"""Time over which a gap fades to 1/e: long enough to know the weekends."""
NO_LIMIT = int(np.iinfo(np.int64).max)


class Counted(Protocol):
    """What a record holds of lengths that were counted."""

    counts: FloatArray
    """By length as of `counted_at`; the k-th are longer than `SHORTEST_NS` · 2^k."""
    counted_at: int


class _Series(Counted, Protocol):
    """A record of the state."""

    last: int
    least: int
    """The limit if no gap were usual, ns."""
    usual: int
    """The limit that its usual gaps ask for, ns, 0 if none are; good until `usual_until`."""
    usual_until: int


class Gaps:
    """The gaps of every series, in its own event time."""

    def __init__(self) -> None:
        self._state = StateTable(
            {
                "last": (np.int64, (), NEVER),
                "least": (np.int64, (), NO_LIMIT),
                "counts": (np.float32, (LENGTHS,), 0.0),
                "counted_at": (np.int64, (), NEVER),
                "usual": (np.int64, (), 0),
                "usual_until": (np.int64, (), NO_LIMIT),
            }
        )

    def resize(self, n: int) -> None:
        """Make room for that many series."""
        self._state.resize(n)

    def limits(self, series: Keys, time: TimeArray, interval_ns: FloatArray) -> TimeArray:
        """Learn readings in order, each newer than its series' last; with each how long none may follow, ns.

        `interval_ns` is each row's expected interval, NaN if unknown: there is no limit then (`NO_LIMIT`).
        """
        limits = np.empty(len(series), np.int64)
        _limits(self._state.records, series, time, interval_ns, limits)
        return limits

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], rows: IntArray) -> None:
        """Take back a saved state; saved row i belongs to number `rows[i]`."""
        self._state.restore(saved, rows)


@compiled
def least_limit(interval_ns: float) -> int:
    """The limit for an expected interval alone, in whole seconds of ns; an unknown one has none."""
    if np.isnan(interval_ns):
        return NO_LIMIT
    return max(int(np.rint(INTERVALS * interval_ns / NS_PER_SECOND)) * NS_PER_SECOND, SHORTEST_NS)


@compiled
def _limits(
    records: Sequence[_Series], series: Keys, time: TimeArray, interval_ns: FloatArray, limits: TimeArray
) -> None:
    """Fills in the limits."""
    for row in range(len(series)):
        state, now = records[series[row]], time[row]
        if state.last != NEVER and now - state.last > state.least:
            fade(state, now)
            count(state, now - state.last)
            _settle(state)
        elif now > state.usual_until:
            fade(state, now)
            _settle(state)
        state.last, state.least = now, least_limit(interval_ns[row])
        limits[row] = max(state.least, state.usual)


@compiled
def _settle(state: _Series) -> None:
    """What is usual now makes the limit, until it no longer is."""
    state.usual, often = usual_limit(state, OFTEN)
    state.usual_until = state.counted_at + int(MEMORY_NS * np.log(often / OFTEN)) if state.usual else NO_LIMIT


@compiled
def fade(state: Counted, now: int) -> None:
    """Let what was counted fade until now."""
    if state.counted_at != NEVER:
        left = np.exp((state.counted_at - now) / MEMORY_NS)
        for length in range(LENGTHS):
            state.counts[length] *= left
    state.counted_at = now


@compiled
def count(state: Counted, gap: int) -> None:
    """Count a gap of more than `SHORTEST_NS` by the longest of the lengths that it passes."""
    length, passed = 0, 2 * SHORTEST_NS
    while gap > passed and length < LENGTHS - 1:
        length, passed = length + 1, 2 * passed
    state.counts[length] += 1.0


@compiled
def usual_limit(state: Counted, enough: float) -> tuple[int, float]:
    """Twice the longest length that is passed often enough, ns, and how often; 0 if none is."""
    often, limit = 0.0, SHORTEST_NS << LENGTHS
    for length in range(LENGTHS - 1, -1, -1):
        often += state.counts[length]
        if often >= enough:
            return limit, often
        limit >>= 1
    return 0, often
