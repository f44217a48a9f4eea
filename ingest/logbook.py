"""Reads what was written down beside the readings: `time,site,device,event,code` (contract, section 4)."""

from __future__ import annotations

from pathlib import Path

from ingest.errors import InputError
from ingest.logentry import Event, LogEntry
from ingest.tables import read_table
from ingest.times import parse_time


def read_logbook(path: Path) -> list[LogEntry]:
    """The entries of an events file, as they stand. Raises InputError naming file, line and what is wrong."""
    return [_entry(where, cells) for where, cells in read_table(path, ("time", "device", "event", "code"), ("site",))]


def _entry(where: str, cells: dict[str, str]) -> LogEntry:
    try:
        time = parse_time(cells["time"])
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    if cells["event"] not in list(Event):
        raise InputError(f"{where}: event {cells['event']!r} must be one of {', '.join(Event)}")
    return LogEntry(time, cells["site"] or None, cells["device"], Event(cells["event"]), cells["code"])
