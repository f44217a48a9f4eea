"""ThingsBoard's MQTT device and gateway APIs.

https://thingsboard.io/docs/reference/mqtt-api/ and …/gateway-mqtt-api/ (read 2025): telemetry with `ts` in ms and
`values`; a gateway connects its devices and sends a map from device name to arrays. No units. The device API names no
device: its access token, the user name of the session, does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from simulators.payloads.encoder import DeviceCard, Outgoing, Sample

DEVICE_TOPIC = "v1/devices/me/telemetry"
GATEWAY_TOPIC = "v1/gateway/telemetry"
MS = 1_000_000


@dataclass(slots=True)
class ThingsBoardDevice:
    """A device with its own session."""

    card: DeviceCard

    def will(self) -> None:
        """The platform sees the session end."""

    def hello(self, time: int) -> Iterator[Outgoing]:
        """Nothing."""
        del time
        yield from ()

    def encode(self, sample: Sample) -> Iterator[Outgoing]:
        """`{"ts": …, "values": {…}}`."""
        yield Outgoing(DEVICE_TOPIC, orjson.dumps({"ts": sample.time // MS, "values": sample.values}))

    def goodbye(self, time: int) -> Iterator[Outgoing]:
        """Nothing."""
        del time
        yield from ()


@dataclass(slots=True)
class ThingsBoardGateway:
    """A device behind a gateway."""

    card: DeviceCard

    def will(self) -> None:
        """The gateway has none for a device."""

    def hello(self, time: int) -> Iterator[Outgoing]:
        """The gateway announces the device."""
        del time
        yield Outgoing("v1/gateway/connect", orjson.dumps({"device": self.card.name}))

    def encode(self, sample: Sample) -> Iterator[Outgoing]:
        """`{"Device": [{"ts": …, "values": {…}}]}`."""
        body = {self.card.name: [{"ts": sample.time // MS, "values": sample.values}]}
        yield Outgoing(GATEWAY_TOPIC, orjson.dumps(body))

    def goodbye(self, time: int) -> Iterator[Outgoing]:
        """The gateway says that the device is gone."""
        del time
        yield Outgoing("v1/gateway/disconnect", orjson.dumps({"device": self.card.name}))
