"""Reads the service calendars of `calendar.file`, TOML that was read already.

timezone = "Asia/Shanghai"
[week]
monday = ["08:00-12:00", "14:00-18:00"]
saturday = ["22:00-06:00"]
[days]
"2026-10-01/2026-10-07" = []
2026-10-10 = ["08:00-12:00", "14:00-18:00"]
[site.plant-2]
timezone = "Europe/Berlin"
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.errors import InputError
from workorders.calendar import DAY_MINUTES, ServiceCalendar, Window, Windows
from workorders.sla import AlwaysOpen, Calendars

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LONGEST_DAYS = 366
"""Days of one range."""
_KEYS = ("timezone", "week", "days")
_WINDOW = re.compile(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)")


def parse_calendars(document: Mapping[str, Any], source: str, timezone: str) -> Calendars:
    """The calendars of a file; `timezone` is that of whoever names none.

    A site takes from the top what it does not say itself. Raises InputError naming file, key, value and what is
    allowed.
    """
    _known(document, (*_KEYS, "site"), source)
    usual = {key: document[key] for key in _KEYS if key in document}
    sites = _table(document.get("site", {}), f"{source}: site")
    of_site = {
        name: _calendar(usual | _table(said, f"{source}: site {name!r}"), f"{source}: site {name!r}", timezone)
        for name, said in sites.items()
    }
    if not usual and sites:
        return Calendars(AlwaysOpen(), of_site)
    return Calendars(_calendar(usual, source, timezone), of_site)


def _calendar(said: Mapping[str, Any], where: str, timezone: str) -> ServiceCalendar:
    _known(said, _KEYS, where)
    week = _table(said.get("week", {}), f"{where}: week")
    _known(week, WEEKDAYS, f"{where}: week")
    windows = tuple(_windows(week.get(name, []), f"{where}: week: {name}") for name in WEEKDAYS)
    if not any(windows):
        raise InputError(f'{where}: week needs a window on at least one day, such as monday = ["08:00-17:00"]')
    days: dict[date, Windows] = {}
    for key, value in _table(said.get("days", {}), f"{where}: days").items():
        for day in _days(key, f"{where}: days"):
            if day in days:
                raise InputError(f"{where}: days: {key!r}: {day} is listed twice")
            days[day] = _windows(value, f"{where}: days: {key}")
    return ServiceCalendar(_zone(said.get("timezone", timezone), where), windows, days)


def _zone(name: object, where: str) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"{where}: timezone = {name!r} is no time zone; allowed are IANA names such as 'Asia/Shanghai'"
        raise InputError(message) from error


def _days(key: str, where: str) -> Sequence[date]:
    """A day, or all from one to another, both included."""
    first, _, last = key.partition("/")
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError as error:
        message = f'{where}: {key!r} is no day; allowed are days such as 2026-10-01 and "2026-10-01/2026-10-07"'
        raise InputError(message) from error
    number = (end - begin).days + 1
    if not 0 < number <= LONGEST_DAYS:
        raise InputError(f"{where}: {key!r} must go from a day to a later one, {LONGEST_DAYS} days at most")
    return [begin + timedelta(days=n) for n in range(number)]


def _windows(said: object, where: str) -> Windows:
    if not isinstance(said, list):
        raise InputError(f'{where} = {said!r} must be a list of windows such as ["08:00-12:00", "14:00-18:00"]')
    windows = tuple(sorted(_window(one, where) for one in said))
    if any(after.begin < before.end for before, after in pairwise(windows)):
        raise InputError(f"{where} = {said!r}: windows overlap")
    return windows


def _window(said: object, where: str) -> Window:
    """A window; one that ends before it begins ends on the next day."""
    found = _WINDOW.fullmatch(said) if isinstance(said, str) else None
    hours = [int(number) for number in found.groups()] if found else [99] * 4
    begin, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if begin >= DAY_MINUTES or end > DAY_MINUTES or begin == end:
        raise InputError(
            f"{where}: {said!r} is no window; allowed are such as '08:00-12:00', '22:00-06:00', '00:00-24:00'"
        )
    return Window(begin, end if end > begin else end + DAY_MINUTES)


def _table(said: object, where: str) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise InputError(f"{where} = {said!r} must be a table")
    return said


def _known(said: Mapping[str, Any], allowed: Sequence[str], where: str) -> None:
    for key in said:
        if key not in allowed:
            raise InputError(f"{where}: unknown key {key!r}; allowed are {', '.join(allowed)}")
