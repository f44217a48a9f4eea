"""`/events`: what was logged about devices: errors, maintenance, failures and marks."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from api.deps import Parts
from api.items import ItemPage, Time
from api.params import LIMIT, Cursor, DeviceName, Limit, SiteName, TimeText, time_ns
from api.routes.intake import answer, described, objects_in
from ingest.log_store import Kept, LogFilter
from ingest.logentry import Event
from ingest.times import format_time

router = APIRouter(prefix="/events", tags=["events"])
OBJECT = {
    "type": "object",
    "required": ["device", "event"],
    "properties": {
        "site": {"type": "string", "default": "default"},
        "device": {"type": "string"},
        "ts": {"type": "integer", "description": "Epoch ms; absent: time of arrival"},
        "event": {"type": "string", "enum": [str(event) for event in Event]},
        "code": {"type": "string", "maxLength": 120, "default": ""},
    },
}
EXAMPLE = {"site": "plant", "device": "pump-1", "ts": 1_764_000_000_000, "event": "error", "code": "E17"}


class LogItem(BaseModel):
    """One entry."""

    id: str
    time: Time
    site: str
    device: str
    event: Event
    code: str
    received_at: Time

    @classmethod
    def of(cls, kept: Kept) -> LogItem:
        """From an entry as it is kept."""
        entry = kept.entry
        return cls(
            id=kept.id,
            time=format_time(entry.time),
            site=entry.site or "",
            device=entry.device,
            event=entry.event,
            code=entry.code,
            received_at=format_time(kept.received_at),
        )


@router.post("", **described(OBJECT, EXAMPLE))
async def post_events(request: Request, deps: Parts) -> Any:
    """Take log entries: an object or an array of them. 202 once they are durable; 422 if none could be taken."""
    body = await request.body()
    return answer(await run_in_threadpool(lambda: deps.submit_log(objects_in(body))))


@router.get("")
def list_events(
    deps: Parts,
    site: SiteName = None,
    device: DeviceName = None,
    event: Annotated[Event | None, Query()] = None,
    start: TimeText = None,
    end: TimeText = None,
    limit: Limit = LIMIT,
    cursor: Cursor = None,
) -> ItemPage[LogItem]:
    """Log entries, newest first; start inclusive, end exclusive."""
    page = deps.log.list(LogFilter(site, device, event, time_ns(start), time_ns(end)), limit, cursor)
    return ItemPage(items=[LogItem.of(kept) for kept in page.items], next=page.next)
