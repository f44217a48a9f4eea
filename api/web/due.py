"""How the promises of an order stand, as its pages tell it: kept, broken, so much time left, or the clock stands."""

from __future__ import annotations

from dataclasses import dataclass

from api.web.format import clock_time, span, worked
from api.web.render import SOON_NS, View
from ingest.reading import NS_PER_SECOND
from workorders.order import WorkOrder
from workorders.promises import was_kept
from workorders.solve_clock import SolveClock, stands


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise as it stands: `text` in the tone of `tone`, and when it was or is due."""

    text: str
    tone: str
    detail: str


def promise(done_at: int | None, due_at: int, view: View) -> Promise:
    """How a promise stands."""
    t, zone = view.t, view.deps.zone
    kept, detail = was_kept(done_at, due_at, view.now), t("due.by", time=clock_time(due_at, zone))
    if done_at is not None:
        text = t("due.kept" if kept else "due.broken", time=clock_time(done_at, zone))
        return Promise(text, "" if kept else "late", detail)
    left = span(abs(due_at - view.now) / NS_PER_SECOND, t)
    if kept is False:
        return Promise(t("due.late", span=left), "late", detail)
    return Promise(t("due.left", span=left), "soon" if due_at - view.now < SOON_NS else "", detail)


def solution(order: WorkOrder, clock: SolveClock, view: View) -> Promise:
    """How the promise of a solution stands, also while its clock does."""
    if not stands(order):
        return promise(order.solved_at, order.solve_due_at, view)
    t, late = view.t, clock.left < 0
    left = worked(abs(clock.left) / NS_PER_SECOND, t)
    since = t("due.paused_since", time=clock_time(order.paused_at, view.deps.zone))
    return Promise(t("due.late" if late else "due.stands", span=left), "late" if late else "", since)
