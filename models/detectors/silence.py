"""Notices what is missing: a device that says nothing any more, or one of its metrics.

    site clock ──ticks──▶ device: nothing heard for the limit of its fastest metric   → the device is silent
    device clock ───────▶ metric: the device speaks on, this metric does not           → the metric is silent

A device is measured against the clock of its site as it stood when the device was last heard, so that a device whose
clock is off, or that is fed late, is not taken for a mute one. A gap between two readings of the device itself counts
as well, whoever else spoke in between. Silence begins the moment its limit is over, not when somebody notices: the
event times here do not depend on how the readings of different devices interleave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.reading import NS_PER_SECOND, BoolArray, FloatArray, IntArray, Quality, ReadingBatch, TimeArray
from ingest.registry import Registry
from ingest.rows import StateTable
from ingest.runs import run_ends, run_starts, shifted

INTERVALS = 10
"""Expected intervals without a reading that make a silence."""
SHORTEST_NS = 300 * NS_PER_SECOND
"""No silence is shorter than 5 minutes, however fast the metric."""
OBSERVER_GAP_NS = 60 * NS_PER_SECOND
"""Ticks further apart than this mean that nobody listened in between: the time away does not count as silence."""
NEVER = np.iinfo(np.int64).min
_UNKNOWN_LIMIT = np.iinfo(np.int64).max
WHOLE_DEVICE = -1


@dataclass(frozen=True, slots=True)
class Turn:
    """A silence begins or ends."""

    row: int
    """Row of the batch that showed it; the batch's length where only a tick did."""
    device: int
    series: int
    """Series number, or `WHOLE_DEVICE`."""
    begins: bool
    at: int
    """Event time in ns: when the limit was over, or when the device or metric was heard again."""
    last: int = NEVER
    """Where it begins: time of the last reading."""
    limit_ns: int = 0
    interval_ns: float = 0.0
    """Where it begins: how often a reading was expected."""
    only: int | None = None
    """For a whole device: its series, if it ever reported only one."""


def limits_ns(interval_ns: FloatArray) -> TimeArray:
    """The silence limit for each expected interval, in whole seconds; unknown intervals have no limit."""
    known = ~np.isnan(interval_ns)
    limit = np.full(len(interval_ns), _UNKNOWN_LIMIT, np.int64)
    seconds = np.round(INTERVALS * interval_ns[known] / NS_PER_SECOND).astype(np.int64)
    limit[known] = np.maximum(seconds * NS_PER_SECOND, SHORTEST_NS)
    return limit


class Silence:
    """Clocks of sites and devices, and the last reading and limit of every series."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._fleet = _Fleet(registry)
        self._sites = StateTable({"clock": (np.int64, (), NEVER), "live": (np.bool_, (), False)})
        self._devices = StateTable(
            {
                "clock": (np.int64, (), NEVER),
                "heard": (np.int64, (), NEVER),
                "fresh": (np.bool_, (), False),
                "returned": (np.int64, (), NEVER),
                "silent_from": (np.int64, (), NEVER),
            }
        )
        self._series = StateTable(
            {
                "last": (np.int64, (), NEVER),
                "limit": (np.int64, (), _UNKNOWN_LIMIT),
                "interval": (np.float64, (), np.nan),
                "silent": (np.bool_, (), False),
            }
        )

    # -- readings --------------------------------------------------------------------------------------------------
    def advance(self, batch: ReadingBatch, interval_ns: FloatArray) -> list[Turn]:
        """Follow newly judged readings, in order of arrival; recorded ones also tick their site.

        `interval_ns` is each row's expected interval as known with that reading, NaN if unknown.
        """
        if not len(batch):
            return []
        self._resize()
        device = self._registry.series_device[batch.series]
        walk = _Walk(batch, interval_ns, device, self._registry.device_site[device])
        walk.tick_sites(self._sites)
        suspects = self._suspects(walk)
        turns = [turn for number in suspects for turn in self._walk_device(number, walk)]
        calm = ~np.isin(device, suspects)
        self._remember(walk, calm)
        turns.extend(self._overdue(np.unique(walk.site[walk.recorded]), len(batch), walk))
        return sorted(turns, key=lambda t: (t.row, t.at, t.device, t.series))

    def tick(self, now: int) -> list[Turn]:
        """It is now `now` (ns UTC) at every site whose last reading was a live one."""
        self._resize()
        sites = np.flatnonzero(self._sites["live"][: self._registry.n_sites])
        clock = self._sites["clock"]
        for site in sites.tolist():
            members = np.flatnonzero(self._registry.device_site == site)
            away = now - int(clock[site]) if clock[site] != NEVER else 0
            if away > OBSERVER_GAP_NS:
                heard = self._devices["heard"][members]
                self._devices["heard"][members] = np.where(heard == NEVER, NEVER, heard + away)
            fresh = members[self._devices["fresh"][members]]
            clock[site] = max(now, int(clock[site]))
            self._devices["heard"][fresh] = clock[site]
            self._devices["fresh"][fresh] = False
        return self._overdue(sites, 0, None)

    # -- the quick look: which devices may have anything to report ---------------------------------------------------
    def _suspects(self, walk: _Walk) -> list[int]:
        state, series = self._devices, walk.batch.series
        order = np.argsort(walk.device, kind="stable")
        device, time = walk.device[order], walk.batch.time[order]
        first = run_starts(device)
        before = np.where(first, state["clock"][device], shifted(time, NEVER))
        heard = np.where(first, state["heard"][device], shifted(walk.site_after[order], NEVER))
        shortest = self._shortest(walk)[walk.place[order]]
        gap = (before != NEVER) & (time > before) & (_ahead(time, before) > shortest)
        site_before = walk.site_before[order]
        unheard = (heard != NEVER) & (site_before > heard) & (_ahead(site_before, heard) > shortest)
        returns = self._series["silent"][series] | (state["silent_from"][walk.device] != NEVER)
        found = set(device[gap | unheard].tolist()) | set(walk.device[returns].tolist())
        return sorted(found | set(self._missing_metrics(walk)))

    def _shortest(self, walk: _Walk) -> TimeArray:
        """A lower bound of the limits of each device of the batch, before and during it."""
        members, owner = self._fleet.series_of(walk.devices)
        shortest = np.full(len(walk.devices), _UNKNOWN_LIMIT, np.int64)
        np.minimum.at(shortest, owner, self._series["limit"][members])
        np.minimum.at(shortest, walk.place, walk.limit)
        return shortest

    def _missing_metrics(self, walk: _Walk) -> list[int]:
        """Devices with a series that, at some row of the batch, may have been overdue by the device's own clock."""
        members, owner = self._fleet.series_of(walk.devices)
        newest = np.full(len(walk.devices), NEVER, np.int64)
        np.maximum.at(newest, walk.place, walk.batch.time)
        order = np.argsort(walk.batch.series, kind="stable")
        series, time, limit = walk.batch.series[order], walk.batch.time[order], walk.limit[order]
        first = run_starts(series)
        before = np.where(first, self._series["last"][series], shifted(time, NEVER))
        bound = np.where(first, self._series["limit"][series], shifted(limit, _UNKNOWN_LIMIT))
        late = (before != NEVER) & (time > before) & (_ahead(time, before) > bound)
        final = run_ends(series)
        at = np.searchsorted(series[final], members)
        at[at == len(series[final])] = 0
        spoke = series[final][at] == members
        last = np.where(spoke, time[final][at], self._series["last"][members])
        bounds = np.where(spoke, limit[final][at], self._series["limit"][members])
        clock = newest[owner]
        quiet = (last != NEVER) & ~self._series["silent"][members] & (clock > last)
        quiet &= _ahead(clock, last) > bounds
        owners = self._registry.series_device[np.r_[series[late], members[quiet]].astype(np.intp)]
        return [int(number) for number in np.unique(owners)]

    def _remember(self, walk: _Walk, calm: BoolArray) -> None:
        """Take over the rows of devices that have nothing to report."""
        series, device = walk.batch.series[calm], walk.device[calm]
        self._series["last"][series] = walk.batch.time[calm]
        self._series["limit"][series] = walk.limit[calm]
        self._series["interval"][series] = walk.interval[calm]
        np.maximum.at(self._devices["clock"], device, walk.batch.time[calm])
        self._devices["heard"][device] = walk.site_after[calm]
        self._devices["fresh"][device] = ~walk.recorded[calm]

    # -- the exact look: one device, reading by reading --------------------------------------------------------------
    def _walk_device(self, device: int, walk: _Walk) -> list[Turn]:
        turns: list[Turn] = []
        members = self._registry.series_of(device)
        state, series = self._devices, self._series
        for row in np.flatnonzero(walk.device == device).tolist():
            time, number = int(walk.batch.time[row]), int(walk.batch.series[row])
            if state["silent_from"][device] == NEVER:
                turns.extend(self._silence_before(device, row, time, walk))
            if state["silent_from"][device] != NEVER:
                back = max(time, int(state["silent_from"][device]))
                turns.append(Turn(row, device, WHOLE_DEVICE, False, back))
                state["silent_from"][device] = NEVER
                state["returned"][device] = time
            if series["silent"][number]:
                turns.append(Turn(row, device, number, False, time))
                series["silent"][number] = False
            series["last"][number] = time
            series["limit"][number], series["interval"][number] = walk.limit[row], walk.interval[row]
            state["clock"][device] = max(int(state["clock"][device]), time)
            state["heard"][device], state["fresh"][device] = walk.site_after[row], not walk.recorded[row]
            for other in members:
                due = self._due(device, other)
                if due is not None and int(state["clock"][device]) > due:
                    series["silent"][other] = True
                    turns.append(self._begin(row, device, other, due))
        return turns

    def _silence_before(self, device: int, row: int, time: int, walk: _Walk) -> list[Turn]:
        """The silence that a reading at `time` ends, if there was one."""
        due = self._device_due(device)
        if due is None:
            return []
        by_site = walk.first_site_row_after(row, self._site_due(device, due))
        if by_site is None and time <= due:
            return []
        return [self._device_turn(row if by_site is None else by_site, device, due)]

    def _overdue(self, sites: NDArray[Any], row: int, walk: _Walk | None) -> list[Turn]:
        """Devices of those sites that their site's clock shows to be silent now."""
        if not len(sites):
            return []
        state, clock = self._devices, self._sites["clock"]
        n = self._registry.n_devices
        site = self._registry.device_site[:n]
        shortest = np.full(n, _UNKNOWN_LIMIT, np.int64)
        np.minimum.at(shortest, self._registry.series_device, self._series["limit"][: self._registry.n_series])
        asked = np.isin(site, sites) & (state["heard"][:n] != NEVER) & (state["silent_from"][:n] == NEVER)
        asked &= (clock[site] > state["heard"][:n]) & ~state["fresh"][:n]
        asked &= _ahead(clock[site], state["heard"][:n]) > shortest
        turns = []
        for device in np.flatnonzero(asked).tolist():
            due = self._device_due(device)
            if due is None or int(clock[site[device]]) <= self._site_due(device, due):
                continue
            shown = row if walk is None else walk.first_site_row(int(site[device]), self._site_due(device, due))
            turns.append(self._device_turn(shown, device, min(due, int(clock[site[device]]))))
        return turns

    # -- due times ---------------------------------------------------------------------------------------------------
    def _due(self, device: int, series: int) -> int | None:
        """When a series is overdue, in event time; None where it is silent already or has no known interval."""
        last, limit = int(self._series["last"][series]), int(self._series["limit"][series])
        if self._series["silent"][series] or last == NEVER or limit == _UNKNOWN_LIMIT:
            return None
        return max(last, int(self._devices["returned"][device])) + limit

    def _device_due(self, device: int) -> int | None:
        """Until when the device must speak again, in event time: the limit of its fastest metric that is not silent."""
        members = self._registry.series_of(device)
        limits = [int(self._series["limit"][n]) for n in members if self._due(device, n) is not None]
        return int(self._devices["clock"][device]) + min(limits) if limits else None

    def _site_due(self, device: int, due: int) -> int:
        """The same moment on the clock of the site, as it stood when the device was last heard."""
        return int(self._devices["heard"][device]) + due - int(self._devices["clock"][device])

    def _begin(self, row: int, device: int, series: int, due: int) -> Turn:
        last, limit = int(self._series["last"][series]), int(self._series["limit"][series])
        return Turn(row, device, series, True, due, last, limit, float(self._series["interval"][series]))

    def _device_turn(self, row: int, device: int, due: int) -> Turn:
        self._devices["silent_from"][device] = due
        known = [number for number in self._registry.series_of(device) if self._series["last"][number] != NEVER]
        limit = min(int(self._series["limit"][number]) for number in known)
        interval = float(np.nanmin(self._series["interval"][known]))
        only = known[0] if len(known) == 1 else None
        return Turn(row, device, WHOLE_DEVICE, True, due, int(self._devices["clock"][device]), limit, interval, only)

    # -- state -------------------------------------------------------------------------------------------------------
    def _resize(self) -> None:
        self._sites.resize(self._registry.n_sites)
        self._devices.resize(self._registry.n_devices)
        self._series.resize(self._registry.n_series)

    def save(self) -> dict[str, dict[str, NDArray[Any]]]:
        """The state of sites, devices and series as arrays with a row each."""
        return {"site": self._sites.save(), "device": self._devices.save(), "series": self._series.save()}

    def restore(
        self, saved: Mapping[str, Mapping[str, NDArray[Any]]], sites: IntArray, devices: IntArray, series: IntArray
    ) -> None:
        """Take back a saved state; the arrays tell which number each saved row belongs to."""
        self._sites.restore(saved["site"], sites)
        self._devices.restore(saved["device"], devices)
        self._series.restore(saved["series"], series)


class _Fleet:
    """Which series belong to which device, as arrays; follows changes of the registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._n_series = -1
        self._order = np.zeros(0, np.intp)
        self._starts = np.zeros(1, np.intp)

    def series_of(self, devices: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Series numbers of all `devices` (device numbers), and for each its device's place in `devices`."""
        if self._n_series != self._registry.n_series:
            self._n_series = self._registry.n_series
            owner = self._registry.series_device
            self._order = np.argsort(owner, kind="stable")
            self._starts = np.searchsorted(owner[self._order], np.arange(self._registry.n_devices + 1))
        start, size = self._starts[devices], np.diff(self._starts)[devices]
        place = np.repeat(np.arange(len(devices)), size)
        within = np.arange(len(place)) - np.repeat(np.cumsum(size) - size, size)
        return self._order[start[place] + within], place


class _Walk:
    """A batch with what the walk along it needs: device, site and the site's clock before and after each row."""

    def __init__(self, batch: ReadingBatch, interval: FloatArray, device: IntArray, site: IntArray) -> None:
        self.batch, self.interval, self.device, self.site = batch, interval, device, site
        self.limit = limits_ns(interval)
        self.devices, self.place = np.unique(device, return_inverse=True)
        self.recorded: BoolArray = (batch.quality & Quality.RECORDED) != 0
        self.site_before = np.full(len(batch), NEVER, np.int64)
        self.site_after = np.full(len(batch), NEVER, np.int64)
        self._rows: dict[int, NDArray[np.intp]] = {}

    def tick_sites(self, sites: StateTable) -> None:
        """Move the clocks of the batch's sites along its recorded rows, and note which sites are live."""
        time = np.where(self.recorded, self.batch.time, NEVER)
        for number in np.unique(self.site).tolist():
            rows = np.flatnonzero(self.site == number)
            start = sites["clock"][number]
            clock = np.maximum.accumulate(np.maximum(time[rows], start))
            self.site_after[rows], self.site_before[rows] = clock, shifted(clock, start)
            sites["clock"][number], sites["live"][number] = clock[-1], not self.recorded[rows[-1]]
            self._rows[number] = rows

    def first_site_row(self, site: int, due: int) -> int:
        """The first row at which the site's clock is past `due`."""
        rows = self._rows[site]
        at = int(np.searchsorted(self.site_after[rows], due, side="right"))
        return int(rows[min(at, len(rows) - 1)])

    def first_site_row_after(self, row: int, due: int) -> int | None:
        """The row before `row` at which the site's clock was first past `due`, or None if it was not."""
        if self.site_before[row] == NEVER or self.site_before[row] <= due:
            return None
        return self.first_site_row(int(self.site[row]), due)


def _ahead(later: TimeArray, earlier: TimeArray) -> TimeArray:
    """Later − earlier where that makes sense; 0 where either was never set (their difference would overflow)."""
    valid = (later != NEVER) & (earlier != NEVER)
    return np.where(valid, later - np.where(valid, earlier, later), 0)
