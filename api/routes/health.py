"""Is it alive, is it ready, and how is it doing: for supervisors, load balancers and Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.responses import JSONResponse

from api.deps import Parts

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: str = "ok"
    version: str


class Readiness(BaseModel):
    """Whether telemetry can be taken in and judged; `down` names the parts that keep it from that, with the reason."""

    status: str
    down: dict[str, str]
    degraded: dict[str, str]
    """Parts that the service does without at the moment, with the reason; they do not make it less ready."""


@router.get("/healthz")
async def healthz(deps: Parts) -> Alive:
    """Whether the process answers at all."""
    return Alive(version=deps.version)


@router.get("/readyz", responses={503: {"model": Readiness, "description": "A part is down"}})
async def readyz(deps: Parts) -> Readiness:
    """Whether telemetry can be taken in and judged."""
    down = dict(deps.not_ready())
    ready = Readiness(status="down" if down else "ready", down=down, degraded=dict(deps.degraded()))
    return JSONResponse(ready.model_dump(), 503) if down else ready  # type: ignore[return-value]


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(deps: Parts) -> Response:
    """The service's own figures as Prometheus text."""
    return Response(generate_latest(deps.metrics), media_type=CONTENT_TYPE_LATEST)
