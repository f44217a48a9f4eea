"""Trying again while a store is away: a command does so for half a minute, then it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from ingest.errors import RetryableError

TRIES = 6
FIRST_WAIT_S = 1.0
"""Tried again after 1, 2, 4, 8 and 16 s; the command may be run again later."""

T = TypeVar("T")


def with_retries(call: Callable[[], T]) -> T:
    """What `call` returns, once it does. Raises RetryableError if it still does not work at the last try."""
    for attempt in range(TRIES - 1):
        try:
            return call()
        except RetryableError:
            time.sleep(FIRST_WAIT_S * 2**attempt)
    return call()
