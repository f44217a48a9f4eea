"""What people set aside for a while, read from the alerts that are shelved; inside the transaction of who asks.

shelve ─▶ the alert, and new ones about the same, are shelved ─▶ its time is over, or unshelved ─▶ told again
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from alerts.alert import Alert, Kind, State, Subject
from alerts.store import ROWS_AT_ONCE, AlertRow, about
from ingest.registry import DeviceKey

_IS_SHELVED = AlertRow.state == State.SHELVED


def shelves(session: Session, devices: Iterable[DeviceKey], now: int) -> dict[Subject, int]:
    """What is set aside on those devices at `now`, and until when."""
    keys, subject = sorted(set(devices)), (AlertRow.site, AlertRow.device, AlertRow.metric, AlertRow.kind)
    found: dict[Subject, int] = {}
    for start in range(0, len(keys), ROWS_AT_ONCE // 2):
        some = sa.tuple_(AlertRow.site, AlertRow.device).in_(keys[start : start + ROWS_AT_ONCE // 2])
        until = sa.select(*subject, sa.func.max(AlertRow.shelved_until)).group_by(*subject)
        rows = session.execute(until.where(_IS_SHELVED, AlertRow.shelved_until > now, some))
        for site, device, metric, kind, at in rows:
            found[Subject(site, device, metric, Kind(kind))] = at or 0
    return found


def end_shelf(session: Session, alert: Alert, now: int) -> list[str]:
    """Have the shelf of all that is shelved about the same as that alert end at `now`; their ids."""
    same = (_IS_SHELVED, *about(alert.subject))
    session.execute(sa.update(AlertRow).where(*same).values(shelved_until=now))
    return list(session.scalars(sa.select(AlertRow.id).where(*same).order_by(AlertRow.id)))


def shelved_out(session: Session, now: int) -> list[str]:
    """Ids of shelved alerts whose shelf has ended by `now`, so many at a time."""
    ended = sa.select(AlertRow.id).where(_IS_SHELVED, AlertRow.shelved_until <= now).order_by(AlertRow.id)
    return list(session.scalars(ended.limit(ROWS_AT_ONCE)))
