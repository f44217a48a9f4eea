"""Stops the clock of an order and lets it go on: pause, resume, reopen. Commands of people, as in `workorders.order`.

    answered ─ pause ─▶ paused ─ resume ─▶ goes on, due so much service time later
    closed ─ reopen ─▶ back on site if it was solved, due so much service time later

An order can be paused only once it is answered: nobody pauses away the first response, whose clock never stands.
"""

from __future__ import annotations

from alerts.alert import WrongStateError
from workorders.order import Paused, Reopened, Resumed, Stage, WorkOrder, must_be_open
from workorders.pause import PauseReason
from workorders.promises import Promises
from workorders.sla import Calendar, put_off
from workorders.terms import terms_of


class OtherOpenError(WrongStateError):
    """Another order of the same device or asset is open, and there is one at most."""

    def __init__(self, order: WorkOrder, other: str) -> None:
        super().__init__(
            f"work order {order.number} cannot be reopened while {other}, of the same device or asset, is open"
        )
        self.other = other


def pause(order: WorkOrder, reason: PauseReason, by: str, now: int, note: str = "") -> Paused:
    """Have the clock stand. Raises WrongStateError unless the order is answered, and not solved or paused yet."""
    must_be_open(order, "paused")
    for is_so, said in (
        (order.paused_at is not None, "is paused already"),
        (order.solved_at is not None, "is solved: its clock stands already"),
        (order.responded_at is None, "is not answered yet; assign it or move it on before it is paused"),
    ):
        if is_so:
            raise WrongStateError(f"work order {order.number} {said}")
    return Paused(reason, max(now, _last_stop(order)), by, note)


def resume(order: WorkOrder, by: str, now: int, calendar: Calendar, note: str = "") -> Resumed:
    """Let the clock go on. Raises WrongStateError if it is not paused."""
    must_be_open(order, "resumed")
    if order.paused_at is None:
        raise WrongStateError(f"work order {order.number} is not paused")
    at = max(now, order.paused_at)
    stopped = max(order.paused_at, order.clock_start)
    solve_due_at = order.solve_due_at if order.by_date else put_off(order.solve_due_at, stopped, at, calendar)
    return Resumed(solve_due_at, at, by, note)


def reopen(order: WorkOrder, by: str, now: int, calendar: Calendar, promises: Promises, note: str) -> Reopened:
    """Have it done again; `note` says why. Raises WrongStateError if it is open.

    The time since it was solved does not count. A date before which a forecast was to be prevented stays; where that
    is past, the usual promise is given anew.
    """
    if order.closed_at is None or order.solved_at is None:
        raise WrongStateError(f"work order {order.number} is open; only a closed one can be reopened")
    stage = Stage.ON_SITE if order.stage.solved else order.stage
    at = max(now, order.closed_at)
    if order.by_date and order.solve_due_at <= at:
        terms = terms_of(promises.by_priority[order.priority], at, calendar)
        return Reopened(stage, terms.promise, terms.solve_due_at, at, by, note, counted_from=at)
    stopped = max(order.solved_at, order.clock_start)
    solve_due_at = order.solve_due_at if order.by_date else put_off(order.solve_due_at, stopped, at, calendar)
    return Reopened(stage, order.promise, solve_due_at, at, by, note, order.counted_from, order.by_date)


def _last_stop(order: WorkOrder) -> int:
    """The end of the last time its clock stood: a clock that is set back opens no stop within another."""
    return order.stops[-1].end if order.stops else 0
