"""Recorded readings from the contract's CSV files, row by row, bad rows set aside with their reason."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import math
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from simulators.duration import NS
from simulators.errors import SimulatorError
from simulators.names import name_problem

_REQUIRED = ("time", "device", "metric", "value")
_EPOCH = re.compile(r"[+-]?\d+(\.\d+)?")
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9})\d*)?\s*(Z|z|[+-]\d{2}:?\d{2}|[+-]\d{2})"
)
_LARGEST_FIELD = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One recorded reading; `time` in ns UTC."""

    time: int
    site: str
    device: str
    metric: str
    value: float
    unit: str | None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no reading: where it is and why."""

    file: str
    line: int
    reason: str


def read_rows(path: Path) -> Iterator[Row | BadRow]:
    """Every row of a readings CSV, in file order. Raises SimulatorError if the file or its header is unusable."""
    csv.field_size_limit(_LARGEST_FIELD)
    with _opened(path) as text:
        reader = csv.reader(text)
        try:
            header = [name.strip().lstrip("\ufeff") for name in next(reader, [])]
            column = {name: number for number, name in enumerate(header)}
            missing = [name for name in _REQUIRED if name not in column]
            if missing:
                raise SimulatorError(
                    f"{path}: line 1: column {missing[0]!r} is missing; needed are {', '.join(_REQUIRED)}"
                )
            yield from _rows(path, reader, column)
        except (csv.Error, UnicodeDecodeError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise SimulatorError(f"{path}: line {reader.line_num}: cannot be read: {error}") from error


def _rows(path: Path, reader: Iterator[list[str]], column: dict[str, int]) -> Iterator[Row | BadRow]:
    for fields in reader:
        if not fields:
            continue
        row = _row(fields, column)
        yield row if isinstance(row, Row) else BadRow(str(path), reader.line_num, row)  # type: ignore[attr-defined]


def _row(fields: list[str], column: dict[str, int]) -> Row | str:
    """The reading of a row, or why it is none."""

    def field(name: str) -> str:
        number = column.get(name, -1)
        return fields[number].strip() if 0 <= number < len(fields) else ""

    site, device, metric = field("site") or "default", field("device"), field("metric")
    for name, what in ((site, "site"), (device, "device"), (metric, "metric")):
        problem = name_problem(name, what)
        if problem:
            return problem
    time = parse_time(field("time"))
    if time is None:
        return f"time {field('time')!r} is neither ISO 8601 with a zone nor an epoch"
    try:
        value = float(field("value"))
    except ValueError:
        return f"value {field('value')!r} is not a number"
    if not math.isfinite(value):
        return f"value {field('value')!r} is not finite"
    return Row(time, site, device, metric, value, field("unit") or None)


def parse_time(text: str) -> int | None:
    """Epoch ns of ISO 8601 with a zone, or of an epoch number in s, ms, µs or ns (by its size); None if neither.

    >>> parse_time("2026-01-01T00:00:00.5Z") == parse_time("1767225600500")
    True
    """
    if _EPOCH.fullmatch(text):
        return _epoch_ns(text)
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    date, clock, fraction, zone = match.groups()
    try:
        moment = dt.datetime.fromisoformat(f"{date}T{clock}{zone.upper()}")
        seconds = int(moment.timestamp())
    except (ValueError, OverflowError):
        return None
    return seconds * NS + int((fraction or "").ljust(9, "0"))


def _epoch_ns(text: str) -> int | None:
    whole, _, fraction = text.partition(".")
    digits = len(whole.lstrip("+-"))
    scale = NS if digits <= 11 else 10**6 if digits <= 14 else 10**3 if digits <= 17 else 1
    if digits > 19:
        return None
    part = int((fraction or "").ljust(18, "0")[:18]) * scale // 10**18
    return int(whole) * scale + (-part if whole.startswith("-") else part)


@contextmanager
def _opened(path: Path) -> Iterator[Iterable[str]]:
    try:
        raw = path.open("rb")
    except OSError as error:
        raise SimulatorError(f"{path}: cannot be read: {error.strerror}") from error
    with raw:
        file = gzip.GzipFile(fileobj=raw) if path.name.endswith(".gz") else raw
        with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
            yield text
