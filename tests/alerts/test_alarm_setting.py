"""The ALARM of vibration: from each machine's own baseline, not before it has run in, whatever the batches are."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from alerts.alarm_setting import settled_level
from alerts.alert import Alert, AlertEvent, Kind, Opened, Severity, apply
from alerts.limits import parse_limits
from forewarn.engine import Engine, EngineConfig
from ingest.machine import Foundation, Machine
from ingest.reading import NS_PER_SECOND, FloatArray, Quality, ReadingBatch
from ingest.registry import Device, Metric, Registry, UnitState

HOUR = 3600 * NS_PER_SECOND
DAY = 24 * HOUR
START = 20_000 * DAY
MACHINE = Machine(30.0, 1480.0, Foundation.RIGID)
CONFIG = EngineConfig(limits=parse_limits({"limit": [{"metric": "vibration", "zones": "ISO 10816-3"}]}, "limits.toml"))
"""B/C is 2.8 mm/s: ALARM is 0.7 above the baseline, at most 3.5."""


def levels(*parts: tuple[float, int], noise: float = 0.03, night: float | None = None) -> FloatArray:
    """(level, days) one after the other, by the hour; `night`: what is measured from 22 to 6 h."""
    whole = np.repeat([level for level, _ in parts], [24 * days for _, days in parts])
    whole = whole + noise * np.random.default_rng(3).normal(size=len(whole))
    hour = np.arange(len(whole)) % 24
    return whole if night is None else np.where((hour >= 22) | (hour < 6), night, whole)


def site(values: FloatArray, machine: Machine = MACHINE, **of_metric: Any) -> tuple[Registry, ReadingBatch]:
    registry = Registry()
    registry.put_device(Device("plant", "pump-1", machine=machine))
    metric = Metric("vibration", "mm/s", UnitState.KNOWN, basis="velocity_rms")
    number = registry.put_metric("plant", "pump-1", metric)
    times = START + HOUR * np.arange(len(values))
    return registry, ReadingBatch.of([number] * len(values), times, values, int(Quality.RECORDED))


def limit_alerts(registry: Registry, batch: ReadingBatch, cuts: Iterable[int] = ()) -> list[Alert]:
    engine = Engine(registry, CONFIG)
    events: list[AlertEvent] = []
    for a, b in itertools.pairwise([0, *sorted(cuts), len(batch)]):
        events += engine.process(batch[a:b]).events
    return fold(events)


def fold(events: Sequence[AlertEvent]) -> list[Alert]:
    alerts: dict[str, Alert] = {}
    for event in events:
        if isinstance(event, Opened):
            alerts[event.alert.id] = event.alert
        else:
            alerts[event.alert_id] = apply(alerts[event.alert_id], event)
    return [alert for alert in alerts.values() if alert.kind is Kind.LIMIT]


def day(at: int) -> float:
    return (at - START) / DAY


def test_a_machine_that_leaves_its_baseline_by_a_quarter_of_b_c_is_told_of_below_b_c() -> None:
    [alert] = limit_alerts(*site(levels((0.8, 14), (1.4, 5), (1.75, 5))))
    assert 19 <= day(alert.raised_at) < 19.5
    assert alert.severity is Severity.MEDIUM
    assert alert.evidence["limit"] == pytest.approx(0.8 + 0.7, abs=0.05)
    assert "ALARM, own baseline + 25% of B/C" in alert.explanation.en


def test_the_alarm_of_a_rough_machine_is_capped() -> None:
    [alert] = limit_alerts(*site(levels((3.2, 14), (3.6, 2))))
    assert alert.evidence["label"] == "ISO 10816-3 group 2 rigid: zone B/C", "it was in zone C all the time"
    first = limit_alerts(*site(levels((2.6, 14), (2.75, 2), noise=0.0)))
    assert first == [], "2.6 + 0.7 is above B/C: that comes first"


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(levels((0.8, 5), (1.7, 20)), id="it rose before there was a week of it"),
        pytest.param(levels(*[(2.6 - 0.1 * d, 1) for d in range(6)]), id="running in"),
        pytest.param(levels((0.8, 3)), id="three days are not enough"),
    ],
)
def test_no_alarm_before_the_machine_has_run_in(values: FloatArray) -> None:
    assert limit_alerts(*site(values)) == []


def test_run_in_ends_when_the_level_has_settled() -> None:
    falling = [(2.5 - 0.2 * d, 1) for d in range(8)]
    [alert] = limit_alerts(*site(levels(*falling, (0.9, 12), (1.9, 1))))
    assert alert.evidence["limit"] == pytest.approx(0.9 + 0.7, abs=0.1)


def test_nights_and_weekends_at_rest_are_no_baseline() -> None:
    values = levels((1.2, 28), (2.1, 4), night=0.05)
    weekend = np.arange(len(values)) // 24 % 7 > 4
    values = np.where(weekend & (np.arange(len(values)) < 24 * 28), 0.05, values)
    alerts = limit_alerts(*site(values))
    assert {round(float(alert.evidence["limit"] or 0), 1) for alert in alerts} == {1.9}
    assert min(day(alert.raised_at) for alert in alerts) >= 28


def test_after_a_repair_the_lower_level_becomes_the_baseline_and_a_higher_one_never_does() -> None:
    repaired = limit_alerts(*site(levels((2.0, 14), (0.8, 40), (1.7, 2))))
    assert [round(float(alert.evidence["limit"] or 0), 1) for alert in repaired] == [1.5]
    risen = limit_alerts(*site(levels((0.8, 14), (1.3, 60), (1.7, 2))))
    assert [round(float(alert.evidence["limit"] or 0), 1) for alert in risen] == [1.5]


@pytest.mark.parametrize(
    "machine",
    [pytest.param(Machine(11.0, 1480.0, Foundation.RIGID), id="too small"), pytest.param(Machine(30.0), id="unknown")],
)
def test_no_alarm_where_there_is_no_zone(machine: Machine) -> None:
    assert limit_alerts(*site(levels((0.8, 14), (2.6, 5)), machine)) == []


VALUES = levels((0.8, 12), (1.2, 3), (1.8, 3), (1.0, 2), (3.1, 2), (5.0, 1))


@pytest.mark.parametrize("cuts", [range(1, len(VALUES)), [24 * 7, 24 * 7 + 1], [24 * 12 + 5], range(5, len(VALUES), 7)])
def test_the_alarm_does_not_depend_on_how_input_is_cut(cuts: Iterable[int]) -> None:
    assert limit_alerts(*site(VALUES), cuts) == limit_alerts(*site(VALUES))


@pytest.mark.parametrize("at", [24 * 5, 24 * 10, 24 * 16])
def test_a_restored_engine_knows_the_baseline(at: int) -> None:
    registry, batch = site(VALUES)
    first, second = Engine(registry, CONFIG), Engine(registry, CONFIG)
    before = first.process(batch[:at]).events
    second.restore(first.save())
    assert fold([*before, *second.process(batch[at:]).events]) == limit_alerts(registry, batch)


def test_settled_levels() -> None:
    steady, nothing = np.array([1.0, 1.02, 0.98, 1.0, 1.01, 0.99, 1.0]), np.full(7, np.nan)
    assert settled_level(steady, 7) == 1.0
    assert settled_level(np.concatenate([nothing, steady]), 7) == 1.0
    assert settled_level(steady[:6], 7) is None
    assert settled_level(nothing, 7) is None
