"""Renders the console's pages: templates with everything a page may use, for one request in one language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from hashlib import blake2b
from importlib import resources
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from alerts.alert import OPEN_STATES, Severity
from alerts.headline import headline
from alerts.metric_names import shown_unit
from alerts.store import AlertFilter
from api.access.principal import Principal, Role
from api.access.secrets import csrf_of
from api.deps import Deps
from api.entrance import session_secret
from api.guard import LOCAL
from api.web import format as spoken
from api.web.figures import is_overdue, next_due
from api.web.i18n import Language, Translator, choose
from ingest.reading import NS_PER_SECOND
from ingest.times import format_time
from workorders.pause import PAUSE_LABELS
from workorders.solve_clock import stands

LANGUAGE_COOKIE = "forewarn_lang"
PARTS = (
    *("database", "store", "spool", "mqtt", "service", "models", "notices"),
    *("receiving", "judging", "forwarding", "watch"),
)
"""The parts of the service that can be down or degraded and have a text; another one is told by its name."""
SOON_NS = 30 * 60 * NS_PER_SECOND
"""A due time this near is pointed out."""
_YEAR_S = 365 * 86_400
_LOOKING = ("GET", "HEAD")


@dataclass(frozen=True)
class View:
    """One request for a page: whose language, whose clock."""

    request: Request
    deps: Deps
    t: Translator
    now: int

    @property
    def who(self) -> Principal:
        """In whose name the page is shown."""
        found: Principal = self.request.state.principal
        return found

    @property
    def may_act(self) -> bool:
        """Whether the buttons are of any use."""
        return self.who.role.rank >= Role.OPERATOR.rank

    @property
    def csrf(self) -> str | None:
        """What the forms of a session must carry; None while there are no sessions."""
        secret = session_secret(self.request.headers)
        return csrf_of(secret) if secret else None

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A whole page of somebody who is signed in."""
        return self.bare(template, status, **_frame(self), **values)

    def bare(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page without the frame of the console."""
        text = environment().get_template(template).render(**_words(self), **values)
        response = HTMLResponse(text, status)
        wished = self.request.query_params.get("lang")
        if wished in set(Language):
            response.set_cookie(LANGUAGE_COOKIE, wished, max_age=_YEAR_S, samesite="lax", httponly=True)
        return response


def view_of(request: Request, deps: Deps) -> View:
    """How this request is to be answered."""
    language = choose(
        request.query_params.get("lang"),
        request.cookies.get(LANGUAGE_COOKIE),
        deps.language,
        request.headers.get("accept-language"),
    )
    return View(request, deps, Translator(language), deps.clock())


@cache
def environment() -> Environment:
    """The templates."""
    return Environment(
        loader=PackageLoader("api.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def static(name: str) -> str:
    """The address of a static file; it changes with its content, so that no browser shows an old one."""
    content = resources.files("api.web").joinpath("static", name).read_bytes()
    return f"/static/{name}?v={blake2b(content, digest_size=6).hexdigest()}"


def device_url(site: str, device: str) -> str:
    """The page of a device."""
    return f"/devices/{quote(site, safe='')}/{quote(device, safe='')}"


def device_title(deps: Deps, site: str, device: str) -> str:
    """What people call a device."""
    return deps.registry.known(site, device).title or device


def chart_url(
    site: str, device: str, metric: str, start: int | None = None, end: int | None = None, range_: str | None = None
) -> str:
    """Where the data of a chart are."""
    times = {"start": start and format_time(start), "end": end and format_time(end), "range": range_}
    query = {"metric": metric} | {name: value for name, value in times.items() if value}
    return f"{device_url(site, device)}/chart?{urlencode(query)}"


def _words(view: View) -> dict[str, Any]:
    """What every template may say."""
    t, now, zone, deps = view.t, view.now, view.deps.zone, view.deps
    return {
        "t": t,
        "now": now,
        "nothing": spoken.NOTHING,
        "zone_name": zone.key,
        "static": static,
        "other_language_url": _with_language(view.request, t("language.other_code")),
        "quantity": spoken.quantity,
        "percent": spoken.percent,
        "score": spoken.score,
        "rfc3339": format_time,
        "clock_time": partial(spoken.clock_time, zone=zone),
        "time_ahead": partial(spoken.time_ahead, now=now, zone=zone),
        "span": partial(spoken.span, t=t),
        "worked": partial(spoken.worked, t=t),
        "ago": partial(spoken.ago, now=now, t=t),
        "until": lambda ns: spoken.span(abs(ns - now) / NS_PER_SECOND, t),
        "is_soon": lambda ns: ns - now < SOON_NS,
        "metric_name": partial(spoken.metric_name, t=t),
        "shown_unit": shown_unit,
        "headline": lambda alert: headline(alert, device_title(deps, alert.site, alert.device)),
        "person": lambda name: t("access.local") if name == LOCAL.name else name,
        "next_due": next_due,
        "pause_words": lambda order: t.of(PAUSE_LABELS[order.pause_reason]),
        "stands": stands,
        "is_overdue": partial(is_overdue, now=now),
        "open_states": OPEN_STATES,
        "device_url": device_url,
        "device_title": partial(device_title, deps),
        "chart_url": chart_url,
    }


def _frame(view: View) -> dict[str, Any]:
    """What the frame around every page shows."""
    return {
        "who": view.who,
        "may_act": view.may_act,
        "csrf": view.csrf,
        "counts": _counts(view.deps, view.now),
        "troubles": _troubles(view),
        # What a button shows is an answer, which must stay; a page that was asked for follows what happens.
        "self_url": _without_language(view.request) if view.request.method in _LOOKING else None,
    }


def _troubles(view: View) -> list[tuple[str, str, str]]:
    """What does not work, as it is told to people, with the name of the part and the reason."""
    t, other = view.t, view.t("part.other")
    down = [(t.optional(f"part.{part}", other), part, reason) for part, reason in view.deps.not_ready().items()]
    for part, reason in view.deps.degraded().items():
        down.append((t.optional(f"part.{part}_less", t.optional(f"part.{part}", other)), part, reason))
    return down


def _counts(deps: Deps, now: int) -> Mapping[str, int]:
    urgent = AlertFilter(states=OPEN_STATES, severities=(Severity.HIGH, Severity.CRITICAL))
    orders = deps.orders.times()
    return {
        "alerts": sum(deps.alerts.count(AlertFilter(states=OPEN_STATES)).values()),
        "urgent": sum(deps.alerts.count(urgent).values()),
        "orders": len(orders),
        "overdue": sum(is_overdue(order, now) for order in orders),
        "rejects": deps.rejects.count().kept,
    }


def _with_language(request: Request, language: str) -> str:
    return _address(request, [*_other_parameters(request), ("lang", language)])


def _without_language(request: Request) -> str:
    return _address(request, _other_parameters(request))


def _other_parameters(request: Request) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]


def _address(request: Request, parameters: list[tuple[str, str]]) -> str:
    path = request.scope["path"]
    if request.method not in _LOOKING:  # a button: the page that it is on
        path = path.rpartition("/")[0] or "/"
    path = quote(path)
    return f"{path}?{urlencode(parameters)}" if parameters else path
