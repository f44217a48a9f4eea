"""Explanations say why, in both languages, from the same facts."""

from __future__ import annotations

import re

import pytest

from alerts.alert import Explanation, Fact
from alerts.explain import duration, explain_baseline, explain_limit, explain_silence, number

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
        (1e300, f"{1e300:.0f}"),
    ],
)
def test_numbers_for_people(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(45, "45 s"), (119, "119 s"), (600, "10 min"), (5400, "1.5 h"), (36_000, "10 h"), (864_000, "10 d")],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text
