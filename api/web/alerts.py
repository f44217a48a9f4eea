"""The page of alerts: the list with its filters, and one alert with why it was raised and what can be done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from starlette.responses import Response

from alerts.advice import first_steps
from alerts.alert import OPEN_STATES, Alert, Kind, Severity, State, Verdict
from alerts.store import AlertFilter
from api.deps import RECALLED, Parts
from api.devices import searched
from api.routes.alerts import MOST_SHELVE_H, SHELVE_H, set_aside
from api.routes.alerts import act as publish_after
from api.web.around import MOST_CHARTS, charts_around
from api.web.evidence import lines
from api.web.forms import Csrf, Note, act, filter_query, next_url
from api.web.render import View, view_of
from api.web.standing import standing
from ingest.registry import Registry

router = APIRouter(include_in_schema=False, prefix="/alerts")
SHOWS: dict[str, tuple[State, ...]] = {"open": OPEN_STATES, "all": (), **{state.value: (state,) for state in State}}
"""What a person can choose to see, and the states that means."""
MOST_ROWS = 100
SHELF_HOURS = (1.0, 4.0, SHELVE_H, 24.0, 72.0, MOST_SHELVE_H)
FILTERS = ("show", "severity", "kind", "q", "site", "device")
AlertId = Annotated[str, Path(max_length=64)]
Choice = Annotated[str, Query(max_length=32)]
Name = Annotated[str, Query(max_length=128)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list shows, as it stands in the address."""

    show: str
    severity: str
    kind: str
    q: str
    site: str
    device: str

    def among(self, registry: Registry) -> AlertFilter:
        """The alerts that are meant; what makes no sense is passed over."""
        text, called = searched(registry, self.q)
        return AlertFilter(
            states=SHOWS[self.show],
            site=self.site or None,
            device=self.device or None,
            kinds=[Kind(self.kind)] if self.kind in set(Kind) else [],
            severities=[Severity(self.severity)] if self.severity in set(Severity) else [],
            text=text,
            called=called,
        )


def _wanted(
    show: Choice = "open", severity: Choice = "", kind: Choice = "", q: Name = "", site: Name = "", device: Name = ""
) -> Wanted:
    return Wanted(show if show in SHOWS else "open", severity, kind, q, site, device)


Listed = Annotated[Wanted, Depends(_wanted)]


@router.get("")
def page(
    request: Request, deps: Parts, wanted: Listed, cursor: Annotated[str | None, Query(max_length=200)] = None
) -> Response:
    """The list alone."""
    return _page(view_of(request, deps), None, wanted, cursor)


@router.get("/{id}", dependencies=[RECALLED])
def one(request: Request, deps: Parts, id: AlertId, wanted: Listed) -> Response:  # noqa: A002
    """The list with one alert."""
    return _page(view_of(request, deps), deps.alerts.get(id), wanted)


@router.post("/{id}/acknowledge")
def acknowledge(
    request: Request,
    deps: Parts,
    id: AlertId,  # noqa: A002
    wanted: Listed,
    note: Note = "",
    csrf: Csrf = "",
) -> Response:
    """The button `acknowledge`."""
    view = view_of(request, deps)
    name, now = view.who.name, view.now
    return _act(view, id, wanted, csrf, "acknowledged", lambda: deps.alerts.acknowledge(id, name, now, note))


@router.post("/{id}/close")
def close(request: Request, deps: Parts, id: AlertId, wanted: Listed, note: Note = "", csrf: Csrf = "") -> Response:  # noqa: A002
    """The button `close`."""
    view = view_of(request, deps)
    return _act(view, id, wanted, csrf, "closed", lambda: deps.alerts.close(id, view.who.name, view.now, note))


@router.post("/{id}/shelve")
def shelve(
    request: Request,
    deps: Parts,
    id: AlertId,  # noqa: A002
    wanted: Listed,
    hours: Annotated[float, Form(gt=0, le=MOST_SHELVE_H)],
    note: Note = "",
    csrf: Csrf = "",
) -> Response:
    """The button that sets an alert aside."""
    view = view_of(request, deps)
    return _act(view, id, wanted, csrf, "shelved", lambda: set_aside(deps, id, view.who.name, hours, note))


@router.post("/{id}/unshelve")
def unshelve(
    request: Request,
    deps: Parts,
    id: AlertId,  # noqa: A002
    wanted: Listed,
    note: Note = "",
    csrf: Csrf = "",
) -> Response:
    """The button that ends a shelf."""
    view = view_of(request, deps)
    return act(view, csrf, lambda: deps.unshelve(id, view.who.name, view.now, note), _again(view, id, wanted))


@router.post("/{id}/feedback")
def feedback(
    request: Request,
    deps: Parts,
    id: AlertId,  # noqa: A002
    wanted: Listed,
    verdict: Annotated[Verdict, Form()],
    note: Note = "",
    csrf: Csrf = "",
) -> Response:
    """The buttons that say whether the alert was right."""
    view = view_of(request, deps)
    name, now = view.who.name, view.now
    return _act(view, id, wanted, csrf, "feedback", lambda: deps.alerts.feedback(id, name, now, verdict, note))


def _act(view: View, alert_id: str, wanted: Wanted, csrf: str, change: str, action: Callable[[], Alert]) -> Response:
    return act(view, csrf, lambda: publish_after(view.deps, change, action), _again(view, alert_id, wanted))


def _again(view: View, alert_id: str, wanted: Wanted) -> Callable[[str | None, int], Response]:
    def again(error: str | None, status: int) -> Response:
        return _page(view, view.deps.alerts.get(alert_id), wanted, error=error, status=status)

    return again


def _page(
    view: View,
    chosen: Alert | None,
    wanted: Wanted,
    cursor: str | None = None,
    error: str | None = None,
    status: int = 200,
) -> Response:
    deps = view.deps
    found = deps.alerts.list(wanted.among(deps.registry), MOST_ROWS, cursor)
    query = filter_query(view.request, FILTERS)
    return view.page(
        "alerts.html",
        status,
        here="alerts",
        stream_url="/api/v1/stream?topic=alert&topic=work_order",
        alerts=found.items,
        next_url=next_url("/alerts", query, found.next),
        filter_query=query,
        shows=list(SHOWS),
        severities=list(Severity),
        kinds=list(Kind),
        wanted=wanted,
        chosen=chosen,
        error=error,
        **(_detail(view, chosen) if chosen else {}),
    )


def _detail(view: View, alert: Alert) -> dict[str, Any]:
    """What is shown of one alert beside itself."""
    deps = view.deps
    return {
        "history": deps.alerts.history(alert.id)[::-1],
        "first_steps": first_steps(alert.kind, alert.metric, alert.evidence),
        "similar": deps.past.similar(alert),
        "standing": standing(deps, alert.site, alert.device, alert.metric, MOST_CHARTS),
        "evidence": lines(alert.evidence, view.t, deps.zone),
        "charts": charts_around(alert, deps.registry, view.now),
        "shelf_hours": SHELF_HOURS,
        "usual_hours": SHELVE_H,
    }
