"""What a user can say about payload formats (settings `adapters.…`, `site.timezone`, `mapping.file`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo
from enum import StrEnum

from ingest.adapters.mapping import Mapping

DEFAULT_SITE = "default"


class Precision(StrEnum):
    """Units of whole-number time stamps."""

    NS = "ns"
    US = "us"
    MS = "ms"
    S = "s"

    @property
    def ns(self) -> int:
        """Nanoseconds in one unit."""
        return {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}[self.value]


@dataclass(frozen=True, slots=True)
class Options:
    """How payload formats are to be read; the defaults are those of the formats' own software."""

    site: str = DEFAULT_SITE
    """The site of devices whose format names none."""
    zone: tzinfo = UTC
    """The zone of local times without one."""
    mappings: tuple[Mapping, ...] = ()
    """The user's own formats; they come first."""
    thingsboard_device: str | None = None
    """The device that `v1/devices/me/telemetry` stands for where nothing else tells."""
    homeassistant_prefix: str = "homeassistant"
    zigbee2mqtt_topic: str = "zigbee2mqtt"
    line_protocol_topics: tuple[str, ...] = ("telegraf/#", "influx/#")
    """Topic filters."""
    line_protocol_precision: Precision = Precision.NS
