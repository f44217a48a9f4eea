"""Which payload formats there are; a new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulators.payloads.canonical import Canonical
from simulators.payloads.encoder import DeviceCard, Encoder, Outgoing
from simulators.payloads.homeassistant import HomeAssistant
from simulators.payloads.lineprotocol import LineProtocol
from simulators.payloads.senml import SenML
from simulators.payloads.shelly import Shelly
from simulators.payloads.sparkplug import Sparkplug
from simulators.payloads.tasmota import Tasmota
from simulators.payloads.thingsboard import ThingsBoardDevice, ThingsBoardGateway
from simulators.payloads.zigbee2mqtt import Zigbee2MQTT, bridge

FORMATS: dict[str, Callable[[DeviceCard], Encoder]] = {
    "canonical": Canonical,
    "thingsboard": ThingsBoardDevice,
    "thingsboard-gateway": ThingsBoardGateway,
    "senml-json": SenML,
    "senml-cbor": lambda card: SenML(card, cbor=True),
    "sparkplug": Sparkplug,
    "homeassistant": HomeAssistant,
    "tasmota": Tasmota,
    "zigbee2mqtt": Zigbee2MQTT,
    "shelly": Shelly,
    "line-protocol": LineProtocol,
}
"""Encoders by the name a scenario uses."""

BRIDGES: dict[str, Callable[[Sequence[DeviceCard]], Outgoing]] = {"zigbee2mqtt": bridge}
"""What stands between devices and broker, and tells about all of them at once."""

GATEWAY_FORMAT = "canonical"
"""What a gateway can put in batches of many devices."""

TIMELESS = ("homeassistant", "zigbee2mqtt")
"""Those that carry no time: what they say is now."""

WAVEFORM_FORMATS = ("canonical",)
"""Those that can carry a recording."""
