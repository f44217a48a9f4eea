"""Bars and periods: when alerts were open, and how many were raised in each stretch of time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.alert import Severity
from forewarn.report.plot import DAY, HOUR
from forewarn.report.timeline import bars, period_length_s, periods
from ingest.reading import NS_PER_SECOND
from tests.forewarn.history.test_pairing import alert

UTC_ZONE = ZoneInfo("UTC")


def at(day: int, hour: float = 0.0) -> int:
    return int((datetime(2026, 1, day, tzinfo=UTC).timestamp() + hour * HOUR) * NS_PER_SECOND)


def test_bars_are_cut_at_the_ends_of_the_window() -> None:
    alerts = [
        alert("before", 0, 5, 9),
        alert("into", 5, 6, 15),
        alert("within", 12, 13, 14),
        alert("open", 18, 19, None),
        alert("after", 18, 25, 30),
    ]
    found = {bar.alert.id: (bar.left, bar.width, bar.raised) for bar in bars(alerts, 10, 20, 100)}
    assert found == {"into": (0.0, 0.5, 0.0), "within": (0.2, 0.2, 0.3), "open": (0.8, 0.2, 0.9)}


def test_alerts_are_counted_by_local_day_and_severity() -> None:
    raised = [at(1, 23), at(2, 1), at(2, 2), at(4, 12)]
    alerts = [alert(str(k), t, t, None, severity=Severity.HIGH if k else Severity.LOW) for k, t in enumerate(raised)]
    found = periods(alerts, at(1, 12), at(28), UTC_ZONE)
    assert period_length_s(at(1, 12), at(28)) == 6 * HOUR * 4
    assert [one.numbers for one in found[:4]] == [
        ((Severity.LOW, 1),),
        ((Severity.HIGH, 2),),
        (),
        ((Severity.HIGH, 1),),
    ]
    assert found[0].width == pytest.approx(0.5 / 26.5)
    assert sum(one.width for one in found) == pytest.approx(1.0)
    east = periods(alerts, at(1, 12), at(28), ZoneInfo("Asia/Shanghai"))
    assert [one.total for one in east[:4]] == [0, 3, 0, 1], "in Shanghai the first of them was raised on the 2nd"


@pytest.mark.parametrize(("days", "length"), [(2, HOUR), (20, 6 * HOUR), (90, DAY), (365, 7 * DAY), (3_000, 28 * DAY)])
def test_the_length_of_a_period_goes_with_the_span(days: int, length: int) -> None:
    assert period_length_s(0, days * DAY * NS_PER_SECOND) == length
