"""What people did at the plant before a test looks: an order on its way, another one closed, alerts acknowledged."""

from __future__ import annotations

from alerts.alert import Kind
from alerts.store import AlertFilter, Verdict
from tests.api.harness import MINUTE, Site
from workorders.closure import ClosureCode
from workorders.store import OrderFilter


def act(made: Site) -> None:
    """Let them."""
    deps = made.deps()
    orders = {order.device: order for order in deps.orders.list(OrderFilter()).items}
    door, filter_ = orders["coldroom-1"], orders["ahu-1"]
    deps.orders.assign(door.number, "chen.fang", "dispatcher", door.opened_at + 18 * MINUTE, "门可能没有关好，请先查看")
    for number in range(2):
        deps.orders.advance(door.number, "chen.fang", door.opened_at + (25 + 10 * number) * MINUTE)
    deps.orders.assign(filter_.number, "anna.schmidt", "dispatcher", filter_.opened_at + 40 * MINUTE)
    deps.orders.close(
        filter_.number, ClosureCode.BLOCKAGE, "anna.schmidt", filter_.opened_at + 190 * MINUTE, "Filter replaced"
    )
    humidity = deps.alerts.list(AlertFilter(device="ahu-1")).items[0]
    deps.alerts.acknowledge(humidity.id, "anna.schmidt", filter_.opened_at + 41 * MINUTE, "Going there")
    deps.alerts.feedback(humidity.id, "anna.schmidt", filter_.opened_at + 191 * MINUTE, Verdict.ANOMALY, "Blocked")
    limit = deps.alerts.list(AlertFilter(device="coldroom-1", kinds=[Kind.LIMIT])).items[0]
    deps.alerts.acknowledge(limit.id, "chen.fang", limit.raised_at + 20 * MINUTE, "On my way")
