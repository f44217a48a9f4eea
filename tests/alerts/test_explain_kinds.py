"""Every kind of alert says, in both languages: which channel, against which expectation, since when, how unusual, and
what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from alerts.advice import first_steps
from alerts.alert import Explanation, Fact, Kind
from alerts.explain import (
    explain_baseline,
    explain_forecast,
    explain_limit,
    explain_risk,
    explain_silence,
    explain_stuck,
)

SECOND = 10**9
NOW = 1_764_000_000 * SECOND
HOUR = 3_600 * SECOND

LIMIT: Mapping[str, Fact] = {
    "value": 83.25,
    "limit": 80.0,
    "side": "high",
    "unit": "°C",
    "held_s": 300.0,
    "label": None,
    "at": NOW,
}
BASELINE: Mapping[str, Fact] = {
    "metric": "vibration",
    "value": 4.8,
    "expected": 1.2,
    "low": 0.9,
    "high": 1.5,
    "side": "high",
    "distances": 84.0,
    "unit": "mm/s",
    "together": False,
    "p_value": 5e-5,
    "one_in": 20_000.0,
    "rarer": False,
    "since_at": NOW - 35 * 60 * SECOND,
    "at": NOW,
}
MOVED: Mapping[str, Fact] = {
    "moved_first": "current",
    "moved_first_at": NOW - 50 * 60 * SECOND,
    "moved_with": None,
    "moved_then": "vibration",
}
FORECAST: Mapping[str, Fact] = {
    "value": 6.1,
    "limit": 7.1,
    "side": "high",
    "unit": "mm/s",
    "label": "zone C/D",
    "per_day": 0.12,
    "since_at": NOW - 72 * HOUR,
    "earliest_at": NOW + 144 * HOUR,
    "likely_at": NOW + 200 * HOUR,
    "latest_at": NOW + 264 * HOUR,
    "confidence": 0.8,
    "at": NOW,
}
SILENCE: Mapping[str, Fact] = {"limit_s": 600.0, "interval_s": 60.0, "last_at": NOW - 600 * SECOND, "at": NOW}
OFTEN_AWAY: Mapping[str, Fact] = {**SILENCE, "limit_s": 14_400.0, "usual_gap_s": 7_200.0}
STUCK: Mapping[str, Fact] = {
    "value": 21.3,
    "unit": "°C",
    "since_at": NOW - 2 * HOUR,
    "run": 120,
    "longest": 3,
    "at": NOW,
}
RISK: Mapping[str, Fact] = {
    "probability": 0.834,
    "horizon_s": 86_400.0,
    "codes": "error2",
    "code_at": NOW - 3 * HOUR,
    "metric": "voltage",
    "value": 181.0,
    "expected": 170.0,
    "off": 2.5,
    "unit": "V",
    "since": NOW - 48 * HOUR,
    "at": NOW,
}


@dataclass(frozen=True)
class Says:
    """What the text of an alert has to say, as [English, Chinese]; None where a kind has none of it."""

    channel: tuple[str, str]
    expectation: tuple[str, str]
    since: tuple[str, str] | None
    unusual: tuple[str, str] | None


CASES = [
    pytest.param(
        Kind.LIMIT,
        "temperature",
        LIMIT,
        explain_limit("temperature", LIMIT),
        Says(("temperature 83.25 °C", "温度 83.25 °C"), ("limit of 80 °C", "限值 80 °C"), ("5 min", "5 分钟"), None),
        id="a limit",
    ),
    pytest.param(
        Kind.LIMIT,
        "temperature",
        LIMIT,
        explain_limit("temperature", {**LIMIT, **MOVED}),
        Says(
            ("current moved first, 50 min before, then vibration", "最先变化的是电流（早 50 分钟），随后是振动"),
            ("limit of 80 °C", "限值 80 °C"),
            ("5 min", "5 分钟"),
            None,
        ),
        id="a limit, and what moved first",
    ),
    pytest.param(
        Kind.BASELINE,
        "vibration",
        BASELINE,
        explain_baseline("vibration", BASELINE),
        Says(
            ("vibration 4.8 mm/s is above", "振动 4.8 mm/s 高于"),
            ("baseline of 1.2 mm/s (expected 0.9 to 1.5 mm/s)", "自身基线 1.2 mm/s（预期 0.9 至 1.5 mm/s）"),
            ("for 35 min", "已持续 35 分钟"),
            ("only about 1 in 20,000 readings", "约每 20,000 个读数"),
        ),
        id="a metric away from its baseline",
    ),
    pytest.param(
        Kind.BASELINE,
        "vibration",
        BASELINE,
        explain_baseline("vibration", {**BASELINE, "value": 1.4, "average": 1.35, "rarer": True}),
        Says(
            ("vibration lately averages 1.35 mm/s, above", "振动近期平均 1.35 mm/s，高于"),
            ("single readings stay within the expected 0.9 to 1.5 mm/s", "单个读数仍在预期范围 0.9 至 1.5 mm/s 内"),
            ("for 35 min", "已持续 35 分钟"),
            ("fewer than 1 in 20,000 readings", "超过 20,000 个读数"),
        ),
        id="an average away from its baseline",
    ),
    pytest.param(
        Kind.BASELINE,
        None,
        BASELINE,
        explain_baseline("vibration", {**BASELINE, **MOVED, "together": True, "moved_with": "temperature"}),
        Says(
            (
                "most of all vibration 4.8 mm/s is above its own",
                "最明显的是振动 4.8 mm/s 高于自身",
            ),
            ("expected 0.9 to 1.5", "预期 0.9 至 1.5"),
            ("current and temperature moved first, 50 min before", "最先变化的是电流、温度（早 50 分钟）"),
            ("1 in 20,000", "20,000"),
        ),
        id="a device as a whole",
    ),
    pytest.param(
        Kind.STUCK,
        "temperature",
        STUCK,
        explain_stuck("temperature", STUCK),
        Says(
            ("temperature has been 21.3 °C exactly for 120 readings", "温度连续 120 个读数"),
            ("never was the same for more than 3 in a row", "此前最多连续 3 个读数相同"),
            ("(2 h)", "（2 小时）"),
            None,
        ),
        id="a stuck sensor",
    ),
    pytest.param(
        Kind.SILENCE,
        None,
        SILENCE,
        explain_silence(None, SILENCE),
        Says(
            ("the device has not reported", "设备已"),
            ("expected every 60 s", "正常应每 60 秒"),
            ("for 10 min", "10 分钟没有"),
            None,
        ),
        id="a silent device",
    ),
    pytest.param(
        Kind.SILENCE,
        "humidity",
        SILENCE,
        explain_silence("humidity", SILENCE),
        Says(("humidity has", "湿度"), ("every 60 s", "每 60 秒"), ("for 10 min", "10 分钟"), None),
        id="a silent metric",
    ),
    pytest.param(
        Kind.SILENCE,
        None,
        OFTEN_AWAY,
        explain_silence(None, OFTEN_AWAY),
        Says(
            ("the device has not reported", "设备已"),
            ("though gaps of more than 2 h were common lately", "近期常有超过 2 小时的间断"),
            ("for 4 h", "4 小时没有"),
            None,
        ),
        id="a silent device that is often away",
    ),
    pytest.param(
        Kind.FORECAST,
        "vibration",
        FORECAST,
        explain_forecast("vibration", FORECAST),
        Says(
            ("vibration 6.1 mm/s is rising", "振动 6.1 mm/s 已持续上升"),
            ("cross 7.1 mm/s (zone C/D) in 6 to 11 d", "6 至 11 天后超过 7.1 mm/s（zone C/D）"),
            ("for 3 d", "3 天"),
            None,
        ),
        id="a forecast",
    ),
    pytest.param(
        Kind.FAILURE_RISK,
        None,
        RISK,
        explain_risk(RISK),
        Says(
            ("voltage averages 181 V", "电压平均为 181 V"),
            ("instead of 170 V, 2.5 standard deviations above", "正常为 170 V，偏高 2.5 个标准差"),
            ("for 2 d", "已持续 2 天"),
            ("83.4 %", "83.4%"),
        ),
        id="a likely failure",
    ),
]


@pytest.mark.parametrize(("kind", "metric", "facts", "text", "says"), CASES)
def test_the_text_of_every_kind(
    kind: Kind, metric: str | None, facts: Mapping[str, Fact], text: Explanation, says: Says
) -> None:
    for wanted in (says.channel, says.expectation, says.since, says.unusual):
        if wanted is not None:
            assert wanted[0] in text.en
            assert wanted[1] in text.zh
    assert not re.search(r"[一-鿿]", text.en)
    assert "\n" not in text.en + text.zh
    assert first_steps(kind, metric, facts), "what to do"


def test_every_kind_is_walked_through() -> None:
    assert {case.values[0] for case in CASES} == set(Kind)


@pytest.mark.parametrize(
    ("since", "en", "zh"),
    [
        pytest.param({}, ") for 35 min;", "，已持续 35 分钟；", id="a device with one metric"),
        pytest.param({"metric_since_at": NOW - 5 * 60 * SECOND}, ") for 5 min;", "，已持续 5 分钟；", id="the metric"),
        pytest.param(
            {"metric_since_at": None},
            "; the device has been unusual for 35 min",
            "；设备异常已持续 35 分钟",
            id="the device, not the metric by itself",
        ),
        pytest.param({"metric_since_at": NOW}, "1.5 mm/s); only", "mm/s）；约每", id="with this reading"),
    ],
)
def test_since_when_is_told_of_what_it_is_true(since: Mapping[str, Fact], en: str, zh: str) -> None:
    text = explain_baseline("vibration", {**BASELINE, **since})
    assert (en in text.en, zh in text.zh) == (True, True)


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        pytest.param({}, None, id="nothing known"),
        pytest.param({**MOVED, "moved_first": "vibration", "moved_then": None}, None, id="it alone: said already"),
        pytest.param(
            {**MOVED, "moved_first": "vibration", "moved_then": "flow"}, "vibration moved first", id="it, then"
        ),
        pytest.param({**MOVED, "moved_then": None}, "current moved first, 50 min before", id="another one"),
        pytest.param({**MOVED, "moved_first_at": NOW}, "current moved first, just now", id="with this reading"),
    ],
)
def test_what_moved_first_is_told_where_it_says_something(moved: Mapping[str, Fact], words: str | None) -> None:
    text = explain_baseline("vibration", {**BASELINE, **moved})
    assert ("moved first" in text.en) == ("最先变化" in text.zh) == (words is not None)
    assert words is None or words in text.en


def test_the_steps_of_a_whole_device_are_also_about_the_metric_that_moved_most() -> None:
    steps = " ".join(step.en for step in first_steps(Kind.BASELINE, None, BASELINE))
    assert "Several metrics moved" in steps
    assert "bearing noise" in steps
