"""Machines of one model seen through their sensors, side by side: what a whole group shows, in a few array operations.

A machine on its own is a group of one, and shows the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simulators.duration import NS
from simulators.machines.machine import Channel, Machine, Surroundings
from simulators.tape import FloatArray, Tapes, TimeArray

MS = 1_000_000
BATTERY = Channel("battery", "V", 0.008, 0.01, 0.0, 4.0, 0.5)
_FULL_BATTERY_V = 3.05

Distort = Callable[[int, FloatArray], FloatArray]
"""What a lying device makes of a channel (by position) before its sensor cuts and rounds it."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """When devices measure: every `interval` ns, each at its `phase` (n_devices,), give or take `jitter` ns."""

    interval: int
    phase: TimeArray
    jitter: int = 0

    def numbers(self, start: int, stop: int) -> TimeArray:
        """Numbers of the samples that may be measured in [start, stop) by any of them, and a few more."""
        low, high = int(self.phase.min()), int(self.phase.max())
        return np.arange((start - high) // self.interval, (stop - low) // self.interval + 1)


@dataclass(frozen=True, slots=True)
class Sensors:
    """Sensors of machines of one model; arrays have a row for each."""

    machine: Machine
    channels: Sequence[Channel]
    around: Surroundings

    def measured_at(self, k: TimeArray, sampling: Sampling) -> TimeArray:
        """When samples `k` (n,), contiguous and ascending, are measured: (n_devices, n), ns UTC."""
        t = k * sampling.interval + sampling.phase[:, None]
        if sampling.jitter:
            shift = self.tape("jitter", sampling, uniform=True).take(int(k[0]), int(k[-1]) + 1)
            t = t + (shift * sampling.jitter).astype(np.int64) // MS * MS
        return t

    def show(self, k: TimeArray, t: TimeArray, sampling: Sampling, distort: Distort | None = None) -> FloatArray:
        """What is shown for samples `k` (n,), ascending, measured at `t` (n_devices, n): (n, n_devices, n_channels)."""
        shown = np.empty((*t.shape[::-1], len(self.channels)))
        if not t.size:
            return shown
        signals = self.machine.signals(t / float(NS), self.around)
        for column, channel in enumerate(self.channels):
            signal = signals.get(channel.metric)
            value = signal() if signal is not None else np.full(t.shape, _FULL_BATTERY_V)
            noise = self.tape(f"noise-{channel.metric}", sampling).take(int(k[0]), int(k[-1]) + 1)
            value = channel.noise * (noise if noise.shape[1] == len(k) else noise[:, k - k[0]]) + value
            if distort is not None:
                value = distort(column, value)
            np.clip(value, channel.low, channel.high, out=value)
            shown[:, :, column] = _to_resolution(value, channel.resolution).T
        return shown

    def tape(self, name: str, sampling: Sampling, uniform: bool = False) -> Tapes:
        """Random numbers by number of the sample; those of another interval are others."""
        return self.around.tape(f"{name}@{sampling.interval}", uniform)


def _to_resolution(value: FloatArray, resolution: float) -> FloatArray:
    """Rounded to the last digit the sensor shows; a power of ten divides exactly, others within 1e-9."""
    steps = 1.0 / resolution
    value *= steps
    np.rint(value, out=value)
    value /= steps
    return value
