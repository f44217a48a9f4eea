"""Words one message about many notices, for people in a flood: the worst first, in both languages."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.notify.message import SEVERITY_ZH, Message, Text, alerts_link
from alerts.notify.outbox import Notice
from alerts.notify.policy import GATHER_NS, SECOND_NS, Language, NotifyConfig

LISTED = 20
"""Alerts that are named; of the others only how many there are is said."""
_ORDER = ("raised_at", "site", "device")
"""Of alerts that are equally bad."""
_MINUTES = GATHER_NS // (60 * SECOND_NS)


def digest(notices: Sequence[Notice], config: NotifyConfig) -> Message:
    """What people read about several notices, given as they were queued; an alert is named once."""
    newest = {notice.alert_id: notice for notice in notices}.values()
    alerts = sorted(newest, key=lambda notice: (-notice.severity.rank, *(notice.facts[name] for name in _ORDER)))
    number, more, worst = len(alerts), len(alerts) - LISTED, alerts[0].severity
    sites = sorted({notice.facts["site"] for notice in alerts})
    where, where_zh = (f"{len(sites)} sites", f"{len(sites)} 个站点")
    if len(sites) == 1:
        where, where_zh = (f"site {sites[0]}", f"站点 {sites[0]} ")
    en = (f"… and {more} more", f"Many at once: gathered into one message, at most one in {_MINUTES} min.")
    zh = (f"……另有 {more} 条", f"报警密集，已合并为一条消息，最多每 {_MINUTES} 分钟一条。")
    link = alerts_link(config)
    return {
        Language.EN: Text(
            f"[{worst.upper()}] {number} alert{'s' * (number != 1)} at {where}", _body(alerts, Language.EN, en, link)
        ),
        Language.ZH: Text(
            f"【{SEVERITY_ZH[worst]}】{where_zh}共 {number} 条报警", _body(alerts, Language.ZH, zh, link)
        ),
    }


def _body(alerts: Sequence[Notice], language: Language, words: tuple[str, str], link: str | None) -> str:
    """The titles of the worst, how many more there are, why it is one message, and where to look."""
    more, why = words
    titles = [notice.message[language].title for notice in alerts[:LISTED]]
    lines = [*titles, more if len(alerts) > LISTED else None, why, link]
    return "\n".join(line for line in lines if line)
