"""Finds earlier alerts that may be like one, and what people said of them; inside the transaction of who asks."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from alerts.alert import Alert, Verdict
from alerts.store import NEWEST, ROWS_AT_ONCE, ActionRow, AlertRow, to_alert

MOST_LIKE = 100
"""Earlier alerts that are found to be like one, on its device or elsewhere."""
SEARCHED = 5_000
"""Earlier alerts, of all devices, among which those of one class are looked for."""


def like_on_device(session: Session, alert: Alert) -> list[Alert]:
    """Earlier alerts of the same device, kind and leading metric: the newest MOST_LIKE."""
    here = (AlertRow.site == alert.site, AlertRow.device == alert.device)
    query = sa.select(AlertRow).where(*here, *_like(alert)).order_by(*NEWEST).limit(MOST_LIKE)
    return [to_alert(row) for row in session.scalars(query)]


def like_elsewhere(session: Session, alert: Alert, devices: sa.Select[str, str]) -> list[Alert]:
    """Earlier alerts of the same kind and leading metric on other devices of those (site, name): the newest MOST_LIKE.

    Looks among the newest SEARCHED of all devices.
    """
    newest = sa.select(AlertRow.id).where(*_like(alert)).order_by(*NEWEST).limit(SEARCHED)
    elsewhere = sa.not_(sa.and_(AlertRow.site == alert.site, AlertRow.device == alert.device))
    query = (
        sa.select(AlertRow)
        .where(AlertRow.id.in_(newest), elsewhere, sa.tuple_(AlertRow.site, AlertRow.device).in_(devices))
        .order_by(*NEWEST)
        .limit(MOST_LIKE)
    )
    return [to_alert(row) for row in session.scalars(query)]


def _like(alert: Alert) -> tuple[sa.ColumnElement[bool], ...]:
    lead = AlertRow.lead.is_(None) if alert.lead is None else AlertRow.lead == alert.lead
    return AlertRow.kind == alert.kind, lead, AlertRow.raised_at < alert.raised_at


def last_words(session: Session, ids: Sequence[str]) -> dict[str, tuple[Verdict | None, str]]:
    """The last verdict, and the last words, that people left about each of those alerts."""
    said: dict[str, tuple[Verdict | None, str]] = {}
    for start in range(0, len(ids), ROWS_AT_ONCE):
        some = ids[start : start + ROWS_AT_ONCE]
        query = sa.select(ActionRow).where(ActionRow.alert_id.in_(some)).order_by(ActionRow.id)
        for row in session.scalars(query):
            verdict, note = said.get(row.alert_id, (None, ""))
            said[row.alert_id] = (Verdict(row.verdict) if row.verdict else verdict, row.note or note)
    return said
