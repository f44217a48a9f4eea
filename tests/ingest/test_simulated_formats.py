"""Every format of the simulated devices, written by other hands from the same specifications, is read back."""

from dataclasses import replace

import pytest

from ingest.adapters.options import Options
from ingest.measure import Intake
from ingest.message import Message
from ingest.reading import NS_PER_SECOND, Quality
from ingest.registry import Registry
from simulators.payloads.encoder import DeviceCard, Quantity, Sample
from simulators.payloads.table import FORMATS
from tests.ingest.test_adapters import NOW, decoder

QUANTITIES = (Quantity("temperature", "°C"), Quantity("humidity", "%"), Quantity("vibration", "mm/s"))
CARD = DeviceCard("plant-1", "pump-1", QUANTITIES)
UNITS = {quantity.metric: quantity.unit for quantity in QUANTITIES}
SAMPLES = [
    Sample(NOW - 120 * NS_PER_SECOND, {"temperature": 21.5, "humidity": 40.25, "vibration": 1.23}, UNITS),
    Sample(NOW - 60 * NS_PER_SECOND, {"temperature": 21.75, "humidity": 40.5, "vibration": 4.56}, UNITS),
]

NAMES = {
    "tasmota": ("AM2301.Temperature", "AM2301.Humidity", "ANALOG.Vibration"),
    "shelly": ("temperature:0.tC", "humidity:0.rh", "voltmeter:102.xvoltage"),
}
"""Where a format gives metrics other names."""
DEVICES = {
    "canonical": ("plant-1", "pump-1"),
    "thingsboard": ("default", "pump-1"),
    "thingsboard-gateway": ("default", "pump-1"),
    "senml-json": ("default", "urn:dev:ops:32473-forewarn-plant-1-pump-1"),
    "senml-cbor": ("default", "urn:dev:ops:32473-forewarn-plant-1-pump-1"),
    "sparkplug": ("plant-1", "edge-pump-1:pump-1"),
    "homeassistant": ("default", "plant-1_pump-1"),
    "tasmota": ("default", "plant-1_pump-1"),
    "zigbee2mqtt": ("default", "plant-1%2Fpump-1"),
    "shelly": ("default", "plant-1-pump-1"),
    "line-protocol": ("plant-1", "pump-1"),
}
TIMELESS = {"homeassistant", "zigbee2mqtt"}
UNITLESS = {"thingsboard", "thingsboard-gateway", "zigbee2mqtt", "line-protocol"}


@pytest.mark.parametrize("name", list(FORMATS))
def test_what_a_simulated_device_sends_is_read(name: str) -> None:
    encoder = FORMATS[name](CARD)
    outgoing = [*encoder.hello(SAMPLES[0].time), *(one for sample in SAMPLES for one in encoder.encode(sample))]
    decoding = decoder(Options(thingsboard_device="pump-1"))
    decoded = decoding.decode([Message(one.topic, one.payload, NOW) for one in outgoing])
    assert not decoded.problems
    assert not decoded.wishes
    placed = Intake(Registry()).place(decoded.keys, decoded.key, decoded.value)
    assert not placed.refused
    keys = [decoded.keys[number] for number in decoded.key.tolist()]
    assert {key[:2] for key in keys} == {DEVICES[name]}
    metrics = NAMES.get(name, tuple(UNITS))
    assert [key[2] for key in keys] == [*metrics, *metrics]
    expected = [value for sample in SAMPLES for value in sample.values.values()]
    assert placed.value.tolist() == pytest.approx(expected, rel=1e-12)
    times = [NOW if name in TIMELESS else sample.time for sample in SAMPLES for _ in sample.values]
    assert decoded.time.tolist() == times
    known = (placed.quality & Quality.NO_UNIT) == 0
    assert known[:2].all() == (name not in UNITLESS)


@pytest.mark.parametrize("name", [name for name in FORMATS if FORMATS[name](CARD).will() is not None])
def test_what_the_will_of_a_simulated_device_says(name: str) -> None:
    encoder = FORMATS[name](CARD)
    will = encoder.will()
    assert will is not None
    messages = [*encoder.hello(SAMPLES[0].time), *(one for sample in SAMPLES for one in encoder.encode(sample)), will]
    statuses = decoder().decode([Message(one.topic, one.payload, NOW) for one in messages]).statuses
    latest = {(status.site, status.device): status.online for status in statuses}
    assert latest[DEVICES[name]] is False


def test_what_a_simulated_node_sends_as_history_is_history() -> None:
    encoder = FORMATS["sparkplug"](CARD)
    backlog = replace(SAMPLES[0], backlog=True)
    messages = [*encoder.hello(backlog.time), *encoder.encode(backlog)]
    decoded = decoder().decode([Message(one.topic, one.payload, NOW) for one in messages])
    assert ((decoded.quality & Quality.HISTORICAL) != 0).tolist() == [True] * 3
