"""What an alert is about in a few words, in both languages: the title of its messages and of its work order."""

from __future__ import annotations

from alerts.alert import Alert, Explanation, Kind
from alerts.metric_names import metric_zh
from alerts.wording import how_likely


def headline(alert: Alert, title: str | None = None) -> Explanation:
    """The device, by its `title` if people gave it one, and what is wrong with it."""
    en, zh = _wrong(alert)
    return Explanation(f"{title or alert.device}: {en}", f"{title or alert.device}：{zh}")


def _wrong(alert: Alert) -> tuple[str, str]:
    metric, metric_cn = alert.metric or "device", metric_zh(alert.metric)
    match alert.kind, alert.evidence.get("side"):
        case Kind.LIMIT, "low":
            return f"{metric} below its limit", f"{metric_cn}低于限值"
        case Kind.LIMIT, _:
            return f"{metric} above its limit", f"{metric_cn}高于限值"
        case Kind.BASELINE, _:
            return f"{metric} away from its baseline", f"{metric_cn}偏离自身基线"
        case Kind.FORECAST, "low":
            return f"{metric} on its way below its limit", f"{metric_cn}预计将低于限值"
        case Kind.FORECAST, _:
            return f"{metric} on its way above its limit", f"{metric_cn}预计将超过限值"
        case Kind.SILENCE, _:
            return (f"no {metric} readings" if alert.metric else "no readings"), f"{metric_cn}没有数据上报"
        case Kind.STUCK, _:
            return f"{metric} is stuck", f"{metric_cn}读数不变"
        case _:  # a failure risk
            word, word_zh = how_likely(alert.evidence.get("probability"))
            return f"failure {word}", f"{word_zh}发生故障"
