"""How fast readings get in and out of files and stores, each beside a plain reference in the same run.

    forewarn bench stores [--rows N] [--devices N] [--influx URL]

Figures are rows per CPU second of this process, and per second of time where a disk or a server takes part. A row is
one reading. `--influx` names a server that may be written to: a database `forewarn-bench` is made there and dropped.
"""

from __future__ import annotations

import argparse
import csv
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ingest.csvfile import read_batches
from ingest.inbox import inbox_file
from ingest.keyed import KeyedBatch, SeriesNames
from ingest.keyedscores import KeyedScores
from ingest.reading import ReadingBatch
from ingest.registry import Registry
from ingest.spool import Consumer, Spool
from ingest.stores.lineprotocol import last_values, reading_lines, score_lines
from ingest.stores.sqlite import SqliteStore
from ingest.times import format_times

METRICS = ("temperature", "humidity", "vibration")
START = 1_767_225_600 * 10**9
BATCH_ROWS = 15_000
DATABASE = "forewarn-bench"


@dataclass(frozen=True, slots=True)
class Figure:
    """What one way of doing the work came to, for `rows` readings."""

    what: str
    rows: int
    cpu_s: float
    wall_s: float


@dataclass(frozen=True, slots=True)
class Load:
    """Readings of a fleet: every device reports all its metrics once a minute."""

    registry: Registry
    names: SeriesNames
    batches: tuple[ReadingBatch, ...]

    @property
    def rows(self) -> int:
        """Readings in all batches."""
        return sum(map(len, self.batches))

    def keyed(self) -> list[KeyedBatch]:
        """The batches by name."""
        return [KeyedBatch.of(batch, self.names, START) for batch in self.batches]

    def scores(self) -> list[KeyedScores]:
        """A score for every reading."""
        return [
            KeyedScores(k.names, k.key, k.time, k.value, np.abs(k.value) % 1, k.value, k.value - 1, k.value + 1)
            for k in self.keyed()
        ]


def make_load(rows: int, devices: int) -> Load:
    """`rows` readings of `devices` devices, in batches as a busy broker brings them."""
    registry = Registry()
    for number in range(devices):
        for metric in METRICS:
            registry.series("plant", f"device-{number:05d}", metric)
    series = (np.arange(rows) % (devices * len(METRICS))).astype(np.int32)
    times = START + np.arange(rows) // (devices * len(METRICS)) * 60 * 10**9
    values = np.random.default_rng(0).normal(20, 2, rows).round(3)
    batches = [
        ReadingBatch.of(series[at : at + BATCH_ROWS], times[at : at + BATCH_ROWS], values[at : at + BATCH_ROWS])
        for at in range(0, rows, BATCH_ROWS)
    ]
    return Load(registry, SeriesNames(registry), tuple(batches))


def measured(what: str, rows: int, work: Callable[[], object]) -> Figure:
    """Do the work and look at the clocks."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Figure(what, rows, time.process_time() - cpu, time.perf_counter() - wall)


def main(arguments: Sequence[str]) -> int:
    """Measure everything and print a table per piece of work."""
    parser = argparse.ArgumentParser(prog="forewarn bench stores", description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--devices", type=int, default=5_000)
    parser.add_argument("--influx", metavar="URL")
    given = parser.parse_args(arguments)
    load = make_load(given.rows, given.devices)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="forewarn-bench-", dir=os.curdir) as name:
        folder = Path(name)
        show(console, "CSV into batches", csv_figures(load, folder))
        show(console, "line protocol", line_figures(load))
        show(console, "spool: durable arrival log", list(spool_figures(load, folder)))
        show(console, "embedded store", list(store_figures(load, folder)))
    if given.influx:
        show(console, f"InfluxDB at {given.influx}", list(influx_figures(load, given.influx)))
    return 0


def show(console: Console, title: str, figures: Sequence[Figure]) -> None:
    """A table; ratios are against the first figure, the reference."""
    table = Table("", "rows/CPU s", "ratio", "rows/s", "ratio", title=title, title_justify="left")
    first = figures[0]
    for one in figures:
        per_cpu, per_s = one.rows / max(one.cpu_s, 1e-9), one.rows / max(one.wall_s, 1e-9)
        table.add_row(
            one.what,
            f"{per_cpu:,.0f}",
            f"{per_cpu / (first.rows / max(first.cpu_s, 1e-9)):.2f}",
            f"{per_s:,.0f}",
            f"{per_s / (first.rows / max(first.wall_s, 1e-9)):.2f}",
        )
    console.print(table)


def csv_figures(load: Load, folder: Path) -> list[Figure]:
    """Reading a file, beside the csv module that only splits it."""
    path = folder / "readings.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("time", "site", "device", "metric", "value", "unit"))
        for batch in load.batches:
            keys = [load.registry.key(number) for number in batch.series.tolist()]
            columns = zip(format_times(batch.time), keys, batch.value.tolist(), strict=True)
            writer.writerows((at, *key, value, "") for at, key, value in columns)

    def split() -> None:
        with path.open(newline="", encoding="utf-8") as file:
            for _ in csv.reader(file):
                pass

    def read() -> None:
        for _ in read_batches([path], Registry(), lambda *_: None):
            pass

    return [measured("csv.reader", load.rows, split), measured("read_batches", load.rows, read)]


def line_figures(load: Load) -> list[Figure]:
    """Formatting, beside the client library's own way for a part of the rows."""
    from influxdb_client.client.write.point import Point

    keyed = load.keyed()
    some = load.batches[0][: BATCH_ROWS // 3 * 3]

    def stock() -> None:
        values, times = some.value.tolist(), some.time.tolist()
        for row in range(0, len(some), 3):
            site, device, _ = load.registry.key(int(some.series[row]))
            point: Any = Point("telemetry")  # type: ignore[no-untyped-call]
            point.tag("site", site).tag("device", device)
            for metric, value in zip(METRICS, values[row : row + 3], strict=True):
                point.field(metric, value)
            point.time(times[row]).to_line_protocol()

    return [
        measured("Point(...).to_line_protocol()", len(some), stock),
        measured("reading_lines", load.rows, lambda: [reading_lines(k, last_values(k.key, k.time)) for k in keyed]),
        measured("score_lines", load.rows, lambda: [score_lines(k, last_values(k.key, k.time)) for k in load.scores()]),
    ]


def spool_figures(load: Load, folder: Path) -> Iterator[Figure]:
    """Making batches durable, beside a row for each reading in a plain SQLite table, and bare writes with fsync."""
    keyed = load.keyed()

    def plain() -> None:
        with sqlite3.connect(folder / "plain.db", isolation_level=None) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("CREATE TABLE r (site TEXT, device TEXT, metric TEXT, time INTEGER, value REAL)")
            for k in keyed:
                db.execute("BEGIN")
                rows = zip(k.key.tolist(), k.time.tolist(), k.value.tolist(), strict=True)
                db.executemany("INSERT INTO r VALUES (?, ?, ?, ?, ?)", ((*k.names[n], t, v) for n, t, v in rows))
                db.execute("COMMIT")
        db.close()

    def bare() -> None:
        with (folder / "bare").open("wb", buffering=0) as file:
            for blob in blobs:
                file.write(blob)
                os.fsync(file.fileno())

    yield measured("plain SQLite, a row each, a commit a batch", load.rows, plain)
    yield measured("by name (KeyedBatch.of)", load.rows, load.keyed)
    blobs = [k.encode() for k in keyed]
    yield measured("bare write and fsync of the bytes", load.rows, bare)
    local = inbox_file(folder / "spool.db")
    local.open()
    spool = Spool(local)
    spool.open()
    yield measured("Spool.append", load.rows, lambda: [spool.append(k) for k in keyed])
    yield measured("Spool.read", load.rows, lambda: [spool.read(n, 1) for n in range(len(keyed))])

    def mark() -> None:
        for position in range(1, len(keyed) + 1):
            spool.mark(Consumer.STORE, position)

    yield measured("marks", load.rows, mark)
    yield measured(
        "checkpoint of 10 MB, and trimming", load.rows, lambda: spool.save_checkpoint(spool.last, os.urandom(10**7))
    )
    local.close()


def store_figures(load: Load, folder: Path) -> Iterator[Figure]:
    """The embedded store, beside an append-only and a keyed table of plain SQLite."""
    keyed, scores = load.keyed(), load.scores()

    def plain(name: str, key: str) -> Callable[[], None]:
        def work() -> None:
            with sqlite3.connect(folder / name, isolation_level=None) as db:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute(f"CREATE TABLE r (series INTEGER, time INTEGER, value REAL{key}")
                for batch in load.batches:
                    columns = (batch.series.tolist(), batch.time.tolist(), batch.value.tolist())
                    db.execute("BEGIN")
                    db.executemany("INSERT OR REPLACE INTO r VALUES (?, ?, ?)", zip(*columns, strict=True))
                    db.execute("COMMIT")
            db.close()

        return work

    keyed_table = ", PRIMARY KEY (series, time)) WITHOUT ROWID"
    yield measured("plain SQLite, append only", load.rows, plain("append.db", ")"))
    yield measured("plain SQLite, (series, time) key", load.rows, plain("keyed.db", keyed_table))
    store = SqliteStore(folder / "telemetry.db")
    store.prepare()
    yield measured("SqliteStore.write", load.rows, lambda: [store.write(k) for k in keyed])
    yield measured("SqliteStore.write_scores", load.rows, lambda: [store.write_scores(s) for s in scores])
    first = load.registry.key(0)
    found = len(store.readings(*first, START, 2**62, 10**9))
    yield measured("readings of a series", found, lambda: store.readings(*first, START, 2**62, 10**9))
    store.close()


def influx_figures(load: Load, url: str) -> Iterator[Figure]:
    """A server, beside the same lines posted as they are."""
    import httpx

    from ingest.stores.influxdb import InfluxStore

    store = InfluxStore(url, DATABASE)
    store.prepare()
    keyed, scores = load.keyed(), load.scores()
    bodies = [reading_lines(k, last_values(k.key, k.time)).encode() for k in keyed]

    def post() -> None:
        with httpx.Client(base_url=url, params={"db": DATABASE, "precision": "ns"}, timeout=60) as client:
            for body in bodies:
                client.post("/write", content=body).raise_for_status()

    yield measured("ready-made lines, posted", load.rows, post)
    yield measured("InfluxStore.write", load.rows, lambda: [store.write(k) for k in keyed])
    yield measured("InfluxStore.write_scores", load.rows, lambda: [store.write_scores(s) for s in scores])
    httpx.post(f"{url}/query", data={"q": f'DROP DATABASE "{DATABASE}"'}, timeout=60)
    store.close()
