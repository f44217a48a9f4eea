"""Clocks of devices: what a stamp says, and where it cannot be believed."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.adapters.adapter import Arrival, Keys, Rows
from ingest.adapters.stamps import from_ms, from_seconds, from_text, from_ticks
from ingest.reading import NS_PER_SECOND
from ingest.times import EARLIEST, format_time, parse_time

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 86_400 * NS_PER_SECOND


def arriving(at: str) -> Arrival:
    received_at = parse_time(at)
    return Arrival(received_at, received_at + DAY)


@pytest.mark.parametrize(
    ("text", "arrived", "expected"),
    [
        pytest.param("2025-01-10T12:00:00", "2025-01-10T11:00:00Z", "2025-01-10T11:00:00Z", id="winter"),
        pytest.param("2025-07-10T12:00:00", "2025-07-10T10:00:00Z", "2025-07-10T10:00:00Z", id="summer"),
        pytest.param(
            "2025-10-26T02:30:00", "2025-10-26T00:30:04Z", "2025-10-26T00:30:00Z", id="the hour that is twice"
        ),
        pytest.param("2025-10-26T02:30:00", "2025-10-26T01:30:04Z", "2025-10-26T01:30:00Z", id="the second time"),
        pytest.param("2025-03-30T02:30:00", "2025-03-30T01:30:00Z", "2025-03-30T01:30:00Z", id="the hour that is not"),
        pytest.param("2025-01-10T12:00:00.25", "2025-01-10T11:00:00Z", "2025-01-10T11:00:00.250Z", id="a fraction"),
        pytest.param("2025-01-10T12:00:00-05:00", "2025-01-10T17:00:00Z", "2025-01-10T17:00:00Z", id="its own zone"),
        pytest.param(" 2025-01-10t12:00:00z", "2025-01-10T12:00:00Z", "2025-01-10T12:00:00Z", id="small letters"),
        pytest.param("1989-12-31T12:00:00", "2025-01-10T12:00:00Z", None, id="before 1990"),
        pytest.param("2025-01-12T12:00:00", "2025-01-10T12:00:00Z", None, id="two days ahead"),
        pytest.param("0001-01-01T00:00:00", "2025-01-10T12:00:00Z", None, id="the first day"),
        pytest.param("9999-12-31T23:59:59", "2025-01-10T12:00:00Z", None, id="the last day"),
        pytest.param("", "2025-01-10T12:00:00Z", None, id="nothing"),
        pytest.param("12:00:00", "2025-01-10T12:00:00Z", None, id="no date"),
        pytest.param("2025-01-10T12:00:00" + "0" * 50, "2025-01-10T12:00:00Z", None, id="endless"),
        pytest.param("２０２５-01-10T12:00:00", "2025-01-10T12:00:00Z", None, id="digits of another script"),
    ],
)
def test_local_times(text: str, arrived: str, expected: str | None) -> None:
    rows = Rows(Keys())
    time = from_text(text, "'Time'", BERLIN, arriving(arrived), rows)
    assert (None if time is None else format_time(time)) == expected
    assert len(rows.problems) == (expected is None)


@given(st.integers() | st.floats() | st.text() | st.none() | st.booleans() | st.lists(st.integers()))
def test_any_stamp_is_a_time_that_can_be_or_has_a_reason(stamp: object) -> None:
    arrival = arriving("2025-01-10T12:00:00Z")
    for read in (from_ms, from_seconds):
        rows = Rows(Keys())
        time = read(stamp, "'ts'", arrival, rows)
        assert (time is None) == (len(rows.problems) == 1)
        assert time is None or EARLIEST <= time <= arrival.latest


@given(st.integers(EARLIEST // 1000, parse_time("2100-01-01T00:00:00Z") // 1000))
def test_milliseconds_hold_every_microsecond(microseconds: int) -> None:
    arrival = arriving("2100-01-01T00:00:00Z")
    assert from_ms(microseconds / 1000, "'ts'", arrival, Rows(Keys())) == microseconds * 1000


@given(st.integers(), st.sampled_from([1, 1_000, 1_000_000, NS_PER_SECOND]))
def test_any_number_of_ticks_is_a_time_that_can_be_or_has_a_reason(stamp: int, ns: int) -> None:
    arrival, rows = arriving("2025-01-10T12:00:00Z"), Rows(Keys())
    time = from_ticks(stamp, ns, "time", "epoch ticks", arrival, rows)
    assert time == stamp * ns if time is not None else len(rows.problems) == 1


@given(st.datetimes(), st.sampled_from(["Europe/Berlin", "Asia/Shanghai", "America/New_York", "Pacific/Apia"]))
def test_any_local_time_is_read_or_has_a_reason(moment: object, zone: str) -> None:
    rows = Rows(Keys())
    time = from_text(str(moment), "'Time'", ZoneInfo(zone), arriving("2025-01-10T12:00:00Z"), rows)
    assert (time is None) == (len(rows.problems) == 1)
