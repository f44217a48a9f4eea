"""Home Assistant's MQTT discovery: a retained configuration per sensor, then plain JSON states.

https://www.home-assistant.io/integrations/mqtt/ and …/sensor.mqtt/ (read 2025): topic
`homeassistant/sensor/{node}/{object}/config`; device classes and units by the sensor integration's list. No time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson

from simulators.payloads.encoder import DeviceCard, Outgoing, Quantity, Sample

DEVICE_CLASS = {
    "temperature": "temperature",
    "humidity": "humidity",
    "vibration": "speed",
    "current": "current",
    "pressure": "pressure",
    "power": "power",
    "battery": "voltage",
    "flow": "volume_flow_rate",
}
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_-]")
EXPIRE_AFTER_S = 900


@dataclass(slots=True)
class HomeAssistant:
    """A device that registers itself with units."""

    card: DeviceCard
    _announced: dict[str, str] = field(default_factory=dict)
    """Unit by metric."""

    @property
    def node(self) -> str:
        """Its id in topics."""
        return _NOT_IN_IDS.sub("_", f"{self.card.site}_{self.card.name}")

    def will(self) -> Outgoing:
        """`offline`, retained."""
        return Outgoing(f"sensors/{self.node}/availability", b"offline", retain=True)

    def hello(self, time: int) -> Iterator[Outgoing]:
        """The configuration of every sensor, then `online`."""
        del time
        self._announced = {quantity.metric: quantity.unit for quantity in self.card.quantities}
        yield from (self._config(quantity) for quantity in self.card.quantities)
        yield Outgoing(f"sensors/{self.node}/availability", b"online", retain=True)

    def encode(self, sample: Sample) -> Iterator[Outgoing]:
        """All values in one object, without a time; a sensor that is new, or in another unit, is configured first."""
        for metric, unit in sample.units.items():
            if metric in sample.values and self._announced.get(metric) != unit:
                self._announced[metric] = unit
                yield self._config(Quantity(metric, unit))
        yield Outgoing(f"sensors/{self.node}/state", orjson.dumps(dict(sample.values)))

    def goodbye(self, time: int) -> Iterator[Outgoing]:
        """`offline`."""
        del time
        yield self.will()

    def _config(self, quantity: Quantity) -> Outgoing:
        body = {
            "name": quantity.metric,
            "unique_id": f"{self.node}_{quantity.metric}",
            "state_topic": f"sensors/{self.node}/state",
            "value_template": f"{{{{ value_json.{quantity.metric} }}}}",
            "unit_of_measurement": quantity.unit,
            "state_class": "measurement",
            "availability_topic": f"sensors/{self.node}/availability",
            "expire_after": EXPIRE_AFTER_S,
            "device": {"identifiers": [self.node], "name": self.card.name, "suggested_area": self.card.site},
        }
        if quantity.metric in DEVICE_CLASS:
            body["device_class"] = DEVICE_CLASS[quantity.metric]
        topic = f"homeassistant/sensor/{self.node}/{_NOT_IN_IDS.sub('_', quantity.metric)}/config"
        return Outgoing(topic, orjson.dumps(body), retain=True)
