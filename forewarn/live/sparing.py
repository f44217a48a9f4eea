"""Logging that does not fill the disk: what goes on and on is said at once, and then once a minute with how often."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

TELL_EVERY_S = 60.0


class Sparing:
    """Says one kind of thing by `say(number, **facts)`; the facts are those of the first since it was said last."""

    def __init__(self, say: Callable[..., None], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._say, self._monotonic = say, monotonic
        self._number = 0
        self._facts: dict[str, Any] = {}
        self._next_at = float("-inf")

    def add(self, number: int, **facts: Any) -> None:
        """It happened so many times."""
        if not self._number:
            self._facts = facts
        self._number += number
        self.tell()

    def tell(self) -> None:
        """Say what was not said yet, if it is time; to be called now and then."""
        if self._number and self._monotonic() >= self._next_at:
            number, self._number = self._number, 0
            self._next_at = self._monotonic() + TELL_EVERY_S
            self._say(number, **self._facts)
