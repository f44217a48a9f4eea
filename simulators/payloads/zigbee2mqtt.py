"""Zigbee2MQTT's state messages: `zigbee2mqtt/{friendly name}` and `…/availability`.

https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html (read 2025): a flat object with link quality and,
unless configured, no time; friendly names may hold slashes, as here the site and the device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from simulators.payloads.encoder import DeviceCard, Outgoing, Sample


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
        """Values as they are; link quality 0-255 wanders with the seconds."""
        quality = 60 + sample.time // 10**9 % 97
        yield Outgoing(self.topic, orjson.dumps({**sample.values, "linkquality": quality}))

    def goodbye(self, time: int) -> Iterator[Outgoing]:
        """Offline."""
        del time
        yield self.will()
