"""Keeps what shadow models would have raised, beside the alerts that people were told of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from alerts.alert import Alert, AlertEvent, Explanation, Kind, Opened, Returned, Severity, State
from ingest.database import Base, reading, writing


class ShadowRow(Base):
    """An alert that a shadow model would have raised."""

    __tablename__ = "shadow_alert"
    __table_args__ = (sa.Index(None, "model", "raised_at"),)

    model: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 of its artefact."""
    id: Mapped[str] = mapped_column(primary_key=True)
    site: Mapped[str]
    device: Mapped[str]
    severity: Mapped[str]
    onset_at: Mapped[int]
    raised_at: Mapped[int]
    cleared_at: Mapped[int | None]
    score: Mapped[float]
    explanation: Mapped[dict[str, Any]]
    evidence: Mapped[dict[str, Any]]


class ShadowStore:
    """The notes in the database behind `engine`. Every method raises RetryableError while it is away."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def record(self, model: str, events: Sequence[AlertEvent]) -> None:
        """Take in what a shadow would have raised and let go; the same again changes nothing."""
        if not any(isinstance(event, Opened | Returned) for event in events):
            return
        with writing(self._engine) as session:
            for event in events:
                if isinstance(event, Opened):
                    _open(session, model, event.alert)
                elif isinstance(event, Returned):
                    row = session.get(ShadowRow, (model, event.alert_id))
                    if row is not None:
                        row.cleared_at = event.at

    def of(self, model: str, since: int = 0) -> list[Alert]:
        """What a model would have raised from `since` (ns UTC) on, oldest first."""
        query = sa.select(ShadowRow).where(ShadowRow.model == model, ShadowRow.raised_at >= since)
        with reading(self._engine) as session:
            return [_alert(row) for row in session.scalars(query.order_by(ShadowRow.raised_at, ShadowRow.id))]

    def newest(self, model: str, limit: int) -> list[Alert]:
        """The last that a model would have raised, newest first."""
        query = sa.select(ShadowRow).where(ShadowRow.model == model)
        with reading(self._engine) as session:
            newest = query.order_by(ShadowRow.raised_at.desc(), ShadowRow.id).limit(limit)
            return [_alert(row) for row in session.scalars(newest)]

    def forget(self, model: str) -> None:
        """Take away all notes of a model."""
        with writing(self._engine) as session:
            session.execute(sa.delete(ShadowRow).where(ShadowRow.model == model))


def _open(session: Session, model: str, alert: Alert) -> None:
    if session.get(ShadowRow, (model, alert.id)) is None:
        session.add(
            ShadowRow(
                model=model,
                id=alert.id,
                site=alert.site,
                device=alert.device,
                severity=alert.severity,
                onset_at=alert.onset_at,
                raised_at=alert.raised_at,
                cleared_at=None,
                score=alert.score,
                explanation={"en": alert.explanation.en, "zh": alert.explanation.zh},
                evidence=dict(alert.evidence),
            )
        )


def _alert(row: ShadowRow) -> Alert:
    return Alert(
        row.id,
        row.site,
        row.device,
        None,
        Kind.FAILURE_RISK,
        Severity(row.severity),
        row.onset_at,
        row.raised_at,
        row.score,
        Explanation(row.explanation["en"], row.explanation["zh"]),
        State.SUPPRESSED if row.cleared_at is None else State.CLEARED,
        row.cleared_at,
        evidence=row.evidence,
    )
