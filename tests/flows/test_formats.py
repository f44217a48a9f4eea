"""Every device speaks: from what it publishes in its own format to what the API answers."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from forewarn.config.settings import AdapterSettings, FileSettings, MqttSettings
from ingest.reading import NS_PER_SECOND
from simulators.payloads.canonical import Canonical
from simulators.payloads.encoder import DeviceCard, Encoder, Outgoing, Quantity, Sample, Wave
from simulators.payloads.table import FORMATS
from simulators.waveform import Rotor, record
from tests.ingest.test_simulated_formats import DEVICES, NAMES
from tests.live import Live, live, make_settings, publisher
from tests.servers.ports import free_port
from tests.waiting import wait_until

CARD = DeviceCard("plant-1", "pump-1", (Quantity("temperature", "°C"), Quantity("vibration", "mm/s")))
UNITS = {quantity.metric: quantity.unit for quantity in CARD.quantities}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Live]:
    with live(make_settings(tmp_path, mqtt=MqttSettings(port=free_port(), topics=("#",)))) as service:
        yield service


def publish_all(service: Live, outgoing: list[Outgoing]) -> None:
    with publisher(service.settings.mqtt.port) as publish:
        for one in outgoing:
            publish(one.topic, one.payload).wait_for_publish(60)
    service.settle()


def samples(encoder: Encoder, count: int) -> list[Outgoing]:
    """What a device sends on connecting, and for that many minutes until now."""
    now = time.time_ns() // NS_PER_SECOND * NS_PER_SECOND
    times = [now - minutes * 60 * NS_PER_SECOND for minutes in range(count, 0, -1)]
    sent = [Sample(at, {"temperature": 20.5 + n, "vibration": 1.25 + n}, UNITS) for n, at in enumerate(times)]
    return [*encoder.hello(times[0]), *(one for sample in sent for one in encoder.encode(sample))]


@pytest.mark.parametrize("name", list(FORMATS))
def test_readings_of_every_format_are_stored(tmp_path: Path, name: str) -> None:
    settings = make_settings(
        tmp_path,
        mqtt=MqttSettings(port=free_port(), topics=("#",)),
        adapters=AdapterSettings(thingsboard_device="pump-1"),
    )
    with live(settings) as running:
        publish_all(running, samples(FORMATS[name](CARD), 3))
        site, device = DEVICES[name]
        metric = NAMES.get(name, ("temperature",))[0]
        assert [value for _, value in running.values(site, device, metric)] == [20.5, 21.5, 22.5]
        assert running.items("rejects") == []


def test_the_embedded_broker_tells_which_device_of_thingsboard_sent_something(running: Live) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="boiler-7")
    client.connect("127.0.0.1", running.settings.mqtt.port)
    client.loop_start()
    try:
        client.publish("v1/devices/me/telemetry", b'{"temperature": 61.5}', qos=1).wait_for_publish(60)
    finally:
        client.disconnect()
        client.loop_stop()
    running.settle()
    assert [value for _, value in running.values("default", "boiler-7", "temperature")] == [61.5]


def test_a_sparkplug_node_is_asked_for_its_births(running: Live) -> None:
    """Data by alias comes before we know the births; the node is asked, answers, and is understood."""
    encoder = FORMATS["sparkplug"](CARD)
    first = samples(encoder, 1)[-1]
    asked: list[str] = []
    node = mqtt.Client(CallbackAPIVersion.VERSION2)
    node.on_message = lambda _client, _data, message: asked.append(message.topic)
    node.connect("127.0.0.1", running.settings.mqtt.port)
    node.subscribe("spBv1.0/+/NCMD/#")
    node.loop_start()
    try:
        wait_until(node.is_connected, "the node is connected")
        publish_all(running, [first])
        wait_until(lambda: bool(asked), "a rebirth was asked for", 20)
        publish_all(running, samples(encoder, 1))
    finally:
        node.disconnect()
        node.loop_stop()
    assert asked == ["spBv1.0/plant-1/NCMD/edge-pump-1"]
    assert [value for _, value in running.values(*DEVICES["sparkplug"], "temperature")] == [20.5]
    [reject] = running.items("rejects")
    assert "is of no birth that was seen" in str(reject)


def test_what_a_device_tells_about_itself_is_shown(running: Live) -> None:
    publish_all(running, samples(FORMATS["homeassistant"](CARD), 1))
    [device] = [one for one in running.items("devices") if one["device"] == DEVICES["homeassistant"][1]]
    assert "pump-1" in str(device)
    detail = running.http.get(f"/api/v1/devices/default/{DEVICES['homeassistant'][1]}").json()
    temperature = next(metric for metric in detail["metrics"] if metric["metric"] == "temperature")
    assert temperature["unit"] == "°C"


def test_a_waveform_is_readings_as_soon_as_it_is_acknowledged(tmp_path: Path) -> None:
    """An accelerometer sends a second of samples; what the registry says of the bearing decides what is told."""
    registry = tmp_path / "registry.toml"
    registry.write_text(
        '[[device]]\nsite = "plant-1"\ndevice = "pump-1"\n[device.machine]\nspeed_rpm = 1480\n'
        "bearing = { balls = 9, ball_mm = 7.94, pitch_mm = 39.04 }\n",
        "utf-8",
    )
    settings = make_settings(tmp_path, mqtt=MqttSettings(port=free_port()), registry=FileSettings(file=registry))
    now = time.time_ns() // NS_PER_SECOND * NS_PER_SECOND
    counts = record(Rotor(1480 / 60), 1.0, 10_000.0).acceleration / 0.001
    wave = Wave(now, "acceleration", "m/s²", 10_000.0, 0.001, np.rint(counts).astype(int).tolist())
    with live(settings) as running:
        [bad] = samples_of_nothing(wave)
        publish_all(running, [*Canonical(CARD).encode_wave(wave), bad])
        [(_, velocity)] = running.values("plant-1", "pump-1", "acceleration.velocity_rms")
        assert velocity == pytest.approx(np.hypot(np.hypot(0.8, 0.3), 0.15), rel=0.1)
        [device] = running.items("devices")
        known = {one["metric"]: (one["unit"], one["basis"]) for one in device["metrics"]}
        assert known["acceleration.velocity_rms"] == ("mm/s", "velocity_rms")
        assert known["acceleration.envelope_bpfo"] == ("m/s²", "envelope_bpfo")
        assert [one["reason"] for one in running.items("rejects")] == [
            "'values' has 3 samples, allowed are 256 to 262144"
        ]


def samples_of_nothing(wave: Wave) -> list[Outgoing]:
    """What the device sends when its recorder was cut off."""
    return list(Canonical(CARD).encode_wave(replace(wave, counts=wave.counts[:3])))
