"""Notices what is missing: a device that says nothing any more, or one of its metrics.

    site clock ──ticks──▶ device: nothing heard for the limit of its fastest metric   → the device is silent
    device clock ───────▶ metric: the device speaks on, this metric does not           → the metric is silent

How long the limit of a metric is, `models.detectors.gaps` tells; who sends many readings at once has another one by
`models.detectors.waits`.

A device is measured against the clock of its site as it stood when the device was last heard, so that a device whose
clock is off, or that is fed late, is not taken for a mute one; so is a metric against the clock of its device. A gap
between two readings of the device itself counts as well, whoever else spoke in between. Silence begins the moment its
limit is over, not when somebody notices: the event times here do not depend on how the readings of different devices
interleave; where a device's clock is ahead of its site's, silence begins by the site's clock at the reading or tick
that shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled
from ingest.fleet import NO_SERIES, Fleet, Link, Owner
from ingest.reading import (
    NEVER,
    NS_PER_SECOND,
    BoolArray,
    FlagArray,
    FloatArray,
    IntArray,
    Quality,
    ReadingBatch,
    TimeArray,
)
from ingest.registry import Registry
from ingest.rows import StateTable, under
from models.blocks import Keys
from models.detectors.gaps import NO_LIMIT, SHORTEST_NS, Gaps, least_limit
from models.detectors.waits import EXPLAINED, WAITS, Waiting, expected, learn, no_waits

OBSERVER_GAP_NS = 60 * NS_PER_SECOND
"""Ticks further apart than this mean that nobody listened in between: the time away does not count as silence."""
RECORDED = int(Quality.RECORDED)
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


_TURN = np.dtype(
    [
        ("row", np.int64),
        ("device", np.int64),
        ("series", np.int64),
        ("begins", np.bool_),
        ("at", np.int64),
        ("last", np.int64),
        ("limit_ns", np.int64),
        ("interval_ns", np.float64),
        ("only", np.int64),
    ],
    align=True,
)
"""A `Turn`; `only` is -1 where there is none."""


class _Turn(Protocol):
    row: int
    device: int
    series: int
    begins: bool
    at: int
    last: int
    limit_ns: int
    interval_ns: float
    only: int


class _Site(Protocol):
    """A record of the state of a site."""

    clock: int
    live: bool


class _Device(Waiting, Protocol):
    """A record of the state of a device."""

    clock: int
    heard: int
    fresh: bool
    returned: int
    silent_from: int


class _Series(Waiting, Protocol):
    """A record of the state of a series."""

    last: int
    heard: int
    """The clock of its device when it was last heard: later than `last` if it comes behind the others."""
    limit: int
    interval: float
    silent_from: int


class _Bound(Protocol):
    """What spares a look at every metric of a device with each reading; too low does no harm."""

    due: int
    """None of its metrics is overdue until then, in event time ns."""
    limit: int
    """None of its metrics has a shorter limit, ns."""


class _State(NamedTuple):
    """The records, and how they belong together: the series of a device are a chain, see `ingest.fleet`."""

    sites: Sequence[_Site]
    devices: Sequence[_Device]
    series: Sequence[_Series]
    bounds: Sequence[_Bound]
    device_of: IntArray
    site_of: IntArray
    owners: Sequence[Owner]
    chain: Sequence[Link]


class _Rows(NamedTuple):
    """A batch, with the expected interval and the limit as of each row."""

    series: IntArray
    time: TimeArray
    quality: FlagArray
    interval_ns: FloatArray
    limit: TimeArray
    site: Keys
    """Filled in along the way: the site of each row, and its clock after the row."""
    site_after: TimeArray


class Silence:
    """Clocks of sites and devices, and the last reading and limit of every series."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._fleet, self._gaps = Fleet(), Gaps()
        self._sites = StateTable({"clock": (np.int64, (), NEVER), "live": (np.bool_, (), False)})
        self._devices = StateTable(
            {
                "clock": (np.int64, (), NEVER),
                "heard": (np.int64, (), NEVER),
                "fresh": (np.bool_, (), False),
                "returned": (np.int64, (), NEVER),
                "silent_from": (np.int64, (), NEVER),
                **WAITS,
            }
        )
        self._series = StateTable(
            {
                "last": (np.int64, (), NEVER),
                "heard": (np.int64, (), NEVER),
                "limit": (np.int64, (), NO_LIMIT),
                "interval": (np.float64, (), np.nan),
                "silent_from": (np.int64, (), NEVER),
                **WAITS,
            }
        )
        self._bounds = _no_bounds()

    def advance(self, batch: ReadingBatch, interval_ns: FloatArray) -> list[Turn]:
        """Follow newly judged readings, in order of arrival; recorded ones also tick their site.

        `interval_ns` is each row's expected interval as known with that reading, NaN if unknown.
        """
        state = self._at_hand()
        rows = _rows(batch, interval_ns, self._gaps.limits(batch.series, batch.time, interval_ns))
        turns = _room(state, len(batch))
        return _told(turns[: _advance(state, rows, turns)])

    def tick(self, now: int) -> list[Turn]:
        """It is now `now` (ns UTC) at every site whose last reading was a live one."""
        state, rows = self._at_hand(), _rows(ReadingBatch.empty(), np.zeros(0), np.zeros(0, np.int64))
        turns = _room(state, 0)
        return _told(turns[: _tick(state, rows, now, turns)])

    def _at_hand(self) -> _State:
        device_of = self._registry.series_device
        site_of = self._registry.device_site  # asked for later, for the registry may grow: every owner is among them
        self._fleet.follow(device_of, len(site_of))
        self._series.resize(len(device_of))
        self._gaps.resize(len(device_of))
        self._devices.resize(len(site_of))
        self._bounds.resize(len(site_of))
        self._sites.resize(self._registry.n_sites)
        sites, devices, series, bounds = self._sites, self._devices, self._series, self._bounds
        records = sites.records, devices.records, series.records, bounds.records
        return _State(*records, device_of, site_of, self._fleet.devices, self._fleet.series)

    def save(self) -> dict[str, dict[str, NDArray[Any]]]:
        """The state of sites, devices and series as arrays with a row each."""
        series = self._series.save() | {f"gaps.{name}": column for name, column in self._gaps.save().items()}
        return {"site": self._sites.save(), "device": self._devices.save(), "series": series}

    def restore(
        self, saved: Mapping[str, Mapping[str, NDArray[Any]]], sites: IntArray, devices: IntArray, series: IntArray
    ) -> None:
        """Take back a saved state; the arrays tell which number each saved row belongs to."""
        self._sites.restore(saved["site"], sites)
        waits = {part: no_waits(len(next(iter(saved[part].values())))) for part in ("device", "series")}  # if none yet
        self._devices.restore({**waits["device"], **saved["device"]}, devices)
        self._series.restore({**waits["series"], **_with_heard(saved["series"])}, series)
        self._gaps.restore(under(saved["series"], "gaps."), series)
        self._bounds = _no_bounds()


def _with_heard(series: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """A saved state of before it was kept when a metric was heard, as one that has it."""
    if "heard" in series:
        return series
    begun = np.where(series["silent"], series["last"] + series["limit"], NEVER)
    return {**series, "heard": series["last"], "silent_from": begun}


def _no_bounds() -> StateTable:
    """Bounds that are worked out when somebody asks: they are no part of what is saved."""
    return StateTable({"due": (np.int64, (), NEVER), "limit": (np.int64, (), 0)})


def _rows(batch: ReadingBatch, interval_ns: FloatArray, limit: TimeArray) -> _Rows:
    site, site_after = np.empty(len(batch), np.int64), np.empty(len(batch), np.int64)
    return _Rows(batch.series, batch.time, batch.quality, interval_ns, limit, site, site_after)


def _room(state: _State, n_rows: int) -> Any:
    """Room for turns: with a row a device and a series may return, and be silent again; the others be silent once."""
    return np.empty(4 * n_rows + len(state.site_of) + len(state.device_of), _TURN)


def _told(turns: Any) -> list[Turn]:
    """As objects, in order of the rows that showed them."""
    found = [Turn(*[*turn, only if only >= 0 else None]) for *turn, only in turns.tolist()]
    return sorted(found, key=lambda turn: (turn.row, turn.at, turn.device, turn.series))


@compiled
def _advance(state: _State, rows: _Rows, turns: Sequence[_Turn]) -> int:
    """One reading after the other, then what the clocks show that they moved. Fills in the turns; how many."""
    n, ticked = 0, np.zeros(len(state.sites), np.bool_)
    for row in range(len(rows.series)):
        number, time = rows.series[row], rows.time[row]
        owner = state.device_of[number]
        home = state.site_of[owner]
        site, device, own, bound = state.sites[home], state.devices[owner], state.series[number], state.bounds[owner]
        before, site.live = site.clock, rows.quality[row] & RECORDED == 0
        if not site.live:
            site.clock = max(before, time)
            ticked[home] = True
        rows.site[row], rows.site_after[row] = home, site.clock
        gap = _gap(device, before, time)
        if gap > SHORTEST_NS:
            if device.silent_from == NEVER and gap > bound.limit:
                n = _silence_before(state, rows, row, before, turns, n)
            _learn_device(state, owner, before, time)
        if own.heard != NEVER and device.clock - own.heard > SHORTEST_NS:
            _learn_metric(own, device.clock, time)
        if device.silent_from != NEVER:
            n = _end(turns, n, row, owner, WHOLE_DEVICE, max(time, device.silent_from))
            device.silent_from, device.returned = NEVER, time
        if own.silent_from != NEVER:
            n = _end(turns, n, row, owner, number, max(time, own.silent_from))
            own.silent_from = NEVER
        device.clock, device.heard, device.fresh = max(device.clock, time), site.clock, site.live
        own.last, own.heard, own.interval = time, device.clock, rows.interval_ns[row]
        own.limit = max(rows.limit[row], expected(own, own.heard))
        if own.limit != NO_LIMIT:
            bound.limit = min(bound.limit, own.limit)
            bound.due = min(bound.due, max(own.heard, device.returned) + own.limit)
        if device.clock > bound.due:
            n = _missing_metrics(state, row, owner, turns, n)
    return _overdue(state, rows, ticked, turns, n) if ticked.any() else n


@compiled
def _gap(device: _Device, site_clock: int, time: int) -> int:
    """For how long nothing was heard of a device that speaks at `time`: by its own clock, or by its site's."""
    gap = 0
    if device.clock != NEVER:
        gap = time - device.clock
    if NEVER not in (device.heard, site_clock):
        gap = max(gap, site_clock - device.heard)
    return gap


@compiled
def _learn_device(state: _State, owner: int, site_clock: int, time: int) -> None:
    """Learn for how long a device was not heard of, unless its readings explain it; `time` is that of the next one."""
    device = state.devices[owner]
    if NEVER in (device.heard, site_clock):
        return
    wait, least = site_clock - device.heard, NO_LIMIT
    if wait <= EXPLAINED * (time - device.clock):
        return
    number = state.owners[owner].first
    while number != NO_SERIES:
        own = state.series[number]
        if own.silent_from == NEVER and own.last != NEVER:
            least = min(least, least_limit(own.interval))
        number = state.chain[number].next
    if wait > least:
        learn(device, device.heard, site_clock)


@compiled
def _learn_metric(own: _Series, device_clock: int, time: int) -> None:
    """The same of a metric, on the clock of its device."""
    wait = device_clock - own.heard
    if wait > EXPLAINED * (time - own.last) and wait > least_limit(own.interval):
        learn(own, own.heard, device_clock)


@compiled
def _silence_before(state: _State, rows: _Rows, row: int, site_clock: int, turns: Sequence[_Turn], n: int) -> int:
    """The silence that a reading ends, if there was one; `site_clock` is that before the row."""
    owner = state.device_of[rows.series[row]]
    device, limit = state.devices[owner], _device_limit(state, owner)
    if _gap(device, site_clock, rows.time[row]) <= limit:
        return n
    shown, due = row, device.clock + limit
    if not device.fresh and NEVER not in (device.heard, site_clock) and site_clock - device.heard > limit:
        shown = _first_row(rows, rows.site[row], device.heard + limit, row)
        due = min(due, rows.site_after[shown])
    return _begin_device(state, shown, owner, due, turns, n)


@compiled
def _first_row(rows: _Rows, site: int, due: int, end: int) -> int:
    """The first row before `end` at which the site's clock was past `due`; `end` if it was not."""
    for row in range(end):
        if rows.site[row] == site and rows.site_after[row] > due:
            return row
    return end


@compiled
def _missing_metrics(state: _State, row: int, owner: int, turns: Sequence[_Turn], n: int) -> int:
    """Metrics of a device that are overdue by its own clock are silent from now on."""
    device, earliest = state.devices[owner], NO_LIMIT
    number = state.owners[owner].first
    while number != NO_SERIES:
        own = state.series[number]
        if own.silent_from == NEVER and own.last != NEVER and own.limit != NO_LIMIT:
            shown = max(own.heard, device.returned) + own.limit
            if device.clock > shown:
                due = own.silent_from = max(own.last, device.returned) + own.limit
                n = _tell(turns, n, row, owner, number, True, due, own.last, own.limit, own.interval, -1)
            else:
                earliest = min(earliest, shown)
        number = state.chain[number].next
    state.bounds[owner].due = earliest
    return n


@compiled
def _device_limit(state: _State, owner: int) -> int:
    """The limit of a device's fastest metric that is not silent, or what its usual waits ask for."""
    limit, number = NO_LIMIT, state.owners[owner].first
    while number != NO_SERIES:
        own = state.series[number]
        if own.silent_from == NEVER and own.last != NEVER:
            limit = min(limit, own.limit)
        number = state.chain[number].next
    state.bounds[owner].limit = limit
    return max(limit, expected(state.devices[owner], state.devices[owner].heard))


@compiled
def _tick(state: _State, rows: _Rows, now: int, turns: Sequence[_Turn]) -> int:
    """Move the clocks of live sites, then as `_advance`."""
    ticked, away = np.zeros(len(state.sites), np.bool_), np.zeros(len(state.sites), np.int64)
    for home in range(len(state.sites)):
        site = state.sites[home]
        if site.live:
            ticked[home] = True
            away[home] = now - site.clock if site.clock != NEVER else 0
            site.clock = max(now, site.clock)
    for owner in range(len(state.site_of)):
        home, device = state.site_of[owner], state.devices[owner]
        if away[home] > OBSERVER_GAP_NS and device.heard != NEVER:
            device.heard += away[home]
            device.back += away[home] if device.back != NEVER else 0
        if ticked[home] and device.fresh:
            device.heard, device.fresh = state.sites[home].clock, False
    return _overdue(state, rows, ticked, turns, 0)


@compiled
def _overdue(state: _State, rows: _Rows, ticked: BoolArray, turns: Sequence[_Turn], n: int) -> int:
    """Devices of those sites that their site's clock shows to be silent now; how many turns there are then."""
    for owner in range(len(state.site_of)):
        home, device = state.site_of[owner], state.devices[owner]
        if not ticked[home] or device.heard == NEVER or device.silent_from != NEVER or device.fresh:
            continue
        clock = state.sites[home].clock
        if clock - device.heard <= state.bounds[owner].limit:
            continue
        limit = _device_limit(state, owner)
        if clock - device.heard > limit:
            shown = _first_row(rows, home, device.heard + limit, len(rows.series))
            known = rows.site_after[shown] if shown < len(rows.series) else clock
            n = _begin_device(state, shown, owner, min(device.clock + limit, known), turns, n)
    return n


@compiled
def _begin_device(state: _State, row: int, owner: int, due: int, turns: Sequence[_Turn], n: int) -> int:
    """A device is silent from `due` on."""
    device, known, only = state.devices[owner], 0, -1
    limit, interval, number = NO_LIMIT, np.inf, state.owners[owner].first
    while number != NO_SERIES:
        own = state.series[number]
        if own.last != NEVER:
            known, only = known + 1, number
            limit = min(limit, own.limit)
            interval = min(interval, own.interval)
        number = state.chain[number].next
    limit = max(limit, expected(device, device.heard))
    device.silent_from = due
    only = only if known == 1 else -1
    return _tell(turns, n, row, owner, WHOLE_DEVICE, True, due, device.clock, limit, interval, only)


@compiled
def _end(turns: Sequence[_Turn], n: int, row: int, device: int, series: int, at: int) -> int:
    return _tell(turns, n, row, device, series, False, at, NEVER, 0, 0.0, -1)


@compiled
def _tell(
    turns: Sequence[_Turn],
    n: int,
    row: int,
    device: int,
    series: int,
    begins: bool,
    at: int,
    last: int,
    limit_ns: int,
    interval_ns: float,
    only: int,
) -> int:
    turn = turns[n]
    turn.row, turn.device, turn.series, turn.begins, turn.at = row, device, series, begins, at
    turn.last, turn.limit_ns, turn.interval_ns, turn.only = last, limit_ns, interval_ns, only
    return n + 1
