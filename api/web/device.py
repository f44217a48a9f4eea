"""The page of one device: live charts, its alerts and orders, and what is known about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import JSONResponse, Response

from alerts.alert import OPEN_STATES, Alert, Severity
from alerts.store import AlertFilter
from api.access.principal import Role
from api.deps import RECALLED, Deps, Parts
from api.devices import device_item, look_up, metric_states
from api.hub import Topic
from api.items import moment
from api.params import TimeText, time_range
from api.web.chart import read_chart, spark_paths
from api.web.figures import health
from api.web.render import view_of
from ingest.reading import NS_PER_SECOND
from ingest.registry import Criticality
from workorders.store import OrderFilter

router = APIRouter(include_in_schema=False, prefix="/devices")
RANGES = {"1h": 3_600, "6h": 6 * 3_600, "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400}
"""Seconds back from now that a person can pick."""
DEFAULT_RANGE = "6h"
SPARK_S, SPARK_BUCKET_S = 6 * 3_600, 300
MOST_CHARTS = 8
MOST_ALERTS = 10
MOST_ORDERS = 5
Site = Annotated[str, Path(max_length=128)]
Name = Annotated[str, Path(max_length=128)]
Metric = Annotated[str, Query(max_length=128)]
Range = Annotated[str, Query(alias="range", max_length=8)]


@router.get("/{site}/{device}", dependencies=[RECALLED])
def page(
    request: Request, deps: Parts, site: Site, device: Name, range_: Range = DEFAULT_RANGE, metric: Metric = ""
) -> Response:
    """The page; the chart of `metric` comes first, then those with an open alert."""
    view = view_of(request, deps)
    heard = look_up(deps.registry, deps.board, site, device)
    alerts = deps.alerts.list(AlertFilter(site=site, device=device), MOST_ALERTS).items
    open_alerts = deps.alerts.list(AlertFilter(states=OPEN_STATES, site=site, device=device), MOST_ALERTS).items
    newest = heard.newest
    item = device_item(heard)
    concerned = {alert.metric for alert in open_alerts}
    charted = sorted((one for one, _ in heard.series), key=lambda one: (one.name != metric, one.name not in concerned))
    topics = [("topic", topic.value) for topic in (Topic.ALERT, Topic.WORK_ORDER, Topic.READING)]
    return view.page(
        "device.html",
        here="device",
        stream_url=f"/api/v1/stream?{urlencode([*topics, ('site', site), ('device', device)])}",
        title=item.title or item.device,
        item=item,
        seen=newest.time if newest else None,
        health=health(open_alerts, heard.device.retired, newest is not None, heard.warm),
        enough_at=heard.enough_at,
        ranges=list(RANGES),
        range=range_ if range_ in RANGES else DEFAULT_RANGE,
        chosen=metric,
        metrics=charted[:MOST_CHARTS],
        left_out=len(charted) - len(charted[:MOST_CHARTS]),
        rows=[(one, state, metric_states(one, state)) for one, state in heard.series],
        alarm=_worst(open_alerts),
        alerts=sorted({alert.id: alert for alert in (*open_alerts, *alerts)}.values(), key=_open_first)[:MOST_ALERTS],
        orders=deps.orders.list(OrderFilter(site=site, device=device), MOST_ORDERS).items,
        may_change=view.who.role is Role.ADMIN,
        criticalities=list(Criticality),
    )


@router.get("/{site}/{device}/chart")
def chart(
    deps: Parts,
    site: Site,
    device: Name,
    metric: Annotated[str, Query(max_length=128)],
    range_: Range = "",
    start: TimeText = None,
    end: TimeText = None,
) -> Response:
    """What a chart draws."""
    now = deps.clock()
    since, until = time_range(start, end, now) if start else (now - RANGES.get(range_, 3_600) * NS_PER_SECOND, now + 1)
    drawn = read_chart(deps.telemetry, (site, device, metric), since, until).plain()
    alerts = [_span(alert) for alert in _alerts(deps, site, device, metric, since)]
    return JSONResponse(drawn | {"start": since / NS_PER_SECOND, "end": until / NS_PER_SECOND, "alerts": alerts})


@router.get("/{site}/{device}/spark")
def spark(request: Request, deps: Parts, site: Site, device: Name) -> Response:
    """A small line of the last hours, of the metric that an alert is open about, or else the first one."""
    heard = look_up(deps.registry, deps.board, site, device)
    open_alerts = deps.alerts.list(AlertFilter(states=OPEN_STATES, site=site, device=device), MOST_ALERTS).items
    names = [metric.name for metric, state in heard.series if state.time is not None]
    concerned = next((alert.metric for alert in open_alerts if alert.metric in names), None)
    end = deps.clock()
    start = end - SPARK_S * NS_PER_SECOND
    line, area = "", ""
    if names:
        series = (site, device, concerned or names[0])
        step = SPARK_BUCKET_S * NS_PER_SECOND
        buckets = deps.telemetry.aggregate(*series, start, end, step, SPARK_S // SPARK_BUCKET_S + 1)
        line, area = spark_paths(buckets.time, buckets.mean, start, end)
    return view_of(request, deps).bare("spark.html", line=line, area=area)


def _alerts(deps: Deps, site: str, device: str, metric: str, since: int) -> list[Alert]:
    """Alerts about the metric or the device as a whole that were open at `since` or raised after it."""
    found = deps.alerts.list(AlertFilter(site=site, device=device), 200).items
    return [
        alert
        for alert in found
        if alert.metric in (metric, None) and (alert.cleared_at is None or alert.cleared_at >= since)
    ]


def _span(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "severity": alert.severity,
        "from": alert.onset_at / NS_PER_SECOND,
        "to": None if alert.cleared_at is None else alert.cleared_at / NS_PER_SECOND,
        "raised_at": moment(alert.raised_at),
        "open": alert.state in OPEN_STATES,
        "limit": alert.evidence.get("limit"),
    }


def _worst(alerts: Iterable[Alert]) -> dict[str | None, Severity]:
    """How bad it is, by metric."""
    found: dict[str | None, Severity] = {}
    for alert in alerts:
        found[alert.metric] = max(found.get(alert.metric, alert.severity), alert.severity, key=lambda one: one.rank)
    return found


def _open_first(alert: Alert) -> tuple[bool, int]:
    return alert.state not in OPEN_STATES, -alert.raised_at
