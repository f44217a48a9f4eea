"""Keeps alerts, and what people did with them, in the SQL database."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from alerts.alert import Alert, Explanation, Kind, Severity, State, Subject, Verdict
from alerts.alert import acknowledge as acknowledged
from alerts.alert import close as closed
from alerts.alert import shelve as shelved
from alerts.health import Lived
from ingest.database import Base, holds, reading, writing
from ingest.errors import NotFoundError
from ingest.paging import DEFAULT_LIMIT, Page, after_cursor, checked_limit, encode_cursor
from ingest.registry import DeviceKey

ROWS_AT_ONCE = 500
"""Ids in one IN (…): below the fewest parameters a SQLite allows (999)."""


class AlertRow(Base):
    """One alert as it stands."""

    __tablename__ = "alert"
    __table_args__ = (
        sa.Index(None, "raised_at", "id"),
        sa.Index(None, "site", "device", "raised_at"),
        sa.Index(None, "state", "raised_at"),
        sa.Index(None, "kind", "lead", "raised_at"),
        sa.Index(None, "site", "device", "kind", "lead", "raised_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    site: Mapped[str]
    device: Mapped[str]
    metric: Mapped[str | None]
    kind: Mapped[str]
    severity: Mapped[str]
    state: Mapped[str]
    onset_at: Mapped[int]
    raised_at: Mapped[int]
    cleared_at: Mapped[int | None]
    last_at: Mapped[int]
    count: Mapped[int]
    score: Mapped[float | None]
    """None where it is not a number, which SQLite does not keep."""
    explanation: Mapped[dict[str, Any]]
    evidence: Mapped[dict[str, Any]]
    acknowledged_at: Mapped[int | None]
    acknowledged_by: Mapped[str | None]
    closed_at: Mapped[int | None]
    closed_by: Mapped[str | None]
    work_order: Mapped[str | None] = mapped_column(index=True)
    lead: Mapped[str | None]
    """The metric that it is mostly about, by which alerts like it are found."""
    shelved_until: Mapped[int | None]


NEWEST = (AlertRow.raised_at.desc(), AlertRow.id)
"""The order of alerts, the newest first."""


class ActionRow(Base):
    """One thing that a person did with an alert."""

    __tablename__ = "alert_action"
    __table_args__ = (sa.Index(None, "alert_id", "id"),)

    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True)
    alert_id: Mapped[str] = mapped_column(sa.ForeignKey("alert.id"))
    action: Mapped[str]
    at: Mapped[int]
    by: Mapped[str]
    note: Mapped[str]
    verdict: Mapped[str | None]
    until: Mapped[int | None]


class ActionKind(StrEnum):
    """What a person can do with an alert."""

    ACKNOWLEDGE = "acknowledge"
    CLOSE = "close"
    FEEDBACK = "feedback"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"


@dataclass(frozen=True, slots=True)
class Action:
    """One line of an alert's history: who did what when (clock time, ns UTC), with which words."""

    action: ActionKind
    at: int
    by: str
    note: str
    verdict: Verdict | None = None
    until: int | None = None
    """When the shelf ends."""


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts to list; None and empty mean all. `since` is the earliest `raised_at`, ns UTC."""

    states: Sequence[State] = ()
    site: str | None = None
    device: str | None = None
    metric: str | None = None
    kinds: Sequence[Kind] = ()
    severities: Sequence[Severity] = ()
    since: int | None = None
    work_order: str | None = None
    text: str | None = None
    """What site, device, id or order number hold; or the device is one of `called`."""
    called: Sequence[DeviceKey] = ()


@dataclass(frozen=True, slots=True)
class Brief:
    """What an alert is about, and how bad it is."""

    site: str
    device: str
    metric: str | None
    severity: Severity
    cleared_at: int | None
    """When its condition was gone, ns UTC; None while it lasts."""


class AlertStore:
    """The alerts in the database behind `engine`. Every method raises RetryableError while the database is away."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, alert_id: str) -> Alert:
        """The alert with that id. Raises NotFoundError."""
        with reading(self._engine) as session:
            return to_alert(_row(session, alert_id))

    def list(self, wanted: AlertFilter, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Page[Alert]:
        """Alerts, newest first. Raises InputError on a bad cursor or limit."""
        query = (
            sa.select(AlertRow)
            .where(*_conditions(wanted), after_cursor(AlertRow.raised_at, AlertRow.id, cursor))
            .order_by(AlertRow.raised_at.desc(), AlertRow.id.desc())
            .limit(checked_limit(limit) + 1)
        )
        with reading(self._engine) as session:
            found = [to_alert(row) for row in session.scalars(query)]
        more = len(found) > limit
        return Page(
            tuple(found[:limit]), encode_cursor(found[limit - 1].raised_at, found[limit - 1].id) if more else None
        )

    def count(self, wanted: AlertFilter) -> dict[State, int]:
        """How many alerts are in each state; states without any are left out."""
        query = sa.select(AlertRow.state, sa.func.count()).where(*_conditions(wanted)).group_by(AlertRow.state)
        with reading(self._engine) as session:
            return {State(state): number for state, number in session.execute(query)}

    def worst(self, wanted: AlertFilter, limit: int) -> tuple[Alert, ...]:
        """The first `limit` alerts by severity, of these the newest; those whose condition is gone come last."""
        gone = sa.case((AlertRow.cleared_at.is_(None), 0), else_=1)
        rank = sa.case({severity: severity.rank for severity in Severity}, value=AlertRow.severity)
        query = sa.select(AlertRow).where(*_conditions(wanted)).order_by(gone, rank.desc(), *NEWEST).limit(limit)
        with reading(self._engine) as session:
            return tuple(to_alert(row) for row in session.scalars(query))

    def briefs(self, wanted: AlertFilter) -> tuple[Brief, ...]:
        """Every one of the alerts, but little of each."""
        columns = (AlertRow.site, AlertRow.device, AlertRow.metric, AlertRow.severity, AlertRow.cleared_at)
        query = sa.select(*columns).where(*_conditions(wanted))
        with reading(self._engine) as session:
            return tuple(
                Brief(site, device, metric, Severity(severity), cleared_at)
                for site, device, metric, severity, cleared_at in session.execute(query)
            )

    def history(self, alert_id: str) -> tuple[Action, ...]:
        """What people did with the alert, oldest first."""
        query = sa.select(ActionRow).where(ActionRow.alert_id == alert_id).order_by(ActionRow.id)
        with reading(self._engine) as session:
            return tuple(
                Action(ActionKind(r.action), r.at, r.by, r.note, Verdict(r.verdict) if r.verdict else None, r.until)
                for r in session.scalars(query)
            )

    def judged(self, start: int, end: int) -> tuple[tuple[Alert, Verdict], ...]:
        """Alerts raised from `start` to `end` (ns UTC, end exclusive) of which a person said whether they were right.

        By time of raising, each with the verdict given last.
        """
        query = (
            sa.select(AlertRow, ActionRow.verdict)
            .join(ActionRow, ActionRow.alert_id == AlertRow.id)
            .where(ActionRow.verdict.is_not(None), AlertRow.raised_at >= start, AlertRow.raised_at < end)
            .order_by(AlertRow.raised_at, AlertRow.id, ActionRow.id)
        )
        with reading(self._engine) as session:
            said = {row.id: (to_alert(row), Verdict(str(verdict))) for row, verdict in session.execute(query)}
        return tuple(said.values())

    def raised_since(self, start: int) -> tuple[Alert, ...]:
        """Alerts raised from `start` (ns UTC) on, oldest first."""
        query = sa.select(AlertRow).where(AlertRow.raised_at >= start).order_by(AlertRow.raised_at, AlertRow.id)
        with reading(self._engine) as session:
            return tuple(to_alert(row) for row in session.scalars(query))

    def lived(self, start: int, end: int) -> tuple[Lived, ...]:
        """Alerts that were on from `start` to `end` (ns UTC, end exclusive), by time of raising.

        Each with its last feedback. Those that are held back are not among them: nobody is told of them.
        """
        over = sa.func.coalesce(AlertRow.cleared_at, AlertRow.closed_at)
        subject = (AlertRow.site, AlertRow.device, AlertRow.metric, AlertRow.kind)
        on = (AlertRow.raised_at < end, sa.or_(AlertRow.raised_at >= start, over.is_(None), over > start))
        told = AlertRow.state != State.SUPPRESSED
        rest = (AlertRow.severity, AlertRow.raised_at, over, AlertRow.work_order)
        alerts = sa.select(AlertRow.id, *subject, *rest).where(*on, told)
        words = (
            sa.select(ActionRow.alert_id, ActionRow.verdict)
            .join(AlertRow, ActionRow.alert_id == AlertRow.id)
            .where(ActionRow.verdict.is_not(None), *on)
            .order_by(ActionRow.id)
        )
        with reading(self._engine) as session:
            right = {alert_id: verdict == Verdict.ANOMALY for alert_id, verdict in session.execute(words)}
            found = session.execute(alerts.order_by(AlertRow.raised_at, AlertRow.id))
            return tuple(
                Lived(Subject(site, device, metric, Kind(kind)), Severity(severity), at, over_at, right.get(id_), order)
                for id_, site, device, metric, kind, severity, at, over_at, order in found
            )

    def first_raised(self) -> int | None:
        """When the earliest alert was raised, ns UTC; None without any."""
        with reading(self._engine) as session:
            return session.scalar(sa.select(sa.func.min(AlertRow.raised_at)))

    def acknowledge(self, alert_id: str, by: str, now: int, note: str = "") -> Alert:
        """Take note of an alert. Raises NotFoundError, or WrongStateError where there is nothing to acknowledge."""
        return self._act(alert_id, lambda alert: acknowledged(alert, by, now), Action(_A.ACKNOWLEDGE, now, by, note))

    def close(self, alert_id: str, by: str, now: int, note: str = "") -> Alert:
        """End an alert for good. Raises NotFoundError, or WrongStateError if it is closed already."""
        return self._act(alert_id, lambda alert: closed(alert, by, now), Action(_A.CLOSE, now, by, note))

    def shelve(self, alert_id: str, by: str, now: int, until: int, note: str = "") -> Alert:
        """Set an alert aside until then, and new ones about the same meanwhile.

        Raises NotFoundError, or WrongStateError where nothing is open.
        """
        action = Action(_A.SHELVE, now, by, note, until=until)
        return self._act(alert_id, lambda alert: shelved(alert, until), action)

    def feedback(self, alert_id: str, by: str, now: int, verdict: Verdict | None, note: str = "") -> Alert:
        """Say whether the alert was right, or something about it, in any state. The last verdict counts.

        Raises NotFoundError.
        """
        return self._act(alert_id, lambda alert: alert, Action(_A.FEEDBACK, now, by, note, verdict))

    def _act(self, alert_id: str, change: Callable[[Alert], Alert], action: Action) -> Alert:
        with writing(self._engine) as session:
            alert = change(to_alert(_row(session, alert_id, lock=True)))
            update_alerts(session, [alert])
            note_action(session, alert_id, action)
            return alert


_A = ActionKind


# -- for the desk, inside its own transaction ------------------------------------------------------------------------


def load_alerts(session: Session, ids: Iterable[str]) -> dict[str, Alert]:
    """Those of the alerts that exist, their rows locked until the transaction ends."""
    wanted, found = sorted(set(ids)), {}
    for start in range(0, len(wanted), ROWS_AT_ONCE):
        some = wanted[start : start + ROWS_AT_ONCE]
        query = sa.select(AlertRow).where(AlertRow.id.in_(some)).order_by(AlertRow.id).with_for_update()
        found.update({row.id: to_alert(row) for row in session.scalars(query)})
    return found


def insert_alerts(session: Session, alerts: Iterable[Alert]) -> None:
    """Add alerts that are not there yet."""
    rows = [_values(alert) for alert in alerts]
    if rows:
        session.execute(sa.insert(AlertRow), rows)


def update_alerts(session: Session, alerts: Iterable[Alert]) -> None:
    """Replace alerts that are there."""
    rows = [_values(alert) for alert in alerts]
    if rows:
        session.execute(sa.update(AlertRow), rows)


def note_action(session: Session, alert_id: str, action: Action) -> None:
    """Keep what a person did with an alert."""
    said = {"at": action.at, "by": action.by, "note": action.note, "verdict": action.verdict, "until": action.until}
    session.add(ActionRow(alert_id=alert_id, action=action.action, **said))


# -- rows ----------------------------------------------------------------------------------------------------------


def _row(session: Session, alert_id: str, lock: bool = False) -> AlertRow:
    row = session.get(AlertRow, alert_id, with_for_update=lock or None)
    if row is None:
        raise NotFoundError(f"there is no alert {alert_id!r}")
    return row


def about(subject: Subject) -> tuple[sa.ColumnElement[bool], ...]:
    """The conditions of being about that."""
    metric = AlertRow.metric.is_(None) if subject.metric is None else AlertRow.metric == subject.metric
    return AlertRow.site == subject.site, AlertRow.device == subject.device, metric, AlertRow.kind == subject.kind


def is_known_to_its_order(session: Session, alert: Alert) -> bool:
    """Whether its order holds another alert about the same."""
    others = (AlertRow.work_order == alert.work_order, AlertRow.id != alert.id, *about(alert.subject))
    return session.scalar(sa.select(AlertRow.id).where(*others).limit(1)) is not None


def orders_of(site: str | None, device: str) -> sa.Select[str | None]:
    """Numbers of the orders that alerts of a device opened or joined, at that site or at any."""
    query = sa.select(AlertRow.work_order).where(AlertRow.device == device, AlertRow.work_order.is_not(None))
    return query if site is None else query.where(AlertRow.site == site)


def _conditions(wanted: AlertFilter) -> list[sa.ColumnElement[bool]]:
    equal = {
        AlertRow.site: wanted.site,
        AlertRow.device: wanted.device,
        AlertRow.metric: wanted.metric,
        AlertRow.work_order: wanted.work_order,
    }
    one_of: dict[Any, Sequence[StrEnum]] = {
        AlertRow.state: wanted.states,
        AlertRow.kind: wanted.kinds,
        AlertRow.severity: wanted.severities,
    }
    conditions = [column == value for column, value in equal.items() if value is not None]
    conditions += [column.in_(list(values)) for column, values in one_of.items() if values]
    if wanted.text is not None:
        device = (AlertRow.site, AlertRow.device)
        conditions.append(holds(wanted.text, (*device, AlertRow.id, AlertRow.work_order), device, wanted.called))
    return conditions if wanted.since is None else [*conditions, AlertRow.raised_at >= wanted.since]


def _values(alert: Alert) -> dict[str, Any]:
    values = {name: getattr(alert, name) for name in _PLAIN}
    explanation = {"en": alert.explanation.en, "zh": alert.explanation.zh}
    score = None if math.isnan(alert.score) else alert.score
    return values | {
        "score": score,
        "explanation": explanation,
        "evidence": dict(alert.evidence),
        "lead": alert.lead,
    }


_PLAIN = tuple(name for name in Alert.__dataclass_fields__ if name not in {"explanation", "evidence"})


def to_alert(row: AlertRow) -> Alert:
    """The alert that a row holds."""
    return Alert(
        id=row.id,
        site=row.site,
        device=row.device,
        metric=row.metric,
        kind=Kind(row.kind),
        severity=Severity(row.severity),
        onset_at=row.onset_at,
        raised_at=row.raised_at,
        score=math.nan if row.score is None else row.score,
        explanation=Explanation(row.explanation["en"], row.explanation["zh"]),
        state=State(row.state),
        cleared_at=row.cleared_at,
        last_at=row.last_at,
        count=row.count,
        evidence=row.evidence,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        work_order=row.work_order,
        shelved_until=row.shelved_until,
    )
