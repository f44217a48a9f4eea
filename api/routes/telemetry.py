"""`POST /telemetry`: readings over HTTP, in the canonical JSON of MQTT, each object with its device."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from api.deps import Parts
from api.routes.intake import answer, described, objects_in

router = APIRouter(tags=["telemetry"])
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


@router.post("/telemetry", **described(OBJECT, EXAMPLE))
async def post_telemetry(request: Request, deps: Parts) -> Any:
    """Take readings: an object or an array of them. 202 once they are durable; 422 if none could be taken."""
    body = await request.body()
    return answer(await run_in_threadpool(lambda: deps.submit(objects_in(body))))
