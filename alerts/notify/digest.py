"""Words one message about many notices, for people in a flood: the worst first, in both languages."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.notify.message import SEVERITY_ZH, Message, Text, alerts_link
from alerts.notify.outbox import Notice
from alerts.notify.policy import GATHER_NS, SECOND_NS, Language, NotifyConfig, Reason

LISTED = 20
"""Alerts that are named, complaints before them; of the others only how many there are is said."""
_ORDER = ("raised_at", "site", "device")
"""Of alerts that are equally bad."""
_MINUTES = GATHER_NS // (60 * SECOND_NS)


def digest(notices: Sequence[Notice], config: NotifyConfig) -> Message:
    """What people read about several notices, given as they were queued; an alert is named once, each complaint too."""
    newest = {notice.key if _complaint(notice) else notice.alert_id: notice for notice in notices}.values()
    told = sorted(newest, key=_urgency)
    more, worst = len(told) - LISTED, max((notice.severity for notice in told), key=lambda severity: severity.rank)
    complaints = sum(map(_complaint, told))
    what, what_zh = _counted(len(told) - complaints, complaints)
    sites = sorted({notice.facts["site"] for notice in told})
    where, where_zh = (f"{len(sites)} sites", f"{len(sites)} 个站点")
    if len(sites) == 1:
        where, where_zh = (f"site {sites[0]}", f"站点 {sites[0]} ")
    en = (f"… and {more} more", f"Many at once: gathered into one message, at most one in {_MINUTES} min.")
    zh = (f"……另有 {more} 条", f"报警密集，已合并为一条消息，最多每 {_MINUTES} 分钟一条。")
    link = alerts_link(config)
    return {
        Language.EN: Text(f"[{worst.upper()}] {what} at {where}", _body(told, Language.EN, en, link)),
        Language.ZH: Text(f"【{SEVERITY_ZH[worst]}】{where_zh}共 {what_zh}", _body(told, Language.ZH, zh, link)),
    }


def _complaint(notice: Notice) -> bool:
    return notice.reason is Reason.COMPLAINT


def _urgency(notice: Notice) -> tuple[bool | int | str, ...]:
    return (not _complaint(notice), -notice.severity.rank, *(notice.facts[name] for name in _ORDER))


def _counted(alerts: int, complaints: int) -> tuple[str, str]:
    """How many there are of what, in both languages.

    >>> _counted(12, 1), _counted(0, 11)
    (('12 alerts, 1 complaint', '12 条报警、1 条投诉'), ('11 complaints', '11 条投诉'))
    """
    counts = ((alerts, "alert", "条报警"), (complaints, "complaint", "条投诉"))
    said = [(f"{n} {en}{'' if n == 1 else 's'}", f"{n} {zh}") for n, en, zh in counts if n]
    return ", ".join(en for en, _ in said), "、".join(zh for _, zh in said)


def _body(told: Sequence[Notice], language: Language, words: tuple[str, str], link: str | None) -> str:
    """The titles of the worst, how many more there are, why it is one message, and where to look."""
    more, why = words
    titles = [notice.message[language].title for notice in told[:LISTED]]
    lines = [*titles, more if len(told) > LISTED else None, why, link]
    return "\n".join(line for line in lines if line)
