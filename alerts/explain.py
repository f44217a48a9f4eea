"""Says why an alert was raised, in English and Chinese, from the same structured evidence; a function for each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from alerts.alert import Explanation, Fact
from alerts.leading import names_in
from alerts.metric_names import metric_zh
from alerts.wording import codes_zh, compared, duration, how_likely, limit_name, number, time_range, with_unit
from ingest.reading import NS_PER_SECOND


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
        f"cross {limit}{name.en} in {time_range(ends)}, at the earliest {first}"
    )
    zh = (
        f"{metric_zh(metric)} {value} 已持续{'上升' if slope > 0 else '下降'} {duration(lasted, zh=True)}，"
        f"每天约 {rate}，预计 {time_range(ends, zh=True)}后{'超过' if slope > 0 else '低于'} {limit}"
        f"{name.zh}，最早 {first}"
    )
    return Explanation(en, zh)


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


def explain_risk(facts: Mapping[str, Fact]) -> Explanation:
    """How likely a failure is, within which time, and what speaks for it."""
    percent = number(round(100 * float(facts["probability"] or 0.0), 1))
    span, span_zh = (duration(float(facts["horizon_s"] or 0.0), zh=zh) for zh in (False, True))
    word, word_zh = how_likely(facts["probability"])
    en, zh = [f"a failure within {span} is {word}: {percent} %"], [f"{span_zh}内{word_zh}发生故障：概率 {percent}%"]
    at = int(facts["at"] or 0)
    if facts.get("codes"):
        ago_s = (at - int(facts["code_at"] or at)) / NS_PER_SECOND
        ago, ago_zh = (duration(ago_s, zh=zh) for zh in (False, True))
        when, when_zh = ("just now", "刚刚") if ago_s < 1 else (f"{ago} before", f"{ago_zh}前")
        codes, listed = str(facts["codes"]), codes_zh(str(facts["codes"]))
        if ", " in codes:
            en.append(f"{codes} logged, the last {when}")
            zh.append(f"记录了 {listed}，最近一次：{when_zh}")
        else:
            en.append(f"{codes} logged {when}")
            zh.append(f"{when_zh}记录了 {listed}")
    if facts.get("metric"):
        en_drift, zh_drift = _drift(facts, at)
        en.append(en_drift)
        zh.append(zh_drift)
    return Explanation("; ".join(en), "；".join(zh))


def _drift(facts: Mapping[str, Fact], at: int) -> tuple[str, str]:
    shown = compared(facts)
    value, expected = (with_unit(shown[name], facts.get("unit")) for name in ("value", "expected"))
    off = float(facts["off"] or 0.0)
    en = f"{facts['metric']} averages {value} instead of {expected}, {number(abs(round(off, 1)))} standard deviations "
    zh = f"{metric_zh(str(facts['metric']))}平均为 {value}，正常为 {expected}，{'偏高' if off >= 0 else '偏低'} "
    en, zh = en + ("above" if off >= 0 else "below"), zh + f"{number(abs(round(off, 1)))} 个标准差"
    if facts.get("since"):
        since_s = (at - int(facts["since"] or at)) / NS_PER_SECOND
        en, zh = f"{en} for {duration(since_s)}", f"{zh}，已持续 {duration(since_s, zh=True)}"
    return en, zh
