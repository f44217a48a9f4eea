"""What is kept of the run without telling anybody: log entries, and what a shadow model would have raised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import sqlalchemy as sa

from alerts.alert import AlertEvent
from alerts.shadow_store import ShadowStore
from ingest.log_store import LogStore
from ingest.logentry import Arrived

Notes: TypeAlias = tuple[Sequence[Arrived], str | None, Sequence[AlertEvent]]
"""Log entries, the digest of the shadow model, and what it would have raised."""
NO_NOTES: Notes = ((), None, ())


class Notebook:
    """Writes notes into the database behind `engine`; the same notes again change nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._log, self._shadow = LogStore(engine), ShadowStore(engine)

    def note(self, entries: Sequence[Arrived], shadow: str | None, noted: Sequence[AlertEvent]) -> None:
        """Keep them. Raises RetryableError while the database is away or busy."""
        self._log.add(entries)
        if shadow is not None:
            self._shadow.record(shadow, noted)
