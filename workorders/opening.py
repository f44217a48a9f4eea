"""Turns alerts into work orders: which alert opens an order, which joins one, and what the order then says.

Pure: the live desk and the backtest take the same events through the same `Book`.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import blake2b

from alerts.alert import (
    HELD_STATES,
    Alert,
    AlertEvent,
    Escalated,
    Opened,
    Released,
    Revised,
    Severity,
    State,
    Subject,
    Unshelved,
)
from alerts.alert import apply as apply_to_alert
from alerts.headline import headline
from ingest.registry import Device, DeviceKey, Registry
from workorders.order import (
    AlertJoined,
    Evidence,
    OrderChange,
    OrderEvent,
    OrderOpened,
    Priority,
    Reprioritised,
    WorkOrder,
)
from workorders.order import apply as apply_to_order
from workorders.order import opened as opened_order
from workorders.promises import Promises, shipped
from workorders.sla import Calendars, Stop
from workorders.terms import Terms, crossing_at, terms_of

OPENS_FROM = Severity.HIGH
"""The least severity that opens an order."""
NUMBER_LENGTHS = (8, 13, 26)
"""Characters of an order's number; more only where two alerts share the first eight (1 in 10^12 for a given pair)."""
_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHJKMNPQRSTVWXYZ")


class Decision(StrEnum):
    """What becomes of an alert, with the reason."""

    OPEN = "severe enough, and neither its device nor its asset has an open order"
    JOIN = "its device or its asset has an open order"
    ORDERED = "it has an order already"
    MINOR = "not severe enough to open an order"
    HELD_BACK = "a trained model speaks for its device, or a person set it aside"


def decide(alert: Alert, open_order: WorkOrder | None) -> Decision:
    """What a new or escalated alert does, given the open order of its device or asset."""
    if alert.state in HELD_STATES:
        return Decision.HELD_BACK
    if alert.work_order is not None:
        return Decision.ORDERED
    if open_order is not None:
        return Decision.JOIN
    return Decision.OPEN if alert.severity.rank >= OPENS_FROM.rank else Decision.MINOR


def order_number(alert_id: str, length: int = NUMBER_LENGTHS[0]) -> str:
    """The number of the order that an alert opens: `WO-` and a hash in Crockford's base 32.

    >>> order_number("a-ab969c9aaca1cd94")
    'WO-R1R1EESA'
    """
    digest = blake2b(alert_id.encode(), digest_size=20).digest()
    return "WO-" + b32encode(digest).translate(_CROCKFORD)[:length].decode()


class Change(StrEnum):
    """What an event did to its alert."""

    OPENED = "opened"
    ESCALATED = "escalated"
    RELEASED = "released"
    UNSHELVED = "unshelved"
    UPDATED = "updated"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Step:
    """What one alert event brought about."""

    change: Change
    alert: Alert | None
    """The alert afterwards; None if the event speaks of an alert that nobody knows."""
    order_events: tuple[tuple[str, OrderEvent], ...] = ()
    """(order number, event), in order."""


@dataclass(slots=True)
class Book:
    """Alerts and orders as they stand after the events taken so far, each by id and in order of opening."""

    device: Callable[[str, str], Device] = Device
    """What is known of a device by site and name."""
    promises: Promises = field(default_factory=shipped)
    calendars: Calendars = field(default_factory=Calendars)
    alerts: dict[str, Alert] = field(default_factory=dict)
    orders: dict[str, WorkOrder] = field(default_factory=dict)
    shelves: Mapping[Subject, int] = field(default_factory=dict)
    """What people set aside, and until when: new alerts about it are shelved as they open."""
    _open: dict[DeviceKey, str] = field(default_factory=dict)
    _open_of_asset: dict[DeviceKey, str] = field(default_factory=dict)

    def put(self, order: WorkOrder) -> None:
        """Take in an order as it stands elsewhere."""
        self.orders[order.number] = order
        _put(self._open, (order.site, order.device), order)
        if order.asset is not None:
            _put(self._open_of_asset, (order.site, order.asset), order)

    def take(self, event: AlertEvent) -> Step:
        """Apply one event. An event that was taken before changes nothing."""
        known = self.alerts.get(event.alert.id if isinstance(event, Opened) else event.alert_id)
        if isinstance(event, Opened):
            return self._opened(event.alert) if known is None else _nothing(known)
        if known is None:
            return _nothing(None)
        alert = apply_to_alert(known, event)
        if alert == known:
            return _nothing(known)
        if isinstance(event, Escalated) and alert.severity is not known.severity:
            return self._decided(Change.ESCALATED, alert, event.at)
        if isinstance(event, Released):
            return self._decided(Change.RELEASED, alert, event.at)
        if isinstance(event, Unshelved) and alert.state is State.ACTIVE:
            return self._decided(Change.UNSHELVED, alert, event.at)
        self.alerts[alert.id] = alert
        return Step(Change.UPDATED, alert, self._revised(alert, event.at) if isinstance(event, Revised) else ())

    def _opened(self, alert: Alert) -> Step:
        until = self.shelves.get(alert.subject)
        if until is not None and alert.state is State.ACTIVE:
            alert = replace(alert, state=State.SHELVED, shelved_until=until)
        return self._decided(Change.OPENED, alert, alert.raised_at)

    def _decided(self, change: Change, alert: Alert, at: int) -> Step:
        number = alert.work_order or self._open_for(alert)
        order = self.orders.get(number) if number else None
        decision = decide(alert, order)
        events: list[OrderEvent] = []
        if decision is Decision.OPEN:
            first = self._opening(alert, at)
            order, events = opened_order(first), [first]
        elif decision is Decision.JOIN:
            events = [AlertJoined(alert.id, at)]
        if order is not None and decision is not Decision.HELD_BACK:
            alert = replace(alert, work_order=order.number)
            events += self._brought_forward(order, alert, at)
            for event in events:
                order = order if isinstance(event, OrderOpened) else apply_to_order(order, event)
            self.put(order)
        self.alerts[alert.id] = alert
        return Step(change, alert, tuple((alert.work_order, event) for event in events if alert.work_order))

    def _open_for(self, alert: Alert) -> str | None:
        """The open order of its device, otherwise that of its asset."""
        asset = self.device(alert.site, alert.device).asset
        of_asset = self._open_of_asset.get((alert.site, asset)) if asset else None
        return self._open.get((alert.site, alert.device)) or of_asset

    def _opening(self, alert: Alert, at: int) -> OrderOpened:
        priority = self._priority(alert)
        terms = self._terms(alert.site, priority, at, alert)
        device = self.device(alert.site, alert.device)
        return OrderOpened(
            number=self._free_number(alert.id),
            site=alert.site,
            device=alert.device,
            alert=alert.id,
            title=headline(alert, device.title),
            cause=alert.explanation,
            evidence=Evidence(alert.id, alert.metric, alert.kind, at, alert.evidence),
            priority=priority,
            clock=self.calendars.of(alert.site).clock,
            promise=terms.promise,
            at=at,
            response_due_at=terms.response_due_at,
            solve_due_at=terms.solve_due_at,
            asset=device.asset or None,
            by_date=terms.by_date,
        )

    def _revised(self, alert: Alert, at: int) -> tuple[tuple[str, OrderEvent], ...]:
        """What a forecast that has changed does to its order."""
        order = self.orders.get(alert.work_order) if alert.work_order else None
        if order is None:
            return ()
        events = self._brought_forward(order, alert, at)
        for event in events:
            order = apply_to_order(order, event)
        self.put(order)
        return tuple((order.number, event) for event in events)

    def _brought_forward(self, order: WorkOrder, alert: Alert, at: int) -> list[OrderChange]:
        """An alert can make its order more urgent and its due times earlier; never the other way round."""
        if order.closed_at is not None:
            return []
        priority = min(self._priority(alert), order.priority)  # "P1" < "P2"
        more_urgent = priority < order.priority
        if not more_urgent and alert.severity.rank < OPENS_FROM.rank:
            return []
        start = order.clock_start
        put_off = order.solve_due_at > self._terms(order.site, order.priority, start, None, order.stops).solve_due_at
        trouble_now = put_off and crossing_at(alert) is None
        start = at if trouble_now else start
        terms = self._terms(order.site, priority, start, alert, order.stops)
        sooner = terms.solve_due_at <= order.solve_due_at
        if not more_urgent and terms.solve_due_at >= order.solve_due_at:
            return []
        return [
            Reprioritised(
                priority,
                alert.id,
                terms.promise if sooner else order.promise,
                min(terms.response_due_at, order.response_due_at),
                terms.solve_due_at if sooner else order.solve_due_at,
                at,
                counted_from=start if trouble_now and sooner else order.counted_from,
                by_date=terms.by_date if sooner else order.by_date,
            )
        ]

    def _priority(self, alert: Alert) -> Priority:
        return self.promises.priority(alert.severity, self.device(alert.site, alert.device).criticality)

    def _terms(
        self, site: str, priority: Priority, start: int, alert: Alert | None = None, stops: Iterable[Stop] = ()
    ) -> Terms:
        return terms_of(self.promises.by_priority[priority], start, self.calendars.of(site), alert, stops)

    def _free_number(self, alert_id: str) -> str:
        numbers = (order_number(alert_id, length) for length in NUMBER_LENGTHS)
        return next(number for number in numbers if number not in self.orders)


def fold(
    events: Iterable[AlertEvent], registry: Registry | None = None
) -> tuple[dict[str, Alert], dict[str, WorkOrder]]:
    """All alerts and orders that `events` make in their order, by id and number, in order of opening.

    `registry` knows titles and criticality of the devices; without it all are of medium criticality.
    """
    book = Book(registry.known) if registry is not None else Book()
    for event in events:
        book.take(event)
    return book.alerts, book.orders


def _put(numbers: dict[DeviceKey, str], key: DeviceKey, order: WorkOrder) -> None:
    """Note an order under the site and name of what it is about, for as long as it is open."""
    if order.closed_at is None:
        numbers[key] = order.number
    elif numbers.get(key) == order.number:
        del numbers[key]


def _nothing(alert: Alert | None) -> Step:
    return Step(Change.NOTHING, alert)
