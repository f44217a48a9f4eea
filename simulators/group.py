"""Devices of one kind at work: as long as they tell the truth, many of them cost little more than one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulators.blocks import IntArray, Messages
from simulators.device import Device
from simulators.sensors import Sampling, Sensors

GROUP = 128
"""Devices in a group: enough to spread the cost of an array operation, few enough for the processor's cache."""


@dataclass(frozen=True, slots=True)
class Group:
    """Devices with the same machine, channels and interval; rows in order of phase."""

    numbers: IntArray
    """Position of each in the simulation."""
    devices: Sequence[Device]
    sensors: Sensors
    live: Sampling
    past: Sampling
    metric: IntArray
    unit: IntArray

    def lying(self, begin: int, until: int) -> list[int]:
        """Positions of those whose lies matter in [begin, until): they speak for themselves."""
        found = zip(self.numbers.tolist(), self.devices, strict=True)
        return [number for number, device in found if device.lies and device.lies_in(begin, until)]

    def emit(self, begin: int, until: int, live: bool, lying: Sequence[int]) -> Messages:
        """What those who are not `lying` send in [begin, until)."""
        sampling = self.live if live else self.past
        k = sampling.numbers(begin, until)
        t = self.sensors.measured_at(k, sampling)
        values = self.sensors.show(k, t, sampling).reshape(-1, len(self.metric))
        time = t.T.reshape(-1)
        device = np.tile(self.numbers, len(k))
        inside = (time >= begin) & (time < until)
        if lying:
            inside &= ~np.isin(device, lying)
        time = time[inside]
        shape = (len(time), len(self.metric))
        return Messages(
            device[inside],
            time,
            time,
            values[inside],
            np.broadcast_to(self.metric, shape),
            np.broadcast_to(self.unit, shape),
        )
