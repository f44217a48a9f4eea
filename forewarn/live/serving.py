"""Runs a service in the foreground until somebody asks for its end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import structlog

from forewarn.live.service import Service

STOP_WITHIN_S = 4.5
"""What does not end by itself is cut off; everything acknowledged is durable by then."""

log = structlog.get_logger(__name__)


@contextmanager
def asked_to_stop() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets instead of ending the process; a second time ends it at once."""
    asked = threading.Event()

    def ask(number: int, _frame: FrameType | None) -> None:
        if asked.is_set():
            os._exit(128 + number)
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_in_time(service: Service) -> None:
    """Stop the service; the process ends after `STOP_WITHIN_S` whatever happens."""

    def cut_off() -> None:
        log.error("the service did not stop in time and is cut off")
        os._exit(1)

    timer = threading.Timer(STOP_WITHIN_S, cut_off)
    timer.daemon = True
    timer.start()
    service.stop()
    timer.cancel()


def serve(service: Service) -> None:
    """Start the service, and stop it when asked to. Raises InputError where settings do not allow the start."""
    with asked_to_stop() as asked:
        service.start()
        while not asked.wait(3600):
            pass
        stop_in_time(service)
