"""Trends: what grows is seen with the moment of crossing, what only wanders is not."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.reading import FloatArray
from models.forecast import REAL
from models.trend import SHORTEST, find_trend, independent

N = 60
RNG = np.random.default_rng(11)


def autocorrelated(n: int, phi: float, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    made = np.zeros(n)
    made[0] = rng.normal()
    for i in range(1, n):
        made[i] = phi * made[i - 1] + np.sqrt(1 - phi**2) * rng.normal()
    return made


@pytest.mark.parametrize("onset", [0, 20, 45])
@pytest.mark.parametrize("rate", [0.1, 1.0, 50.0])
def test_linear_growth_is_carried_on(onset: int, rate: float) -> None:
    levels = 5.0 + rate * np.maximum(np.arange(N) - onset, 0.0)
    trend = find_trend(levels + 0.1 * rate * RNG.normal(size=N))
    assert trend is not None
    left = 8.0
    early, middle, late = trend.crossing(levels[-1] + left * rate)
    assert early <= left <= late
    assert middle == pytest.approx(left, rel=0.15)
    assert trend.slope == pytest.approx(rate, rel=0.1)
    assert trend.level == pytest.approx(levels[-1], abs=0.2 * rate)
    assert trend.span == pytest.approx(N - 1 - onset, abs=0.15 * N)
    assert trend.evidence > 3 * REAL


def test_exponential_growth_comes_sooner_than_a_line_would_say() -> None:
    x = np.maximum(np.arange(N) - 15, 0) / 44
    levels = np.expm1(4 * x) / np.expm1(4)
    trend = find_trend(levels + 3e-3 * RNG.normal(size=N))
    assert trend is not None
    limit = float(np.expm1(4 * 52 / 44) / np.expm1(4))
    early, middle, late = trend.crossing(limit)
    assert early <= 8 <= late
    assert middle == pytest.approx(8, rel=0.2)
    assert (limit - trend.level) / trend.slope > 1.3 * middle, "the line"


def test_what_falls_or_stays_is_no_growth() -> None:
    assert find_trend(np.full(N, 7.0)) is None
    assert find_trend(10.0 - np.arange(N, dtype=np.float64)) is None
    falling = find_trend(10.0 - np.arange(N) + RNG.normal(size=N))
    assert falling is None or falling.evidence < REAL


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8, 0.95, 1.0])
def test_a_wander_is_no_trend(phi: float) -> None:
    """The share of series with evidence enough, of levels that are worth as many values as their memory leaves."""
    seen = 0
    for seed in range(300):
        levels = autocorrelated(N, phi, seed) if phi < 1 else np.cumsum(np.random.default_rng(seed).normal(size=N))
        trend = find_trend(levels)
        seen += trend is not None and trend.evidence >= REAL
    assert seen <= {0.0: 3, 0.5: 6, 0.8: 15, 0.95: 30, 1.0: 45}[phi], seen


def test_a_step_is_no_trend() -> None:
    """A machine that got other work is at another level, not on its way."""
    for seed in range(100):
        levels = np.where(np.arange(N) < 40, 2.0, 6.0) + 0.3 * np.random.default_rng(seed).normal(size=N)
        trend = find_trend(levels)
        assert trend is None or trend.evidence < REAL


def test_gaps_do_not_matter() -> None:
    levels = 0.3 * np.maximum(np.arange(N) - 20.0, 0.0) + 0.01 * RNG.normal(size=N)
    holes = levels.copy()
    holes[RNG.random(N) < 0.4] = np.nan
    whole, torn = find_trend(levels), find_trend(holes)
    assert whole is not None
    assert torn is not None
    assert torn.crossing(14.0)[1] == pytest.approx(whole.crossing(14.0)[1], rel=0.2)


def test_too_little_is_nothing() -> None:
    levels = np.full(N, np.nan)
    levels[-SHORTEST + 1 :] = np.arange(SHORTEST - 1)
    assert find_trend(levels) is None
    assert find_trend(np.full(N, np.nan)) is None


def test_a_limit_that_is_out_of_reach_is_never_crossed() -> None:
    trend = find_trend(0.01 * np.arange(N) + 0.001 * RNG.normal(size=N))
    assert trend is not None
    assert trend.crossing(1e9) == (np.inf, np.inf, np.inf)


def test_the_interval_grows_with_the_noise() -> None:
    base = 0.2 * np.maximum(np.arange(N) - 20.0, 0.0)
    widths = []
    for noise in (0.05, 0.2, 0.8):
        trend = find_trend(base + noise * np.random.default_rng(5).normal(size=N))
        assert trend is not None
        early, _, late = trend.crossing(10.0)
        widths.append(late - early)
    assert widths == sorted(widths)


def test_how_many_values_residuals_are_worth() -> None:
    white = independent(np.random.default_rng(0).normal(size=400))
    slow = independent(autocorrelated(400, 0.8, 1))
    assert white > 300
    assert 25 < slow < 90, "400 values of a memory of 0.8 are worth 44"
