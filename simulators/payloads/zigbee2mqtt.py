"""Zigbee2MQTT's state messages: `zigbee2mqtt/{friendly name}` and `…/availability`.

https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html and …/exposes.html (read 2025): a flat object with
link quality and, unless configured, no time; properties have fixed units (a battery's voltage is in mV), which the
bridge tells in `zigbee2mqtt/bridge/devices`, retained; friendly names may hold slashes, as here site and device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from simulators.payloads.encoder import DeviceCard, Outgoing, Sample
from simulators.payloads.quantities import converted

_PROPERTIES = {"power": ("power", "W"), "pressure": ("pressure", "hPa"), "battery": ("voltage", "mV")}
"""Metric → property and the unit it has by definition, where those are not our own."""


def bridge(cards: Sequence[DeviceCard]) -> Outgoing:
    """What the bridge tells, retained, about all its devices: which properties they have, in which units."""
    return Outgoing("zigbee2mqtt/bridge/devices", orjson.dumps([_about(card) for card in cards]), retain=True)


def _about(card: DeviceCard) -> dict[str, Any]:
    named = [_PROPERTIES.get(one.metric, (one.metric, one.unit)) for one in card.quantities]
    exposes = [{"type": "numeric", "name": name, "property": name, "access": 1, "unit": unit} for name, unit in named]
    link = {"type": "numeric", "name": "linkquality", "property": "linkquality", "access": 1, "unit": "lqi"}
    return {
        "friendly_name": f"{card.site}/{card.name}",
        "type": "EndDevice",
        "supported": True,
        "disabled": False,
        "definition": {"model": "SIM", "vendor": "Forewarn", "exposes": [*exposes, link]},
    }


def _state(sample: Sample) -> dict[str, float]:
    state: dict[str, float] = {}
    for metric, value in sample.values.items():
        unit = sample.units.get(metric, "")
        name, fixed = _PROPERTIES.get(metric, (metric, "°C" if metric == "temperature" else unit))
        state[name] = converted(value, unit, fixed)
    return state


@dataclass(slots=True)
class Zigbee2MQTT:
    """A Zigbee device called `{site}/{device}`."""

    card: DeviceCard

    @property
    def topic(self) -> str:
        """Its topic under the base."""
        return f"zigbee2mqtt/{self.card.site}/{self.card.name}"

    def will(self) -> Outgoing:
        """Offline, retained."""
        return Outgoing(f"{self.topic}/availability", b'{"state":"offline"}', retain=True)

    def hello(self, time: int) -> Iterator[Outgoing]:
        """Online, retained."""
        del time
        yield Outgoing(f"{self.topic}/availability", b'{"state":"online"}', retain=True)

    def encode(self, sample: Sample) -> Iterator[Outgoing]:
        """Values in the units of their properties; link quality 0-255 wanders with the seconds."""
        quality = 60 + sample.time // 10**9 % 97
        yield Outgoing(self.topic, orjson.dumps({**_state(sample), "linkquality": quality}))

    def goodbye(self, time: int) -> Iterator[Outgoing]:
        """Offline."""
        del time
        yield self.will()
