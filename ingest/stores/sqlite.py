"""The embedded store: readings and scores in one SQLite file, for a site without a time-series server.

Rows lie ordered by (part, series, time). A part is six hours of event time: what is written lately lies together
whatever the number of series, a series is found with one look per part, and retention drops the oldest part whole.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import apsw
import numpy as np
from numpy.typing import NDArray

from ingest.columns import SeriesName
from ingest.keyed import KeyedBatch
from ingest.keyedscores import KeyedScores
from ingest.reading import NS_PER_SECOND, FloatArray, IntArray, TimeArray
from ingest.sqlitefile import SqliteFile
from ingest.stores.store import Buckets, Points, Refused, ScorePoints

FILE_NAME = "telemetry.db"
"""Its name in `data.dir`."""

PART_NS = 6 * 3600 * NS_PER_SECOND

STEP_ROWS = 20_000
"""Rows deleted in one transaction: some tens of milliseconds, for which a writer may have to wait."""

UPKEEP_S = 0.5
"""How long one call of `maintain` may go on."""

SPARE_BYTES = 64 << 20
"""Free space that the file keeps; what is beyond goes back to the disk."""

VERSION = 1

SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, device TEXT NOT NULL, metric TEXT NOT NULL,
    UNIQUE (site, device, metric)
) STRICT;
CREATE TABLE IF NOT EXISTS part (part INTEGER PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS reading (
    part INTEGER NOT NULL, series INTEGER NOT NULL, time INTEGER NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (part, series, time)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS score (
    part INTEGER NOT NULL, series INTEGER NOT NULL, time INTEGER NOT NULL,
    score REAL NOT NULL, p_value REAL NOT NULL, expected REAL, low REAL, high REAL,
    PRIMARY KEY (part, series, time)
) STRICT, WITHOUT ROWID
"""

_TABLES = ("reading", "score")

_PUT_READING = """
INSERT INTO reading VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value
"""
_PUT_SCORE = """
INSERT INTO score VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    score = excluded.score, p_value = excluded.p_value,
    expected = excluded.expected, low = excluded.low, high = excluded.high
"""
_RANGE = """
FROM part CROSS JOIN {table} AS row ON row.part = part.part AND series = :series AND time >= :start AND time < :end
WHERE part.part BETWEEN :first AND :last
"""
_READINGS = f"SELECT time, value {_RANGE.format(table='reading')} ORDER BY part.part, time LIMIT :limit"
_SCORES = (
    f"SELECT time, score, p_value, expected, low, high {_RANGE.format(table='score')}"
    " ORDER BY part.part, time LIMIT :limit"
)
_BUCKETS = (
    "SELECT time / :interval * :interval AS begin, min(value), avg(value), max(value), count(*)"
    f" {_RANGE.format(table='reading')} GROUP BY begin ORDER BY begin LIMIT :limit"
)


class SqliteStore:
    """A `TelemetryStore` in one file. `retention` bounds the age of what is kept, `max_bytes` its size.

    Both are held by whole parts, oldest first, so up to six hours more than `retention` are there. None: no bound.
    """

    def __init__(self, path: Path, *, retention: timedelta | None = None, max_bytes: int | None = None) -> None:
        self._file = SqliteFile(path, SCHEMA, VERSION, cache_mb=64)
        self._retention, self._max_bytes = retention, max_bytes
        self._series: dict[SeriesName, int] = {}

    def prepare(self) -> None:
        """Open or create the file."""
        self._file.open()
        self._read_names()

    def prepare_to_read(self) -> None:
        """Open the file that is there, for reading alone."""
        self._file.open_to_read()
        self._read_names()

    def _read_names(self) -> None:
        with self._file.look() as db:
            rows = db.execute("SELECT site, device, metric, id FROM series")
            self._series = {(site, device, metric): number for site, device, metric, number in rows}

    def ping(self) -> None:
        """Return if the file can be read."""
        with self._file.look() as db:
            db.execute("SELECT 1 FROM part LIMIT 1").fetchall()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    # -- writing -------------------------------------------------------------------------------------------------
    def write(self, readings: KeyedBatch) -> list[Refused]:
        """Keep readings, durably; a value that is no finite number is refused."""
        return self._put(_PUT_READING, readings.names, readings.key, readings.time, [readings.value])

    def write_scores(self, scores: KeyedScores) -> list[Refused]:
        """Keep scores, durably."""
        return self._put(_PUT_SCORE, scores.names, scores.key, scores.time, scores.floats(), needed=2)

    def _put(
        self,
        statement: str,
        names: Sequence[SeriesName],
        key: IntArray,
        times: TimeArray,
        floats: Sequence[FloatArray],
        needed: int = 1,
    ) -> list[Refused]:
        """Upsert rows in order; the first `needed` of the `floats` must be finite, the others are NULL where not."""
        good = np.logical_and.reduce([np.isfinite(column) for column in floats[:needed]])
        refused = [Refused(row, "the value is no finite number") for row in np.flatnonzero(~good).tolist()]
        with self._file.change() as db:
            learned = self._learn(db, [names[number] for number in np.unique(key[good]).tolist()])
            series = np.array([self._series.get(name) or learned.get(name, 0) for name in names], np.int64)[key]
            part = times // PART_NS
            order = np.lexsort((times, series, part))  # stable: rows of one key stay in order, the last one wins
            order = order[good[order]]
            parts = [(one,) for one in np.unique(part[order]).tolist()]
            db.executemany("INSERT INTO part VALUES (?) ON CONFLICT DO NOTHING", parts)
            columns = [part[order].tolist(), series[order].tolist(), times[order].tolist()]
            columns += [column[order].tolist() for column in floats]  # SQLite takes NaN for NULL
            db.executemany(statement, zip(*columns, strict=True))
        if learned:
            self._series = self._series | learned  # a new one: other threads read the old one meanwhile
        return refused

    def _learn(self, db: apsw.Connection, names: Sequence[SeriesName]) -> dict[SeriesName, int]:
        """Numbers for names that have none yet."""
        learned = {}
        for name in names:
            if name not in self._series:
                query = "INSERT INTO series (site, device, metric) VALUES (?, ?, ?) RETURNING id"
                learned[name] = int(db.execute(query, name).get)
        return learned

    # -- reading -------------------------------------------------------------------------------------------------
    def readings(self, site: str, device: str, metric: str, start: int, end: int, limit: int) -> Points:
        """The first `limit` readings of that range."""
        rows = self._rows(_READINGS, 2, (site, device, metric), start, end, limit=limit)
        return Points(rows[0].astype(np.int64), rows[1].astype(np.float64))

    def aggregate(
        self, site: str, device: str, metric: str, start: int, end: int, interval: int, limit: int
    ) -> Buckets:
        """The first `limit` intervals (of `interval` ns) that hold readings of that range."""
        rows = self._rows(_BUCKETS, 5, (site, device, metric), start, end, limit=limit, interval=interval)
        low, mean, high = (column.astype(np.float64) for column in rows[1:4])
        return Buckets(rows[0].astype(np.int64), low, mean, high, rows[4].astype(np.int64))

    def scores(self, site: str, device: str, metric: str, start: int, end: int, limit: int) -> ScorePoints:
        """The first `limit` scores of that range."""
        rows = self._rows(_SCORES, 6, (site, device, metric), start, end, limit=limit)
        return ScorePoints(rows[0].astype(np.int64), *(column.astype(np.float64) for column in rows[1:]))

    def _rows(
        self, query: str, width: int, name: SeriesName, start: int, end: int, **values: int
    ) -> list[NDArray[np.object_]]:
        """The columns of the rows found; NULL is None."""
        series = self._series.get(name)
        if series is None or start >= end:
            return [np.empty(0, object)] * width
        parts = {"first": start // PART_NS, "last": (end - 1) // PART_NS}
        with self._file.look() as db:
            found = db.execute(query, {"series": series, "start": start, "end": end, **parts, **values}).fetchall()
        if not found:
            return [np.empty(0, object)] * width
        columns = []
        for column in zip(*found, strict=True):
            array = np.empty(len(column), object)
            array[:] = column
            columns.append(array)
        return columns

    # -- upkeep --------------------------------------------------------------------------------------------------
    def _parts(self) -> list[int]:
        with self._file.look() as db:
            return [part for (part,) in db.execute("SELECT part FROM part ORDER BY part")]

    def maintain(self, now: int) -> None:
        """Delete what is too old or too much, oldest first, for at most half a second."""
        until = time.monotonic() + UPKEEP_S
        while time.monotonic() < until and self._shed(now):
            pass
        spare = SPARE_BYTES
        if self._max_bytes is not None:
            spare = min(spare, max(0, self._max_bytes - self._file.used_bytes()))
        self._file.shrink(spare)

    def _shed(self, now: int) -> bool:
        """Delete some rows of the oldest part if it has to go; whether there may be more to do."""
        parts = self._parts()
        if parts and self._retention is not None:
            kept_from = now - round(self._retention.total_seconds() * NS_PER_SECOND)
            if (parts[0] + 1) * PART_NS <= kept_from:
                self._drop_step(parts[0])
                return True
        if parts and self._max_bytes is not None and self._file.used_bytes() > self._max_bytes:
            if len(parts) > 1:
                self._drop_step(parts[0])
                return True
            return self._thin(parts[0])
        return False

    def _drop_step(self, part: int) -> None:
        """Delete some rows of a part; the part itself with the last of them."""
        with self._file.change(durable=False) as db:
            for table in _TABLES:
                keys = f"SELECT series, time FROM {table} WHERE part = ? ORDER BY series, time LIMIT 1 OFFSET ?"  # noqa: S608
                beyond = db.execute(keys, (part, STEP_ROWS)).fetchall()
                if beyond:
                    query = f"DELETE FROM {table} WHERE part = ? AND (series, time) < (?, ?)"  # noqa: S608
                    db.execute(query, (part, *beyond[0]))
                    return
                db.execute(f"DELETE FROM {table} WHERE part = ?", (part,))  # noqa: S608
            db.execute("DELETE FROM part WHERE part = ?", (part,))

    def _thin(self, part: int) -> bool:
        """Delete the oldest eighth of a part's span of time; whether that was anything."""
        with self._file.change(durable=False) as db:
            first, last = db.execute("SELECT min(time), max(time) FROM reading WHERE part = ?", (part,)).get
            if first is None or first == last:
                return False
            cut = first + (last - first) // 8 + 1
            for table in _TABLES:
                db.execute(f"DELETE FROM {table} WHERE part = ? AND time < ?", (part, cut))  # noqa: S608
        return True
