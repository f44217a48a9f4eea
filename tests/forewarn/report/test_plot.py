"""Ticks, scales and paths of the charts, by numbers that can be counted on paper."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from forewarn.report.plot import Scale, area, line, scale_for, time_ticks, value_ticks
from ingest.reading import NS_PER_SECOND

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
NAN = float("nan")


def ns(text: str, zone: ZoneInfo) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * NS_PER_SECOND


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        pytest.param(0.0, 1.0, ["0", "0.5", "1"], id="halves"),
        pytest.param(-3.2, 7.9, ["0", "5"], id="across nought"),
        pytest.param(101_300.0, 101_340.0, ["101300", "101310", "101320", "101330", "101340"], id="far from nought"),
        pytest.param(1.0e-7, 3.0e-7, ["1e-07", "1.5e-07", "2e-07", "2.5e-07", "3e-07"], id="tiny"),
    ],
)
def test_values_have_round_ticks(low: float, high: float, labels: list[str]) -> None:
    ticks = value_ticks(low, high)
    assert [tick.label for tick in ticks] == labels
    assert all(-1e-9 <= tick.at <= 1 + 1e-9 for tick in ticks)


def test_a_tick_stands_where_its_value_is() -> None:
    assert [tick.at for tick in value_ticks(0.0, 1.0)] == [1.0, 0.5, 0.0]


def test_times_are_round_in_the_zone_of_the_site() -> None:
    start, end = ns("2026-03-01T22:30", SHANGHAI), ns("2026-03-02T04:30", SHANGHAI)
    ticks = time_ticks(start, end, SHANGHAI)
    assert [(tick.label, tick.day) for tick in ticks] == [
        ("23:00", "03-01"),
        ("00:00", "03-02"),
        ("01:00", ""),
        ("02:00", ""),
        ("03:00", ""),
        ("04:00", ""),
    ]
    assert ticks[0].at == pytest.approx(0.5 / 6)


def test_days_are_midnights_also_where_the_clock_is_changed() -> None:
    start, end = ns("2026-03-27T00:00", BERLIN), ns("2026-04-01T00:00", BERLIN)  # the 29th has 23 hours
    ticks = time_ticks(start, end, BERLIN)
    assert [tick.label for tick in ticks] == ["03-27", "03-28", "03-29", "03-30", "03-31", "04-01"]
    assert ticks[3].at == pytest.approx(71 / 119)


def test_a_line_is_broken_where_nothing_was_read() -> None:
    x = np.array([0.0, 10.0, 20.0, 200.0, 210.0, NAN, 900.0])
    y = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    assert line(x, y) == "M0.0 1.0L10.0 2.0L20.0 3.0M200.0 4.0L210.0 5.0M900.0 7.0h0.1"


def test_an_area_goes_there_and_back() -> None:
    x, top, bottom = np.array([0.0, 10.0]), np.array([1.0, 2.0]), np.array([8.0, 9.0])
    assert area(x, top, bottom) == "M0.0 1.0L10.0 2.0L10.0 9.0L0.0 8.0Z"


def test_nothing_is_no_path() -> None:
    nothing = np.full(3, NAN)
    assert line(nothing, nothing) == area(nothing, nothing, nothing) == ""


def test_a_scale_shows_all_readings_and_the_band_only_as_far_as_it_is_near() -> None:
    least, most = np.array([0.0, NAN, 2.0]), np.array([1.0, NAN, 10.0])
    near = scale_for(least, most, np.array([-1.0, NAN, NAN]), np.array([12.0, NAN, NAN]), [])
    assert [near.low, near.high] == pytest.approx([-1.78, 12.78])
    far = scale_for(least, most, np.array([-1e9, NAN, NAN]), np.array([1e9, NAN, NAN]), [])
    assert [far.low, far.high] == pytest.approx([-15 - 2.4, 25 + 2.4])


def test_a_limit_is_always_on_the_scale() -> None:
    scale = scale_for(np.array([1.0]), np.array([2.0]), np.array([NAN]), np.array([NAN]), [8.0])
    assert scale.share(8.0) is not None
    assert scale.share(800.0) is None


def test_a_constant_has_a_scale() -> None:
    scale = scale_for(np.array([5.0]), np.array([5.0]), np.array([NAN]), np.array([NAN]), [])
    assert scale.low < 5.0 < scale.high
    assert scale.y(np.array([5.0])).tolist() == [50.0]


def test_heights_are_from_the_top_and_stay_in_the_box() -> None:
    assert Scale(0.0, 10.0).y(np.array([0.0, 5.0, 10.0, 99.0, -99.0])).tolist() == [100.0, 50.0, 0.0, 0.0, 100.0]
