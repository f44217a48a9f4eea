"""Remembers what a persistent session of a broker is subscribed to: MQTT has no way to ask.

A filter that is no longer in `mqtt.topics` goes on filling the session until somebody unsubscribes from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import orjson

from ingest.errors import IngestError
from ingest.spool import Spool

_NAME = "subscriptions"


class Subscriptions(Protocol):
    """What sessions are subscribed to."""

    def of(self, session: str) -> Sequence[str]:
        """The filters that were noted last for that session (broker and client id); none if it is another one."""
        ...

    def note(self, session: str, filters: Sequence[str]) -> None:
        """The session is subscribed to these and no others."""
        ...


class NoMemory:
    """Nothing is remembered."""

    def of(self, session: str) -> Sequence[str]:  # noqa: ARG002
        """None."""
        return ()

    def note(self, session: str, filters: Sequence[str]) -> None:
        """Forget it at once."""


class SpooledSubscriptions:
    """Remembers the subscriptions of one session, in the spool's file; of another session nothing is known."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def of(self, session: str) -> Sequence[str]:
        """The filters that were noted last, if it was for that session."""
        try:
            kept = self._spool.kept(_NAME)
        except IngestError:
            return ()
        said = orjson.loads(kept) if kept else {}
        return tuple(said["filters"]) if said.get("session") == session else ()

    def note(self, session: str, filters: Sequence[str]) -> None:
        """Keep the filters; where the file does not take them now, the next connection does."""
        if tuple(self.of(session)) == tuple(filters):
            return
        try:
            self._spool.keep(_NAME, orjson.dumps({"session": session, "filters": list(filters)}))
        except IngestError:
            return
