"""Says why an alert was raised, in English and Chinese, from the same structured evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from alerts.alert import Explanation, Fact
from alerts.metric_names import metric_zh, shown_unit

_SPANS = ((86_400, "d", "天"), (3600, "h", "小时"), (60, "min", "分钟"))


def number(value: float) -> str:
    """A number for people: four significant digits, no exponent where it can be helped.

    >>> number(21.0), number(0.001234), number(123456.0)
    ('21', '0.001234', '123456')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(digits, 12)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration(seconds: float, zh: bool = False) -> str:
    """A time span for people.

    >>> duration(90), duration(7200), duration(5400, zh=True)
    ('90 s', '2 h', '1.5 小时')
    """
    for length, en, name in _SPANS:
        if seconds >= 2 * length or (length != 60 and seconds >= 1.5 * length):
            return f"{number(round(seconds / length, 1))} {name if zh else en}"
    return f"{number(seconds)} {'秒' if zh else 's'}"


def _with_unit(value: Fact, unit: Fact) -> str:
    return f"{number(float(value or 0))} {shown_unit(unit)}".rstrip()


def explain_limit(metric: str, evidence: Mapping[str, Fact]) -> Explanation:
    """A value beyond a configured limit."""
    unit = evidence["unit"]
    value, limit = _with_unit(evidence["value"], unit), _with_unit(evidence["limit"], unit)
    held = float(evidence.get("held_s") or 0)
    above = evidence["side"] == "high"
    label = f" ({evidence['label']})" if evidence.get("label") else ""
    en = f"{metric} {value} is {'above' if above else 'below'} the limit of {limit}{label}"
    zh = f"{metric_zh(metric)} {value} {'高于' if above else '低于'}限值 {limit}{label}"
    if held > 0:
        en, zh = f"{en} for {duration(held)}", f"{zh}，已持续 {duration(held, zh=True)}"
    return Explanation(en, zh)


def explain_baseline(metric: str, evidence: Mapping[str, Fact]) -> Explanation:
    """A value away from the series' own recent level."""
    unit = evidence["unit"]
    value, expected = _with_unit(evidence["value"], unit), _with_unit(evidence["expected"], unit)
    low, high = number(float(evidence["low"] or 0)), _with_unit(evidence["high"], unit)
    side = float(evidence["value"] or 0) >= float(evidence["expected"] or 0)
    together = bool(evidence.get("together"))
    one_in = f"{float(evidence['one_in'] or 1):,.0f}"
    en = (
        f"{'several metrics moved together, most of all ' if together else ''}"
        f"{metric} {value} is {'above' if side else 'below'} its own baseline of {expected} "
        f"(expected {low} to {high}); only 1 in {one_in} readings is so far off"
    )
    zh = (
        f"{'多个指标同时变化，其中最明显的是' if together else ''}"
        f"{metric_zh(metric)} {value} {'高于' if side else '低于'}自身基线 {expected}"
        f"（预期 {low} 至 {high}）；约每 {one_in} 个读数才会出现一次这样的偏离"
    )
    return Explanation(en, zh)


def explain_forecast(metric: str, evidence: Mapping[str, Fact]) -> Explanation:
    """A value that grows towards a limit: how far it is, how fast, since when, and when it will be there."""
    unit, now = evidence["unit"], int(evidence["at"] or 0)
    value, limit = _with_unit(evidence["value"], unit), _with_unit(evidence["limit"], unit)
    slope = float(evidence["per_day"] or 0)
    rate = _with_unit(abs(slope), unit)
    label = evidence.get("label")
    ends = [(int(evidence[name] or 0) - now) / 1e9 for name in ("earliest_at", "latest_at")]
    lasted = (now - int(evidence["since_at"] or 0)) / 1e9
    first = datetime.fromtimestamp(int(evidence["earliest_at"] or 0) // 10**9, UTC).strftime("%Y-%m-%d %H:%M UTC")
    en = (
        f"{metric} {value} is {'rising' if slope > 0 else 'falling'} by {rate} a day for {duration(lasted)} and will "
        f"cross {limit}{f' ({label})' if label else ''} in {_between(ends)}, at the earliest {first}"
    )
    zh = (
        f"{metric_zh(metric)} {value} 已持续{'上升' if slope > 0 else '下降'} {duration(lasted, zh=True)}，"
        f"每天约 {rate}，预计 {_between(ends, zh=True)}后{'超过' if slope > 0 else '低于'} {limit}"
        f"{f'（{label}）' if label else ''}，最早 {first}"
    )
    return Explanation(en, zh)


def _between(ends: Sequence[float], zh: bool = False) -> str:
    """A span of time from one number of seconds to another, in the unit of the later one.

    >>> _between([6 * 86400, 11.4 * 86400]), _between([4 * 3600, 5.5 * 3600], zh=True)
    ('6 to 11 d', '4 至 5.5 小时')
    """
    length, en, name = next(unit for unit in _SPANS if ends[1] >= 2 * unit[0] or unit is _SPANS[-1])
    digits = 0 if ends[1] - ends[0] >= 3 * length else 1
    early, late = (number(round(end / length, digits)) for end in ends)
    return f"{early} 至 {late} {name}" if zh else f"{early} to {late} {en}"


def explain_silence(metric: str | None, evidence: Mapping[str, Fact]) -> Explanation:
    """A device or a metric that stopped reporting."""
    limit = float(evidence["limit_s"] or 0)
    interval = float(evidence["interval_s"] or 0)
    who, wer = (f"{metric} has", f"{metric_zh(metric)}") if metric else ("the device has", "设备")
    en = f"{who} not reported for {duration(limit)}; a reading is expected every {duration(interval)}"
    zh = f"{wer}已 {duration(limit, zh=True)}没有上报数据；正常应每 {duration(interval, zh=True)}上报一次"
    return Explanation(en, zh)
