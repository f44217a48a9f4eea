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
ACCURACY = 0.001
"""The usual distance is at least this share of the level: of less hardly any sensor is sure."""
MOST = 1e9
"""Cap of a score."""
TINY = 1e-12
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
    gaps: FloatArray
    learned: int
    level: float
    average: FloatArray
    usual: FloatArray
    unit: FloatArray
    raw: FloatArray
    long: FloatArray
    values: FloatArray
    distances: NDArray[np.float32]


class Shift:
    """Level, usual distances and running averages of every series; `scored` of the averages make the score."""

    def __init__(self, scored: int | None = None) -> None:
        self._scored = SCORED if scored is None else scored
        self._state = StateTable(
            {
                "seen": (np.int64, (), 0),
                "time": (np.int64, (), 0),
                "gap": (np.float64, (), np.nan),
                "gaps": (np.float64, (BLOCK,), np.nan),
                "learned": (np.int64, (), 0),
                "level": (np.float64, (), 0.0),
                "average": (np.float64, (AVERAGED,), 0.0),
                "usual": (np.float64, (AVERAGED,), 0.0),
                "unit": (np.float64, (AVERAGED,), TINY),
                "raw": (np.float64, (AVERAGED,), 0.0),
                "long": (np.float64, (AVERAGED,), 0.0),
                "values": (np.float64, (BLOCK,), 0.0),
                "distances": (np.float32, (BLOCK, AVERAGED), 0.0),
            }
        )

    def resize(self, n_series: int) -> None:
        """Make room for that many series."""
        self._state.resize(n_series)

    @property
    def seen(self) -> Keys:
        """Readings of every series so far."""
        return np.asarray(self._state["seen"])

    def advance(self, series: Keys, value: FloatArray, time: TimeArray) -> Judged:
        """Score values of `series`, read at `time` (ns), each newer than the last of its series; then learn them."""
        n = len(series)
        average, usual = np.empty((n, len(TOLD))), np.empty((n, len(TOLD)))
        judged = Judged(np.empty(n), np.empty((3, n)), average, usual, np.empty(n, np.int64), np.empty(n))
        _advance(self._state.records, self._scored, series, value, time, judged)
        return judged

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per series."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        self._state.restore(saved, series)


@compiled
def _advance(
    records: Sequence[_Series], scored: int, series: Keys, value: FloatArray, time: TimeArray, out: Judged
) -> None:
    for row in range(len(series)):
        state = records[series[row]]
        column = state.seen % BLOCK
        _move(state, value[row], _pace(state, column, time[row]))
        out.score[row] = _score(state, column, scored)
        _tell(state, row, out)
        state.values[column] = value[row]
        state.seen += 1
        out.block_mean[row] = np.nan
        if column == BLOCK - 1:
            out.block_mean[row] = _mean(state.values)
            _learn(state)


@compiled
def _pace(state: _Series, column: int, time: int) -> float:
    """How much of a usual interval has passed since the last reading, at most one."""
    gap = np.nan if state.seen == 0 else float(time - state.time)
    state.gaps[column], state.time = gap, time
    share = gap / state.gap
    return 1.0 if np.isnan(share) else min(share, 1.0)


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
def _score(state: _Series, column: int, scored: int) -> float:
    """Root mean square of the distances, in usual ones; NaN while the series is learned."""
    square = 0.0
    for k in range(AVERAGED):
        distance = abs(state.average[k] - state.level)
        state.distances[column, k] = distance
        if k < scored:
            square += min(distance / state.unit[k], MOST) ** 2
    if state.learned < WARM_UP:
        return np.nan
    score = np.sqrt(square / scored)
    return MOST if np.isnan(score) else score


@compiled
def _learn(state: _Series) -> None:
    """Learn a full block."""
    _learn_gap(state)
    if state.learned == 0:
        _begin(state)
    else:
        _learn_block(state)
    state.learned += BLOCK
    floor = ACCURACY * abs(state.level)
    for k in range(AVERAGED):
        usual = max(state.usual[k], RAW_SHARE * state.raw[k], LONG_SHARE * state.long[k])
        state.unit[k] = max(usual, floor) + TINY


@compiled
def _learn_gap(state: _Series) -> None:
    before, fresh = state.gap, np.isnan(state.gap)
    total, count = 0.0, 0
    for column in range(BLOCK):
        gap = state.gaps[column]
        if not np.isnan(gap):
            total += gap if fresh else min(gap, OUTAGE * before)
            count += 1
    weight = max(BLOCK / MEMORY, BLOCK / (state.seen + 1.0))
    state.gap = total / count if fresh else before + weight * (total / count - before)


@compiled
def _begin(state: _Series) -> None:
    level = _median(state.values)
    spread = 0.0
    for column in range(BLOCK):
        spread += abs(state.values[column] - level) / BLOCK
    state.level = level
    for k in range(AVERAGED):
        state.usual[k] = state.raw[k] = state.long[k] = spread if np.isfinite(spread) else 0.0


@compiled
def _learn_block(state: _Series) -> None:
    level, known = state.level, state.learned >= WARM_UP
    share = BLOCK / (state.learned + BLOCK)
    weight, slowly = max(BLOCK / MEMORY, share), max(BLOCK / LONG_MEMORY, share)
    reach = CLIP * state.unit[0] if known else np.inf
    step = 0.0
    for column in range(BLOCK):
        step += min(max(state.values[column] - level, -reach), reach) / BLOCK
    if np.isfinite(step):  # else values themselves overflow: they teach nothing
        state.level = level + weight * step
    for k in range(AVERAGED):
        most = CLIP * state.unit[k] if known else np.inf
        raw, clipped = 0.0, 0.0
        for column in range(BLOCK):
            distance = float(state.distances[column, k])
            raw += distance / BLOCK
            clipped += min(distance, most) / BLOCK
        if np.isfinite(raw):
            state.raw[k] += weight * (raw - state.raw[k])
        if np.isfinite(clipped):
            state.usual[k] += weight * (clipped - state.usual[k])
            state.long[k] += slowly * (clipped - state.long[k])


@compiled
def _mean(values: FloatArray) -> float:
    """Mean of a block; divided first, so that it does not overflow."""
    total = 0.0
    for column in range(BLOCK):
        total += values[column] / BLOCK
    return total


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
