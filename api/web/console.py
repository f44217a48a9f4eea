"""Puts the console together: its pages, its static files, and what it shows instead of an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources

from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from api.deps import Deps
from api.guard import Denied
from api.problems import Problem
from api.web import (
    alarm_health,
    alerts,
    customer,
    device,
    device_change,
    models,
    order_customer,
    overview,
    rejects,
    service,
    sign_in,
    work_orders,
)


@dataclass(frozen=True, slots=True)
class Pages:
    """The console's pages for what goes wrong."""

    problem: Callable[[Request, Problem], Response]
    turn_away: Callable[[Request, Denied], Response]


class _Static(StaticFiles):
    """Static files that a browser keeps, but asks about: they change with a release only."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response


def install(app: FastAPI, deps: Deps) -> Pages:
    """Add the console to `app`."""
    orders = (work_orders, order_customer, customer, service)
    for part in (overview, device, device_change, alerts, alarm_health, *orders, models, rejects, sign_in):
        app.include_router(part.router)
    folder = resources.files("api.web").joinpath("static")
    app.mount("/static", _Static(directory=str(folder)), name="static")

    def problem_page(request: Request, found: Problem) -> Response:
        return sign_in.show_problem(request, deps, found)

    def turn_away(request: Request, denied: Denied) -> Response:
        return sign_in.turn_away(request, deps, denied)

    return Pages(problem_page, turn_away)
