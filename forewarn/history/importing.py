"""`forewarn import`: history into the store, and through the engine so that baselines are warm; nobody is told.

    files ─▶ batches ─▶ Engine ─▶ store: readings and scores          in the end: registry, checkpoint

Alerts that history would have raised are forgotten. Of alerts that were open before, what history adds is recorded,
their return say, and no more. The service must not run meanwhile: it would not learn what the import teaches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from alerts.alert import AlertEvent, Confirmed, Returned
from alerts.model_store import ModelStore
from alerts.notify.policy import NotifyConfig
from api.board import Board
from forewarn.config.configured import engine_config, make_store
from forewarn.config.registry_file import fill, read_registry
from forewarn.config.settings import Settings
from forewarn.database_admin import open_database
from forewarn.engine import Engine, EngineConfig, StateError
from forewarn.history.logfeed import LogFeed
from forewarn.history.rejectlog import RejectLog
from forewarn.live.checkpoint import Checkpoint
from forewarn.live.folder import DataFolder
from forewarn.live.modelwatch import ModelLoader, as_saved
from forewarn.retry import with_retries
from ingest.csvblocks import OnBadRow
from ingest.csvfile import read_batches
from ingest.inbox import FILE_NAME, inbox_file
from ingest.keyed import KeyedBatch, SeriesNames
from ingest.keyedscores import KeyedScores
from ingest.log_store import LogStore
from ingest.logbook import read_logbook
from ingest.logentry import Arrived, LogEntry
from ingest.reading import NS_PER_SECOND, ReadingBatch
from ingest.registry import Registry
from ingest.registry_store import RegistryStore
from ingest.spool import Spool
from ingest.stores.store import Refused, TelemetryStore
from models.supervised.eventlog import Logged
from workorders.desk import Desk

NOTHING = Checkpoint(b"", [], b"")

REJECTS_NAME = "rejects.csv"
"""In `data.dir`: the rows of the last import that could not be used."""


@dataclass(slots=True)
class Imported:
    """What became of the rows."""

    readings: int = 0
    judged: int = 0
    late: int = 0
    duplicate: int = 0
    conflict: int = 0
    refused: int = 0
    """Points that the store refused for good."""
    refusal: str = ""
    """Its reason for one of them."""
    bad_rows: int = 0
    problems: list[str] = field(default_factory=list)
    """A sentence for each model that should have looked and could not."""
    entries: list[Arrived] = field(default_factory=list)
    """Log entries of devices with readings."""
    entries_left: int = 0
    """Those that were left out."""
    events: list[AlertEvent] = field(default_factory=list)
    """What happened to alerts that were open before."""


def import_files(
    files: Sequence[Path],
    registry: Registry,
    engine: Engine,
    store: TelemetryStore,
    board: Board,
    on_bad_row: OnBadRow,
    *,
    now: int,
    future_ns: int,
    progress: Callable[[int], None] | None = None,
    entries: Sequence[LogEntry] = (),
) -> Imported:
    """Judge and store the readings of `files`; `now` is clock time in ns UTC. Raises InputError on a bad file.

    `entries` of a log come in where their time comes in the rows; those that came in are in the result.
    """
    names, told, before = SeriesNames(registry), Imported(), engine.open_alerts
    latest = now + future_ns
    batches = read_batches(files, registry, on_bad_row, latest=latest)
    for batch, come in _with_log(batches, LogFeed(entries, registry), latest):
        told.entries += [Arrived(0, now, LogEntry(e.time, e.site, e.device, e.event, e.code)) for e in come]
        outcome = engine.process(batch, come)
        kept = KeyedBatch.of(batch[~outcome.duplicate], names, now)
        scores = KeyedScores.of(outcome.scores, names)
        _note_refused(told, with_retries(lambda: store.write(kept)))  # noqa: B023  called at once
        _note_refused(told, with_retries(lambda: store.write_scores(scores)))  # noqa: B023
        told.events += [
            event for event in outcome.events if isinstance(event, Confirmed | Returned) and event.alert_id in before
        ]
        board.note(batch, now)
        told.readings += len(batch)
        told.judged += outcome.counts.judged
        told.late += outcome.counts.late
        told.duplicate += outcome.counts.duplicate
        told.conflict += outcome.counts.conflict
        if progress is not None:
            progress(told.readings)
    engine.forget_alerts(before)
    board.note_warm(engine.warm, engine.enough_at)
    told.entries_left = len(entries) - len(told.entries)
    return told


def _with_log(
    batches: Iterable[ReadingBatch], feed: LogFeed, latest: int
) -> Iterator[tuple[ReadingBatch, Sequence[Logged]]]:
    """The batches with what was logged meanwhile; what was logged after the last reading comes with an empty one."""
    for batch in batches:
        yield batch, feed.before(batch)
    if rest := feed.rest(latest):
        yield ReadingBatch.empty(), rest


def _note_refused(told: Imported, refused: Sequence[Refused]) -> None:
    told.refused += len(refused)
    if refused:
        told.refusal = refused[0].reason


def run_import(
    files: Sequence[Path],
    settings: Settings,
    progress: Callable[[int], None] | None = None,
    clock: Callable[[], int] = time.time_ns,
    log: Path | None = None,
) -> Imported:
    """Import into what `settings` name. Raises InputError if the service runs or a file is of no use."""
    entries = read_registry(settings.registry.file) if settings.registry.file is not None else ()
    config = engine_config(settings)
    logged = read_logbook(log) if log is not None else ()
    with ExitStack() as held:
        held.enter_context(DataFolder(settings.data.dir))
        database = open_database(settings.database_url)
        held.callback(database.dispose)
        registry, records = Registry(), RegistryStore(database)
        records.load(registry)
        fill(registry, entries)
        spool = held.enter_context(_opened_spool(settings))
        loader = ModelLoader(ModelStore(database), settings.models.suppress_baseline)
        engine, position, before = _restored(registry, config, spool, loader)
        problems = _look_on(engine, loader) if spool.last <= position else []
        board = Board()
        board.restore(before.board, registry)
        store = make_store(settings)
        held.callback(store.close)
        with_retries(store.prepare)
        rejects = held.enter_context(_rejects(files, settings.data.dir / REJECTS_NAME))
        future_ns = round(settings.ingest.future.total_seconds() * NS_PER_SECOND)
        told = import_files(
            files,
            registry,
            engine,
            store,
            board,
            rejects.add,
            now=clock(),
            future_ns=future_ns,
            progress=progress,
            entries=logged,
        )
        told.bad_rows, told.problems = len(rejects), problems
        records.save(registry)
        LogStore(database).add(told.entries)
        Desk(database, registry, NotifyConfig()).record(told.events, clock())
        spool.save_checkpoint(position, *replace(before, engine=engine.save(), board=board.save(registry)).encode())
    return told


@contextmanager
def _opened_spool(settings: Settings) -> Iterator[Spool]:
    local = inbox_file(settings.data.dir / FILE_NAME)
    local.open()
    try:
        spool = Spool(local, max_bytes=settings.ingest.spool_size)
        spool.open()
        yield spool
    finally:
        local.close()


@contextmanager
def _rejects(files: Sequence[Path], path: Path) -> Iterator[RejectLog]:
    """Takes the rows that cannot be used; they are in the file at `path` in the end, however that comes."""
    path.unlink(missing_ok=True)
    with RejectLog(files) as rejects:
        try:
            yield rejects
        finally:
            if rejects:
                rejects.write(path)


def _restored(
    registry: Registry, config: EngineConfig, spool: Spool, loader: ModelLoader
) -> tuple[Engine, int, Checkpoint]:
    """The engine as it was saved, the position of the spool that belongs to it, and the rest of the checkpoint."""
    saved = spool.load_checkpoint()
    if saved is None:
        return Engine(registry, config), 0, NOTHING
    position, blob = saved
    try:
        checkpoint = Checkpoint.decode(blob)
        engine, _ = as_saved(checkpoint.engine, registry, config, loader)
    except StateError:  # as the service does: it starts without its memory
        return Engine(registry, config), position, NOTHING
    return engine, position, checkpoint


def _look_on(engine: Engine, loader: ModelLoader) -> list[str]:
    """Let the models of the registry learn from history as well; a sentence for each that cannot.

    Not while readings wait to be judged again: the models that judged them go first, and the service sees to that.
    """
    models, problems, _ = loader.wanted()
    if models.digests != engine.models.digests:
        engine.use(models)
    return problems
