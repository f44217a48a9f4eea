"""A service without its inputs: the real engine, stores and desk in a folder, filled with a small site's readings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter

from alerts.alert import AlertEvent, Opened
from alerts.budget import Budget
from alerts.notify.policy import NotifyConfig
from alerts.store import AlertStore
from api.access.links import LinkStore
from api.access.store import AccessStore
from api.board import Board
from api.deps import Deps
from api.hub import Hub
from api.publish import publish_changes, publish_readings
from forewarn.engine import Engine, EngineConfig
from forewarn.live.receiving import Entry
from forewarn.live.replaying import Replaying
from ingest.adapters import make_adapters
from ingest.adapters.mapping import Mapping
from ingest.adapters.options import Options
from ingest.database import Base, make_engine
from ingest.decode import Decoder
from ingest.errors import RetryableError
from ingest.inbox import FILE_NAME, inbox_file
from ingest.keyed import KeyedBatch, SeriesNames
from ingest.keyedscores import KeyedScores
from ingest.log_store import LogStore
from ingest.logentry import Arrived
from ingest.message import LOG, Message
from ingest.names import name_problem
from ingest.reading import NS_PER_SECOND, ReadingBatch
from ingest.registry import Registry
from ingest.registry_store import RegistryStore
from ingest.rejects import Rejects
from ingest.stores.sqlite import SqliteStore
from models.detectors.limits import LimitRule
from workorders.complaints import Complaints
from workorders.desk import Changes, Desk
from workorders.findings import FindingStore
from workorders.past import PastStore
from workorders.review import ModelReviews
from workorders.store import OrderStore

MINUTE = 60 * NS_PER_SECOND
NOW = 1_780_000_000 * NS_PER_SECOND
"""2026-05-28T20:26:40Z."""


@dataclass(frozen=True)
class Rejected:
    """A value that the stand-in for the input did not take."""

    index: int
    metric: str | None
    reason: str


@dataclass
class Result:
    """What became of telemetry."""

    accepted: int
    rejected: list[Rejected]


@dataclass
class Site:
    """The parts behind an API, and how to drive them."""

    registry: Registry
    board: Board
    engine: Engine
    desk: Desk
    telemetry: SqliteStore
    rejects: Rejects
    database: sa.Engine
    hub: Hub = field(default_factory=Hub)
    now: int = NOW
    down: dict[str, str] = field(default_factory=dict)
    degraded: dict[str, str] = field(default_factory=dict)
    full: bool = False
    submitted: list[object] = field(default_factory=list)

    def deps(self) -> Deps:
        """What the API is made of."""
        metrics = CollectorRegistry()
        Counter("forewarn_readings_received", "Readings that arrived.", registry=metrics).inc(3)
        return Deps(
            registry=self.registry,
            records=RegistryStore(self.database),
            board=self.board,
            telemetry=self.telemetry,
            rejects=self.rejects,
            alerts=AlertStore(self.database),
            orders=OrderStore(self.database),
            complaints=Complaints(self.database, self.registry, NotifyConfig()),
            findings=FindingStore(self.database),
            past=PastStore(self.database),
            links=LinkStore(self.database),
            access=AccessStore(self.database),
            hub=self.hub,
            submit=self.submit,
            submit_log=self.submit_log,
            log=LogStore(self.database),
            replays=self.replays(),
            unshelve=lambda *asked: self._publish(self.desk.unshelve(*asked), lambda _: "unshelved"),
            models=ModelReviews(self.database),
            looking=lambda: self.engine.models.digests,
            not_ready=lambda: self.down,
            degraded=lambda: self.degraded,
            metrics=metrics,
            clock=lambda: self.now,
            loopback=True,
            version="0.0.0",
            zone=ZoneInfo("Asia/Shanghai"),
            budget=Budget(1.0, "month"),
        )

    def decoder(self, mappings: Sequence[Mapping]) -> Decoder:
        """What reads rejects."""
        adapters = make_adapters(Options(mappings=tuple(mappings)))
        return Decoder(timedelta(hours=24), timedelta(hours=1), 2**20, adapters)

    def replays(self) -> Replaying:
        """Replays rejects in the thread of the request."""
        return Replaying(
            self.registry,
            self.rejects,
            self.telemetry,
            self.decoder,
            lambda: self.now,
            self.keep,
            lambda do: do(),
            lambda do: do(),
            lambda count: None,
        )

    def keep(self, entry: Entry, also: Callable[[], object]) -> None:
        """Stands in for the spool: straight to the store."""
        if self.full:
            raise RetryableError("the spool is full")
        self.telemetry.write(entry.batch)
        also()

    def submit_log(self, objects: Sequence[object]) -> Result:
        """Stands in for input and pipeline: what can be read is kept at once."""
        if self.full:
            raise RetryableError("the spool is full")
        decoded = self.decoder(()).decode([Message(LOG, b"", self.now, objects=objects)])
        LogStore(self.database).add([Arrived(0, self.now, entry) for _, _, entry in decoded.entries])
        rejected = [Rejected(problem.item, problem.metric, problem.reason) for problem in decoded.problems]
        return Result(len(decoded.entries), rejected)

    def submit(self, objects: Sequence[object]) -> Result:
        """Stands in for the input: takes values of objects with a device, one by one."""
        if self.full:
            raise RetryableError("the spool is full")
        self.submitted.extend(objects)
        result = Result(0, [])
        for index, one in enumerate(objects):
            named = isinstance(one, dict) and name_problem(one.get("device"), "device") is None
            values = one.get("values") if named and isinstance(one, dict) else None
            if not isinstance(values, dict):
                result.rejected.append(Rejected(index, None, "no device or no values"))
                continue
            for metric, value in values.items():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    result.accepted += 1
                else:
                    result.rejected.append(Rejected(index, metric, "is no number"))
        return result

    def feed(self, batch: ReadingBatch) -> None:
        """Take readings the way the service does: judge, record, store, tell."""
        outcome = self.engine.process(batch)
        names = SeriesNames(self.registry)
        self.telemetry.write(KeyedBatch.of(batch, names, self.now))
        self.telemetry.write_scores(KeyedScores.of(outcome.scores, names))
        self.board.note(batch, self.now)
        self.board.note_warm(self.engine.warm, self.engine.enough_at)
        self._record(outcome.events)
        publish_readings(self.hub, self.registry, outcome.scores)

    def _record(self, events: Sequence[AlertEvent]) -> None:
        opened = {event.alert.id for event in events if isinstance(event, Opened)}
        self._publish(self.desk.record(events, self.now), lambda id_: "opened" if id_ in opened else "updated")

    def _publish(self, changes: Changes, how: Callable[[str], str]) -> None:
        publish_changes(self.hub, self.registry, changes, how)


@contextmanager
def site(folder: Path, now: int = NOW, limits: tuple[LimitRule, ...] = ()) -> Iterator[Site]:
    """A site without devices."""
    inbox, telemetry = inbox_file(folder / FILE_NAME), SqliteStore(folder / "telemetry.db")
    database = make_engine(f"sqlite:///{folder / 'forewarn.db'}")
    registry = Registry()
    inbox.open()
    telemetry.prepare()
    Base.metadata.create_all(database)
    try:
        yield Site(
            registry,
            Board(),
            Engine(registry, EngineConfig(limits=limits)),
            Desk(database, registry, NotifyConfig()),
            telemetry,
            Rejects(inbox),
            database,
            now=now,
        )
    finally:
        database.dispose()
        telemetry.close()
        inbox.close()
