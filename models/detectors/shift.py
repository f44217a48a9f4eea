"""Compares where a series is, over shorter and longer whiles, with where it has long been.

Exponentially weighted moving averages of the values (Roberts, "Control chart tests based on geometric moving
averages", 1959) are measured against the series' own level, each in units of its own usual distance from it. The
shortest sees a spike, the longer ones shifts that last; their root mean square is the score. Level and distances are
learned block by block (`models.blocks`) from clipped values (Gelper, Fried and Croux, "Robust forecasting with
exponential and Holt-Winters smoothing", 2010). A fourth average, longer still, says where the series has been; it is
not scored here but used by `models.detectors.novelty`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.prefetch import LINE, prefetch
from ingest.reading import FloatArray, IntArray, TimeArray
from ingest.rows import StateTable
from models.blocks import BLOCK, Keys

SPANS = np.array([2.0, 8.0, 30.0, 240.0])
"""Readings over which the averages are taken; all but the first in usual intervals where readings come faster, so that
a sensor that suddenly reports every second still shows its shifts over the same time."""
AVERAGED = len(SPANS)
SCORED = 3
"""So many of the averages, from the shortest on, make the score."""
TOLD = (0, 2, 3)
"""Which of the averages others are told: those that make the state of a device in `models.detectors.novelty`."""
LONG = 1
"""Which of those told is the longest that is scored."""
GAINS = 2.0 / (SPANS + 1.0)
OUTAGE = 4.0
"""A gap longer than this many usual ones counts as this many when the usual one is learned."""
MEMORY = 1000.0
"""Readings over which level and distances are learned."""
WARM_UP = 128
"""Readings before a score is given: a few independent values of the longer average."""
CLIP = 4.0
"""A value or distance beyond this many usual distances counts as this many when it is learned."""
RAW_SHARE = 0.1
"""The usual distance is at least this share of the one learned without clipping: a series that is mostly constant and
moves now and then has moves, not a spread of zero."""
LONG_MEMORY = 10_000.0
"""Readings over which distances are learned a second time, a week of minutes: a machine that stood still over a weekend
has not forgotten how it runs."""
LONG_SHARE = 0.9
"""The usual distance is at least this share of that one."""
REACH = 10.0
"""The longer averages that are scored take what is farther off, in usual distances, as being there: a lone spike is no
shift."""
MOST = 1e9
"""Cap of a score."""
TINY = 1e-12
AHEAD = 8
"""Rows from the one that is worked on to the one whose record is fetched."""
BAND = 7.0
"""Half width of the band shown to people, in usual distances of the short average: about four standard deviations."""


class Judged(NamedTuple):
    """Columns with a row per reading. A higher score is more anomalous; NaN, as the band, while a series is learned."""

    score: FloatArray
    band: FloatArray
    """What was expected: middle, lower and upper end, shape (3, n_rows)."""
    average: FloatArray
    """The averages that are told, as they are after each reading, shape (n_rows, len(TOLD))."""
    usual: FloatArray
    """Their usual distances from the level, of the same shape."""
    number: Keys
    """How many readings of the series there were before."""
    block_mean: FloatArray
    """With the last reading of a block the mean of its values, else NaN."""


class _Series(Protocol):
    """A record of the state."""

    seen: int
    time: int
    gap: float
    """The usual one."""
    learned: int
    level: float
    average: FloatArray
    unit: FloatArray
    """The usual distances as they are measured by; the others are what they are learned from."""
    gaps: float
    """Sums over the open block: of gaps, of clipped steps from the level, and the mean as far as it goes; …"""
    steps: float
    mean: float
    raws: FloatArray
    """… and mean distances as far as they go, as they are and clipped."""
    clipped: FloatArray
    usual: FloatArray
    raw: FloatArray
    long: FloatArray
    first: FloatArray
    """Values of the first block."""


class Shift:
    """Level, usual distances and running averages of every series; `scored` of the averages make the score."""

    def __init__(self, scored: int | None = None) -> None:
        self._scored = SCORED if scored is None else scored
        self._state = StateTable(
            {
                "seen": (np.int64, (), 0),
                "time": (np.int64, (), 0),
                "gap": (np.float64, (), np.nan),
                "learned": (np.int64, (), 0),
                "level": (np.float64, (), 0.0),
                "average": (np.float64, (AVERAGED,), 0.0),
                "unit": (np.float64, (AVERAGED,), TINY),
                "gaps": (np.float64, (), 0.0),
                "steps": (np.float64, (), 0.0),
                "mean": (np.float64, (), 0.0),
                "raws": (np.float64, (AVERAGED,), 0.0),
                "clipped": (np.float64, (AVERAGED,), 0.0),
                "usual": (np.float64, (AVERAGED,), 0.0),
                "raw": (np.float64, (AVERAGED,), 0.0),
                "long": (np.float64, (AVERAGED,), 0.0),
                "first": (np.float64, (BLOCK,), 0.0),
            }
        )

    def resize(self, n_series: int) -> None:
        """Make room for that many series."""
        self._state.resize(n_series)

    @property
    def seen(self) -> Keys:
        """Readings of every series so far."""
        return np.asarray(self._state["seen"])

    def advance(self, series: Keys, value: FloatArray, time: TimeArray, explained: FloatArray | None = None) -> Judged:
        """Score values of `series`, read at `time` (ns), each newer than the last of its series; then learn them.

        What is `explained` of them counts for the means of blocks only; nothing by default.
        """
        n = len(series)
        rest = value if explained is None else value - explained
        average, usual = np.empty((n, len(TOLD))), np.empty((n, len(TOLD)))
        judged = Judged(np.empty(n), np.empty((3, n)), average, usual, np.empty(n, np.int64), np.empty(n))
        _advance(self._state.records, self._scored, series, value, rest, time, judged)
        return judged

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per series."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        self._state.restore(saved, series)


@compiled
def _advance(
    records: Sequence[_Series],
    scored: int,
    series: Keys,
    value: FloatArray,
    rest: FloatArray,
    time: TimeArray,
    out: Judged,
) -> None:
    for row in range(len(series)):
        _fetch(records, series, row + AHEAD)
        state = records[series[row]]
        _move(state, rest[row], _pace(state, time[row]))
        out.score[row] = _score(state, scored)
        _tell(state, row, out)
        _add(state, value[row], rest[row])
        state.seen += 1
        out.block_mean[row] = np.nan
        if state.seen % BLOCK == 0:
            out.block_mean[row] = state.mean
            _learn(state)


@compiled
def _fetch(records: Sequence[_Series], series: Keys, row: int) -> None:
    """Have what a reading needs of its record fetched: the beginning."""
    if row < len(series):
        for offset in (0, LINE, 2 * LINE):
            prefetch(records[series[row]], offset)


@compiled
def _pace(state: _Series, time: int) -> float:
    """How much of a usual interval has passed since the last reading, at most one."""
    gap, usual = float(time - state.time), state.gap
    state.time = time
    if state.seen == 0:
        return 1.0
    if np.isnan(usual):
        state.gaps += gap
        return 1.0
    state.gaps += min(gap, OUTAGE * usual)
    return min(gap / usual, 1.0)


@compiled
def _move(state: _Series, value: float, share: float) -> None:
    """Move the averages on; the shortest and the longest take any value as it is."""
    if state.seen == 0:
        for k in range(AVERAGED):
            state.average[k] = value
    level = state.level
    reach = REACH * state.unit[0] if state.learned >= WARM_UP else np.inf
    tamed = min(max(value, level - reach), level + reach)
    for k in range(AVERAGED):
        before, taken = state.average[k], value if k in (0, AVERAGED - 1) else tamed
        state.average[k] = before + (GAINS[k] if k == 0 else GAINS[k] * share) * (taken - before)


@compiled
def _tell(state: _Series, row: int, out: Judged) -> None:
    known = state.learned >= WARM_UP
    level, half = state.level, BAND * state.unit[0]
    out.band[0, row] = level if known else np.nan
    out.band[1, row] = level - half if known else np.nan
    out.band[2, row] = level + half if known else np.nan
    for k in range(len(TOLD)):
        out.average[row, k], out.usual[row, k] = state.average[TOLD[k]], state.unit[TOLD[k]]
    out.number[row] = state.seen


@compiled
def _score(state: _Series, scored: int) -> float:
    """Root mean square of the distances, in usual ones; NaN while the series is learned."""
    square = 0.0
    for k in range(AVERAGED):
        if k < scored:
            square += min(abs(state.average[k] - state.level) / state.unit[k], MOST) ** 2
    if state.learned < WARM_UP:
        return np.nan
    score = np.sqrt(square / scored)
    return MOST if np.isnan(score) else score


@compiled
def _add(state: _Series, value: float, rest: float) -> None:
    """Add a reading, and the rest of it, to the open block; divided first, so that means do not overflow."""
    clip = CLIP if state.learned >= WARM_UP else np.inf
    reach = clip * state.unit[0]
    state.mean += value / BLOCK
    state.steps += min(max(rest - state.level, -reach), reach) / BLOCK
    for k in range(AVERAGED):
        distance = abs(state.average[k] - state.level)
        state.raws[k] += distance / BLOCK
        state.clipped[k] += min(distance, clip * state.unit[k]) / BLOCK
    if state.learned == 0:
        state.first[state.seen] = rest


@compiled
def _learn(state: _Series) -> None:
    """Learn a full block, and begin the next one."""
    _learn_gap(state)
    if state.learned == 0:
        _begin(state)
    else:
        _learn_block(state)
    state.learned += BLOCK
    state.gaps, state.steps, state.mean = 0.0, 0.0, 0.0
    for k in range(AVERAGED):
        state.unit[k] = max(state.usual[k], RAW_SHARE * state.raw[k], LONG_SHARE * state.long[k]) + TINY
        state.raws[k], state.clipped[k] = 0.0, 0.0


@compiled
def _learn_gap(state: _Series) -> None:
    if state.learned == 0:
        state.gap = state.gaps / (BLOCK - 1)
    else:
        weight = max(BLOCK / MEMORY, BLOCK / (state.seen + 1.0))
        state.gap += weight * (state.gaps / BLOCK - state.gap)


@compiled
def _begin(state: _Series) -> None:
    level = _median(state.first)
    spread = 0.0
    for value in state.first:
        spread += abs(value - level) / BLOCK
    state.level = level
    for k in range(AVERAGED):
        state.usual[k] = state.raw[k] = state.long[k] = spread if np.isfinite(spread) else 0.0


@compiled
def _learn_block(state: _Series) -> None:
    share = BLOCK / (state.learned + BLOCK)
    weight, slowly = max(BLOCK / MEMORY, share), max(BLOCK / LONG_MEMORY, share)
    if np.isfinite(state.steps):  # else values themselves overflow: they teach nothing
        state.level += weight * state.steps
    for k in range(AVERAGED):
        raw, clipped = state.raws[k], state.clipped[k]
        if np.isfinite(raw):
            state.raw[k] += weight * (raw - state.raw[k])
        if np.isfinite(clipped):
            state.usual[k] += weight * (clipped - state.usual[k])
            state.long[k] += slowly * (clipped - state.long[k])


@compiled
def _median(values: FloatArray) -> float:
    """Median of a block: the middle between the two in the middle."""
    low, high = -np.inf, np.inf
    for column in range(BLOCK):
        value, below = values[column], 0
        for other in range(BLOCK):
            below += values[other] < value or (values[other] == value and other < column)
        if below == BLOCK // 2 - 1:
            low = value
        if below == BLOCK // 2:
            high = value
    return low / 2 + high / 2
