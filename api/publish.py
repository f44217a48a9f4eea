"""What the service tells the event stream: changed alerts, changed orders, and judged readings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from alerts.alert import Alert
from api.hub import Hub, Topic, Wish
from api.items import AlertItem, OrderItem
from ingest.registry import Registry
from ingest.times import format_time
from models.score import Scores
from workorders.desk import Changes
from workorders.order import WorkOrder

MOST_READINGS = 300
"""Readings of one batch that a client is shown: the newest of each series, and of so many series at most. The stream
feeds live charts; whoever needs every reading asks `/readings`."""


def publish_alert(hub: Hub, registry: Registry, alert: Alert, change: str) -> None:
    """Tell that an alert changed, and how: `opened`, `escalated`, `updated` by readings, or what a person did."""

    def render(wish: Wish) -> list[dict[str, Any]]:
        if not wish.covers(alert.site, alert.device):
            return []
        device = registry.known(alert.site, alert.device)
        return [AlertItem.of(alert, device).model_dump(mode="json") | {"change": change}]

    hub.publish(Topic.ALERT, render)


def publish_work_order(hub: Hub, order: WorkOrder, change: str) -> None:
    """Tell that a work order changed, and how: `opened`, `updated` by readings, or what a person did."""

    def render(wish: Wish) -> list[dict[str, Any]]:
        told = wish.covers(order.site, order.device)
        return [OrderItem.of(order).model_dump(mode="json") | {"change": change}] if told else []

    hub.publish(Topic.WORK_ORDER, render)


def publish_changes(hub: Hub, registry: Registry, changes: Changes, how: Callable[[str], str]) -> None:
    """Tell that alerts changed, and what that did to their orders; `how` says by its id how an alert did."""
    for alert in changes.alerts:
        publish_alert(hub, registry, alert, how(alert.id))
    for order in changes.orders:
        publish_work_order(hub, order, "opened" if order.number in changes.opened else "updated")


def publish_readings(hub: Hub, registry: Registry, scores: Scores) -> None:
    """Show judged readings; costs nothing while nobody looks."""
    if len(scores) and hub.wanted(Topic.READING):
        hub.publish(Topic.READING, partial(_readings, registry, scores))


def _readings(registry: Registry, scores: Scores, wish: Wish) -> list[dict[str, Any]]:
    order = np.lexsort((scores.time, scores.series))
    newest = order[np.flatnonzero(np.diff(scores.series[order], append=-1))]
    if wish.site is not None or wish.device is not None:
        newest = newest[np.isin(registry.series_device[scores.series[newest]], _wished(registry, wish))]
    return [_reading(registry, scores, row) for row in newest[:MOST_READINGS].tolist()]


def _wished(registry: Registry, wish: Wish) -> list[int]:
    if wish.site is not None and wish.device is not None:
        number = registry.find_device(wish.site, wish.device)
        return [] if number is None else [number]
    return [number for number, device in registry.devices() if wish.covers(device.site, device.name)]


def _reading(registry: Registry, scores: Scores, row: int) -> dict[str, Any]:
    series = int(scores.series[row])
    site, device, metric = registry.key(series)
    numbers = {
        name: _finite(getattr(scores, name)[row]) for name in ("value", "score", "p_value", "expected", "low", "high")
    }
    return {
        "time": format_time(int(scores.time[row])),
        "site": site,
        "device": device,
        "metric": metric,
        "unit": registry.metric(series).unit,
        **numbers,
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
