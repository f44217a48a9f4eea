"""Figures of the alarm system, each on alerts of which the figure can be counted by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Kind, Severity, State, Subject, Verdict
from alerts.budget import Budget
from alerts.health import (
    MONTH_NS,
    AlarmHealth,
    BudgetKept,
    Frequent,
    Keeping,
    Lived,
    alarm_health,
    asked,
    chance_of,
)
from alerts.store import AlertStore
from ingest.reading import NS_PER_DAY
from tests.alerts.samples import HOUR, SECOND, START, make_alert
from tests.alerts.test_store import keep

MINUTE = 60 * SECOND
END = START + 30 * NS_PER_DAY
MONTHLY = Budget(1.0, "month")
PUMP = Subject("plant", "pump-1", "vibration", Kind.BASELINE)
FAN = Subject("plant", "fan-1", None, Kind.SILENCE)


def lived(
    at: int,
    subject: Subject = PUMP,
    lasts: int | None = HOUR,
    right: bool | None = None,
    severity: Severity = Severity.MEDIUM,
) -> Lived:
    """An alert that is raised so many ns after the start."""
    over = None if lasts is None else START + at + lasts
    return Lived(subject, severity, START + at, over, right)


def health(alerts: Iterable[Lived], devices: int = 10, end: int = END) -> AlarmHealth:
    return alarm_health(sorted(alerts, key=lambda one: one.raised_at), START, end, devices, MONTHLY)


def figure(alerts: Iterable[Lived], name: str, end: int = END) -> float:
    (found,) = (one.value for one in health(alerts, end=end).figures if one.name == name)
    return found


def test_of_nothing_every_figure_is_zero_and_the_budget_kept() -> None:
    found = health([])
    assert {one.value for one in found.figures} == {0.0}
    assert (found.raised, found.frequent, found.budget.keeping) == (0, (), Keeping.KEPT)
    assert health([], devices=0, end=START).budget.most == 0.0


def test_what_was_raised_in_the_time_counts_and_nothing_else() -> None:
    found = health([lived(-1), lived(0, severity=Severity.HIGH), lived(HOUR, FAN), lived(30 * NS_PER_DAY)])
    assert found.raised == 2
    assert found.by_kind == {Kind.BASELINE: 1, Kind.SILENCE: 1}
    assert found.by_severity == {Severity.LOW: 0, Severity.MEDIUM: 1, Severity.HIGH: 1, Severity.CRITICAL: 0}


def test_alerts_an_hour() -> None:
    assert figure([lived(n * HOUR) for n in range(72)], "per_hour") == 72 / 720


def test_a_flood_lasts_until_a_period_has_fewer_than_five() -> None:
    """One period with 11, then 5, then 4: two periods of flood, one of them busy, in six hours of ten minutes each."""
    numbers = (11, 5, 4)
    alerts = [lived(period * 10 * MINUTE + n) for period, number in enumerate(numbers) for n in range(number)]
    end = START + 6 * HOUR
    assert figure(alerts, "busy_periods", end) == 1 / 36
    assert figure(alerts, "flood_time", end) == 2 / 36
    assert figure([lived(n) for n in range(10)], "flood_time", end) == 0.0


def test_the_most_frequent_come_first_with_how_often_they_were_wrong() -> None:
    found = health([lived(0, FAN), *(lived(n * HOUR, right=False if n else None) for n in range(3))])
    assert found.frequent == (Frequent(PUMP, 3, 2), Frequent(FAN, 1, 0))


def test_a_share_of_few_alerts_says_nothing() -> None:
    few = health([lived(n * HOUR) for n in range(5)])
    many = health([lived(n * MINUTE) for n in range(asked()[0].fewest)])
    assert [one.met for found in (few, many) for one in found.figures if one.name == "frequent_share"] == [None, False]
    assert [one.met for one in few.figures if one.name == "per_hour"] == [True]


@pytest.mark.parametrize(
    ("seconds", "number"),
    [((0, 30, 60), 1), ((0, 30, 61), 0), ((0, 300, 310, 320), 1), ((0, 1), 0)],
)
def test_an_alarm_chatters_when_it_is_raised_three_times_in_a_minute(seconds: tuple[int, ...], number: int) -> None:
    assert figure([lived(at * SECOND) for at in seconds], "chattering") == number
    assert figure([lived(at * SECOND, FAN if n % 2 else PUMP) for n, at in enumerate(seconds)], "chattering") == 0


def test_an_alert_that_is_over_at_once_is_fleeting() -> None:
    alerts = [lived(0, lasts=MINUTE), lived(HOUR, lasts=MINUTE + 1), lived(2 * HOUR, lasts=None)]
    assert figure(alerts, "fleeting") == 1


def test_the_most_that_were_on_for_over_a_day() -> None:
    """Two are stale on the third day, one of them since before the time began; one that lasts a day is not."""
    alerts = [
        lived(-5 * NS_PER_DAY, lasts=8 * NS_PER_DAY),
        lived(NS_PER_DAY, FAN, lasts=None),
        lived(0, lasts=NS_PER_DAY),
    ]
    assert figure(alerts, "stale") == 2
    assert figure(alerts[1:], "stale") == 1
    assert figure(alerts[2:], "stale") == 0


@pytest.mark.parametrize(
    ("right", "false", "unanswered", "keeping"),
    [
        pytest.param(50, 0, 0, Keeping.KEPT, id="all were right"),
        pytest.param(0, 12, 0, Keeping.KEPT, id="a few more than ten: chance"),
        pytest.param(0, 25, 0, Keeping.EXCEEDED, id="far more than ten"),
        pytest.param(5, 12, 25, Keeping.UNANSWERED, id="it depends on what nobody answered"),
        pytest.param(5, 25, 25, Keeping.EXCEEDED, id="too many already"),
    ],
)
def test_whether_the_budget_is_kept(right: int, false: int, unanswered: int, keeping: Keeping) -> None:
    said = [True] * right + [False] * false + [None] * unanswered
    alerts = [lived(n * HOUR, right=one) for n, one in enumerate(said)]
    found = health([*alerts, lived(0, FAN, right=False)]).budget
    assert found == BudgetKept(found.accepted, 300 * NS_PER_DAY / MONTH_NS, right + false + unanswered, right, false)
    assert found.accepted == pytest.approx(1.0)
    assert (found.unanswered, found.keeping) == (unanswered, keeping)
    assert found.least == false / found.device_months
    assert found.most == (false + unanswered) / found.device_months


def test_the_budget_speaks_of_what_was_learned_and_not_of_what_was_set() -> None:
    alerts = [lived(HOUR, Subject("plant", "pump-1", None, kind), right=False) for kind in Kind]
    assert health(alerts).budget.false == len(set(Kind) - {Kind.SILENCE, Kind.LIMIT})


@given(st.integers(0, 500), st.floats(0.01, 400.0))
def test_the_chance_falls_with_the_number_and_rises_with_what_is_expected(number: int, expected: float) -> None:
    assert 0.0 <= chance_of(number + 1, expected) <= chance_of(number, expected) + 1e-12 <= 1.0 + 1e-12
    assert chance_of(number, expected) <= chance_of(number, 1.5 * expected) + 1e-12


def test_one_is_too_many_where_none_is_expected() -> None:
    assert (chance_of(0, 0.0), chance_of(1, 0.0)) == (1.0, 0.0)


def test_the_store_knows_what_was_on_and_what_people_said_last(engine: sa.Engine) -> None:
    before = make_alert(device="before", raised_at=START - 2 * HOUR)
    over = make_alert(device="over", raised_at=START - HOUR)
    inside = make_alert(device="inside", raised_at=START)
    held = make_alert(device="held", raised_at=START)
    after = make_alert(device="after", raised_at=END)
    store = keep(
        engine,
        before,
        replace(over, cleared_at=START, state=State.CLEARED),
        inside,
        replace(held, state=State.SUPPRESSED),
        after,
    )
    store.feedback(inside.id, "li", START, Verdict.ANOMALY)
    store.feedback(inside.id, "li", START, Verdict.NOT_ANOMALY)
    store.feedback(inside.id, "li", START, None, "still there")
    store.close(inside.id, "li", START + HOUR)
    assert store.lived(START, END) == (
        Lived(Subject("plant", "before", "vibration", Kind.LIMIT), Severity.HIGH, START - 2 * HOUR, None),
        Lived(
            Subject("plant", "inside", "vibration", Kind.LIMIT),
            Severity.HIGH,
            START,
            START + HOUR,
            False,
        ),
    )
    assert store.first_raised() == START - 2 * HOUR


def test_a_store_without_alerts(engine: sa.Engine) -> None:
    store = AlertStore(engine)
    assert (store.lived(START, END), store.first_raised()) == ((), None)
