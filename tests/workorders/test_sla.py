from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Explanation, Severity
from ingest.registry import Criticality
from workorders.order import Priority
from workorders.promises import HOUR_NS, shipped
from workorders.sla import AlwaysOpen, Clock, Due, Interval, due

COUNTED = Explanation("counted in windows", "仅计时段")


@dataclass(frozen=True)
class Windows:
    """A calendar of a few windows."""

    windows: tuple[Interval, ...]
    clock: Clock = Clock.CALENDAR
    counted: Explanation = COUNTED

    def open_from(self, start: int) -> Iterator[Interval]:
        for window in self.windows:
            if window.end > start:
                yield Interval(max(window.start, start), window.end)


TWO_WINDOWS = Windows((Interval(8, 12), Interval(14, 18)))


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        pytest.param(8, 3, Due(11, (Interval(8, 11),)), id="within one window"),
        pytest.param(10, 4, Due(16, (Interval(10, 12), Interval(14, 16))), id="across the lunch break"),
        pytest.param(0, 1, Due(9, (Interval(8, 9),)), id="begins before opening"),
        pytest.param(12, 1, Due(15, (Interval(14, 15),)), id="begins in the break"),
        pytest.param(8, 4, Due(12, (Interval(8, 12),)), id="ends with the window"),
    ],
)
def test_only_open_time_counts(start: int, length: int, expected: Due) -> None:
    assert due(start, length, TWO_WINDOWS) == expected


def test_a_calendar_that_ends_too_early_is_an_error() -> None:
    with pytest.raises(ValueError, match="2 ns before"):
        due(8, 10, TWO_WINDOWS)


@given(st.integers(0, 2**62), st.integers(1, 10**15))
def test_around_the_clock_every_second_counts(start: int, length: int) -> None:
    found = due(start, length, AlwaysOpen())
    assert found.at == start + length
    assert sum(interval.length_ns for interval in found.intervals) == length


def test_the_shipped_promises_are_those_of_the_field() -> None:
    promises = shipped()
    for priority in Priority:
        assert promises.by_priority[priority].response_ns == 2 * HOUR_NS
        assert promises.by_priority[priority].solve_ns == 48 * HOUR_NS


def test_priority_never_falls_with_severity_or_criticality() -> None:
    promises = shipped()
    for severity in Severity:
        row = [promises.priority(severity, criticality) for criticality in Criticality]
        assert row == sorted(row, reverse=True)
    for criticality in Criticality:
        column = [promises.priority(severity, criticality) for severity in Severity]
        assert column == sorted(column, reverse=True)
