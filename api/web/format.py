"""Numbers, times and spans as people read them, in their language and the site's time zone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from alerts.metric_names import metric_zh, shown_unit
from alerts.wording import number
from api.web.i18n import Language, Translator
from ingest.reading import NS_PER_SECOND

MINUTE, HOUR, DAY = 60, 3_600, 86_400
NOTHING = "–"


def quantity(value: float | None, unit: str | None = None) -> str:
    """A number with its unit.

    >>> quantity(21.04, "°C"), quantity(3.1, "1"), quantity(None)
    ('21.04 °C', '3.1', '–')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{number(value)} {shown_unit(unit)}".rstrip()


def percent(share: float | None) -> str:
    """A share of 1 in percent.

    >>> percent(0.9567), percent(1.0), percent(None)
    ('95.7 %', '100 %', '–')
    """
    return NOTHING if share is None else f"{number(round(100 * share, 1))} %"


def score(mean: float | None) -> str:
    """A mean of ratings, rounded down: what is not 4.5 is not shown as if it were.

    >>> score(4.499), score(4.6), score(5.0), score(None)
    ('4.49', '4.6', '5', '–')
    """
    return NOTHING if mean is None else number(math.floor(100 * mean + 1e-6) / 100)


def local(ns: int, zone: ZoneInfo) -> datetime:
    """A time in a zone, to the microsecond."""
    return datetime.fromtimestamp(ns // NS_PER_SECOND, UTC).astimezone(zone)


def clock_time(ns: int | None, zone: ZoneInfo, seconds: bool = False) -> str:
    """Date and time in a zone.

    >>> clock_time(1_767_225_600_000_000_000, ZoneInfo("Asia/Shanghai"))
    '2026-01-01 08:00'
    """
    if ns is None:
        return NOTHING
    return local(ns, zone).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def time_ahead(ns: int, now: int, zone: ZoneInfo) -> str:
    """A time to come in a zone: of day if it is today, else with its date.

    >>> time_ahead(1_767_225_600_000_000_000, 1_767_222_000_000_000_000, ZoneInfo("Asia/Shanghai"))
    '08:00'
    >>> time_ahead(1_767_225_600_000_000_000, 1_767_139_200_000_000_000, ZoneInfo("Asia/Shanghai"))
    '2026-01-01 08:00'
    """
    same_day = local(ns, zone).date() == local(now, zone).date()
    return local(ns, zone).strftime("%H:%M") if same_day else clock_time(ns, zone)


_UNITS = (("time.days", DAY), ("time.hours", HOUR), ("time.minutes", MINUTE))


def worked(seconds: float, t: Translator) -> str:
    """A length of service time in hours and minutes: a day of it is not 24 hours.

    >>> worked(172_740, Translator(Language.EN)), worked(50, Translator(Language.EN))
    ('47 h 59 min', '50 s')
    """
    return span(seconds, t, _UNITS[1:])


def span(seconds: float, t: Translator, units: Sequence[tuple[str, int]] = _UNITS) -> str:
    """A length of time in its two largest units.

    >>> span(5_000, Translator(Language.EN)), span(5_000, Translator(Language.ZH))
    ('1 h 23 min', '1 小时 23 分钟')
    """
    left = max(0, round(seconds))
    if left < MINUTE:
        return t("time.seconds", n=left)
    first = next(index for index, (_, length) in enumerate(units) if left >= length)
    parts = []
    for key, length in units[first : first + 2]:
        count, left = divmod(left, length)
        if count:
            parts.append(t(key, n=count))
    return " ".join(parts)


def ago(ns: int | None, now: int, t: Translator) -> str:
    """How long ago something was.

    >>> ago(0, 90 * NS_PER_SECOND, Translator(Language.EN))
    '1 min ago'
    """
    if ns is None:
        return t("time.never")
    seconds = (now - ns) / NS_PER_SECOND
    if seconds < -MINUTE:
        return t("time.ahead", span=span(-seconds, t))
    return t("time.now") if seconds < 10 else t("time.ago", span=_coarse(seconds, t))


def _coarse(seconds: float, t: Translator) -> str:
    """The largest unit only: enough for what is past."""
    for key, length in _UNITS:
        if seconds >= length:
            return t(key, n=int(seconds // length))
    return t("time.seconds", n=int(seconds))


def metric_name(metric: str | None, t: Translator) -> str:
    """A metric in the reader's language, as far as it has a usual name.

    >>> metric_name("temperature", Translator(Language.ZH)), metric_name(None, Translator(Language.EN))
    ('温度', 'Whole device')
    """
    if metric is None:
        return t("alert.whole_device")
    return metric_zh(metric) if t.language is Language.ZH else metric
