"""An alert: what it is about, why it was raised, and the states it goes through.

    ┌────────┐ acknowledge ┌──────────────┐ condition gone ┌─────────┐
    │ active │────────────▶│ acknowledged │───────────────▶│ cleared │
    └────────┘             └──────────────┘                └─────────┘
        │ condition gone   ┌──────────┐ acknowledge             ▲
        └─────────────────▶│ returned │─────────────────────────┘
                           └──────────┘
    a person may close an alert in any state, and set an open one aside for a while: `shelved`, over its return, until
    the shelf ends; `suppressed`: held back by design (`alerts.takeover`), until it is released or its condition is gone

States follow ISA-18.2 / IEC 62682 (returned = returned to normal, unacknowledged).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple, TypeAlias


class Severity(StrEnum):
    """How much an alert matters, from the least up."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for low … 3 for critical."""
        return list(Severity).index(self)


class Kind(StrEnum):
    """What kind of judgement raised an alert; docs/alerts.md explains each."""

    LIMIT = "limit"
    BASELINE = "baseline"
    SILENCE = "silence"
    STUCK = "stuck"
    FORECAST = "forecast"
    FAILURE_RISK = "failure_risk"


class State(StrEnum):
    """Where an alert stands between its condition and the people."""

    ACTIVE = "active"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    CLEARED = "cleared"
    CLOSED = "closed"


OPEN_STATES = (State.ACTIVE, State.ACKNOWLEDGED, State.RETURNED)
"""States of alerts that somebody should look at."""
HELD_STATES = frozenset({State.SUPPRESSED, State.SHELVED})
"""States in which an alert is recorded and shown, without an order and without a message."""


class Verdict(StrEnum):
    """What a person says of an alert afterwards: a label for the models."""

    ANOMALY = "anomaly"
    NOT_ANOMALY = "not_anomaly"


class WrongStateError(Exception):
    """A person asked for a transition that the alert's state does not allow."""


Fact: TypeAlias = str | bool | float | int | None


class Subject(NamedTuple):
    """What an alert is about; the same again is the same alarm."""

    site: str
    device: str
    metric: str | None
    kind: Kind


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an alert was raised, for people, in both languages; one line each."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. Times are event time in ns UTC; `metric` is None for the device as a whole."""

    id: str
    site: str
    device: str
    metric: str | None
    kind: Kind
    severity: Severity
    onset_at: int
    """When the trouble began, as far as the readings tell; at or before `raised_at`."""
    raised_at: int
    """Event time of the reading or tick that opened the alert."""
    score: float
    explanation: Explanation
    state: State = State.ACTIVE
    cleared_at: int | None = None
    """When the condition returned to normal."""
    last_at: int = 0
    """Event time of the newest reading or tick that confirmed the alert."""
    count: int = 1
    """Readings or ticks that confirmed the alert so far, the first included."""
    evidence: Mapping[str, Fact] = field(default_factory=dict)
    """What the explanation is made of: value, expected, low, high, limit, unit, p_value, …"""
    acknowledged_at: int | None = None
    acknowledged_by: str | None = None
    closed_at: int | None = None
    closed_by: str | None = None
    work_order: str | None = None
    shelved_until: int | None = None
    """Clock time, ns UTC, at which its shelf ends."""

    @property
    def subject(self) -> Subject:
        """What it is about."""
        return Subject(self.site, self.device, self.metric, self.kind)

    @property
    def lead(self) -> str | None:
        """The metric that it is mostly about; None where it is about the device as such."""
        if self.metric is None and self.kind is Kind.BASELINE:
            leader = self.evidence.get("metric")
            return leader if isinstance(leader, str) else None
        return self.metric


def alert_id(site: str, device: str, metric: str | None, kind: Kind, raised_at: int) -> str:
    """The id of an alert, derived from what it is about, so that a replay makes the same one.

    >>> alert_id("plant", "pump-1", "vibration", Kind.LIMIT, 1_764_000_000_000_000_000)
    'a-ab969c9aaca1cd94'
    """
    text = "\0".join((site, device, metric if metric is not None else "*", kind, str(raised_at)))
    return "a-" + blake2b(text.encode(), digest_size=8).hexdigest()


# -- what the engine says about alerts -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """A new alert."""

    alert: Alert


@dataclass(frozen=True, slots=True)
class Confirmed:
    """An open alert was seen again: `count` times since it was opened, last at `at`, at worst with `score`."""

    alert_id: str
    at: int
    count: int
    score: float


@dataclass(frozen=True, slots=True)
class Escalated:
    """An open alert became worse at `at`."""

    alert_id: str
    at: int
    severity: Severity
    explanation: Explanation
    evidence: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Revised:
    """What an open alert says changed at `at`: a forecast became nearer, or further away."""

    alert_id: str
    at: int
    explanation: Explanation
    evidence: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Returned:
    """The condition of an alert returned to normal at `at`."""

    alert_id: str
    at: int


@dataclass(frozen=True, slots=True)
class Released:
    """An alert that was held back is told from `at` on."""

    alert_id: str
    at: int


@dataclass(frozen=True, slots=True)
class Unshelved:
    """The shelf of an alert ended by `at`, clock time: it is told again if its condition still holds."""

    alert_id: str
    at: int


AlertEvent: TypeAlias = Opened | Confirmed | Escalated | Revised | Returned | Released | Unshelved


# -- transitions ---------------------------------------------------------------------------------------------------


def apply(alert: Alert, event: Confirmed | Escalated | Revised | Returned | Released | Unshelved) -> Alert:
    """The alert after what the engine saw, or the end of its shelf. The same event again changes nothing."""
    match event:
        case Confirmed():
            return replace(
                alert,
                count=max(alert.count, event.count),
                last_at=max(alert.last_at, event.at),
                score=max(alert.score, event.score),
            )
        case Escalated():
            return _escalated(alert, event)
        case Revised():
            if event.at < alert.last_at:
                return alert
            return replace(alert, explanation=event.explanation, evidence=event.evidence, last_at=event.at)
        case Returned():
            return _returned(alert, event.at)
        case Released():
            return alert if alert.state is not State.SUPPRESSED else replace(alert, state=State.ACTIVE)
        case Unshelved():
            return _unshelved(alert, event.at)


def _escalated(alert: Alert, event: Escalated) -> Alert:
    if event.severity.rank <= alert.severity.rank:
        return alert
    return replace(
        alert,
        severity=event.severity,
        explanation=event.explanation,
        evidence=event.evidence,
        last_at=max(alert.last_at, event.at),
    )


def _returned(alert: Alert, at: int) -> Alert:
    if alert.cleared_at is not None:
        return alert
    after = {
        State.ACTIVE: State.RETURNED,
        State.ACKNOWLEDGED: State.CLEARED,
        State.SUPPRESSED: State.CLEARED,
    }
    return replace(alert, cleared_at=at, state=after.get(alert.state, alert.state))


def _unshelved(alert: Alert, at: int) -> Alert:
    if alert.state is not State.SHELVED or at < (alert.shelved_until or 0):
        return alert
    state = State.ACTIVE if alert.cleared_at is None else State.CLEARED
    return replace(alert, state=state, shelved_until=None, acknowledged_at=None, acknowledged_by=None)


def acknowledge(alert: Alert, by: str, now: int) -> Alert:
    """The alert after a person took note of it. Raises WrongStateError where there is nothing to acknowledge."""
    after = {State.ACTIVE: State.ACKNOWLEDGED, State.RETURNED: State.CLEARED}
    if alert.state not in after:
        raise WrongStateError(f"alert {alert.id} is {alert.state}; only an active or returned one can be acknowledged")
    return replace(alert, state=after[alert.state], acknowledged_at=now, acknowledged_by=by)


def shelve(alert: Alert, until: int) -> Alert:
    """The alert set aside until then, clock time in ns UTC. Raises WrongStateError where nothing is open."""
    if alert.state not in {*OPEN_STATES, State.SHELVED}:
        raise WrongStateError(f"alert {alert.id} is {alert.state}; only an open one can be shelved")
    return replace(alert, state=State.SHELVED, shelved_until=until)


def close(alert: Alert, by: str, now: int) -> Alert:
    """The alert after a person closed it for good. Raises WrongStateError if it is closed already."""
    if alert.state is State.CLOSED:
        raise WrongStateError(f"alert {alert.id} is closed already")
    return replace(alert, state=State.CLOSED, closed_at=now, closed_by=by, shelved_until=None)
