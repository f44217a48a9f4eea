"""Compares where a series is, over shorter and longer whiles, with where it has long been.

Exponentially weighted moving averages of the values (Roberts, "Control chart tests based on geometric moving
averages", 1959) are measured against the series' own level, each in units of its own usual distance from it. The
shortest sees a spike, the longer ones shifts that last; their root mean square is the score. Level and distances are
learned block by block (`models.blocks`) from clipped values (Gelper, Fried and Croux, "Robust forecasting with
exponential and Holt-Winters smoothing", 2010). A fourth average, longer still, says where the series has been; it is
not scored here but used by `models.detectors.novelty`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.reading import BoolArray, FloatArray, IntArray, TimeArray
from ingest.rows import StateTable
from ingest.runs import run_ends, shifted
from models.blocks import BLOCK, Keys, Part

SPANS = np.array([2.0, 8.0, 30.0, 240.0])
"""Readings over which the averages are taken; all but the first in usual intervals where readings come faster, so that
a sensor that suddenly reports every second still shows its shifts over the same time."""
SCORED = 3
"""So many of the averages, from the shortest on, make the score."""
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
    """Columns of a part's length. A higher score is more anomalous; NaN, as the band, while a series is learned."""

    score: FloatArray
    expected: FloatArray
    low: FloatArray
    high: FloatArray
    average: FloatArray
    """The averages after each reading, shape (n_rows, len(SPANS))."""
    usual: FloatArray
    """Their usual distances from the level, of the same shape."""


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
                "learned": (np.float64, (), 0.0),
                "level": (np.float64, (), 0.0),
                "average": (np.float64, (len(SPANS),), 0.0),
                "usual": (np.float64, (len(SPANS),), 0.0),
                "unit": (np.float64, (len(SPANS),), TINY),
                "raw": (np.float64, (len(SPANS),), 0.0),
                "long": (np.float64, (len(SPANS),), 0.0),
                "values": (np.float64, (BLOCK,), 0.0),
                "distances": (np.float32, (BLOCK, len(SPANS)), 0.0),
            }
        )

    def resize(self, n_series: int) -> None:
        """Make room for that many series."""
        self._state.resize(n_series)

    @property
    def seen(self) -> Keys:
        """Readings of every series so far."""
        return np.asarray(self._state["seen"])

    def scoring(self, series: Keys) -> BoolArray:
        """Whether those series are known well enough for a score."""
        return np.asarray(self._state["learned"][series] >= WARM_UP)

    def block_mean(self, series: Keys) -> FloatArray:
        """Means of blocks of those series that are full and wait for `learn`."""
        with np.errstate(over="ignore", invalid="ignore"):
            return _mean(self._state["values"][series])

    def advance(self, part: Part, value: FloatArray, time: TimeArray) -> Judged:
        """Score the values of a part, read at `time` (ns). Blocks that are full then wait for `learn`."""
        state, series = self._state, part.keys
        share = self._pace(part, time)
        level, usual = state["level"][series], state["unit"][series]
        unknown = ~self.scoring(series)
        with np.errstate(over="ignore"):
            reach = np.where(unknown, np.inf, REACH * usual[:, 0])
            tamed = np.clip(value, level - reach, level + reach)
        average = self._averages(part, value, tamed, share)
        state["values"][series, part.column] = value
        with np.errstate(over="ignore", invalid="ignore"):
            distance = np.abs(average - level[:, None])
            state["distances"][series, part.column] = distance
            square = np.zeros(len(series))
            for k in range(self._scored):
                square += np.minimum(distance[:, k] / usual[:, k], MOST) ** 2
            score = np.nan_to_num(np.sqrt(square / self._scored), nan=MOST)
            half = BAND * usual[:, 0]
            judged = Judged(score, level.copy(), level - half, level + half, average, usual)
        for column in judged[:4]:
            column[unknown] = np.nan
        last = run_ends(series)
        state["seen"][series[last]] += part.column[last] - part.column[part.first[last]] + 1
        return judged

    def _pace(self, part: Part, time: TimeArray) -> FloatArray:
        """How much of a usual interval has passed before each row, at most one."""
        state, series = self._state, part.keys
        inside = np.arange(len(series)) > part.first
        gap = (time - np.where(inside, shifted(time, 0), state["time"][series])).astype(np.float64)
        gap[(state["seen"][series] == 0) & ~inside] = np.nan
        state["gaps"][series, part.column] = gap
        last = run_ends(series)
        state["time"][series[last]] = time[last]
        share = gap / state["gap"][series]
        return np.where(share < 1.0, share, 1.0)

    def _averages(self, part: Part, value: FloatArray, tamed: FloatArray, share: FloatArray) -> FloatArray:
        """The averages after each row of the part, shape (n_rows, len(SPANS))."""
        state = self._state
        fresh = (part.column == 0) & (state["seen"][part.keys] == 0)
        if fresh.any():
            state["average"][part.keys[fresh]] = value[fresh, None]
        out = np.empty((len(value), len(SPANS)))
        if part.few:
            self._walk(part, value, tamed, share, out)
            return out
        gain = GAINS * share[:, None]
        gain[:, 0] = GAINS[0]
        taken = np.repeat(tamed[:, None], len(SPANS), axis=1)
        taken[:, 0] = taken[:, -1] = value
        current = state["average"]
        with np.errstate(over="ignore", invalid="ignore"):
            for rows in part.columns():
                series = part.keys[rows]
                before = current[series]
                current[series] = out[rows] = before + gain[rows] * (taken[rows] - before)
        return out

    def _walk(self, part: Part, value: FloatArray, tamed: FloatArray, share: FloatArray, out: FloatArray) -> None:
        """As array by array, one reading after the other: faster where there are few series, the same to the bit."""
        current = self._state["average"]
        one, two, three, four = GAINS.tolist()
        for rows in part.by_key():
            key = part.keys[rows.start]
            a, b, c, d = current[key].tolist()
            found = []
            for x, y, part_of in zip(value[rows].tolist(), tamed[rows].tolist(), share[rows].tolist(), strict=True):
                a += one * (x - a)
                b += two * part_of * (y - b)
                c += three * part_of * (y - c)
                d += four * part_of * (x - d)
                found.append((a, b, c, d))
            out[rows] = found
            current[key] = a, b, c, d

    def _settle(self, series: Keys) -> None:
        """The units of the averages' distances from the level: the usual ones, never zero."""
        state = self._state
        floor = ACCURACY * np.abs(state["level"][series])[:, None]
        usual: FloatArray = np.maximum(state["usual"][series], RAW_SHARE * state["raw"][series])
        np.maximum(usual, LONG_SHARE * state["long"][series], out=usual)
        state["unit"][series] = np.maximum(usual, floor) + TINY

    def learn(self, series: Keys) -> None:
        """Learn the full blocks of those series."""
        self._learn_gap(series)
        fresh = self._state["learned"][series] == 0
        if fresh.any():
            self._begin(series[fresh])
        if not fresh.all():
            self._learn(series[~fresh])
        self._settle(series)

    def _learn_gap(self, series: Keys) -> None:
        state = self._state
        before, gaps = state["gap"][series], state["gaps"][series]
        fresh = np.isnan(before)
        now = np.nanmean(np.where(fresh[:, None], gaps, np.minimum(gaps, OUTAGE * before[:, None])), axis=1)
        weight = np.maximum(BLOCK / MEMORY, BLOCK / (state["seen"][series] + 1.0))
        state["gap"][series] = np.where(fresh, now, before + weight * (now - before))

    def _begin(self, series: Keys) -> None:
        state = self._state
        values = state["values"][series]
        level = np.median(values, axis=1)
        with np.errstate(over="ignore", invalid="ignore"):
            spread = _mean(np.abs(values - level[:, None]))
        state["level"][series] = level
        state["usual"][series] = state["raw"][series] = state["long"][series] = np.nan_to_num(spread)[:, None]
        state["learned"][series] = BLOCK

    def _learn(self, series: Keys) -> None:
        state = self._state
        learned, level, usual = state["learned"][series], state["level"][series], state["unit"][series]
        share = BLOCK / (learned + BLOCK)
        weight, slowly = np.maximum(BLOCK / MEMORY, share), np.maximum(BLOCK / LONG_MEMORY, share)
        with np.errstate(over="ignore", invalid="ignore"):
            distance = state["distances"][series].astype(np.float64)
            deviation = state["values"][series] - level[:, None]
            raw = _mean(distance)
            known = learned >= WARM_UP
            reach = np.where(known, CLIP * usual[:, 0], np.inf)[:, None]
            most = np.where(known[:, None], CLIP * usual, np.inf)[:, None, :]
            step = _mean(np.clip(deviation, -reach, reach))
            clipped = _mean(np.minimum(distance, most))
        # inf and NaN only where values themselves overflow: they teach nothing
        state["level"][series] = level + weight * np.where(np.isfinite(step), step, 0.0)
        for name, now, gain in (("usual", clipped, weight), ("raw", raw, weight), ("long", clipped, slowly)):
            before = state[name][series]
            state[name][series] = before + gain[:, None] * np.where(np.isfinite(now), now - before, 0.0)
        state["learned"][series] = learned + BLOCK

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per series."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], series: IntArray) -> None:
        """Take back a saved state; saved row i belongs to series number `series[i]`."""
        self._state.restore(saved, series)


def _mean(block: FloatArray) -> FloatArray:
    """Mean over the readings of a block, the second axis; divided first, so that it does not overflow."""
    return np.asarray((block / BLOCK).sum(axis=1))
