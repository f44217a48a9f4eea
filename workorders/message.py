"""A line about a work order for the message of an alert, in both languages."""

from __future__ import annotations

from alerts.alert import Explanation
from alerts.notify.message import local_time
from workorders.order import WorkOrder


def order_line(order: WorkOrder, timezone: str) -> Explanation:
    """Number, priority and due times; times in that zone."""
    response, solve = local_time(order.response_due_at, timezone), local_time(order.solve_due_at, timezone)
    return Explanation(
        f"Work order {order.number}, {order.priority}: first response due {response}, solved by {solve}",
        f"工单 {order.number}，{order.priority}：首次响应截止 {response}，解决截止 {solve}",
    )
