"""Turns raw scores into p-values by their place among the same series' (or device's) own earlier scores.

The earlier scores are kept as a histogram over the logarithm of the score that slowly forgets. Below the tail the
p-value is the conformal rank (Laxhammar and Falkman, "Conformal prediction for distribution-independent anomaly
detection in streaming vessel data", 2010). Beyond the 80th percentile a generalised Pareto tail is fitted by the method
of moments (Hosking and Wallis, "Parameter and quantile estimation for the generalized Pareto distribution", 1987), so
that p-values far below 1/n exist.

Everything is learned, for only then are p-values what they say; but blocks in which scores are rarer than chance brings
in a month are kept out while that lasts, at most for a while. After that they are the new normal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import BoolArray, FloatArray, IntArray
from ingest.rows import StateTable
from models.blocks import BLOCK, Keys, Part

BINS = 160
LOWEST, HIGHEST = 0.02, 2000.0
"""Scores are told apart between these two: below nothing is unusual, above everything is."""
_EDGES = np.exp(np.linspace(np.log(LOWEST), np.log(HIGHEST), BINS + 1))
_WIDTH = np.log(HIGHEST / LOWEST) / BINS
_CENTRES = np.exp(np.log(LOWEST) + (np.arange(BINS) + 0.5) * _WIDTH)
_POWERS = np.stack([_CENTRES, _CENTRES**2]).astype(np.float32)
MEMORY = 4000.0
"""Scores over which the histogram forgets."""
FORGET = (1.0 - 1.0 / MEMORY) ** BLOCK
MIN_SCORES = 128
"""Scores before a p-value is given; the tail then rests on about 25."""
TAIL = 0.2
"""Share of the scores that counts as tail; more where that would be fewer than MIN_TAIL."""
MIN_TAIL = 5.0
USUAL_SHAPE, USUAL_WEIGHT = 0.05, 20.0
"""The Pareto shape before anything is known, and how many scores of the tail that is worth."""
LEAST_SHAPE, MAX_SHAPE = 1e-6, 0.5
MIN_P = 1e-30
"""p-values are reported down to here."""
RARE_PERIOD_NS = 30.44 * 86_400e9
"""A p-value is rare when chance brings it less than once in this time (a month) …"""
MOST_RARE, LEAST_RARE = 3e-5, 1e-2
"""… but where readings are very frequent or very sparse, within these two: so far a few hundred scores reach."""
RARE_SHARE = 4
"""A block is kept out when so many of its p-values are rare, a quarter of it …"""
STILL = 0.05
"""… and goes on being kept out while half of its p-values are below this."""
GROWTH, RAREST_FIT = 32, 256
"""What follows from the histogram is worked out when a few hundredths were added to it, or else so many scores."""
HOLD = 400
"""Scores after which a lasting change is the new normal."""


def rarity(interval_ns: FloatArray) -> FloatArray:
    """The p-value that is rare for scores which come every `interval_ns`; NaN counts as very often.

    >>> rarity(np.array([3600e9, 1e9, np.nan])).round(6)
    array([1.369e-03, 3.000e-05, 3.000e-05])
    """
    return np.clip(np.nan_to_num(interval_ns / RARE_PERIOD_NS), MOST_RARE, LEAST_RARE)


def rarity_of_means(rare: FloatArray, readings: int) -> FloatArray:
    """The p-value that is rare for means of so many readings, where `rare` is that of single ones."""
    return np.asarray(np.clip(rare * readings, MOST_RARE, LEAST_RARE))


class Calibrator:
    """Histogram and tail of every key; `min_scores` are wanted before a p-value, `hold` is HOLD by default."""

    def __init__(self, min_scores: int = MIN_SCORES, hold: int = HOLD) -> None:
        self._min_scores, self._hold = min_scores, hold
        self._state = StateTable(
            {
                "histogram": (np.float32, (BINS,), 0.0),
                "survival": (np.float32, (BINS + 1,), 0.0),
                "learned": (np.int64, (), 0),
                "weight": (np.float64, (), 0.0),
                "threshold": (np.float64, (), np.inf),
                "beyond": (np.float64, (), 1.0),
                "scale": (np.float64, (), 1.0),
                "shape": (np.float64, (), USUAL_SHAPE),
                "scores": (np.float32, (BLOCK,), 0.0),
                "p_values": (np.float32, (BLOCK,), 1.0),
                "filled": (np.int64, (), 0),
                "held": (np.int64, (), 0),
            }
        )

    def resize(self, n: int) -> None:
        """Make room for that many keys."""
        self._state.resize(n)

    @property
    def ready(self) -> BoolArray:
        """Whether each key has enough scores for a p-value."""
        return np.asarray(self._state["learned"] >= self._min_scores)

    @property
    def filled(self) -> Keys:
        """How many scores of its present block each key has."""
        return np.asarray(self._state["filled"])

    def rate(self, part: Part, score: FloatArray) -> FloatArray:
        """p-values, in (0, 1], of a part of scores; 1 while there are too few. Full blocks then wait for `learn`."""
        state, keys = self._state, part.keys
        p_value = np.where(self.ready[keys], self._p_value(keys, score), 1.0)
        state["scores"][keys, part.column] = score
        state["p_values"][keys, part.column] = p_value
        state["filled"][keys] = part.column + 1  # the last row of a key comes last
        return p_value

    def _p_value(self, keys: Keys, score: FloatArray) -> FloatArray:
        state = self._state
        place = np.log(np.clip(score, LOWEST, HIGHEST * (1 - 1e-9)) / LOWEST) / _WIDTH
        bins = np.minimum(place.astype(np.intp), BINS - 1)
        part = place - bins
        survival = state["survival"]
        rank = survival[keys, bins] * (1.0 - part) + survival[keys, bins + 1] * part
        weight, beyond = state["weight"][keys], state["beyond"][keys]
        over = score > state["threshold"][keys]
        known = np.where(over, beyond, np.maximum(rank, beyond))
        # half a score more than there were: chance may bring what was never seen
        p_value = (weight * known + 0.5) / (weight + 1.0)
        p_value[over] *= self._tail(keys[over], score[over])
        return np.asarray(np.clip(p_value, MIN_P, 1.0))

    def _tail(self, keys: Keys, score: FloatArray) -> FloatArray:
        """The share of the tail that is beyond each score."""
        state = self._state
        shape = state["shape"][keys]
        excess = (score - state["threshold"][keys]) / state["scale"][keys]
        return np.asarray(np.exp(-np.log1p(shape * excess) / shape))

    def learn(self, keys: Keys, rare: FloatArray) -> None:
        """Learn the full blocks of those keys, but the ones kept out; `rare` as `rarity` tells for each key."""
        self._state["filled"][keys] = 0
        kept = keys[~self._out(keys, rare)]
        if len(kept):
            self._add(kept)
            due = kept[_is_due(self._state["learned"][kept])]
            if len(due):
                self._fit(due)

    def _out(self, keys: Keys, rare: FloatArray) -> BoolArray:
        """Which blocks are kept out."""
        state = self._state
        p_values, held = state["p_values"][keys], state["held"][keys]
        strange = (p_values <= rare[:, None]).sum(axis=1) >= RARE_SHARE
        lasting = held > 0
        lasting[lasting] = np.median(p_values[lasting], axis=1) <= STILL
        out = (strange | lasting) & self.ready[keys] & (held < self._hold)
        state["held"][keys] = np.where(out, held + BLOCK, 0)
        return np.asarray(out)

    def _add(self, keys: Keys) -> None:
        state = self._state
        place = np.log(np.clip(state["scores"][keys], LOWEST, HIGHEST * (1 - 1e-9)) / LOWEST) / _WIDTH
        bins = np.minimum(place.astype(np.intp), BINS - 1)
        cell = np.arange(len(keys))[:, None] * BINS + bins
        more = np.bincount(cell.ravel(), minlength=len(keys) * BINS).reshape(len(keys), BINS)
        state["histogram"][keys] = state["histogram"][keys] * np.float32(FORGET) + more.astype(np.float32)
        state["learned"][keys] += BLOCK

    def _fit(self, keys: Keys) -> None:
        """Survival function and tail from the histograms."""
        state = self._state
        counts = state["histogram"][keys]
        beyond = _from_top(counts)
        total = beyond[:, :1]
        survival = beyond / total
        share = np.maximum(TAIL, MIN_TAIL / total)
        ordinary = np.minimum((survival >= TAIL).sum(axis=1), BINS - 1)
        enough = (survival >= share).sum(axis=1) - 1
        rows = np.arange(len(keys))
        at = np.where(beyond[rows, ordinary] < MIN_TAIL, enough, ordinary)
        n, edge = beyond[rows, at].astype(np.float64), _EDGES[at]
        counts *= np.arange(BINS) >= at[:, None]
        # row by row, whatever the number of rows: a matrix product sums in another order when there are others
        first, second = (np.einsum("kb,b->k", counts, power).astype(np.float64) for power in _POWERS)
        mean = first / n - edge
        variance = np.maximum(second / n - 2 * edge * first / n + edge**2 - mean**2, 1e-12)
        shape = (0.5 * (1.0 - mean**2 / variance) * n + USUAL_SHAPE * USUAL_WEIGHT) / (n + USUAL_WEIGHT)
        shape = np.clip(shape, LEAST_SHAPE, MAX_SHAPE)
        state["shape"][keys], state["threshold"][keys] = shape, edge
        state["scale"][keys] = np.maximum(mean * (1.0 - shape), 0.02 * edge)
        state["beyond"][keys], state["weight"][keys] = survival[rows, at], total[:, 0]
        state["survival"][keys, :BINS] = survival

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per key."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], keys: IntArray) -> None:
        """Take back a saved state; saved row i belongs to key `keys[i]`."""
        self._state.restore(saved, keys)


def _is_due(learned: Keys) -> BoolArray:
    """Whether survival and tail are worked out after so many scores.

    >>> _is_due(np.array([128, 272, 1040, 1056, 8192, 8320])).tolist()
    [True, True, False, True, True, False]
    """
    step = 2.0 ** np.floor(np.log2(learned / GROWTH))
    return np.asarray(learned % np.clip(step, BLOCK, RAREST_FIT) == 0)


def _from_top(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums over each bin and all above it, shape (n, BINS)."""
    return np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
