"""The one knob: how it is read, and what it does to the p-value an alarm needs."""

from __future__ import annotations

import numpy as np
import pytest

from alerts.budget import Budget
from alerts.policies.baseline import MOST_LEVEL, alarm_level


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1 per device-month", 30.44 * 86400), ("2 per device-week", 302_400), ("0.5 per device-day", 172_800)],
)
def test_one_episode_in_this_many_seconds(text: str, seconds: float) -> None:
    assert 1 / Budget.parse(text).per_device_second == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "1", "0 per device-month", "-1 per device-day", "1 per device-year", "one per day"]
)
def test_what_is_no_budget(text: str) -> None:
    with pytest.raises(ValueError, match="N per device-day"):
        Budget.parse(text)


def test_a_larger_budget_asks_for_less_and_a_faster_series_for_more() -> None:
    interval = np.array([60e9, 1e9])
    strict, loose = (alarm_level(interval, Budget.parse(f"{n} per device-month")) for n in (1, 10))
    assert (loose > strict).all()
    assert strict[1] < strict[0]


def test_while_the_interval_is_not_known_nothing_opens() -> None:
    assert np.isnan(alarm_level(np.array([np.nan]), Budget(1.0, "month"))).all()


def test_what_is_read_less_often_than_every_seven_minutes_is_at_the_bound() -> None:
    """As docs/detection.md says; a larger budget changes nothing there."""
    minutes = np.array([7.0, 7.5]) * 60e9
    below, at = alarm_level(minutes, Budget.parse("1 per device-month"))
    assert below < MOST_LEVEL == at
    assert (alarm_level(minutes, Budget.parse("1 per device-day")) == MOST_LEVEL).all()
