"""The service clock: when a promise falls due, counted in a calendar's open hours only. Times are ns UTC.

Every second that counted stands in the intervals of a `Due`; `account` says of each second whether it counts and why
not. The clock stands where an order was stopped: paused, solved or closed. Without a calendar of its own
(`workorders.calendar`) a site is `AlwaysOpen`, 24 hours a day and 7 days a week.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from alerts.alert import Explanation
from workorders.pause import PauseReason


class Clock(StrEnum):
    """How the time of an order is counted."""

    ALWAYS = "24x7"
    CALENDAR = "calendar"


@dataclass(frozen=True, slots=True)
class Interval:
    """A span of time that counts: `start` inclusive, `end` exclusive."""

    start: int
    end: int

    @property
    def length_ns(self) -> int:
        """How much time it is."""
        return self.end - self.start


class Calendar(Protocol):
    """The hours in which somebody works."""

    @property
    def clock(self) -> Clock:
        """How this calendar counts."""
        ...

    @property
    def counted(self) -> Explanation:
        """The same in words."""
        ...

    def open_from(self, start: int) -> Iterator[Interval]:
        """The open intervals at or after `start`, ascending and apart, the first one cut at `start`."""
        ...


@dataclass(frozen=True, slots=True)
class AlwaysOpen:
    """Every second counts."""

    clock: Clock = Clock.ALWAYS

    @property
    def counted(self) -> Explanation:
        """How time is counted, in words."""
        return Explanation("counted 24 hours a day, 7 days a week", "按每周 7 天、每天 24 小时计时")

    def open_from(self, start: int) -> Iterator[Interval]:
        """One interval without a practical end."""
        yield Interval(start, 2**63 - 1)


@dataclass(frozen=True, slots=True)
class Calendars:
    """The calendar of each site."""

    usual: Calendar = field(default_factory=AlwaysOpen)
    of_site: Mapping[str, Calendar] = field(default_factory=dict)

    def of(self, site: str) -> Calendar:
        """That of a site; the usual one where it has none of its own."""
        return self.of_site.get(site, self.usual)


@dataclass(frozen=True, slots=True)
class Due:
    """When a promise falls due, and the intervals that were counted until then."""

    at: int
    intervals: tuple[Interval, ...]


class Why(StrEnum):
    """Why a span of time counts, or does not."""

    OPEN = "open"
    """Service hours: it counts."""
    OUTSIDE_HOURS = "outside_hours"
    PAUSED = "paused"
    SOLVED = "solved"
    """Solved, and not closed yet."""
    CLOSED = "closed"
    EARLIER_PROMISE = "earlier_promise"
    """Before the promise that holds now was given."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A span of time in which the clock of an order stood: `start` inclusive, `end` exclusive."""

    start: int
    end: int
    why: Why
    reason: PauseReason | None = None
    """Of a pause."""


@dataclass(frozen=True, slots=True)
class Part:
    """A span of time as the clock saw it."""

    start: int
    end: int
    counted: bool
    why: Why
    reason: PauseReason | None = None

    @property
    def length_ns(self) -> int:
        """How much time it is."""
        return self.end - self.start


def due(start: int, counted_ns: int, calendar: Calendar, stops: Iterable[Stop] = ()) -> Due:
    """When `counted_ns` of the calendar's open time have passed since `start`, without those of `stops`.

    Raises ValueError if the calendar ends before that.

    >>> due(100, 50, AlwaysOpen())
    Due(at=150, intervals=(Interval(start=100, end=150),))
    """
    left, counted = counted_ns, []
    for open_time in _without(calendar.open_from(start), stops):
        used = Interval(open_time.start, min(open_time.end, open_time.start + left))
        counted.append(used)
        left -= used.length_ns
        if left <= 0:
            return Due(used.end, tuple(counted))
    raise ValueError(f"the calendar ends {left} ns before the promise falls due")


def put_off(due_at: int, stopped: int, resumed: int, calendar: Calendar) -> int:
    """When a promise falls due whose clock stood from `stopped` to `resumed`.

    It moves by the service time that passed meanwhile. What was overdue already stays so.

    >>> put_off(150, 120, 140, AlwaysOpen()), put_off(150, 160, 180, AlwaysOpen())
    (170, 150)
    """
    if stopped >= due_at:
        return due_at
    lost = counted_ns(account(stopped, resumed, calendar))
    return due(due_at, lost, calendar).at if lost else due_at


def account(start: int, end: int, calendar: Calendar, stops: Iterable[Stop] = ()) -> tuple[Part, ...]:
    """Every second from `start` to `end`, in parts without gaps; none where `end` is not after `start`."""
    parts: list[Part] = []
    at = start
    for stop in sorted(stops, key=lambda stop: (stop.start, stop.end)):
        begin, over = max(stop.start, at), min(stop.end, end)
        if begin < over:
            parts += [*_hours(at, begin, calendar), Part(begin, over, False, stop.why, stop.reason)]
            at = over
    return (*parts, *_hours(at, end, calendar))


def counted_ns(parts: Iterable[Part]) -> int:
    """How much of that time counts."""
    return sum(part.length_ns for part in parts if part.counted)


def _hours(start: int, end: int, calendar: Calendar) -> Iterator[Part]:
    """The hours of the calendar from `start` to `end`, and those between them."""
    at = start
    if start >= end:
        return
    for hours in calendar.open_from(start):
        begin, over = min(hours.start, end), min(hours.end, end)
        if at < begin:
            yield Part(at, begin, False, Why.OUTSIDE_HOURS)
        if begin < over:
            yield Part(begin, over, True, Why.OPEN)
        at = max(begin, over)
        if at == end:
            return
    yield Part(at, end, False, Why.OUTSIDE_HOURS)


def _without(intervals: Iterable[Interval], stops: Iterable[Stop]) -> Iterator[Interval]:
    """What is left of ascending intervals."""
    ascending = sorted(stops, key=lambda stop: (stop.start, stop.end))
    for interval in intervals:
        at = interval.start
        for stop in ascending:
            if stop.end <= at or stop.start >= interval.end:
                continue
            if at < stop.start:
                yield Interval(at, stop.start)
            at = stop.end
        if at < interval.end:
            yield Interval(at, interval.end)
