"""Publishes recorded readings again, with their recorded stamps, in the order of their files.

Several files are merged by row time: always the file goes on whose next row is oldest. Rows that follow each other
with the same site, device and time become one message, so the order in which a device's readings arrive stays that of
the file. Values go out as the shortest text that reads back as the same double.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from simulators.duration import NS
from simulators.errors import SimulatorError
from simulators.payloads.canonical import stamp_ms, telemetry_topic
from simulators.publish import MAX
from simulators.recorded import BadRow, Row, read_rows
from simulators.sessions import LAST_WORDS_S, Broker, Identity, Sessions

BAD_ROWS_KEPT = 1000


@dataclass(slots=True)
class Replayed:
    """What a replay did; `bad_rows` counts all, `bad` names the first of them."""

    rows: int = 0
    messages: int = 0
    bad_rows: int = 0
    bad: list[BadRow] = field(default_factory=list)


def replay(
    files: Sequence[Path],
    url: str,
    *,
    speed: float = 1.0,
    shift_to_now: bool = False,
    in_flight: int = 1000,
    stop: threading.Event | None = None,
) -> Replayed:
    """Publish `files` to the broker at `url`; with `shift_to_now`, moved so that the oldest row is now.

    At most `in_flight` messages are unacknowledged; returns when all are acknowledged. Raises SimulatorError on an
    unreadable file, a file without a usable row, or a broker that is away.
    """
    stop = stop or threading.Event()
    broker, done = Broker.of(url), Replayed()
    rows = merged(files, done)
    first = next(rows, None)  # what is wrong with the files is said before a broker is looked for
    if first is None:
        raise SimulatorError(_nothing_usable(files, done))
    shift = time.time_ns() // 1_000_000 * 1_000_000 - _oldest(files) if shift_to_now else 0
    sessions = Sessions(broker, [Identity(f"replay-{time.time_ns():x}")], in_flight)
    try:
        sessions.connect(stop.is_set)
        _play(chain([first], rows), sessions, speed, shift, stop, done)
        if stop.is_set():
            sessions.finish(LAST_WORDS_S)
        else:
            sessions.drain()
    finally:
        sessions.close()
    return done


def merged(files: Sequence[Path], done: Replayed) -> Iterator[Row]:
    """Rows of all files by row time, each file in its own order; equal times in order of the files."""
    sources = [_good_rows(path, done) for path in files]
    heads = [next(source, None) for source in sources]
    while True:
        waiting = [(row.time, number) for number, row in enumerate(heads) if row is not None]
        if not waiting:
            return
        _, number = min(waiting)
        head = heads[number]
        assert head is not None
        yield head
        heads[number] = next(sources[number], None)


def _good_rows(path: Path, done: Replayed) -> Iterator[Row]:
    for row in read_rows(path):
        if isinstance(row, Row):
            yield row
        else:
            done.bad_rows += 1
            if len(done.bad) < BAD_ROWS_KEPT:
                done.bad.append(row)


def messages(rows: Iterator[Row], shift: int = 0) -> Iterator[tuple[int, str, bytes, int]]:
    """(time, topic, payload, rows) of the rows, adjacent ones of one device and time joined."""
    group: list[Row] = []
    for row in rows:
        if group and not _joins(group, row):
            yield _message(group, shift)
            group = []
        group.append(row)
    if group:
        yield _message(group, shift)


def _joins(group: list[Row], row: Row) -> bool:
    first = group[0]
    same = (row.time, row.device, row.site) == (first.time, first.device, first.site)
    return same and all(row.metric != other.metric for other in group)


def _message(group: list[Row], shift: int) -> tuple[int, str, bytes, int]:
    first = group[0]
    body: dict[str, Any] = {
        "ts": stamp_ms(first.time + shift),
        "values": {row.metric: row.value for row in group},
    }
    units = {row.metric: row.unit for row in group if row.unit}
    if units:
        body["units"] = units
    return first.time + shift, telemetry_topic(first.site, first.device), orjson.dumps(body), len(group)


def _play(
    rows: Iterator[Row], sessions: Sessions, speed: float, shift: int, stop: threading.Event, done: Replayed
) -> None:
    begun, first = time.monotonic(), None
    for at, topic, payload, count in messages(rows, shift):
        first = at if first is None else first
        due = begun + (at - first) / NS / speed if speed != MAX else 0.0
        while (left := due - time.monotonic()) > 0 and not stop.is_set():
            sessions.service(min(left, 0.1))
        if stop.is_set():
            return
        sessions.publish(0, topic, payload)
        done.messages += 1
        done.rows += count


def _oldest(files: Sequence[Path]) -> int:
    return min(row.time for path in files for row in read_rows(path) if isinstance(row, Row))


def _nothing_usable(files: Sequence[Path], done: Replayed) -> str:
    why = f"; the first bad one: {done.bad[0]}" if done.bad else ""
    return f"{', '.join(map(str, files))}: no usable row{why}"
