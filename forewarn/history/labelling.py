"""`forewarn export labels`, and training on what the service knows: labels and log from its database."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from forewarn.atomicfile import write_atomically
from forewarn.retry import with_retries
from ingest.log_store import LogFilter, LogStore
from ingest.logentry import LogEntry
from ingest.times import format_time
from ingest.truth import COLUMNS
from workorders.findings import FindingStore
from workorders.labels import FoundLabel, labels

SOURCES = ("alert_ids", "work_orders", "codes")
"""Columns beside those of a truth file; several of them in a row are separated by a space."""


def read_log(database: sa.Engine, start: int | None = None) -> list[LogEntry]:
    """What was logged about devices, from `start` (ns UTC) on, oldest first."""
    return with_retries(lambda: list(LogStore(database).all(LogFilter(start=start))))


def read_labels(database: sa.Engine, reach: int) -> list[FoundLabel]:
    """The labels in a service's database; faults of a device less than `reach` (ns) apart are one."""
    _, findings = with_retries(lambda: FindingStore(database).since(0))
    return labels(findings, with_retries(LogStore(database).failures), reach)


def write_labels(path: Path, found: Sequence[FoundLabel]) -> None:
    """Write labels as a truth file with their sources. Raises InputError if that is not possible."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow((*COLUMNS, *SOURCES))
    out.writerows(_row(one) for one in found)
    write_atomically(path, text.getvalue().encode())


def _row(one: FoundLabel) -> tuple[str, ...]:
    label = one.label
    times = format_time(label.start), format_time(label.end)
    sources = (" ".join(ids) for ids in (one.alerts, one.orders, one.codes))
    return (label.site, label.device, label.metric or "", *times, label.kind, *sources)
