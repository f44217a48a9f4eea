"""Who sends hours at once is not silent meanwhile; who reports all the time is missed as early as ever."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.reading import NS_PER_SECOND, IntArray, Quality, ReadingBatch
from ingest.registry import Registry
from models.detectors.silence import Silence, Turn

START, MINUTE = 1_764_000_000 * NS_PER_SECOND, 60 * NS_PER_SECOND
HOUR, DAY = 60, 1440
"""In minutes."""

Row = tuple[float, str, str, int]
"""Minute of arrival, device, metric, minute at which it was measured."""


def sent(every: int, at_once: int, until: int, device: str = "logger", late: float = 0.0) -> list[Row]:
    """One measured `every` so many minutes, sent when there are `at_once` minutes of it."""
    return [
        (up + late, device, "level", minute)
        for up in range(at_once, until + 1, at_once)
        for minute in range(up - at_once + every, up + 1, every)
    ]


def one_after_the_other(rows: list[Row]) -> list[Row]:
    """The same of two metrics, each at once."""
    metrics = enumerate(("level", "battery"))
    return [(at + 0.1 * n, device, metric, minute) for n, metric in metrics for at, device, _, minute in rows]


def held_back(away: Iterable[tuple[int, int]], until: int) -> list[Row]:
    """One every minute; what is measured while the network is away comes when it is back."""
    back = {minute: end for begin, end in away for minute in range(begin, end)}
    return [(back.get(minute, minute), "logger", "level", minute) for minute in range(until)]


def clock(until: int) -> list[Row]:
    """Another device of the site, that reports every minute."""
    return [(minute, "clock", "level", minute) for minute in range(until + 1)]


def columns(registry: Registry, rows: Iterable[Row], quality: Quality) -> tuple[ReadingBatch, list[float]]:
    """In order of arrival, and when each arrived."""
    ordered = sorted(rows, key=lambda row: row[0])
    series = [registry.series("site", device, metric) for _, device, metric, _ in ordered]
    time = [START + minute * MINUTE for *_, minute in ordered]
    return ReadingBatch.of(series, time, [0.0] * len(ordered), int(quality)), [row[0] for row in ordered]


def interval_ns(batch: ReadingBatch, every: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The first of the series is that of the clock, that reports every minute."""
    return np.where(batch.series == 0, 1.0, every) * MINUTE


def recorded(rows: Iterable[Row], every: int) -> list[Turn]:
    """The silences of the logger, in a file in order of arrival."""
    registry = Registry()
    registry.series("site", "clock", "level")
    batch, _ = columns(registry, rows, Quality.RECORDED)
    return [turn for turn in Silence(registry).advance(batch, interval_ns(batch, every)) if turn.begins]


def live(rows: list[Row], every: int, until: int, away: tuple[int, int] = (0, 0)) -> list[Turn]:
    """The same where readings come with a tick a minute, but while nobody listens."""
    registry = Registry()
    registry.series("site", "clock", "level")
    batch, arrived = columns(registry, rows, Quality.GOOD)
    silence, turns = Silence(registry), []
    steps = np.arange(0.0, until)
    steps = steps[(steps < away[0]) | (steps >= away[1])]
    for now, (a, b) in zip(steps, itertools.pairwise(np.searchsorted(arrived, [-1.0, *steps], "right")), strict=True):
        turns += silence.advance(batch[a:b], interval_ns(batch[a:b], every))
        turns += silence.tick(START + round(now * MINUTE))
    return [turn for turn in turns if turn.begins]


def told(turns: list[Turn]) -> list[tuple[int, int]]:
    """(minute at which each silence began, its limit in minutes)."""
    return [((turn.at - START) // MINUTE, turn.limit_ns // MINUTE) for turn in turns]


@pytest.mark.parametrize(
    ("every", "at_once", "limit"),
    [
        pytest.param(10, 6 * HOUR, 640, id="every ten minutes, six hours at once"),
        pytest.param(1, HOUR, 80, id="every minute, an hour at once"),
        pytest.param(1, 20, 40, id="as long as one of the lengths"),
        pytest.param(15, DAY, 2560, id="a day at once"),
    ],
)
def test_a_logger_is_told_of_twice_until_it_is_known_and_then_when_it_ends(
    every: int, at_once: int, limit: int
) -> None:
    known, end = 5 * at_once, 5 * at_once + limit + 5
    logger = sent(every, at_once, known)
    expected = [(n * at_once + 10 * every, 10 * every) for n in (1, 2)] + [(known + limit, limit)]
    assert told(recorded(logger + clock(end), every)) == expected
    assert told(live(logger + clock(end), every, end)) == expected
    assert told(live(logger, every, end)) == expected, "alone on its site"


def test_alone_in_a_file_or_in_one_sorted_by_time_it_is_never_waited_for() -> None:
    logger = sent(10, 6 * HOUR, 3 * DAY)
    assert recorded(logger, 10) == []
    by_time = [(float(minute), device, metric, minute) for _, device, metric, minute in logger]
    assert recorded(by_time + clock(3 * DAY), 10) == []


def test_an_upload_that_comes_a_little_late_is_no_silence() -> None:
    rng = np.random.default_rng(0)
    rows = [row for n in range(1, 72) for row in sent(1, 20, 20 * n, late=rng.random())[-20:]]
    assert len(told(live(rows + clock(DAY), 1, DAY))) == 2


def test_who_reports_every_minute_is_missed_after_ten_whatever_backlogs_it_sent() -> None:
    away = [(day * DAY + 600, day * DAY + 780) for day in range(0, 12, 2)]
    rows = held_back(away, 12 * DAY) + clock(12 * DAY + HOUR)
    begun = [begin for begin, _ in away] + [12 * DAY]
    assert told(recorded(rows, 1)) == [(minute - 1 + 10, 10) for minute in begun]


def test_one_that_is_off_has_gaps_and_no_waits() -> None:
    """Gaps are learned from three on, however other devices interleave."""
    rows = [row for row in held_back([], DAY) if row[3] // HOUR % 2 == 0]
    for late in (0.0, 1.5):
        shifted = [(at + late, device, metric, minute) for at, device, metric, minute in rows]
        assert told(recorded(shifted + clock(DAY), 1)) == [(59 + 120 * n + 10, 10) for n in range(3)]


def test_who_holds_back_at_night_is_missed_after_two_nights() -> None:
    away = [(day * DAY + 18 * HOUR, (day + 1) * DAY + 4 * HOUR) for day in range(8)]
    found = told(recorded(held_back(away, 8 * DAY) + clock(8 * DAY), 1))
    assert found == [(begin - 1 + 10, 10) for begin, _ in away[:2]]


def test_a_logger_that_reports_at_once_from_some_day_on_is_missed_after_ten_intervals_again() -> None:
    day = 12 * DAY
    rows = sent(10, 6 * HOUR, 5 * DAY) + [row for row in sent(10, 10, day) if row[0] > 5 * DAY] + clock(day + DAY)
    assert told(recorded(rows, 10))[2:] == [(day + 100, 100)]


def test_who_was_there_while_nobody_listened_is_not_known() -> None:
    begin, end = 2 * DAY, 12 * DAY
    logger = sent(10, 6 * HOUR, 14 * DAY)
    rows = [(max(at, end) if at >= begin else at, device, metric, minute) for at, device, metric, minute in logger]
    assert len(told(live(rows, 10, 14 * DAY, (begin, end)))) == 2


def test_others_that_one_overtook_by_its_backlog_are_told_of_twice() -> None:
    """A day of each device after the other."""
    rows = [(day * DAY + n, f"d{n}", "level", day * DAY + m) for day in range(8) for n in range(3) for m in range(DAY)]
    assert [turn.device for turn in recorded(rows, 1)] == [2, 3, 2, 3]


def test_metrics_that_come_one_after_the_other_are_told_of_twice() -> None:
    found = recorded(one_after_the_other(sent(10, 6 * HOUR, 3 * DAY)), 10)
    assert [(turn.series, (turn.at - START) // MINUTE) for turn in found] == [(2, n * 6 * HOUR + 100) for n in (1, 2)]


@settings(max_examples=20)
@given(cuts=st.lists(st.integers(1, 1500), max_size=20), quality=st.sampled_from([Quality.RECORDED, Quality.GOOD]))
def test_batches_and_restarts_change_nothing(cuts: list[int], quality: Quality) -> None:
    registry = Registry()
    registry.series("site", "clock", "level")
    until = 10 * HOUR
    batch, arrived = columns(registry, one_after_the_other(sent(1, HOUR, until - 2 * HOUR)) + clock(until), quality)
    numbers: list[IntArray] = [np.arange(n, dtype=np.int32) for n in (1, 2, 3)]

    def run(edges: list[int], restarts: bool) -> list[tuple[int, int, bool, int, int]]:
        silence, turns = Silence(registry), []
        for a, b in itertools.pairwise(edges):
            turns += silence.advance(batch[a:b], interval_ns(batch[a:b], 1))
            if b in ticked:
                turns += silence.tick(START + round(arrived[b - 1] * MINUTE))
            if restarts:
                saved, silence = silence.save(), Silence(registry)
                silence.restore(saved, *numbers)
        return sorted((t.at, t.device, t.begins, t.last, t.limit_ns) for t in turns)

    ticked = {b for b in range(1, len(batch)) if arrived[b] > arrived[b - 1]} if quality is Quality.GOOD else set()
    whole = run([0, *sorted(ticked), len(batch)], restarts=False)
    assert {limit // MINUTE for *_, begins, _, limit in whole if begins} == {10, 80}
    assert run([0, *sorted(ticked | {c for c in cuts if c < len(batch)}), len(batch)], restarts=True) == whole
