"""One battery for the bank: finite scores, warm-up, calibration, memory, hostile series."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.reading import NS_PER_SECOND, FloatArray, ReadingBatch
from models.bank import Bank, Judgement
from models.calibration import MIN_SCORES, RankCalibrator
from models.detectors.baseline import WARM_UP, Baseline
from models.detectors.interval import MIN_GAPS, Interval
from models.evidence import DECAY, MOST, Evidence

START = 1_764_000_000 * NS_PER_SECOND


def judge(values: FloatArray, bank: Bank | None = None) -> Judgement:
    """Scores of values of shape (n_readings, n_series), one a second."""
    n, width = values.shape
    series = np.tile(np.arange(width, dtype=np.int32), n)
    time = START + np.repeat(np.arange(n), width) * NS_PER_SECOND
    return (bank or Bank()).judge(ReadingBatch.of(series, time, values.ravel()), width)


HOSTILE = {
    "constant": np.full(600, 20.0),
    "zero": np.zeros(600),
    "huge": np.linspace(1e300, 1.7e308, 600),
    "tiny": np.random.default_rng(0).normal(0, 1e-300, 600),
    "quantised": np.round(20 + np.random.default_rng(1).normal(0, 0.04, 600), 1),
    "on and off": np.repeat([0.0, 100.0] * 15, 20),
    "ramp": np.arange(600.0),
    "alternating signs": 1e6 * (-1.0) ** np.arange(600),
}


@pytest.mark.parametrize("values", [pytest.param(v, id=k) for k, v in HOSTILE.items()])
def test_scores_and_p_values_are_numbers_for_any_series(values: FloatArray) -> None:
    scores = judge(values[:, None]).scores
    assert np.isfinite(scores.score).all()
    assert (scores.score >= 0).all()
    assert ((scores.p_value > 0) & (scores.p_value <= 1)).all()


def test_nothing_is_unusual_before_there_is_enough_data() -> None:
    judgement = judge(np.random.default_rng(0).normal(size=(200, 1)))
    scores = judgement.scores
    assert (scores.p_value[: WARM_UP + MIN_SCORES] == 1).all()
    assert (scores.p_value[WARM_UP + MIN_SCORES :] < 1).any()
    assert np.isnan(scores.low[:WARM_UP]).all()
    assert not np.isnan(scores.low[WARM_UP:]).any()


@pytest.mark.parametrize("level", [0.05, 0.01, 0.001])
@pytest.mark.parametrize("shape", ["normal", "laplace"])
def test_p_values_are_calibrated_on_normal_data(shape: str, level: float) -> None:
    values = getattr(np.random.default_rng(7), shape)(size=(4000, 50))
    scores = judge(values).scores
    p = scores.p_value[50 * 500 :]
    assert 0.5 * level <= (p <= level).mean() <= 1.5 * level


def test_a_constant_value_that_moves_is_unusual_and_a_quantised_one_that_flickers_is_not() -> None:
    flat = np.full((600, 1), 20.0)
    flat[400:405] = 25.0
    assert judge(flat).scores.p_value[400] < 1e-2
    steps = HOSTILE["quantised"][:, None]
    assert (judge(steps).evidence < 15).all()


def test_an_outlier_does_not_drag_its_own_baseline_along() -> None:
    values = np.random.default_rng(3).normal(20, 0.1, size=(400, 1))
    values[300] = 1e6
    scores = judge(values).scores
    assert scores.p_value[300] < 1e-3
    assert abs(scores.expected[301] - 20) < 0.5


def test_evidence_gathers_over_readings_and_ends_soon_after_the_trouble() -> None:
    values = np.random.default_rng(4).normal(20, 0.1, size=(700, 1))
    values[500:540] += 2.0 * (np.arange(40) % 2 + 1)[:, None]
    evidence = judge(values).evidence
    assert evidence[499] < 10
    assert evidence[500] <= 8, "one reading alone is never enough"
    assert evidence[500:540].max() > 20
    assert evidence[-60:].max() < 15
    assert evidence.max() <= MOST


def test_chance_crosses_a_height_as_rarely_as_the_theory_says() -> None:
    rng = np.random.default_rng(5)
    evidence, series = Evidence(), np.arange(2000, dtype=np.int32)
    evidence.resize(2000)
    crossings, was = 0, np.zeros(2000, bool)
    height = np.log(2000) / DECAY
    for k in range(1000):
        total, _ = evidence.round(series, np.full(2000, k), rng.uniform(size=2000))
        crossings += int(((total >= height) & ~was).sum())
        was = (was | (total >= height)) & (total > 0)
    episodes_per_reading = crossings / 2e6
    assert 0.01 / 2000 < episodes_per_reading < 1 / 2000


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(1, 900), seed=st.integers(0, 3))
def test_saved_and_restored_it_goes_on_bit_for_bit(cut: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(300, 3))
    batch = ReadingBatch.of(
        np.tile([0, 1, 2], 300), START + np.repeat(np.arange(300), 3) * NS_PER_SECOND, values.ravel()
    )
    whole = Bank().judge(batch, 3)
    first, second = Bank(), Bank()
    first.judge(batch[:cut], 3)
    saved = first.save()
    second.restore(saved, np.arange(3, dtype=np.int32))
    rest = second.judge(batch[cut:], 3)
    assert np.array_equal(rest.scores.p_value, whole.scores.p_value[cut:])
    assert np.array_equal(rest.evidence, whole.evidence[cut:])


def test_series_do_not_influence_each_other() -> None:
    values = np.random.default_rng(6).normal(size=(300, 4))
    together, alone = judge(values).scores, judge(values[:, 2:3]).scores
    assert np.array_equal(together.score.reshape(300, 4)[:, 2], alone.score)
    assert np.array_equal(together.p_value.reshape(300, 4)[:, 2], alone.p_value)


def test_the_state_of_a_series_is_small() -> None:
    parts = (Interval(), Baseline(), RankCalibrator(), Evidence())
    assert sum(part._state.row_bytes for part in parts) <= 8 * 1024


class TestInterval:
    """How often something is expected."""

    def learn(self, gaps_s: list[float]) -> float:
        interval = Interval()
        interval.resize(1)
        known, at = np.array([np.nan]), START
        for gap in [0.0, *gaps_s]:
            at += int(gap * NS_PER_SECOND)
            known = interval.round(np.array([0], np.int32), np.array([at]))
        return float(known[0]) / NS_PER_SECOND

    def test_is_unknown_at_first(self) -> None:
        assert np.isnan(self.learn([60.0] * (MIN_GAPS - 1)))
        assert self.learn([60.0] * MIN_GAPS) == pytest.approx(60)

    def test_an_outage_is_no_rhythm(self) -> None:
        assert self.learn([60.0] * 40 + [86_400.0]) < 70

    def test_follows_a_change_of_rhythm(self) -> None:
        assert self.learn([60.0] * 40 + [2.0] * 200) == pytest.approx(2, rel=0.1)
