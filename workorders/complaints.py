"""Takes complaints of customers: the complaint and the messages that tell people of it, in one transaction."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from alerts.alert import Severity
from alerts.notify import outbox
from alerts.notify.outbox import Notice, receiver_id
from alerts.notify.policy import NotifyConfig, Reason, complaint_key
from ingest.database import writing
from ingest.registry import Registry
from ingest.times import format_time
from workorders.customer import Complaint, complain
from workorders.message import complaint_message, order_link
from workorders.order import WorkOrder
from workorders.store import act_on

SEVERITY = Severity.HIGH
"""How urgent a complaint is beside alerts; it is told whatever `notify.minimum` says."""


class Complaints:
    """Takes complaints into the database behind `engine`; `on_notices` is called when there is something to tell."""

    def __init__(
        self, engine: sa.Engine, registry: Registry, notify: NotifyConfig, on_notices: Callable[[], None] = lambda: None
    ) -> None:
        self._engine, self._registry = engine, registry
        self._notify, self._on_notices = notify, on_notices

    def take(self, number: str, text: str, by: str | None, now: int, customer: str = "") -> WorkOrder:
        """Take one; the order as it is then. `by` is who writes it down, None for the customer.

        Raises NotFoundError, WrongStateError after too many, or RetryableError while the database is away.
        """
        with writing(self._engine) as session:
            order = act_on(session, number, lambda order: [complain(order, text, by, now, customer)])
            notice = self._notice(order, order.complaints[-1])
            outbox.put(session, [(notice, None)], map(receiver_id, self._notify.urls), now)
        if self._notify.urls:
            self._on_notices()
        return order

    def _notice(self, order: WorkOrder, complaint: Complaint) -> Notice:
        device = self._registry.known(order.site, order.device)
        key, alert = complaint_key(order.number, complaint.id), order.evidence.alert
        facts = {
            "idempotency_key": key,
            "reason": str(Reason.COMPLAINT),
            "alert_id": alert,
            "site": order.site,
            "device": order.device,
            "severity": str(SEVERITY),
            "raised_at": format_time(complaint.at),
            "work_order": order.number,
            "complaint": str(complaint.id),
            "text": complaint.text,
        }
        link = order_link(order, self._notify)
        facts |= {"url": link} if link else {}
        message = complaint_message(order, complaint, device, self._notify)
        return Notice(key, alert, Reason.COMPLAINT, SEVERITY, message, facts)
