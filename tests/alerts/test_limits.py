"""Limit rules: what a file may say, which series a rule holds for, and in which unit."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.alert import Severity
from alerts.limits import LimitTable, parse_limits
from ingest.errors import InputError
from ingest.registry import Device, Metric, Registry, UnitState

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
        pytest.param({"limit": [rule(unit="parsnip")]}, "unit = 'parsnip' is no unit that is known", id="unit"),
        pytest.param({"limit": [{"metric": "t"}]}, "needs 'high', 'low' or 'zones'", id="no limit"),
        pytest.param({"limit": [{**ZONES, "zones": "ISO 42"}]}, "zones = 'ISO 42' must be one of", id="no such zones"),
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
    restricted, damage = limits.of(number)
    assert (restricted.high, restricted.severity) == (2.8, Severity.MEDIUM)
    assert (damage.high, damage.severity) == (4.5, Severity.CRITICAL)
    assert damage.label == "ISO 10816-3 group 2 rigid: zone C/D"


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
    assert len(limits.of(number)) == 2
