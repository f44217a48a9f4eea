"""`GET /stream`: what happens, as it happens, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from api.deps import Parts
from api.entrance import Door
from api.guard import Allowed
from api.hub import Client, TooManyClientsError, Topic, Wish
from api.params import DeviceName, SiteName
from ingest.errors import RetryableError

router = APIRouter(tags=["stream"])
CHECK_EVERY_S = 3.0
"""Seconds after which it is asked again whether the listener may still listen: some 1 ms each time."""
RETRY_MS = 2_000
"""What a browser waits before it connects again."""
Wished = Annotated[
    list[Topic],
    Query(description="Only these events; all by default. A `resync` may always come: ask for the present state again"),
]


async def _client(
    deps: Parts,
    topic: Wished = [Topic.ALERT, Topic.WORK_ORDER, Topic.READING],  # noqa: B006
    site: SiteName = None,
    device: DeviceName = None,
    last_event_id: Annotated[str | None, Header(max_length=200)] = None,
) -> AsyncIterator[Client]:
    try:
        client = deps.hub.join(Wish(frozenset(topic), site, device), last_event_id)
    except TooManyClientsError as error:
        raise HTTPException(503, str(error), {"Retry-After": "10"}) from error
    try:
        yield client
    finally:
        deps.hub.leave(client)


@router.get("/stream", response_class=EventSourceResponse)
async def stream(request: Request, client: Annotated[Client, Depends(_client)]) -> AsyncIterator[ServerSentEvent]:
    """Events `alert`, `work_order` and `reading`, each with JSON data, from now on.

    With `Last-Event-ID`, alert and order events missed since then come first, or one `resync` if that is too long ago.
    """
    yield ServerSentEvent(comment="welcome", retry=RETRY_MS)
    check_at = client.loop.time() + CHECK_EVERY_S
    while (events := await client.next(CHECK_EVERY_S)) is not None:
        for event in events:
            for data in event.render(client.wish):
                yield ServerSentEvent(data=data, event=event.topic, id=event.id)
        if client.loop.time() >= check_at:
            if not await run_in_threadpool(_may_listen, request):
                return
            check_at = client.loop.time() + CHECK_EVERY_S


def _may_listen(request: Request) -> bool:
    """Whether the user was not removed, or the token revoked, in the meantime.

    While the database is away, and nobody can be removed either, who was let in may listen on.
    """
    door: Door = request.app.state.door
    try:
        return isinstance(door.verdict(request), Allowed)
    except RetryableError:
        return True
