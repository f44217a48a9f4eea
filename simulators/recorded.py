"""Recorded readings from the contract's CSV files, row by row, bad rows set aside with their reason.

A row is a line: no name may hold a line end, so a quote that is not closed costs its own row only.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import math
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO

from simulators.duration import NS
from simulators.errors import SimulatorError
from simulators.names import name_problem

_REQUIRED = ("time", "device", "metric", "value")
_COLUMNS = (*_REQUIRED, "site", "unit")
_FRACTION = re.compile(r"(?<=:\d\d)[.,](\d+)")
_EPOCH_UNITS = ((10**11, NS), (10**14, 10**6), (10**17, 10**3))
"""Below the first number an epoch is in units of the second number of ns: s, ms, µs; ns from there on."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LONGEST_LINE = 1_000_000


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

    def __str__(self) -> str:
        """For people: where, and why."""
        return f"{self.file}: line {self.line}: {self.reason}"


def read_rows(path: Path) -> Iterator[Row | BadRow]:
    """Every row of a readings CSV, in file order. Raises SimulatorError if the file or its header is unusable."""
    with _opened(path) as file:
        lines = _lines(path, file)
        _, first = next(lines, (1, ""))
        column = _header(path, _split(first.removeprefix("\ufeff")) or [])
        width = column.pop("")
        for number, line in lines:
            row = _row(line, column, width)
            yield row if isinstance(row, Row) else BadRow(str(path), number, row)


def _lines(path: Path, file: IO[bytes]) -> Iterator[tuple[int, str]]:
    """Every line that holds something, with its number; bytes that are no UTF-8 stay recognisable."""
    number = 0
    while True:
        try:
            line = file.readline(_LONGEST_LINE)
        except (OSError, EOFError, zlib.error) as error:
            raise SimulatorError(f"{path}: cannot be read: {error}") from error
        if not line:
            return
        number += 1
        if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
            raise SimulatorError(f"{path}: line {number} is longer than {_LONGEST_LINE} bytes: is this a CSV?")
        text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
        if number == 1 or text.strip():
            yield number, text


def _header(path: Path, names: list[str]) -> dict[str, int]:
    """Where each column stands; under the empty name how many there are."""
    names = [name.strip().lower() for name in names]
    missing = [name for name in _REQUIRED if name not in names]
    if missing:
        raise SimulatorError(f"{path}: line 1: column {missing[0]!r} is missing; needed are {', '.join(_REQUIRED)}")
    twice = [name for name in _COLUMNS if names.count(name) > 1]
    if twice:
        raise SimulatorError(f"{path}: line 1: column {twice[0]!r} occurs twice")
    return {"": len(names)} | {name: names.index(name) for name in _COLUMNS if name in names}


def _split(line: str) -> list[str] | None:
    """The fields of a line; None where its quotes do not match."""
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error:
        return None


def _row(line: str, column: dict[str, int], width: int) -> Row | str:
    """The reading of a row, or why it is none."""
    fields = _split(line)
    if fields is None:
        return "the quotes do not match"
    if len(fields) != width:
        return f"{len(fields)} fields, not {width}"

    def field(name: str) -> str:
        return fields[column[name]].strip() if name in column else ""

    site, device, metric = field("site") or "default", field("device"), field("metric")
    for name, what in ((site, "site"), (device, "device"), (metric, "metric")):
        problem = name_problem(name, what)
        if problem:
            return problem
    time, value = parse_time(field("time")), _value(field("value"))
    if time is None:
        return f"time {field('time')!r} is neither ISO 8601 with a zone nor an epoch"
    if value is None:
        return f"value {field('value')!r} is not a finite number"
    return Row(time, site, device, metric, value, field("unit") or None)


def _value(text: str) -> float | None:
    """The finite number of a text; None if it is none."""
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def parse_time(text: str) -> int | None:
    """Epoch ns of ISO 8601 with a zone, or of an epoch number in s, ms, µs or ns (by its size); None if neither.

    >>> parse_time("2026-01-01T00:00:00.5Z") == parse_time("1767225600500")
    True
    """
    if text.isascii() and "_" not in text:
        try:
            return _epoch_ns(Decimal(text))
        except InvalidOperation:
            return _iso_ns(text)
    return None


def _iso_ns(text: str) -> int | None:
    fraction = _FRACTION.search(text)
    whole = text if fraction is None else text[: fraction.start()] + text[fraction.end() :]
    try:
        moment = dt.datetime.fromisoformat("" if "." in whole or "," in whole else whole.upper())
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    since = moment - _EPOCH
    ns = (since.days * 86_400 + since.seconds) * NS + since.microseconds * 1000
    ns += int(fraction[1][:9].ljust(9, "0")) if fraction else 0
    return ns if abs(ns) < 2**63 else None


def _epoch_ns(number: Decimal) -> int | None:
    if not number.is_finite() or not -(2**63) < number < 2**63:
        return None
    unit = next((ns for limit, ns in _EPOCH_UNITS if abs(number) < limit), 1)
    ns = int(number * unit)
    return ns if abs(ns) < 2**63 else None


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        raw = path.open("rb")
    except OSError as error:
        raise SimulatorError(f"{path}: cannot be read: {error.strerror}") from error
    with raw:
        yield gzip.GzipFile(fileobj=raw) if path.name.endswith(".gz") else raw  # type: ignore[misc]
