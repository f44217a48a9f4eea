"""Puts the API together: what every request passes, and the resources.

request ─▶ SecurityHeaders ─▶ Entrance (who, and may they?) ─▶ HeadAsGet ─▶ BodyLimit ─▶ route ─▶ store of a stage
                                                                                            └──────▶ console page
errors  ◀─ problem details, or a page for a person ◀────────────┘
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI

from api import openapi, problems
from api.bodies import BodyLimit
from api.deps import Deps
from api.entrance import Door, Entrance
from api.guard import CUSTOMER_PAGES
from api.head import HeadAsGet
from api.headers import SecurityHeaders
from api.recall import Recall
from api.routes import (
    alerts,
    customers,
    devices,
    events,
    health,
    models,
    readings,
    rejects,
    reports,
    session,
    stream,
    telemetry,
    users,
    work_orders,
)
from api.web import console

RESOURCES = (
    alerts,
    customers,
    devices,
    events,
    models,
    readings,
    rejects,
    reports,
    session,
    stream,
    telemetry,
    users,
    work_orders,
)
TAKING = ("/api/v1/telemetry", "/api/v1/events")
"""Where readings and log entries come in."""
SIGNING_IN, SIGN_IN_BYTES = ("/login", "/api/v1/session"), 16 * 1024
"""What anybody may send, and so many at once that each has to be small: a name and a password …"""
SAID_BYTES = 64 * 1024
"""… or what a customer says."""
DESCRIPTION = (
    "Readings in, early warnings and work orders out. Times are RFC 3339 with `Z`; lists come in pages "
    '`{"items": [...], "next": cursor or null}`; errors are problem details (RFC 9457).'
)


def create_app(deps: Deps) -> FastAPI:
    """The API and the console over these parts."""
    # The pages that FastAPI brings for its description load scripts from elsewhere: the description alone is served.
    app = FastAPI(
        title="Forewarn",
        version=deps.version,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.deps = deps
    app.state.door = door = Door(deps.access, deps.clock, deps.loopback)
    app.state.recall = Recall(deps.registry, deps.board, deps.telemetry, deps.clock)
    app.include_router(health.router)
    api = APIRouter(prefix="/api/v1")
    for part in RESOURCES:
        api.include_router(part.router)
    app.include_router(api)
    pages = console.install(app, deps)
    problems.install(app, pages.problem)
    largest = dict.fromkeys(TAKING, deps.max_body) | dict.fromkeys(SIGNING_IN, SIGN_IN_BYTES)
    largest[CUSTOMER_PAGES] = SAID_BYTES
    app.add_middleware(BodyLimit, most=largest)
    app.add_middleware(HeadAsGet)
    app.add_middleware(
        Entrance,
        door=door,
        turn_away=pages.turn_away,
        unavailable=lambda request, error: problems.unavailable(request, error, pages.problem),
    )
    app.add_middleware(SecurityHeaders)

    def describe() -> dict[str, Any]:
        app.openapi_schema = app.openapi_schema or openapi.describe(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # the way FastAPI has for it
    return app
