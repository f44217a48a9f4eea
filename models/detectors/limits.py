"""Fixed limits on a value: which rules hold for a series and which a value breaks.

A rule of `zones` takes its limits from a table of vibration zones (`models/zones.toml`, each with its source): one that
is named, or the one of a standard that is for machines of that power and support. It holds only for a series whose
basis is velocity RMS and whose unit is a velocity, for a zone means nothing otherwise.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib import resources
from typing import Any

from ingest.machine import Foundation, Machine
from ingest.registry import Device, Metric

ZONE_BASIS = "velocity_rms"
ZONE_UNIT = "mm/s"


class Boundary(StrEnum):
    """What a rule of zones is about."""

    B_C = "B/C"
    C_D = "C/D"
    ALARM = "ALARM"
    """Not a boundary: the machine's own baseline plus a share of B/C."""


@dataclass(frozen=True, slots=True)
class Zones:
    """A table of zones for machines above and up to a power, on one kind of support; None: it does not say."""

    name: str
    name_zh: str
    boundaries: tuple[float, float, float]
    """A/B, B/C and C/D in mm/s."""
    standard: str | None = None
    from_kw: float | None = None
    above_kw: float | None = None
    to_kw: float | None = None
    foundation: Foundation | None = None

    def limit(self, boundary: Boundary) -> float:
        """The limit in mm/s; of ALARM the B/C that it is reckoned from."""
        return self.boundaries[2 if boundary is Boundary.C_D else 1]

    def is_for(self, machine: Machine) -> bool:
        """Whether nothing that is known of a machine puts it outside the table."""
        power = machine.power_kw
        if power is not None and (
            (self.from_kw is not None and power < self.from_kw)
            or (self.above_kw is not None and power <= self.above_kw)
            or (self.to_kw is not None and power > self.to_kw)
        ):
            return False
        return machine.foundation is None or self.foundation is None or machine.foundation == self.foundation


@dataclass(frozen=True, slots=True)
class AlarmSetting:
    """How the ALARM of a machine is set from its baseline (ISO 20816-1)."""

    share: float
    cap: float

    def limit(self, baseline: float, b_c: float) -> float:
        """The limit, in the unit of both.

        >>> AlarmSetting(0.25, 1.25).limit(0.8, 2.8), AlarmSetting(0.25, 1.25).limit(4.0, 2.8)
        (1.5, 3.5)
        """
        return min(baseline + self.share * b_c, self.cap * b_c)


@dataclass(frozen=True, slots=True)
class LimitRule:
    """One alarm limit as configured. `site`, `device`, `metric` are shell patterns; `asset_class` None means any."""

    metric: str
    severity: str
    high: float | None = None
    low: float | None = None
    unit: str | None = None
    hysteresis: float = 0.0
    """How far back inside the limit the value must come to count as returned, in the value's unit."""
    on_delay_ns: int = 0
    """How long in event time the limit must be broken before it is an alarm."""
    off_delay_ns: int = 0
    """How long in event time the value must be back before the alarm ends."""
    site: str = "*"
    device: str = "*"
    asset_class: str | None = None
    label: str | None = None
    """What the limit is, where it comes from a zone table, e.g. `ISO 10816-3 group 2 rigid: zone C/D` …"""
    label_zh: str | None = None
    """… and in Chinese."""
    zones: str | None = None
    """The table or the standard that the limit is of; None: it is a limit by itself."""
    boundary: Boundary = Boundary.B_C
    """Which of the limits of `zones`; ALARM has B/C as `high` until the machine's baseline is known."""

    def matches(self, device: Device, metric: Metric) -> bool:
        """Whether the rule speaks of that metric of that device."""
        return (
            fnmatchcase(device.site, self.site)
            and fnmatchcase(device.name, self.device)
            and fnmatchcase(metric.name, self.metric)
            and (self.asset_class is None or self.asset_class == device.asset_class)
        )

    def breaks(self, value: float) -> bool:
        """Whether `value` is beyond the limit."""
        return (self.high is not None and value > self.high) or (self.low is not None and value < self.low)

    def returned(self, value: float) -> bool:
        """Whether `value` is back inside the limit by at least the hysteresis."""
        return (self.high is None or value <= self.high - self.hysteresis) and (
            self.low is None or value >= self.low + self.hysteresis
        )

    def excess(self, value: float) -> float:
        """How far `value` is beyond the limit, in the value's unit; negative inside."""
        above = value - self.high if self.high is not None else float("-inf")
        below = self.low - value if self.low is not None else float("-inf")
        return max(above, below)


STANDARDS = ("ISO 10816-3",)
"""Standards whose tables are chosen by power and support."""


@lru_cache(maxsize=1)
def zone_tables() -> Mapping[str, Zones]:
    """The shipped vibration zones by name."""
    return {name: _zones(name, said) for name, said in _document().items() if name != _ALARM}


def _zones(name: str, said: Mapping[str, Any]) -> Zones:
    first, second, third = said["boundaries"]
    foundation = Foundation(said["foundation"]) if "foundation" in said else None
    scope = {key: said.get(key) for key in ("standard", "from_kw", "above_kw", "to_kw")}
    return Zones(name, said["zh"], (first, second, third), **scope, foundation=foundation)


_ALARM = "alarm"


@lru_cache(maxsize=1)
def alarm_setting() -> AlarmSetting:
    """How ALARM is set."""
    said = _document()[_ALARM]
    return AlarmSetting(float(said["share"]), float(said["cap"]))


def zones_for(name: str, machine: Machine) -> Zones | None:
    """The table of that name, or of the standard of that name, that a machine is judged by; None: by none.

    >>> [zones_for("ISO 10816-3", Machine(kw, 1480.0, Foundation.RIGID)) is None for kw in (11.0, 30.0)]
    [True, False]
    """
    if name in STANDARDS:
        if machine.power_kw is None or machine.foundation is None:
            return None
        found = [one for one in zone_tables().values() if one.standard == name and one.is_for(machine)]
        return found[0] if found else None
    table = zone_tables().get(name)
    return table if table is not None and table.is_for(machine) else None


@lru_cache(maxsize=1)
def _document() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(resources.files("models").joinpath("zones.toml").read_text(encoding="utf-8"))
