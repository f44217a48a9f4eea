"""Which series are those of a device: chains that grow at their ends, for loops that go through a device's series.

number = devices[device].first
while number != NO_SERIES:
    …
    number = series[number].next
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

import numpy as np

from ingest.compiled import compiled
from ingest.reading import IntArray
from ingest.rows import StateTable

NO_SERIES = -1


class Owner(Protocol):
    """A device: the first of its series, and how many there are."""

    first: int
    count: int


class _Device(Owner, Protocol):
    """A record of the state of a device."""

    last: int


class Link(Protocol):
    """A series: the next one of the same device."""

    next: int


class Fleet:
    """The series of every device, oldest first."""

    def __init__(self) -> None:
        self._devices = StateTable(
            {"first": (np.int64, (), NO_SERIES), "last": (np.int64, (), NO_SERIES), "count": (np.int64, (), 0)}
        )
        self._series = StateTable({"next": (np.int64, (), NO_SERIES)})

    def follow(self, device_of: IntArray, n_devices: int) -> None:
        """Take in the series that are new: `device_of` gives the device of each, and only ever grows."""
        self._devices.resize(n_devices)
        known = self._series.n
        self._series.resize(len(device_of))
        _append(self._devices.records, self._series.records, device_of, known)

    @property
    def devices(self) -> Sequence[Owner]:
        """Records of the devices, for compiled functions; good until the next `follow`."""
        return cast("Sequence[Owner]", self._devices.records)

    @property
    def series(self) -> Sequence[Link]:
        """Records of the series, likewise."""
        return cast("Sequence[Link]", self._series.records)


@compiled
def _append(devices: Sequence[_Device], series: Sequence[Link], device_of: IntArray, known: int) -> None:
    """Hang the series from `known` on to the ends of their devices' chains."""
    for number in range(known, len(device_of)):
        owner = devices[device_of[number]]
        if owner.count == 0:
            owner.first = number
        else:
            series[owner.last].next = number
        owner.last = number
        owner.count += 1
