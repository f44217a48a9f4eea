"""Service calendars: which seconds count, told by hand on a calendar of paper."""

import tomllib
from datetime import datetime
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import Opened
from ingest.errors import InputError
from ingest.reading import NS_PER_SECOND
from tests.alerts.samples import make_alert
from workorders.calendar import ServiceCalendar
from workorders.calendar_file import WEEKDAYS, parse_calendars
from workorders.opening import Book
from workorders.promises import HOUR_NS
from workorders.sla import AlwaysOpen, Calendars, Clock, due

SHANGHAI = """
timezone = "Asia/Shanghai"
[week]
monday = ["08:00-12:00", "14:00-18:00"]
tuesday = ["08:00-12:00", "14:00-18:00"]
wednesday = ["08:00-12:00", "14:00-18:00"]
thursday = ["08:00-12:00", "14:00-18:00"]
friday = ["08:00-12:00", "14:00-18:00"]
[days]
"2026-10-01/2026-10-07" = []
2026-10-10 = ["08:00-12:00", "14:00-18:00"]
"""
NIGHTS = "[week]\n" + "\n".join(f'{day} = ["22:00-06:00"]' for day in WEEKDAYS)
BERLIN = 'timezone = "Europe/Berlin"\n'
WEEK = '[week]\nmonday = ["08:00-12:00"]\n'


def calendars(text: str) -> Calendars:
    return parse_calendars(tomllib.loads(text), "calendar.toml", "UTC")


def at(text: str, zone: str = "Asia/Shanghai") -> int:
    """A time on the wall, ns UTC."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * NS_PER_SECOND


def wall(ns: int, zone: str = "Asia/Shanghai") -> str:
    return datetime.fromtimestamp(ns // NS_PER_SECOND, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("start", "hours", "expected"),
    [
        pytest.param("2026-09-29 09:00", 2, "2026-09-29 11:00", id="within a window"),
        pytest.param("2026-09-29 11:00", 2, "2026-09-29 15:00", id="lunch does not count"),
        pytest.param("2026-09-29 03:00", 2, "2026-09-29 10:00", id="from the opening on"),
        pytest.param("2026-09-29 17:30", 2, "2026-09-30 09:30", id="over night"),
        pytest.param("2026-09-30 17:00", 2, "2026-10-08 09:00", id="over a week of holidays"),
        pytest.param("2026-10-09 17:00", 2, "2026-10-10 09:00", id="a make-up workday, a Saturday"),
        pytest.param("2026-10-10 17:00", 2, "2026-10-12 09:00", id="over a Sunday"),
        pytest.param("2026-09-21 08:00", 48, "2026-09-28 18:00", id="48 h are six days, a weekend between"),
    ],
)
def test_only_service_hours_count(start: str, hours: int, expected: str) -> None:
    found = due(at(start), hours * HOUR_NS, calendars(SHANGHAI).usual)
    assert wall(found.at) == expected
    assert sum(interval.length_ns for interval in found.intervals) == hours * HOUR_NS, "every second is explained"


@pytest.mark.parametrize(
    ("start", "length_h"),
    [
        pytest.param("2026-03-28 22:00", 7, id="clocks are put forward"),
        pytest.param("2026-10-24 22:00", 9, id="clocks are put back"),
        pytest.param("2026-06-01 22:00", 8, id="any other night"),
    ],
)
def test_a_shift_across_a_change_of_clocks(start: str, length_h: int) -> None:
    found = calendars(BERLIN + '[week]\nsaturday = ["22:00-06:00"]\nmonday = ["22:00-06:00"]').usual
    night = next(found.open_from(at(start, "Europe/Berlin")))
    assert night.length_ns == length_h * HOUR_NS
    assert wall(night.end, "Europe/Berlin").endswith("06:00")


@pytest.mark.parametrize(
    ("window", "day", "length_min"),
    [
        pytest.param("00:00-02:30", "2026-10-25", 210, id="an hour that comes twice is worked twice"),
        pytest.param("02:30-04:00", "2026-10-25", 150, id="from the first time on"),
        pytest.param("00:00-02:30", "2026-03-29", 150, id="a time that is skipped is as much later"),
        pytest.param("02:30-04:00", "2026-03-29", 30, id="also for those who begin then"),
    ],
)
def test_times_that_come_twice_or_never(window: str, day: str, length_min: int) -> None:
    found = calendars(f'{BERLIN}{WEEK}[days]\n{day} = ["{window}"]').usual
    first = next(found.open_from(at(f"{day} 00:00", "Europe/Berlin")))
    assert first.length_ns == length_min * 60 * NS_PER_SECOND


def test_windows_that_meet_or_overlap_are_one() -> None:
    week = 'friday = ["18:00-24:00"]\nsaturday = ["00:00-06:00"]\nsunday = ["20:00-08:00"]\nmonday = ["07:00-09:00"]'
    found = islice(calendars(f"[week]\n{week}").usual.open_from(at("2026-09-25 12:00", "UTC")), 2)
    assert [(wall(one.start, "UTC"), wall(one.end, "UTC")) for one in found] == [
        ("2026-09-25 18:00", "2026-09-26 06:00"),
        ("2026-09-27 20:00", "2026-09-28 09:00"),
    ]


@settings(max_examples=60)
@given(st.integers(0, 2**33), st.integers(1, 500), st.sampled_from([SHANGHAI, BERLIN + NIGHTS]))
def test_what_holds_for_every_calendar(start_s: int, hours: int, text: str) -> None:
    calendar, start = calendars(text).usual, start_s * NS_PER_SECOND
    found = due(start, hours * HOUR_NS, calendar)
    assert all(before.end < after.start for before, after in pairwise(found.intervals))
    assert found.intervals[0].start >= start
    assert sum(interval.length_ns for interval in found.intervals) == hours * HOUR_NS
    later = due(start + NS_PER_SECOND, hours * HOUR_NS, calendar)
    assert found.at <= later.at, "who starts later is due no sooner"


def test_a_site_takes_from_the_top_what_it_does_not_say() -> None:
    sites = '[site.berlin]\ntimezone = "Europe/Berlin"\n[site.vans.week]\nsunday = ["10:00-12:00"]'
    found = calendars(f"{SHANGHAI}\n{sites}")
    berlin, vans = found.of("berlin"), found.of("vans")
    assert isinstance(berlin, ServiceCalendar)
    assert isinstance(vans, ServiceCalendar)
    assert found.of("elsewhere") is found.usual
    assert (berlin.zone.key, vans.zone.key) == ("Europe/Berlin", "Asia/Shanghai")
    assert [len(day) for day in vans.week] == [0, 0, 0, 0, 0, 0, 1]
    assert len(berlin.days) == 8


def test_only_some_sites_may_have_one() -> None:
    found = calendars('[site.berlin.week]\nmonday = ["08:00-12:00"]')
    assert (found.of("berlin").clock, found.of("elsewhere")) == (Clock.CALENDAR, AlwaysOpen())


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("", "week needs a window on at least one day"),
        ("[week]\nmonday = []", "week needs a window on at least one day"),
        ("[weeks]", "unknown key 'weeks'; allowed are timezone, week, days, site"),
        ('[week]\nmontag = ["08:00-12:00"]', "week: unknown key 'montag'; allowed are monday, tuesday"),
        ('[week]\nmonday = "08:00-12:00"', "week: monday = '08:00-12:00' must be a list of windows"),
        ('[week]\nmonday = ["8-12"]', "week: monday: '8-12' is no window; allowed are such as '08:00-12:00'"),
        ('[week]\nmonday = ["25:00-26:00"]', "'25:00-26:00' is no window"),
        ('[week]\nmonday = ["08:00-08:00"]', "'08:00-08:00' is no window"),
        ("[week]\nmonday = [8]", "8 is no window"),
        ('[week]\nmonday = ["08:00-12:00", "11:00-13:00"]', "windows overlap"),
        (f'timezone = "Mars"\n{WEEK}', "timezone = 'Mars' is no time zone"),
        (f"timezone = 8\n{WEEK}", "timezone = 8 is no time zone"),
        (f"{WEEK}[days]\n2026-13-01 = []", "'2026-13-01' is no day; allowed are days"),
        (f'{WEEK}[days]\n"2026-10-07/2026-10-01" = []', "must go from a day to a later one"),
        (f'{WEEK}[days]\n"2026-10-01/2026-10-07" = []\n2026-10-02 = []', "2026-10-02 is listed twice"),
        ("site = 1", "site = 1 must be a table"),
        ('[site.a.week]\nmonday = ["x"]', "site 'a': week: monday: 'x' is no window"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, answer: str) -> None:
    with pytest.raises(InputError) as raised:
        calendars(text)
    assert str(raised.value).startswith("calendar.toml: ")
    assert answer in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_order_is_due_by_the_calendar_of_its_site() -> None:
    book = Book(calendars=Calendars(of_site={"plant": calendars(SHANGHAI).usual}))
    for site in ("plant", "elsewhere"):
        book.take(Opened(make_alert(site=site, raised_at=at("2026-09-30 17:00"))))
    ours, theirs = book.orders.values()
    assert (ours.clock, wall(ours.response_due_at), wall(ours.solve_due_at)) == (
        Clock.CALENDAR,
        "2026-10-08 09:00",
        "2026-10-14 17:00",
    )
    assert ours.promise.zh.endswith("仅计服务时间（Asia/Shanghai）")
    assert (theirs.clock, wall(theirs.response_due_at)) == (Clock.ALWAYS, "2026-09-30 19:00")


def test_a_calendar_that_is_closed_for_ever_is_an_error() -> None:
    with pytest.raises(ValueError, match="the calendar ends"):
        due(at("2026-01-01 03:00"), HOUR_NS, ServiceCalendar(ZoneInfo("UTC"), ((),) * 7))


def test_the_seconds_before_1970_are_as_good() -> None:
    assert wall(due(at("1969-12-30 11:00"), 2 * HOUR_NS, calendars(SHANGHAI).usual).at) == "1969-12-30 15:00"
