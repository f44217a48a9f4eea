"""Waiting before trying again: longer and longer, with jitter, and saying what is wrong only when it changes."""

from __future__ import annotations

import threading
from random import Random

import structlog

from forewarn.live.health import Health

FIRST_S, LONGEST_S = 0.2, 30.0

log = structlog.get_logger(__name__)


class Backoff:
    """The tries of one thread at one part of the service; tells `health` how they go."""

    def __init__(
        self,
        part: str,
        health: Health,
        stopping: threading.Event,
        by: str = "",
        longest_s: float = LONGEST_S,
        rng: Random | None = None,
    ) -> None:
        self._by, self._longest_s = by, longest_s
        self._part, self._health, self._stopping, self._rng = part, health, stopping, rng or Random()
        self._delay_s = FIRST_S
        self._said: str | None = None

    def worked(self) -> None:
        """A try went well."""
        if self._said is not None:
            log.info("works again", part=self._part)
            self._said, self._delay_s = None, FIRST_S
            self._health.note(self._part, None, self._by)

    def failed(self, error: Exception) -> bool:
        """A try failed: wait before the next one; False if there is to be none because the service stops."""
        said = str(error) or type(error).__name__
        if said != self._said:
            log.warning("does not work, will be tried again", part=self._part, error=said)
            self._said = said
        self._health.note(self._part, said, self._by)
        self._stopping.wait(self._delay_s * self._rng.uniform(0.5, 1.0))
        self._delay_s = min(2 * self._delay_s, self._longest_s)
        return not self._stopping.is_set()
