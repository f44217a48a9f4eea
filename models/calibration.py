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
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.prefetch import LINE, prefetch
from ingest.reading import BoolArray, FloatArray, IntArray
from ingest.rows import StateTable
from models.blocks import BLOCK, Keys

BINS = 160
LOWEST, HIGHEST = 0.02, 2000.0
"""Scores are told apart between these two: below nothing is unusual, above everything is."""
_LOG_LOWEST, _PER_BIN = float(np.log(LOWEST)), BINS / float(np.log(HIGHEST / LOWEST))
_LAST = BINS * (1 - 1e-9)
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
FAINT = 1e-6
"""Of a score less than this is forgotten altogether."""
OUTLIERS, FAR_OUT = 3.5, 6.0
"""In the tail a score counts as no more than FAR_OUT times what all but OUTLIERS stay below: one reading that is wrong
makes three scores, and a tail as heavy as these ask for would hide trouble for days."""
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
STILL = 0.05
"""… and goes on being kept out while half of its p-values are below this."""
GROWTH, RAREST_FIT = 32, 256
"""What follows from the histogram is worked out when a few hundredths were added to it, or else so many scores."""
AHEAD = 8
"""Rows from the one that is worked on to the one whose record is fetched."""
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


class _Key(Protocol):
    """A record of the state."""

    learned: int
    weight: float
    """Of all scores in the survival function."""
    threshold: float
    """Where the tail begins; how many scores are beyond it, scale and shape of the Pareto distribution there."""
    beyond: float
    scale: float
    shape: float
    held: int
    """Scores that were kept out lately."""
    filled: int
    """Scores in the open block, and how many of their p-values are rare and low: see `_strange`."""
    rare: int
    low: int
    lowest: int
    """The lowest bin of the histogram that was ever in use, and the highest."""
    highest: int
    bins: NDArray[np.uint8]
    """Where the scores in the open block belong."""
    total: float
    """Of all scores in the histogram."""
    survival: NDArray[np.float32]
    """Scores at or above the lower end of each bin."""
    histogram: NDArray[np.float32]


class Calibrator:
    """Histogram and tail of every key; `min_scores` are wanted before a p-value, `hold` is HOLD by default."""

    def __init__(self, min_scores: int = MIN_SCORES, hold: int = HOLD) -> None:
        self._min_scores, self._hold = min_scores, hold
        self._state = StateTable(
            {
                "learned": (np.int64, (), 0),
                "weight": (np.float64, (), 0.0),
                "threshold": (np.float64, (), np.inf),
                "beyond": (np.float64, (), 0.0),
                "scale": (np.float64, (), 1.0),
                "shape": (np.float64, (), USUAL_SHAPE),
                "held": (np.int64, (), 0),
                "filled": (np.uint8, (), 0),
                "rare": (np.uint8, (), 0),
                "low": (np.uint8, (), 0),
                "lowest": (np.uint8, (), BINS - 1),
                "highest": (np.uint8, (), 0),
                "bins": (np.uint8, (BLOCK,), 0),
                "total": (np.float64, (), 0.0),
                "survival": (np.float32, (BINS + 1,), 0.0),
                "histogram": (np.float32, (BINS,), 0.0),
            }
        )

    def resize(self, n: int) -> None:
        """Make room for that many keys."""
        self._state.resize(n)

    @property
    def ready(self) -> BoolArray:
        """Whether each key has enough scores for a p-value."""
        return np.asarray(self._state["learned"] >= self._min_scores)

    def rate(self, keys: Keys, score: FloatArray, rare: FloatArray) -> FloatArray:
        """p-values, in (0, 1], of scores in order of arrival, which are then learned; NaN while there are too few.

        A score of NaN gets NaN and is not learned. `rare` is as `rarity` tells for each.
        """
        p_value = np.empty(len(keys))
        _rate(self._state.records, self._min_scores, self._hold, keys, score, rare, p_value)
        return p_value

    def save(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays with a row per key."""
        return self._state.save()

    def restore(self, saved: Mapping[str, NDArray[Any]], keys: IntArray) -> None:
        """Take back a saved state; saved row i belongs to key `keys[i]`."""
        self._state.restore(saved, keys)


@compiled
def _rate(
    records: Sequence[_Key],
    min_scores: int,
    hold: int,
    keys: Keys,
    score: FloatArray,
    rare: FloatArray,
    out: FloatArray,
) -> None:
    for row in range(len(keys)):
        _fetch(records, keys, row + AHEAD)
        out[row] = np.nan
        if np.isnan(score[row]):
            continue
        state, place = records[keys[row]], _place(score[row])
        ready = state.learned >= min_scores
        if ready:
            out[row] = _p_value(state, score[row], place)
            state.rare += out[row] <= rare[row]
            state.low += out[row] <= STILL
        state.bins[state.filled] = int(place)
        state.filled += 1
        if state.filled == BLOCK:
            _learn(state, hold)


@compiled
def _fetch(records: Sequence[_Key], keys: Keys, row: int) -> None:
    """Have what a score needs of its record fetched: the beginning, and the middle of the survival function."""
    if row < len(keys):
        for offset in (0, LINE, 4 * LINE):
            prefetch(records[keys[row]], offset)


@compiled
def _place(score: float) -> float:
    """Where a score lies in the histogram, in bins from its lower end."""
    return float(min(max(np.log(score) - _LOG_LOWEST, 0.0) * _PER_BIN, _LAST))


@compiled
def _p_value(state: _Key, score: float, place: float) -> float:
    """From how many scores are at least as high, and half a score more: chance may bring what was never seen."""
    if score > state.threshold:  # of the tail, the share that is beyond the score
        shape = state.shape
        share = np.exp(-np.log1p(shape * (score - state.threshold) / state.scale) / shape)
        found = (state.beyond + 0.5) * share
    else:
        number = int(place)
        part = place - number
        rank = state.survival[number] * (1.0 - part) + state.survival[number + 1] * part
        found = max(rank, state.beyond) + 0.5
    return float(min(max(found / (state.weight + 1.0), MIN_P), 1.0))


@compiled
def _learn(state: _Key, hold: int) -> None:
    """Learn a full block, unless it is kept out."""
    strange = _strange(state)
    state.filled, state.rare, state.low = 0, 0, 0
    if not strange:
        state.held = 0
    elif state.held < hold:
        state.held += BLOCK
        return
    for k in range(BINS):
        kept = state.histogram[k] * np.float32(FORGET)
        state.histogram[k] = kept if kept > np.float32(FAINT) else np.float32(0.0)
    for place in state.bins:
        state.histogram[place] += np.float32(1.0)
        state.lowest, state.highest = min(state.lowest, place), max(state.highest, place)
    state.total = state.total * FORGET + BLOCK
    state.learned += BLOCK
    if _is_due(state.learned):
        _fit(state)


@compiled
def _strange(state: _Key) -> bool:
    """Whether a block shows trouble, or trouble that lasts: half of its p-values are then low."""
    return state.rare >= RARE_SHARE or (state.held > 0 and 2 * state.low >= BLOCK)


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
    at, first, second = _sum_up(state)
    n, edge = float(state.survival[at]), _EDGES[at]
    mean = first / n - edge
    variance = max(second / n - 2 * edge * first / n + edge**2 - mean**2, 1e-12)
    shape = (0.5 * (1.0 - mean**2 / variance) * n + USUAL_SHAPE * USUAL_WEIGHT) / (n + USUAL_WEIGHT)
    shape = min(max(shape, LEAST_SHAPE), MAX_SHAPE)
    state.shape, state.threshold = shape, edge
    state.scale = max(mean * (1.0 - shape), 0.02 * edge)
    state.beyond, state.weight = n, float(state.survival[0])


@compiled
def _sum_up(state: _Key) -> tuple[int, float, float]:
    """Survival function from the histogram; the bin at which the tail begins, sum and sum of squares of its scores."""
    at, first, second, beyond, most = 0, 0.0, 0.0, np.float32(0.0), TAIL * state.total
    cap = _cap(state)
    for k in range(state.highest, state.lowest - 1, -1):
        count = state.histogram[k]
        if beyond < MIN_TAIL or beyond + count < most:
            at = k
            score = min(_CENTRES[k], cap)
            first += count * score
            second += count * score**2
        beyond += count
        state.survival[k] = beyond
    for k in range(state.lowest):
        state.survival[k] = beyond
    return at, first, second


@compiled
def _cap(state: _Key) -> float:
    """As what the highest scores count at most in the tail."""
    beyond = np.float32(0.0)
    for k in range(state.highest, state.lowest - 1, -1):
        beyond += state.histogram[k]
        if beyond > OUTLIERS:
            return FAR_OUT * float(_CENTRES[k])
    return np.inf
