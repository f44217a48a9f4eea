"""What the service holds while it runs: its folder, its ports, the spool, the store and the database."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from forewarn.config.configured import make_store
from forewarn.config.settings import Settings
from forewarn.live.folder import DataFolder
from forewarn.live.ports import check_free, listen
from ingest.database import make_engine
from ingest.errors import RetryableError
from ingest.inbox import FILE_NAME, inbox_file
from ingest.rejects import Rejects
from ingest.spool import Spool
from ingest.stores.store import TelemetryStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Resources:
    """Open files, sockets and connections."""

    listening: socket.socket
    spool: Spool
    rejects: Rejects
    store: TelemetryStore
    database: sa.Engine


@contextmanager
def opened(settings: Settings) -> Iterator[Resources]:
    """The resources of those settings, closed in the end. Raises InputError where something is not to be had."""
    with ExitStack() as stack:
        stack.enter_context(DataFolder(settings.data.dir))
        if settings.mqtt.embedded:
            check_free(settings.mqtt.host, settings.mqtt.port, "mqtt.port")
        listening = stack.enter_context(listen(settings.http.host, settings.http.port, "http.port"))
        local = inbox_file(settings.data.dir / FILE_NAME)
        local.open()
        stack.callback(local.close)
        spool = Spool(local, max_bytes=settings.ingest.spool_size)
        spool.open()
        store = make_store(settings)
        stack.callback(store.close)
        try:
            store.prepare()
        except RetryableError as error:  # the spool keeps what comes until the store is there
            log.warning("the store is not ready, will be tried again", error=str(error))
        database = make_engine(settings.database_url)
        stack.callback(database.dispose)
        yield Resources(listening, spool, Rejects(local), store, database)
