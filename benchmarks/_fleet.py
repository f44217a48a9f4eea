"""The fleet of the ingest benchmark: devices of three metrics each, and what their payloads say."""

from __future__ import annotations

import numpy as np

SITE = "bench"
TOPIC = f"forewarn/v1/{SITE}/{{}}/telemetry"
GATEWAY = f"forewarn/v1/{SITE}/telemetry"
METRICS = ("temperature", "humidity", "vibration")
PROBES = 3_000
"""Devices that are there to raise an alert each, by the limit below."""
PROBE_METRIC = "pressure"
LIMITS = f'[[limit]]\nmetric = "{PROBE_METRIC}"\nhigh = 100.0\nseverity = "high"\n'
MEAN, SPREAD = np.array([40.0, 55.0, 2.0]), np.array([0.5, 1.0, 0.1])


def device_name(number: int) -> str:
    """Name of a device of the fleet."""
    return f"device-{number:05d}"


def probe_name(number: int) -> str:
    """Name of a device that raises an alert when its metric passes the limit."""
    return f"probe-{number:05d}"


def value_texts(n: int = 8192) -> list[bytes]:
    """Values of the three metrics as they stand in a payload, drawn as the history was."""
    values = np.random.default_rng(1).normal(MEAN, SPREAD, (n, 3)).round(3).tolist()
    return [b'"values":{"temperature":%.3f,"humidity":%.3f,"vibration":%.3f}' % tuple(row) for row in values]
