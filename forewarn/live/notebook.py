"""What is kept of the run without telling anybody: log entries, and what a shadow model would have raised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from alerts.alert import AlertEvent
from alerts.model_store import ModelStore
from alerts.shadow_store import ShadowStore
from ingest.log_store import LogStore
from ingest.logentry import Arrived


@dataclass(frozen=True, slots=True)
class Notes:
    """What there is to keep of a batch."""

    entries: Sequence[Arrived] = ()
    shadow: str | None = None
    """Digest of the shadow model; `raised` is what it would have raised."""
    raised: Sequence[AlertEvent] = ()
    began_at: int | None = None
    """Event time (ns UTC) at which the shadow began to judge, if it did with this batch."""

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.entries or self.raised or self.began_at is not None)


NO_NOTES = Notes()


class Notebook:
    """Writes notes into the database behind `engine`; the same notes again change nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._log, self._shadow, self._models = LogStore(engine), ShadowStore(engine), ModelStore(engine)

    def note(self, notes: Notes) -> None:
        """Keep them. Raises RetryableError while the database is away or busy."""
        self._log.add(notes.entries)
        if notes.shadow is not None:
            self._shadow.record(notes.shadow, notes.raised)
            if notes.began_at is not None:
                self._models.begin(notes.shadow, notes.began_at)
