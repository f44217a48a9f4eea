"""Made-up devices with three metrics a minute over nine weeks, and what the engine raises on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.random import Generator

from alerts.alert import Kind, Opened
from forewarn.engine import Engine
from ingest.reading import NS_PER_SECOND, FloatArray, Quality, ReadingBatch
from ingest.registry import Registry

MINUTE_NS = 60 * NS_PER_SECOND
START = 1_767_571_200 * NS_PER_SECOND  # Monday, 2026-01-05
HOUR, DAY, WEEK = 60, 1440, 10_080
WEEKS = 9
MINUTES = WEEKS * WEEK
METRICS = ("temperature", "humidity", "vibration")
_SHAPES = ((45.0, 2.0, 0.6, 0.15), (50.0, 4.0, 1.5, 0.4), (2.5, 0.0, 0.15, 0.1))
"""Level, swing of the day, slow and fast noise of each metric."""


def usual(rng: Generator) -> FloatArray:
    """Readings of a device, shape (3, MINUTES): a course of the day, slow and fast noise."""
    of_day = 2 * np.pi * np.arange(MINUTES) / DAY
    level, swing, slow, fast = (np.array(four)[:, None] for four in zip(*_SHAPES, strict=True))
    phase = rng.uniform(0, 2 * np.pi, (3, 1))
    noise = rng.normal(0.0, 1.0, (3, MINUTES // HOUR + 1))
    course = np.stack([np.interp(np.arange(MINUTES) / HOUR, np.arange(noise.shape[1]), one) for one in noise])
    return np.asarray(level + swing * np.sin(of_day + phase) + slow * course + rng.normal(0.0, fast, (3, MINUTES)))


def raised(devices: Sequence[FloatArray]) -> Iterator[tuple[int, str]]:
    """The minute and the device of every baseline alert; readings as `usual` makes them."""
    registry = Registry()
    series = np.array(
        [registry.series("bench", f"device-{i}", one) for i in range(len(devices)) for one in METRICS], np.int32
    )
    values, engine = np.concatenate(devices), Engine(registry)
    for day in range(0, MINUTES, DAY):
        at = START + np.arange(day, day + DAY) * MINUTE_NS
        part = values[:, day : day + DAY].T.reshape(-1)
        batch = ReadingBatch.of(np.tile(series, DAY), np.repeat(at, len(series)), part, int(Quality.RECORDED))
        for event in engine.process(batch).events:
            if isinstance(event, Opened) and event.alert.kind is Kind.BASELINE:
                yield int((event.alert.raised_at - START) // MINUTE_NS), event.alert.device
