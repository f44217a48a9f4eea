"""The first page: every site and device at a glance, what is wrong, and what is due."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from alerts.alert import OPEN_STATES
from alerts.store import AlertFilter, Brief
from api.deps import RECALLED, Deps, Parts
from api.devices import DeviceState, Heard, all_devices, device_states
from api.web.figures import URGENCY, Health, health, promised
from api.web.render import device_url, view_of
from ingest.reading import NS_PER_DAY
from ingest.registry import DeviceKey
from workorders.promises import shipped
from workorders.store import OrderFilter

router = APIRouter(include_in_schema=False)
MOST_DEVICES = 200
"""Devices that the page shows; the ones that need attention come first."""
MOST_ROWS = 8
MOST_VALUES = 4
PROMISE_DAYS = 30
"""The promises are counted over the orders of so many days."""
_SHOWN_STATES = frozenset({DeviceState.NO_UNIT, DeviceState.CLOCK_OFF})
"""Beside its health; the other states are part of that."""


@dataclass(frozen=True, slots=True)
class Value:
    """The newest reading of one metric."""

    metric: str
    value: float
    unit: str | None
    off: bool
    """Whether an alert about it is still on."""


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One device on the page."""

    site: str
    name: str
    title: str
    subtitle: str
    health: Health
    seen: int | None
    values: Sequence[Value]
    enough_at: int | None
    """When there will be enough data to judge it, in event time; None if there is, or while that is not known."""
    offline: bool
    """Whether it said itself, or its will for it, that it is."""
    states: Sequence[DeviceState]
    spark_url: str | None


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One site on the page, its devices by need of attention."""

    name: str
    devices: Sequence[DeviceRow]
    healths: Sequence[tuple[Health, int]]


@router.get("/", dependencies=[RECALLED])
def overview(request: Request, deps: Parts, q: str = "") -> Response:
    """The page."""
    view = view_of(request, deps)
    unended = AlertFilter(states=OPEN_STATES)
    alerts = deps.alerts.briefs(unended)
    orders = deps.orders.times(view.now - PROMISE_DAYS * NS_PER_DAY)
    everything = device_rows(deps, alerts)
    rows = [row for row in everything if q.casefold() in f"{row.site} {row.name} {row.title} {row.subtitle}".casefold()]
    tiles = {
        "devices": len(everything),
        "ok": sum(row.health is Health.OK for row in everything),
        "alerts": len(alerts),
        "urgent": sum(alert.severity.rank >= 2 for alert in alerts),
        "orders": sum(order.closed_at is None for order in orders),
        "promised": promised(orders, view.now),
    }
    return view.page(
        "overview.html",
        here="overview",
        stream_url="/api/v1/stream?topic=alert&topic=work_order",
        tiles=tiles,
        solved_promise=shipped().asked.solved,
        sites=by_site(rows, MOST_DEVICES),
        shown=min(len(rows), MOST_DEVICES),
        hidden=max(0, len(rows) - MOST_DEVICES),
        many=len(everything) > 20,
        query=q,
        alerts=deps.alerts.worst(unended, MOST_ROWS),
        complained=deps.orders.list(OrderFilter(complaint=True), MOST_ROWS).items,
        orders=deps.orders.most_urgent(OrderFilter(open=True), MOST_ROWS),
    )


def device_rows(deps: Deps, open_alerts: Sequence[Brief]) -> list[DeviceRow]:
    """Every device, the ones that need attention first."""
    of_device: Mapping[DeviceKey, list[Brief]] = defaultdict(list)
    for alert in open_alerts:
        of_device[alert.site, alert.device].append(alert)
    rows = [
        _row(heard, of_device.get((heard.device.site, heard.device.name), []))
        for heard in all_devices(deps.registry, deps.board)
    ]
    return sorted(rows, key=lambda row: -URGENCY.index(row.health))


def _row(heard: Heard, alerts: Sequence[Brief]) -> DeviceRow:
    device, newest = heard.device, heard.newest
    concerned = {alert.metric for alert in alerts if alert.cleared_at is None}
    values = [
        Value(metric.name, state.value, metric.unit, metric.name in concerned)
        for metric, state in heard.series
        if state.value is not None
    ]
    values.sort(key=lambda value: not value.off)
    return DeviceRow(
        device.site,
        device.name,
        device.title or device.name,
        " · ".join(part for part in (device.asset_class, device.name if device.title else None) if part),
        health(alerts, device.retired, newest is not None, heard.warm),
        newest.time if newest else None,
        values[:MOST_VALUES],
        heard.enough_at,
        heard.online is False,
        [state for state in device_states(heard) if state in _SHOWN_STATES],
        f"{device_url(device.site, device.name)}/spark" if values else None,
    )


def by_site(rows: Sequence[DeviceRow], most: int) -> list[SiteRow]:
    """The first `most` rows by site, and how all of each site do; sites that need attention first, then by name."""
    found = _grouped(rows[:most])
    everything = _grouped(rows)
    order = sorted(found, key=lambda site: (-max(URGENCY.index(row.health) for row in found[site]), site))
    return [SiteRow(site, found[site], _healths(everything[site])) for site in order]


def _grouped(rows: Sequence[DeviceRow]) -> Mapping[str, list[DeviceRow]]:
    found: Mapping[str, list[DeviceRow]] = defaultdict(list)
    for row in rows:
        found[row.site].append(row)
    return found


def _healths(rows: Sequence[DeviceRow]) -> list[tuple[Health, int]]:
    count = Counter(row.health for row in rows)
    return [(one, count[one]) for one in reversed(URGENCY) if count[one]]
