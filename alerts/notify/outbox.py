"""Notices that wait to be sent, in the SQL database: one row for each notice and receiver.

A row is written in the transaction of the alert that it tells of, so that neither is there without the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from random import Random
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Mapped, Session, mapped_column

from alerts.alert import Severity, State
from alerts.notify.message import Message, Text
from alerts.notify.policy import (
    FLOOD_WITHIN_NS,
    GIVE_UP_AFTER_NS,
    SECOND_NS,
    Language,
    Reason,
    Skip,
    at_once,
    delay_ns,
    is_over,
)
from alerts.store import AlertRow
from ingest.database import Base

LEASE_NS = 60 * SECOND_NS
"""For how long a notice belongs to the worker that took it; after a crash it is free again."""
ERROR_LENGTH = 300

log = structlog.get_logger(__name__)


class NoticeState(StrEnum):
    """Where a notice stands."""

    PENDING = "pending"
    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"


class NoticeRow(Base):
    """One notice to one receiver. Times are clock time."""

    __tablename__ = "notification"
    __table_args__ = (sa.Index(None, "state", "next_at"), sa.Index(None, "alert_id"))

    key: Mapped[str] = mapped_column(primary_key=True)
    receiver: Mapped[str] = mapped_column(primary_key=True)
    alert_id: Mapped[str] = mapped_column(sa.ForeignKey("alert.id"))
    reason: Mapped[str]
    severity: Mapped[str]
    message: Mapped[dict[str, Any]]
    facts: Mapped[dict[str, Any]]
    state: Mapped[str]
    queued_at: Mapped[int]
    next_at: Mapped[int]
    done_at: Mapped[int | None]
    tries: Mapped[int] = mapped_column(sa.Integer)
    detail: Mapped[str | None]
    """Why it was skipped, or what went wrong last."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell."""

    key: str
    """The same for every try and every receiver."""
    alert_id: str
    """The alert that it is about, or that opened the order that it is about."""
    reason: Reason
    severity: Severity
    message: Message
    facts: Mapping[str, str]
    """The same in fields, for machines."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notice that a worker took to send it now."""

    notice: Notice
    receiver: str
    tries: int
    """Which try it is, from 1."""
    queued_at: int


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """How sending goes, for readiness and metrics."""

    counts: Mapping[NoticeState, int]
    retrying: int
    """Pending notices that failed at least once."""
    failed_lately: int
    """Notices given up in the last 24 h."""


def receiver_id(url: str) -> str:
    """A name for a receiver that does not give away its URL, which holds secrets."""
    return blake2b(url.encode(), digest_size=8).hexdigest()


def pending(session: Session) -> int:
    """How many notices wait."""
    query = sa.select(sa.func.count()).where(NoticeRow.state == NoticeState.PENDING)
    return session.scalar(query) or 0


def put(session: Session, notices: Iterable[tuple[Notice, Skip | None]], receivers: Iterable[str], now: int) -> None:
    """Add new notices for every receiver, to be sent at once or not at all. Their alerts are saved before."""
    to = list(receivers)
    rows = [_values(notice, receiver, now, skip) for notice, skip in notices for receiver in to]
    if rows:
        session.execute(sa.insert(NoticeRow), rows)


def claim(
    session: Session, receiver: str | None, receivers: frozenset[str], now: int, gathers: bool = False
) -> tuple[Claimed, ...]:
    """Take what goes into the next message to `receiver`, for a minute: the notice that has waited longest.

    For a receiver that `gathers` that are all that wait in a flood, and none until it is time for the next message.
    Give up or skip on the way what need not be sent, such as notices to none of `receivers`.
    """
    most = at_once(*_lately(session, receiver, now)) if gathers else 1
    concerned = (NoticeRow.receiver == receiver) | NoticeRow.receiver.not_in(receivers)
    due = (
        sa.select(NoticeRow)
        .where(NoticeRow.state == NoticeState.PENDING, NoticeRow.next_at <= now, concerned)
        .order_by(NoticeRow.next_at, NoticeRow.key, NoticeRow.receiver)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    while rows := session.scalars(due).all():
        taken = [claimed for row in rows if (claimed := _take(session, row, receivers, now)) is not None]
        if taken:
            return tuple(taken)
        session.flush()
    return ()


def _lately(session: Session, receiver: str | None, now: int) -> tuple[int, int | None]:
    """How many notices to `receiver` wait or went out in the last ten minutes, and how long ago the last did, if so."""
    # when a notice was taken is known by the end of its lease, which the index leads to
    went_out = (NoticeRow.state == NoticeState.SENT) & (NoticeRow.next_at > now - FLOOD_WITHIN_NS + LEASE_NS)
    query = sa.select(sa.func.count(), sa.func.max(NoticeRow.done_at)).where(
        NoticeRow.receiver == receiver, (NoticeRow.state == NoticeState.PENDING) | went_out
    )
    number, last = session.execute(query).one()
    return number, None if last is None else now - last


def _take(session: Session, row: NoticeRow, receivers: frozenset[str], now: int) -> Claimed | None:
    """The notice of that row for a worker; None if it need not be sent."""
    skip = _skip_now(session, row, receivers)
    if skip is not None:
        _finish(row, NoticeState.SKIPPED, now, skip)
        log.info("notice skipped", notice=row.key, receiver=row.receiver, reason=str(skip))
    elif now - row.queued_at > GIVE_UP_AFTER_NS:
        _finish(row, NoticeState.FAILED, now, row.detail)
        log.error("notice given up", notice=row.key, receiver=row.receiver, tries=row.tries, error=row.detail)
    else:
        row.tries += 1
        row.next_at = now + LEASE_NS
        return Claimed(_to_notice(row), row.receiver, row.tries, row.queued_at)
    return None


def sent(session: Session, message: Sequence[Claimed], now: int) -> None:
    """Note that the notices of a message went out."""
    for claimed in message:
        _finish(_row(session, claimed), NoticeState.SENT, now, None)


def failed(session: Session, message: Sequence[Claimed], now: int, error: str, rng: Random) -> NoticeState:
    """Note that a try failed: what is in the message waits for the next one, or is given up if that would be too late.

    Returns the state of those that have waited least.
    """
    next_at = now + delay_ns(max(claimed.tries for claimed in message), rng)
    rows = [_row(session, claimed) for claimed in message]
    for row in rows:
        row.detail = error[:ERROR_LENGTH]
        row.next_at = next_at
        if next_at - row.queued_at > GIVE_UP_AFTER_NS:
            _finish(row, NoticeState.FAILED, now, row.detail)
    return NoticeState(max(rows, key=lambda row: row.queued_at).state)


def status(session: Session, now: int) -> OutboxStatus:
    """How sending goes."""
    counts = sa.select(NoticeRow.state, sa.func.count()).group_by(NoticeRow.state)
    retrying, failed_lately = troubled(session, now)
    return OutboxStatus(
        dict.fromkeys(NoticeState, 0) | {NoticeState(s): n for s, n in session.execute(counts)}, retrying, failed_lately
    )


def troubled(session: Session, now: int) -> tuple[int, int]:
    """How many notices wait to be tried again, and how many were given up in the last 24 h."""
    is_pending, is_failed = NoticeRow.state == NoticeState.PENDING, NoticeRow.state == NoticeState.FAILED
    return (
        _count(session, is_pending & NoticeRow.detail.is_not(None)),
        _count(session, is_failed & (NoticeRow.done_at > now - GIVE_UP_AFTER_NS)),
    )


def _count(session: Session, condition: sa.ColumnElement[bool]) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(NoticeRow).where(condition)) or 0


def _row(session: Session, claimed: Claimed) -> NoticeRow:
    return session.get_one(NoticeRow, (claimed.notice.key, claimed.receiver), with_for_update=True)


def _skip_now(session: Session, row: NoticeRow, receivers: frozenset[str]) -> Skip | None:
    if row.receiver not in receivers:
        return Skip.NO_RECEIVER
    if row.reason == Reason.COMPLAINT:
        return None
    alert = session.get_one(AlertRow, row.alert_id)
    if alert.state == State.SHELVED:
        return Skip.SHELVED
    return Skip.OVER if is_over(State(alert.state), alert.cleared_at) else None


def _values(notice: Notice, receiver: str, now: int, skip: Skip | None) -> dict[str, Any]:
    return {
        "key": notice.key,
        "receiver": receiver,
        "alert_id": notice.alert_id,
        "reason": notice.reason,
        "severity": notice.severity,
        "message": {str(lang): {"title": text.title, "body": text.body} for lang, text in notice.message.items()},
        "facts": dict(notice.facts),
        "state": NoticeState.PENDING if skip is None else NoticeState.SKIPPED,
        "queued_at": now,
        "next_at": now,
        "done_at": None if skip is None else now,
        "tries": 0,
        "detail": skip,
    }


def _finish(row: NoticeRow, state: NoticeState, now: int, detail: str | None) -> None:
    row.state, row.done_at, row.detail = state, now, detail


def _to_notice(row: NoticeRow) -> Notice:
    return Notice(
        key=row.key,
        alert_id=row.alert_id,
        reason=Reason(row.reason),
        severity=Severity(row.severity),
        message={Language(lang): Text(text["title"], text["body"]) for lang, text in row.message.items()},
        facts=row.facts,
    )
