"""Which hours of the week a device is known for."""

from __future__ import annotations

import pytest

from alerts.recurring import MOST, Recurring

HOUR = 3_600 * 10**9
DAY, WEEK = 24 * HOUR, 168 * HOUR
NOW = 3_000 * WEEK
SCORE = 8.0

CASES = [
    pytest.param([1 * DAY, 2 * DAY, 3 * DAY, 4 * DAY], 0, SCORE, True, id="four days in a row"),
    pytest.param([1 * DAY, 2 * DAY, 3 * DAY], 0, SCORE, False, id="three days are not enough"),
    pytest.param([3 * DAY, 4 * DAY, 5 * DAY, 6 * DAY], 0, SCORE, True, id="Monday to Thursday, and it is Sunday"),
    pytest.param([5 * DAY, 6 * DAY, 7 * DAY, 8 * DAY], 0, SCORE, False, id="a week ago three days of it"),
    pytest.param([1 * WEEK, 2 * WEEK, 3 * WEEK], 0, SCORE, True, id="three weeks in a row"),
    pytest.param([1 * WEEK, 3 * WEEK, 5 * WEEK], 0, SCORE, True, id="every other week"),
    pytest.param([1 * WEEK, 2 * WEEK], 0, SCORE, False, id="two weeks are not enough"),
    pytest.param([2 * WEEK, 4 * WEEK, 6 * WEEK], 0, SCORE, False, id="too long ago"),
    pytest.param([1 * WEEK, 2 * WEEK, 3 * WEEK], HOUR, SCORE, True, id="an hour late, as where clocks are put back"),
    pytest.param([1 * WEEK, 2 * WEEK, 3 * WEEK], -HOUR, SCORE, True, id="an hour early"),
    pytest.param([1 * WEEK, 2 * WEEK, 3 * WEEK], 2 * HOUR, SCORE, False, id="two hours late"),
    pytest.param([1 * WEEK, 2 * WEEK, 3 * WEEK], DAY, SCORE, False, id="on another day"),
    pytest.param([1 * WEEK, 2 * WEEK, 3 * WEEK], 0, 1.4 * SCORE, True, id="a little more than before"),
    pytest.param([1 * WEEK, 2 * WEEK, 3 * WEEK], 0, 1.6 * SCORE, False, id="much more than before"),
    pytest.param([], 0, SCORE, False, id="never before"),
]


@pytest.mark.parametrize(("ago", "late", "score", "expected"), CASES)
def test_what_comes_at_its_hour_is_expected(ago: list[int], late: int, score: float, expected: bool) -> None:
    known = Recurring()
    for one in sorted(ago, reverse=True):
        known.note(1, NOW - one, SCORE)
    assert known.expected(1, NOW + late, score) is expected
    assert not known.expected(2, NOW + late, score)


def test_an_alert_says_how_often_it_came_from_twice_on() -> None:
    known = Recurring()
    known.note(1, NOW, SCORE)
    assert known.facts(1, NOW + WEEK, SCORE) == {}
    known.note(1, NOW + WEEK, SCORE)
    assert known.facts(1, NOW + 2 * WEEK, SCORE) == {"recurs_every": "week", "recurred": 2, "recurred_of": 5}
    assert known.facts(1, NOW + 2 * WEEK, 2 * SCORE) == {}, "it never was so much"
    for day in range(14, 17):
        known.note(1, NOW + day * DAY, SCORE)
    assert known.facts(1, NOW + 17 * DAY, SCORE) == {"recurs_every": "day", "recurred": 3, "recurred_of": 7}


def test_it_may_last_as_long_as_it_did() -> None:
    known = Recurring()
    for week in range(3):
        for minute in range(0, 241, 60):
            known.note(1, NOW + week * WEEK + minute * HOUR // 60, SCORE)
    start = NOW + 3 * WEEK
    assert [known.expected(1, start + hours * HOUR, SCORE) for hours in (0, 4, 5, 6)] == [True, True, True, False]


def test_trouble_of_days_says_nothing_of_their_hours() -> None:
    known = Recurring()
    for hour in range(6 * 24):
        known.note(1, NOW + hour * HOUR, SCORE)
    assert not known.expected(1, NOW + 6 * DAY + 12 * HOUR, SCORE)


def test_a_device_is_remembered_for_so_many_episodes() -> None:
    known = Recurring()
    for number in range(3 * MOST):
        known.note(1, NOW + number * 4 * HOUR, SCORE)
    assert len(known.save()) == MOST
    known.note(1, NOW + 10 * WEEK, SCORE)
    assert len(known.save()) == 1


def test_what_is_saved_comes_back() -> None:
    known, other = Recurring(), Recurring()
    for week in range(3):
        known.note(7, NOW + week * WEEK, SCORE)
    other.restore(known.save())
    assert other.save() == known.save()
    assert other.expected(7, NOW + 3 * WEEK, SCORE)
