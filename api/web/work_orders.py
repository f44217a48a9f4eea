"""The page of work orders: the list with due times, and one order with its stages and what can be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from starlette.responses import Response

from alerts.advice import first_steps
from alerts.alert import Alert
from alerts.headline import headline
from alerts.store import AlertFilter
from api.deps import RECALLED, Parts
from api.devices import searched
from api.items import OrderDetail, OrderEventItem
from api.routes.work_orders import act as publish_after
from api.web.around import MOST_CHARTS, charts_around
from api.web.due import promise, solution
from api.web.evidence import lines
from api.web.figures import is_overdue
from api.web.format import clock_time
from api.web.forms import Csrf, Note, act, filter_query, next_url
from api.web.render import View, view_of
from api.web.standing import standing
from ingest.registry import Registry
from ingest.times import parse_time
from workorders.closure import LABELS, ClosureCode
from workorders.customer import LONGEST_SAID, MOST_COMPLAINTS, SCORES, may_be_rated
from workorders.order import Priority, Stage, WorkOrder
from workorders.pause import PAUSE_LABELS, PauseReason
from workorders.solve_clock import solve_clock
from workorders.store import OrderFilter

router = APIRouter(include_in_schema=False, prefix="/work-orders")
SHOWS: dict[str, bool | None] = {"open": True, "paused": True, "closed": False, "complaint": None, "all": None}
"""What a person can choose to see; whether that means open orders."""
FEW_PARTS, MOST_PARTS = 5, 400
"""Intervals of a clock that are shown, the newest; more of them where somebody asks for all."""
MOST_ROWS = 100
FILTERS = ("show", "priority", "q", "site", "device")
Number = Annotated[str, Path(max_length=64)]
Choice = Annotated[str, Query(max_length=32)]
Words = Annotated[str, Form(min_length=1, max_length=4_000, pattern=r"\S")]
Name = Annotated[str, Query(max_length=128)]


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of an order's history."""

    event: str
    detail: str
    note: str
    by: str | None
    at: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list shows, as it stands in the address."""

    show: str
    priority: str
    q: str
    site: str
    device: str

    def among(self, registry: Registry) -> OrderFilter:
        """The orders that are meant; what makes no sense is passed over."""
        text, called = searched(registry, self.q)
        return OrderFilter(
            open=SHOWS[self.show],
            paused=True if self.show == "paused" else None,
            site=self.site or None,
            device=self.device or None,
            priorities=[Priority(self.priority)] if self.priority in set(Priority) else [],
            text=text,
            called=called,
            complaint=True if self.show == "complaint" else None,
        )


def _wanted(show: Choice = "open", priority: Choice = "", q: Name = "", site: Name = "", device: Name = "") -> Wanted:
    return Wanted(show if show in SHOWS else "open", priority, q, site, device)


Listed = Annotated[Wanted, Depends(_wanted)]


@router.get("")
def page(
    request: Request, deps: Parts, wanted: Listed, cursor: Annotated[str | None, Query(max_length=200)] = None
) -> Response:
    """The list alone."""
    return show(view_of(request, deps), None, wanted, cursor)


@router.get("/{number}", dependencies=[RECALLED])
def one(request: Request, deps: Parts, number: Number, wanted: Listed) -> Response:
    """The list with one order."""
    return show(view_of(request, deps), deps.orders.get(number), wanted)


@router.post("/{number}/assign")
def assign(
    request: Request,
    deps: Parts,
    number: Number,
    wanted: Listed,
    assignee: Annotated[str, Form(min_length=1, max_length=128, pattern=r"\S")],
    note: Note = "",
    csrf: Csrf = "",
) -> Response:
    """The button `assign`."""
    view = view_of(request, deps)
    to, name, now = assignee.strip(), view.who.name, view.now
    return press(view, number, wanted, csrf, "assigned", lambda: deps.orders.assign(number, to, name, now, note))


@router.post("/{number}/advance")
def advance(
    request: Request, deps: Parts, number: Number, wanted: Listed, note: Note = "", csrf: Csrf = ""
) -> Response:
    """The button for the next stage."""
    view = view_of(request, deps)
    name, now = view.who.name, view.now
    return press(view, number, wanted, csrf, "advanced", lambda: deps.orders.advance(number, name, now, note))


@router.post("/{number}/pause")
def pause(
    request: Request,
    deps: Parts,
    number: Number,
    wanted: Listed,
    reason: Annotated[PauseReason, Form()],
    note: Note = "",
    csrf: Csrf = "",
) -> Response:
    """The button `pause`."""
    view = view_of(request, deps)
    name, now = view.who.name, view.now
    if reason is PauseReason.OTHER and not note.strip():
        return show(view, deps.orders.get(number), wanted, error=view.t("order.say_why"), status=422)
    return press(view, number, wanted, csrf, "paused", lambda: deps.orders.pause(number, reason, name, now, note))


@router.post("/{number}/resume")
def resume(request: Request, deps: Parts, number: Number, wanted: Listed, note: Note = "", csrf: Csrf = "") -> Response:
    """The button `resume`."""
    view = view_of(request, deps)
    name, now = view.who.name, view.now
    return press(view, number, wanted, csrf, "resumed", lambda: deps.orders.resume(number, name, now, note))


@router.post("/{number}/reopen")
def reopen(request: Request, deps: Parts, number: Number, wanted: Listed, note: Words, csrf: Csrf = "") -> Response:
    """The button `reopen`."""
    view = view_of(request, deps)
    name, now = view.who.name, view.now
    return press(view, number, wanted, csrf, "reopened", lambda: deps.orders.reopen(number, name, now, note))


@router.post("/{number}/close")
def close(
    request: Request,
    deps: Parts,
    number: Number,
    wanted: Listed,
    code: Annotated[ClosureCode, Form()],
    note: Note = "",
    csrf: Csrf = "",
) -> Response:
    """The button `close`."""
    view = view_of(request, deps)
    name, now = view.who.name, view.now
    return press(view, number, wanted, csrf, "closed", lambda: deps.orders.close(number, code, name, now, note))


@router.post("/{number}/note")
def note(
    request: Request,
    deps: Parts,
    number: Number,
    wanted: Listed,
    note: Words,
    csrf: Csrf = "",
) -> Response:
    """The button that writes something down."""
    view = view_of(request, deps)
    return press(view, number, wanted, csrf, "noted", lambda: deps.orders.note(number, view.who.name, view.now, note))


def press(view: View, number: str, wanted: Wanted, csrf: str, change: str, action: Callable[[], WorkOrder]) -> Response:
    """What a button on the page of an order does: `action`, which makes `change`, then the page."""

    def again(error: str | None, status: int) -> Response:
        return show(view, view.deps.orders.get(number), wanted, error=error, status=status)

    return act(view, csrf, lambda: publish_after(view.deps, change, action), again)


def show(
    view: View,
    chosen: WorkOrder | None,
    wanted: Wanted,
    cursor: str | None = None,
    error: str | None = None,
    status: int = 200,
    made_link: str | None = None,
) -> Response:
    """The list, with one order beside it; `made_link` is its customer's link, which was just made."""
    orders, older = _listed(view, wanted, cursor)
    return view.page(
        "work_orders.html",
        status,
        here="orders",
        stream_url="/api/v1/stream?topic=alert&topic=work_order",
        orders=orders[:MOST_ROWS],
        left_out=len(orders) > MOST_ROWS,
        next_url=older,
        filter_query=filter_query(view.request, FILTERS),
        shows=list(SHOWS),
        priorities=list(Priority),
        wanted=wanted,
        chosen=chosen,
        error=error,
        made_link=made_link,
        **(_detail(view, chosen) if chosen else {}),
    )


def _listed(view: View, wanted: Wanted, cursor: str | None) -> tuple[Sequence[WorkOrder], str | None]:
    """The orders of the list, and the address of the older ones.

    Open ones come by what is due next, one more than there is room for where there are more; others the newest first.
    """
    orders, among = view.deps.orders, wanted.among(view.deps.registry)
    if SHOWS[wanted.show]:
        return orders.most_urgent(among, MOST_ROWS + 1), None
    found = orders.list(among, MOST_ROWS, cursor)
    return found.items, next_url("/work-orders", filter_query(view.request, FILTERS), found.next)


def _detail(view: View, order: WorkOrder) -> dict[str, Any]:
    """What is shown of one order beside itself."""
    opener = view.deps.alerts.get(order.evidence.alert)
    similar = view.deps.past.similar(opener)
    clock = solve_clock(order, view.deps.orders.calendar(order.site), view.now)
    history = OrderDetail.with_history(order, view.deps.orders.history(order.number), similar, clock).events
    alerts = _alerts(view, order)
    known = view.deps.registry.known
    titles = {alert.id: view.t.of(headline(alert, known(alert.site, alert.device).title)) for alert in alerts}
    everything, query = view.request.query_params.get("clock") == "all", filter_query(view.request, FILTERS)
    parts = clock.parts[-(MOST_PARTS if everything else FEW_PARTS) :]
    told = [happened(event, titles, view) for event in history]
    return {
        "stages": list(Stage),
        "stage_index": list(Stage).index(order.stage),
        "next_stage": order.stage.next,
        "response": promise(order.responded_at, order.response_due_at, view),
        "solve": solution(order, clock, view),
        "clock": clock,
        "clock_parts": parts,
        "clock_left_out": len(clock.parts) - len(parts),
        "clock_url": None if everything else f"/work-orders/{order.number}{query}{'&' if query else '?'}clock=all",
        "may_pause": order.responded_at is not None and order.solved_at is None and order.paused_at is None,
        "reasons": list(PAUSE_LABELS.items()),
        "pause_labels": PAUSE_LABELS,
        "first_steps": first_steps(order.evidence.kind, order.evidence.metric, order.evidence.facts),
        "similar": similar,
        "charts": charts_around(opener, view.deps.registry, view.now),
        "standing": standing(view.deps, order.site, order.device, order.evidence.metric, MOST_CHARTS),
        "evidence": lines(order.evidence.facts, view.t, view.deps.zone),
        "alerts": alerts,
        "codes": list(LABELS.items()),
        "history": sorted(told, key=lambda line: line.at)[::-1],
        "overdue": is_overdue(order, view.now),
        "scores": SCORES,
        "ratable": may_be_rated(order),
        "may_complain": len(order.complaints) < MOST_COMPLAINTS,
        "longest": LONGEST_SAID,
        "link": view.deps.links.of(order.number),
    }


def _alerts(view: View, order: WorkOrder) -> tuple[Alert, ...]:
    return view.deps.alerts.list(AlertFilter(work_order=order.number), MOST_ROWS).items


def happened(event: OrderEventItem, titles: Mapping[str, str], view: View) -> Happened:
    """A line of the history in the reader's language."""
    code = LABELS[event.closure_code] if event.closure_code else None
    reason = PAUSE_LABELS[event.pause_reason] if event.pause_reason else None
    due = (
        view.t("due.by", time=clock_time(parse_time(event.solve_due_at), view.deps.zone)) if event.solve_due_at else ""
    )
    details = {
        "advanced": view.t(f"stage.{event.stage}") if event.stage else "",
        "assigned": event.assignee,
        "complained": event.customer,
        "rated": f"{event.score} · {view.t(f'score.{event.score}')}" if event.score else "",
        "closed": view.t.of(code) if code else "",
        "joined": titles.get(event.alert or ""),
        "opened": event.priority,
        "paused": view.t.of(reason) if reason else "",
        "resumed": due,
        "reopened": due,
        "reprioritised": event.priority,
    }
    detail = details.get(event.event) or ""
    return Happened(event.event, detail, event.note, event.by, parse_time(event.at))
