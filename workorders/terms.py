"""Until when an order is answered and solved, and how that is said: as promised, or before a forecast comes true."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alerts.alert import Alert, Explanation, Kind
from workorders.promises import HOUR_NS, Promise
from workorders.sla import Calendar, Stop, due


@dataclass(frozen=True, slots=True)
class Terms:
    """The due times of an order, event times in ns, and in words."""

    promise: Explanation
    response_due_at: int
    solve_due_at: int
    by_date: bool = False
    """Whether the solution is due before a forecast may come true, and not so many hours later."""


def terms_of(
    promise: Promise, start: int, calendar: Calendar, alert: Alert | None = None, stops: Iterable[Stop] = ()
) -> Terms:
    """What is promised, counted from `start`; for a forecast, that its order is solved before it may come true.

    Time in `stops` does not count towards the solution. For a forecast there may be more time than usual, or less;
    nothing is due before the first response.
    """
    response, solve = promise.response_ns / HOUR_NS, promise.solve_ns / HOUR_NS
    response_due_at = due(start, promise.response_ns, calendar).at
    earliest = None if alert is None else crossing_at(alert)
    until = (f"solved within {solve:g} h", f"{solve:g} 小时内解决")
    solve_due_at = due(start, promise.solve_ns, calendar, stops).at
    if earliest is not None:
        until = (
            "solved before the earliest moment at which the forecast may come true",
            "在预测可能成真的最早时刻之前解决",
        )
        solve_due_at = max(earliest, response_due_at)
    counted = calendar.counted
    words = Explanation(
        f"First response within {response:g} h, {until[0]}, {counted.en}",
        f"{response:g} 小时内首次响应，{until[1]}；{counted.zh}",
    )
    return Terms(words, response_due_at, solve_due_at, earliest is not None)


def crossing_at(alert: Alert) -> int | None:
    """The earliest moment at which the limit that a forecast is about is crossed; None for any other alert."""
    earliest = alert.evidence.get("earliest_at")
    return earliest if alert.kind is Kind.FORECAST and isinstance(earliest, int) else None
