"""What messages say about work orders, in both languages: a line for an alert's, and all of it for a complaint's."""

from __future__ import annotations

from alerts.alert import Explanation
from alerts.notify.about import about
from alerts.notify.message import Text, console_link, local_time
from alerts.notify.policy import Language, NotifyConfig
from ingest.registry import Device
from workorders.customer import Complaint
from workorders.order import WorkOrder
from workorders.pause import PAUSE_LABELS


def order_line(order: WorkOrder, timezone: str) -> Explanation:
    """Number, priority and due times, or since when it waits for what; times in that zone."""
    if order.paused_at is not None and order.pause_reason is not None:
        since, why = local_time(order.paused_at, timezone), PAUSE_LABELS[order.pause_reason]
        return Explanation(
            f"Work order {order.number}, {order.priority}: paused since {since}: {why.en.lower()}",
            f"工单 {order.number}，{order.priority}：自 {since} 起暂停，{why.zh}",
        )
    response, solve = local_time(order.response_due_at, timezone), local_time(order.solve_due_at, timezone)
    return Explanation(
        f"Work order {order.number}, {order.priority}: first response due {response}, solved by {solve}",
        f"工单 {order.number}，{order.priority}：首次响应截止 {response}，解决截止 {solve}",
    )


def order_link(order: WorkOrder, config: NotifyConfig) -> str | None:
    """Where the console shows the order."""
    return console_link(f"work-orders/{order.number}", config)


def complaint_message(
    order: WorkOrder, complaint: Complaint, device: Device, config: NotifyConfig
) -> dict[Language, Text]:
    """What people read when a customer complains."""
    whose, link, who = about(device), order_link(order, config), order.assignee
    at = local_time(complaint.at, config.timezone)
    lines = [
        (f"Site {order.site}, device {order.device}", f"站点 {order.site}，设备 {order.device}"),
        (whose.en, whose.zh) if whose else None,
        (f"Complaint: {complaint.text}", f"投诉内容：{complaint.text}"),
        (f"From: {complaint.customer}", f"投诉人：{complaint.customer}") if complaint.customer else None,
        (f"Written down by {complaint.by}, {at}", f"记录人：{complaint.by}，{at}")
        if complaint.by
        else (f"By the customer, on the page of the order, {at}", f"客户通过工单页面提交，{at}"),
        (
            "Do: Answer the customer, then close the complaint with what was done.",
            "处理建议：答复客户，处理后填写措施并关闭投诉。",
        ),
        (
            f"Work order {order.number}, {order.priority}, " + (who or "nobody assigned"),
            f"工单 {order.number}，{order.priority}，" + (who or "未分配"),
        ),
        (link, link) if link else None,
    ]
    said = [line for line in lines if line is not None]
    return {
        Language.EN: Text(f"[COMPLAINT] {order.title.en}", "\n".join(en for en, _ in said)),
        Language.ZH: Text(f"【投诉】{order.title.zh}", "\n".join(zh for _, zh in said)),
    }
