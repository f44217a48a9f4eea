"""Calls that a thread of the pipeline makes for requests, between two pieces of its own work."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
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
        """Have it done; what it returns or raises. Raises RetryableError if that takes too long."""
        done, given, failed, given_up = threading.Event(), list[T](), list[Exception](), threading.Event()

        def run() -> None:
            try:
                if not given_up.is_set():
                    given.append(do())
            except Exception as error:  # noqa: BLE001  it is the request's, and must not end the thread
                failed.append(error)
            done.set()

        self._waiting.append(run)
        self._wake()
        if not done.wait(WITHIN_S):
            given_up.set()
            raise RetryableError("the service is too busy at the moment")
        if failed:
            raise failed[0]
        return given[0]

    def run(self, stopping: threading.Event) -> None:
        """Run what waits, until the thread is to stop."""
        while self._waiting and not stopping.is_set():
            self._waiting[0]()
            self._waiting.popleft()
