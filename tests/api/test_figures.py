"""The promises that were kept, how a device is doing, and what a chart draws."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerts.alert import Alert, Explanation, Fact, Kind, Severity
from alerts.store import AlertFilter
from api.params import time_range
from api.web.chart import MOST_POINTS, bucket_length, read_chart, spark_paths
from api.web.evidence import lines
from api.web.figures import Health, Kept, NextDue, health, is_overdue, next_due, promised
from api.web.format import ago, span
from api.web.i18n import Language, Translator
from ingest.errors import InputError
from ingest.reading import NS_PER_SECOND
from ingest.stores.store import Buckets, Points, ScorePoints
from tests.api.harness import Site
from workorders.order import Evidence, Priority, WorkOrder
from workorders.sla import Clock

TEXT = Explanation("x", "x")
EN, ZH = Translator(Language.EN), Translator(Language.ZH)
ALERT = Alert("a-1", "plant", "pump-1", "m", Kind.LIMIT, Severity.LOW, 0, 0, 1.0, TEXT)
ORDER = WorkOrder(
    number="WO-1",
    site="plant",
    device="pump-1",
    alerts=("a-1",),
    title=TEXT,
    cause=TEXT,
    evidence=Evidence("a-1", "m", Kind.LIMIT, 0),
    priority=Priority.P1,
    clock=Clock.ALWAYS,
    promise=TEXT,
    opened_at=0,
    response_due_at=100,
    solve_due_at=1_000,
)
DONE = replace(ORDER, responded_at=100, solved_at=1_000, closed_at=1_000)
PAUSED = replace(ORDER, responded_at=90, paused_at=500)
LATE = replace(ORDER, responded_at=101, solved_at=1_001, closed_at=1_001)


@pytest.mark.parametrize(
    ("order", "now", "response", "solved", "overdue"),
    [
        pytest.param(ORDER, 50, (0, 0), (0, 0), 0, id="nothing is due yet"),
        pytest.param(ORDER, 100, (0, 0), (0, 0), 0, id="the last moment"),
        pytest.param(ORDER, 101, (0, 1), (0, 0), 1, id="the response is late"),
        pytest.param(replace(ORDER, responded_at=90), 101, (1, 1), (0, 0), 0, id="answered in time"),
        pytest.param(replace(ORDER, responded_at=90), 1_001, (1, 1), (0, 1), 1, id="not solved in time"),
        pytest.param(replace(ORDER, responded_at=90, solved_at=99), 9_999, (1, 1), (1, 1), 0, id="solved, still open"),
        pytest.param(PAUSED, 9_999, (1, 1), (0, 0), 0, id="its clock stands"),
        pytest.param(replace(PAUSED, paused_at=1_001), 9_999, (1, 1), (0, 1), 1, id="overdue before its clock stood"),
        pytest.param(replace(PAUSED, by_date=True), 9_999, (1, 1), (0, 1), 1, id="a date does not wait"),
        pytest.param(DONE, 9_999, (1, 1), (1, 1), 0, id="all kept"),
        pytest.param(LATE, 9_999, (0, 1), (0, 1), 0, id="all broken, but over"),
    ],
)
def test_promises(order: WorkOrder, now: int, response: tuple[int, int], solved: tuple[int, int], overdue: int) -> None:
    found = promised([order], now)
    assert (found.response, found.solved, found.overdue) == (Kept(*response), Kept(*solved), overdue)
    assert is_overdue(order, now) == bool(overdue)


def test_shares() -> None:
    assert Kept(0, 0).share is None
    assert promised([DONE, DONE, LATE], 0).solved.share == pytest.approx(2 / 3)


def test_what_is_due_next() -> None:
    assert next_due(ORDER) == NextDue("response", 100)
    assert next_due(replace(ORDER, responded_at=5)) == NextDue("solve", 1_000)
    assert next_due(replace(ORDER, responded_at=5, solved_at=6)) is None
    assert next_due(DONE) is None


@pytest.mark.parametrize(
    ("severities", "retired", "heard", "warm", "expected"),
    [
        ([], False, True, True, Health.OK),
        ([], False, True, False, Health.LEARNING),
        ([], False, False, False, Health.SILENT),
        ([], True, True, True, Health.RETIRED),
        ([Severity.LOW, Severity.CRITICAL, Severity.HIGH], False, True, True, Health.CRITICAL),
        ([Severity.MEDIUM], True, False, False, Health.MEDIUM),
    ],
)
def test_health(severities: list[Severity], retired: bool, heard: bool, warm: bool, expected: Health) -> None:
    alerts = [replace(ALERT, severity=severity) for severity in severities]
    assert health(alerts, retired, heard, warm) is expected


@pytest.mark.parametrize(
    ("seconds", "en", "zh"),
    [
        (0, "0 s", "0 秒"),
        (59, "59 s", "59 秒"),
        (60, "1 min", "1 分钟"),
        (3_599, "59 min", "59 分钟"),
        (3_600, "1 h", "1 小时"),
        (5_460, "1 h 31 min", "1 小时 31 分钟"),
        (86_400, "1 d", "1 天"),
        (90_061, "1 d 1 h", "1 天 1 小时"),
        (-5, "0 s", "0 秒"),
    ],
)
def test_spans(seconds: int, en: str, zh: str) -> None:
    assert (span(seconds, EN), span(seconds, ZH)) == (en, zh)


def test_ago() -> None:
    now = 10**18
    told = [ago(now - s * NS_PER_SECOND, now, EN) for s in (0, 9, 12, 75, 7_300, 200_000, -30, -600)]
    assert told == ["just now", "just now", "12 s ago", "1 min ago", "2 h ago", "2 d ago", "just now", "10 min ahead"]
    assert ago(None, now, ZH) == "从未"


def test_evidence_in_both_languages() -> None:
    facts: dict[str, Fact] = {
        "value": 65.0,
        "limit": 60.0,
        "side": "high",
        "unit": "°C",
        "held_s": 600.0,
        "label": "zone C",
        "label_zh": "区域 C",
        "at": 0,
    }
    zone = ZoneInfo("Asia/Shanghai")
    assert lines(facts | {"p_value": 0.1, "together": False, "new": 3}, EN, zone) == [
        ("Reading", "65 °C"),
        ("Limit", "60 °C (zone C)"),
        ("Beyond it for", "10 min"),
        ("Time of the reading", "1970-01-01 08:00:00"),
        ("new", "3"),
    ]
    assert ("限值", "60 °C（区域 C）") in lines(facts, ZH, zone)
    assert ("限值", "60 °C（zone C）") in lines({**facts, "label_zh": None}, ZH, zone)
    band: dict[str, Fact] = {"value": 1.5, "expected": 1.0, "low": 0.8, "high": 1.2, "unit": "mm/s", "one_in": 12_345.6}
    assert lines(band, ZH, zone) == [
        ("读数", "1.5 mm/s"),
        ("预期值", "1 mm/s"),
        ("预期范围", "0.8 至 1.2 mm/s"),
        ("罕见程度", "约 12,346 个读数中出现 1 次"),
    ]
    moved: dict[str, Fact] = {"metric": "vibration", "distances": 9.5, "one_in": 9_000.0, "rarer": True, "since_at": 0}
    moved |= {"moved_first": "current", "moved_with": "flow", "moved_first_at": 0, "moved_then": "vibration"}
    assert lines(moved, ZH, zone) == [
        ("变化最大的指标", "振动"),
        ("偏离程度", "平常偏差的 9.5 倍"),
        ("罕见程度", "超过 9,000 个读数才出现 1 次"),
        ("最先变化", "电流、流量（1970-01-01 08:00 起）"),
        ("随后变化", "振动"),
        ("设备异常始于", "1970-01-01 08:00"),
    ]
    recurs: dict[str, Fact] = {"recurs_every": "week", "recurred": 2, "recurred_of": 5}
    assert lines(recurs, EN, zone) == [("At this hour before", "in 2 of the last 5 weeks")]
    assert lines({**recurs, "recurs_every": "day"}, ZH, zone) == [("同一时段曾出现", "最近 5 天中有 2 天")]
    silence: dict[str, Fact] = {"limit_s": 600.0, "interval_s": 60.0, "last_at": 0, "at": 600 * NS_PER_SECOND}
    assert lines(silence, EN, zone) == [
        ("Silent for", "10 min"),
        ("Reports every", "1 min"),
        ("Last reading", "1970-01-01 08:00:00"),
        ("Noticed", "1970-01-01 08:10:00"),
    ]
    assert lines({"codes": "E17, failure"}, ZH, zone) == [("此前记录的代码", "E17、故障")]
    assert lines({"together": True}, EN, zone) == [("Metrics", "several moved together")]
    assert lines({}, EN, zone) == []


def test_every_fact_of_the_engine_is_told_in_words(plant: Site) -> None:
    alerts = plant.deps().alerts.list(AlertFilter()).items
    assert {alert.kind for alert in alerts} == {Kind.LIMIT, Kind.BASELINE, Kind.SILENCE}
    for alert in alerts:
        for label, text in lines(alert.evidence, ZH, ZoneInfo("UTC")):
            assert re.search("[一-龥]", label), f"{label}: {text} of {alert.kind} has no Chinese name"


def test_a_stuck_sensor_is_told_in_words() -> None:
    facts: dict[str, Fact] = {"value": 21.3, "unit": "°C", "since_at": 0, "run": 60, "longest": 3, "at": 10**9}
    told = dict(lines(facts, ZH, ZoneInfo("UTC")))
    assert all(re.search("[一-龥]", label) for label in told), told
    assert (told["连续相同的读数"], told["此前最多"]) == ("60", "3")
    assert "不变始于" in told


def test_every_fact_of_the_engine_is_in_the_table_of_the_documents(plant: Site) -> None:
    rows = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8").splitlines()
    table = {name for row in rows if row.startswith("| `") for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    for alert in plant.deps().alerts.list(AlertFilter()).items:
        assert set(alert.evidence) - table == set(), alert.kind


class Stored:
    """A store of one series with a score for every reading; counts what it was asked for."""

    def __init__(self, count: int, step_s: int = 60) -> None:
        self.time = np.arange(count, dtype=np.int64) * step_s * NS_PER_SECOND
        self.value = np.sin(np.arange(count) / 50)

    def _rows(self, start: int, end: int, limit: int) -> slice:
        first, last = np.searchsorted(self.time, [start, end])
        return slice(int(first), int(min(last, first + limit)))

    def readings(self, _site: str, _device: str, _metric: str, start: int, end: int, limit: int) -> Points:
        rows = self._rows(start, end, limit)
        return Points(self.time[rows], self.value[rows])

    def aggregate(
        self, _site: str, _device: str, _metric: str, start: int, end: int, interval: int, limit: int
    ) -> Buckets:
        rows = self._rows(start, end, 10**9)
        place = self.time[rows] // interval
        begins = np.unique(place)[:limit]
        groups = [self.value[rows][place == begin] for begin in begins]
        low, mean, high = (np.array([f(group) for group in groups]) for f in (np.min, np.mean, np.max))
        return Buckets(begins * interval, low, mean, high, np.array([len(group) for group in groups]))

    def scores(self, _site: str, _device: str, _metric: str, start: int, end: int, limit: int) -> ScorePoints:
        rows = self._rows(start, end, limit)
        value, count = self.value[rows], len(self.time[rows])
        p = np.where(np.arange(count) % 500 == 499, 1e-6, 0.5)
        return ScorePoints(self.time[rows], value, p, value, value - 1, value + 1)


def draw(store: Stored, span_s: int) -> dict[str, Any]:
    return read_chart(store, ("a", "b", "c"), 0, span_s * NS_PER_SECOND).plain()  # type: ignore[arg-type]


def test_every_reading_of_a_short_range() -> None:
    chart = draw(Stored(1_000), 1_000 * 60)
    assert chart["bucket_s"] is None
    assert len(chart["time"]) == len(chart["low"]) == 1_000
    assert chart["least"] == [None] * 1_000
    assert [mark[0] for mark in chart["marks"]] == [499 * 60, 999 * 60]
    assert chart["high"][7] == pytest.approx(chart["value"][7] + 1)


def test_a_mark_has_the_very_time_of_its_row() -> None:
    store = Stored(1_000)
    store.time += 1_795_857_919_497_745_000
    chart = draw(store, int(store.time[-1]) // NS_PER_SECOND + 1)
    assert [chart["time"].index(at) for at, _ in chart["marks"]] == [499, 999]


def test_a_long_range_in_buckets() -> None:
    chart = draw(Stored(20_000), 20_000 * 60)
    assert chart["bucket_s"] == 1_800
    assert len(chart["time"]) == 20_000 * 60 // 1_800 + 1 <= MOST_POINTS
    assert len(chart["marks"]) == 40
    for low, value, high in zip(chart["least"], chart["value"], chart["most"], strict=True):
        assert low <= value <= high


def test_too_many_scores_leave_the_band_out() -> None:
    chart = draw(Stored(60_000, 1), 60_000)
    assert chart["low"] == [None] * len(chart["time"])
    assert chart["value"][0] is not None


def test_buckets_grow_with_the_range() -> None:
    lengths = [bucket_length(hours * 3_600 * NS_PER_SECOND) for hours in (2, 24, 168, 720, 8_760, 240_000)]
    assert lengths == sorted(lengths)
    assert lengths[-1] == 7 * 86_400


@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0]])
def test_small_lines_of_little(values: list[float]) -> None:
    line, _ = spark_paths(np.arange(len(values), dtype=np.int64), np.array(values), 0, 1)
    assert line == ("" if len(values) < 2 else "M0 15L100 15")


def test_default_range_is_the_last_hour() -> None:
    hour = 3_600 * NS_PER_SECOND
    now = 10**18
    assert time_range(None, None, now) == (now + 1 - hour, now + 1)
    assert time_range("2026-01-01T00:00:00Z", None, now) == (1_767_225_600 * 10**9, 1_767_225_600 * 10**9)
    assert time_range(None, "1970-01-01T02:00:00Z", now) == (hour, 2 * hour)
    with pytest.raises(InputError, match="start lies after end"):
        time_range("1970-01-01T02:00:00Z", "1970-01-01T01:00:00Z", now)
