"""Turns raw scores into p-values by their place among the same series' (or device's) own earlier scores.

The earlier scores are kept as a histogram over the logarithm of the score that slowly forgets. Below the tail the
p-value is the conformal rank (Laxhammar and Falkman, "Conformal prediction for distribution-independent anomaly
detection in streaming vessel data", 2010). Beyond the 90th percentile a generalised Pareto tail is fitted by the method
of moments (Hosking and Wallis, "Parameter and quantile estimation for the generalized Pareto distribution", 1987), so
that p-values far below 1/n exist. How much unusual scores come in clusters is measured as the extremal index, by the
runs estimator (Smith and Weissman, "Estimating the extremal index", 1994): alarms count clusters, not readings.

Blocks that look like trouble are kept out for a while; then they are the new normal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.reading import BoolArray, FloatArray, IntArray, TimeArray
from ingest.rows import StateTable
from models.blocks import BLOCK, Keys, Part

BINS = 128
LOWEST, HIGHEST = 0.02, 200.0
"""Scores are told apart between these two: below nothing is unusual, above everything is."""
_EDGES = np.exp(np.linspace(np.log(LOWEST), np.log(HIGHEST), BINS + 1))
_WIDTH = np.log(HIGHEST / LOWEST) / BINS
_CENTRES = np.exp(np.log(LOWEST) + (np.arange(BINS) + 0.5) * _WIDTH)
MEMORY = 4000.0
"""Scores over which the histogram forgets."""
FORGET = (1.0 - 1.0 / MEMORY) ** BLOCK
MIN_SCORES = 128
"""Scores before a p-value is given; the tail then rests on about 13."""
TAIL = 0.1
"""Share of the scores that counts as tail; more where that would be fewer than MIN_TAIL."""
MIN_TAIL = 5.0
USUAL_SHAPE, USUAL_WEIGHT = 0.1, 20.0
"""The Pareto shape before anything is known, and how many scores of the tail that is worth."""
MAX_SHAPE = 0.5
MIN_P = 1e-30
"""p-values are reported down to here."""
UNUSUAL = 0.01
"""A p-value up to here counts as unusual: of a block as suspicious if half of it is, of a reading as not quiet."""
FAR = 1.5
"""A block is suspicious, too, if half of it is beyond this many times the 99th percentile."""
HOLD = 500
"""Readings after which a lasting change is the new normal."""
QUIET = 20
"""Quiet readings after which the next unusual one begins something new."""
CLUSTER_FORGET = 0.998


class Rated(NamedTuple):
    """Columns of a part's length."""

    p_value: FloatArray
    """In (0, 1]; 1 while there are too few scores."""
    confirmed: FloatArray
    """The highest p-value that this reading and one of the two before it keep to."""
    quiet: Keys
    """Readings since the last unusual one."""
    since: TimeArray
    """Time at which the present stretch of unusual readings began, if one lasts."""
    clustering: FloatArray
    """Extremal index in (0, 1]: clusters of unusual scores per unusual score."""


class Calibrator:
    """Histogram, tail, clustering and suspicion of every key."""

    def __init__(self) -> None:
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
                "far": (np.float64, (), np.inf),
                "scores": (np.float64, (BLOCK,), 0.0),
                "p_values": (np.float64, (BLOCK,), 1.0),
                "filled": (np.int64, (), 0),
                "over": (np.bool_, (), False),
                "unusual": (np.float64, (), 0.0),
                "clusters": (np.float64, (), 0.0),
                "held": (np.int64, (), 0),
                "quiet": (np.int64, (), QUIET),
                "since": (np.int64, (), 0),
            }
        )

    def resize(self, n: int) -> None:
        """Make room for that many keys."""
        self._state.resize(n)

    @property
    def ready(self) -> BoolArray:
        """Whether each key has enough scores for a p-value."""
        return np.asarray(self._state["learned"] >= MIN_SCORES)

    @property
    def filled(self) -> Keys:
        """How many scores of its present block each key has."""
        return np.asarray(self._state["filled"])

    def rate(self, part: Part, score: FloatArray, time: TimeArray) -> Rated:
        """p-values of a part of scores. Blocks that are full then wait for `learn`."""
        state, keys = self._state, part.keys
        p_value = np.where(self.ready[keys], self._p_value(keys, score), 1.0)
        confirmed = self._confirmed(part, p_value)
        state["scores"][keys, part.column] = score
        state["p_values"][keys, part.column] = p_value
        state["filled"][keys] = part.column + 1  # the last row of a key comes last
        quiet, since = self._stretches(part, p_value <= UNUSUAL, time)
        clustering = (state["clusters"][keys] + 2.0) / (state["unusual"][keys] + 8.0)
        return Rated(p_value, confirmed, quiet, since, clustering)

    def _p_value(self, keys: Keys, score: FloatArray) -> FloatArray:
        state = self._state
        place = np.log(np.clip(score, LOWEST, HIGHEST * (1 - 1e-9)) / LOWEST) / _WIDTH
        bins = np.minimum(place.astype(np.intp), BINS - 1)
        part = place - bins
        survival = state["survival"]
        rank = survival[keys, bins] * (1.0 - part) + survival[keys, bins + 1] * part
        weight, beyond, shape = state["weight"][keys], state["beyond"][keys], np.maximum(state["shape"][keys], 1e-6)
        excess = np.maximum(score - state["threshold"][keys], 0.0) / state["scale"][keys]
        tail = np.exp(-np.log1p(shape * excess) / shape)
        known = np.where(excess > 0, beyond, np.maximum(rank, beyond))
        # half a score more than there were: chance may bring what was never seen
        return np.asarray(np.clip((weight * known + 0.5) / (weight + 1.0) * tail, MIN_P, 1.0))

    def _confirmed(self, part: Part, p_value: FloatArray) -> FloatArray:
        """`Rated.confirmed`, before the part's p-values are put in their places over those of the last block."""
        place = np.arange(len(p_value)) - part.first
        before = []
        for back in (1, 2):
            held = self._state["p_values"][part.keys, (part.column - back) % BLOCK]
            before.append(np.where(place >= back, np.roll(p_value, back), held))
        return np.asarray(np.maximum(p_value, np.minimum(*before)))

    def _stretches(self, part: Part, unusual: BoolArray, time: TimeArray) -> tuple[Keys, TimeArray]:
        """Quiet readings before each row, itself included, and since when each stretch of unusual ones lasts."""
        state, keys = self._state, part.keys
        if not unusual.any():
            quiet = state["quiet"][keys] + 1 + np.arange(len(keys)) - part.first
            state["quiet"][keys] = quiet
            return quiet, state["since"][keys]
        quiet, since = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
        for rows in part.columns():
            key = keys[rows]
            before = state["quiet"][key]
            begins = unusual[rows] & (before >= QUIET)
            since[rows] = state["since"][key] = np.where(begins, time[rows], state["since"][key])
            quiet[rows] = state["quiet"][key] = np.where(unusual[rows], 0, before + 1)
        return quiet, since

    def learn(self, keys: Keys) -> tuple[BoolArray, BoolArray]:
        """Learn the full blocks of those keys; tells which were kept out as suspicious, and which newly accepted."""
        state = self._state
        state["filled"][keys] = 0
        suspicious, accepted = self._suspect(keys)
        self._count_clusters(keys)
        kept = keys[~suspicious]
        if len(kept):
            self._add(kept)
            self._fit(kept)
        return suspicious, accepted

    def _suspect(self, keys: Keys) -> tuple[BoolArray, BoolArray]:
        state = self._state
        strange = (np.median(state["p_values"][keys], axis=1) < UNUSUAL) | (
            np.median(state["scores"][keys], axis=1) > FAR * state["far"][keys]
        )
        suspicious = strange & self.ready[keys]
        held = np.where(suspicious, state["held"][keys] + BLOCK, 0)
        accepted = held > HOLD
        state["held"][keys] = np.where(accepted, 0, held)
        return suspicious & ~accepted, accepted

    def _count_clusters(self, keys: Keys) -> None:
        state = self._state
        over = state["scores"][keys] > state["threshold"][keys, None]
        before = np.concatenate([state["over"][keys, None], over[:, :-1]], axis=1)
        state["unusual"][keys] = CLUSTER_FORGET * (state["unusual"][keys] + over.sum(axis=1))
        state["clusters"][keys] = CLUSTER_FORGET * (state["clusters"][keys] + (over & ~before).sum(axis=1))
        state["over"][keys] = over[:, -1]

    def _add(self, keys: Keys) -> None:
        state = self._state
        place = np.log(np.clip(state["scores"][keys], LOWEST, HIGHEST * (1 - 1e-9)) / LOWEST) / _WIDTH
        bins = np.minimum(place.astype(np.intp), BINS - 1)
        cell = np.arange(len(keys))[:, None] * BINS + bins
        more = np.bincount(cell.ravel(), minlength=len(keys) * BINS).reshape(len(keys), BINS)
        state["histogram"][keys] = state["histogram"][keys] * np.float32(FORGET) + more.astype(np.float32)
        state["learned"][keys] += BLOCK

    def _fit(self, keys: Keys) -> None:
        """Survival function, tail and 99th percentile from the histograms."""
        state = self._state
        counts = state["histogram"][keys].astype(np.float64)
        beyond = _from_top(counts)
        total = beyond[:, :1]
        survival = beyond / total
        share = np.maximum(TAIL, MIN_TAIL / total)
        ordinary = np.minimum((survival >= TAIL).sum(axis=1), BINS - 1)
        enough = (survival >= share).sum(axis=1) - 1
        rows = np.arange(len(keys))
        at = np.where(beyond[rows, ordinary] < MIN_TAIL, enough, ordinary)
        n, edge = beyond[rows, at], _EDGES[at]
        first = _from_top(counts * _CENTRES)[rows, at]
        second = _from_top(counts * _CENTRES**2)[rows, at]
        mean = first / n - edge
        variance = np.maximum(second / n - 2 * edge * first / n + edge**2 - mean**2, 1e-12)
        shape = (0.5 * (1.0 - mean**2 / variance) * n + USUAL_SHAPE * USUAL_WEIGHT) / (n + USUAL_WEIGHT)
        shape = np.clip(shape, 0.0, MAX_SHAPE)
        state["shape"][keys], state["threshold"][keys] = shape, edge
        state["scale"][keys] = np.maximum(mean * (1.0 - shape), 0.02 * edge)
        state["beyond"][keys], state["weight"][keys] = survival[rows, at], total[:, 0]
        state["far"][keys] = _EDGES[(survival >= 0.01).sum(axis=1)]
        state["survival"][keys, :BINS] = survival

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per key."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], keys: IntArray) -> None:
        """Take back a saved state; saved row i belongs to key `keys[i]`."""
        self._state.restore(saved, keys)


def _from_top(counts: FloatArray) -> FloatArray:
    """Sums over each bin and all above it, shape (n, BINS)."""
    return np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
