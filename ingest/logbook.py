"""Reads what was written down beside the readings: `time,site,device,event,code` (contract, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ingest.errors import InputError
from ingest.tables import read_table
from ingest.times import parse_time


class Event(StrEnum):
    """What kind of entry it is."""

    ERROR = "error"
    MAINTENANCE = "maintenance"
    FAILURE = "failure"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened to a device at `time` (ns UTC); usable from then on, never before."""

    time: int
    site: str
    device: str
    event: Event
    code: str


def read_logbook(path: Path) -> list[Entry]:
    """The entries of an events file, as they stand. Raises InputError naming file, line and what is wrong."""
    return [_entry(where, cells) for where, cells in read_table(path, ("time", "device", "event", "code"), ("site",))]


def _entry(where: str, cells: dict[str, str]) -> Entry:
    try:
        time = parse_time(cells["time"])
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    if cells["event"] not in list(Event):
        raise InputError(f"{where}: event {cells['event']!r} must be one of {', '.join(Event)}")
    return Entry(time, cells["site"] or "default", cells["device"], Event(cells["event"]), cells["code"])
