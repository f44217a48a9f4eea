"""How well the promises to customers are kept, and how a device is doing: the figures of the overview."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from alerts.alert import Alert, Severity
from alerts.store import Brief
from workorders.order import WorkOrder
from workorders.promises import was_kept
from workorders.solve_clock import clock_now
from workorders.store import OrderTimes


@dataclass(frozen=True, slots=True)
class Kept:
    """How many of the promises that fell due were kept."""

    kept: int
    due: int

    @property
    def share(self) -> float | None:
        """Share kept; None while nothing fell due."""
        return self.kept / self.due if self.due else None


@dataclass(frozen=True, slots=True)
class Promised:
    """The two promises over some orders: first response, and solved."""

    response: Kept
    solved: Kept
    overdue: int
    """Open orders past a due time."""


def promised(orders: Iterable[WorkOrder | OrderTimes], now: int) -> Promised:
    """Count the promises of `orders` that are kept or broken by `now`; what may still be kept does not count."""
    response, solved, overdue = [], [], 0
    for order in orders:
        response.append(was_kept(order.responded_at, order.response_due_at, now))
        solved.append(was_kept(order.solved_at, order.solve_due_at, clock_now(order, now)))
        overdue += is_overdue(order, now)
    return Promised(_counted(response), _counted(solved), overdue)


def _counted(kept: Sequence[bool | None]) -> Kept:
    return Kept(kept.count(True), len(kept) - kept.count(None))


@dataclass(frozen=True, slots=True)
class NextDue:
    """What an order has to be in time for next."""

    what: str
    """`response` or `solve`."""
    at: int


def next_due(order: WorkOrder | OrderTimes) -> NextDue | None:
    """The next due time of an order; None when nothing is due any more."""
    if order.closed_at is not None:
        return None
    if order.responded_at is None:
        return NextDue("response", order.response_due_at)
    return NextDue("solve", order.solve_due_at) if order.solved_at is None else None


def is_overdue(order: WorkOrder | OrderTimes, now: int) -> bool:
    """Whether something that is not done yet was due before `now`, or before its clock stood."""
    due = next_due(order)
    return due is not None and clock_now(order, now) > due.at


class Health(StrEnum):
    """How a device is doing, best first."""

    OK = "ok"
    LEARNING = "learning"
    """Not enough data yet to judge any of its readings."""
    SILENT = "silent"
    """Nothing was ever heard of it."""
    RETIRED = "retired"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


def health(alerts: Sequence[Alert | Brief], retired: bool, heard: bool, warm: bool) -> Health:
    """How a device with these open alerts is doing."""
    if alerts:
        return Health(max(alerts, key=lambda alert: alert.severity.rank).severity.value)
    if retired:
        return Health.RETIRED
    if not heard:
        return Health.SILENT
    return Health.OK if warm else Health.LEARNING


URGENCY = [Health.RETIRED, Health.OK, Health.LEARNING, Health.SILENT, *(Health(s.value) for s in Severity)]
"""In which order devices need attention, least first."""
