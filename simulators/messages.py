"""Readings as MQTT messages: each device in its own format, or canonical batches as a gateway sends them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from simulators.blocks import Block
from simulators.payloads.canonical import gateway_topic, stamp_ms
from simulators.payloads.encoder import DeviceCard, Encoder, Outgoing, Quantity, Recording, Sample, Wave
from simulators.payloads.flashed import Flashed
from simulators.payloads.table import BRIDGES, FORMATS, GATEWAY_FORMAT, TIMELESS
from simulators.simulation import Placed, Simulation


@dataclass(frozen=True, slots=True)
class Message:
    """What goes out: due at `sent` (ns UTC, virtual time) from the device with that position."""

    sent: int
    device: int
    topic: str
    payload: bytes
    readings: int
    retain: bool = False
    qos: int | None = None
    """None: whoever publishes decides."""


def encoder_of(sim: Simulation, placed: Placed) -> Encoder:
    """A fresh encoder for a device, in the format its scenario names."""
    card = _card(sim, placed)
    encoder = FORMATS[placed.spec.format](card)
    for lie in placed.device.lies:
        if lie.format is not None:
            encoder = Flashed(encoder, FORMATS[lie.format](card), lie.start, lie.end)
    return encoder


def announcements(sim: Simulation) -> Iterator[Outgoing]:
    """What bridges tell about all their devices, by format."""
    for kind, announce in BRIDGES.items():
        cards = [_card(sim, placed) for placed in sim.devices if placed.spec.format == kind]
        if cards:
            yield announce(cards)


def _card(sim: Simulation, placed: Placed) -> DeviceCard:
    quantities = [Quantity(channel.metric, channel.unit) for channel in placed.device.channels]
    return DeviceCard(placed.site, placed.device.name, quantities, sim.scenario.spec.site.utc_offset_h)


def device_messages(sim: Simulation, block: Block, encoders: Sequence[Encoder]) -> Iterator[Message]:
    """The messages of every device and sample; `encoders` by position of the device."""
    for sent, device, sample in samples(sim, block):
        count = len(sample.values)
        for outgoing in encoders[device].encode(sample):
            yield Message(sent, device, outgoing.topic, outgoing.payload, count, outgoing.retain, outgoing.qos)
            count = 0


def gateway_messages(sim: Simulation, block: Block, readings: int = 100) -> Iterator[Message]:
    """Arrays of about that many readings per message, many devices of a site in one, in order of sending.

    All of them are the first device's to send: what goes by several sessions is overtaken.
    """
    waiting: dict[str, list[dict[str, Any]]] = {}
    counts: dict[str, int] = {}
    last: dict[str, int] = {}
    for sent, device, sample in samples(sim, block):
        placed = sim.devices[device]
        site = placed.site
        body = {"device": placed.device.name, "ts": stamp_ms(sample.time), "values": sample.values}
        waiting.setdefault(site, []).append({**body, "units": sample.units})
        counts[site] = counts.get(site, 0) + len(sample.values)
        last[site] = sent
        if counts[site] >= readings:
            yield Message(sent, 0, gateway_topic(site), orjson.dumps(waiting.pop(site)), counts.pop(site))
    for site, objects in waiting.items():
        yield Message(last[site], 0, gateway_topic(site), orjson.dumps(objects), counts[site])


def history_messages(sim: Simulation, block: Block, encoders: Sequence[Encoder]) -> Iterator[Message]:
    """A backlog: what speaks the project's own format in batches, the others each in its own.

    Formats without a time cannot tell the past; their devices have none. Order holds for each device.
    """
    kinds = np.array([placed.spec.format for placed in sim.devices])[block.device]
    yield from gateway_messages(sim, block.only(kinds == GATEWAY_FORMAT))
    yield from device_messages(sim, block.only(~np.isin(kinds, [GATEWAY_FORMAT, *TIMELESS])), encoders)


WAVE_SCALE = 0.001
"""m/s² a count."""


def wave_messages(sim: Simulation, begin: int, until: int, encoders: Sequence[Encoder]) -> Iterator[Message]:
    """Recordings sent in [begin, until), in the format of each device."""
    for waveform in sim.waveforms(begin, until):
        encoder = encoders[waveform.device]
        if isinstance(encoder, Recording):
            counts = np.rint(waveform.recording.acceleration / WAVE_SCALE).astype(np.int64).tolist()
            wave = Wave(waveform.time, "acceleration", "m/s²", waveform.recording.rate_hz, WAVE_SCALE, counts)
            for outgoing in encoder.encode_wave(wave):
                yield Message(waveform.sent, waveform.device, outgoing.topic, outgoing.payload, 0)


def samples(sim: Simulation, block: Block) -> Iterator[tuple[int, int, Sample]]:
    """Moment of sending, device and content of every message of a block."""
    if not len(block):
        return
    starts = np.flatnonzero(np.diff(block.message, prepend=-1)).tolist()
    metric = list(map(sim.metrics.__getitem__, block.metric.tolist()))
    unit = list(map(sim.units.__getitem__, block.unit.tolist()))
    value, device = block.value.tolist(), block.device.tolist()
    time, sent = block.time.tolist(), block.sent.tolist()
    lossy = [bool(placed.device.lies) for placed in sim.devices]
    dictionary: dict[tuple[str, ...], dict[str, str]] = {}
    for first, end in zip(starts, [*starts[1:], len(block)], strict=True):
        names = metric[first:end]
        values = dict(zip(names, value[first:end], strict=True))
        words = (*names, *unit[first:end])
        units = dictionary.get(words)
        if units is None:
            units = dictionary[words] = dict(zip(names, unit[first:end], strict=True))
        backlog = lossy[device[first]] and sim.devices[device[first]].device.is_backlog(time[first], sent[first])
        yield sent[first], device[first], Sample(time[first], values, units, backlog)
