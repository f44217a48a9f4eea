"""Where a series never was on any of the last days."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ingest.reading import NS_PER_DAY, FloatArray, ReadingBatch
from models.bank import Bank
from models.detectors.envelope import AT_THE_END, DAYS, DUST, LEAST_DAYS, Envelope

START = 20_000 * NS_PER_DAY
PER_DAY = 4


class Series:
    """One series, read four times a day: at noon its highest, in the evening its lowest value of the day."""

    def __init__(self) -> None:
        self.envelope, self.days = Envelope(), 0
        self.envelope.resize(1)

    def day(self, low: float, high: float) -> FloatArray:
        """p-values of the readings of one more day."""
        return self.read([(low + high) / 2, high, (low + high) / 2, low])[0]

    def read(self, values: list[float], middle: float = 0.0) -> tuple[FloatArray, FloatArray]:
        """p-values of readings of one more day, and their bands."""
        n = len(values)
        time = START + self.days * NS_PER_DAY + np.arange(n) * NS_PER_DAY // PER_DAY
        p_value, band = np.ones(n), np.tile([[middle], [-1.0], [1.0]], n)
        self.envelope.follow(np.zeros(n, np.int64), np.array(values), time, p_value, band)
        self.days += 1
        return p_value, band


def test_p_values_fall_with_how_far_beyond_all_days_it_is_on_their_own_scale() -> None:
    series = Series()
    for day in range(DAYS):
        assert series.day(-10.0, 10.0 + day % 2).tolist() == [1.0] * PER_DAY  # noons differ by one from day to day
    p_value, band = series.read([11.0, 12.0, 21.0, -10.0])
    assert p_value.tolist() == [1.0, 1.0, pytest.approx(AT_THE_END * math.exp(-10.0)), 1.0]
    assert band.T.tolist() == [[0, -1, 1], [0, -1, 1], [0, -10, 11], [0, -1, 1]]


def test_below_all_days_is_as_unusual() -> None:
    series = Series()
    for day in range(DAYS):
        series.day(-day % 3, 10.0)
    assert series.read([-8.0])[0] == pytest.approx(AT_THE_END * math.exp(-8.0 / 1.0))


def test_days_that_hardly_differ_have_a_scale_all_the_same() -> None:
    series = Series()
    for _ in range(DAYS):
        series.day(0.0, 50.0)
    assert series.read([50.5, 55.0])[0].tolist() == [1.0, pytest.approx(AT_THE_END * math.exp(-5.0))]


@pytest.mark.parametrize(
    ("whole", "says"),
    [pytest.param(LEAST_DAYS - 1, False, id="a week"), pytest.param(LEAST_DAYS, True, id="a day more")],
)
def test_a_week_and_a_day_have_to_be_whole_before_anything_is_said(whole: int, says: bool) -> None:
    series = Series()
    series.read([0.0])  # the day on which it was installed
    for _ in range(whole):
        series.day(-1.0, 1.0)
    assert bool(series.read([100.0])[0][0] < 1.0) is says


def test_what_was_four_weeks_ago_is_forgotten() -> None:
    series = Series()
    series.day(0.0, 0.0)
    series.day(0.0, 100.0)
    for _ in range(DAYS - 1):
        series.day(0.0, 10.0)
    assert series.read([80.0])[0].tolist() == [1.0]
    assert series.read([80.0])[0].tolist() == [1.0], "yesterday was as high"
    for _ in range(DAYS):
        series.day(0.0, 10.0)
    assert series.read([80.0])[0][0] < 1e-9


@pytest.mark.parametrize("value", [math.nan, math.inf, -1e300])
def test_what_is_no_quantity_teaches_nothing(value: float) -> None:
    series = Series()
    for _ in range(DAYS):
        series.day(0.0, 10.0)
        series.days -= 1
        assert series.read([value])[0].tolist() == [1.0]
    assert series.read([30.0])[0][0] < 1e-9


@pytest.mark.parametrize("zero", [0.0, 1e6, -1e9])
def test_it_does_not_hang_on_where_zero_is(zero: float) -> None:
    series, rng = Series(), np.random.default_rng(0)
    for _ in range(3 * DAYS):
        low, high = zero + rng.uniform(-0.11, -0.09), zero + rng.uniform(0.09, 0.11)
        assert series.day(low, high).min() > 1e-3
    assert series.read([zero + 1.0 + 20.0 * DUST * abs(zero)])[0][0] < 1e-6


def test_nothing_is_said_of_a_series_that_is_still_learned() -> None:
    series = Series()
    for _ in range(DAYS):
        series.day(0.0, 10.0)
    p_value, band = series.read([30.0], middle=math.nan)
    assert p_value.tolist() == [1.0]
    assert band[1:, 0].tolist() == [-1.0, 1.0]


def test_a_restored_one_goes_on_as_if_nothing_had_happened() -> None:
    series, other = Series(), Series()
    for day in range(DAYS + 3):
        series.day(-1.0, 10.0 + day % 4)
    saved = {name: array.copy() for name, array in series.envelope.save().items()}
    other.envelope.restore(saved, np.zeros(1, np.int64))
    other.days = series.days
    for high in (12.0, 20.0, 14.0, 40.0):
        assert other.day(-1.0, high).tolist() == series.day(-1.0, high).tolist()


def weekends_off(seed: int, days: int = 31) -> FloatArray:
    """Vibration every five minutes of a machine that runs on working days; in its last hours half as high again."""
    rng, n = np.random.default_rng(seed), days * 288
    value = 2.5 + rng.normal(0, 0.15, n)
    off = (np.arange(n) // 288) % 7 >= 5
    value[off] = np.abs(rng.normal(0.05, 0.02, off.sum()))
    value[-36:] += 1.25
    return value


def judged(value: FloatArray, bank: Bank) -> FloatArray:
    n = len(value)
    batch = ReadingBatch.of(np.zeros(n, np.int32), START + np.arange(n) * NS_PER_DAY // 288, value)
    return bank.judge(batch, np.zeros(1, np.int64), 1).verdicts.p_value


def test_trouble_is_seen_on_a_machine_that_stands_still_over_weekends(monkeypatch: pytest.MonkeyPatch) -> None:
    value = weekends_off(0)
    p_value = judged(value, Bank())
    assert p_value[-20:].max() < 1e-5
    assert p_value[-2 * 288 : -36].min() > 1e-4
    monkeypatch.setattr("models.detectors.envelope.Envelope.follow", lambda *_: None)
    assert judged(value, Bank())[-36:].min() > 1e-3, "its distances know the weekends"


def test_a_state_of_before_days_were_remembered_is_taken() -> None:
    bank, other = Bank(), Bank()
    judged(weekends_off(1)[:-36], bank)
    saved = {name: array for name, array in bank.save().items() if ".envelope." not in name}
    other.restore(saved, np.zeros(1, np.int32), np.zeros(1, np.int32))
    assert other.warm(1).all()
