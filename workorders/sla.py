"""The service clock: when a promise falls due, counted in a calendar's open hours only. Times are ns UTC.

Every second that counted stands in the intervals of a `Due`. Without a calendar of its own (`workorders.calendar`) a
site is `AlwaysOpen`, 24 hours a day and 7 days a week.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from alerts.alert import Explanation


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


def due(start: int, counted_ns: int, calendar: Calendar) -> Due:
    """When `counted_ns` of the calendar's open time have passed since `start`.

    Raises ValueError if the calendar ends before that.

    >>> due(100, 50, AlwaysOpen())
    Due(at=150, intervals=(Interval(start=100, end=150),))
    """
    left, counted = counted_ns, []
    for open_time in calendar.open_from(start):
        used = Interval(open_time.start, min(open_time.end, open_time.start + left))
        counted.append(used)
        left -= used.length_ns
        if left <= 0:
            return Due(used.end, tuple(counted))
    raise ValueError(f"the calendar ends {left} ns before the promise falls due")
