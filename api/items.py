"""Alerts and work orders as the API and the event stream show them. Times are RFC 3339 with `Z`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Self, TypeVar

from pydantic import BaseModel, Field

from alerts.advice import first_steps
from alerts.alert import Alert, Explanation, Fact, Kind, Severity, State, Verdict
from alerts.headline import headline
from alerts.store import Action, ActionKind
from api.customer_items import ComplaintItem, LinkItem, RatingItem
from ingest.reading import NS_PER_SECOND
from ingest.registry import Device
from ingest.times import format_time
from workorders.closure import ClosureCode
from workorders.order import OrderEvent, Priority, Stage, WorkOrder
from workorders.pause import PauseReason
from workorders.similar import Like, Nearness, Similar
from workorders.sla import Clock, Part, Why
from workorders.solve_clock import SolveClock
from workorders.store import NAME_OF

T = TypeVar("T")
Time = str
MOST_INTERVALS = 1_000
"""Intervals of one order's clock that are shown: a year and more of days with two windows."""


class ItemPage(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = Field(None, description="The cursor of the next page; null after the last")


class Text(BaseModel):
    """A text for people, in both languages."""

    en: str
    zh: str

    @classmethod
    def of(cls, text: Explanation) -> Self:
        """From an explanation."""
        return cls(en=text.en, zh=text.zh)


def moment(ns: int | None) -> Time | None:
    """A time for the wire."""
    return None if ns is None else format_time(ns)


def facts(found: dict[str, Fact]) -> dict[str, Fact]:
    """Evidence for the wire: its times as text, numbers that are none as null."""
    return {name: _fact(name, fact) for name, fact in found.items()}


def _fact(name: str, fact: Fact) -> Fact:
    if (name == "at" or name.endswith("_at")) and isinstance(fact, int):
        return format_time(fact)
    return None if isinstance(fact, float) and fact - fact != 0 else fact  # NaN and infinity


class ActionItem(BaseModel):
    """What a person did with an alert."""

    action: ActionKind
    at: Time
    by: str
    note: str
    verdict: Verdict | None = None
    until: Time | None = Field(None, description="When a shelf ends")


class AlertItem(BaseModel):
    """One alert."""

    id: str
    site: str
    device: str
    metric: str | None = Field(description="null: the device as a whole")
    kind: Kind
    severity: Severity
    state: State
    onset_at: Time
    raised_at: Time
    last_at: Time | None
    cleared_at: Time | None
    acknowledged_at: Time | None
    acknowledged_by: str | None
    closed_at: Time | None
    closed_by: str | None
    work_order: str | None
    shelved_until: Time | None
    count: int
    score: float | None
    title: Text
    explanation: Text
    evidence: dict[str, Fact]

    @classmethod
    def of(cls, alert: Alert, device: Device) -> Self:
        """From an alert, and what is known of its device."""
        return cls(
            id=alert.id,
            site=alert.site,
            device=alert.device,
            metric=alert.metric,
            kind=alert.kind,
            severity=alert.severity,
            state=alert.state,
            onset_at=format_time(alert.onset_at),
            raised_at=format_time(alert.raised_at),
            last_at=moment(alert.last_at or None),
            cleared_at=moment(alert.cleared_at),
            acknowledged_at=moment(alert.acknowledged_at),
            acknowledged_by=alert.acknowledged_by,
            closed_at=moment(alert.closed_at),
            closed_by=alert.closed_by,
            work_order=alert.work_order,
            shelved_until=moment(alert.shelved_until),
            count=alert.count,
            score=alert.score if alert.score - alert.score == 0 else None,
            title=Text.of(headline(alert, device.title)),
            explanation=Text.of(alert.explanation),
            evidence=facts(dict(alert.evidence)),
        )


class SimilarItem(BaseModel):
    """An earlier alert like this one, and what became of it."""

    id: str
    site: str
    device: str
    metric: str | None
    near: Nearness = Field(description="The same device, another one of its class at the site, or one elsewhere")
    severity: Severity
    state: State
    raised_at: Time
    cleared_at: Time | None
    work_order: str | None
    closure_code: ClosureCode | None
    outcome: Text | None = Field(description="What it turned out to be; null while nobody said")
    note: str = Field(description="How it was resolved, in the words of who did it")
    verdict: Verdict | None
    solve_s: float | None = Field(description="Seconds until the work was done; null while it is not")

    @classmethod
    def of(cls, like: Like) -> Self:
        """From an earlier alert."""
        past, alert = like.past, like.past.alert
        return cls(
            id=alert.id,
            site=alert.site,
            device=alert.device,
            metric=alert.metric,
            near=like.near,
            severity=alert.severity,
            state=alert.state,
            raised_at=format_time(alert.raised_at),
            cleared_at=moment(alert.cleared_at),
            work_order=alert.work_order,
            closure_code=past.order.closure_code if past.order else None,
            outcome=Text.of(past.finding) if past.finding else None,
            note=past.note,
            verdict=past.verdict,
            solve_s=past.solve_s,
        )


class WithSimilar(BaseModel):
    """What became of earlier alerts like one."""

    similar: list[SimilarItem] = []
    """The nearest ones first, of these the newest."""
    similar_summary: Text | None = None
    """What they were, in a line; null where there are none."""

    def add(self, found: Similar) -> None:
        """Take in what was looked up."""
        self.similar = [SimilarItem.of(one) for one in found.items]
        self.similar_summary = Text.of(found.summary) if found.summary else None


class AlertDetail(AlertItem, WithSimilar):
    """One alert with what people did with it."""

    first_steps: list[Text] = []
    """What to do first."""
    actions: list[ActionItem] = []

    @classmethod
    def with_history(cls, alert: Alert, device: Device, history: Sequence[Action], similar: Similar) -> Self:
        """From an alert, what is known of its device, its history, and earlier alerts like it."""
        detail = cls.of(alert, device)
        detail.add(similar)
        detail.first_steps = [Text.of(step) for step in first_steps(alert.kind, alert.metric, alert.evidence)]
        detail.actions = [
            ActionItem(
                action=a.action, at=format_time(a.at), by=a.by, note=a.note, verdict=a.verdict, until=moment(a.until)
            )
            for a in history
        ]
        return detail


class EvidenceItem(BaseModel):
    """Which reading against which baseline or limit opened an order."""

    alert: str
    metric: str | None
    kind: Kind
    at: Time
    facts: dict[str, Fact]


class OrderEventItem(BaseModel):
    """Something that happened to an order."""

    event: str
    at: Time
    by: str | None = Field(description="null: the engine, or the customer on the page of the order")
    note: str
    stage: Stage | None = None
    assignee: str | None = None
    alert: str | None = None
    priority: Priority | None = None
    closure_code: ClosureCode | None = None
    score: int | None = Field(None, description="Of a rating; its comment is the note")
    complaint: int | None = None
    customer: str | None = Field(None, description="Who said it, where somebody wrote that down")
    pause_reason: PauseReason | None = None
    solve_due_at: Time | None = Field(None, description="By when it was to be solved from then on")


class IntervalItem(BaseModel):
    """A span of time in the life of an order."""

    start: Time
    end: Time
    counted: bool
    why: Why
    reason: PauseReason | None = Field(description="Of a pause")

    @classmethod
    def of(cls, part: Part) -> Self:
        """As the clock saw it."""
        return cls(
            start=format_time(part.start),
            end=format_time(part.end),
            counted=part.counted,
            why=part.why,
            reason=part.reason,
        )


class SolveClockItem(BaseModel):
    """The clock of the solution: counted_s + left_s = promised_s."""

    running: bool = Field(description="Whether time counts at this moment")
    promised_s: float
    counted_s: float
    left_s: float = Field(description="Less than 0: it is so much overdue")
    intervals: list[IntervalItem] = Field(
        description="Every second from the opening until it was solved, or until now, without gaps; the newest 1000"
    )
    left_out: int = Field(description="Older intervals that are not shown")

    @classmethod
    def of(cls, clock: SolveClock) -> Self:
        """From the clock of an order."""
        shown = clock.parts[-MOST_INTERVALS:]
        return cls(
            running=clock.running,
            promised_s=clock.promised / NS_PER_SECOND,
            counted_s=clock.counted / NS_PER_SECOND,
            left_s=clock.left / NS_PER_SECOND,
            intervals=[IntervalItem.of(part) for part in shown],
            left_out=len(clock.parts) - len(shown),
        )


class OrderItem(BaseModel):
    """One work order."""

    number: str
    alerts: list[str]
    site: str
    device: str
    asset: str | None
    title: str
    title_zh: str
    cause: Text
    evidence: EvidenceItem
    priority: Priority
    stage: Stage
    assignee: str | None
    clock: Clock
    promise: Text
    opened_at: Time
    response_due_at: Time
    solve_due_at: Time
    responded_at: Time | None
    solved_at: Time | None
    closed_at: Time | None
    closed_by: str | None
    closure_code: ClosureCode | None
    closure_note: str | None
    rating: RatingItem | None
    complaints: list[ComplaintItem]
    paused_at: Time | None = Field(description="Since when its clock stands")
    paused_by: str | None
    pause_reason: PauseReason | None
    pause_note: str | None
    reopened: int = Field(description="How often it was reopened")

    @classmethod
    def of(cls, order: WorkOrder) -> Self:
        """From a work order."""
        found = order.evidence
        return cls(
            number=order.number,
            alerts=list(order.alerts),
            site=order.site,
            device=order.device,
            asset=order.asset,
            title=order.title.en,
            title_zh=order.title.zh,
            cause=Text.of(order.cause),
            evidence=EvidenceItem(
                alert=found.alert,
                metric=found.metric,
                kind=found.kind,
                at=format_time(found.at),
                facts=facts(dict(found.facts)),
            ),
            priority=order.priority,
            stage=order.stage,
            assignee=order.assignee,
            clock=order.clock,
            promise=Text.of(order.promise),
            opened_at=format_time(order.opened_at),
            response_due_at=format_time(order.response_due_at),
            solve_due_at=format_time(order.solve_due_at),
            responded_at=moment(order.responded_at),
            solved_at=moment(order.solved_at),
            closed_at=moment(order.closed_at),
            closed_by=order.closed_by,
            closure_code=order.closure_code,
            closure_note=order.closure_note,
            rating=RatingItem.of(order.rating) if order.rating else None,
            complaints=[ComplaintItem.of(one) for one in order.complaints],
            paused_at=moment(order.paused_at),
            paused_by=order.paused_by,
            pause_reason=order.pause_reason,
            pause_note=order.pause_note,
            reopened=order.reopened,
        )


class OrderDetail(OrderItem, WithSimilar):
    """One work order with everything that happened to it."""

    first_steps: list[Text] = []
    """What to do first about the alert that opened the order."""
    events: list[OrderEventItem] = []
    solve_clock: SolveClockItem | None = None
    customer_link: LinkItem | None = None

    @classmethod
    def with_history(cls, order: WorkOrder, history: Sequence[OrderEvent], similar: Similar, clock: SolveClock) -> Self:
        """From an order, its events, earlier alerts like the one that opened it, and how its clock goes."""
        detail, found = cls.of(order), order.evidence
        detail.solve_clock = SolveClockItem.of(clock)
        detail.add(similar)
        detail.first_steps = [Text.of(step) for step in first_steps(found.kind, found.metric, found.facts)]
        detail.events = [_event(event) for event in history]
        return detail


_DETAILS = {name: name for name in ("alert", "priority", "assignee", "stage", "score", "complaint", "customer")}
_DETAILS |= {"code": "closure_code", "reason": "pause_reason"}
"""What events know beside times, name and note, and what it is called here."""


def _event(event: OrderEvent) -> OrderEventItem:
    known = {shown: found for name, shown in _DETAILS.items() if (found := getattr(event, name, None))}
    due_at = moment(getattr(event, "solve_due_at", None))
    return OrderEventItem(
        event=NAME_OF[type(event)],
        at=format_time(event.at),
        by=event.by,
        note=event.note,
        solve_due_at=due_at,
        **known,
    )
