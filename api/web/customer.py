"""The page of an order for its customer, reached by a link in place of a login.

It shows what concerns the customer and leads nowhere else. The secret in the address is all that opens it, so a form
that was not made here cannot reach it, whatever session the browser has besides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import RedirectResponse, Response

from alerts.alert import WrongStateError
from api.access.store import TooManyFailuresError
from api.deps import Parts
from api.guard import CUSTOMER_PAGES
from api.publish import publish_work_order
from api.routes.session import client_address
from api.web.due import promise, solution
from api.web.forms import Said, said
from api.web.render import View, view_of
from ingest.errors import NotFoundError
from workorders.customer import LONGEST_SAID, MOST_COMPLAINTS, SCORES, may_be_rated
from workorders.order import Stage, WorkOrder
from workorders.solve_clock import solve_clock

router = APIRouter(include_in_schema=False, prefix=CUSTOMER_PAGES.rstrip("/"))
Secret = Annotated[str, Path(max_length=128)]


@router.get("/{secret}")
def page(request: Request, deps: Parts, secret: Secret) -> Response:
    """The page."""
    view = view_of(request, deps)
    return _with_order(view, secret, lambda order: _page(view, secret, order))


@router.post("/{secret}/rate")
def rate(
    request: Request,
    deps: Parts,
    secret: Secret,
    score: Annotated[int | None, Form(ge=SCORES[0], le=SCORES[-1])] = None,
    comment: Said = "",
) -> Response:
    """The button that gives the rating."""
    view = view_of(request, deps)

    def give(order: WorkOrder) -> Response:
        if score is None:
            return _page(view, secret, order, view.t("customer.choose_score"), 422)
        number, words = order.number, said(comment)
        return _act(view, secret, number, "rated", lambda: deps.orders.rate(number, score, None, view.now, words))

    return _with_order(view, secret, give)


@router.post("/{secret}/complain")
def complain(request: Request, deps: Parts, secret: Secret, text: Said = "") -> Response:
    """The button that sends a complaint."""
    view = view_of(request, deps)

    def take(order: WorkOrder) -> Response:
        if not text.strip():
            return _page(view, secret, order, view.t("customer.say_what"), 422)
        number, words = order.number, said(text)
        return _act(view, secret, number, "complained", lambda: deps.complaints.take(number, words, None, view.now))

    return _with_order(view, secret, take)


def _with_order(view: View, secret: str, answer: Callable[[WorkOrder], Response]) -> Response:
    """The answer about the order to which the link leads, if it does."""
    deps = view.deps
    try:
        number = deps.links.order_of(secret, client_address(view.request), view.now)
    except NotFoundError:
        return _closed(view, 404, view.t("customer.gone"), view.t("customer.gone_detail"))
    except TooManyFailuresError as error:
        wait = str(error.retry_after_s)
        response = _closed(view, 429, view.t("problem.429"), view.t("access.wait", seconds=wait))
        response.headers["Retry-After"] = wait
        return response
    return answer(deps.orders.get(number))


def _closed(view: View, status: int, title: str, detail: str) -> Response:
    """The answer to somebody whose link opens nothing."""
    said = {"title": title, "detail": detail, "more": None, "again_s": None, "styled": True, "home": None}
    return view.bare("problem.html", status, **said)


def _act(view: View, secret: str, number: str, change: str, action: Callable[[], WorkOrder]) -> Response:
    try:
        order = action()
    except WrongStateError:
        return _page(view, secret, view.deps.orders.get(number), view.t("problem.detail.409"), 409)
    publish_work_order(view.deps.hub, order, change)
    return RedirectResponse(f"{CUSTOMER_PAGES}{secret}", 303)


def _page(view: View, secret: str, order: WorkOrder, error: str | None = None, status: int = 200) -> Response:
    clock = solve_clock(order, view.deps.orders.calendar(order.site), view.now)
    return view.bare(
        "customer.html",
        status,
        here=f"{CUSTOMER_PAGES}{secret}",
        order=order,
        stages=list(Stage),
        stage_index=list(Stage).index(order.stage),
        response=promise(order.responded_at, order.response_due_at, view),
        solve=solution(order, clock, view),
        scores=SCORES,
        ratable=may_be_rated(order),
        may_complain=len(order.complaints) < MOST_COMPLAINTS,
        longest=LONGEST_SAID,
        error=error,
    )
