"""A small site whose readings follow from their number, where something goes wrong again and again.

One message a device and minute. One device gets too hot every 100 minutes; every 400 minutes, once there is enough
past, one drifts off and one falls silent for three hours.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ingest.times import format_time, parse_time

SITE = "plant-1"
START = parse_time("2026-01-01T00:00:00Z")
MINUTE = 60 * 10**9
LIMITS = '[[limit]]\nmetric = "temperature"\nhigh = 60.0\nseverity = "high"\n'
DEVICES = ("drifter", "oven", "sleeper", *(f"pump-{number}" for number in range(9)))
METRICS = ("vibration", "temperature", "humidity")
FIRST_TROUBLE, PERIOD = 700, 400

Said: TypeAlias = tuple[str, int, dict[str, float]]
"""Device, event time in ns UTC, and its values by metric."""


def said() -> Iterator[Said]:
    """Endless messages in order."""
    rng = np.random.default_rng(1)
    minute = 0
    while True:
        noise = rng.normal(0.0, 0.05, (len(DEVICES), 3))
        phase = (minute - FIRST_TROUBLE) % PERIOD if minute >= FIRST_TROUBLE else PERIOD
        for number, device in enumerate(DEVICES):
            if device == "sleeper" and 60 <= phase < 240:
                continue
            drift = 0.02 * phase if device == "drifter" and phase < 120 else 0.0
            heat = 40.0 if device == "oven" and 60 <= minute % 100 < 75 else 0.0
            base = np.array([2.0 + drift, 35.0 + heat, 45.0]) + noise[number]
            values = dict(zip(METRICS, base.round(4).tolist(), strict=True))
            yield device, START + minute * MINUTE, values
        minute += 1


def payload(time: int, values: dict[str, float]) -> bytes:
    """What a device sends."""
    return json.dumps({"ts": time // 1_000_000, "values": values}).encode()


def write_csv(path: Path, messages: Iterable[Said]) -> None:
    """The same readings as a file, in their order."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("time", "site", "device", "metric", "value"))
        for device, time, values in messages:
            at = format_time(time)
            writer.writerows((at, SITE, device, metric, value) for metric, value in values.items())
