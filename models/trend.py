"""When a trend will cross a limit, with how much certainty, and whether there is a trend at all.

    levels, evenly spaced ─▶ flat, then growing from an onset on: many onsets × shapes, fitted at once by least squares
        ─▶ is the best of them real?  likelihood ratio to "a level, or one step", in independent values
        ─▶ chance of having crossed by each moment ahead, averaged over all fits ─▶ 10 %, 50 %, 90 %

Wear is flat for a long time and then grows, ever faster as a rule: the model of degradation of Gebraeel et al.,
"Residual-life distributions from component degradation signals", IIE Transactions 37 (2005), with shapes beside the
exponential, averaged by their likelihood (Hoeting et al., "Bayesian model averaging: a tutorial", Statistical Science
14 (1999)). Neighbouring values are not independent: the residuals' lag-1 autocorrelation, corrected for its bias
(Kendall 1954), says how many values they are worth (Bartlett 1935), so that a slow wander is no trend.

One series a call, hundreds of fits at once: what looks like growth at all is rare, and the sums of one series then do
not depend on which others are looked at with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ingest.reading import FloatArray

SHAPES = (0.5, 1.0, 1.5, 2.0, 3.0, -2.0, -4.0)
"""Growth after the onset, x from 0 to 1 now: x to that power; or, negative, an exponential of so many e-foldings."""
ONSETS = 40
"""Onsets that are tried."""
SHORTEST = 6
"""Steps since the onset, at least: fewer make no trend."""
CAUTION = 0.4
"""Exponent of the likelihoods when fits are averaged: no shape is quite the true one, and what comes may bend (measured
on simulated wear of shapes that are none of these: eight of ten intervals hold the crossing; docs/forecast.md)."""
MOST_CORRELATED = 0.97
ENDS = (0.1, 0.5, 0.9)
"""Chances of having crossed that are told: the ends of an interval of 80 %, and its middle."""
HORIZON = 4.0
"""How far ahead the chances are reckoned, in lengths of the record."""
STEPS = 80
NONE = 1e-12
"""An error below this share of the variance is none: the levels lie on the curve."""


@dataclass(frozen=True, slots=True)
class Design:
    """The fits that are tried on a record of n levels: `since` steps from the onset to the last level, and a shape."""

    since: FloatArray
    """Shape (n_fits,), as `shape`."""
    shape: FloatArray
    growth: FloatArray
    """Growth of each fit at each level, shape (n_fits, n); 1 at the last."""
    ahead: FloatArray
    """Moments ahead at which chances are reckoned, in steps, shape (STEPS,)."""
    growth_ahead: FloatArray
    """Growth of each fit then, shape (STEPS, n_fits)."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Growth in the levels of one series, and all the fits it may be; steps are those between levels."""

    evidence: float
    """Log likelihood ratio of the best growth to a level that stays, or changes once, in independent values."""
    span: float
    """Steps from the likely onset to the last level."""
    level: float
    """The fitted level now."""
    slope: float
    """Its growth per step, lately."""
    _design: Design
    _weight: FloatArray
    """Of each fit, shape (n_fits,), as all that follow; they add up to 1."""
    _base: FloatArray
    _growth: FloatArray
    _variance: FloatArray
    _moments: tuple[float, FloatArray, FloatArray]
    """Number of levels; sum of the growth over them; sum of its squares."""

    def crossing(self, limit: float) -> tuple[float, float, float]:
        """Steps from the last level until the limit is crossed, at each of `ENDS`; infinite beyond the horizon."""
        from scipy.special import ndtr

        count, total, squares = self._moments
        g = self._design.growth_ahead
        spread = np.sqrt(self._variance * (squares - 2.0 * g * total + g * g * count))
        with np.errstate(over="ignore"):  # a fit without error crosses at one moment
            reached = ndtr((self._base + self._growth * g - limit) / np.maximum(spread, 1e-300))
        chance = np.maximum.accumulate((self._weight * reached).sum(axis=1))
        early, middle, late = (_when(chance, self._design.ahead, end) for end in ENDS)
        return early, middle, late


def _when(chance: FloatArray, ahead: FloatArray, end: float) -> float:
    """The moment at which a chance that never falls reaches `end`; infinite if it never does."""
    if chance[-1] < end:
        return float("inf")
    i = int(np.argmax(chance >= end))
    if i == 0:
        return float(ahead[0])
    share = (end - chance[i - 1]) / (chance[i] - chance[i - 1])
    return float(ahead[i - 1] * (ahead[i] / ahead[i - 1]) ** share)


def grown(shape: FloatArray, x: FloatArray) -> FloatArray:
    """Growth of each shape at `x` times the span since the onset; 1 now.

    >>> grown(np.array([2.0]), np.array([2.0])).tolist()
    [4.0]
    """
    x = np.maximum(x, 0.0)
    rate = np.where(shape < 0, -shape, 1.0)
    return np.asarray(np.where(shape < 0, np.expm1(rate * x) / np.expm1(rate), x ** np.abs(shape)), np.float64)


@lru_cache(maxsize=128)
def design(n: int, earliest: int = 0) -> Design:
    """The fits of a record of n levels, with onsets at level `earliest` or later."""
    onsets = np.unique(np.round(np.linspace(earliest, n - 1 - SHORTEST, ONSETS)).astype(np.int64))
    since = np.repeat(n - 1.0 - onsets, len(SHAPES))
    shape = np.tile(np.array(SHAPES), len(onsets))
    x = 1.0 - (n - 1.0 - np.arange(n))[None, :] / since[:, None]
    ahead = np.geomspace(0.25, HORIZON * n, STEPS)
    growth_ahead = grown(shape[None, :], 1.0 + ahead[:, None] / since[None, :])
    return Design(since, shape, grown(shape[:, None], x), ahead, growth_ahead)


def find_trend(levels: FloatArray, earliest: int = 0) -> Trend | None:
    """Growth upwards in levels, oldest first, shape (n,), NaN where there is none; None if there is nothing to see.

    n is at least SHORTEST + 2.
    """
    made = design(len(levels), earliest)
    there = np.isfinite(levels)
    y, g = levels[there], made.growth[:, there]
    n = float(len(y))
    if n < SHORTEST:
        return None
    centre = y.sum() / n
    y = y - centre
    variance = float((y * y).sum())
    total, squares, product = g.sum(axis=1), (g * g).sum(axis=1), (g * y).sum(axis=1)
    determinant = n * squares - total * total
    solvable = determinant > 1e-9 * n * squares
    determinant = np.where(solvable, determinant, 1.0)
    growth = n * product / determinant
    base = -growth * total / n
    error = np.where(solvable & (growth > 0), np.maximum(variance - growth * product, NONE * variance), np.inf)
    best = int(np.argmin(error))
    if not 0.0 < error[best] < np.inf:
        return None
    flat = max(stepped(y), NONE * variance)
    worth = independent(y - base[best] - growth[best] * g[best])
    weight = (error[best] / error) ** (0.5 * CAUTION * worth)
    weight /= weight.sum()
    step = 1.0 - float(grown(made.shape[best], 1.0 - 1.0 / made.since[best]))
    return Trend(
        worth * float(np.log(flat / error[best])),
        float((weight * made.since).sum()),
        float(centre + base[best] + growth[best]),
        float(growth[best]) * step,
        made,
        weight,
        centre + base,
        growth,
        np.where(weight > 0, error, 0.0) / max(n - 2.0, 1.0) * (n / worth) / determinant,
        (n, total, squares),
    )


def stepped(levels: FloatArray) -> float:
    """Sum of squares about a level that changes once, at the best place: what a change of load leaves.

    `levels` are centred, shape (n,).

    >>> stepped(np.array([-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]))
    0.0
    """
    before = np.arange(1, len(levels))
    total = np.cumsum(levels)[:-1]
    gained = (total * total * len(levels) / (before * (len(levels) - before))).max()
    return float((levels * levels).sum() - gained)


def independent(residual: FloatArray) -> float:
    """How many independent values residuals, in their order, are worth.

    >>> independent(np.array([1.0, -1.0] * 20)), round(independent(np.repeat([1.0, -1.0], 20)), 1)
    (40.0, 1.0)
    """
    n = len(residual)
    phi = float((residual[1:] * residual[:-1]).sum()) / max(float((residual * residual).sum()), 1e-300)
    phi = min(max(phi + (1.0 + 3.0 * phi) / n, 0.0), MOST_CORRELATED)
    return max(n * (1.0 - phi) / (1.0 + phi), 1.0)
