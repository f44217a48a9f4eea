"""One readings CSV as blocks of columns: lines are split, times and values parsed, bad rows told.

A field never spans lines, since no name may hold a line end: a quote that is not closed costs its own row only.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np

from ingest.errors import InputError, said_by
from ingest.measure import Key
from ingest.names import name_problem
from ingest.reading import FloatArray, IntArray, TimeArray
from ingest.times import EARLIEST, LATEST, parse_times, stamp_problem

REQUIRED = ("time", "device", "metric", "value")
COLUMNS = (*REQUIRED, "site", "unit")
DEFAULT_SITE = "default"

MAX_LINE_BYTES = 1 << 20
"""A longer line is none of a readings CSV; it ends the reading, so that a file of another kind cannot fill memory."""

OnBadRow = Callable[[Path, int, str, str], None]
"""Called with file, line (from 1, the header's), reason and the row's text for every row that cannot be used."""


@dataclass(frozen=True, slots=True)
class Block:
    """Parsed rows of one file: columns of one length; `key` is an index into the table of keys."""

    file: int
    key: IntArray
    time: TimeArray
    value: FloatArray
    line: IntArray
    """Line of the file, from 1; its text is `text[line - first_line]`."""
    first_line: int
    text: Sequence[str]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.key)


class KeyTable:
    """The (site, device, metric, unit) that occur, shared by all files of a run."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self._number: dict[tuple[str, str, str, str], int] = {}
        self._problem: dict[int, str] = {}

    def numbers(self, columns: Sequence[Sequence[str]]) -> IntArray:
        """The number of the key of every row, from the columns site, device, metric and unit."""
        found = list(map(self._number.get, zip(*columns, strict=True)))
        if None in found:
            rows = zip(found, zip(*columns, strict=True), strict=True)
            found = [self._add(*texts) if number is None else number for number, texts in rows]
        return np.array(found, np.int32)

    def _add(self, site: str, device: str, metric: str, unit: str) -> int:
        number = self._number.setdefault((site, device, metric, unit), len(self.keys))
        if number == len(self.keys):
            site, device, metric = site.strip() or DEFAULT_SITE, device.strip(), metric.strip()
            self.keys.append((site, device, metric, unit or None))
            problem = name_problem(site, "site") or name_problem(device, "device") or name_problem(metric, "metric")
            if problem:
                self._problem[number] = problem
        return number

    def problems(self, key: IntArray) -> dict[int, str]:
        """The reason by row for rows whose names are impossible."""
        if not self._problem:
            return {}
        bad = np.flatnonzero(np.isin(key, list(self._problem)))
        return {row: self._problem[int(key[row])] for row in bad.tolist()}


class CsvFile:
    """One CSV file, read block by block; a text is parsed once, here."""

    def __init__(
        self, number: int, path: Path, keys: KeyTable, on_bad_row: OnBadRow, latest: int | None, block_bytes: int
    ) -> None:
        self.number, self.path = number, path
        self._keys, self._on_bad_row, self._latest, self._block_bytes = keys, on_bad_row, latest, block_bytes
        self._stream: io.BufferedIOBase | None = None
        self._rest = b""
        self._first_text = ""
        self._line = 1
        self._width = 0
        self._at: dict[str, int] = {}
        self._refused: list[tuple[int, str, str]] = []
        """Of the block at hand: some are found only when its rows are placed."""

    def open(self) -> None:
        """Open the file and read its header. Raises InputError if that is not possible."""
        try:
            self._stream = gzip.GzipFile(self.path) if self.path.suffix == ".gz" else self.path.open("rb")
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {said_by(error)}") from error
        first, _, self._first_text = self._next_text().partition("\n")
        self._read_header([name.strip().lower() for name in _split(first.removeprefix("\ufeff")) or []])
        self._line = 2

    def _read_header(self, header: list[str]) -> None:
        missing = [name for name in REQUIRED if name not in header]
        if missing:
            found = ", ".join(header)[:200]
            told = f"column {missing[0]!r} is missing; found {found!r}"
            if not found.isprintable():
                told = "is no text in UTF-8 (what is compressed with gzip has a name that ends in .gz)"
            raise InputError(f"{self.path}: line 1: {told}, needed are {', '.join(REQUIRED)}")
        twice = [name for name in COLUMNS if header.count(name) > 1]
        if twice:
            raise InputError(f"{self.path}: line 1: column {twice[0]!r} occurs twice")
        self._width = len(header)
        self._at = {name: header.index(name) for name in COLUMNS if name in header}

    def close(self) -> None:
        """Close the file if it is open."""
        if self._stream is not None:
            self._stream.close()

    def refuse(self, line: int, reason: str, text: str) -> None:
        """Note a bad row; `tell` tells the caller."""
        self._refused.append((line, reason, text))

    def tell(self) -> None:
        """Tell the caller of the bad rows noted so far, in the order of their lines."""
        for line, reason, text in sorted(self._refused):
            printable = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            self._on_bad_row(self.path, line, reason, printable)
        self._refused.clear()

    def blocks(self) -> Iterator[Block]:
        """The rows of the file, a block at a time. Raises InputError where the file breaks off."""
        text, self._first_text = self._first_text, ""
        while text or (text := self._next_text()):
            lines = text.removesuffix("\n").split("\n")
            self.tell()
            block = self._parse(text, lines)
            self._line += len(lines)
            text = ""
            if block is not None and len(block):
                yield block

    def _next_text(self) -> str:
        """Some more whole lines; nothing at the end of the file."""
        assert self._stream is not None
        while True:
            try:
                read = self._stream.read(self._block_bytes)
            except (OSError, EOFError, zlib.error) as error:
                raise InputError(f"{self.path}: cannot be read: {said_by(error)}") from error
            end = read.rfind(b"\n") + 1 if read else len(self._rest)
            if end or not read:
                whole, self._rest = (self._rest + read[:end], read[end:]) if read else (self._rest, b"")
                text = whole.decode("utf-8", "surrogateescape")
                return text.replace("\r\n", "\n") if "\r" in text else text
            self._rest += read
            if len(self._rest) > MAX_LINE_BYTES:
                raise InputError(
                    f"{self.path}: line {self._line} is longer than {MAX_LINE_BYTES} bytes: is this a CSV?"
                )

    def _parse(self, text: str, lines: list[str]) -> Block | None:
        columns, kept = self._columns(text, lines)
        if not len(kept):
            return None
        nothing = ("",) * len(kept)
        names = [columns[self._at[n]] if n in self._at else nothing for n in ("site", "device", "metric", "unit")]
        key = self._keys.numbers(names)
        time, no_time = parse_times(columns[self._at["time"]])
        value, no_value = parse_values(columns[self._at["value"]])
        reasons = no_value | self._outside(time) | no_time | self._keys.problems(key)
        line = np.asarray(kept, np.int32) + np.int32(self._line)
        for row in sorted(reasons):
            self.refuse(int(line[row]), reasons[row], lines[kept[row]])
        good = np.ones(len(line), bool)
        good[list(reasons)] = False
        return Block(self.number, key[good], time[good], value[good], line[good], self._line, lines)

    def _columns(self, text: str, lines: list[str]) -> tuple[Sequence[Sequence[str]], Sequence[int]]:
        """The columns of the lines that have as many fields as the header, and which lines those are."""
        commas = self._width - 1
        if '"' not in text and set(map(str.count, lines, repeat(","))) == {commas}:
            flat = text.removesuffix("\n").replace("\n", ",").split(",")
            return [flat[at :: self._width] for at in range(self._width)], range(len(lines))
        kept: list[int] = []
        rows: list[list[str]] = []
        for row, line in enumerate(lines):
            fields = _split(line)
            if fields is not None and len(fields) == self._width:
                kept.append(row)
                rows.append(fields)
            elif line.strip():
                told = "the quotes do not match" if fields is None else f"{len(fields)} fields, not {self._width}"
                self.refuse(self._line + row, told, line)
        return list(zip(*rows, strict=True)), kept

    def _outside(self, time: TimeArray) -> dict[int, str]:
        outside = (time < EARLIEST) | (time > (LATEST if self._latest is None else self._latest))
        return {row: stamp_problem(int(time[row]), self._latest) or "" for row in np.flatnonzero(outside).tolist()}


def _split(line: str) -> list[str] | None:
    """The fields of one line; None where its quotes do not match. A field never spans lines: no name may."""
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error:
        return None


def parse_values(texts: Sequence[str]) -> tuple[FloatArray, dict[int, str]]:
    """The finite numbers in a column of texts, and the reason by row where there is none.

    >>> parse_values(["21.5", "nan"])[1]
    {1: "value 'nan' is not a finite number"}
    """
    try:
        joined = "".join(texts)
        if not joined.isascii() or "_" in joined:
            raise ValueError
        values = np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        values = np.array([_value(text) for text in texts])
    bad = np.flatnonzero(~np.isfinite(values)).tolist()
    return values, {row: _value_problem(texts[row]) for row in bad}


def _value(text: str) -> float:
    try:
        return float(text) if text.isascii() and "_" not in text else np.nan
    except ValueError:
        return np.nan


def _value_problem(text: str) -> str:
    text = text.strip()
    return f"value {text[:40]!r} is not a finite number" if text else "value is empty"
