"""Reads the devices of `registry.file` (TOML) into a `Registry`.

[[device]]
site = "plant-1"
device = "pump-1"
class = "pump"
criticality = "high"
[device.metrics.vibration]
unit = "mm/s"
interval_s = 60
basis = "velocity_rms"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forewarn.toml_file import read_toml
from ingest.errors import InputError
from ingest.names import name_problem
from ingest.registry import Criticality, Device, Metric, Registry, UnitState
from ingest.units import conversion

_TEXT, _NUMBER, _FLAG, _TABLE = "a text", "a number", "true or false", "a table"
_DEVICE_KEYS = {
    "site": _TEXT,
    "device": _TEXT,
    "class": _TEXT,
    "criticality": _TEXT,
    "customer": _TEXT,
    "team": _TEXT,
    "owner": _TEXT,
    "title": _TEXT,
    "retired": _FLAG,
    "metrics": _TABLE,
}
_METRIC_KEYS = {"unit": _TEXT, "interval_s": _NUMBER, "basis": _TEXT}
DEFAULT_SITE = "default"
LONGEST_INTERVAL_S = 366 * 86_400


@dataclass(frozen=True, slots=True)
class Entry:
    """One device of the file and its metrics."""

    device: Device
    metrics: tuple[Metric, ...]


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
        key = (entry.device.site, entry.device.name)
        if key in seen:
            raise InputError(f"{source}: device {number}: device {key[1]!r} of site {key[0]!r} is listed twice")
        seen.add(key)
    return entries


def fill(registry: Registry, entries: tuple[Entry, ...]) -> None:
    """Put what the file says into `registry`, over what was known before."""
    for entry in entries:
        registry.put_device(entry.device)
        for metric in entry.metrics:
            registry.put_metric(entry.device.site, entry.device.name, metric)


def _entry(item: Any, where: str) -> Entry:
    _check(item, _DEVICE_KEYS, where)
    for key, what in (("site", "site"), ("device", "device")):
        problem = name_problem(item.get(key, DEFAULT_SITE if key == "site" else None), what)
        if problem:
            raise InputError(f"{where}: {problem}")
    criticality = item.get("criticality", Criticality.MEDIUM)
    if criticality not in list(Criticality):
        raise InputError(f"{where}: criticality = {criticality!r} must be one of {', '.join(Criticality)}")
    device = Device(
        site=item.get("site", DEFAULT_SITE),
        name=item["device"],
        asset_class=item.get("class"),
        criticality=Criticality(criticality),
        customer=item.get("customer"),
        team=item.get("team"),
        owner=item.get("owner"),
        title=item.get("title"),
        retired=item.get("retired", False),
    )
    metrics = item.get("metrics", {})
    return Entry(device, tuple(_metric(name, metrics[name], f"{where}: metric {name!r}") for name in metrics))


def _metric(name: str, item: Any, where: str) -> Metric:
    problem = name_problem(name, "metric")
    if problem:
        raise InputError(f"{where}: {problem}")
    _check(item, _METRIC_KEYS, where)
    unit, interval_s = item.get("unit"), item.get("interval_s")
    if unit is not None and conversion(unit) is None:
        raise InputError(f"{where}: unit = {unit!r} is no unit that is known; allowed are units such as '°C', 'mm/s'")
    if interval_s is not None and not 0 < interval_s <= LONGEST_INTERVAL_S:
        raise InputError(f"{where}: interval_s = {interval_s!r} must be above 0 and at most {LONGEST_INTERVAL_S}")
    state = UnitState.MISSING if unit is None else UnitState.KNOWN
    interval_s = None if interval_s is None else float(interval_s)
    return Metric(name, unit, state, interval_s=interval_s, basis=item.get("basis"))


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
