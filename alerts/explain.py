"""Says why an alert was raised, in English and Chinese, from the same structured evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from alerts.alert import Explanation, Fact
from alerts.leading import names_in
from alerts.metric_names import metric_zh, shown_unit
from ingest.reading import NS_PER_SECOND

_SPANS = ((86_400, "d", "天"), (3600, "h", "小时"), (60, "min", "分钟"))
LEAST_PLAIN, MOST_PLAIN = 1e-6, 1e15
"""Numbers between are written without an exponent."""
NOTHING = 1e-9
"""What is smaller than this share of a number is nothing beside it: arithmetic leaves it behind."""
_GIVEN, _RECKONED = ("value", "limit"), ("average", "expected", "low", "high")
"""Facts about one quantity, in its unit."""


def number(value: float, step: float = math.inf) -> str:
    """A number for people: four significant digits, no exponent where it can be helped.

    `step` is a difference that has to be seen.

    >>> number(21.0), number(0.001234), number(123456.0), number(1e300)
    ('21', '0.001234', '123456', '1e+300')
    >>> number(50.004), number(50.004, 0.004)
    ('50', '50.004')
    """
    if value == 0:
        return "0"
    if not LEAST_PLAIN <= abs(value) < MOST_PLAIN:
        return f"{value:.4g}"
    digits = max(0, 3 - _magnitude(value), -_magnitude(step) if 0 < step < math.inf else 0)
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _magnitude(value: float) -> int:
    return math.floor(math.log10(abs(value)))


def compared(evidence: Mapping[str, Fact]) -> Mapping[str, str]:
    """The facts that are compared with each other, as numbers that can be told apart.

    >>> compared({"value": 50.004, "limit": 50.0, "unit": "Hz"})
    {'value': '50.004', 'limit': '50'}
    >>> compared({"value": 0.2017, "expected": 0.0, "low": -7e-12, "high": 7e-12})
    {'value': '0.2017', 'expected': '0', 'low': '0', 'high': '0'}
    """
    names = (*_GIVEN, *_RECKONED)
    facts = {name: float(fact) for name in names if isinstance(fact := evidence.get(name), int | float)}
    told = "average" if "average" in facts else "value"
    nothing = NOTHING * max((abs(facts[name]) for name in (told, "expected", "limit") if name in facts), default=0.0)
    pairs = ((told, "expected"), ("low", "high"), ("value", "limit"))
    steps = (abs(facts[one] - facts[other]) for one, other in pairs if one in facts and other in facts)
    step = min((step for step in steps if step > nothing), default=math.inf)
    dust = min(nothing, NOTHING)
    return {name: number(fact if name in _GIVEN or abs(fact) > dust else 0.0, step) for name, fact in facts.items()}


def duration(seconds: float, zh: bool = False) -> str:
    """A time span for people.

    >>> duration(62.0856), duration(7200), duration(5400, zh=True)
    ('62 s', '2 h', '1.5 小时')
    """
    for length, en, name in _SPANS:
        if seconds >= 2 * length or (length != 60 and seconds >= 1.5 * length):
            return f"{number(round(seconds / length, 1))} {name if zh else en}"
    return f"{number(round(seconds, None if seconds >= 10 else 1))} {'秒' if zh else 's'}"


LIKELY = 0.5
"""Probability from which on a failure is called likely; thresholds follow from the budget and may lie far below."""


def how_likely(probability: Fact) -> tuple[str, str]:
    """A word for a probability, English and Chinese.

    >>> how_likely(0.03)
    ('possible', '可能')
    """
    return ("likely", "很可能") if float(probability or 0.0) >= LIKELY else ("possible", "可能")


def with_unit(shown: str, unit: Fact) -> str:
    """A number as it is shown, with its unit."""
    return f"{shown} {shown_unit(unit)}".rstrip()


def limit_name(evidence: Mapping[str, Fact]) -> Explanation:
    """What a limit is called, in brackets, to stand behind it; nothing where it has no name."""
    label = evidence.get("label")
    return Explanation(f" ({label})", f"（{evidence.get('label_zh') or label}）") if label else Explanation("", "")


def explain_limit(metric: str, evidence: Mapping[str, Fact]) -> Explanation:
    """A value beyond a configured limit."""
    shown, unit = compared(evidence), evidence["unit"]
    value, limit = with_unit(shown["value"], unit), with_unit(shown["limit"], unit)
    held = float(evidence.get("held_s") or 0)
    above = evidence["side"] == "high"
    name = limit_name(evidence)
    en = f"{metric} {value} is {'above' if above else 'below'} the limit of {limit}{name.en}"
    zh = f"{metric_zh(metric)} {value} {'高于' if above else '低于'}限值 {limit}{name.zh}"
    if held > 0:
        en, zh = f"{en} for {duration(held)}", f"{zh}，已持续 {duration(held, zh=True)}"
    return _joined([(en, zh), *_moved(metric, evidence)])


def explain_baseline(metric: str, evidence: Mapping[str, Fact]) -> Explanation:
    """A series or device away from its own level: by a reading, or by an average while readings are in their band."""
    shown, unit = compared(evidence), evidence["unit"]
    value, expected, high = (with_unit(shown[name], unit) for name in ("value", "expected", "high"))
    band, band_zh = (high if shown["low"] == shown["high"] else f"{shown['low']} {to} {high}" for to in ("to", "至"))
    above, together = evidence.get("side") != "low", bool(evidence.get("together"))
    lasted, lasted_zh = (_lasted(evidence, zh) for zh in (False, True))
    en = "several metrics moved together, most of all " if together else ""
    zh = "多个指标同时变化，其中最明显的是" if together else ""
    if evidence.get("average") is None:
        en += f"{metric} {value} is {'above' if above else 'below'} its own baseline of {expected} "
        en += f"(expected {band}){lasted}"
        zh += f"{metric_zh(metric)} {value} {'高于' if above else '低于'}自身基线 {expected}"
        zh += f"（预期 {band_zh}）{lasted_zh}"
    else:
        average = with_unit(shown["average"], unit)
        en += f"{metric} lately averages {average}, {'above' if above else 'below'} its own baseline of {expected}"
        en += f"{lasted}, while single readings stay within the expected {band}"
        zh += f"{metric_zh(metric)}近期平均 {average}，{'高于' if above else '低于'}自身基线 {expected}{lasted_zh}，"
        zh += f"单个读数仍在预期范围 {band_zh} 内"
    more = [*_device_lasted(evidence), *_moved(metric, evidence), *_recurs(evidence)]
    return _joined([(en, zh), _rarity(evidence), *more])


def _joined(parts: Sequence[tuple[str, str]]) -> Explanation:
    return Explanation("; ".join(en for en, _ in parts), "；".join(zh for _, zh in parts))


def _lasted(evidence: Mapping[str, Fact], zh: bool) -> str:
    """For how long the metric has been so, where that is known and more than the present reading."""
    seconds = _seconds_since(evidence, evidence.get("metric_since_at", evidence.get("since_at")))
    if seconds <= 0:
        return ""
    return f"，已持续 {duration(seconds, zh=True)}" if zh else f" for {duration(seconds)}"


def _device_lasted(evidence: Mapping[str, Fact]) -> list[tuple[str, str]]:
    """For how long the device has been unusual, where the metric that leads is not so by itself."""
    seconds = _seconds_since(evidence, evidence.get("since_at"))
    if evidence.get("metric_since_at", True) is not None or seconds <= 0:
        return []
    return [(f"the device has been unusual for {duration(seconds)}", f"设备异常已持续 {duration(seconds, zh=True)}")]


def _seconds_since(evidence: Mapping[str, Fact], since: Fact) -> float:
    at = int(evidence.get("at") or 0)
    return (at - int(since or at)) / NS_PER_SECOND


def _rarity(evidence: Mapping[str, Fact]) -> tuple[str, str]:
    n = f"{float(evidence['one_in'] or 1):,.0f}"
    if evidence.get("rarer"):
        return f"fewer than 1 in {n} readings are so far off", f"超过 {n} 个读数才会出现一次这样的偏离"
    return f"only about 1 in {n} readings is so far off", f"约每 {n} 个读数才会出现一次这样的偏离"


def _moved(metric: str, evidence: Mapping[str, Fact]) -> list[tuple[str, str]]:
    """What moved first, unless that says no more than which metric it is about."""
    first, beside, then = (evidence.get(name) for name in ("moved_first", "moved_with", "moved_then"))
    if not first or (first == metric and not beside and not then):
        return []
    seconds = _seconds_since(evidence, evidence.get("moved_first_at"))
    together = [str(first), *names_in(beside)]
    all_en = " and ".join([*([", ".join(together[:-1])] if beside else []), together[-1]])
    en = f"{all_en} moved first, {duration(seconds)} before" if seconds > 0 else f"{all_en} moved first, just now"
    names = "、".join(map(metric_zh, together))
    zh = f"最先变化的是{names}（早 {duration(seconds, zh=True)}）" if seconds > 0 else f"最先变化的是{names}（刚刚）"
    if then:
        en, zh = f"{en}, then {then}", f"{zh}，随后是{'、'.join(metric_zh(name) for name in names_in(then))}"
    return [(en, zh)]


def _recurs(evidence: Mapping[str, Fact]) -> list[tuple[str, str]]:
    """That the device was so at this hour on earlier days or weeks."""
    times, of = evidence.get("recurred"), evidence.get("recurred_of")
    if not times:
        return []
    if evidence["recurs_every"] == "week":
        en, zh = f"at this hour of the week in {times} of the last {of} weeks", f"最近 {of} 周中有 {times} 周"
    else:
        en, zh = f"at this hour on {times} of the last {of} days", f"最近 {of} 天中有 {times} 天"
    return [(f"it was so {en}", f"{zh}在同一时段出现过")]


def explain_forecast(metric: str, evidence: Mapping[str, Fact]) -> Explanation:
    """A value that grows towards a limit: how far it is, how fast, since when, and when it will be there."""
    shown, unit, now = compared(evidence), evidence["unit"], int(evidence["at"] or 0)
    value, limit = with_unit(shown["value"], unit), with_unit(shown["limit"], unit)
    slope = float(evidence["per_day"] or 0)
    rate = with_unit(number(abs(slope)), unit)
    name = limit_name(evidence)
    ends = [(int(evidence[name] or 0) - now) / 1e9 for name in ("earliest_at", "latest_at")]
    lasted = (now - int(evidence["since_at"] or 0)) / 1e9
    first = datetime.fromtimestamp(int(evidence["earliest_at"] or 0) // 10**9, UTC).strftime("%Y-%m-%d %H:%M UTC")
    en = (
        f"{metric} {value} is {'rising' if slope > 0 else 'falling'} by {rate} a day for {duration(lasted)} and will "
        f"cross {limit}{name.en} in {_between(ends)}, at the earliest {first}"
    )
    zh = (
        f"{metric_zh(metric)} {value} 已持续{'上升' if slope > 0 else '下降'} {duration(lasted, zh=True)}，"
        f"每天约 {rate}，预计 {_between(ends, zh=True)}后{'超过' if slope > 0 else '低于'} {limit}"
        f"{name.zh}，最早 {first}"
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


def explain_stuck(metric: str, evidence: Mapping[str, Fact]) -> Explanation:
    """A value that repeats itself."""
    value, run, longest = with_unit(compared(evidence)["value"], evidence["unit"]), evidence["run"], evidence["longest"]
    lasted = _seconds_since(evidence, evidence["since_at"])
    en = f"{metric} has been {value} exactly for {run} readings ({duration(lasted)})"
    zh = f"{metric_zh(metric)}连续 {run} 个读数（{duration(lasted, zh=True)}）均为 {value}，完全不变"
    if longest == 1:
        return Explanation(f"{en}; it never was the same twice in a row", f"{zh}；此前从未连续出现相同读数")
    en += f"; it never was the same for more than {longest} in a row"
    return Explanation(en, f"{zh}；此前最多连续 {longest} 个读数相同")


def explain_silence(metric: str | None, evidence: Mapping[str, Fact]) -> Explanation:
    """A device or a metric that stopped reporting."""
    limit = float(evidence["limit_s"] or 0)
    interval = float(evidence["interval_s"] or 0)
    who, wer = (f"{metric} has", f"{metric_zh(metric)}") if metric else ("the device has", "设备")
    en = f"{who} not reported for {duration(limit)}; a reading is expected every {duration(interval)}"
    zh = f"{wer}已 {duration(limit, zh=True)}没有上报数据；正常应每 {duration(interval, zh=True)}上报一次"
    usual = evidence.get("usual_gap_s")
    if usual is None:
        return Explanation(en, zh)
    gap = float(usual)
    return Explanation(
        f"{en}, though gaps of more than {duration(gap)} were common lately",
        f"{zh}（近期常有超过 {duration(gap, zh=True)}的间断）",
    )
