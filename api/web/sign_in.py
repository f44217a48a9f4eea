"""Signing in and out of the console, and what is shown to somebody who may not come in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from api.deps import Deps, Parts
from api.guard import CUSTOMER_PAGES, Denied, Reason
from api.problems import RETRY_AFTER_S, Problem, problem, problem_response, wants_page
from api.routes.session import close_session, open_session, verified
from api.web.forms import Csrf, check_csrf
from api.web.render import view_of

router = APIRouter(include_in_schema=False)


@router.get("/login")
def login(request: Request, deps: Parts, next_: Annotated[str, Query(alias="next", max_length=500)] = "/") -> Response:
    """The page to sign in."""
    return _login(request, deps, next_)


@router.post("/login")
def sign_in(
    request: Request,
    deps: Parts,
    name: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=1_024)] = "",
    next_: Annotated[str, Form(alias="next", max_length=500)] = "/",
) -> Response:
    """The button `sign in`."""
    try:
        who = verified(deps, request, name, password)
    except HTTPException as error:
        return _login(request, deps, next_, error)
    response = RedirectResponse(_own_page(next_), 303)
    open_session(deps, request, response, who)
    return response


@router.post("/logout")
def sign_out(request: Request, deps: Parts, csrf: Csrf = "") -> Response:
    """The button `sign out`."""
    check_csrf(view_of(request, deps), csrf)
    response = RedirectResponse("/login", 303)
    close_session(deps, request, response)
    return response


def turn_away(request: Request, deps: Deps, denied: Denied) -> Response:
    """The answer to somebody who may not come in: the page to sign in where that helps."""
    found = problem(denied.status, denied.reason)
    headers = {"WWW-Authenticate": 'Bearer realm="forewarn"'} if denied.status == 401 else {}
    if not wants_page(request):
        return problem_response(found, headers)
    if "hx-request" in request.headers:
        headers["HX-Refresh"] = "true"  # the whole page, not a part of it, has to change
    if denied.reason is Reason.SIGN_IN:
        response = _login(request, deps, _here(request))
        response.status_code = 401
    else:
        response = _problem(request, deps, denied)
    response.headers.update(headers)
    return response


def show_problem(request: Request, deps: Deps, found: Problem) -> Response:
    """A problem as a page."""
    view = view_of(request, deps)
    status = str(found.status)
    title = view.t.optional(f"problem.{status}", found.title)
    detail = view.t.optional(f"problem.detail.{status}", found.detail)
    away = found.status == 503  # what cannot be asked who may come in serves no style sheet either
    more = found.detail if away else None
    again_s = RETRY_AFTER_S if away and request.method == "GET" else None
    return view.bare(
        "problem.html",
        found.status,
        title=title,
        detail=detail,
        more=more,
        again_s=again_s,
        styled=not away,
        home=_home(request),
    )


def _problem(request: Request, deps: Deps, denied: Denied) -> Response:
    view = view_of(request, deps)
    # Without a user not even the style sheet is served, unless the service is this machine's own.
    return view.bare(
        "problem.html",
        denied.status,
        title=view.t(f"problem.{denied.status}"),
        detail=view.t(f"access.reason.{denied.reason.name.lower()}"),
        more=None,
        again_s=None,
        styled=denied.reason in (Reason.ORIGIN, Reason.ROLE),
        home=_home(request),
    )


def _login(request: Request, deps: Deps, next_: str, error: HTTPException | None = None) -> Response:
    view = view_of(request, deps)
    said = None
    if error is not None:
        wait = (error.headers or {}).get("Retry-After", "")
        said = view.t("access.wrong") if error.status_code == 401 else view.t("access.wait", seconds=wait)
    response = view.bare("login.html", error.status_code if error else 200, next=_own_page(next_), error=said)
    if error is not None and error.headers:
        response.headers.update(error.headers)
    return response


def _here(request: Request) -> str:
    """The page that was asked for, to go on with after signing in."""
    if request.method != "GET":
        return "/"
    query = request.scope["query_string"].decode("latin-1")
    path: str = request.scope["raw_path"].decode("latin-1") if request.scope.get("raw_path") else "/"
    return f"{path}?{query}" if query else path


def _home(request: Request) -> str | None:
    """Where a page of a problem leads; a customer's leads nowhere."""
    return None if request.scope["path"].startswith(CUSTOMER_PAGES) else "/"


def _own_page(next_: str) -> str:
    """`next_` if it is one of our own pages: signing in must not lead to another site."""
    own = next_.startswith("/") and not next_.startswith(("//", "/\\")) and next_.isprintable()
    return next_ if own else "/"
