"""A small plant with a few troubles, for tests and to look at: bearing wear, an open door, silence, odd devices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ingest.reading import FloatArray, Quality, ReadingBatch, TimeArray
from ingest.registry import Criticality, Device, Metric, UnitState
from ingest.rejects import Reject, RejectSource
from models.detectors.limits import LimitRule
from tests.api.harness import MINUTE, Site

HOURS = 48
"""Readings before now: what happens on the first day of a device opens an alert only if it is far off."""
LIMITS = (
    LimitRule(
        "temperature",
        "high",
        high=-12.0,
        hysteresis=1.0,
        on_delay_ns=10 * MINUTE,
        asset_class="cold room",
    ),
    LimitRule(
        "vibration",
        "critical",
        high=4.5,
        hysteresis=0.3,
        on_delay_ns=5 * MINUTE,
        label="ISO 10816-3 group 2, rigid: zone C/D",
    ),
)
NORTHWIND = "Northwind Foods"
PLANT = (
    Device("plant", "pump-1", "pump", Criticality.HIGH, NORTHWIND, "rotating equipment", "li.wei", "Feed pump 1"),
    Device("plant", "pump-2", "pump", Criticality.HIGH, NORTHWIND, "rotating equipment", "li.wei", "Feed pump 2"),
    Device("plant", "ahu-1", "fan", Criticality.MEDIUM, NORTHWIND, "HVAC", "anna.schmidt", "Air handling unit"),
    Device("plant", "coldroom-1", "cold room", Criticality.HIGH, NORTHWIND, "refrigeration", "chen.fang"),
    Device("plant", "coldroom-2", "cold room", Criticality.HIGH, NORTHWIND, "refrigeration", "chen.fang"),
    Device("north", "水泵-3", "pump", Criticality.LOW, "北方水务", "运维一班", None, "三号水泵"),
    Device("north", "logger 7", None, first_seen=True),
    Device("north", "compressor-old", "compressor", retired=True),
)
UNITS = {"temperature": "°C", "vibration": "mm/s", "current": "A", "humidity": "%"}
LEVELS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "pump-1": {"vibration": (1.9, 0.07), "temperature": (46.0, 0.4), "current": (11.8, 0.12)},
    "pump-2": {"vibration": (2.1, 0.08), "temperature": (44.0, 0.4), "current": (12.1, 0.12)},
    "ahu-1": {"vibration": (1.1, 0.05), "temperature": (19.5, 0.3), "humidity": (52.0, 1.2)},
    "coldroom-1": {"temperature": (-18.2, 0.15), "humidity": (71.0, 0.9)},
    "coldroom-2": {"temperature": (-18.0, 0.15), "humidity": (70.0, 0.9)},
    "水泵-3": {"vibration": (2.6, 0.1), "temperature": (38.0, 0.4)},
    "logger 7": {"level": (3.4, 0.05)},
}
"""Level and noise of every metric."""


def fill(made: Site, seed: int = 0) -> None:
    """Let a site with `LIMITS` take two days of the plant's readings."""
    rng = np.random.default_rng(seed)
    for device in PLANT:
        made.registry.put_device(device)
    parts = []
    for device in PLANT:
        for metric, (level, noise) in LEVELS.get(device.name, {}).items():
            unit = UNITS.get(metric)
            basis = "velocity_rms" if metric == "vibration" else None
            known = Metric(metric, unit, UnitState.KNOWN if unit else UnitState.MISSING, unit, None, basis)
            number = made.registry.put_metric(device.site, device.name, known)
            first, last = (0 if unit else HOURS * 60 - 20), HOURS * 60 - (40 if device.name == "coldroom-2" else 0)
            time = made.now - (HOURS * 60 - np.arange(first, last)) * MINUTE
            value = level + rng.normal(0, noise, len(time)) + 0.4 * noise * np.sin(np.arange(len(time)) / 230)
            value += _trouble(device.name, metric, made.now - time)
            quality = Quality.RECORDED if unit else Quality.RECORDED | Quality.NO_UNIT | Quality.CLOCK_OFF
            parts.append(ReadingBatch.of(np.full(len(time), number), time, value, int(quality)))
    everything = ReadingBatch.concat(parts)
    everything = everything[np.argsort(everything.time, kind="stable")]
    for start in range(0, len(everything), 5_000):
        made.feed(everything[start : start + 5_000])
    topic = "forewarn/v1/plant/pump-9/telemetry"
    made.rejects.add(
        [
            Reject(
                made.now,
                RejectSource.MQTT,
                topic,
                "payload is not JSON: Expecting property name enclosed in double quotes at character 2",
                b"{oops",
            )
        ]
    )
    made.rejects.add([Reject(made.now, RejectSource.MQTT, "some/topic", "no adapter reads this topic", b"\xff\x00")])


def _trouble(device: str, metric: str, before_ns: TimeArray) -> FloatArray:
    """What is added to the level, by how long before now, in the metric's unit."""
    hours = before_ns / (60 * MINUTE)
    match device, metric:
        case "pump-1", "vibration":
            return np.clip(4.0 - hours, 0, None) ** 2 * 0.22
        case "pump-1", "temperature":
            return np.clip(3.5 - hours, 0, None) * 1.6
        case "coldroom-1", "temperature":
            return np.where((hours < 2.2) & (hours > 0.4), np.minimum((2.2 - hours) * 12, 9.5), 0.0)
        case "ahu-1", "humidity":
            return np.where((hours < 14) & (hours > 12.5), 9.0, 0.0)
        case _:
            return np.zeros(len(before_ns))
