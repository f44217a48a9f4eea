"""The threads that empty the outbox, one for each receiver: take what is to be told, send it, note what became of it.

    claim (commit) ──▶ send ──▶ sent | failed (commit)

A receiver that lets every try run into its time-out holds up nobody else's notices. A crash between sending and noting
sends the notice again a minute later, with the same idempotency key. In a flood people get many notices in one
message; programs, which take fields, get each by itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from random import Random

import sqlalchemy as sa
import structlog

from alerts.notify import outbox
from alerts.notify.digest import digest
from alerts.notify.message import in_languages
from alerts.notify.outbox import Claimed, NoticeState, OutboxStatus, receiver_id
from alerts.notify.policy import NotifyConfig
from alerts.notify.sender import Sender, takes_fields
from ingest.database import reading, writing
from ingest.errors import IngestError

LOOK_EVERY_S = 5.0
"""How often the outbox is looked at without being woken: for retries, and for what another process put there."""
STOP_WITHIN_S = 25.0

log = structlog.get_logger(__name__)


class Notifier:
    """Sends what is in the outbox of `engine` to `config.urls`."""

    def __init__(
        self,
        engine: sa.Engine,
        config: NotifyConfig,
        sender: Sender,
        clock: Callable[[], int] = time.time_ns,
        rng: Random | None = None,
    ) -> None:
        self._engine = engine
        self._config = config
        self._sender = sender
        self._clock = clock
        self._rng = rng or Random()
        self._urls = {receiver_id(url): url for url in config.urls}
        self._stopping = threading.Event()
        self._workers = [_Worker(self, receiver, self._stopping) for receiver in self._urls or (None,)]

    def start(self) -> None:
        """Begin to send."""
        for worker in self._workers:
            worker.start()

    def stop(self, timeout_s: float = STOP_WITHIN_S) -> None:
        """End after the notices that are being sent; what waits is sent after the next start."""
        self._stopping.set()
        self.wake()
        until = time.monotonic() + timeout_s
        for worker in self._workers:
            if worker.is_alive():
                worker.join(max(0.0, until - time.monotonic()))

    def wake(self) -> None:
        """Say that there is something in the outbox."""
        for worker in self._workers:
            worker.wake.set()

    def status(self) -> OutboxStatus:
        """How sending goes. Raises RetryableError while the database is away."""
        with reading(self._engine) as session:
            return outbox.status(session, self._clock())

    def troubled(self) -> tuple[int, int]:
        """As `outbox.troubled`. Raises RetryableError while the database is away."""
        with reading(self._engine) as session:
            return outbox.troubled(session, self._clock())

    def send_next(self, receiver: str | None) -> NoticeState | None:
        """Send the next message to `receiver`; what became of it, or None if it is not time for one.

        Raises RetryableError while the database is away.
        """
        gathers = receiver is not None and not takes_fields(self._urls[receiver])
        with writing(self._engine) as session:
            message = outbox.claim(session, receiver, frozenset(self._urls), self._clock(), gathers)
        if not message:
            return None
        error = self._send(message)
        with writing(self._engine) as session:
            if error is None:
                outbox.sent(session, message, self._clock())
                state = NoticeState.SENT
            else:
                state = outbox.failed(session, message, self._clock(), error, self._rng)
        self._tell(message, state, error)
        return state

    def _send(self, message: Sequence[Claimed]) -> str | None:
        notices = [claimed.notice for claimed in message]
        facts = notices[0].facts if len(notices) == 1 else {}
        try:
            words = notices[0].message if len(notices) == 1 else digest(notices, self._config)
            text = in_languages(words, self._config.languages)
            worst = max((notice.severity for notice in notices), key=lambda severity: severity.rank)
            self._sender.send(self._urls[message[0].receiver], text, worst, facts)
        except Exception as error:  # noqa: BLE001  a receiver's plugin may raise anything; the others go on
            return str(error) or type(error).__name__
        return None

    def _tell(self, message: Sequence[Claimed], state: NoticeState, error: str | None) -> None:
        first = message[0]
        facts = {"notice": first.notice.key, "receiver": first.receiver, "tries": first.tries, "notices": len(message)}
        if error is None:
            log.info("notice sent", **facts)
        elif state is NoticeState.FAILED:
            log.error("notice given up", error=error, **facts)
        elif first.tries == 1:
            log.warning("notice not sent, will be tried again", error=error, **facts)


class _Worker(threading.Thread):
    """Sends to one receiver, or, where that is None, to nobody. Whatever goes wrong, it goes on: nobody else pages."""

    def __init__(self, notifier: Notifier, receiver: str | None, stopping: threading.Event) -> None:
        super().__init__(name="notifier", daemon=True)
        self._notifier, self._receiver, self._stopping = notifier, receiver, stopping
        self.wake = threading.Event()
        self._said = ""

    def run(self) -> None:
        """Send until it is to stop."""
        while True:
            self.wake.clear()
            if self._stopping.is_set():
                return
            self._empty()
            self.wake.wait(LOOK_EVERY_S)

    def _empty(self) -> None:
        try:
            while not self._stopping.is_set() and self._notifier.send_next(self._receiver) is not None:
                self._said = ""
        except IngestError as error:
            self._tell(log.warning, "outbox cannot be read", error)
        except Exception as error:  # noqa: BLE001  logged; a thread that ended here would page nobody ever after
            self._tell(log.exception, "a notice is left because of a fault in this program", error)

    def _tell(self, say: Callable[..., object], event: str, error: Exception) -> None:
        """Say it once, not at every look."""
        if str(error) != self._said:
            self._said = str(error)
            say(event, error=self._said)
