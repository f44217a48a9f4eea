"""In a flood people get one message about many notices now and then."""

from collections.abc import Sequence
from random import Random

import pytest
import sqlalchemy as sa

from alerts.alert import Opened, Returned, Severity
from alerts.notify.digest import LISTED, digest
from alerts.notify.message import Text
from alerts.notify.outbox import Notice, NoticeState, receiver_id
from alerts.notify.policy import FLOOD, FLOOD_WITHIN_NS, GATHER_NS, Language, NotifyConfig, Reason
from alerts.notify.worker import Notifier
from ingest.errors import RetryableError
from ingest.registry import Registry
from tests.alerts.samples import SECOND, START, escalated, make_alert, opened
from tests.alerts.test_notify_worker import Clock, FakeSender
from workorders.desk import Desk

URL = "mailto://oncall:secret@plant.example"
ID = receiver_id(URL)


class Site:
    """A desk that records alerts, and one receiver."""

    def __init__(self, engine: sa.Engine, url: str = URL) -> None:
        config = NotifyConfig(urls=(url,), languages=(Language.EN,))
        self.clock, self.sender, self.receiver = Clock(), FakeSender(), receiver_id(url)
        self.desk = Desk(engine, Registry(), config)
        self.notifier = Notifier(engine, config, self.sender, self.clock, Random(0))

    def raise_(self, devices: Sequence[str]) -> None:
        self.desk.record([opened(device=device, raised_at=self.clock.now) for device in devices], self.clock.now)

    def send(self) -> list[str]:
        """Send all that it is time for; the titles."""
        before = len(self.sender.sent)
        while self.notifier.send_next(self.receiver) is not None:
            pass
        return [text.title for _, text, _, _ in self.sender.sent[before:]]


@pytest.fixture
def site(engine: sa.Engine) -> Site:
    return Site(engine)


def names(start: int, stop: int) -> list[str]:
    return [f"d{number:03}" for number in range(start, stop)]


def test_a_storm_is_one_message(site: Site) -> None:
    site.raise_(names(0, 50))
    assert site.send() == ["[HIGH] 50 alerts at site plant"]
    [(_, text, severity, facts)] = site.sender.sent
    assert text.body.splitlines()[0] == "[HIGH] d000: vibration above its limit"
    assert f"… and {50 - LISTED} more" in text.body
    assert (severity, facts) == (Severity.HIGH, {})
    assert site.notifier.status().counts[NoticeState.SENT] == 50


def test_who_is_in_a_flood_is_told_every_two_minutes_until_it_is_over(site: Site) -> None:
    titles = []
    for name in names(0, FLOOD + 5):  # one a second
        site.raise_([name])
        titles.append(site.send())
        site.clock.advance(SECOND)
    assert [len(sent) for sent in titles] == [1] * FLOOD + [0] * 5
    site.clock.advance(GATHER_NS)
    assert site.send() == ["[HIGH] 5 alerts at site plant"]

    site.clock.advance(SECOND)
    site.raise_(["late"])
    assert site.send() == []
    site.clock.advance(GATHER_NS)
    assert site.send() == ["[HIGH] late: vibration above its limit"], "one by itself has its own words"

    site.clock.advance(FLOOD_WITHIN_NS)
    for name in ("e1", "e2"):
        site.raise_([name])
    assert len(site.send()) == 2


def test_programs_get_each_by_itself(engine: sa.Engine) -> None:
    hook = Site(engine, "json://hook.example")
    hook.raise_(names(0, 30))
    assert len(hook.send()) == 30
    assert all(facts["alert_id"] for *_, facts in hook.sender.sent)


def test_what_is_over_meanwhile_is_not_in_it(site: Site) -> None:
    alerts = [make_alert(device=name) for name in names(0, 30)]
    site.desk.record([Opened(alert) for alert in alerts], START)
    site.desk.record([Returned(alert.id, START) for alert in alerts[:18]], START)
    assert site.send() == ["[HIGH] 12 alerts at site plant"]


def test_the_worst_is_named_first_and_no_alert_twice(site: Site) -> None:
    alerts = [make_alert(device=name) for name in names(0, 20)]
    worse = escalated(alerts[-1], Severity.CRITICAL, START)
    site.desk.record([*(Opened(alert) for alert in alerts), worse], START)
    assert site.send() == ["[CRITICAL] 20 alerts at site plant"]
    [(_, text, severity, _)] = site.sender.sent
    assert text.body.splitlines()[0] == "[CRITICAL] d019: vibration above its limit (worse)"
    assert severity is Severity.CRITICAL


def test_a_message_that_fails_is_tried_again_as_one(site: Site) -> None:
    site.raise_(names(0, 30))
    site.sender.error = RetryableError("mail server away")
    assert site.notifier.send_next(ID) is NoticeState.PENDING
    assert site.notifier.send_next(ID) is None
    site.raise_(names(30, 40))
    site.sender.error = None
    site.clock.advance(10 * SECOND)
    assert site.send() == ["[HIGH] 40 alerts at site plant"]
    assert site.sender.asked == 2


def test_words_in_both_languages() -> None:
    said = {language: Text(f"title {language}", "") for language in Language}
    notices = [
        Notice(key, key, Reason.OPENED, severity, said, {"site": place, "device": "d", "raised_at": ""})
        for key, severity, place in (("a", Severity.HIGH, "north"), ("b", Severity.CRITICAL, "south"))
    ]
    words = digest(notices, NotifyConfig(console_url="https://forewarn.example/"))
    assert words[Language.EN].title == "[CRITICAL] 2 alerts at 2 sites"
    assert words[Language.ZH].title == "【紧急】2 个站点共 2 条报警"
    assert words[Language.ZH].body.splitlines() == [
        *["title zh"] * 2,
        "报警密集，已合并为一条消息，最多每 2 分钟一条。",
        "https://forewarn.example/alerts",
    ]
    assert digest(notices[:1], NotifyConfig())[Language.ZH].title == "【高】站点 north 共 1 条报警"
