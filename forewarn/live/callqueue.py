"""Calls that a thread of the pipeline makes for requests, between two pieces of its own work."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from typing import TypeVar

from ingest.errors import RetryableError

T = TypeVar("T")
WITHIN_S = 10.0


class CallQueue:
    """Any thread has something called and waits for it, one thread runs the calls. A request has one at a time."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: deque[Callable[[], None]] = deque()

    def __len__(self) -> int:
        """Calls that wait, the running one with them."""
        return len(self._waiting)

    def call(self, do: Callable[[], T]) -> T:
        """Have it called; what it returns or raises. Raises RetryableError if that takes too long."""
        result: Future[T] = Future()
        self._waiting.append(partial(_run, do, result))
        self._wake()
        if not wait([result], WITHIN_S).done:
            result.cancel()  # unless it runs already
            raise RetryableError("the service is too busy at the moment")
        return result.result()

    def run(self, stopping: threading.Event) -> None:
        """Run what waits, until the thread is to stop."""
        while self._waiting and not stopping.is_set():
            self._waiting[0]()
            self._waiting.popleft()


def _run(do: Callable[[], T], result: Future[T]) -> None:
    """Call it, unless nobody waits any more; what it raises is the request's, and must not end the thread."""
    if result.set_running_or_notify_cancel():
        try:
            result.set_result(do())
        except Exception as error:  # noqa: BLE001  see above
            result.set_exception(error)
