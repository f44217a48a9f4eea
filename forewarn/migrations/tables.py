"""All tables on one metadata: importing this file describes the whole database."""

from __future__ import annotations

from alerts.model_store import ModelActionRow, ModelRow
from alerts.notify.outbox import NoticeRow
from alerts.shadow_store import ShadowRow
from alerts.store import ActionRow, AlertRow
from api.access.tables import FailureRow, LinkRow, SessionRow, TokenRow, UserRow
from ingest.database import Base
from ingest.log_store import LogRow
from ingest.registry_store import DeviceRow, MetricRow
from workorders.store import EventRow, OrderRow

METADATA = Base.metadata
TABLES = (
    DeviceRow,
    MetricRow,
    AlertRow,
    ActionRow,
    OrderRow,
    EventRow,
    NoticeRow,
    LogRow,
    ShadowRow,
    ModelRow,
    ModelActionRow,
    UserRow,
    TokenRow,
    SessionRow,
    LinkRow,
    FailureRow,
)
