"""Forecasts through the engine: when they open, what they say, when they are over; any cutting, any restart."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.alert import Alert, AlertEvent, Escalated, Kind, Opened, Returned, Revised, Severity, apply
from forewarn.engine import Engine, EngineConfig
from ingest.reading import NS_PER_SECOND, FloatArray, Quality, ReadingBatch
from ingest.registry import Criticality, Device, Metric, Registry, UnitState
from models.detectors.limits import LimitRule

HOUR = 3600 * NS_PER_SECOND
DAY = 24 * HOUR
START = 20_000 * DAY
LIMITS = (
    LimitRule("vibration", "medium", high=7.0, unit="mm/s", label="zone B/C"),
    LimitRule("vibration", "critical", high=10.0, unit="mm/s", label="zone C/D"),
    LimitRule("level", "high", low=1.0),
)
DAYS = 70


def rising(
    days: int = DAYS, begins: float = 25.0, per_day: float = 0.2, seed: int = 0, base: float = 2.0
) -> FloatArray:
    """A level by the hour that stays, and from a day on rises, with a rhythm of the day."""
    at = np.arange(24 * days) / 24
    noise = 0.1 * np.random.default_rng(seed).normal(size=len(at))
    return np.asarray(base + per_day * np.maximum(at - begins, 0.0) + 0.3 * np.sin(2 * np.pi * at) + noise)


def site(*values: FloatArray, metric: str = "vibration", **device: object) -> tuple[Registry, ReadingBatch]:
    registry = Registry()
    numbers = []
    for n in range(len(values)):
        registry.put_device(Device("plant", f"pump-{n}", **device))  # type: ignore[arg-type]
        unit = "mm/s" if metric == "vibration" else None
        state = UnitState.KNOWN if unit else UnitState.MISSING
        numbers.append(registry.put_metric("plant", f"pump-{n}", Metric(metric, unit, state, basis="velocity_rms")))
    table = np.array(values)
    times = START + HOUR * np.arange(table.shape[1])
    series = np.tile(np.array(numbers, np.int32), table.shape[1])
    return registry, ReadingBatch.of(series, np.repeat(times, len(values)), table.T.reshape(-1), int(Quality.RECORDED))


def run(registry: Registry, batch: ReadingBatch, cuts: Iterable[int] = ()) -> list[AlertEvent]:
    engine = Engine(registry, EngineConfig(limits=LIMITS))
    events: list[AlertEvent] = []
    for a, b in itertools.pairwise([0, *sorted(cuts), len(batch)]):
        events += engine.process(batch[a:b]).events
    return events


def fold(events: Sequence[AlertEvent]) -> dict[str, Alert]:
    alerts: dict[str, Alert] = {}
    for event in events:
        if isinstance(event, Opened):
            alerts[event.alert.id] = event.alert
        else:
            alerts[event.alert_id] = apply(alerts[event.alert_id], event)
    return alerts


def forecasts(events: Sequence[AlertEvent]) -> list[Alert]:
    return [alert for alert in fold(events).values() if alert.kind is Kind.FORECAST]


def worsened(events: Sequence[AlertEvent]) -> Escalated:
    """The first time that a forecast became more severe."""
    ours = {alert.id for alert in forecasts(events)}
    return next(event for event in events if isinstance(event, Escalated) and event.alert_id in ours)


def day(at: int) -> float:
    return (at - START) / DAY


def test_wear_is_foretold_with_an_interval_that_holds_and_over_when_it_has_come_true() -> None:
    events = run(*site(rising()))
    alert = forecasts(events)[-1]
    opened = next(event.alert for event in events if isinstance(event, Opened) and event.alert.id == alert.id)
    crosses = 25 + (10.0 - 2.3) / 0.2  # of zone C/D, the rhythm at its highest included
    assert (alert.device, alert.metric) == ("pump-0", "vibration")
    assert opened.severity is Severity.MEDIUM
    assert crosses - day(opened.raised_at) > 10
    assert day(opened.onset_at) == pytest.approx(25, abs=6)
    told = [event for event in events if isinstance(event, Revised | Escalated) and event.alert_id == alert.id]
    held = [
        day(int(event.evidence["earliest_at"] or 0)) <= crosses <= day(int(event.evidence["latest_at"] or 0))
        for event in told
        if event.evidence["limit"] == 10.0
    ]
    assert len(held) > 8
    assert np.mean(held) > 0.7
    assert alert.severity is Severity.HIGH
    assert alert.cleared_at is not None
    assert crosses - 1 < day(alert.cleared_at) < crosses + 5


def test_it_is_told_anew_at_most_once_a_day() -> None:
    events = run(*site(rising()))
    told = [event.at for event in events if isinstance(event, Revised)]
    assert len(told) > 10
    assert min(np.diff(told)) >= DAY


def test_what_it_says() -> None:
    events = run(*site(rising()))
    escalated = worsened(events)
    facts = escalated.evidence
    assert facts["side"] == "high"
    assert facts["label"] == "zone C/D"
    assert facts["unit"] == "mm/s"
    assert facts["per_day"] == pytest.approx(0.2, rel=0.3)
    assert facts["confidence"] == 0.8
    assert int(facts["earliest_at"] or 0) - escalated.at <= 7 * DAY
    assert re.fullmatch(
        r"vibration [\d.]+ mm/s is rising by 0\.[\d]+ mm/s a day for \d+(\.\d)? d and will cross 10 mm/s "
        r"\(zone C/D\) in \d+(\.\d)? to \d+(\.\d)? d, at the earliest 2024-1\d-\d\d \d\d:\d\d UTC",
        escalated.explanation.en,
    )
    assert re.search(
        r"已持续上升 [\d.]+ 天，每天约 0\.\d+ mm/s，预计 [\d.]+ 至 [\d.]+ 天后超过 10 mm/s", escalated.explanation.zh
    )


def test_the_limit_that_matters_more_is_told_of() -> None:
    """Above 7 is medium, above 10 critical: as long as both are far off the sooner one, then the one that pages."""
    events = run(*site(rising()))
    opened = next(event.alert for event in events if isinstance(event, Opened) and event.alert.kind is Kind.FORECAST)
    assert opened.evidence["limit"] == 7.0
    assert worsened(events).evidence["limit"] == 10.0


@pytest.mark.parametrize(
    ("criticality", "worst"),
    [(Criticality.LOW, Severity.MEDIUM), (Criticality.MEDIUM, Severity.HIGH), (Criticality.HIGH, Severity.HIGH)],
)
def test_how_much_depends_on_the_device_counts(criticality: Criticality, worst: Severity) -> None:
    alerts = forecasts(run(*site(rising(), criticality=criticality)))
    assert max(alerts, key=lambda one: one.severity.rank).severity is worst


def test_a_limit_that_is_medium_is_never_foretold_as_more() -> None:
    registry, batch = site(rising(days=48))
    assert {alert.severity for alert in forecasts(run(registry, batch))} == {Severity.MEDIUM}


def test_a_level_that_falls_is_foretold_to_cross_a_lower_limit() -> None:
    alert = forecasts(run(*site(12.0 - rising(), metric="level")))[-1]
    assert alert.evidence["side"] == "low"
    assert float(alert.evidence["per_day"] or 0) < 0
    assert "is falling by" in alert.explanation.en
    assert "低于 1" in alert.explanation.zh


def test_wear_that_stops_is_over() -> None:
    values = rising()
    values[24 * 45 :] = values[24 * 44 : 24 * 45].mean() + 0.1 * np.random.default_rng(1).normal(size=24 * 25)
    [*_, alert] = forecasts(run(*site(values)))
    assert alert.cleared_at is not None
    assert day(alert.cleared_at) < 64


NORMAL = {
    "stays": rising(per_day=0.0),
    "a rhythm of the day": 4.0 + 2.5 * np.sin(2 * np.pi * np.arange(24 * DAYS) / 24),
    "stands still at night": np.where(np.arange(24 * DAYS) % 24 < 8, 0.1, rising(per_day=0.0) + 2.0),
    "stands still at weekends": np.where(np.arange(24 * DAYS) // 24 % 7 > 4, 0.1, rising(per_day=0.0) + 2.0),
    "another load": rising(per_day=0.0) + 3.0 * (np.arange(24 * DAYS) > 24 * 40),
    "a spike": rising(per_day=0.0) + 60.0 * (np.arange(24 * DAYS) == 24 * 40),
}


@pytest.mark.parametrize("values", NORMAL.values(), ids=NORMAL.keys())
def test_nothing_is_foretold_of_what_goes_nowhere(values: FloatArray) -> None:
    assert forecasts(run(*site(values, *(values + 0.05 * k for k in range(1, 4))))) == []


def test_what_is_larger_than_any_quantity_is_no_level() -> None:
    assert forecasts(run(*site(1e98 * (12.0 - rising()), metric="level"))) == []


def test_no_forecast_without_a_limit() -> None:
    assert forecasts(run(*site(rising(), metric="temperature"))) == []


SITE = site(rising(seed=1), rising(per_day=0.3, seed=2), rising(per_day=0.0, seed=3), rising(begins=40, per_day=0.4))


@pytest.fixture(scope="module")
def whole() -> list[AlertEvent]:
    """What the engine says about SITE in one go."""
    return run(*SITE)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 4 * 24 * DAYS - 1), max_size=60, unique=True))
def test_forecasts_do_not_depend_on_how_input_is_cut(whole: list[AlertEvent], cuts: list[int]) -> None:
    assert list(fold(run(*SITE, cuts)).values()) == list(fold(whole).values())


def test_a_cut_at_every_reading_changes_nothing() -> None:
    registry, batch = site(rising(days=40, begins=15, per_day=0.3))
    assert fold(run(registry, batch, range(1, len(batch)))) == fold(run(registry, batch))


@pytest.mark.parametrize("at", [24 * 30, 24 * 48 + 5, 24 * 60])
def test_a_restored_engine_goes_on_with_its_forecasts(whole: list[AlertEvent], at: int) -> None:
    registry, batch = SITE
    first = Engine(registry, EngineConfig(limits=LIMITS))
    before = first.process(batch[: 4 * at]).events
    other = Registry()
    for number in reversed(range(registry.n_series)):
        other.put_device(registry.device(int(registry.series_device[number])))
        other.put_metric(*registry.key(number)[:2], registry.metric(number))
    numbers = np.array([other.series(*registry.key(n)) for n in range(registry.n_series)], np.int32)
    second = Engine(other, EngineConfig(limits=LIMITS))
    second.restore(first.save())
    rest = batch[4 * at :]
    after = second.process(ReadingBatch(numbers[rest.series], rest.time, rest.value, rest.quality)).events
    assert fold([*before, *after]) == fold(whole)


def test_after_readings_that_were_to_teach_an_open_forecast_is_opened_anew() -> None:
    registry, batch = site(rising())
    engine = Engine(registry, EngineConfig(limits=LIMITS))
    first = engine.process(batch[: 24 * 50]).events
    assert forecasts(first)
    engine.forget_alerts()
    again = engine.process(batch[24 * 50 : 24 * 52]).events
    assert Kind.FORECAST in [event.alert.kind for event in again if isinstance(event, Opened)]
    assert not {event.alert_id for event in again if isinstance(event, Returned)} & set(fold(first))


def test_a_forecast_about_a_limit_that_was_taken_away_is_over() -> None:
    registry, batch = site(rising())
    before, after = Engine(registry, EngineConfig(limits=LIMITS)), Engine(registry)
    told = forecasts(before.process(batch[: 24 * 50]).events)
    (standing,) = {alert.id for alert in told} & before.open_alerts
    after.restore(before.save())
    events = after.process(batch[24 * 50 : 24 * 54]).events
    assert standing in [event.alert_id for event in events if isinstance(event, Returned)]
    assert not after.open_alerts & {standing}
