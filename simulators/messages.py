"""Readings as canonical MQTT messages (contract, section 5): one a device, or batches as a gateway sends them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from simulators.simulation import Block, Simulation

MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Message:
    """What goes out: due at `sent` (ns UTC, virtual time) from the device with that position."""

    sent: int
    device: int
    topic: str
    payload: bytes
    readings: int


def telemetry_topic(site: str, device: str) -> str:
    """Where a device reports."""
    return f"forewarn/v1/{site}/{device}/telemetry"


def gateway_topic(site: str) -> str:
    """Where a gateway reports for several devices."""
    return f"forewarn/v1/{site}/telemetry"


def status_topic(site: str, device: str) -> str:
    """Where a device says that it is online; also its will."""
    return f"forewarn/v1/{site}/{device}/status"


def stamp_ms(time_ns: int) -> int | float:
    """Epoch ms of a stamp, whole where it is whole."""
    return time_ns // MS if time_ns % MS == 0 else time_ns / MS


def device_messages(sim: Simulation, block: Block) -> Iterator[Message]:
    """One message per device and sample, with units."""
    topics = [telemetry_topic(placed.site, placed.device.name) for placed in sim.devices]
    for sent, device, body in _objects(sim, block):
        yield Message(sent, device, topics[device], orjson.dumps(body), len(body["values"]))


def gateway_messages(sim: Simulation, block: Block, readings: int = 100) -> Iterator[Message]:
    """Arrays of about that many readings per message, many devices of a site in one, in order of sending."""
    waiting: dict[str, tuple[list[dict[str, Any]], int]] = {}
    last: dict[str, tuple[int, int]] = {}
    for sent, device, body in _objects(sim, block):
        placed = sim.devices[device]
        body["device"] = placed.device.name
        objects, count = waiting.get(placed.site, ([], 0))
        objects.append(body)
        count += len(body["values"])
        waiting[placed.site], last[placed.site] = (objects, count), (sent, device)
        if count >= readings:
            yield Message(sent, device, gateway_topic(placed.site), orjson.dumps(objects), count)
            del waiting[placed.site]
    for site, (objects, count) in waiting.items():
        yield Message(*last[site], gateway_topic(site), orjson.dumps(objects), count)


def _objects(sim: Simulation, block: Block) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Moment of sending, device and canonical object of every message of a block."""
    if not len(block):
        return
    starts = np.flatnonzero(np.diff(block.message, prepend=-1)).tolist()
    metric = [sim.metrics[i] for i in block.metric.tolist()]
    unit = [sim.units[i] for i in block.unit.tolist()]
    value, device = block.value.tolist(), block.device.tolist()
    time, sent = block.time.tolist(), block.sent.tolist()
    for first, end in zip(starts, [*starts[1:], len(block)], strict=True):
        names = metric[first:end]
        yield (
            sent[first],
            device[first],
            {
                "ts": stamp_ms(time[first]),
                "values": dict(zip(names, value[first:end], strict=True)),
                "units": dict(zip(names, unit[first:end], strict=True)),
            },
        )
