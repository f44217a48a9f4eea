"""Keeps work orders in the SQL database: a row for each as it stands, and its events, of which the row is the fold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, TypeAlias

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.orm import Mapped, Session, mapped_column

from alerts.store import ROWS_AT_ONCE, orders_of
from ingest.database import Base, holds, reading, writing
from ingest.errors import NotFoundError
from ingest.paging import DEFAULT_LIMIT, Page, after_cursor, checked_limit, encode_cursor
from ingest.registry import Device, DeviceKey
from workorders.closure import ClosureCode
from workorders.customer import Complained, ComplaintClosed, Rated, close_complaint, rate
from workorders.order import (
    Advanced,
    AlertJoined,
    Assigned,
    Closed,
    Noted,
    OrderChange,
    OrderEvent,
    OrderOpened,
    Paused,
    Priority,
    Reopened,
    Reprioritised,
    Resumed,
    Stage,
    WorkOrder,
    advance,
    apply,
    assign,
    close,
)
from workorders.pause import PauseReason
from workorders.pausing import OtherOpenError, pause, reopen, resume
from workorders.promises import shipped
from workorders.sla import Calendar, Calendars


def _one_open(of: str) -> sa.Index:
    """At most one order is open for each."""
    is_open = sa.text("closed_at IS NULL")
    name = f"uq_work_order_open_{of}"
    return sa.Index(name, "site", of, unique=True, sqlite_where=is_open, postgresql_where=is_open)


def _complained() -> sa.Index:
    """The few orders that have an open complaint."""
    some = sa.text("open_complaints > 0")
    return sa.Index("ix_work_order_open_complaints", "open_complaints", sqlite_where=some, postgresql_where=some)


class OrderRow(Base):
    """One work order as it stands."""

    __tablename__ = "work_order"
    __table_args__ = (
        sa.Index(None, "opened_at", "number"),
        _one_open("device"),
        _one_open("asset"),
        sa.Index(None, "site", "device", "opened_at"),
        _complained(),
    )

    number: Mapped[str] = mapped_column(primary_key=True)
    site: Mapped[str]
    device: Mapped[str]
    asset: Mapped[str | None]
    title: Mapped[dict[str, Any]]
    cause: Mapped[dict[str, Any]]
    evidence: Mapped[dict[str, Any]]
    priority: Mapped[str]
    clock: Mapped[str]
    promise: Mapped[dict[str, Any]]
    opened_at: Mapped[int]
    response_due_at: Mapped[int]
    solve_due_at: Mapped[int]
    stage: Mapped[str]
    assignee: Mapped[str | None]
    responded_at: Mapped[int | None]
    solved_at: Mapped[int | None]
    closed_at: Mapped[int | None]
    closed_by: Mapped[str | None]
    closure_code: Mapped[str | None]
    closure_note: Mapped[str | None]
    rating: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    complaints: Mapped[list[dict[str, Any]] | None] = mapped_column(sa.JSON(none_as_null=True))
    open_complaints: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    paused_at: Mapped[int | None]
    paused_by: Mapped[str | None]
    pause_reason: Mapped[str | None]
    pause_note: Mapped[str | None]
    stops: Mapped[list[dict[str, Any]] | None] = mapped_column(sa.JSON)
    counted_from: Mapped[int | None]
    by_date: Mapped[bool | None]


class EventRow(Base):
    """One event of an order; `seq` counts from 0."""

    __tablename__ = "work_order_event"

    number: Mapped[str] = mapped_column(sa.ForeignKey("work_order.number"), primary_key=True)
    seq: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    kind: Mapped[str]
    at: Mapped[int]
    by: Mapped[str | None]
    alert_id: Mapped[str | None] = mapped_column(sa.ForeignKey("alert.id"))
    """The alert that opened or joined the order."""
    data: Mapped[dict[str, Any]]


EVENT_KINDS: dict[str, type[OrderEvent]] = {
    "opened": OrderOpened,
    "joined": AlertJoined,
    "reprioritised": Reprioritised,
    "assigned": Assigned,
    "advanced": Advanced,
    "noted": Noted,
    "closed": Closed,
    "rated": Rated,
    "complained": Complained,
    "complaint_closed": ComplaintClosed,
    "paused": Paused,
    "resumed": Resumed,
    "reopened": Reopened,
}
NAME_OF = {kind: name for name, kind in EVENT_KINDS.items()}
"""What the kinds of events are called."""
_JOINS = ("opened", "joined")
_EVENTS: dict[str, TypeAdapter[OrderEvent]] = {name: TypeAdapter(kind) for name, kind in EVENT_KINDS.items()}
_ORDER = TypeAdapter(WorkOrder)
_STANDS = OrderRow.paused_at.is_not(None) & OrderRow.by_date.is_not(sa.true())
_COLUMNS = tuple(field.name for field in fields(WorkOrder) if field.name != "alerts")


Command: TypeAlias = Callable[[WorkOrder], Sequence[OrderChange]]
"""What somebody does with an order: what happens to it then."""


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders to list; None and empty mean all. `since` is the earliest `opened_at`, ns UTC."""

    open: bool | None = None
    paused: bool | None = None
    site: str | None = None
    device: str | None = None
    """Orders that an alert of it opened or joined."""
    stages: Sequence[Stage] = ()
    priorities: Sequence[Priority] = ()
    assignee: str | None = None
    since: int | None = None
    text: str | None = None
    """What site, device, number or assignee hold; or the device is one of `called`."""
    called: Sequence[DeviceKey] = ()
    complaint: bool | None = None
    """Whether a complaint is open."""


@dataclass(frozen=True, slots=True)
class OrderTimes:
    """When an order is due, and when it was answered, solved and closed, ns UTC: how its promises are kept."""

    response_due_at: int
    solve_due_at: int
    responded_at: int | None
    solved_at: int | None
    closed_at: int | None
    paused_at: int | None = None
    by_date: bool | None = None


class OrderStore:
    """The work orders in the database behind `engine`. Every method raises RetryableError while it is away.

    Their clocks go by the calendar of their site.
    """

    def __init__(self, engine: sa.Engine, calendars: Calendars | None = None) -> None:
        self._engine = engine
        self._calendars = calendars or Calendars()

    def calendar(self, site: str) -> Calendar:
        """By which the clocks of a site go."""
        return self._calendars.of(site)

    def get(self, number: str) -> WorkOrder:
        """The order with that number. Raises NotFoundError."""
        with reading(self._engine) as session:
            return _get(session, number)

    def list(self, wanted: OrderFilter, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Page[WorkOrder]:
        """Orders, newest first. Raises InputError on a bad cursor or limit."""
        query = (
            sa.select(OrderRow)
            .where(*_conditions(wanted), after_cursor(OrderRow.opened_at, OrderRow.number, cursor))
            .order_by(OrderRow.opened_at.desc(), OrderRow.number.desc())
            .limit(checked_limit(limit) + 1)
        )
        with reading(self._engine) as session:
            found = _to_orders(session, session.scalars(query).all())
        last = found[limit - 1] if len(found) > limit else None
        return Page(tuple(found[:limit]), encode_cursor(last.opened_at, last.number) if last else None)

    def most_urgent(self, wanted: OrderFilter, limit: int) -> tuple[WorkOrder, ...]:
        """The first `limit` orders by what is due next, response or solution; where nothing is, at the end.

        As long as the clock of an order stands nothing of it is due.
        """
        due = sa.case(
            (sa.or_(OrderRow.closed_at.is_not(None), _STANDS), None),
            (OrderRow.responded_at.is_(None), OrderRow.response_due_at),
            (OrderRow.solved_at.is_(None), OrderRow.solve_due_at),
        )
        query = (
            sa.select(OrderRow)
            .where(*_conditions(wanted))
            .order_by(due.is_(None), due, OrderRow.priority, OrderRow.number)
            .limit(limit)
        )
        with reading(self._engine) as session:
            return tuple(_to_orders(session, session.scalars(query).all()))

    def times(self, since: int | None = None) -> tuple[OrderTimes, ...]:
        """Of all open orders, and of those opened from `since` (ns UTC) on: many orders, but little of each."""
        columns = [getattr(OrderRow, field.name) for field in fields(OrderTimes)]
        wanted = OrderRow.closed_at.is_(None)
        query = sa.select(*columns).where(wanted if since is None else sa.or_(wanted, OrderRow.opened_at >= since))
        with reading(self._engine) as session:
            return tuple(OrderTimes(*row) for row in session.execute(query))

    def opened(self, start: int, end: int) -> tuple[WorkOrder, ...]:
        """Orders that opened from `start` to `end`, ns UTC, end exclusive; oldest first."""
        query = sa.select(OrderRow).where(OrderRow.opened_at >= start, OrderRow.opened_at < end)
        with reading(self._engine) as session:
            rows = session.scalars(query.order_by(OrderRow.opened_at, OrderRow.number)).all()
            return tuple(_to_orders(session, rows))

    def history(self, number: str) -> tuple[OrderEvent, ...]:
        """Everything that happened to the order, oldest first; its fold is the order."""
        query = sa.select(EventRow).where(EventRow.number == number).order_by(EventRow.seq)
        with reading(self._engine) as session:
            return tuple(_EVENTS[row.kind].validate_python(row.data) for row in session.scalars(query))

    def assign(self, number: str, assignee: str, by: str, now: int, note: str = "") -> WorkOrder:
        """Make somebody responsible. Raises NotFoundError, or WrongStateError if the order is closed."""
        return self._act(number, lambda order: [assign(order, assignee, by, now, note)])

    def advance(self, number: str, by: str, now: int, note: str = "") -> WorkOrder:
        """Move on to the next stage.

        Raises NotFoundError, or WrongStateError if there is none or the order is closed or paused.
        """
        return self._act(number, lambda order: [advance(order, by, now, note)])

    def note(self, number: str, by: str, now: int, note: str) -> WorkOrder:
        """Write something down. Raises NotFoundError."""
        return self._act(number, lambda _order: [Noted(now, by, note)])

    def pause(self, number: str, reason: PauseReason, by: str, now: int, note: str = "") -> WorkOrder:
        """Have its clock stand. Raises NotFoundError, or WrongStateError if it does already or may not yet."""
        return self._act(number, lambda order: [pause(order, reason, by, now, note)])

    def resume(self, number: str, by: str, now: int, note: str = "") -> WorkOrder:
        """Let its clock go on. Raises NotFoundError, or WrongStateError if it is not paused."""
        return self._act(number, lambda order: [resume(order, by, now, self.calendar(order.site), note)])

    def close(self, number: str, code: ClosureCode, by: str, now: int, note: str = "") -> WorkOrder:
        """End the order, and a pause with it. Raises NotFoundError, or WrongStateError if it is closed already."""

        def closed(order: WorkOrder) -> list[OrderChange]:
            end = close(order, code, by, now, note)
            return [end] if order.paused_at is None else [resume(order, by, now, self.calendar(order.site)), end]

        return self._act(number, closed)

    def reopen(self, number: str, by: str, now: int, note: str) -> WorkOrder:
        """Have it done again.

        Raises NotFoundError, or WrongStateError if it is open; OtherOpenError if another one of its device or asset is.
        """
        with writing(self._engine) as session:

            def reopened(order: WorkOrder) -> list[OrderChange]:
                event = reopen(order, by, now, self.calendar(order.site), shipped(), note)
                other = _other_open(session, order)
                if other is not None:
                    raise OtherOpenError(order, other)
                return [event]

            return act_on(session, number, reopened)

    def rate(
        self, number: str, score: int, by: str | None, now: int, comment: str = "", customer: str = ""
    ) -> WorkOrder:
        """Give or change its rating. Raises NotFoundError, or WrongStateError if it is too early or too late."""
        return self._act(number, lambda order: [rate(order, score, by, now, comment, customer)])

    def close_complaint(self, number: str, complaint: int, by: str, now: int, note: str) -> WorkOrder:
        """Say what was done about a complaint. Raises NotFoundError, or WrongStateError if it is closed already."""
        return self._act(number, lambda order: [close_complaint(order, complaint, by, now, note)])

    def _act(self, number: str, command: Command) -> WorkOrder:
        with writing(self._engine) as session:
            return act_on(session, number, command)


def act_on(session: Session, number: str, command: Command) -> WorkOrder:
    """Do something with an order: the order as it is then. Raises NotFoundError, and what `command` raises."""
    order = _get(session, number, lock=True)
    events = command(order)
    for event in events:
        order = apply(order, event)
    save_orders(session, [(order, events)])
    return order


# -- for the desk, inside its own transaction ------------------------------------------------------------------------


def load_orders(session: Session, numbers: Iterable[str]) -> list[WorkOrder]:
    """Those of the orders that exist, their rows locked until the transaction ends."""
    return _locked(session, [OrderRow.number.in_(some) for some in _portions(sorted(set(numbers)))])


def load_open_orders(session: Session, devices: Iterable[Device]) -> list[WorkOrder]:
    """The open orders of those devices and of their assets, their rows locked until the transaction ends."""
    known = list(devices)
    places: dict[Any, set[tuple[str, str]]] = {
        OrderRow.device: {(device.site, device.name) for device in known},
        OrderRow.asset: {(device.site, device.asset) for device in known if device.asset},
    }
    conditions = [
        sa.tuple_(OrderRow.site, column).in_(some) & OrderRow.closed_at.is_(None)
        for column, keys in places.items()
        for some in _portions(sorted(keys))
    ]
    return _locked(session, conditions)


def save_orders(session: Session, changed: Sequence[tuple[WorkOrder, Sequence[OrderEvent]]]) -> None:
    """Keep orders as they are after the events that made them so. The alerts of those events are saved before."""
    new = [order for order, events in changed if isinstance(events[0], OrderOpened)]
    old = [order for order, events in changed if not isinstance(events[0], OrderOpened)]
    if new:
        session.execute(sa.insert(OrderRow), [_values(order) for order in new])
    if old:
        session.execute(sa.update(OrderRow), [_values(order) for order in old])
    next_seq = _next_seq(session, [order.number for order in old])
    rows = [
        _event_values(order.number, next_seq.get(order.number, 0) + place, event)
        for order, events in changed
        for place, event in enumerate(events)
    ]
    if rows:
        session.execute(sa.insert(EventRow), rows)


def read_orders(session: Session, numbers: Iterable[str]) -> dict[str, WorkOrder]:
    """Those of the orders that exist, by number."""
    rows = [
        row
        for some in _portions(sorted(set(numbers)))
        for row in session.scalars(sa.select(OrderRow).where(OrderRow.number.in_(some)))
    ]
    return {order.number: order for order in _to_orders(session, rows)}


def closure_codes(session: Session, numbers: Iterable[str]) -> dict[str, ClosureCode]:
    """The closure codes of those of the orders that have one, by number."""
    codes = sa.select(OrderRow.number, OrderRow.closure_code).where(OrderRow.closure_code.is_not(None))
    found = (
        row
        for some in _portions(sorted(set(numbers)))
        for row in session.execute(codes.where(OrderRow.number.in_(some)))
    )
    return {number: ClosureCode(str(code)) for number, code in found}


# -- rows ----------------------------------------------------------------------------------------------------------


def _get(session: Session, number: str, lock: bool = False) -> WorkOrder:
    row = session.get(OrderRow, number, with_for_update=lock or None)
    if row is None:
        raise NotFoundError(f"there is no work order {number!r}")
    return _to_orders(session, [row])[0]


def _other_open(session: Session, order: WorkOrder) -> str | None:
    """The number of an open order of its device or asset."""
    same = OrderRow.device == order.device
    if order.asset is not None:
        same |= OrderRow.asset == order.asset
    query = sa.select(OrderRow.number).where(OrderRow.site == order.site, same, OrderRow.closed_at.is_(None))
    return session.scalars(query.limit(1)).first()


def _locked(session: Session, conditions: Iterable[sa.ColumnElement[bool]]) -> list[WorkOrder]:
    rows = [
        row
        for condition in conditions
        for row in session.scalars(sa.select(OrderRow).where(condition).order_by(OrderRow.number).with_for_update())
    ]
    return _to_orders(session, rows)


def _portions(keys: Sequence[Any]) -> list[Sequence[Any]]:
    size = ROWS_AT_ONCE // 2  # a device is two parameters
    return [keys[start : start + size] for start in range(0, len(keys), size)]


def _to_orders(session: Session, rows: Sequence[OrderRow]) -> list[WorkOrder]:
    alerts: dict[str, list[str]] = {row.number: [] for row in rows}
    for some in _portions(list(alerts)):
        query = (
            sa.select(EventRow.number, EventRow.alert_id)
            .where(EventRow.number.in_(some), EventRow.kind.in_(_JOINS))
            .order_by(EventRow.number, EventRow.seq)
        )
        for number, alert_id in session.execute(query):
            alerts[number].append(str(alert_id))
    return [_ORDER.validate_python(_known(row) | {"alerts": alerts[row.number]}) for row in rows]


def _known(row: OrderRow) -> dict[str, Any]:
    """The columns that say something; of an order from before there was a column it says nothing."""
    return {name: value for name in _COLUMNS if (value := getattr(row, name)) is not None}


def _next_seq(session: Session, numbers: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in _portions(numbers):
        count = sa.select(EventRow.number, sa.func.max(EventRow.seq)).group_by(EventRow.number)
        found.update({number: last + 1 for number, last in session.execute(count.where(EventRow.number.in_(some)))})
    return found


def _values(order: WorkOrder) -> dict[str, Any]:
    values: dict[str, Any] = _ORDER.dump_python(order, mode="json", exclude={"alerts"})
    return values | {"open_complaints": len(order.open_complaints)}


def _event_values(number: str, seq: int, event: OrderEvent) -> dict[str, Any]:
    kind = NAME_OF[type(event)]
    return {
        "number": number,
        "seq": seq,
        "kind": kind,
        "at": event.at,
        "by": event.by,
        "alert_id": event.alert if isinstance(event, OrderOpened | AlertJoined) else None,
        "data": _EVENTS[kind].dump_python(event, mode="json"),
    }


def _conditions(wanted: OrderFilter) -> list[sa.ColumnElement[bool]]:
    equal = {OrderRow.site: wanted.site, OrderRow.assignee: wanted.assignee}
    one_of: dict[Any, Sequence[StrEnum]] = {OrderRow.stage: wanted.stages, OrderRow.priority: wanted.priorities}
    conditions = [column == value for column, value in equal.items() if value is not None]
    conditions += [column.in_(list(values)) for column, values in one_of.items() if values]
    if wanted.device is not None:
        conditions.append(OrderRow.number.in_(orders_of(wanted.site, wanted.device)))
    if wanted.open is not None:
        conditions.append(OrderRow.closed_at.is_(None) if wanted.open else OrderRow.closed_at.is_not(None))
    if wanted.complaint is not None:
        conditions.append(OrderRow.open_complaints > 0 if wanted.complaint else OrderRow.open_complaints == 0)
    if wanted.paused is not None:
        conditions.append(OrderRow.paused_at.is_not(None) if wanted.paused else OrderRow.paused_at.is_(None))
    if wanted.text is not None:
        device = (OrderRow.site, OrderRow.device)
        conditions.append(holds(wanted.text, (*device, OrderRow.number, OrderRow.assignee), device, wanted.called))
    return conditions if wanted.since is None else [*conditions, OrderRow.opened_at >= wanted.since]
