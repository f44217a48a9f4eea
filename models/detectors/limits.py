"""Fixed limits on a value: which rules hold for a series and which a value breaks.

A rule with `zones` takes its limits from a table of vibration zones (`models/zones.toml`, each with its source); it
holds only for a series whose basis is velocity RMS and whose unit is mm/s, for a zone means nothing otherwise.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib import resources

from ingest.registry import Device, Metric

ZONE_BASIS = "velocity_rms"
ZONE_UNIT = "mm/s"


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
    """What the limit is, where it comes from a zone table, e.g. `ISO 10816-3 group 2, rigid: zone C/D`."""

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


@lru_cache(maxsize=1)
def zone_tables() -> dict[str, dict[str, object]]:
    """The shipped vibration zones by name: boundaries in mm/s, source, scope."""
    return tomllib.loads(resources.files("models").joinpath("zones.toml").read_text(encoding="utf-8"))
