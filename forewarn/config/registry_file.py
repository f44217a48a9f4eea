"""Reads the devices of `registry.file` (TOML) into a `Registry`.

[[device]]
site = "plant-1"
device = "pump-1"
class = "pump"
asset = "feed pump 1"
criticality = "high"
[device.metrics.vibration]
unit = "mm/s"
interval_s = 60
basis = "velocity_rms"
[device.machine]
power_kw = 30
speed_rpm = 1480
foundation = "rigid"
bearing = { balls = 9, ball_mm = 7.94, pitch_mm = 39.04 }
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from forewarn.config.toml_file import read_toml
from ingest.errors import InputError
from ingest.machine import machine_from
from ingest.names import name_problem
from ingest.registry import Criticality, Device, Registry, UnitState
from ingest.units import conversion

_TEXT, _NUMBER, _FLAG, _TABLE = "a text", "a number", "true or false", "a table"
_DEVICE_KEYS = {
    "site": _TEXT,
    "device": _TEXT,
    "class": _TEXT,
    "asset": _TEXT,
    "criticality": _TEXT,
    "customer": _TEXT,
    "team": _TEXT,
    "owner": _TEXT,
    "title": _TEXT,
    "retired": _FLAG,
    "metrics": _TABLE,
    "machine": _TABLE,
}
_METRIC_KEYS = {"unit": _TEXT, "interval_s": _NUMBER, "basis": _TEXT}
_FIELDS = {"class": "asset_class"}
DEFAULT_SITE = "default"
LONGEST_INTERVAL_S = 366 * 86_400


@dataclass(frozen=True, slots=True)
class Entry:
    """One device of the file: what is said about it and, by name, about its metrics, as fields of `registry`."""

    site: str
    device: str
    said: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, Any]]


def read_registry(path: Path) -> tuple[Entry, ...]:
    """The devices of a registry file. Raises InputError naming file, entry, key, value and what is allowed."""
    return parse_registry(read_toml(path), str(path))


def parse_registry(document: Mapping[str, Any], source: str) -> tuple[Entry, ...]:
    """The devices of a registry file already read as TOML; InputError as in `read_registry`."""
    unknown = sorted(set(document) - {"device"})
    if unknown:
        raise InputError(f"{source}: unknown key {unknown[0]!r}; a registry file holds [[device]] entries")
    listed = document.get("device", [])
    if not isinstance(listed, list):
        raise InputError(f"{source}: 'device' must be a list of tables, written [[device]]")
    entries = tuple(_entry(item, f"{source}: device {number}") for number, item in enumerate(listed, 1))
    seen: set[tuple[str, str]] = set()
    for number, entry in enumerate(entries, 1):
        key = (entry.site, entry.device)
        if key in seen:
            raise InputError(f"{source}: device {number}: device {key[1]!r} of site {key[0]!r} is listed twice")
        seen.add(key)
    return entries


def fill(registry: Registry, entries: tuple[Entry, ...]) -> None:
    """Put what the file says into `registry`, over what was known before; what it does not say stays."""
    for entry in entries:
        number = registry.find_device(entry.site, entry.device)
        known = Device(entry.site, entry.device) if number is None else registry.device(number)
        registry.put_device(replace(known, first_seen=False, **entry.said))
        for name, said in entry.metrics.items():
            metric = registry.metric(registry.series(entry.site, entry.device, name))
            registry.put_metric(entry.site, entry.device, replace(metric, **said))


def _entry(item: Any, where: str) -> Entry:
    _check(item, _DEVICE_KEYS, where)
    for key, what in (("site", "site"), ("device", "device")):
        problem = name_problem(item.get(key, DEFAULT_SITE if key == "site" else None), what)
        if problem:
            raise InputError(f"{where}: {problem}")
    said = {_FIELDS.get(key, key): value for key, value in item.items() if key not in {"site", "device", "metrics"}}
    if "criticality" in said:
        if said["criticality"] not in list(Criticality):
            raise InputError(f"{where}: criticality = {said['criticality']!r} must be one of {', '.join(Criticality)}")
        said["criticality"] = Criticality(said["criticality"])
    if "machine" in said:
        try:
            said["machine"] = machine_from(said["machine"])
        except ValueError as error:
            raise InputError(f"{where}: machine: {error}") from error
    metrics = item.get("metrics", {})
    described = {name: _metric(name, metrics[name], f"{where}: metric {name!r}") for name in metrics}
    return Entry(item.get("site", DEFAULT_SITE), item["device"], said, described)


def _metric(name: str, item: Any, where: str) -> dict[str, Any]:
    problem = name_problem(name, "metric")
    if problem:
        raise InputError(f"{where}: {problem}")
    _check(item, _METRIC_KEYS, where)
    said = dict(item)
    if "unit" in said:
        if conversion(said["unit"]) is None:
            raise InputError(
                f"{where}: unit = {said['unit']!r} is no unit that is known; allowed are units such as '°C', 'mm/s'"
            )
        said["unit_state"] = UnitState.KNOWN
    if "interval_s" in said:
        if not 0 < said["interval_s"] <= LONGEST_INTERVAL_S:
            raise InputError(
                f"{where}: interval_s = {said['interval_s']!r} must be above 0 and at most {LONGEST_INTERVAL_S}"
            )
        said["interval_s"] = float(said["interval_s"])
    return said


def _check(item: Any, keys: Mapping[str, str], where: str) -> None:
    """Refuse what is no table, and keys and types that are not in `keys`."""
    if not isinstance(item, dict):
        raise InputError(f"{where}: is not a table")
    for key, value in item.items():
        if key not in keys:
            raise InputError(f"{where}: unknown key {key!r}; allowed are {', '.join(keys)}")
        if not _is(keys[key], value):
            raise InputError(f"{where}: {key} = {value!r} must be {keys[key]}")


def _is(wanted: str, value: object) -> bool:
    if isinstance(value, bool):
        return wanted == _FLAG
    types = {_TEXT: str, _NUMBER: (int, float), _TABLE: dict, _FLAG: bool}
    return isinstance(value, types[wanted])  # type: ignore[arg-type]  # a tuple of types or a type
