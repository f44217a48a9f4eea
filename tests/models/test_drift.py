"""What moves over days: a tank that fills up, a bearing that wears, a sensor that drifts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.reading import NS_PER_SECOND, FloatArray, ReadingBatch
from models.bank import Bank, Judgement
from models.detectors.drift import SEEN_NS, SLOW, Drift

START, MINUTE = 1_764_000_000 * NS_PER_SECOND, 60 * NS_PER_SECOND
DAY = 1440


def daily(days: int, series: int = 1, seed: int = 0) -> FloatArray:
    """Readings a minute that follow the day, shape (n_readings, n_series)."""
    rng, minute = np.random.default_rng(seed), np.arange(days * DAY)[:, None]
    return 20 + 2 * np.sin(2 * np.pi * minute / DAY) + rng.normal(0, 0.3, (days * DAY, series))


def batch_of(values: FloatArray, first: int = 0) -> ReadingBatch:
    n, width = values.shape
    time = START + (first + np.repeat(np.arange(n), width)) * MINUTE
    return ReadingBatch.of(np.tile(np.arange(width, dtype=np.int32), n), time, values.ravel())


def judge(values: FloatArray, bank: Bank, first: int = 0) -> Judgement:
    """All series are of one device."""
    width = values.shape[1]
    return bank.judge(batch_of(values, first), np.zeros(width, np.int64), 1)


@pytest.mark.parametrize("weight", [SLOW, 1e-12], ids=["shipped", "without"])
def test_a_value_that_creeps_up_over_days_is_seen(weight: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.detectors.drift.SLOW", weight)
    values = daily(25)
    values[18 * DAY :, 0] += np.linspace(0, 3, 7 * DAY)
    p_value = judge(values, Bank()).verdicts.p_value
    assert p_value[9 * DAY : 18 * DAY].min() > 1e-4, "no day is like the other"
    assert bool(p_value[18 * DAY :].min() < 1e-6) is (weight == SLOW)


def test_nothing_is_said_before_a_week_was_seen() -> None:
    drift, series = Drift(), np.zeros(1, np.int64)
    drift.resize(1)
    first_at = None
    for block, mean in enumerate(daily(10)[::16].ravel()):
        at = START + block * 16 * MINUTE
        p_value = np.ones(1)
        drift.follow(series, np.array([mean]), np.array([at]), np.full(1, 1e-3), p_value, np.zeros((3, 1)))
        if first_at is None and p_value[0] < 1.0:
            first_at = at
    assert first_at is not None
    assert SEEN_NS <= first_at - START <= SEEN_NS + 32 * MINUTE


def test_people_are_told_of_the_metric_that_drifts_and_of_its_level_of_weeks() -> None:
    values = daily(25, 3)
    values[18 * DAY :, 1] += np.linspace(0, 3, 7 * DAY)
    verdicts = judge(values, Bank()).verdicts
    rarest = int(np.argmin(verdicts.p_value))
    assert verdicts.time[rarest] > START + 18 * DAY * MINUTE
    assert verdicts.leader[rarest] == 1
    assert verdicts.facts[rarest, 1] == pytest.approx(20, abs=1.5), "what was expected is not what it crept up to"


@settings(max_examples=3)
@given(cuts=st.lists(st.integers(1, 12 * DAY), max_size=6))
def test_batches_and_restarts_change_nothing(cuts: list[int]) -> None:
    values, device, numbers = daily(12, 2), np.zeros(1, np.int32), np.arange(2, dtype=np.int32)
    values[10 * DAY :] += 3
    whole = judge(values, Bank()).scores.p_value
    bank, found = Bank(), []
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(values)], strict=True):
        found.append(judge(values[begin:end], bank, begin).scores.p_value)
        saved, bank = bank.save(), Bank()
        bank.restore(saved, numbers, device)
    assert np.array_equal(np.concatenate(found), whole)
