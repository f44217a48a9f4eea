"""Words a notice from an alert, in both languages: what, whose, why, since when, what to do, and where to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from alerts.advice import Steps, first_steps
from alerts.alert import Alert, Explanation, Severity
from alerts.headline import headline
from alerts.metric_names import metric_zh
from alerts.notify.about import about
from alerts.notify.policy import Language, NotifyConfig, Reason
from ingest.registry import Device

LONGEST_NAME = 32
"""Characters of what a device is called in the title of a message; the text names its site and device in full."""
SEVERITY_ZH = {Severity.LOW: "低", Severity.MEDIUM: "中", Severity.HIGH: "高", Severity.CRITICAL: "紧急"}


@dataclass(frozen=True, slots=True)
class Text:
    """A message in one language."""

    title: str
    body: str


Message = Mapping[Language, Text]


@dataclass(frozen=True, slots=True)
class Beside:
    """Lines of a message beside those about alert and device; None where there is nothing to say."""

    before: Explanation | None = None
    """What earlier alerts like it turned out to be."""
    order: Explanation | None = None


def alert_message(
    alert: Alert, device: Device, reason: Reason, beside: Beside, config: NotifyConfig
) -> dict[Language, Text]:
    """What people read about an alert."""
    return {
        Language.EN: _english(alert, device, reason, beside, config),
        Language.ZH: _chinese(alert, device, reason, beside, config),
    }


def in_languages(message: Message, languages: Sequence[Language]) -> Text:
    """The message in those languages, one under the other, with the titles joined."""
    texts = [message[language] for language in languages]
    return Text(" / ".join(text.title for text in texts), "\n\n".join(text.body for text in texts))


def local_time(at: int, timezone: str) -> str:
    """A time in ns UTC for people in that zone.

    >>> local_time(1_767_225_600_000_000_000, "Asia/Shanghai")
    '2026-01-01 08:00:00 CST'
    """
    return datetime.fromtimestamp(at // 10**9, UTC).astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M:%S %Z")


def alert_link(alert: Alert, config: NotifyConfig) -> str | None:
    """Where the console shows the alert."""
    return console_link(f"alerts/{alert.id}", config)


def alerts_link(config: NotifyConfig) -> str | None:
    """Where the console lists the alerts."""
    return console_link("alerts", config)


def console_link(page: str, config: NotifyConfig) -> str | None:
    """The address of a page of the console, where that is known."""
    return f"{config.console_url.rstrip('/')}/{page}" if config.console_url else None


def _name(device: Device) -> str:
    """What a title calls a device: what is wrong with it has to be seen on a locked phone."""
    name = device.title or device.name
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rstrip()}…"


def _steps(alert: Alert) -> Steps:
    return first_steps(alert.kind, alert.metric, alert.evidence)


def _english(alert: Alert, device: Device, reason: Reason, beside: Beside, config: NotifyConfig) -> Text:
    whose = about(device)
    news = {Reason.ESCALATED: " (worse)", Reason.UNSHELVED: " (no longer shelved)"}.get(reason, "")
    lines = [
        f"Site {alert.site}, device {alert.device}" + (f", {alert.metric}" if alert.metric else ""),
        whose.en if whose else None,
        f"Why: {alert.explanation.en}",
        f"Since: {local_time(alert.onset_at, config.timezone)}",
        "Do: " + " ".join(step.en for step in _steps(alert)),
        f"Before: {beside.before.en}" if beside.before else None,
        beside.order.en if beside.order else None,
        alert_link(alert, config),
        f"Alert {alert.id}",
    ]
    return Text(
        f"[{alert.severity.upper()}] {headline(alert, _name(device)).en}{news}",
        "\n".join(line for line in lines if line),
    )


def _chinese(alert: Alert, device: Device, reason: Reason, beside: Beside, config: NotifyConfig) -> Text:
    whose = about(device)
    news = {Reason.ESCALATED: "（加重）", Reason.UNSHELVED: "（搁置结束）"}.get(reason, "")
    lines = [
        f"站点 {alert.site}，设备 {alert.device}" + (f"，{metric_zh(alert.metric)}" if alert.metric else ""),
        whose.zh if whose else None,
        f"原因：{alert.explanation.zh}",
        f"开始时间：{local_time(alert.onset_at, config.timezone)}",
        "处理建议：" + "".join(step.zh for step in _steps(alert)),
        f"以往：{beside.before.zh}" if beside.before else None,
        beside.order.zh if beside.order else None,
        alert_link(alert, config),
        f"报警编号 {alert.id}",
    ]
    title = f"【{SEVERITY_ZH[alert.severity]}】{headline(alert, _name(device)).zh}{news}"
    return Text(title, "\n".join(line for line in lines if line))
