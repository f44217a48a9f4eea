"""Which sites, devices and metrics there are, and the numbers that stand for them in batches."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ingest.machine import UNKNOWN, Machine
from ingest.names import name_problem
from ingest.reading import IntArray


class Criticality(StrEnum):
    """How much depends on a device; it raises or lowers the severity of its alerts."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class UnitState(StrEnum):
    """What is known about the unit of a metric; shown to people, never guessed."""

    KNOWN = "known"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured quantity of a device."""

    name: str
    unit: str | None = None
    """Canonical unit of the stored values, e.g. `°C`, `mm/s`; None while nothing is known."""
    unit_state: UnitState = UnitState.MISSING
    sent_unit: str | None = None
    """The unit as the device last spelled it, also when it is an unknown one."""
    interval_s: float | None = None
    """Expected seconds between readings as configured; None: learned from the readings."""
    basis: str | None = None
    """What the number is, e.g. `velocity_rms`; vibration zones need it."""


@dataclass(frozen=True, slots=True)
class Device:
    """What is known about one device beside its readings."""

    site: str
    name: str
    asset_class: str | None = None
    criticality: Criticality = Criticality.MEDIUM
    customer: str | None = None
    team: str | None = None
    owner: str | None = None
    title: str | None = None
    """A name for people; the identity stays (site, name)."""
    retired: bool = False
    """Out of service: no silence alerts any more."""
    machine: Machine = UNKNOWN
    """The machine that the device watches."""
    asset: str | None = None
    """What it is part of together with other devices of its site, such as the sensors of one machine."""
    first_seen: bool = field(default=False, compare=False)
    """Known by first sight only, not from a file or the API."""


MAX_SERIES = 500_000
"""Series that are taken in by first sight: a bound against invented names. Each costs some kilobytes of memory."""

SeriesKey = tuple[str, str, str]
DeviceKey = tuple[str, str]


class Registry:
    """Numbers for sites, devices and series, dense from 0 in order of first sight, and what is known about each.

    Numbers live as long as the process; what is kept on disk names (site, device, metric). Safe to read from any
    thread; changes are made under a lock and a record is replaced as a whole.
    """

    def __init__(self, max_series: int = MAX_SERIES) -> None:
        self._max_series = max_series
        self._lock = threading.Lock()
        self._site_number: dict[str, int] = {}
        self._device_number: dict[DeviceKey, int] = {}
        self._series_number: dict[SeriesKey, int] = {}
        self._sites: list[str] = []
        self._devices: list[Device] = []
        self._series: list[tuple[int, Metric]] = []
        self._device_series: list[list[int]] = []
        self._owner = np.zeros(0, np.int32)
        self._home = np.zeros(0, np.int32)
        self._changed = np.zeros(0, np.int64)
        self.version = 0
        """Grows with every change, so that others can tell that what they derived is stale."""

    # -- numbers -------------------------------------------------------------------------------------------------
    def series(self, site: str, device: str, metric: str) -> int:
        """The number of that series, given on first sight. Raises ValueError on an impossible name."""
        number = self._series_number.get((site, device, metric))
        return number if number is not None else self._add_series(site, device, metric)

    def is_full_for(self, site: str, device: str, metric: str) -> str | None:
        """Why no reading of that series can be taken in: it is new, and there are as many as are allowed."""
        if self.n_series < self._max_series or (site, device, metric) in self._series_number:
            return None
        return f"{self._max_series} series are known, and no more are taken in (ingest.max_series)"

    def find(self, site: str, device: str, metric: str) -> int | None:
        """The number of that series, or None if it was never seen."""
        return self._series_number.get((site, device, metric))

    def find_device(self, site: str, device: str) -> int | None:
        """The number of that device, or None if it was never seen."""
        return self._device_number.get((site, device))

    def find_site(self, site: str) -> int | None:
        """The number of that site, or None if it was never seen."""
        return self._site_number.get(site)

    def _add_series(self, site: str, device: str, metric: str) -> int:
        problem = name_problem(metric, "metric")
        if problem:
            raise ValueError(problem)
        with self._lock:
            known = self._series_number.get((site, device, metric))
            if known is not None:
                return known
            device_number = self._device_of(site, device)
            number = len(self._series)
            self._owner = _with(self._owner, number, device_number)  # before anybody reads that there is one more
            self._series.append((device_number, Metric(metric)))
            self._device_series[device_number].append(number)
            self._series_number[site, device, metric] = number
            self._note([number])
            return number

    def _device_of(self, site: str, device: str) -> int:
        number = self._device_number.get((site, device))
        if number is not None:
            return number
        for name, what in ((site, "site"), (device, "device")):
            problem = name_problem(name, what)
            if problem:
                raise ValueError(problem)
        site_number = self._site_number.setdefault(site, len(self._sites))
        if site_number == len(self._sites):
            self._sites.append(site)
        number = len(self._devices)
        self._home = _with(self._home, number, site_number)
        self._device_series.append([])
        self._devices.append(Device(site, device, first_seen=True))
        self._device_number[site, device] = number
        return number

    # -- what is known -------------------------------------------------------------------------------------------
    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return len(self._sites)

    @property
    def n_devices(self) -> int:
        """Number of devices."""
        return len(self._devices)

    @property
    def n_series(self) -> int:
        """Number of series."""
        return len(self._series)

    @property
    def series_device(self) -> IntArray:
        """Device number of every series, shape (n_series,)."""
        n = self.n_series  # asked for first, for the registry may grow
        return self._owner[:n]

    @property
    def device_site(self) -> IntArray:
        """Site number of every device, shape (n_devices,)."""
        n = self.n_devices
        return self._home[:n]

    def site_name(self, site: int) -> str:
        """Name of the site with that number."""
        return self._sites[site]

    def device(self, device: int) -> Device:
        """What is known about the device with that number."""
        return self._devices[device]

    def known(self, site: str, name: str) -> Device:
        """What is known of a device; no more than its name where that was never heard."""
        number = self.find_device(site, name)
        return Device(site, name) if number is None else self.device(number)

    def machine(self, site: str, device: str) -> Machine:
        """What is known about the machine under a device, by its names."""
        return self.known(site, device).machine

    def metric(self, series: int) -> Metric:
        """What is known about the metric of the series with that number."""
        return self._series[series][1]

    def series_of(self, device: int) -> tuple[int, ...]:
        """Series numbers of a device, oldest first."""
        return tuple(self._device_series[device])

    def key(self, series: int) -> SeriesKey:
        """(site, device, metric) of a series number."""
        device_number, metric = self._series[series]
        device = self._devices[device_number]
        return device.site, device.name, metric.name

    def changed_since(self, version: int) -> NDArray[np.intp]:
        """Numbers of the series of which, or of whose devices, something else is known than at that version."""
        return np.flatnonzero(self._changed[: self.n_series] > version)

    def devices(self) -> Iterator[tuple[int, Device]]:
        """Every device with its number, in order of first sight."""
        return iter(list(enumerate(self._devices)))

    # -- changes -------------------------------------------------------------------------------------------------
    def put_device(self, device: Device) -> int:
        """Add a device or replace what is known about it; returns its number. Raises ValueError on a bad name."""
        with self._lock:
            number = self._device_of(device.site, device.name)
            self._devices[number] = device
            self._note(self._device_series[number])
            return number

    def put_metric(self, site: str, device: str, metric: Metric) -> int:
        """Add a metric or replace what is known about it; returns its series number."""
        number = self.series(site, device, metric.name)
        with self._lock:
            self._series[number] = (self._series[number][0], metric)
            self._note([number])
        return number

    def retire(self, site: str, device: str, retired: bool = True) -> None:
        """Take a device out of service, or back into it. Raises KeyError if it is not known."""
        number = self._device_number[site, device]
        self.put_device(replace(self._devices[number], retired=retired))

    def _note(self, series: Sequence[int]) -> None:
        """The next version is one in which these series changed."""
        if len(self._changed) < len(self._series):
            self._changed = np.concatenate([self._changed, np.zeros(len(self._series), np.int64)])
        self._changed[series] = self.version + 1
        self.version += 1


def _with(numbers: IntArray, place: int, number: int) -> IntArray:
    """The array with that number in that place; a longer one where it is full."""
    if place == len(numbers):
        numbers = np.concatenate([numbers, np.zeros(max(place, 16), np.int32)])
    numbers[place] = number
    return numbers
