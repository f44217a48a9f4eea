from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.times import EARLIEST, epoch_ns, format_time, format_times, parse_time, parse_times, stamp_problem

NEW_YEAR = 1_767_225_600 * 10**9

GOOD = [
    ("2026-01-01T00:00:00Z", NEW_YEAR),
    ("2026-01-01t00:00:00z", NEW_YEAR),
    ("2026-01-01 00:00:00Z", NEW_YEAR),
    ("2026-01-01T00:00:00.5Z", NEW_YEAR + 500_000_000),
    ("2026-01-01T00:00:00,5Z", NEW_YEAR + 500_000_000),
    ("2026-01-01T00:00:00.123456789Z", NEW_YEAR + 123_456_789),
    ("2026-01-01T00:00:00.1234567899Z", NEW_YEAR + 123_456_789),
    ("2026-01-01T08:00:00+08:00", NEW_YEAR),
    ("2026-01-01T08:00:00+0800", NEW_YEAR),
    ("2026-01-01T08:00:00+08", NEW_YEAR),
    ("2025-12-31T18:30:00-05:30", NEW_YEAR),
    ("2026-01-01T00:00Z", NEW_YEAR),
    ("20260101T000000Z", NEW_YEAR),
    ("1767225600", NEW_YEAR),
    ("1767225600.25", NEW_YEAR + 250_000_000),
    ("1767225600000", NEW_YEAR),
    ("1767225600000000", NEW_YEAR),
    ("1767225600000000000", NEW_YEAR),
    (" 1767225600 ", NEW_YEAR),
    ("2024-02-29T00:00:00Z", 1_709_164_800 * 10**9),
]
BAD = [
    ("", "is empty"),
    ("   ", "is empty"),
    ("yesterday", "is not ISO 8601"),
    ("2026-01-01T00:00:00", "has no time zone"),
    ("2026-01-01", "has no time zone"),
    ("2026-13-01T00:00:00Z", "is not ISO 8601"),
    ("2025-02-29T00:00:00Z", "is not ISO 8601"),
    ("2026-01-01T24:01:00Z", "is not ISO 8601"),
    ("2026-01-01T00:00:00.Z", "is not ISO 8601"),
    ("2026-01-01T00:00:00+25:00", "is not ISO 8601"),
    ("２０２６-01-01T00:00:00Z", "is not ISO 8601"),
    ("1_767_225_600", "is not ISO 8601"),
    ("9999-01-01T00:00:00Z", "is out of range"),
    ("99999999999999999999", "is out of range"),
    ("9999999999999999999", "is out of range"),
    ("99999999999", "is out of range"),
    ("-99999999999", "is out of range"),
    ("1e999999999", "is out of range"),
    ("nan", "is out of range"),
    ("inf", "is out of range"),
]


@pytest.mark.parametrize("many", [1, 50], ids=["one by one", "as a column"])
@pytest.mark.parametrize(("text", "ns"), GOOD)
def test_reads_a_time(text: str, ns: int, many: int) -> None:
    times, reasons = parse_times([text] * many)
    assert reasons == {}
    assert times.tolist() == [ns] * many


@pytest.mark.parametrize("many", [1, 50], ids=["one by one", "as a column"])
@pytest.mark.parametrize(("text", "reason"), BAD)
def test_says_why_a_text_is_no_time(text: str, reason: str, many: int) -> None:
    times, reasons = parse_times([text] * many)
    assert list(reasons) == list(range(many))
    assert all(reason in told for told in reasons.values())
    assert not times.any()


def test_a_column_may_mix_every_layout() -> None:
    texts = [text for text, _ in GOOD + BAD] * 20
    times, reasons = parse_times(texts)
    single = [parse_times([text]) for text in texts]
    assert times.tolist() == [int(ns[0]) for ns, _ in single]
    assert sorted(reasons) == [row for row, (_, bad) in enumerate(single) if bad]


moments = st.builds(
    lambda since, zone: (datetime(1990, 1, 1, tzinfo=UTC) + since).astimezone(timezone(timedelta(minutes=zone))),
    st.timedeltas(timedelta(0), timedelta(days=70_000)),
    st.integers(-840, 840),
)


@given(st.lists(moments, min_size=10, max_size=40))
def test_a_column_agrees_with_the_standard_library(stamps: list[datetime]) -> None:
    expected = [(stamp - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000 for stamp in stamps]
    times, reasons = parse_times([stamp.isoformat(timespec="microseconds") for stamp in stamps])
    assert reasons == {}
    assert times.tolist() == expected


@given(st.lists(st.integers(EARLIEST, 2**62), min_size=1, max_size=30))
def test_parsing_undoes_formatting(ns: list[int]) -> None:
    texts = format_times(np.array(ns, np.int64))
    assert parse_times(texts)[0].tolist() == ns
    assert texts == [format_time(one) for one in ns]


def test_a_time_is_written_no_longer_than_it_needs() -> None:
    written = format_times(np.array([0, 10**9, 10**9 + 10**6, 10**9 + 10**3, 10**9 + 1], np.int64))
    assert written == [
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:01Z",
        "1970-01-01T00:00:01.001Z",
        "1970-01-01T00:00:01.000001Z",
        "1970-01-01T00:00:01.000000001Z",
    ]


def test_an_epoch_number_outside_of_ns_is_refused() -> None:
    with pytest.raises(ValueError, match="out of range"):
        epoch_ns(float("nan"))
    with pytest.raises(ValueError, match="out of range"):
        epoch_ns(1e300)
    assert parse_time("-5") == -5 * 10**9


def test_a_stamp_is_bounded_on_both_sides() -> None:
    assert stamp_problem(EARLIEST, None) is None
    assert "before 1990" in (stamp_problem(EARLIEST - 1, None) or "")
    assert stamp_problem(NEW_YEAR, NEW_YEAR) is None
    assert "future" in (stamp_problem(NEW_YEAR + 1, NEW_YEAR) or "")


@given(st.integers(-(2**63) + 1, 2**63 - 1))
@example(-1)
@example(1_767_225_600_000_001_000)
def test_one_time_is_written_as_in_a_column(ns: int) -> None:
    assert format_time(ns) == format_times(np.array([ns], np.int64))[0]
