"""Looks up earlier alerts like one in the database; `workorders.similar` decides which are and what they say."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from alerts.alert import Alert
from alerts.likeness import MOST_LIKE, last_words, like_elsewhere, like_on_device
from ingest.database import reading
from ingest.registry_store import DeviceRow
from workorders.similar import Nearness, Past, Similar, similar
from workorders.store import read_orders

ENOUGH = 20
"""So many earlier alerts of its own device are past enough."""


class PastStore:
    """What became of earlier alerts, in the database behind `engine`. Raises RetryableError while it is away."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def similar(self, alert: Alert) -> Similar:
        """Earlier alerts like that one."""
        with reading(self._engine) as session:
            return similar_in(session, alert)


def similar_in(session: Session, alert: Alert) -> Similar:
    """Earlier alerts like that one: of its device, and where these are few, of others of its class."""
    found, asset_class = like_on_device(session, alert), _class_of(session, alert)
    cut = {Nearness.DEVICE} if len(found) == MOST_LIKE else set()
    if asset_class is not None and len(found) < ENOUGH:
        of_class = sa.select(DeviceRow.site, DeviceRow.name).where(DeviceRow.asset_class == asset_class)
        others = like_elsewhere(session, alert, of_class)
        found += others
        cut |= {Nearness.SITE, Nearness.CLASS} if len(others) == MOST_LIKE else set()
    orders = read_orders(session, (one.work_order for one in found if one.work_order))
    said = last_words(session, [one.id for one in found])
    pasts = [Past(one, asset_class, orders.get(one.work_order or ""), *said.get(one.id, (None, ""))) for one in found]
    return similar(alert, asset_class, pasts, cut)


def _class_of(session: Session, alert: Alert) -> str | None:
    row = session.get(DeviceRow, (alert.site, alert.device))
    return None if row is None else row.asset_class
