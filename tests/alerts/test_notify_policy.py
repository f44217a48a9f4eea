from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.advice import first_steps
from alerts.alert import Alert, Explanation, Kind, Severity, State
from alerts.headline import headline
from alerts.notify.message import Beside, Text, alert_message, in_languages
from alerts.notify.policy import (
    FIRST_DELAY_NS,
    HOUR_NS,
    LONGEST_DELAY_NS,
    MAX_PENDING,
    Language,
    NotifyConfig,
    Reason,
    Skip,
    complaint_key,
    delay_ns,
    notice_key,
    notify_reason,
    skip_at_once,
)
from ingest.registry import Criticality, Device
from tests.alerts.samples import START, make_alert

ALERT = make_alert()


@pytest.mark.parametrize(
    ("severity", "news", "opened_order", "reason"),
    [
        pytest.param(Severity.HIGH, Reason.OPENED, True, Reason.OPENED, id="severe enough"),
        pytest.param(Severity.CRITICAL, Reason.ESCALATED, False, Reason.ESCALATED, id="became worse"),
        pytest.param(Severity.HIGH, Reason.UNSHELVED, False, Reason.UNSHELVED, id="no longer shelved"),
        pytest.param(Severity.MEDIUM, Reason.OPENED, False, None, id="not severe enough"),
        pytest.param(Severity.MEDIUM, Reason.ESCALATED, False, None, id="worse, still not severe enough"),
        pytest.param(Severity.MEDIUM, Reason.OPENED, True, Reason.WORK_ORDER, id="mild, but there is an order"),
    ],
)
def test_notify_reason(severity: Severity, news: Reason, opened_order: bool, reason: Reason | None) -> None:
    alert = make_alert(severity=severity)
    assert notify_reason(alert, news, opened_order, Severity.HIGH) is reason


@pytest.mark.parametrize(
    ("alert", "age_ns", "pending", "skip"),
    [
        pytest.param(ALERT, 0, 0, None, id="now"),
        pytest.param(ALERT, -HOUR_NS, 0, None, id="by a clock that is ahead"),
        pytest.param(ALERT, HOUR_NS, 0, None, id="an hour ago"),
        pytest.param(ALERT, HOUR_NS + 1, 0, Skip.RECORDED, id="more than an hour ago"),
        pytest.param(replace(ALERT, state=State.RETURNED, cleared_at=START), 0, 0, Skip.OVER, id="returned to normal"),
        pytest.param(replace(ALERT, state=State.CLOSED), 0, 0, Skip.OVER, id="closed by a person"),
        pytest.param(ALERT, 0, MAX_PENDING, Skip.FLOOD, id="too many wait"),
    ],
)
def test_skip_at_once(alert: Alert, age_ns: int, pending: int, skip: Skip | None) -> None:
    assert skip_at_once(alert, START, START + age_ns, pending, HOUR_NS) is skip


def test_a_notice_is_known_by_what_it_tells() -> None:
    alert = replace(ALERT, work_order="WO-1")
    keys = {reason: notice_key(alert, reason, 7) for reason in Reason if reason is not Reason.COMPLAINT}
    assert keys == {
        "opened": alert.id,
        "escalated": f"{alert.id}:high",
        "work_order": f"{alert.id}:WO-1",
        "unshelved": f"{alert.id}:7",
    }
    assert complaint_key("WO-1", 2) == "WO-1:complaint-2"


@given(st.integers(1, 10_000), st.integers(0, 2**32))
def test_tries_are_spaced_out_and_never_farther_than_an_hour(tries: int, seed: int) -> None:
    delay = delay_ns(tries, Random(seed))
    doubled = min(FIRST_DELAY_NS * 2 ** (tries - 1), LONGEST_DELAY_NS)
    assert doubled / 2 <= delay <= doubled


def test_a_message_says_what_whose_why_since_when_what_to_do_and_where() -> None:
    config = NotifyConfig(console_url="https://forewarn.example/", timezone="Asia/Shanghai")
    order = Explanation("Work order WO-1, P2", "工单 WO-1,P2")
    before = Explanation("2 similar", "2 次类似报警")
    device = Device("plant", "pump-1", None, Criticality.HIGH, "Northwind", "rotating", "li.wei", "Feed pump")
    message = alert_message(ALERT, device, Reason.OPENED, Beside(before, order), config)
    steps = first_steps(ALERT.kind, ALERT.metric, ALERT.evidence)

    assert message[Language.EN].title == "[HIGH] Feed pump: vibration above its limit"
    assert message[Language.EN].body.splitlines() == [
        "Site plant, device pump-1, vibration",
        "customer Northwind; team rotating; owner li.wei",
        "Why: vibration 8.2 mm/s is above the limit of 7.1 mm/s",
        "Since: 2026-01-01 07:59:00 CST",
        "Do: " + " ".join(step.en for step in steps),
        "Before: 2 similar",
        "Work order WO-1, P2",
        f"https://forewarn.example/alerts/{ALERT.id}",
        f"Alert {ALERT.id}",
    ]
    assert message[Language.ZH].title == "【高】Feed pump：振动高于限值"
    assert message[Language.ZH].body.splitlines() == [
        "站点 plant，设备 pump-1，振动",
        "客户 Northwind；班组 rotating；负责人 li.wei",
        "原因：振动 8.2 mm/s 高于限值 7.1 mm/s",
        "开始时间：2026-01-01 07:59:00 CST",
        "处理建议：" + "".join(step.zh for step in steps),
        "以往：2 次类似报警",
        "工单 WO-1,P2",
        f"https://forewarn.example/alerts/{ALERT.id}",
        f"报警编号 {ALERT.id}",
    ]


def test_a_message_about_a_whole_device_that_became_worse() -> None:
    alert = make_alert(metric=None, kind=Kind.SILENCE)
    message = alert_message(alert, Device("plant", "pump-1"), Reason.ESCALATED, Beside(), NotifyConfig())
    assert message[Language.EN].title == "[HIGH] pump-1: no readings (worse)"
    assert message[Language.ZH].title == "【高】pump-1：设备没有数据上报（加重）"
    assert message[Language.EN].body.startswith("Site plant, device pump-1\nWhy: ")
    assert "http" not in message[Language.EN].body


def test_a_title_shows_what_is_wrong_however_long_a_name_is() -> None:
    device = Device("plant", "pump-1", title="Cooling water circulation pump 1, basement, east side")
    message = alert_message(ALERT, device, Reason.OPENED, Beside(), NotifyConfig())
    assert message[Language.EN].title == "[HIGH] Cooling water circulation pump…: vibration above its limit"
    assert message[Language.ZH].title == "【高】Cooling water circulation pump…：振动高于限值"


def test_one_message_in_several_languages() -> None:
    message = {Language.EN: Text("Hot", "It is hot."), Language.ZH: Text("热", "很热。")}
    assert in_languages(message, [Language.ZH]) == Text("热", "很热。")
    assert in_languages(message, [Language.ZH, Language.EN]) == Text("热 / Hot", "很热。\n\nIt is hot.")


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("metric", ["temperature", "oil_ratio", None])
def test_every_kind_of_alert_has_a_headline_in_both_languages(kind: Kind, metric: str | None) -> None:
    found = headline(make_alert(kind=kind, metric=metric))
    assert found.en.startswith("pump-1: ")
    assert found.zh.startswith("pump-1：")
    assert found.en.isascii()


@pytest.mark.parametrize(("side", "words"), [("low", "below its limit"), ("high", "above its limit")])
def test_a_headline_tells_too_low_from_too_high(side: str, words: str) -> None:
    alert = replace(ALERT, evidence={"side": side})
    assert headline(alert).en == f"pump-1: vibration {words}"
