"""Keeps log entries in the SQL database: each once, whoever tells it how often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ingest.database import Base, reading, upsert, writing
from ingest.logentry import Arrived, Event, LogEntry
from ingest.paging import DEFAULT_LIMIT, Page, after_cursor, checked_limit, encode_cursor
from ingest.registry import DeviceKey


class LogRow(Base):
    """One entry."""

    __tablename__ = "log_entry"
    __table_args__ = (sa.Index(None, "time", "id"), sa.Index(None, "site", "device", "time"))

    id: Mapped[str] = mapped_column(primary_key=True)
    site: Mapped[str]
    device: Mapped[str]
    time: Mapped[int]
    event: Mapped[str]
    code: Mapped[str]
    received_at: Mapped[int]


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which entries to list; None means all. `start` is inclusive and `end` exclusive, ns UTC."""

    site: str | None = None
    device: str | None = None
    event: Event | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry as it is kept; its site is known."""

    id: str
    entry: LogEntry
    received_at: int


class LogStore:
    """The entries in the database behind `engine`. Every method raises RetryableError while it is away."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, entries: Sequence[Arrived]) -> None:
        """Keep entries; one that is there already stays as it is, but for its arrival."""
        rows = {row["id"]: row for row in map(_row, entries)}
        if rows:
            with writing(self._engine) as session:
                upsert(session, LogRow, list(rows.values()))

    def list(self, wanted: LogFilter, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Page[Kept]:
        """Entries, newest first. Raises InputError on a bad cursor or limit."""
        query = (
            sa.select(LogRow)
            .where(*_conditions(wanted), after_cursor(LogRow.time, LogRow.id, cursor))
            .order_by(LogRow.time.desc(), LogRow.id.desc())
            .limit(checked_limit(limit) + 1)
        )
        with reading(self._engine) as session:
            found = [_kept(row) for row in session.scalars(query)]
        more = len(found) > limit
        last = found[limit - 1] if more else None
        return Page(tuple(found[:limit]), encode_cursor(last.entry.time, last.id) if last is not None else None)

    def all(self, wanted: LogFilter) -> Iterator[LogEntry]:
        """All of them, oldest first."""
        query = sa.select(LogRow).where(*_conditions(wanted)).order_by(LogRow.time, LogRow.id)
        with reading(self._engine) as session:
            for row in session.scalars(query.execution_options(yield_per=1_000)):
                yield _kept(row).entry

    def failures(self, start: int | None = None) -> Sequence[tuple[DeviceKey, int]]:
        """Device and event time (ns UTC) of every failure, from `start` on, oldest first."""
        wanted = LogFilter(event=Event.FAILURE, start=start)
        return [((entry.site or "", entry.device), entry.time) for entry in self.all(wanted)]


def _row(one: Arrived) -> dict[str, object]:
    entry = one.entry
    said = (entry.site or "", entry.device, str(entry.time), entry.event, entry.code)
    return {
        "id": "l-" + blake2b("\0".join(said).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest(),
        "site": entry.site or "",
        "device": entry.device,
        "time": entry.time,
        "event": str(entry.event),
        "code": entry.code,
        "received_at": one.received_at,
    }


def _kept(row: LogRow) -> Kept:
    return Kept(row.id, LogEntry(row.time, row.site, row.device, Event(row.event), row.code), row.received_at)


def _conditions(wanted: LogFilter) -> list[sa.ColumnElement[bool]]:
    equal = {LogRow.site: wanted.site, LogRow.device: wanted.device, LogRow.event: wanted.event}
    conditions = [column == value for column, value in equal.items() if value is not None]
    if wanted.start is not None:
        conditions.append(LogRow.time >= wanted.start)
    return conditions if wanted.end is None else [*conditions, LogRow.time < wanted.end]
