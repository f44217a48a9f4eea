"""The course of the day: a room that the sun warms, a road at rush hour, and machines that are no such thing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.reading import NS_PER_SECOND, FloatArray, ReadingBatch
from models.bank import Bank, Judgement
from models.detectors.season import MEMORY, Season

MIDNIGHT = 1_764_547_200 * NS_PER_SECOND  # of a Monday
STEP = 300 * NS_PER_SECOND
DAY = 288


def sunny(days: int, seed: int = 0) -> FloatArray:
    """Readings every five minutes that follow the day."""
    rng, at = np.random.default_rng(seed), np.arange(days * DAY)
    return 20 + 3 * np.sin(2 * np.pi * at / DAY) + rng.normal(0, 0.2, days * DAY)


def explained(values: FloatArray) -> FloatArray:
    season, n = Season(), len(values)
    season.resize(1)
    return season.explain(np.zeros(n, np.int64), values, MIDNIGHT + np.arange(n) * STEP)


def judge(values: FloatArray, bank: Bank, first: int = 0) -> Judgement:
    time = MIDNIGHT + (first + np.arange(len(values))) * STEP
    batch = ReadingBatch.of(np.zeros(len(values), np.int32), time, values)
    return bank.judge(batch, np.zeros(1, np.int64), 1)


def test_the_course_of_the_day_is_learned_and_explains_most_of_the_readings() -> None:
    values = sunny(8)
    found = explained(values)
    assert not found[: 3 * DAY].any(), "two days and one to prove it"
    week = slice(5 * DAY, None)
    assert (values - found)[week].std() < 0.2 * values[week].std()
    assert (values - found)[week].mean() == pytest.approx(20, abs=0.5)


@pytest.mark.parametrize("known", [True, False], ids=["shipped", "without"])
def test_a_night_as_warm_as_noon_is_seen(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    values = sunny(12)
    night = slice(11 * DAY + 180, 11 * DAY + 250)
    values[night] = 2 * 20 - values[night]
    if not known:
        monkeypatch.setattr(Season, "explain", lambda _, series, value, time: np.zeros(len(value)))
    p_value = judge(values, Bank()).verdicts.p_value
    assert bool(p_value[11 * DAY :].min() < 5e-3) is known


def test_what_is_switched_is_no_course() -> None:
    at = np.arange(14 * DAY) % DAY
    assert not explained(np.where((at >= 84) & (at < 216), 50.0, 1.0) + 0.01 * at).any()


def test_a_course_of_working_days_counts_by_half_at_most() -> None:
    values = sunny(21)
    weekend = np.arange(21 * DAY) // DAY % 7 >= 5
    values[weekend] = 17 + np.random.default_rng(2).normal(0, 0.2, weekend.sum())
    assert np.abs(explained(values)[7 * DAY :]).max() < 0.55 * 3


def test_a_fault_that_grows_for_a_week_is_not_explained() -> None:
    values = sunny(40)
    usual = explained(values)[39 * DAY :]
    values[33 * DAY :] += np.linspace(0, 3, 7 * DAY)
    assert explained(values)[39 * DAY :].mean() - usual.mean() < 0.5, f"an index is learned over {MEMORY} days"


def test_people_see_the_band_follow_the_day() -> None:
    values = sunny(10)
    scores = judge(values, Bank()).scores
    last = slice(9 * DAY, None)
    assert np.abs(values - scores.expected)[last].mean() < 0.4
    assert (scores.high - scores.low)[last].mean() < 10


def test_huge_values_and_few_readings_break_nothing() -> None:
    values = sunny(6)
    values[[100, 4 * DAY + 7]] = 1e308, -1e308
    assert np.isfinite(explained(values)).all()
    assert not explained(np.array([1.0])).any()


@settings(max_examples=5)
@given(cuts=st.lists(st.integers(1, 6 * DAY), max_size=6))
def test_batches_and_restarts_change_nothing(cuts: list[int]) -> None:
    values = sunny(6)
    whole = judge(values, Bank()).scores.p_value
    bank, found = Bank(), []
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(values)], strict=True):
        found.append(judge(values[begin:end], bank, begin).scores.p_value)
        saved, bank = bank.save(), Bank()
        bank.restore(saved, np.arange(1, dtype=np.int32), np.zeros(1, np.int32))
    assert np.array_equal(np.concatenate(found), whole)
