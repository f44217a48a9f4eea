import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

import pytest
import sqlalchemy as sa

from alerts.alert import Opened, Returned, Severity
from alerts.notify import outbox
from alerts.notify.message import Text
from alerts.notify.outbox import LEASE_NS, NoticeRow, NoticeState, receiver_id
from alerts.notify.policy import GIVE_UP_AFTER_NS, LONGEST_DELAY_NS, Language, NotifyConfig, Skip
from alerts.notify.worker import Notifier
from alerts.store import AlertStore
from ingest.database import reading, writing
from ingest.errors import RetryableError
from ingest.registry import Registry
from tests.alerts.samples import SECOND, START, make_alert, opened
from tests.waiting import wait_until
from workorders.desk import Desk

URL = "json://pager.example/?token=secret"
ID = receiver_id(URL)
CONFIG = NotifyConfig(urls=(URL,), languages=(Language.EN,))
ALERT = make_alert()


@dataclass
class FakeSender:
    """Records what it was asked to send, and fails as long as it is told to."""

    sent: list[tuple[str, Text, Severity, Mapping[str, str]]] = field(default_factory=list)
    asked: int = 0
    error: Exception | None = None

    def send(self, url: str, text: Text, severity: Severity, facts: Mapping[str, str]) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error
        self.sent.append((url, text, severity, facts))


@dataclass
class Clock:
    now: int = START

    def __call__(self) -> int:
        return self.now

    def advance(self, ns: int) -> None:
        self.now += ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sender() -> FakeSender:
    return FakeSender()


@pytest.fixture
def notifier(engine: sa.Engine, sender: FakeSender, clock: Clock) -> Notifier:
    return Notifier(engine, CONFIG, sender, clock, Random(0))


@pytest.fixture
def desk(engine: sa.Engine) -> Desk:
    return Desk(engine, Registry(), CONFIG)


def row(engine: sa.Engine) -> NoticeRow:
    with reading(engine) as session:
        return session.scalars(sa.select(NoticeRow)).one()


def test_a_notice_is_sent_once(engine: sa.Engine, desk: Desk, notifier: Notifier, sender: FakeSender) -> None:
    desk.record([Opened(ALERT)], START)
    assert notifier.send_next(ID) is NoticeState.SENT
    assert notifier.send_next(ID) is None

    [(url, text, severity, facts)] = sender.sent
    assert url == URL
    assert text.title == "[HIGH] pump-1: vibration above its limit"
    assert "Work order WO-" in text.body
    assert severity is Severity.HIGH
    assert facts["idempotency_key"] == facts["alert_id"] == ALERT.id
    assert facts["raised_at"] == "2026-01-01T00:00:00Z"
    assert row(engine).done_at == START


def test_the_database_does_not_give_away_the_receiver(engine: sa.Engine, desk: Desk) -> None:
    desk.record([Opened(ALERT)], START)
    assert row(engine).receiver == receiver_id(URL)
    assert "secret" not in repr(vars(row(engine)))


def test_a_failed_notice_is_tried_again_later_and_later(
    engine: sa.Engine, desk: Desk, notifier: Notifier, sender: FakeSender, clock: Clock
) -> None:
    desk.record([Opened(ALERT)], START)
    sender.error = RetryableError("mail server away")
    waits = []
    for _ in range(12):
        assert notifier.send_next(ID) is NoticeState.PENDING
        assert notifier.send_next(ID) is None, "not before its time"
        waits.append(row(engine).next_at - clock.now)
        clock.advance(waits[-1])
    assert waits[0] <= 10 * SECOND
    assert waits[5] > waits[0]
    assert max(waits) <= LONGEST_DELAY_NS
    assert notifier.troubled() == (1, 0)
    assert row(engine).detail == "mail server away"

    sender.error = None
    assert notifier.send_next(ID) is NoticeState.SENT
    assert notifier.troubled() == (0, 0)


def test_after_a_day_a_notice_is_given_up_and_status_says_so(
    desk: Desk, notifier: Notifier, sender: FakeSender, clock: Clock, engine: sa.Engine
) -> None:
    desk.record([Opened(ALERT)], START)
    sender.error = RetryableError("mail server away")
    state: NoticeState | None = NoticeState.PENDING
    while state is NoticeState.PENDING:
        state = notifier.send_next(ID)
        clock.now = row(engine).next_at
    assert state is NoticeState.FAILED
    assert clock.now - START <= GIVE_UP_AFTER_NS + LONGEST_DELAY_NS
    assert 24 <= sender.asked <= 80
    assert notifier.send_next(ID) is None
    status = notifier.status()
    assert status.counts[NoticeState.FAILED] == status.failed_lately == 1
    assert notifier.troubled() == (0, 1)
    assert row(engine).detail == "mail server away"

    clock.advance(GIVE_UP_AFTER_NS)
    assert notifier.troubled() == (0, 0), "yesterday's failure does not keep the service degraded for ever"


def test_a_notice_that_waited_a_day_for_the_service_is_given_up(
    desk: Desk, notifier: Notifier, sender: FakeSender, clock: Clock
) -> None:
    desk.record([Opened(ALERT)], START)
    clock.advance(GIVE_UP_AFTER_NS + 1)
    assert notifier.send_next(ID) is None
    assert sender.asked == 0
    assert notifier.status().counts[NoticeState.FAILED] == 1


@pytest.mark.parametrize("how", ["returned", "closed"])
def test_nobody_is_paged_about_what_is_over(
    engine: sa.Engine, desk: Desk, notifier: Notifier, sender: FakeSender, how: str
) -> None:
    desk.record([Opened(ALERT)], START)
    if how == "returned":
        desk.record([Returned(ALERT.id, START + SECOND)], START)
    else:
        AlertStore(engine).close(ALERT.id, "li", START)
    assert notifier.send_next(ID) is None
    assert sender.asked == 0
    assert (row(engine).state, row(engine).detail) == (NoticeState.SKIPPED, Skip.OVER)


def test_a_receiver_that_was_taken_out_of_the_settings(engine: sa.Engine, desk: Desk, sender: FakeSender) -> None:
    desk.record([Opened(ALERT)], START)
    other = Notifier(engine, NotifyConfig(urls=("json://other.example",)), sender, Clock())
    assert other.send_next(receiver_id("json://other.example")) is None
    assert row(engine).detail == Skip.NO_RECEIVER


def test_a_receiver_that_fails_does_not_hold_up_another(engine: sa.Engine, clock: Clock) -> None:
    config = NotifyConfig(urls=("json://bad.example", "json://good.example"))
    Desk(engine, Registry(), config).record([Opened(ALERT)], START)

    class OneBad(FakeSender):
        def send(self, url: str, text: Text, severity: Severity, facts: Mapping[str, str]) -> None:
            if "bad" in url:
                raise ZeroDivisionError
            super().send(url, text, severity, facts)

    sender = OneBad()
    notifier = Notifier(engine, config, sender, clock, Random(0))
    bad, good = map(receiver_id, config.urls)
    assert (notifier.send_next(bad), notifier.send_next(good)) == (NoticeState.PENDING, NoticeState.SENT)
    assert [url for url, *_ in sender.sent] == ["json://good.example"]
    with reading(engine) as session:
        assert session.get_one(NoticeRow, (ALERT.id, bad)).detail == "ZeroDivisionError"


def test_a_receiver_that_does_not_answer_does_not_hold_up_another(engine: sa.Engine, clock: Clock) -> None:
    config = NotifyConfig(urls=("json://mute.example", "json://good.example"), languages=(Language.EN,))
    alerts = [opened(device=f"d{n}") for n in range(5)]
    Desk(engine, Registry(), config).record(alerts, START)
    answer = threading.Event()

    class OneMute(FakeSender):
        def send(self, url: str, text: Text, severity: Severity, facts: Mapping[str, str]) -> None:
            if "mute" in url:
                answer.wait(60)
            super().send(url, text, severity, facts)

    sender = OneMute()
    notifier = Notifier(engine, config, sender, clock)
    notifier.start()
    wait_until(lambda: len(sender.sent) == len(alerts), "the other one has them all")
    assert {url for url, *_ in sender.sent} == {"json://good.example"}
    answer.set()
    wait_until(lambda: len(sender.sent) == 2 * len(alerts), "and now both")
    notifier.stop()


def test_a_notice_that_cannot_be_put_into_words_is_a_try_that_failed(
    engine: sa.Engine, desk: Desk, notifier: Notifier
) -> None:
    desk.record([Opened(ALERT)], START)
    with writing(engine) as session:
        session.execute(sa.update(NoticeRow).values(message={"zh": {"title": "t", "body": "b"}}))
    assert notifier.send_next(ID) is NoticeState.PENDING
    assert notifier.troubled() == (1, 0)


def test_after_a_crash_while_sending_the_notice_goes_out_again_under_the_same_key(
    engine: sa.Engine, desk: Desk, notifier: Notifier, sender: FakeSender, clock: Clock
) -> None:
    desk.record([Opened(ALERT)], START)

    class Killed(FakeSender):
        def send(self, url: str, text: Text, severity: Severity, facts: Mapping[str, str]) -> None:
            super().send(url, text, severity, facts)
            raise KeyboardInterrupt

    killed = Killed()
    with pytest.raises(KeyboardInterrupt):
        Notifier(engine, CONFIG, killed, clock).send_next(ID)
    assert notifier.send_next(ID) is None, "it still belongs to the one that died"
    clock.advance(LEASE_NS)
    assert notifier.send_next(ID) is NoticeState.SENT
    assert killed.sent == sender.sent


def test_two_workers_do_not_send_the_same_notice(engine: sa.Engine, desk: Desk) -> None:
    desk.record([opened(device=f"d{n}") for n in range(6)], START)
    receivers = frozenset({receiver_id(URL)})
    taken = []
    for _ in range(6):
        with writing(engine) as session:
            [claimed] = outbox.claim(session, ID, receivers, START)
            taken.append(claimed.notice.key)
    assert len(set(taken)) == 6
    with writing(engine) as session:
        assert outbox.claim(session, ID, receivers, START) == ()


def test_the_thread_sends_what_it_is_woken_for_and_ends(engine: sa.Engine, desk: Desk, sender: FakeSender) -> None:
    notifier = Notifier(engine, CONFIG, sender, Clock())
    notifier.start()
    desk.record([Opened(ALERT)], START)
    notifier.wake()
    wait_until(lambda: sender.sent, "the notice is sent")
    notifier.stop()
    assert not any(worker.is_alive() for worker in notifier._workers)


@pytest.mark.parametrize("error", [RetryableError("database: away"), ZeroDivisionError("a fault of ours")])
def test_the_thread_outlives_a_database_that_is_away_and_faults(
    engine: sa.Engine, desk: Desk, sender: FakeSender, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("alerts.notify.worker.LOOK_EVERY_S", 0.01)
    away = [error] * 3
    claim = outbox.claim

    def sometimes(*args: object) -> object:
        if away:
            raise away.pop()
        return claim(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("alerts.notify.outbox.claim", sometimes)
    desk.record([Opened(ALERT)], START)
    notifier = Notifier(engine, CONFIG, sender, Clock())
    notifier.start()
    wait_until(lambda: sender.sent, "the notice is sent once the database is back")
    notifier.stop()


def test_stopping_a_notifier_that_never_started(engine: sa.Engine, sender: FakeSender) -> None:
    Notifier(engine, CONFIG, sender).stop()
