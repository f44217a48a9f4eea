"""When a probability becomes an alarm, what that is worth, and which threshold follows from the budget."""

from __future__ import annotations

import numpy as np
import pytest

from alerts.budget import Budget
from alerts.operating import CALM, THRESHOLDS, Course, Lookout, Point, best, curve, episodes, proven
from ingest.reading import NS_PER_SECOND

HOUR = 3600 * NS_PER_SECOND
LOOKOUT = Lookout(72 * HOUR, 24 * HOUR)


def spell(*levels: tuple[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """Times and probabilities: so many hours of each level."""
    p = np.concatenate([np.full(hours, level) for hours, level in levels])
    return np.arange(len(p)) * HOUR, p


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        pytest.param([(50, 0.2)], [], id="never high"),
        pytest.param([(10, 0.1), (5, 0.9), (50, 0.1)], [(10, 26)], id="one that calms down"),
        pytest.param([(10, 0.1), (5, 0.9)], [(10, 14)], id="one that lasts to the end of the data"),
        pytest.param([(10, 0.1), (1, 0.9), (30, 0.4), (50, 0.1)], [(10, 52)], id="held at half the threshold"),
        pytest.param([(5, 0.9), (11, 0.1), (5, 0.9), (30, 0.1)], [(0, 32)], id="a short calm does not end it"),
        pytest.param([(5, 0.9), (12, 0.1), (5, 0.9), (30, 0.1)], [(0, 16), (17, 33)], id="two"),
        pytest.param([(5, 0.4), (20, 0.1)], [], id="half the threshold opens nothing"),
    ],
)
def test_an_alarm_is_held_and_calms_down(levels: list[tuple[int, float]], expected: list[tuple[int, int]]) -> None:
    time, p = spell(*levels)
    assert episodes(time, p, 0.6, CALM * HOUR) == [(a * HOUR, b * HOUR) for a, b in expected]


@pytest.mark.parametrize(
    ("begin", "end", "warned", "false"),
    [
        pytest.param(30, 40, True, False, id="up a day before"),
        pytest.param(77, 80, False, False, id="later than a day before"),
        pytest.param(76, 90, True, False, id="exactly a day before"),
        pytest.param(10, 28, True, True, id="up early and long"),
        pytest.param(10, 20, False, True, id="over before it was of use"),
        pytest.param(110, 120, False, False, id="in the wake of it"),
        pytest.param(125, 130, False, True, id="long after"),
    ],
)
def test_a_warning_is_up_in_time_and_a_false_alarm_has_no_failure(
    begin: int, end: int, warned: bool, false: bool
) -> None:
    failure = 100 * HOUR
    assert LOOKOUT.warned([(begin * HOUR, end * HOUR)], failure) is warned
    assert LOOKOUT.false(begin * HOUR, [failure]) is false


def test_an_alarm_that_stands_is_false_anew_with_each_horizon() -> None:
    """Else one that is always up would warn of every failure at the price of a single false alarm."""
    assert LOOKOUT.falsely_up(50 * HOUR, 50 * HOUR, []) == 1
    assert LOOKOUT.falsely_up(0, 720 * HOUR, []) == 10
    assert LOOKOUT.falsely_up(0, 216 * HOUR, [100 * HOUR]) == 2


def test_the_curve_counts_what_each_threshold_would_have_done() -> None:
    time, p = spell((200, 0.01), (40, 0.7), (160, 0.01), (20, 0.3), (380, 0.01))
    course = Course(time, p, (230 * HOUR, 790 * HOUR, 20 * HOUR))
    points = curve([course], LOOKOUT, CALM * HOUR)
    assert [point.threshold for point in points] == list(THRESHOLDS)
    by_threshold = {round(point.threshold, 2): (point.warned, point.failures, point.false) for point in points}
    assert by_threshold[0.21] == (1, 2, 1), "the failure at 20 h came before anything could be judged a horizon ahead"
    assert by_threshold[0.5] == (1, 2, 0)
    assert by_threshold[0.82] == (0, 2, 0)
    assert points[0].device_months == pytest.approx(799 / 24 / 30.44)


def line(*counts: tuple[int, int]) -> list[Point]:
    """A curve of (warned, false) over all thresholds, in equal shares, from the lowest up; ten failures."""
    share = -(-len(THRESHOLDS) // len(counts))
    each = [counts[place // share] for place in range(len(THRESHOLDS))]
    return [Point(t, warned, 10, false, 10.0) for t, (warned, false) in zip(THRESHOLDS, each, strict=True)]


@pytest.mark.parametrize(
    ("points", "budget", "expected"),
    [
        pytest.param(line((10, 30), (9, 5), (8, 3), (3, 0)), None, (9, 5), id="one more failure is worth four alarms"),
        pytest.param(line((10, 9), (9, 5), (8, 1), (3, 0)), None, (9, 5), id="and not worth more"),
        pytest.param(line((10, 30), (9, 5), (8, 1), (3, 0)), "0.2 per device-month", (8, 1), id="the budget bounds it"),
        pytest.param(line((10, 30), (9, 25), (8, 20), (5, 9)), "0.2 per device-month", (5, 9), id="nothing fits it"),
        pytest.param(line((10, 30)), "100 per device-month", (10, 30), id="a wide budget"),
    ],
)
def test_the_threshold_is_of_most_use_within_the_budget(
    points: list[Point], budget: str | None, expected: tuple[int, int]
) -> None:
    found = best(points, None if budget is None else Budget.parse(budget))
    assert (found.warned, found.false) == expected


def test_a_narrow_luck_is_not_preferred_to_a_wide_range() -> None:
    points = [Point(t, 9, 10, 1, 10.0) for t in THRESHOLDS[:-2]] + [Point(t, 9, 10, 0, 10.0) for t in THRESHOLDS[-2:]]
    assert 0.2 < best(points).threshold < 0.8


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        pytest.param(Point(0.5, 9, 10, 2, 20.0), True, id="enough, mostly warned of, within the budget"),
        pytest.param(Point(0.5, 7, 10, 2, 20.0), False, id="too many missed"),
        pytest.param(Point(0.5, 7, 7, 0, 20.0), False, id="too few failures to know"),
        pytest.param(Point(0.5, 10, 10, 30, 20.0), False, id="beyond the budget"),
    ],
)
def test_a_model_is_proven_by_devices_that_it_had_not_seen(point: Point, expected: bool) -> None:
    assert proven(point, Budget(1.0, "month")) is expected


def test_a_point_comes_back_from_plain_values() -> None:
    point = Point(0.25, 3, 4, 5, 6.5)
    assert Point.of_plain(point.plain()) == point
