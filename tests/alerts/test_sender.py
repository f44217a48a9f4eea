"""Real receivers: an HTTP server and a mail server on loopback, and the desk in front."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from alerts.alert import Opened, Severity
from alerts.notify.message import Text
from alerts.notify.outbox import NoticeState, receiver_id
from alerts.notify.policy import Language, NotifyConfig
from alerts.notify.sender import AppriseSender, check_urls
from alerts.notify.worker import Notifier
from ingest.errors import InputError, RetryableError
from ingest.registry import Device, Registry
from tests.alerts.samples import START, make_alert
from tests.servers.ports import free_port
from tests.waiting import wait_until
from workorders.desk import Desk
from workorders.opening import order_number

ALERT = make_alert(device="pump 1 & 振动", site="plant")
FACTS = {"idempotency_key": "a-1", "alert_id": "a-1"}


class Receiver(ThreadingHTTPServer):
    """Keeps what it is posted; answers with `statuses` in turn, then 200."""

    def __init__(self, statuses: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses = statuses
        self.got: list[tuple[dict[str, str], dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def http_receiver(*statuses: int) -> Iterator[Receiver]:
    with Receiver(list(statuses)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Mailbox:
    """Keeps the messages that a mail server took."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's
        assert isinstance(envelope.content, bytes)
        self.messages.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    box, port = Mailbox(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"mailto://127.0.0.1:{port}?from=forewarn@plant.example&to=oncall@plant.example"
    controller.stop()


def record_and_send(engine: sa.Engine, *urls: str) -> Notifier:
    config = NotifyConfig(urls=urls, languages=(Language.ZH, Language.EN), console_url="https://forewarn.example")
    registry = Registry()
    registry.put_device(Device(ALERT.site, ALERT.device, owner="李威", customer="Northwind Foods"))
    Desk(engine, registry, config).record([Opened(ALERT)], START)
    return Notifier(engine, config, AppriseSender(), lambda: START)


def test_a_webhook_gets_the_words_and_the_fields(sqlite_engine: sa.Engine) -> None:
    with http_receiver() as receiver:
        assert record_and_send(sqlite_engine, receiver.url).send_next(receiver_id(receiver.url)) is NoticeState.SENT
    [(headers, body)] = receiver.got
    number = order_number(ALERT.id)
    assert headers["Idempotency-Key"] == ALERT.id
    expected = {
        "idempotency_key": ALERT.id,
        "alert_id": ALERT.id,
        "site": "plant",
        "device": "pump 1 & 振动",
        "severity": "high",
        "work_order": number,
        "device_owner": "李威",
        "device_customer": "Northwind Foods",
        "raised_at": "2026-01-01T00:00:00Z",
        "url": f"https://forewarn.example/alerts/{ALERT.id}",
        "type": "warning",
    }
    assert {name: body[name] for name in expected} == expected
    assert body["title"].startswith("【高】")
    assert "[HIGH]" in body["title"]
    assert "vibration 8.2 mm/s is above the limit" in body["message"]
    assert "振动 8.2 mm/s 高于限值" in body["message"]
    assert number in body["message"]


def test_a_webhook_that_fails_first_gets_the_same_notice_again(sqlite_engine: sa.Engine) -> None:
    now = [START]
    with http_receiver(500, 503) as receiver:
        notifier = record_and_send(sqlite_engine, receiver.url)
        notifier._clock = lambda: now[0]
        states = []
        for _ in range(3):
            states.append(notifier.send_next(receiver_id(receiver.url)))
            now[0] += 60 * 10**9
    assert states == [NoticeState.PENDING, NoticeState.PENDING, NoticeState.SENT]
    assert {body["idempotency_key"] for _, body in receiver.got} == {ALERT.id}
    assert len(receiver.got) == 3


def test_e_mail_in_both_languages(sqlite_engine: sa.Engine, mailbox: tuple[Mailbox, str]) -> None:
    box, url = mailbox
    assert record_and_send(sqlite_engine, url).send_next(receiver_id(url)) is NoticeState.SENT
    wait_until(lambda: box.messages, "the mail server took the message")
    [mail] = box.messages
    assert isinstance(mail, EmailMessage)
    assert "oncall@plant.example" in mail["To"]
    assert "vibration above its limit" in mail["Subject"]
    assert "振动高于限值" in mail["Subject"]
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert "vibration 8.2 mm/s is above the limit of 7.1 mm/s" in text
    assert "振动 8.2 mm/s 高于限值 7.1 mm/s" in text
    assert f"https://forewarn.example/alerts/{ALERT.id}" in text


def test_why_a_receiver_did_not_take_a_message_is_said_without_its_secrets() -> None:
    def words(url: str) -> str:
        with pytest.raises(RetryableError) as error:
            AppriseSender().send(url.replace("//", "//user:hunter2@"), Text("t", "b"), Severity.HIGH, FACTS)
        return str(error.value)

    with http_receiver(500) as receiver:
        refused = words(receiver.url)
    away = words(f"json://127.0.0.1:{free_port()}")
    assert "error=500" in refused
    assert "Connection error" in away
    assert "hunter2" not in refused + away


def test_a_receiver_that_never_answers_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr("alerts.notify.sender.SEND_TIMEOUT_S", 1)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(1)
        url = f"json://127.0.0.1:{mute.getsockname()[1]}?rto=2"
        with pytest.raises(RetryableError, match="did not finish"):
            AppriseSender().send(url, Text("t", "b"), Severity.HIGH, FACTS)


def test_urls_are_checked_at_start() -> None:
    check_urls(())
    check_urls(("json://127.0.0.1", f"mailto://user:{quote('p@ss')}@mail.example"))
    with pytest.raises(InputError, match=r"notify.urls: number 2 \(nonsense://…\) is no URL") as error:
        check_urls(("json://127.0.0.1", "nonsense://hunter2@x"))
    assert "hunter2" not in str(error.value)
