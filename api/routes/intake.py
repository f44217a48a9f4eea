"""What is sent in over HTTP, readings and log entries alike: how a request is described, read and answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from api.deps import TelemetryResult
from api.problems import MEDIA_TYPE, FieldProblem, Problem, problem
from ingest.payload import PayloadError, parse_json

MOST_TOLD = 1_000
"""Rejections that an answer lists at most; all of them are counted in the metrics."""


class RejectedValue(BaseModel):
    """One value that was not taken."""

    index: int
    """Place of its object in the request, from 0."""
    metric: str | None
    reason: str


class Taken(BaseModel):
    """What became of the readings; `accepted` of them are durable."""

    accepted: int
    rejected: list[RejectedValue]


def described(schema: Mapping[str, Any], example: Mapping[str, Any]) -> dict[str, Any]:
    """What OpenAPI says of a resource that takes one such object, or an array of them; arguments of its route."""
    content = {"schema": {"oneOf": [schema, {"type": "array", "items": schema}]}, "example": example}
    return {
        "status_code": 202,
        "response_model": Taken,
        "responses": {
            413: {"model": Problem, "description": "The body is too large"},
            503: {"model": Problem, "description": "No room at the moment: try again after Retry-After seconds"},
        },
        "openapi_extra": {"requestBody": {"required": True, "content": {"application/json": content}}},
    }


def objects_in(body: bytes) -> Sequence[object]:
    """The objects in a body, read like a message's: a number that is none costs its own reading only."""
    try:
        sent = parse_json(body)
    except PayloadError as error:
        raise HTTPException(422, str(error)) from error
    if isinstance(sent, dict):
        return [sent]
    if not isinstance(sent, list) or not sent:
        raise HTTPException(422, "payload should be an object or an array of objects")
    return sent


def answer(result: TelemetryResult) -> Any:
    """What became of a request: what was taken, or a problem where nothing was."""
    told = [RejectedValue(index=r.index, metric=r.metric, reason=r.reason) for r in result.rejected[:MOST_TOLD]]
    if result.accepted:
        return Taken(accepted=result.accepted, rejected=told)
    errors = [
        FieldProblem(where=f"body.{r.index}" + (f".values.{r.metric}" if r.metric else ""), message=r.reason)
        for r in told
    ]
    reason = told[0].reason if told else "every value is null"
    found = problem(422, f"nothing in the request could be taken: {reason}", errors)
    body = found.model_dump(exclude_none=True) | {"accepted": 0, "rejected": [r.model_dump() for r in told]}
    return JSONResponse(body, 422, media_type=MEDIA_TYPE)
