"""`/work-orders/{number}/…`: what customers say about an order, also by telephone to somebody who writes it down."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from api.deps import Parts, Who
from api.items import OrderDetail
from api.routes.work_orders import Number, WordBody, act
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
