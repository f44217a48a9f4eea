"""A log of errors and maintenance beside recorded readings: each entry comes in where its time comes in the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ingest.errors import InputError
from ingest.keyed import KeyedBatch
from ingest.logentry import Arrived, LogEntry
from ingest.reading import ReadingBatch
from ingest.registry import Registry
from models.supervised.eventlog import Logged


def arrived(batches: Sequence[KeyedBatch]) -> list[Arrived]:
    """The log entries of batches one after the other, by rows of all of them together."""
    found, before = [], 0
    for batch in batches:
        found += [replace(one, row=one.row + before) for one in batch.log]
        before += len(batch)
    return found


def logged(entries: Iterable[Arrived]) -> list[Logged]:
    """The same as the engine takes them; live ones name their site."""
    return [
        Logged(one.row, one.entry.site or "", one.entry.device, one.entry.time, one.entry.event, one.entry.code)
        for one in entries
    ]


class Homes:
    """Where devices are, for entries that do not say their site."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known = 0
        self._sites: dict[str, list[str]] = {}

    def site_of(self, entry: LogEntry) -> str | None:
        """The site of an entry's device; None while no such device is known. Raises InputError if there are several."""
        for number in range(self._known, self._registry.n_devices):
            device = self._registry.device(number)
            self._sites.setdefault(device.name, []).append(device.site)
        self._known = self._registry.n_devices
        sites = self._sites.get(entry.device, [])
        if entry.site is not None:
            return entry.site if entry.site in sites else None
        if len(sites) > 1:
            raise InputError(
                f"the log does not say at which site device {entry.device!r} is: there is one at each of "
                f"{', '.join(sites)}; give it a column 'site'"
            )
        return sites[0] if sites else None


class LogFeed:
    """Hands the entries of a file over, by their time: before the first row that is as late as they are.

    Entries of a device that is not known yet wait for its first reading.
    """

    def __init__(self, entries: Iterable[LogEntry], registry: Registry) -> None:
        self._entries = sorted(entries, key=lambda entry: entry.time)
        self._registry, self._homes = registry, Homes(registry)
        self._next = 0
        self._n_devices = 0
        self._waiting: list[LogEntry] = []
        self._newest = np.iinfo(np.int64).min

    def before(self, batch: ReadingBatch) -> list[Logged]:
        """The entries that arrive with that batch, the next of the run, in order of their rows."""
        if not len(batch) or not (self._waiting or self._next < len(self._entries)):
            return []
        running = np.maximum(np.maximum.accumulate(batch.time), self._newest)
        come: list[tuple[int, LogEntry]] = []
        if self._registry.n_devices > self._n_devices:
            come = [(0, entry) for entry in self._waiting]
            self._n_devices, self._waiting = self._registry.n_devices, []
        while self._next < len(self._entries) and self._entries[self._next].time <= running[-1]:
            entry = self._entries[self._next]
            come.append((int(np.searchsorted(running, entry.time)), entry))
            self._next += 1
        self._newest = int(running[-1])
        return [logged for row, entry in come if (logged := self._placed(row, entry)) is not None]

    def rest(self, until: int) -> list[Logged]:
        """Those of known devices that are later than all rows and not later than `until` (ns UTC)."""
        come = [entry for entry in self._entries[self._next :] if entry.time <= until]
        self._next += len(come)
        return [logged for entry in come if (logged := self._placed(0, entry)) is not None]

    def _placed(self, row: int, entry: LogEntry) -> Logged | None:
        site = self._homes.site_of(entry)
        if site is None:
            self._waiting.append(entry)
            return None
        return Logged(row, site, entry.device, entry.time, entry.event, entry.code)
