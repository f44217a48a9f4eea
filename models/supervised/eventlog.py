"""What was logged about each device, remembered as far as a judgement may need it.

Entries take effect in order of arrival and from their time on, never before. A device's last ones are remembered, of
errors and marks as many as of maintenance, so that a flood of errors does not wash the last overhaul away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.logentry import Event
from ingest.reading import TimeArray
from ingest.registry import DeviceKey

REMEMBERED = 64
"""Entries of a device: errors and marks; and as many of maintenance and failures."""
LONGEST_CODE = 128
_SERVICES = (f"{Event.MAINTENANCE}:", f"{Event.FAILURE}:")
MAX_DEVICES = 200_000
"""Devices whose entries are remembered: a bound against invented names."""


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry on its way into the engine: it arrives before row `row` of the batch."""

    row: int
    site: str
    device: str
    time: int
    """When it happened, ns UTC."""
    event: Event
    code: str

    @property
    def key(self) -> str:
        """Event and code in one word."""
        return f"{self.event}:{self.code}"


def moved(entries: Sequence[Logged], rows: NDArray[np.intp]) -> list[Logged]:
    """The same entries before the same readings, when only `rows` of the batch, ascending, are left of it."""
    return [replace(entry, row=int(np.searchsorted(rows, entry.row))) for entry in entries]


def is_service(key: str) -> bool:
    """Whether entries of that key tell of work on the device, and not of signs of trouble."""
    return key.startswith(_SERVICES)


@dataclass(slots=True)
class _Page:
    """The entries of one device, oldest arrival first."""

    time: list[int] = field(default_factory=list)
    key: list[str] = field(default_factory=list)
    row: list[int] = field(default_factory=list)
    """Row of the batch at hand before which it arrived; below 0: with an earlier batch."""

    def trim(self) -> None:
        """Keep the last ones, and forget of which batch they were."""
        kept: list[int] = []
        room = {True: REMEMBERED, False: REMEMBERED}
        for place in range(len(self.key) - 1, -1, -1):
            kind = is_service(self.key[place])
            if room[kind]:
                room[kind] -= 1
                kept.append(place)
        kept.reverse()
        self.time, self.key = [self.time[place] for place in kept], [self.key[place] for place in kept]
        self.row = [-1] * len(kept)


@dataclass(frozen=True, slots=True)
class View:
    """The entries of a device as columns, and which of them are known at each of its instants."""

    key: tuple[str, ...]
    time: TimeArray
    known: NDArray[np.bool_]
    """Shape (n_instants, n_entries)."""


class EventLog:
    """The entries of all devices, by their names: a log may speak of a device before its first reading."""

    def __init__(self) -> None:
        self._pages: dict[DeviceKey, _Page] = {}
        self._touched: set[DeviceKey] = set()

    def note(self, entries: Iterable[Logged]) -> list[Logged]:
        """Take in the entries that arrive with a batch, in order; those that are new are returned."""
        new = []
        for entry in entries:
            device = (entry.site, entry.device)
            if device not in self._pages and len(self._pages) >= MAX_DEVICES:
                continue
            page = self._pages.setdefault(device, _Page())
            key = entry.key[:LONGEST_CODE]
            if any(t == entry.time and k == key for t, k in zip(page.time, page.key, strict=True)):
                continue
            page.time.append(entry.time)
            page.key.append(key)
            page.row.append(entry.row)
            self._touched.add(device)
            new.append(entry)
        return new

    def view(self, device: DeviceKey, row: NDArray[np.intp], time: TimeArray) -> View | None:
        """What is known of a device's log at instants of the batch at hand; None if nothing was ever logged."""
        page = self._pages.get(device)
        if page is None:
            return None
        arrived = np.array(page.row)[None, :] <= row[:, None]
        service = np.array([is_service(key) for key in page.key])
        at = np.array(page.time, np.int64)
        known = arrived & (at[None, :] <= time[:, None])
        for kind in (True, False):  # what a trim would have forgotten by then is not known any more
            some = np.flatnonzero(service == kind)
            later = np.cumsum(arrived[:, some][:, ::-1], axis=1)[:, ::-1]
            known[:, some] &= later <= REMEMBERED
        return View(tuple(page.key), at, known)

    def settle(self) -> None:
        """The batch is done: what arrived with it is the past."""
        for device in self._touched:
            self._pages[device].trim()
        self._touched.clear()

    # -- state -------------------------------------------------------------------------------------------------------
    def save(self) -> list[tuple[str, str, list[int], list[str]]]:
        """(site, device, times, keys) of every device with entries."""
        return [(*device, page.time, page.key) for device, page in self._pages.items()]

    def restore(self, saved: Iterable[Sequence[Any]]) -> None:
        """Take back what `save` gave."""
        self._pages = {
            (site, device): _Page(list(times), list(keys), [-1] * len(keys)) for site, device, times, keys in saved
        }
