"""Reads ground truth: `site,device,metric,start,end,kind` (contract, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ingest.errors import InputError
from ingest.tables import read_table
from ingest.times import parse_time

FAILURE, FAULT, NORMAL = "failure", "fault", "not_anomaly"
"""Kinds with a meaning: a breakdown at `end`; something that people found and put right by `end`; nothing was wrong."""
COLUMNS = ("site", "device", "metric", "start", "end", "kind")


@dataclass(frozen=True, slots=True)
class Label:
    """A known fault or failure, event times in ns UTC; `metric` None means the whole device."""

    site: str
    device: str
    metric: str | None
    start: int
    end: int
    kind: str


def read_truth(path: Path) -> list[Label]:
    """The labels of a truth file. Raises InputError naming file, line and what is wrong."""
    return [_label(where, cells) for where, cells in read_table(path, COLUMNS)]


def _label(where: str, cells: dict[str, str]) -> Label:
    try:
        start, end = parse_time(cells["start"]), parse_time(cells["end"])
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    if end < start:
        raise InputError(f"{where}: end {cells['end']} is before start {cells['start']}")
    metric = None if cells["metric"] in {"", "*"} else cells["metric"]
    return Label(cells["site"] or "default", cells["device"], metric, start, end, cells["kind"])
