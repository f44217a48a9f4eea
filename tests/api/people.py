"""What people did at the plant before a test looks: an order on its way, another one closed, alerts acknowledged."""

from __future__ import annotations

from alerts.alert import Alert, Fact, Kind, Opened, Returned, Severity, Verdict, alert_id
from alerts.explain import explain_baseline
from alerts.store import AlertFilter
from tests.api.harness import MINUTE, Site
from workorders.closure import ClosureCode
from workorders.opening import order_number
from workorders.store import OrderFilter

DAY = 1_440 * MINUTE


def act(made: Site) -> None:
    """Let them."""
    deps = made.deps()
    orders = {order.device: order for order in reversed(deps.orders.list(OrderFilter()).items)}
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


def earlier(made: Site) -> None:
    """Let them have had trouble with the cold rooms before."""
    for device, days, code, note in (
        ("coldroom-1", 71, ClosureCode.BLOCKAGE, "蒸发器结冰，已除霜并清理排水"),
        ("coldroom-1", 23, ClosureCode.OPERATION, "Door left open after unloading"),
        ("coldroom-2", 9, ClosureCode.ELECTRICAL, "Compressor contactor replaced"),
    ):
        alert = _cold(device, made.now - days * DAY)
        made.desk.record([Opened(alert), Returned(alert.id, alert.raised_at + 90 * MINUTE)], made.now)
        made.deps().orders.close(order_number(alert.id), code, "chen.fang", alert.raised_at + 170 * MINUTE, note)


def _cold(device: str, at: int) -> Alert:
    facts: dict[str, Fact] = {"metric": "temperature", "value": -9.4, "expected": -18.2, "low": -18.9, "high": -17.5}
    facts |= {"side": "high", "unit": "°C", "p_value": 1e-5, "one_in": 10_000.0, "rarer": True, "at": at}
    names = ("plant", device, "temperature")
    identity, text = alert_id(*names, Kind.BASELINE, at), explain_baseline("temperature", facts)
    return Alert(identity, *names, Kind.BASELINE, Severity.HIGH, at - 10 * MINUTE, at, 2.6, text, evidence=facts)
