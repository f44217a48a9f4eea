"""What a series often does is no silence; one that ends is told of as early as ever; however readings are cut."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.reading import NS_PER_SECOND, TimeArray
from models.detectors.gaps import NO_LIMIT, Gaps

MINUTE = 60 * NS_PER_SECOND
HOUR, DAY = 60 * MINUTE, 1440 * MINUTE
START = 1_764_000_000 * NS_PER_SECOND
TEN_MINUTES = 10 * MINUTE


def minutes(days: float, gaps: list[tuple[float, int]]) -> TimeArray:
    """A reading a minute for that many days, but for gaps: (day on which it begins, length in ns)."""
    time = START + MINUTE * np.arange(round(days * 1440))
    for begin, length in gaps:
        at = START + round(begin * DAY)
        time = time[(time <= at) | (time >= at + length)]
    return time


def limits(time: TimeArray, interval_ns: float = float(MINUTE)) -> TimeArray:
    """The limit with each reading."""
    gaps = Gaps()
    gaps.resize(1)
    return gaps.limits(np.zeros(len(time), np.int32), time, np.full(len(time), interval_ns))


@pytest.mark.parametrize("length", [11 * MINUTE, 2 * HOUR, 30 * DAY])
def test_one_gap_teaches_nothing(length: int) -> None:
    assert set(limits(minutes(40, [(3.0, length)])).tolist()) == {TEN_MINUTES}


@pytest.mark.parametrize(
    ("length", "limit"),
    [
        pytest.param(10 * MINUTE, 10 * MINUTE, id="no gap: the limit is not over"),
        pytest.param(11 * MINUTE, 20 * MINUTE, id="longer than 10 min"),
        pytest.param(50 * MINUTE, 80 * MINUTE, id="longer than 40 min"),
        pytest.param(16 * HOUR, 64 * 20 * MINUTE, id="nights"),
        pytest.param(12 * DAY, 4096 * 5 * MINUTE, id="as long as lengths go"),
    ],
)
def test_what_comes_three_times_within_weeks_is_usual(length: int, limit: int) -> None:
    apart = max(5 * DAY, length + HOUR) / DAY
    found = limits(minutes(1 + 3 * apart, [(1 + number * apart, length) for number in range(3)]))
    assert found[0] == TEN_MINUTES
    assert found[-1] == limit


def test_it_is_forgotten_when_it_no_longer_comes() -> None:
    found = limits(minutes(60, [(day, HOUR) for day in (1.0, 2.0, 3.0)]))
    longer = np.flatnonzero(found > TEN_MINUTES)
    assert len(longer)
    assert found[-1] == TEN_MINUTES
    assert set(found[longer[0] : longer[-1] + 1].tolist()) == {80 * MINUTE}


def test_shorter_gaps_may_be_usual_where_longer_ones_are_not() -> None:
    often, once = [(day, 15 * MINUTE) for day in (1.0, 2.0, 3.0)], [(4.0, 5 * HOUR)]
    assert limits(minutes(6, often + once))[-1] == 20 * MINUTE


def test_weekends_are_usual_from_the_fourth_on() -> None:
    time = minutes(50, [(5.0 + 7 * week, 2 * DAY) for week in range(6)])
    gap, allowed = np.diff(time), limits(time)[:-1]
    assert (gap > TEN_MINUTES).sum() == 6
    assert (gap > allowed).tolist().count(True) == 3


def test_without_an_interval_there_is_no_limit_and_nothing_is_learned() -> None:
    gaps = Gaps()
    gaps.resize(1)
    time, zeros = START + DAY * np.arange(20), np.zeros(20, np.int32)
    assert set(gaps.limits(zeros, time, np.full(20, np.nan)).tolist()) == {NO_LIMIT}
    later = time[-1] + MINUTE * np.arange(1, 21)
    assert set(gaps.limits(zeros, later, np.full(20, float(MINUTE))).tolist()) == {TEN_MINUTES}


@pytest.mark.parametrize(("interval_ns", "limit"), [(1e9, 300), (29.96e9, 300), (60.04e9, 600), (3600e9, 36_000)])
def test_the_least_limit_is_ten_intervals_and_five_minutes(interval_ns: float, limit: int) -> None:
    assert limits(minutes(0.1, []), interval_ns)[-1] == limit * NS_PER_SECOND


@settings(max_examples=30)
@given(seed=st.integers(0, 9), cuts=st.lists(st.integers(1, 400), max_size=20))
def test_batches_and_restarts_change_nothing(seed: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    gap = np.where(rng.random(400) < 0.1, rng.lognormal(np.log(HOUR), 2.0, 400), MINUTE).astype(np.int64)
    series, interval_ns = rng.integers(0, 3, 400).astype(np.int32), np.full(400, float(MINUTE))
    time = START + np.cumsum(gap)
    whole, gaps, found = Gaps(), Gaps(), []
    whole.resize(3)
    gaps.resize(3)
    expected = whole.limits(series, time, interval_ns)
    assert expected.max() > TEN_MINUTES
    for a, b in itertools.pairwise([0, *sorted(cuts), 400]):
        found += gaps.limits(series[a:b], time[a:b], interval_ns[a:b]).tolist()
        saved, gaps = gaps.save(), Gaps()
        gaps.restore(saved, np.arange(3, dtype=np.int32))
    assert found == expected.tolist()
