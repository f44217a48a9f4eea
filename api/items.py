"""Alerts and work orders as the API and the event stream show them. Times are RFC 3339 with `Z`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Self, TypeVar

from pydantic import BaseModel, Field

from alerts.advice import first_steps
from alerts.alert import Alert, Explanation, Fact, Kind, Severity, State, Verdict
from alerts.headline import headline
from alerts.store import Action, ActionKind
from api.customer_items import ComplaintItem, RatingItem
from ingest.registry import Device
from ingest.times import format_time
from workorders.closure import ClosureCode
from workorders.order import OrderEvent, Priority, Stage, WorkOrder
from workorders.similar import Like, Nearness, Similar
from workorders.sla import Clock
from workorders.store import NAME_OF

T = TypeVar("T")
Time = str


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
        )


class OrderDetail(OrderItem, WithSimilar):
    """One work order with everything that happened to it."""

    first_steps: list[Text] = []
    """What to do first about the alert that opened the order."""
    events: list[OrderEventItem] = []

    @classmethod
    def with_history(cls, order: WorkOrder, history: Sequence[OrderEvent], similar: Similar) -> Self:
        """From an order, its events, and earlier alerts like the one that opened it."""
        detail, found = cls.of(order), order.evidence
        detail.add(similar)
        detail.first_steps = [Text.of(step) for step in first_steps(found.kind, found.metric, found.facts)]
        detail.events = [_event(event) for event in history]
        return detail


_DETAILS = {name: name for name in ("alert", "priority", "assignee", "stage", "score", "complaint", "customer")}
_DETAILS |= {"code": "closure_code"}
"""What events know beside time, name and note, and what it is called here."""


def _event(event: OrderEvent) -> OrderEventItem:
    known = {shown: found for name, shown in _DETAILS.items() if (found := getattr(event, name, None))}
    return OrderEventItem(event=NAME_OF[type(event)], at=format_time(event.at), by=event.by, note=event.note, **known)
