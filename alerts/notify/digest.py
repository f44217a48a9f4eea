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


def digest(notices: Sequence[Notice], config: NotifyConfig) -> Message:
    """What people read about several notices, given as they were queued; an alert is named once."""
    newest = {notice.alert_id: notice for notice in notices}.values()
    alerts = sorted(newest, key=lambda notice: (-notice.severity.rank, *(notice.facts[name] for name in _ORDER)))
    return {Language.EN: _english(alerts, config), Language.ZH: _chinese(alerts, config)}


def _english(alerts: Sequence[Notice], config: NotifyConfig) -> Text:
    sites = sorted({notice.facts["site"] for notice in alerts})
    where = f"site {sites[0]}" if len(sites) == 1 else f"{len(sites)} sites"
    more = len(alerts) - LISTED
    lines = [
        *_titles(alerts, Language.EN),
        f"… and {more} more" if more > 0 else None,
        f"Many at once: gathered into one message, at most one in {_MINUTES} min.",
        alerts_link(config),
    ]
    return Text(f"[{alerts[0].severity.upper()}] {len(alerts)} alerts at {where}", _joined(lines))


def _chinese(alerts: Sequence[Notice], config: NotifyConfig) -> Text:
    sites = sorted({notice.facts["site"] for notice in alerts})
    where = f"站点 {sites[0]} " if len(sites) == 1 else f"{len(sites)} 个站点"
    more = len(alerts) - LISTED
    lines = [
        *_titles(alerts, Language.ZH),
        f"……另有 {more} 条" if more > 0 else None,
        f"报警密集，已合并为一条消息，最多每 {_MINUTES} 分钟一条。",
        alerts_link(config),
    ]
    return Text(f"【{SEVERITY_ZH[alerts[0].severity]}】{where}共 {len(alerts)} 条报警", _joined(lines))


_MINUTES = GATHER_NS // (60 * SECOND_NS)


def _titles(alerts: Sequence[Notice], language: Language) -> list[str]:
    return [notice.message[language].title for notice in alerts[:LISTED]]


def _joined(lines: Sequence[str | None]) -> str:
    return "\n".join(line for line in lines if line)
