"""Tasmota's telemetry: `tele/{topic}/SENSOR` and `tele/{topic}/LWT`.

https://tasmota.github.io/docs/MQTT/ (read 2025): `Time` in local time without a zone, whole seconds; an object per
sensor chip with capitalised quantities; units of temperature and pressure beside, others implied.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from simulators.payloads.encoder import DeviceCard, Outgoing, Sample
from simulators.payloads.quantities import converted

CLIMATE_CHIP, ENERGY, ANALOG = "AM2301", "ENERGY", "ANALOG"
_PLACES = {
    "temperature": (CLIMATE_CHIP, "Temperature"),
    "humidity": (CLIMATE_CHIP, "Humidity"),
    "current": (ENERGY, "Current"),
    "power": (ENERGY, "Power"),
}
_FIXED = {"current": "A", "power": "W"}
"""Units that Tasmota implies; what an ANALOG input measures it does not know."""


@dataclass(slots=True)
class Tasmota:
    """A Tasmota device; its topic is site and device joined by `_`."""

    card: DeviceCard

    @property
    def topic(self) -> str:
        """Its `%topic%`."""
        return f"{self.card.site}_{self.card.name}"

    def will(self) -> Outgoing:
        """`Offline`, retained."""
        return Outgoing(f"tele/{self.topic}/LWT", b"Offline", retain=True)

    def hello(self, time: int) -> Iterator[Outgoing]:
        """`Online`, retained."""
        del time
        yield Outgoing(f"tele/{self.topic}/LWT", b"Online", retain=True)

    def encode(self, sample: Sample) -> Iterator[Outgoing]:
        """SENSOR: chips with their quantities."""
        local = dt.datetime.fromtimestamp(sample.time // 10**9, dt.UTC) + dt.timedelta(hours=self.card.utc_offset_h)
        body: dict[str, Any] = {"Time": local.strftime("%Y-%m-%dT%H:%M:%S")}
        for metric, value in sample.values.items():
            chip, quantity = _PLACES.get(metric, (ANALOG, metric.capitalize()))
            unit = sample.units.get(metric, "")
            body.setdefault(chip, {})[quantity] = converted(value, unit, _FIXED.get(metric, unit))
        if "temperature" in sample.values:
            body["TempUnit"] = "F" if sample.units.get("temperature") == "°F" else "C"
        yield Outgoing(f"tele/{self.topic}/SENSOR", orjson.dumps(body))

    def goodbye(self, time: int) -> Iterator[Outgoing]:
        """`Offline`."""
        del time
        yield self.will()
