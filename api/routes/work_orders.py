"""`/work-orders`: who does what until when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Self

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.customer_items import LinkItem
from api.deps import Deps, Parts, Who
from api.devices import searched
from api.items import ItemPage, OrderDetail, OrderItem
from api.params import LIMIT, Cursor, DeviceName, Limit, SearchText, SiteName, TimeText, time_ns
from api.publish import publish_work_order
from api.routes.alerts import NoteBody
from workorders.closure import ClosureCode
from workorders.order import Priority, Stage, WorkOrder
from workorders.pause import PauseReason
from workorders.solve_clock import solve_clock
from workorders.store import OrderFilter

router = APIRouter(prefix="/work-orders", tags=["work orders"])
Number = Annotated[str, Path(max_length=64)]


class AssignBody(NoteBody):
    """Who is responsible from now on; without a name the one who asks."""

    assignee: str | None = Field(None, max_length=128, pattern=r"\S")


class WordBody(BaseModel):
    """Something to write down."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field(max_length=4_000, pattern=r"\S")


class PauseBody(NoteBody):
    """What is waited for; another reason is said in the note."""

    reason: PauseReason = PauseReason.OTHER

    @model_validator(mode="after")
    def says_why(self) -> Self:
        """Nobody pauses an order without a word."""
        if self.reason is PauseReason.OTHER and not self.note.strip():
            raise ValueError("say why: a reason, or a note that names another one")
        return self


class CloseBody(NoteBody):
    """What was found and done."""

    code: ClosureCode = ClosureCode.UNSPECIFIED


@router.get("")
def list_orders(
    deps: Parts,
    open: Annotated[bool | None, Query(description="Only open ones, or only closed ones")] = None,  # noqa: A002
    paused: Annotated[bool | None, Query(description="Only those whose clock stands, or only others")] = None,
    site: SiteName = None,
    device: DeviceName = None,
    stage: Annotated[list[Stage], Query(description="Only these; several are allowed")] = [],  # noqa: B006
    priority: Annotated[list[Priority], Query()] = [],  # noqa: B006
    assignee: Annotated[str | None, Query(max_length=128)] = None,
    since: TimeText = None,
    complaint: Annotated[bool | None, Query(description="Only with an open complaint, or only without")] = None,
    q: SearchText = None,
    limit: Limit = LIMIT,
    cursor: Cursor = None,
) -> ItemPage[OrderItem]:
    """Work orders, newest first."""
    wanted = OrderFilter(
        open, paused, site, device, stage, priority, assignee, time_ns(since), *searched(deps.registry, q), complaint
    )
    page = deps.orders.list(wanted, limit, cursor)
    return ItemPage(items=[OrderItem.of(order) for order in page.items], next=page.next)


@router.get("/{number}")
def get_order(deps: Parts, number: Number) -> OrderDetail:
    """One work order, with everything that happened to it."""
    return detail(deps, deps.orders.get(number))


@router.post("/{number}/assign")
def assign(deps: Parts, who: Who, number: Number, body: AssignBody | None = None) -> OrderDetail:
    """Make somebody responsible. 409 if the order is closed."""
    body = body or AssignBody()
    assignee = body.assignee.strip() if body.assignee else who.name
    return act(deps, "assigned", lambda: deps.orders.assign(number, assignee, who.name, deps.clock(), body.note))


@router.post("/{number}/advance")
def advance(deps: Parts, who: Who, number: Number, body: NoteBody | None = None) -> OrderDetail:
    """Move on to the next stage. 409 if there is none or the order is closed or paused."""
    note = body.note if body else ""
    return act(deps, "advanced", lambda: deps.orders.advance(number, who.name, deps.clock(), note))


@router.post("/{number}/note")
def note(deps: Parts, who: Who, number: Number, body: WordBody) -> OrderDetail:
    """Write something down, on a closed order too. It is no response: what is due stays due."""
    return act(deps, "noted", lambda: deps.orders.note(number, who.name, deps.clock(), body.note))


@router.post("/{number}/pause")
def pause(deps: Parts, who: Who, number: Number, body: PauseBody) -> OrderDetail:
    """Have the clock of the solution stand. 409 unless the order is answered, and not solved or paused already."""
    return act(deps, "paused", lambda: deps.orders.pause(number, body.reason, who.name, deps.clock(), body.note))


@router.post("/{number}/resume")
def resume(deps: Parts, who: Who, number: Number, body: NoteBody | None = None) -> OrderDetail:
    """Let the clock go on: the solution is due so much service time later. 409 if it is not paused."""
    note = body.note if body else ""
    return act(deps, "resumed", lambda: deps.orders.resume(number, who.name, deps.clock(), note))


@router.post("/{number}/reopen")
def reopen(deps: Parts, who: Who, number: Number, body: WordBody) -> OrderDetail:
    """Have a closed order done again, and say why. 409 if it is open, or another one of its device or asset is."""
    return act(deps, "reopened", lambda: deps.orders.reopen(number, who.name, deps.clock(), body.note))


@router.post("/{number}/close")
def close(deps: Parts, who: Who, number: Number, body: CloseBody | None = None) -> OrderDetail:
    """End the order with a closure code, and a pause with it. 409 if it is closed already."""
    body = body or CloseBody()
    return act(deps, "closed", lambda: deps.orders.close(number, body.code, who.name, deps.clock(), body.note))


def act(deps: Deps, change: str, action: Callable[[], WorkOrder]) -> OrderDetail:
    """Do it, tell the event stream, and give the order as it is then."""
    order = action()
    publish_work_order(deps.hub, order, change)
    return detail(deps, order)


def detail(deps: Deps, order: WorkOrder) -> OrderDetail:
    """An order with all that belongs to it."""
    opener = deps.alerts.get(order.evidence.alert)
    clock = solve_clock(order, deps.orders.calendar(order.site), deps.clock())
    found = OrderDetail.with_history(order, deps.orders.history(order.number), deps.past.similar(opener), clock)
    link = deps.links.of(order.number)
    found.customer_link = LinkItem.of(link) if link else None
    return found
