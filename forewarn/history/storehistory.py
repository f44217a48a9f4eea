"""The history of a running service as a backtest reads it: from its store, a stretch of time at a time.

Nothing of the service is changed: store and database are only read, also while it runs. A store keeps readings by
series and time: they come in order of event time, whatever the order of their arrival was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from alerts.alert import Explanation
from alerts.store import AlertStore
from forewarn.config.configured import make_store
from forewarn.config.registry_file import fill, read_registry
from forewarn.config.settings import Settings
from forewarn.database_admin import is_current
from forewarn.history.pairing import Recorded
from forewarn.report.words import told
from forewarn.retry import with_retries
from ingest.database import is_sqlite, make_engine
from ingest.errors import InputError
from ingest.log_store import LogFilter, LogStore
from ingest.logentry import LogEntry
from ingest.reading import NS_PER_DAY, NS_PER_SECOND, ROWS_AT_ONCE, Quality, ReadingBatch, TimeArray
from ingest.registry import Registry
from ingest.registry_store import RegistryStore
from ingest.stores.store import Points, TelemetryStore
from ingest.times import format_time

ROWS_WANTED = 1 << 18
"""Readings wanted of one stretch of time; it is made shorter or longer to fit."""
TOO_MANY = 4 * ROWS_WANTED
"""A stretch that brings more is given up and read in halves."""
FIRST_STRETCH = 3_600 * NS_PER_SECOND
SHORTEST, LONGEST = 60 * NS_PER_SECOND, 31 * NS_PER_DAY


@dataclass(frozen=True, slots=True)
class StoreHistory:
    """The readings of a store from `start` to `end` (ns UTC, end exclusive); they count from `count_from` on."""

    store: TelemetryStore
    database: sa.Engine
    start: int
    count_from: int
    end: int

    @property
    def paths(self) -> Sequence[Path]:
        """No files."""
        return ()

    def registry(self, settings: Settings) -> Registry:
        """The devices as the service knows them, with the `registry.file` of a configuration."""
        made = Registry()
        with_retries(lambda: RegistryStore(self.database).load(made))
        if settings.registry.file is not None:
            fill(made, read_registry(settings.registry.file))
        return made

    def batches(self, registry: Registry, on_bad_row: object) -> Iterator[ReadingBatch]:  # noqa: ARG002
        """The readings of every series that is known, in order of event time, then of the series' names.

        Raises InputError if there is none.
        """
        series = sorted(range(registry.n_series), key=registry.key)
        at, stretch, empty = self.start, FIRST_STRETCH, True
        while at < self.end:
            until = min(at + stretch, self.end)
            found = self._between(registry, series, at, until)
            if found is None:
                stretch = max(stretch // 2, SHORTEST)
                continue
            for first in range(0, len(found), ROWS_AT_ONCE):
                empty = False
                yield found[first : first + ROWS_AT_ONCE]
            at = until
            if len(found) < ROWS_WANTED // 2:
                stretch = min(2 * stretch, LONGEST)
        if empty:
            raise InputError(f"the store holds no reading from {format_time(self.start)} to {format_time(self.end)}")

    def entries(self) -> Sequence[LogEntry]:
        """What the service had in its log by `end`; work done long before the first reading counts as well."""
        return with_retries(lambda: list(LogStore(self.database).all(LogFilter(end=self.end))))

    def every(self, registry: Registry) -> Iterator[ReadingBatch]:
        """The same for a registry that may know nothing yet."""
        if not registry.n_series:
            with_retries(lambda: RegistryStore(self.database).load(registry))
        return self.batches(registry, None)

    def _between(self, registry: Registry, series: Sequence[int], start: int, end: int) -> ReadingBatch | None:
        """All readings of a stretch; None if there are too many and it can be shorter."""
        parts: list[tuple[int, Points]] = []
        rows = 0
        for number in series:
            for points in _pages(self.store, registry.key(number), start, end):
                parts.append((number, points))
                rows += len(points)
                if rows > TOO_MANY and end - start > SHORTEST:
                    return None
        time = np.concatenate([np.zeros(0, np.int64), *(points.time for _, points in parts)])
        value = np.concatenate([np.zeros(0), *(points.value for _, points in parts)])
        numbers = np.repeat(np.array([n for n, _ in parts], np.int32), [len(points) for _, points in parts])
        order: TimeArray = np.argsort(time, kind="stable")
        return ReadingBatch.of(numbers[order], time[order], value[order], int(Quality.RECORDED))

    def shown(self) -> Explanation:
        """That it is the store."""
        return told("from_store")


def _pages(store: TelemetryStore, key: tuple[str, str, str], start: int, end: int) -> Iterator[Points]:
    while start < end:
        points = with_retries(lambda: store.readings(*key, start, end, ROWS_AT_ONCE))  # noqa: B023  called at once
        if len(points):
            yield points
        if len(points) < ROWS_AT_ONCE:
            return
        start = int(points.time[-1]) + 1


@contextmanager
def open_history(settings: Settings, count_from: int, end: int, warm_up_ns: int) -> Iterator[StoreHistory]:
    """The store of these settings from `count_from` to `end` (ns UTC), and before that what is to teach only.

    Raises InputError where no service with these settings has run, or its database is of another release.
    """
    with ExitStack() as held:
        database = open_to_read(settings.database_url)
        held.callback(database.dispose)
        store = make_store(settings)
        held.callback(store.close)
        with_retries(store.prepare_to_read)
        yield StoreHistory(store, database, count_from - warm_up_ns, count_from, end)


def open_to_read(url: str) -> sa.Engine:
    """An engine for a database that is there and of this release. Raises InputError if it is not."""
    engine = make_engine(url)
    path = Path(str(engine.url.database))
    if is_sqlite(engine) and not path.is_file():
        raise InputError(f"{path}: there is no database: no service with these settings has run")
    if not with_retries(lambda: is_current(engine)):
        engine.dispose()
        raise InputError("the database is of another release: run `forewarn db upgrade`, or start the service once")
    return engine


def verdicts(database: sa.Engine) -> Callable[[int, int], list[Recorded]]:
    """Gives the alerts raised between two times of which people said whether they were right."""
    alerts = AlertStore(database)
    return lambda start, end: [Recorded(*pair) for pair in with_retries(lambda: alerts.judged(start, end))]
