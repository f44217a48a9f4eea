"""The desk: what the engine said about alerts becomes alerts, work orders and notices in one transaction.

    alert events ─▶ load what they touch ─▶ Book.take (pure) ─▶ save what changed, queue notices ─▶ commit ─▶ Changes

The same events again change nothing, however they are cut, so a crash before or after the commit is harmless: whoever
sends events may send again all since the last ones that they know to be recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from alerts.alert import (
    HELD_STATES,
    Alert,
    AlertEvent,
    Escalated,
    Explanation,
    Opened,
    Released,
    Revised,
    State,
    Unshelved,
    WrongStateError,
)
from alerts.notify import outbox
from alerts.notify.message import Beside, alert_link, alert_message
from alerts.notify.outbox import Notice, receiver_id
from alerts.notify.policy import NotifyConfig, Reason, notice_key, notify_reason, skip_at_once
from alerts.shelves import end_shelf, shelved_out, shelves
from alerts.store import (
    Action,
    ActionKind,
    insert_alerts,
    is_known_to_its_order,
    load_alerts,
    note_action,
    update_alerts,
)
from ingest.database import reading, writing
from ingest.errors import NotFoundError
from ingest.registry import Device, Registry
from ingest.times import format_time
from workorders.message import order_line
from workorders.opening import NUMBER_LENGTHS, Book, Change, Step, order_number
from workorders.order import AlertJoined, OrderEvent, OrderOpened, Reprioritised, WorkOrder
from workorders.past import similar_in
from workorders.sla import Calendars
from workorders.store import load_open_orders, load_orders, save_orders

log = structlog.get_logger(__name__)


MOST_LOOKED_UP = 20
"""Messages of one transaction that tell what earlier alerts were: in a storm there is no time to look back."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Alerts and orders that are not as they were, as they stand now."""

    alerts: tuple[Alert, ...] = ()
    orders: tuple[WorkOrder, ...] = ()
    notices: int = 0
    """How many notices were put into the outbox to be sent."""
    opened: frozenset[str] = frozenset()
    """Numbers of the orders that are new."""


class Desk:
    """Records what the engine says in the database behind `engine`."""

    def __init__(
        self, engine: sa.Engine, registry: Registry, notify: NotifyConfig, calendars: Calendars | None = None
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._notify = notify
        self._calendars = calendars or Calendars()

    def record(self, events: Sequence[AlertEvent], now: int) -> Changes:
        """Take in alert events in their order; `now` is clock time, ns UTC.

        Raises RetryableError, with nothing changed, while the database is away or busy.
        """
        if not events:
            return Changes()
        with writing(self._engine) as session:
            return self._record(session, events, now)

    def unshelve(self, alert_id: str, by: str, now: int, note: str = "") -> Changes:
        """Have an alert, and all that are shelved about the same, told again if they still hold.

        Raises NotFoundError, or WrongStateError if it is not shelved.
        """
        with writing(self._engine) as session:
            alert = load_alerts(session, [alert_id]).get(alert_id)
            if alert is None:
                raise NotFoundError(f"there is no alert {alert_id!r}")
            if alert.state is not State.SHELVED:
                raise WrongStateError(f"alert {alert_id} is {alert.state}, not shelved")
            note_action(session, alert_id, Action(ActionKind.UNSHELVE, now, by, note))
            return self._record(session, [Unshelved(one, now) for one in end_shelf(session, alert, now)], now)

    def end_shelves(self, now: int) -> Changes:
        """Have alerts told again whose shelf has ended by `now`. Raises RetryableError while the database is away."""
        with reading(self._engine) as session:
            ended = shelved_out(session, now)
        return self.record([Unshelved(alert_id, now) for alert_id in ended], now)

    def _record(self, session: Session, events: Sequence[AlertEvent], now: int) -> Changes:
        book = self._load(session, events, now)
        steps = [(event, book.take(event)) for event in events]
        self._save(session, book, [step for _, step in steps])
        notices = self._tell(session, book, steps, now)
        changed = {step.alert.id for _, step in steps if step.alert is not None and step.change is not Change.NOTHING}
        happened = [pair for _, step in steps for pair in step.order_events]
        orders = {number for number, _ in happened}
        _warn_of_unknown(steps)
        return Changes(
            tuple(alert for alert in book.alerts.values() if alert.id in changed),
            tuple(order for order in book.orders.values() if order.number in orders),
            notices,
            frozenset(number for number, event in happened if isinstance(event, OrderOpened)),
        )

    def _load(self, session: Session, events: Iterable[AlertEvent], now: int) -> Book:
        events = list(events)
        alerts = load_alerts(session, (e.alert.id if isinstance(e, Opened) else e.alert_id for e in events))
        may_order = [e.alert for e in events if isinstance(e, Opened) and e.alert.id not in alerts]
        later = (e.alert_id for e in events if isinstance(e, Escalated | Revised | Released | Unshelved))
        may_order += [alerts[alert_id] for alert_id in later if alert_id in alerts]
        book = Book(self._registry.known, calendars=self._calendars, alerts=alerts)
        if may_order:
            numbers = {order_number(alert.id, length) for alert in may_order for length in NUMBER_LENGTHS}
            numbers |= {alert.work_order for alert in may_order if alert.work_order is not None}
            for order in load_orders(session, numbers):
                book.put(order)
            devices = (self._registry.known(alert.site, alert.device) for alert in may_order)
            for order in load_open_orders(session, devices):
                book.put(order)
            book.shelves = shelves(session, ((alert.site, alert.device) for alert in may_order), now)
        return book

    def _save(self, session: Session, book: Book, steps: Sequence[Step]) -> None:
        changed = {step.alert.id for step in steps if step.alert is not None and step.change is not Change.NOTHING}
        new = {step.alert.id for step in steps if step.alert is not None and step.change is Change.OPENED}
        insert_alerts(session, (book.alerts[alert_id] for alert_id in sorted(new)))
        update_alerts(session, (book.alerts[alert_id] for alert_id in sorted(changed - new)))
        events: dict[str, list[OrderEvent]] = {}
        for step in steps:
            for number, event in step.order_events:
                events.setdefault(number, []).append(event)
        save_orders(session, [(book.orders[number], happened) for number, happened in events.items()])

    def _tell(self, session: Session, book: Book, steps: Iterable[tuple[AlertEvent, Step]], now: int) -> int:
        """Put notices into the outbox; how many of them are to be sent."""
        if not self._notify.urls:
            return 0
        asked = ((event, step.alert, self._reason(session, step, book)) for event, step in steps)
        told = [(event, alert, reason) for event, alert, reason in asked if alert is not None and reason is not None]
        if not told:
            return 0
        waiting, queued, decided = outbox.pending(session), 0, []
        for event, then, reason in told:
            at = event.at if isinstance(event, Escalated | Released | Unshelved) else then.raised_at
            skip = skip_at_once(book.alerts[then.id], at, now, waiting + queued, self._notify.live_within_ns)
            looked = skip is None and queued < MOST_LOOKED_UP * len(self._notify.urls)
            before = similar_in(session, then).summary if looked else None
            notice = self._notice(book, then, reason, at, before)
            decided.append((notice, skip))
            if skip is None:
                queued += len(self._notify.urls)
            else:
                log.info("notice skipped", notice=notice.key, reason=str(skip))
        outbox.put(session, decided, map(receiver_id, self._notify.urls), now)
        return queued

    def _reason(self, session: Session, step: Step, book: Book) -> Reason | None:
        """Why people are told of what happened to an alert; None if they are not."""
        if step.alert is None or step.change not in _NEWS or step.alert.state in HELD_STATES:
            return None
        opened = any(isinstance(event, OrderOpened) for _, event in step.order_events)
        reason = notify_reason(step.alert, _NEWS[step.change], opened, self._notify.minimum)
        return None if reason is None or _says_no_more(session, step, book) else reason

    def _notice(self, book: Book, alert: Alert, reason: Reason, at: int, before: Explanation | None) -> Notice:
        """The words of a notice about what happened at `at`; `before` is a line about earlier alerts like this one."""
        order = book.orders.get(alert.work_order) if alert.work_order else None
        line = order_line(order, self._notify.timezone) if order is not None and order.closed_at is None else None
        key = notice_key(alert, reason, at)
        device = self._registry.known(alert.site, alert.device)
        message = alert_message(alert, device, reason, Beside(before, line), self._notify)
        return Notice(key, alert.id, reason, alert.severity, message, _facts(key, alert, reason, self._notify, device))


_NEWS = {
    Change.OPENED: Reason.OPENED,
    Change.ESCALATED: Reason.ESCALATED,
    Change.RELEASED: Reason.OPENED,
    Change.UNSHELVED: Reason.UNSHELVED,
}
"""What may be told."""


def _says_no_more(session: Session, step: Step, book: Book) -> bool:
    """Whether an alert joined an order that is known for the same, or for another device of its asset.

    Who works on it need not be called for every return of the trouble, nor for every sensor that feels it; unless it
    makes the order more urgent.
    """
    happened = {type(event) for _, event in step.order_events}
    if step.alert is None or AlertJoined not in happened or Reprioritised in happened:
        return False
    order = book.orders[step.order_events[0][0]]
    return order.device != step.alert.device or is_known_to_its_order(session, step.alert)


def _facts(key: str, alert: Alert, reason: Reason, config: NotifyConfig, device: Device) -> dict[str, str]:
    facts = {
        "idempotency_key": key,
        "reason": str(reason),
        "alert_id": alert.id,
        "site": alert.site,
        "device": alert.device,
        "metric": alert.metric,
        "kind": str(alert.kind),
        "severity": str(alert.severity),
        "onset_at": format_time(alert.onset_at),
        "raised_at": format_time(alert.raised_at),
        "work_order": alert.work_order,
        "url": alert_link(alert, config),
    }
    facts |= {f"device_{name}": getattr(device, name) for name in ("title", "asset", "customer", "team", "owner")}
    return {name: value for name, value in facts.items() if value is not None}


def _warn_of_unknown(steps: Iterable[tuple[AlertEvent, Step]]) -> None:
    unknown = [event for event, step in steps if step.alert is None]
    if unknown:
        log.warning("events of alerts that the database does not know", events=len(unknown), first=repr(unknown[0]))
