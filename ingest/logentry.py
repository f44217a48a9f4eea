"""What is written down about a device beside its readings: an error, maintenance, a failure, a mark."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Event(StrEnum):
    """What kind of entry it is."""

    ERROR = "error"
    MAINTENANCE = "maintenance"
    FAILURE = "failure"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Something that happened to a device at `time` (ns UTC); usable from then on, never before."""

    time: int
    site: str | None
    """None: not said; the device of that name, wherever it is."""
    device: str
    event: Event
    code: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """An entry that came in at `received_at` (ns UTC), before row `row` of the readings that came with it."""

    row: int
    received_at: int
    entry: LogEntry
