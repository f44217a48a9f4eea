"""A work order: what is to be done, by whom, until when, and the nine stages it goes through.

    intake → assignment → plan → confirmation → preparation → on_site → acceptance → follow_up → archive
       └───────────────────────── closed, from any stage, with a closure code ─────────────────────┘

On its way it may be paused and resumed, and a closed order reopened (`workorders.pausing`). An order is the fold of its
events; `apply` has no opinion, the commands have: they check and return the event. Times are ns UTC: of events in the
readings for what the engine did, of the clock for what people did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from alerts.alert import Explanation, Fact, Kind, WrongStateError
from workorders.closure import ClosureCode
from workorders.customer import (
    Complained,
    Complaint,
    ComplaintClosed,
    Rated,
    Rating,
    complaints_after,
    rating_after,
)
from workorders.pause import PauseReason
from workorders.sla import Clock, Stop, Why


class Stage(StrEnum):
    """The stages of a work order, in their order."""

    INTAKE = "intake"
    ASSIGNMENT = "assignment"
    PLAN = "plan"
    CONFIRMATION = "confirmation"
    PREPARATION = "preparation"
    ON_SITE = "on_site"
    ACCEPTANCE = "acceptance"
    FOLLOW_UP = "follow_up"
    ARCHIVE = "archive"

    @property
    def next(self) -> Stage | None:
        """The stage after this one; None after the last."""
        stages = list(Stage)
        after = stages.index(self) + 1
        return stages[after] if after < len(stages) else None

    @property
    def solved(self) -> bool:
        """Whether the work on site is over."""
        return list(Stage).index(self) > list(Stage).index(Stage.ON_SITE)


class Priority(StrEnum):
    """How urgent an order is, P1 first."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Which reading against which baseline or limit opened the order."""

    alert: str
    metric: str | None
    kind: Kind
    at: int
    """Event time of the reading or tick."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """Value, expected, low, high, limit, unit, …, as the alert has them."""


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """One work order as it stands after its events."""

    number: str
    site: str
    device: str
    alerts: tuple[str, ...]
    """Ids of its alerts: the one that opened it, then the others as they joined."""
    title: Explanation
    cause: Explanation
    evidence: Evidence
    priority: Priority
    clock: Clock
    """How the due times were counted."""
    promise: Explanation
    """The due times in words: how long, and how counted."""
    opened_at: int
    response_due_at: int
    solve_due_at: int
    asset: str | None = None
    """What its device is part of; alerts of other devices of the asset join the order."""
    stage: Stage = Stage.INTAKE
    assignee: str | None = None
    responded_at: int | None = None
    """First assignment, first step beyond intake, or closing."""
    solved_at: int | None = None
    """When it left on-site work for acceptance, or was closed before that."""
    closed_at: int | None = None
    closed_by: str | None = None
    closure_code: ClosureCode | None = None
    closure_note: str | None = None
    rating: Rating | None = None
    complaints: tuple[Complaint, ...] = ()
    paused_at: int | None = None
    """Since when its clock stands."""
    paused_by: str | None = None
    pause_reason: PauseReason | None = None
    pause_note: str | None = None
    stops: tuple[Stop, ...] = ()
    """When its clock stood, and goes on now; oldest first."""
    counted_from: int | None = None
    """From when the time to solve it counts, where that is not the opening."""
    by_date: bool = False
    """Whether it is due before a forecast may come true: at a date, which no pause puts off."""

    @property
    def open_complaints(self) -> tuple[Complaint, ...]:
        """Those about which nothing was done yet; a closed order may have some."""
        return tuple(one for one in self.complaints if one.closed_at is None)

    @property
    def clock_start(self) -> int:
        """From when the time to solve it counts."""
        return self.opened_at if self.counted_from is None else self.counted_from

    @property
    def reopened(self) -> int:
        """How often it was reopened."""
        return sum(stop.why is Why.CLOSED for stop in self.stops)


# -- events --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrderOpened:
    """An alert opened the order."""

    number: str
    site: str
    device: str
    alert: str
    title: Explanation
    cause: Explanation
    evidence: Evidence
    priority: Priority
    clock: Clock
    promise: Explanation
    at: int
    response_due_at: int
    solve_due_at: int
    by: str | None = None
    note: str = ""
    asset: str | None = None
    by_date: bool = False


@dataclass(frozen=True, slots=True)
class AlertJoined:
    """Another alert of the device, or of another one of its asset, joined the order."""

    alert: str
    at: int
    by: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reprioritised:
    """A worse alert made the order more urgent, or a forecast its due times earlier."""

    priority: Priority
    alert: str
    promise: Explanation
    response_due_at: int
    solve_due_at: int
    at: int
    by: str | None = None
    note: str = ""
    counted_from: int | None = None
    by_date: bool = False


@dataclass(frozen=True, slots=True)
class Assigned:
    """Somebody is responsible from now on."""

    assignee: str
    at: int
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Advanced:
    """The order moved on to `stage`."""

    stage: Stage
    at: int
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """Somebody wrote something down; not a response to the customer."""

    at: int
    by: str
    note: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The order is over."""

    code: ClosureCode
    at: int
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Paused:
    """The work waits, and so does the clock."""

    reason: PauseReason
    at: int
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The work goes on."""

    solve_due_at: int
    at: int
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reopened:
    """The order was not over after all."""

    stage: Stage
    promise: Explanation
    solve_due_at: int
    at: int
    by: str
    note: str
    counted_from: int | None = None
    by_date: bool = False


OrderChange: TypeAlias = (
    AlertJoined
    | Reprioritised
    | Assigned
    | Advanced
    | Noted
    | Closed
    | Paused
    | Resumed
    | Reopened
    | Rated
    | Complained
    | ComplaintClosed
)
OrderEvent: TypeAlias = OrderOpened | OrderChange


# -- the fold ------------------------------------------------------------------------------------------------------


def opened(event: OrderOpened) -> WorkOrder:
    """The order as its first event makes it."""
    return WorkOrder(
        number=event.number,
        site=event.site,
        device=event.device,
        alerts=(event.alert,),
        title=event.title,
        cause=event.cause,
        evidence=event.evidence,
        priority=event.priority,
        clock=event.clock,
        promise=event.promise,
        opened_at=event.at,
        response_due_at=event.response_due_at,
        solve_due_at=event.solve_due_at,
        asset=event.asset,
        by_date=event.by_date,
    )


def apply(order: WorkOrder, event: OrderChange) -> WorkOrder:
    """The order after `event`."""
    match event:
        case AlertJoined():
            return order if event.alert in order.alerts else replace(order, alerts=(*order.alerts, event.alert))
        case Reprioritised():
            return replace(
                order,
                priority=event.priority,
                promise=event.promise,
                response_due_at=event.response_due_at,
                solve_due_at=event.solve_due_at,
                counted_from=event.counted_from,
                by_date=event.by_date,
            )
        case Assigned():
            return _responded(replace(order, assignee=event.assignee), event.at)
        case Advanced():
            solved_at = event.at if order.solved_at is None and event.stage.solved else order.solved_at
            return _responded(replace(order, stage=event.stage, solved_at=solved_at), event.at)
        case Noted():
            return order
        case Closed():
            solved_at = event.at if order.solved_at is None else order.solved_at
            return _responded(
                replace(
                    order,
                    solved_at=solved_at,
                    closed_at=event.at,
                    closed_by=event.by,
                    closure_code=event.code,
                    closure_note=event.note,
                ),
                event.at,
            )
        case Paused() | Resumed() | Reopened():
            return _stopped_or_going_on(order, event)
        case Rated() | Complained() | ComplaintClosed():
            return _said_by_customer(order, event)


def fold(events: Iterable[OrderEvent]) -> WorkOrder:
    """The order that its events make. Raises ValueError unless the first one, and no other, opens it."""
    order: WorkOrder | None = None
    for event in events:
        if isinstance(event, OrderOpened) == (order is not None):
            raise ValueError("an order begins with OrderOpened, once")
        order = opened(event) if isinstance(event, OrderOpened) else apply(order, event)  # type: ignore[arg-type]
    if order is None:
        raise ValueError("an order without events")
    return order


def _stopped_or_going_on(order: WorkOrder, event: Paused | Resumed | Reopened) -> WorkOrder:
    match event:
        case Paused():
            return replace(
                order, paused_at=event.at, paused_by=event.by, pause_reason=event.reason, pause_note=event.note
            )
        case Resumed():
            paused_at = event.at if order.paused_at is None else order.paused_at
            return replace(
                order,
                solve_due_at=event.solve_due_at,
                paused_at=None,
                paused_by=None,
                pause_reason=None,
                pause_note=None,
                stops=(*order.stops, Stop(paused_at, event.at, Why.PAUSED, order.pause_reason)),
            )
        case Reopened():
            return _reopened(order, event)


def _reopened(order: WorkOrder, event: Reopened) -> WorkOrder:
    """What was said when it was closed stays in its events alone."""
    closed_at = event.at if order.closed_at is None else order.closed_at
    solved_at = closed_at if order.solved_at is None else order.solved_at
    waited = [Stop(solved_at, closed_at, Why.SOLVED)] if solved_at < closed_at else []
    return replace(
        order,
        stage=event.stage,
        promise=event.promise,
        solve_due_at=event.solve_due_at,
        solved_at=None,
        closed_at=None,
        closed_by=None,
        closure_code=None,
        closure_note=None,
        stops=(*order.stops, *waited, Stop(closed_at, event.at, Why.CLOSED)),
        counted_from=event.counted_from,
        by_date=event.by_date,
    )


def _said_by_customer(order: WorkOrder, event: Rated | Complained | ComplaintClosed) -> WorkOrder:
    if isinstance(event, Rated):
        return replace(order, rating=rating_after(order.rating, event))
    return replace(order, complaints=complaints_after(order.complaints, event))


def _responded(order: WorkOrder, at: int) -> WorkOrder:
    return replace(order, responded_at=at) if order.responded_at is None else order


# -- commands of people --------------------------------------------------------------------------------------------


def assign(order: WorkOrder, assignee: str, by: str, now: int, note: str = "") -> Assigned:
    """Make `assignee` responsible. Raises WrongStateError if the order is closed."""
    must_be_open(order, "assigned")
    return Assigned(assignee, now, by, note)


def advance(order: WorkOrder, by: str, now: int, note: str = "") -> Advanced:
    """Move on to the next stage. Raises WrongStateError if the order is closed, paused or in its last stage."""
    must_be_open(order, "advanced")
    if order.paused_at is not None:
        raise WrongStateError(f"work order {order.number} is paused; resume it before it is advanced")
    stage = order.stage.next
    if stage is None:
        raise WrongStateError(f"work order {order.number} is in its last stage, {order.stage}; it can only be closed")
    return Advanced(stage, now, by, note)


def close(order: WorkOrder, code: ClosureCode, by: str, now: int, note: str = "") -> Closed:
    """End the order, from any stage. Raises WrongStateError if it is closed already."""
    must_be_open(order, "closed")
    return Closed(code, now, by, note)


def must_be_open(order: WorkOrder, what: str) -> None:
    """Raises WrongStateError if the order is closed and cannot be … any more."""
    if order.closed_at is not None:
        raise WrongStateError(f"work order {order.number} is closed; it cannot be {what}")
