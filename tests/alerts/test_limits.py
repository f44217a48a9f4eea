"""Limit rules: what a file may say, which series a rule holds for, and in which unit."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.alert import Severity
from alerts.limits import LimitTable, parse_limits
from ingest.errors import InputError
from ingest.machine import Foundation, Machine
from ingest.registry import Device, Metric, Registry, UnitState
from models.detectors.limits import Boundary

ZONES = {"metric": "vibration", "zones": "ISO 10816-3 group 2 rigid"}


def rule(**entry: Any) -> Any:
    return {"metric": "t", "high": 80, **entry}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        pytest.param({"limits": []}, "unknown key 'limits'", id="wrong table"),
        pytest.param({"limit": {}}, "must be a list of tables", id="one bracket"),
        pytest.param({"limit": ["x"]}, "limit 1: is not a table", id="a text"),
        pytest.param({"limit": [rule(), {"high": 1}]}, "limit 2: 'metric' is missing", id="which entry"),
        pytest.param({"limit": [rule(hihg=3)]}, "unknown key 'hihg'; allowed are", id="a typing error"),
        pytest.param({"limit": [rule(high="80")]}, "high = '80' must be a number", id="a number as text"),
        pytest.param({"limit": [rule(high=True)]}, "high = True must be a number", id="a boolean"),
        pytest.param({"limit": [rule(severity="urgent")]}, "severity = 'urgent' must be one of low", id="severity"),
        pytest.param({"limit": [rule(on_delay_s=-1)]}, "on_delay_s = -1 must not be negative", id="negative"),
        pytest.param({"limit": [rule(on_delay_s=1e300)]}, "on_delay_s = 1e[+]300 must be at most 31622400", id="ages"),
        pytest.param({"limit": [rule(high=float("nan"))]}, "high = nan must be a finite number", id="NaN"),
        pytest.param({"limit": [rule(high=float("-inf"))]}, "high = -inf must be a finite number", id="infinite"),
        pytest.param({"limit": [rule(low=10**400)]}, "low = 10+ must be a finite number", id="beyond a double"),
        pytest.param({"limit": [rule(low=80)]}, "low = 80 must be below high = 80", id="nothing in between"),
        pytest.param({"limit": [rule(low=70, hysteresis=10)]}, "hysteresis = 10 must be below", id="nothing inside"),
        pytest.param({"limit": [rule(unit="parsnip")]}, "unit = 'parsnip' is no unit that is known", id="unit"),
        pytest.param({"limit": [{"metric": "t"}]}, "needs 'high', 'low' or 'zones'", id="no limit"),
        pytest.param({"limit": [{**ZONES, "zones": "ISO 42"}]}, "zones = 'ISO 42' must be one of", id="no such zones"),
        pytest.param({"limit": [{**ZONES, "alarm": "yes"}]}, "alarm = 'yes' must be true or false", id="no flag"),
        pytest.param({"limit": [{**ZONES, "high": 3}]}, "'zones' brings its own limits", id="zones and limit"),
    ],
)
def test_a_bad_file_is_refused_naming_what_is_wrong(document: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_limits(document, "limits.toml")


def table(entry: dict[str, Any], unit: str | None, basis: str | None = None, **device: Any) -> tuple[LimitTable, int]:
    registry = Registry()
    registry.put_device(Device("plant", "pump-1", **device))
    state = UnitState.KNOWN if unit else UnitState.MISSING
    number = registry.put_metric("plant", "pump-1", Metric(entry["metric"], unit, state, basis=basis))
    return LimitTable(registry, parse_limits({"limit": [entry]}, "limits.toml")), number


@pytest.mark.parametrize(
    ("entry", "holds"),
    [
        pytest.param(rule(), True, id="everywhere"),
        pytest.param(rule(device="pump-*"), True, id="a pattern"),
        pytest.param(rule(device="fan-*"), False, id="another device"),
        pytest.param(rule(site="Plant"), False, id="names are exact"),
        pytest.param({**rule(), "class": "pump"}, True, id="asset class"),
        pytest.param({**rule(), "class": "fan"}, False, id="another asset class"),
    ],
)
def test_which_series_a_rule_holds_for(entry: dict[str, Any], holds: bool) -> None:
    limits, number = table(entry, None, asset_class="pump")
    assert bool(limits.of(number)) is holds


def test_a_limit_in_another_unit_is_converted() -> None:
    limits, number = table(rule(unit="°F", high=212, hysteresis=9), "°C")
    (found,) = limits.of(number)
    assert found.high == pytest.approx(100)
    assert found.hysteresis == pytest.approx(5)


@pytest.mark.parametrize("unit", [None, "mm/s"])
def test_a_limit_with_a_unit_says_nothing_about_a_series_without_it(unit: str | None) -> None:
    limits, number = table(rule(unit="°C"), unit)
    assert limits.of(number) == ()


def test_vibration_zones_come_from_the_table_with_their_label() -> None:
    limits, number = table(ZONES, "mm/s", "velocity_rms")
    alarm, restricted, damage = limits.of(number)
    assert (alarm.boundary, alarm.severity) == (Boundary.ALARM, Severity.MEDIUM)
    assert alarm.label == "ISO 10816-3 group 2 rigid: ALARM, own baseline + 25% of B/C"
    assert (restricted.high, restricted.severity) == (2.8, Severity.MEDIUM)
    assert (damage.high, damage.severity) == (4.5, Severity.CRITICAL)
    assert (damage.label, damage.label_zh) == (
        "ISO 10816-3 group 2 rigid: zone C/D",
        "ISO 10816-3 第 2 组 刚性支承：区域边界 C/D",
    )
    assert alarm.label_zh == "ISO 10816-3 第 2 组 刚性支承：报警值，自身基线 + B/C 的 25%"


@pytest.mark.parametrize(
    ("unit", "basis"),
    [
        pytest.param("mm/s", None, id="nobody said what the number is"),
        pytest.param("mm/s", "peak_velocity", id="not an RMS"),
        pytest.param(None, "velocity_rms", id="no unit"),
        pytest.param("m/s²", "velocity_rms", id="not a velocity"),
    ],
)
def test_no_zone_without_its_basis(unit: str | None, basis: str | None) -> None:
    limits, number = table(ZONES, unit, basis)
    assert limits.of(number) == ()


def test_a_rule_follows_what_becomes_known_later() -> None:
    registry = Registry()
    number = registry.series("plant", "pump-1", "vibration")
    limits = LimitTable(registry, parse_limits({"limit": [ZONES]}, "limits.toml"))
    assert limits.of(number) == ()
    registry.put_metric("plant", "pump-1", Metric("vibration", "mm/s", UnitState.KNOWN, basis="velocity_rms"))
    assert len(limits.of(number)) == 3


def test_alarm_can_be_left_out_and_is_no_limit_that_stands_fast() -> None:
    limits, number = table({**ZONES, "alarm": False}, "mm/s", "velocity_rms")
    assert [rule.boundary for rule in limits.of(number)] == [Boundary.B_C, Boundary.C_D]
    limits, number = table(ZONES, "mm/s", "velocity_rms")
    assert limits.sides(number) == ([2.8, 4.5], [])
    assert limits.bounds()[1][number] == 2.8


STANDARD = {"metric": "vibration", "zones": "ISO 10816-3"}
RIGID, FLEXIBLE = Foundation.RIGID, Foundation.FLEXIBLE


@pytest.mark.parametrize(
    ("machine", "limits_mms"),
    [
        pytest.param(Machine(500.0, foundation=RIGID), [4.5, 7.1], id="group 1, rigid"),
        pytest.param(Machine(500.0, foundation=FLEXIBLE), [7.1, 11.0], id="group 1, flexible"),
        pytest.param(Machine(300.0, foundation=RIGID), [2.8, 4.5], id="300 kW are group 2"),
        pytest.param(Machine(301.0, foundation=RIGID), [4.5, 7.1], id="more than 300 kW are group 1"),
        pytest.param(Machine(30.0, foundation=FLEXIBLE), [4.5, 7.1], id="group 2, flexible"),
        pytest.param(Machine(15.0, foundation=RIGID), [2.8, 4.5], id="from 15 kW on"),
        pytest.param(Machine(14.9, foundation=RIGID), [], id="below 15 kW there is no zone"),
        pytest.param(Machine(30.0), [], id="nobody said how it is supported"),
        pytest.param(Machine(foundation=RIGID), [], id="nobody said how large it is"),
    ],
)
def test_a_standard_is_applied_by_power_and_support(machine: Machine, limits_mms: list[float]) -> None:
    limits, number = table(STANDARD, "mm/s", "velocity_rms", machine=machine)
    assert list(limits.sides(number)[0]) == limits_mms
    assert (limits.of(number) != ()) is bool(limits_mms)


@pytest.mark.parametrize(
    ("machine", "holds"),
    [
        pytest.param(Machine(), True, id="nothing is known: as the file says"),
        pytest.param(Machine(30.0, foundation=RIGID), True, id="such a machine"),
        pytest.param(Machine(7.5), False, id="too small"),
        pytest.param(Machine(400.0), False, id="too large"),
        pytest.param(Machine(30.0, foundation=FLEXIBLE), False, id="on another support"),
    ],
)
def test_a_table_is_not_applied_to_a_machine_that_it_is_not_for(machine: Machine, holds: bool) -> None:
    limits, number = table(ZONES, "mm/s", "velocity_rms", machine=machine)
    assert bool(limits.of(number)) is holds


def test_a_zone_in_another_velocity_unit_is_converted_with_its_dead_band() -> None:
    limits, number = table(STANDARD, "m/s", "velocity_rms", machine=Machine(30.0, foundation=RIGID))
    restricted = limits.of(number)[1]
    assert restricted.high == pytest.approx(0.0028)
    assert restricted.hysteresis == pytest.approx(0.000028)


def test_the_registry_can_tell_later_what_kind_of_machine_it_is() -> None:
    registry = Registry()
    number = registry.put_metric("p", "d", Metric("vibration", "mm/s", UnitState.KNOWN, basis="velocity_rms"))
    limits = LimitTable(registry, parse_limits({"limit": [STANDARD]}, "limits.toml"))
    assert limits.of(number) == ()
    registry.put_device(Device("p", "d", machine=Machine(30.0, foundation=RIGID)))
    assert len(limits.of(number)) == 3
