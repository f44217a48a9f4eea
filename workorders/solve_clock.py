"""The clock of an order's solution: how much was promised, how much is used up, and why each second counted or not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from workorders.order import WorkOrder
from workorders.sla import Calendar, Part, Stop, Why, account, counted_ns


class Pausable(Protocol):
    """What says whether the clock of an order stands."""

    @property
    def paused_at(self) -> int | None:
        """Since when the order is paused."""
        ...

    @property
    def by_date(self) -> bool | None:
        """Whether a pause does not put it off."""
        ...


@dataclass(frozen=True, slots=True)
class SolveClock:
    """Every second from the opening until it was solved, or until now; counted + left = promised. In ns."""

    parts: tuple[Part, ...]
    promised: int
    counted: int
    running: bool
    """Whether time counts at this moment."""

    @property
    def left(self) -> int:
        """How much of the promise is left; less than 0 where it is broken."""
        return self.promised - self.counted


def stands(order: Pausable) -> bool:
    """Whether the clock stands because the order is paused."""
    return order.paused_at is not None and not order.by_date


def clock_now(order: Pausable, now: int) -> int:
    """The time by which the solution is judged: that of the pause, while the clock stands."""
    return order.paused_at if stands(order) and order.paused_at is not None else now


def solve_clock(order: WorkOrder, calendar: Calendar, now: int) -> SolveClock:
    """The clock of an order at `now`, by the calendar as it is.

    A date counts every second up to it, whatever the hour and though the order is paused.
    """
    start, end = order.clock_start, now if order.solved_at is None else order.solved_at
    open_pause = () if order.paused_at is None else (Stop(order.paused_at, end, Why.PAUSED, order.pause_reason),)
    before = account(order.opened_at, min(start, end), calendar, order.stops)
    since = account(start, end, calendar, (*order.stops, *open_pause))
    if order.by_date:
        since = tuple(replace(part, counted=True) for part in since)
        promised = order.solve_due_at - start
    else:
        promised = counted_ns(account(start, order.solve_due_at, calendar, order.stops))
    running = order.solved_at is None and bool(since) and since[-1].counted
    return SolveClock((*map(_of_earlier, before), *since), promised, counted_ns(since), running)


def _of_earlier(part: Part) -> Part:
    """A part from before the promise that holds."""
    return replace(part, counted=False, why=Why.EARLIER_PROMISE) if part.counted else part
