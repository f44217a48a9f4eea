"""Which limit rules hold for which series, as arrays for a quick look and as lists for a close one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from alerts.alert import Severity
from ingest.errors import InputError
from ingest.machine import UNKNOWN, Machine
from ingest.reading import NS_PER_SECOND, FloatArray, IntArray
from ingest.registry import Registry
from ingest.rows import StateTable
from ingest.units import conversion, same_unit
from models.detectors.limits import (
    STANDARDS,
    ZONE_BASIS,
    ZONE_UNIT,
    Boundary,
    LimitRule,
    alarm_setting,
    zone_tables,
    zones_for,
)

HYSTERESIS_SHARE = 0.01
"""Default dead band: 1 % of the limit, the usual starting point for a temperature (EEMUA 191)."""
OFF_DELAY_S = 60.0
"""Default time a value must be back before the alarm ends, so that it does not flap."""
LONGEST_DELAY_S = 366 * 86_400
MOST = 1.7e308
"""Just below the largest double, so that a limit with its dead band is one too."""
_KEYS = {
    "site": str,
    "device": str,
    "class": str,
    "metric": str,
    "unit": str,
    "high": float,
    "low": float,
    "zones": str,
    "alarm": bool,
    "severity": str,
    "hysteresis": float,
    "on_delay_s": float,
    "off_delay_s": float,
}
_NOT_NEGATIVE = frozenset({"hysteresis", "on_delay_s", "off_delay_s"})
_WANTED: Mapping[type, str] = {str: "a text", bool: "true or false"}
_ZONE_SEVERITY = {
    Boundary.ALARM: Severity.MEDIUM,
    Boundary.B_C: Severity.MEDIUM,
    Boundary.C_D: Severity.CRITICAL,
}
"""Above B/C a machine is for restricted operation only, above C/D damage is to be expected; ALARM is a warning that it
has changed (ISO 20816-1)."""


def parse_limits(document: Mapping[str, Any], source: str) -> tuple[LimitRule, ...]:
    """Rules of a limits file, already read as TOML. Raises InputError naming file, entry, key and what is allowed."""
    unknown = set(document) - {"limit"}
    if unknown:
        raise InputError(f"{source}: unknown key {min(unknown)!r}; a limits file holds [[limit]] entries")
    entries = document.get("limit", [])
    if not isinstance(entries, list):
        raise InputError(f"{source}: 'limit' must be a list of tables, written [[limit]]")
    return tuple(rule for n, entry in enumerate(entries, 1) for rule in _rules(entry, f"{source}: limit {n}"))


def _rules(entry: Any, where: str) -> list[LimitRule]:
    _check(entry, where)
    if "zones" in entry:
        return _zone_rules(entry, where)
    if "high" not in entry and "low" not in entry:
        raise InputError(f"{where}: needs 'high', 'low' or 'zones'")
    severity = Severity(entry.get("severity", Severity.HIGH))
    return [_rule(entry, severity, entry[side], side) for side in ("high", "low") if side in entry]


def _check(entry: Any, where: str) -> None:
    """Refuse what no limit can mean."""
    if not isinstance(entry, dict):
        raise InputError(f"{where}: is not a table")
    for key, value in entry.items():
        _check_type(key, value, where)
    if "metric" not in entry:
        raise InputError(f"{where}: 'metric' is missing")
    severity = entry.get("severity", Severity.HIGH)
    if severity not in list(Severity):
        raise InputError(f"{where}: severity = {severity!r} must be one of {', '.join(Severity)}")
    if "unit" in entry and conversion(entry["unit"]) is None:
        raise InputError(
            f"{where}: unit = {entry['unit']!r} is no unit that is known; allowed are such as '°C', 'mm/s'"
        )
    if "high" in entry and "low" in entry and entry["low"] >= entry["high"]:
        raise InputError(f"{where}: low = {entry['low']!r} must be below high = {entry['high']!r}")
    if "high" in entry and "low" in entry and entry.get("hysteresis", 0) >= entry["high"] - entry["low"]:
        raise InputError(
            f"{where}: hysteresis = {entry['hysteresis']!r} must be below high - low, or nothing is inside"
        )


def _check_type(key: str, value: object, where: str) -> None:
    """Refuse an unknown key, and a value of another kind than its key has."""
    wanted = _KEYS.get(key)
    if wanted is None:
        raise InputError(f"{where}: unknown key {key!r}; allowed are {', '.join(_KEYS)}")
    if wanted in _WANTED:
        if not isinstance(value, wanted):
            raise InputError(f"{where}: {key} = {value!r} must be {_WANTED[wanted]}")
        return
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InputError(f"{where}: {key} = {value!r} must be a number")
    if not abs(value) <= MOST:  # nor NaN
        raise InputError(f"{where}: {key} = {value!r} must be a finite number")
    if key in _NOT_NEGATIVE and value < 0:
        raise InputError(f"{where}: {key} = {value!r} must not be negative")
    if key.endswith("_delay_s") and value > LONGEST_DELAY_S:
        raise InputError(f"{where}: {key} = {value!r} must be at most {LONGEST_DELAY_S}")


def _zone_rules(entry: Mapping[str, Any], where: str) -> list[LimitRule]:
    name = entry["zones"]
    if name not in zone_tables() and name not in STANDARDS:
        raise InputError(f"{where}: zones = {name!r} must be one of {', '.join([*STANDARDS, *zone_tables()])}")
    if "high" in entry or "low" in entry:
        raise InputError(f"{where}: 'zones' brings its own limits; leave out 'high' and 'low'")
    boundaries = [one for one in _ZONE_SEVERITY if one is not Boundary.ALARM or entry.get("alarm", True)]
    return [_zone_rule(entry, boundary) for boundary in boundaries]


def _zone_rule(entry: Mapping[str, Any], boundary: Boundary) -> LimitRule:
    """A limit of zones; which one it is stands fast where a table was named, otherwise the machine will tell."""
    rule = _rule({**entry, "unit": ZONE_UNIT}, _ZONE_SEVERITY[boundary], math.inf, "high")
    rule = replace(rule, zones=entry["zones"], boundary=boundary, hysteresis=float(entry.get("hysteresis", -1.0)))
    return _of_zones(rule, UNKNOWN) or rule


def _of_zones(rule: LimitRule, machine: Machine) -> LimitRule | None:
    """The rule with its limit for a machine; None where its zones are not for that machine."""
    zones = zones_for(rule.zones or "", machine)
    if zones is None:
        return None
    limit = zones.limit(rule.boundary)
    share = f"{alarm_setting().share:.0%}"
    en, zh = f"zone {rule.boundary}", f"区域边界 {rule.boundary}"
    if rule.boundary is Boundary.ALARM:
        en, zh = f"ALARM, own baseline + {share} of B/C", f"报警值，自身基线 + B/C 的 {share}"
    hysteresis = HYSTERESIS_SHARE * limit if rule.hysteresis < 0 else rule.hysteresis
    en, zh = f"{zones.name}: {en}", f"{zones.name_zh}：{zh}"
    return replace(rule, high=limit, label=en, label_zh=zh, hysteresis=hysteresis)


def _rule(entry: Mapping[str, Any], severity: Severity, limit: float, side: str) -> LimitRule:
    return LimitRule(
        metric=entry["metric"],
        severity=severity,
        high=float(limit) if side == "high" else None,
        low=float(limit) if side == "low" else None,
        unit=entry.get("unit"),
        hysteresis=float(entry.get("hysteresis", HYSTERESIS_SHARE * abs(limit))),
        on_delay_ns=int(entry.get("on_delay_s", 0.0) * NS_PER_SECOND),
        off_delay_ns=int(entry.get("off_delay_s", OFF_DELAY_S) * NS_PER_SECOND),
        site=entry.get("site", "*"),
        device=entry.get("device", "*"),
        asset_class=entry.get("class"),
    )


def with_alarm(rule: LimitRule, alarm: float) -> LimitRule:
    """The rule with the ALARM that is set for its machine, infinite while none is; any other rule as it is."""
    return replace(rule, high=alarm) if rule.boundary is Boundary.ALARM else rule


class LimitTable:
    """The rules that hold for each series of a registry, in the series' own unit; follows changes of the registry."""

    def __init__(self, registry: Registry, rules: Sequence[LimitRule] = ()) -> None:
        self.rules = tuple(rules)
        self._registry = registry
        self._version = -1
        self._of: dict[int, tuple[LimitRule, ...]] = {}
        self._sides: dict[int, tuple[Sequence[float], Sequence[float]]] = {}
        self._limited = np.zeros(0, np.int32)
        self._bounds = StateTable(
            {"low": (np.float64, (), -np.inf), "high": (np.float64, (), np.inf), "limited": (np.bool_, (), False)}
        )

    def of(self, series: int) -> tuple[LimitRule, ...]:
        """The rules for that series."""
        self._follow()
        return self._of[series]

    def sides(self, series: int) -> tuple[Sequence[float], Sequence[float]]:
        """The series' upper and lower limits, those of zones included."""
        self._follow()
        return self._sides[series]

    def limited(self) -> IntArray:
        """Numbers of the series that have a limit."""
        self._follow()
        return self._limited

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """(lowest, highest) value of every series that breaks no rule, by series number."""
        self._follow()
        return self._bounds["low"], self._bounds["high"]

    def _follow(self) -> None:
        version = self._registry.version
        if self._version == version:
            return
        changed = self._registry.changed_since(self._version).tolist()
        self._bounds.resize(max(changed, default=-1) + 1)
        for number in changed:
            self._take(number)
        self._limited = np.flatnonzero(self._bounds["limited"]).astype(np.int32)
        self._version = version

    def _take(self, series: int) -> None:
        rules = self._resolve(series)
        high, low = _sides(rules)
        self._of[series], self._sides[series] = rules, (high, low)
        self._bounds["low"][series] = max(low, default=-np.inf)
        self._bounds["high"][series] = min(high, default=np.inf)
        self._bounds["limited"][series] = bool(high or low)

    def _resolve(self, series: int) -> tuple[LimitRule, ...]:
        metric = self._registry.metric(series)
        device = self._registry.device(int(self._registry.series_device[series]))
        found = [rule for rule in self.rules if rule.matches(device, metric)]
        made = [rule if rule.zones is None else _of_zones(rule, device.machine) for rule in found]
        known = [rule for rule in made if rule is not None]
        return tuple(rule for one in known if (rule := _in_unit(one, metric.unit, metric.basis)) is not None)


def _sides(rules: Sequence[LimitRule]) -> tuple[Sequence[float], Sequence[float]]:
    """Upper and lower limits; ALARM is none, for it moves with the machine."""
    fixed = [rule for rule in rules if rule.boundary is not Boundary.ALARM]
    return sorted({r.high for r in fixed if r.high is not None}), sorted({r.low for r in fixed if r.low is not None})


def _in_unit(rule: LimitRule, unit: str | None, basis: str | None) -> LimitRule | None:
    """The rule in the series' unit; None where it cannot be compared: no verdict without its basis."""
    if rule.zones is not None and basis != ZONE_BASIS:
        return None
    if rule.unit is None:
        return rule
    if unit is None:
        return None
    if same_unit(rule.unit, unit):
        return rule
    change = conversion(rule.unit, unit)
    if change is None:
        return None
    return replace(
        rule,
        unit=unit,
        high=None if rule.high is None else rule.high * change.scale + change.offset,
        low=None if rule.low is None else rule.low * change.scale + change.offset,
        hysteresis=rule.hysteresis * abs(change.scale),
    )
