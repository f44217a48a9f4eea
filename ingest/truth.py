"""Reads ground truth: `site,device,metric,start,end,kind` (contract, section 4)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import InputError
from ingest.times import parse_time

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
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            missing = set(COLUMNS) - set(reader.fieldnames or ())
            if missing:
                raise InputError(f"{path}: column {min(missing)!r} is missing; a truth file has {','.join(COLUMNS)}")
            return [_label(row, f"{path}:{reader.line_num}") for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def _label(row: dict[str, str | None], where: str) -> Label:
    if any(row[column] is None for column in COLUMNS):
        raise InputError(f"{where}: has fewer than {len(COLUMNS)} fields")
    cells = {column: row[column] or "" for column in COLUMNS}
    try:
        start, end = parse_time(cells["start"]), parse_time(cells["end"])
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    if end < start:
        raise InputError(f"{where}: end {cells['end']} is before start {cells['start']}")
    metric = None if cells["metric"] in {"", "*"} else cells["metric"]
    return Label(cells["site"] or "default", cells["device"], metric, start, end, cells["kind"])
