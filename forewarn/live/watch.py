"""A thread that looks every few seconds after database, store, registry, inputs, models, shelves and notices."""

from __future__ import annotations

import threading
from collections.abc import Callable

import sqlalchemy as sa
import structlog

from forewarn.live.health import Health, reported
from ingest.database import reading
from ingest.errors import IngestError
from ingest.registry import Registry
from ingest.registry_store import RegistryStore
from ingest.stores.store import TelemetryStore

LOOK_EVERY_S = 2.0
PING_EVERY = 3
"""Servers are asked every third look."""

log = structlog.get_logger(__name__)


class Watch:
    """Notes in `health` what does not answer, and keeps what the registry learned."""

    def __init__(
        self,
        registry: Registry,
        records: RegistryStore,
        engine: sa.Engine,
        store: TelemetryStore,
        store_is_idle: Callable[[], bool],
        health: Health,
        look: Callable[[], None],
        look_at_models: Callable[[], None],
        end_shelves: Callable[[], None],
        troubled_notices: Callable[[], tuple[int, int]],
    ) -> None:
        self._registry, self._records, self._engine = registry, records, engine
        self._store, self._store_is_idle, self._health, self._look = store, store_is_idle, health, look
        self._look_at_models, self._end_shelves = look_at_models, end_shelves
        self._troubled_notices = troubled_notices
        self._told: set[str] = set()
        """The parts that were logged to be away."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End, and keep the registry once more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(1.0)
        self._try("database", self._keep)

    def _run(self) -> None:
        with reported("watch", self._health):
            looks = 0
            while not self._stopping.wait(LOOK_EVERY_S):
                self._look()
                self._try("database", self._keep)
                self._try("database", self._look_at_models)
                self._try("database", self._end_shelves)
                if looks % PING_EVERY == 0:
                    self.ask_servers()
                    self._try("database", self.look_at_notices)
                looks += 1

    def ask_servers(self) -> None:
        """Note whether database and store answer."""
        self._try("database", self._ping)
        if self._store_is_idle():
            self._try("store", self._store.ping)
        else:  # whoever writes to it knows better
            self._note("store", None, self._store.ping.__name__)

    def look_at_notices(self) -> None:
        """Note whether people can be told. Raises RetryableError while the database is away."""
        retrying, failed = self._troubled_notices()
        said = [f"{retrying} wait to be tried again"] * bool(retrying) + [f"{failed} given up in 24 h"] * bool(failed)
        self._health.degrade("notices", "; ".join(said) or None)

    def _try(self, part: str, call: Callable[[], object]) -> None:
        try:
            call()
        except IngestError as error:
            self._note(part, str(error), call.__name__)
        else:
            self._note(part, None, call.__name__)

    def _note(self, part: str, problem: str | None, by: str) -> None:
        """Note it, and log that a part is away, where nobody had noted it, and that it is back."""
        before = part in self._health.not_ready()
        self._health.note(part, problem, by)
        if problem is not None and not before:
            self._told.add(part)
            log.warning("does not answer", part=part, error=problem)
        elif part in self._told and part not in self._health.not_ready():
            self._told.remove(part)
            log.info("answers again", part=part)

    def _keep(self) -> None:
        self._records.save(self._registry)

    def _ping(self) -> None:
        with reading(self._engine) as session:
            session.execute(sa.text("SELECT 1"))
