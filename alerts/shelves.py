"""What people set aside for a while, read from the alerts that are shelved; inside the transaction of who asks.

shelve ─▶ the alert, and new ones about the same, are shelved ─▶ its time is over, or unshelved ─▶ told again
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from alerts.alert import Alert, State, Subject
from alerts.store import ROWS_AT_ONCE, AlertRow, to_alert
from ingest.registry import DeviceKey

_IS_SHELVED = AlertRow.state == State.SHELVED


def shelves(session: Session, devices: Iterable[DeviceKey], now: int) -> dict[Subject, int]:
    """What is set aside on those devices at `now`, and until when."""
    key, found = sorted(set(devices)), dict[Subject, int]()
    for start in range(0, len(key), ROWS_AT_ONCE // 2):
        some = sa.tuple_(AlertRow.site, AlertRow.device).in_(key[start : start + ROWS_AT_ONCE // 2])
        rows = session.scalars(sa.select(AlertRow).where(_IS_SHELVED, AlertRow.shelved_until > now, some))
        for alert in map(to_alert, rows):
            found[alert.subject] = max(found.get(alert.subject, 0), alert.shelved_until or 0)
    return found


def end_shelf(session: Session, alert: Alert, now: int) -> list[str]:
    """Have the shelf of all that is shelved about the same as that alert end at `now`; their ids."""
    metric = AlertRow.metric.is_(None) if alert.metric is None else AlertRow.metric == alert.metric
    same = (
        _IS_SHELVED,
        AlertRow.site == alert.site,
        AlertRow.device == alert.device,
        metric,
        AlertRow.kind == alert.kind,
    )
    session.execute(sa.update(AlertRow).where(*same).values(shelved_until=now))
    return list(session.scalars(sa.select(AlertRow.id).where(*same).order_by(AlertRow.id)))


def shelved_out(session: Session, now: int) -> list[str]:
    """Ids of shelved alerts whose shelf has ended by `now`, so many at a time."""
    ended = sa.select(AlertRow.id).where(_IS_SHELVED, AlertRow.shelved_until <= now).order_by(AlertRow.id)
    return list(session.scalars(ended.limit(ROWS_AT_ONCE)))
