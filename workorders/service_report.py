"""A month of work orders beside what was promised: responses, solutions, what customers said, was found, and came back.

Pure. Orders count in the month in which they opened, as they stand now, reopened ones too; but for those closed as a
duplicate, which another order speaks for; a complaint about one counts all the same. A promise that is not due yet,
and not kept yet, is not counted either way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from alerts.alert import Kind
from ingest.reading import NS_PER_DAY, NS_PER_SECOND
from workorders.closure import ClosureCode
from workorders.customer import Complaint
from workorders.order import Priority, WorkOrder
from workorders.promises import Asked, was_kept
from workorders.solve_clock import clock_now

REPEATED_WITHIN_NS = 90 * NS_PER_DAY
"""A fault that was found before on the same machine within this time has come back."""
RECURS = 2
MOST_RECURRING = 10
"""A problem is named when it opened two orders or more; so many are named."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How a promise was kept."""

    counted: int
    """Orders of which it can be said: done, or due by now."""
    kept: int
    asked: float
    """The share of them that is asked for."""
    median_s: float | None
    """Seconds from the opening, of those that are done, as the wall clock goes; None without any …"""
    slowest_s: float | None
    """… and what nine of ten needed at most."""

    @property
    def share(self) -> float | None:
        """Share of those counted; None without any."""
        return self.kept / self.counted if self.counted else None

    @property
    def met(self) -> bool | None:
        """Whether that is what is asked for."""
        return None if self.share is None else self.share >= self.asked


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """How satisfied customers are (CSAT)."""

    solved: int
    """Orders that could be rated."""
    rated: int
    mean: float | None
    """Of their ratings, 1 to 5; None without any."""
    asked: float

    @property
    def response_rate(self) -> float | None:
        """Share of those that could be rated that were; None without any."""
        return self.rated / self.solved if self.solved else None

    @property
    def met(self) -> bool | None:
        """Whether that is what is asked for."""
        return None if self.mean is None else self.mean >= self.asked


class Problem(NamedTuple):
    """What an order was about."""

    site: str
    device: str
    """Of the asset, where there is one, the device whose alert opened its first order."""
    asset: str | None
    metric: str | None
    kind: Kind


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """The orders that opened from `start` to `end`, ns UTC, as they stand."""

    start: int
    end: int
    opened: int
    closed: int
    reopened: int
    """Of those opened, once each."""
    by_priority: dict[Priority, int]
    response: Kept
    solution: Kept
    satisfaction: Satisfaction
    complaints: Kept
    """All complaints, and those that are closed; seconds from the complaint."""
    found: dict[ClosureCode, int]
    """The most frequent first."""
    repeated: int
    """Orders about a fault that had been found on the same machine before."""
    recurring: tuple[tuple[Problem, int], ...]
    """The problems that opened most orders."""


def service_report(orders: Iterable[WorkOrder], start: int, end: int, now: int, asked: Asked) -> ServiceReport:
    """The month from `start` to `end`; `orders` are those since REPEATED_WITHIN_NS before it at least, in any order."""
    until = sorted(
        (order for order in orders if order.opened_at < end), key=lambda order: (order.opened_at, order.number)
    )
    known = [order for order in until if order.closure_code is not ClosureCode.DUPLICATE]
    ours = [order for order in known if order.opened_at >= start]
    complaints = [one for order in until if order.opened_at >= start for one in order.complaints]
    codes = Counter(order.closure_code for order in ours if order.closure_code is not None)
    priorities = Counter(order.priority for order in ours)
    return ServiceReport(
        start,
        end,
        len(ours),
        sum(order.closed_at is not None for order in ours),
        sum(order.reopened > 0 for order in ours),
        {priority: priorities[priority] for priority in Priority},
        _kept(ours, asked.responded, lambda order: (order.responded_at, order.response_due_at, now)),
        _kept(ours, asked.solved, lambda order: (order.solved_at, order.solve_due_at, clock_now(order, now))),
        _satisfaction(ours, asked.satisfaction),
        _closed(complaints, asked.complaints_closed),
        dict(sorted(codes.items(), key=lambda pair: (-pair[1], pair[0]))),
        _repeated(known, start),
        _recurring(ours),
    )


def _kept(orders: Sequence[WorkOrder], asked: float, times: Callable[[WorkOrder], tuple[int | None, int, int]]) -> Kept:
    """How a promise was kept; `times` gives when it was (None: not yet), when it was due, and what time it is."""
    kept = [was_kept(*times(order)) for order in orders]
    took = [max(at - order.opened_at, 0) for order in orders if (at := times(order)[0]) is not None]
    return Kept(len(kept) - kept.count(None), kept.count(True), asked, *_usual(took))


def _usual(took: Sequence[int]) -> tuple[float | None, float | None]:
    """The median of lengths in ns, and what nine of ten needed at most, in s."""
    median, slowest = (np.quantile(took, (0.5, 0.9)) / NS_PER_SECOND).tolist() if took else (None, None)
    return median, slowest


def _satisfaction(orders: Iterable[WorkOrder], asked: float) -> Satisfaction:
    solved = [order for order in orders if order.solved_at is not None or order.rating is not None]
    scores = [order.rating.score for order in solved if order.rating is not None]
    return Satisfaction(len(solved), len(scores), sum(scores) / len(scores) if scores else None, asked)


def _closed(complaints: Sequence[Complaint], asked: float) -> Kept:
    took = [max(one.closed_at - one.at, 0) for one in complaints if one.closed_at is not None]
    return Kept(len(complaints), len(took), asked, *_usual(took))


def _machine(order: WorkOrder) -> tuple[str, str, bool]:
    """What is repaired: the asset, or the device where it is part of none."""
    return order.site, order.asset or order.device, order.asset is not None


def _repeated(known: Sequence[WorkOrder], start: int) -> int:
    """Of orders since `start` those whose fault was found before."""
    last: dict[tuple[tuple[str, str, bool], ClosureCode], int] = {}
    repeated = 0
    for order in known:
        if order.closure_code is None or not order.closure_code.machine_fault:
            continue
        fault = (_machine(order), order.closure_code)
        before = last.get(fault)
        repeated += order.opened_at >= start and before is not None and order.opened_at - before <= REPEATED_WITHIN_NS
        last[fault] = order.opened_at
    return repeated


def _recurring(orders: Sequence[WorkOrder]) -> tuple[tuple[Problem, int], ...]:
    first: dict[object, Problem] = {}
    times: Counter[Problem] = Counter()
    for order in orders:
        about = Problem(order.site, order.device, order.asset, order.evidence.metric, order.evidence.kind)
        times[first.setdefault((_machine(order), about.metric, about.kind), about)] += 1
    return tuple((problem, n) for problem, n in times.most_common(MOST_RECURRING) if n >= RECURS)
