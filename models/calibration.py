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

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.reading import BoolArray, FloatArray, IntArray
from ingest.rows import StateTable
from models.blocks import BLOCK, Keys

BINS = 160
LOWEST, HIGHEST = 0.02, 2000.0
"""Scores are told apart between these two: below nothing is unusual, above everything is."""
_EDGES = np.exp(np.linspace(np.log(LOWEST), np.log(HIGHEST), BINS + 1))
_WIDTH = float(np.log(HIGHEST / LOWEST)) / BINS
_CENTRES = np.exp(np.log(LOWEST) + (np.arange(BINS) + 0.5) * _WIDTH)
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
"""A block is kept out when so many of its p-values are rare, a quarter of it, …"""
STRETCH, STRETCH_SHARE = 3e-3, 12
"""… or, where stretches are kept out too, when so many of them, three quarters, are below this; …"""
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
    rare = np.empty(len(interval_ns))
    _rarity(interval_ns, rare)
    return rare


@compiled
def _rarity(interval_ns: FloatArray, out: FloatArray) -> None:
    for row in range(len(interval_ns)):
        out[row] = min(np.fmax(interval_ns[row] / RARE_PERIOD_NS, MOST_RARE), LEAST_RARE)


def rarity_of_means(rare: FloatArray, readings: int) -> FloatArray:
    """The p-value that is rare for means of so many readings, where `rare` is that of single ones."""
    return np.asarray(np.clip(rare * readings, MOST_RARE, LEAST_RARE))


class _Rule(NamedTuple):
    """What differs between calibrators."""

    min_scores: int
    hold: int
    stretch: float
    """A p-value up to here counts for a stretch."""


class _Key(Protocol):
    """A record of the state."""

    histogram: NDArray[np.float32]
    survival: NDArray[np.float32]
    learned: int
    weight: float
    threshold: float
    beyond: float
    scale: float
    shape: float
    bins: NDArray[np.uint8]
    p_values: NDArray[np.float32]
    filled: int
    held: int


class Calibrator:
    """Histogram and tail of every key; `min_scores` are wanted before a p-value, `hold` is HOLD by default.

    With `stretches`, blocks that are unusual all along are kept out as well, though nothing in them is rare.
    """

    def __init__(self, min_scores: int = MIN_SCORES, hold: int = HOLD, *, stretches: bool = False) -> None:
        self._rule = _Rule(min_scores, hold, STRETCH if stretches else 0.0)
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
                "bins": (np.uint8, (BLOCK,), 0),
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
        return np.asarray(self._state["learned"] >= self._rule.min_scores)

    def rate(self, keys: Keys, score: FloatArray, rare: FloatArray) -> FloatArray:
        """p-values, in (0, 1], of scores in order of arrival, which are then learned; NaN while there are too few.

        A score of NaN gets NaN and is not learned. `rare` is as `rarity` tells for each.
        """
        p_value = np.empty(len(keys))
        _rate(self._state.records, self._rule, keys, score, rare, p_value)
        return p_value

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per key."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], keys: IntArray) -> None:
        """Take back a saved state; saved row i belongs to key `keys[i]`."""
        self._state.restore(saved, keys)


@compiled
def _rate(
    records: Sequence[_Key], rule: _Rule, keys: Keys, score: FloatArray, rare: FloatArray, out: FloatArray
) -> None:
    for row in range(len(keys)):
        state, found = records[keys[row]], np.nan
        if not np.isnan(score[row]):
            ready, column, place = state.learned >= rule.min_scores, state.filled, _place(score[row])
            if ready:
                found = _p_value(state, score[row], place)
            state.bins[column] = min(int(place), BINS - 1)
            state.p_values[column] = found if ready else 1.0
            state.filled += 1
            if column == BLOCK - 1:
                _learn(state, rule, rare[row], ready)
        out[row] = found


@compiled
def _place(score: float) -> float:
    """Where a score lies in the histogram, in bins from its lower end."""
    return float(np.log(min(max(score, LOWEST), HIGHEST * (1 - 1e-9)) / LOWEST)) / _WIDTH


@compiled
def _p_value(state: _Key, score: float, place: float) -> float:
    number = min(int(place), BINS - 1)
    part = place - number
    known = state.beyond
    over = score > state.threshold
    if not over:
        rank = state.survival[number] * (1.0 - part) + state.survival[number + 1] * part
        known = max(rank, known)
    # half a score more than there were: chance may bring what was never seen
    found = (state.weight * known + 0.5) / (state.weight + 1.0)
    if over:  # of the tail, the share that is beyond the score
        shape = state.shape
        found *= np.exp(-np.log1p(shape * (score - state.threshold) / state.scale) / shape)
    return min(max(found, MIN_P), 1.0)


@compiled
def _learn(state: _Key, rule: _Rule, rare: float, ready: bool) -> None:
    """Learn a full block, unless it is kept out."""
    state.filled = 0
    if not ready or not _strange(state, rare, rule.stretch):
        state.held = 0
    elif state.held < rule.hold:
        state.held += BLOCK
        return
    for k in range(BINS):
        state.histogram[k] *= np.float32(FORGET)
    for column in range(BLOCK):
        state.histogram[state.bins[column]] += np.float32(1.0)
    state.learned += BLOCK
    if _is_due(state.learned):
        _fit(state)


@compiled
def _strange(state: _Key, rare: float, stretch: float) -> bool:
    """Whether a block shows trouble, or trouble that lasts: half of its p-values are then low."""
    rarest, unusual, low = 0, 0, 0
    for p_value in state.p_values:
        rarest += p_value <= rare
        unusual += p_value <= stretch
        low += p_value <= STILL
    return rarest >= RARE_SHARE or unusual >= STRETCH_SHARE or (state.held > 0 and 2 * low >= BLOCK)


@compiled
def _is_due(learned: int) -> bool:
    """Whether survival and tail are worked out after so many scores."""
    step = BLOCK
    while step < RAREST_FIT and 2 * step * GROWTH <= learned:
        step *= 2
    return learned % step == 0


@compiled
def _fit(state: _Key) -> None:
    """Survival function and tail from the histogram."""
    beyond = np.float32(0.0)
    for k in range(BINS - 1, -1, -1):
        beyond += state.histogram[k]
        state.survival[k] = beyond
    total = float(beyond)
    at = min(_bins_with(state, TAIL * total), BINS - 1)  # where less than a fifth of the scores is beyond
    if state.survival[at] < MIN_TAIL:
        at = _bins_with(state, max(TAIL * total, MIN_TAIL)) - 1
    n, edge = float(state.survival[at]), _EDGES[at]
    first, second = 0.0, 0.0
    for k in range(at, BINS):
        count = float(state.histogram[k])
        first += count * _CENTRES[k]
        second += count * _CENTRES[k] ** 2
    for k in range(BINS):
        state.survival[k] /= beyond
    mean = first / n - edge
    variance = max(second / n - 2 * edge * first / n + edge**2 - mean**2, 1e-12)
    shape = (0.5 * (1.0 - mean**2 / variance) * n + USUAL_SHAPE * USUAL_WEIGHT) / (n + USUAL_WEIGHT)
    shape = min(max(shape, LEAST_SHAPE), MAX_SHAPE)
    state.shape, state.threshold = shape, edge
    state.scale = max(mean * (1.0 - shape), 0.02 * edge)
    state.beyond, state.weight = float(state.survival[at]), total


@compiled
def _bins_with(state: _Key, most: float) -> int:
    """Bins with at least so many scores beyond their lower end."""
    number = 0
    while number < BINS and state.survival[number] >= most:
        number += 1
    return number
