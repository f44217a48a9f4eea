"""The thread that empties the outbox: takes a notice, sends it, notes what became of it, and goes on.

    claim (commit) ──▶ send ──▶ sent | failed (commit)

A crash between sending and noting sends the notice again a minute later, with the same idempotency key.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from random import Random

import sqlalchemy as sa
import structlog

from alerts.notify import outbox
from alerts.notify.message import in_languages
from alerts.notify.outbox import Claimed, NoticeState, OutboxStatus, receiver_id
from alerts.notify.policy import NotifyConfig
from alerts.notify.sender import Sender
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
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self, timeout_s: float = STOP_WITHIN_S) -> None:
        """End after the notice that is being sent; what waits is sent after the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def wake(self) -> None:
        """Say that there is something in the outbox."""
        self._wake.set()

    def status(self) -> OutboxStatus:
        """How sending goes. Raises RetryableError while the database is away."""
        with reading(self._engine) as session:
            return outbox.status(session, self._clock())

    def send_next(self) -> NoticeState | None:
        """Send one notice that is due; what became of it, or None if there was none.

        Raises RetryableError while the database is away.
        """
        with writing(self._engine) as session:
            claimed = outbox.claim(session, frozenset(self._urls), self._clock())
        if claimed is None:
            return None
        error = self._send(claimed)
        with writing(self._engine) as session:
            if error is None:
                outbox.sent(session, claimed, self._clock())
                state = NoticeState.SENT
            else:
                state = outbox.failed(session, claimed, self._clock(), error, self._rng)
        self._tell(claimed, state, error)
        return state

    def _send(self, claimed: Claimed) -> str | None:
        notice = claimed.notice
        text = in_languages(notice.message, self._config.languages)
        try:
            self._sender.send(self._urls[claimed.receiver], text, notice.severity, notice.facts)
        except Exception as error:  # noqa: BLE001  a receiver's plugin may raise anything; the others go on
            return str(error) or type(error).__name__
        return None

    def _tell(self, claimed: Claimed, state: NoticeState, error: str | None) -> None:
        facts = {"notice": claimed.notice.key, "receiver": claimed.receiver, "tries": claimed.tries}
        if error is None:
            log.info("notice sent", **facts)
        elif state is NoticeState.FAILED:
            log.error("notice given up", error=error, **facts)
        elif claimed.tries == 1:
            log.warning("notice not sent, will be tried again", error=error, **facts)

    def _run(self) -> None:
        said = ""
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                while not self._stopping.is_set() and self.send_next() is not None:
                    said = ""
            except IngestError as error:
                if str(error) != said:
                    log.warning("outbox cannot be read", error=str(error))
                    said = str(error)
            self._wake.wait(LOOK_EVERY_S)
