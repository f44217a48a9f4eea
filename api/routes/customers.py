"""`/work-orders/{number}/…`: what customers say about an order, also by telephone to somebody who writes it down."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from api.customer_items import MadeLink
from api.deps import Deps, Parts, Who
from api.guard import CUSTOMER_PAGES
from api.items import OrderDetail
from api.routes.session import is_https
from api.routes.work_orders import Number, WordBody, act, detail
from workorders.customer import LONGEST_SAID, MOST_COMPLAINTS, SCORES

router = APIRouter(prefix="/work-orders", tags=["work orders"])
ComplaintId = Annotated[int, Path(ge=1, le=MOST_COMPLAINTS)]


class SaidBody(BaseModel):
    """Who said it."""

    model_config = ConfigDict(extra="forbid")

    customer: str = Field("", max_length=128, description="Who of the customer's people said it")


class RatingBody(SaidBody):
    """How satisfied the customer is."""

    score: int = Field(ge=SCORES[0], le=SCORES[-1], strict=True)
    comment: str = Field("", max_length=LONGEST_SAID)


class ComplaintBody(SaidBody):
    """What the customer complains of."""

    text: str = Field(max_length=LONGEST_SAID, pattern=r"\S")


@router.post("/{number}/ratings")
def rate(deps: Parts, who: Who, number: Number, body: RatingBody) -> OrderDetail:
    """Write down the customer's rating, or another one. 409 before the order is solved; in the archive it stays."""
    said = (body.comment, body.customer)
    return act(deps, "rated", lambda: deps.orders.rate(number, body.score, who.name, deps.clock(), *said))


@router.post("/{number}/complaints")
def complain(deps: Parts, who: Who, number: Number, body: ComplaintBody) -> OrderDetail:
    """Write down a complaint, on a closed order too; people are told. 409 after 20 complaints."""
    now = deps.clock()
    return act(deps, "complained", lambda: deps.complaints.take(number, body.text, who.name, now, body.customer))


@router.post("/{number}/complaints/{id}/close")
def close_complaint(
    deps: Parts,
    who: Who,
    number: Number,
    id: ComplaintId,  # noqa: A002
    body: WordBody,
) -> OrderDetail:
    """Say what was done about a complaint. 409 if it is closed already."""
    now = deps.clock()
    return act(deps, "complaint_closed", lambda: deps.orders.close_complaint(number, id, who.name, now, body.note))


@router.post("/{number}/customer-link", status_code=201)
def make_link(deps: Parts, who: Who, request: Request, number: Number) -> MadeLink:
    """Make the customer's link to the order, told this once; one that was made before leads nowhere any more."""
    deps.orders.get(number)
    return MadeLink(url=made_link(deps, request, number, who.name))


@router.post("/{number}/customer-link/revoke")
def revoke_link(deps: Parts, number: Number) -> OrderDetail:
    """Let the customer's link lead nowhere. 409 if there is none."""
    order = deps.orders.get(number)
    deps.links.revoke(number)
    return detail(deps, order)


def made_link(deps: Deps, request: Request, number: str, by: str) -> str:
    """The address of a new link to an order that is there: under `http.public_url`, or where the request went to."""
    base = deps.public_url or f"{'https' if is_https(request) else 'http'}://{request.url.netloc}"
    return f"{base.rstrip('/')}{CUSTOMER_PAGES}{deps.links.make(number, by, deps.clock())}"
