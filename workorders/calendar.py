"""Service calendars: the windows of each day in which somebody works, by the clock on the wall of a time zone.

    day ─▶ its own windows if it is listed (a holiday, a make-up workday), else those of its weekday ─▶ intervals in UTC

A window may go past midnight; it belongs to the day on which it begins. When clocks are put back or forward a window
is an hour longer or shorter, as the shift is; a time that the clock then skips is as much later as it is put forward.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from alerts.alert import Explanation
from ingest.reading import NS_PER_SECOND
from workorders.sla import Clock, Interval

DAY_MINUTES = 1_440
IDLE_DAYS = 400
"""After so many days in a row without a window a calendar has ended."""


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """From `begin` to `end`, in minutes after the midnight with which its day begins; past midnight above 1 440."""

    begin: int
    end: int


Windows = tuple[Window, ...]
"""Those of one day, ascending and apart."""


@dataclass(frozen=True, slots=True)
class ServiceCalendar:
    """Somebody works in the windows of each day."""

    zone: ZoneInfo
    week: tuple[Windows, ...]
    """Monday to Sunday."""
    days: Mapping[date, Windows] = field(default_factory=dict)
    """Days that are not as their weekday is."""
    clock: Clock = Clock.CALENDAR

    @property
    def counted(self) -> Explanation:
        """How time is counted, in words."""
        return Explanation(f"counted in service hours only ({self.zone.key})", f"仅计服务时间（{self.zone.key}）")

    def open_from(self, start: int) -> Iterator[Interval]:
        """The open intervals at or after `start`, ns UTC, ascending and apart, the first one cut at `start`."""
        last: Interval | None = None
        for window in self._windows_from(start):
            if last is not None and window.start <= last.end:
                last = Interval(last.start, max(last.end, window.end))
                continue
            if last is not None:
                yield last
            last = Interval(max(window.start, start), window.end)
        if last is not None:
            yield last

    def _windows_from(self, start: int) -> Iterator[Interval]:
        """Windows that end after `start`, by their begin; those of neighbouring days may overlap."""
        day = datetime.fromtimestamp(start // NS_PER_SECOND, self.zone).date() - timedelta(days=1)
        idle = 0
        while idle < IDLE_DAYS:
            windows = self.days.get(day, self.week[day.weekday()])
            idle = 0 if windows else idle + 1
            for window in windows:
                end = max(self._at(day, window.end, fold) for fold in (0, 1))
                interval = Interval(self._at(day, window.begin), end)
                if interval.end > max(start, interval.start):
                    yield interval
            day += timedelta(days=1)

    def _at(self, day: date, minutes: int, fold: int = 0) -> int:
        """When the clock on the wall shows that time; one that it shows twice the first time (fold 0) or the second."""
        shown = datetime.combine(day, time()) + timedelta(minutes=minutes)
        return round(shown.replace(tzinfo=self.zone, fold=fold).astimezone(UTC).timestamp()) * NS_PER_SECOND
