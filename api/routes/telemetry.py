"""`POST /telemetry`: readings over HTTP, in the canonical JSON of MQTT, each object with its device."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from api.deps import Deps
from api.routes.intake import answer, body_of, described, objects_in

OBJECT = {
    "type": "object",
    "required": ["device", "values"],
    "properties": {
        "site": {"type": "string", "default": "default"},
        "device": {"type": "string"},
        "ts": {"type": "integer", "description": "Epoch ms; absent: time of arrival"},
        "values": {"type": "object", "additionalProperties": {"type": ["number", "null"]}},
        "units": {"type": "object", "additionalProperties": {"type": "string"}},
        "seq": {"type": "integer", "minimum": 0},
    },
}
EXAMPLE = {
    "site": "plant",
    "device": "pump-1",
    "ts": 1_764_000_000_000,
    "values": {"temperature": 21.5, "vibration": 1.23},
    "units": {"vibration": "mm/s"},
}


def router_for(max_body: int) -> APIRouter:
    """The resource, taking bodies of at most `max_body` bytes."""
    router = APIRouter(tags=["telemetry"])

    @router.post("/telemetry", **described(OBJECT, EXAMPLE))
    async def post_telemetry(request: Request) -> Any:
        """Take readings: an object or an array of them. 202 once they are durable; 422 if none could be taken."""
        deps: Deps = request.app.state.deps
        body = await body_of(request, max_body)
        return answer(await run_in_threadpool(lambda: deps.submit(objects_in(body))))

    return router
