"""`/rejects`: unreadable payloads and refused points, newest first."""

from __future__ import annotations

from base64 import b64encode

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.deps import Parts
from api.items import ItemPage, Time
from api.params import LIMIT, Cursor, Limit
from ingest.rejects import Reject, RejectSource
from ingest.times import format_time

router = APIRouter(prefix="/rejects", tags=["rejects"])
MOST_SHOWN = 4_096
"""Bytes of a payload that the list shows."""


class RejectItem(BaseModel):
    """Something that was not taken."""

    id: int
    received_at: Time
    source: RejectSource
    topic: str = Field(description="MQTT topic; empty where there is none")
    reason: str
    payload: str | None = Field(description=f"As text, its first {MOST_SHOWN} bytes; null where it is no UTF-8")
    payload_base64: str | None = Field(description="The same bytes where they are no UTF-8")
    size: int = Field(description="Bytes of the whole payload")


class RejectPage(ItemPage[RejectItem]):
    """One page of rejects, and how many there are."""

    kept: int
    dropped: int = Field(description="Older ones that had to make room")


@router.get("")
def list_rejects(deps: Parts, limit: Limit = LIMIT, cursor: Cursor = None) -> RejectPage:
    """What could not be taken, with the reason."""
    page = deps.rejects.list(limit, cursor)
    count = deps.rejects.count()
    return RejectPage(
        items=[_item(reject) for reject in page.items], next=page.next, kept=count.kept, dropped=count.dropped
    )


def _item(reject: Reject) -> RejectItem:
    shown = reject.payload[:MOST_SHOWN]
    text = _text(shown)
    return RejectItem(
        id=reject.id,
        received_at=format_time(reject.received_at),
        source=reject.source,
        topic=reject.topic,
        reason=reject.reason,
        payload=text,
        payload_base64=None if text is not None else b64encode(shown).decode(),
        size=reject.size,
    )


def _text(payload: bytes) -> str | None:
    for missing in range(4):  # the cut may go through a character
        try:
            return payload[: len(payload) - missing].decode() if missing <= len(payload) else None
        except UnicodeDecodeError:
            if len(payload) < MOST_SHOWN:
                return None
    return None
