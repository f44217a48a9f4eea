"""The buttons on the page of an order that are about its customer: ratings, complaints, and the customer's own link."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from api.deps import Parts
from api.routes.customers import made_link
from api.web.forms import Csrf, Said, act, check_csrf, said
from api.web.render import view_of
from api.web.work_orders import Listed, Number, Words, press, show
from workorders.customer import SCORES

router = APIRouter(include_in_schema=False, prefix="/work-orders")
Customer = Annotated[str, Form(max_length=128)]


@router.post("/{number}/rate")
def rate(
    request: Request,
    deps: Parts,
    number: Number,
    wanted: Listed,
    score: Annotated[int, Form(ge=SCORES[0], le=SCORES[-1])],
    comment: Said = "",
    customer: Customer = "",
    csrf: Csrf = "",
) -> Response:
    """The button that writes a rating down."""
    view, comment = view_of(request, deps), said(comment)
    name, now = view.who.name, view.now
    return press(
        view, number, wanted, csrf, "rated", lambda: deps.orders.rate(number, score, name, now, comment, customer)
    )


@router.post("/{number}/complain")
def complain(
    request: Request,
    deps: Parts,
    number: Number,
    wanted: Listed,
    text: Annotated[Said, Form(pattern=r"\S")],
    customer: Customer = "",
    csrf: Csrf = "",
) -> Response:
    """The button that writes a complaint down."""
    view, text = view_of(request, deps), said(text)
    name, now = view.who.name, view.now
    return press(
        view, number, wanted, csrf, "complained", lambda: deps.complaints.take(number, text, name, now, customer)
    )


@router.post("/{number}/close-complaint")
def close_complaint(
    request: Request,
    deps: Parts,
    number: Number,
    wanted: Listed,
    complaint: Annotated[int, Form()],
    note: Words,
    csrf: Csrf = "",
) -> Response:
    """The button that closes a complaint."""
    view = view_of(request, deps)
    name, now = view.who.name, view.now
    return press(
        view,
        number,
        wanted,
        csrf,
        "complaint_closed",
        lambda: deps.orders.close_complaint(number, complaint, name, now, note),
    )


@router.post("/{number}/make-link")
def make_link(request: Request, deps: Parts, number: Number, wanted: Listed, csrf: Csrf = "") -> Response:
    """The button that makes the customer's link: the page shows it, this once."""
    view = view_of(request, deps)
    check_csrf(view, csrf)
    order = deps.orders.get(number)
    return show(view, order, wanted, made_link=made_link(deps, request, number, view.who.name))


@router.post("/{number}/revoke-link")
def revoke_link(request: Request, deps: Parts, number: Number, wanted: Listed, csrf: Csrf = "") -> Response:
    """The button that revokes it."""
    view = view_of(request, deps)

    def again(error: str | None, status: int) -> Response:
        return show(view, deps.orders.get(number), wanted, error=error, status=status)

    return act(view, csrf, lambda: deps.links.revoke(number), again)
