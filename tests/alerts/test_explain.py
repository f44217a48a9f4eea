"""Explanations say why, in both languages, from the same facts."""

from __future__ import annotations

import re

import pytest

from alerts.alert import Explanation, Fact
from alerts.explain import explain_baseline, explain_limit, explain_silence
from alerts.wording import duration, number

LIMIT: dict[str, Fact] = {"value": 83.25, "limit": 80.0, "side": "high", "unit": "°C", "held_s": 300.0, "label": None}
BASELINE: dict[str, Fact] = {"value": 4.8, "expected": 1.2, "low": 0.9, "high": 1.5, "unit": "mm/s", "one_in": 1e6}
SILENCE: dict[str, Fact] = {"limit_s": 600.0, "interval_s": 60.0}

CASES = [
    (explain_limit("temperature", LIMIT), ["83.25 °C", "80 °C", "5 min"], ["温度", "高于限值", "5 分钟"]),
    (
        explain_limit("humidity", {**LIMIT, "side": "low", "value": 3.0, "limit": 5.0, "unit": "%"}),
        ["below", "5 %"],
        ["湿度", "低于限值"],
    ),
    (
        explain_limit("vibration", {**LIMIT, "label": "ISO 10816-3: zone C/D", "label_zh": "ISO 10816-3：边界 C/D"}),
        ["(ISO 10816-3: zone C/D)"],
        ["振动", "（ISO 10816-3：边界 C/D）"],
    ),
    (
        explain_baseline("vibration", BASELINE),
        ["4.8 mm/s", "1.2 mm/s", "1 in 1,000,000"],
        ["高于自身基线", "1,000,000"],
    ),
    (
        explain_baseline("flow", {**BASELINE, "value": 0.1, "side": "low", "unit": None}),
        ["below", "0.1 "],
        ["流量", "低于"],
    ),
    (
        explain_baseline("vibration", {**BASELINE, "recurs_every": "day", "recurred": 2, "recurred_of": 7}),
        ["; it was so at this hour on 2 of the last 7 days"],
        ["；最近 7 天中有 2 天在同一时段出现过"],
    ),
    (
        explain_baseline("vibration", {**BASELINE, "recurs_every": "week", "recurred": 2, "recurred_of": 5}),
        ["; it was so at this hour of the week in 2 of the last 5 weeks"],
        ["；最近 5 周中有 2 周在同一时段出现过"],
    ),
    (explain_silence("temperature", SILENCE), ["temperature has not reported for 10 min"], ["温度", "10 分钟"]),
    (explain_silence(None, SILENCE), ["the device has not reported"], ["设备已 10 分钟没有上报"]),
]


@pytest.mark.parametrize(("text", "english", "chinese"), CASES)
def test_both_languages_carry_the_facts(text: Explanation, english: list[str], chinese: list[str]) -> None:
    assert all(part in text.en for part in english), text.en
    assert all(part in text.zh for part in chinese), text.zh
    assert "\n" not in text.en + text.zh
    assert not re.search(r"[一-鿿]", text.en)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (21.04999, "21.05"),
        (1480.0, "1480"),
        (1e-5, "0.00001"),
        (-3.14159, "-3.142"),
        (12_345_678_901.0, "12345678901"),
        (-1.0e300, "-1e+300"),
        (1.23456e-9, "1.235e-09"),
        (-0.0, "0"),
    ],
)
def test_numbers_for_people(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        pytest.param({"value": 50.004, "limit": 50.0}, "50.004 Hz is above the limit of 50 Hz", id="just beyond"),
        pytest.param({"value": 50.0, "limit": 50.0}, "50 Hz is above the limit of 50 Hz", id="not to be told apart"),
    ],
)
def test_a_value_and_its_limit_can_be_told_apart(facts: dict[str, Fact], text: str) -> None:
    assert text in explain_limit("frequency", {**LIMIT, "unit": "Hz", **facts}).en


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        pytest.param(
            {"value": 50.0, "average": 50.0061, "expected": 50.0003, "low": 49.984, "high": 50.016},
            "f lately averages 50.006, above its own baseline of 50, "
            "while single readings stay within the expected 49.984 to 50.016",
            id="a narrow band",
        ),
        pytest.param(
            {"value": 4.2, "expected": 0.0, "low": -7e-12, "high": 7e-12},
            "f 4.2 is above its own baseline of 0 (expected 0);",
            id="what always was the same",
        ),
        pytest.param(
            {"value": 1e300, "expected": 20.07, "low": 16.06, "high": 24.08},
            "f 1e+300 is above its own baseline of 20.07 (expected 16.06 to 24.08);",
            id="out of all proportion",
        ),
        pytest.param(
            {"value": 20.5, "average": 20.32, "expected": 19.99, "low": -7e32, "high": 7e32},
            "f lately averages 20.32, above its own baseline of 19.99, "
            "while single readings stay within the expected -7e+32 to 7e+32",
            id="a band out of all proportion",
        ),
    ],
)
def test_a_value_and_its_band_can_be_told_apart(facts: dict[str, Fact], text: str) -> None:
    assert text in explain_baseline("f", {**BASELINE, "unit": None, **facts}).en


def test_metrics_that_moved_together_are_listed() -> None:
    facts = {"moved_first": "a", "moved_first_at": None, "moved_with": "b, c", "moved_then": "d, e"}
    assert "; a, b and c moved first, just now, then d, e" in explain_limit("x", {**LIMIT, **facts}).en


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(45, "45 s"), (119, "119 s"), (600, "10 min"), (5400, "1.5 h"), (36_000, "10 h"), (864_000, "10 d")],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text
