"""Reads recorded readings from CSV files into batches (contract, section 4).

    file  ── lines ──> columns of one file ──┐
    file  ── lines ──> columns of one file ──┤ merge by row time ──> intake (series, unit) ──> ReadingBatch
    file  ── lines ──> columns of one file ──┘

Several files become one run: always the file goes on whose running row time, the latest time among its rows so far,
is lowest; ties in the order the files were given. So each file keeps its row order, late rows included, and the
result depends neither on how the files are cut into blocks nor on the sizes of the batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ingest.csvblocks import Block, CsvFile, KeyTable, OnBadRow
from ingest.errors import InputError
from ingest.measure import Intake, Key
from ingest.reading import ROWS_AT_ONCE, FloatArray, IntArray, Quality, ReadingBatch, TimeArray
from ingest.registry import Registry

BLOCK_BYTES = 1 << 22
"""Bytes of text held at once, some 65 000 rows, shared by the files of a run."""

MIN_BLOCK_BYTES = 1 << 16


def read_batches(
    paths: Sequence[Path],
    registry: Registry,
    on_bad_row: OnBadRow,
    *,
    latest: int | None = None,
    chunk_rows: int = ROWS_AT_ONCE,
) -> Iterator[ReadingBatch]:
    """Every usable row of the files in order, as batches of at most `chunk_rows` rows, marked `Quality.RECORDED`.

    Stamps before 1990 and after `latest` (ns UTC; None: there is no clock, then after 2200) are bad rows. Raises
    InputError, one line naming the file, if a file cannot be read or lacks a column; all headers are looked at before
    the first row. Of each file bad rows are told in the order of its lines.
    """
    keys, intake = KeyTable(), Intake(registry)
    block = max(MIN_BLOCK_BYTES, BLOCK_BYTES // max(1, len(paths)))
    told = _FirstBad(on_bad_row)
    files = [CsvFile(number, Path(path), keys, told, latest, block) for number, path in enumerate(paths)]
    usable = False
    try:
        for file in files:
            file.open()
        for run in _merged(files):
            for start in range(0, len(run), chunk_rows):
                batch = _place(run.rows(start, start + chunk_rows), intake, keys.keys, files)
                if len(batch):
                    usable = True
                    yield batch
        _tell(files)
    except InputError:
        _tell(files)
        raise
    finally:
        for file in files:
            file.close()
    if not usable:
        raise InputError(f"{', '.join(map(str, paths))}: no usable row{told.first}")


def _tell(files: Sequence[CsvFile]) -> None:
    for file in files:
        file.tell()


class _FirstBad:
    """Passes bad rows on, and remembers the first one for people."""

    def __init__(self, on_bad_row: OnBadRow) -> None:
        self._on_bad_row = on_bad_row
        self.first = ""

    def __call__(self, path: Path, line: int, reason: str, row: str) -> None:
        self.first = self.first or f"; the first bad one: {path}: line {line}: {reason}"
        self._on_bad_row(path, line, reason, row)


def _place(run: _Run, intake: Intake, table: Sequence[Key], files: Sequence[CsvFile]) -> ReadingBatch:
    placed = intake.place(table, run.key, run.value)
    for row, reason in sorted(placed.refused.items()):
        block = run.blocks[run.block[row]]
        file = files[block.file]
        file.refuse(int(run.line[row]), reason, block.text[run.line[row] - block.first_line])
    quality = placed.quality | np.uint8(Quality.RECORDED)
    batch = ReadingBatch(placed.series, run.time, placed.value, quality)
    return batch[placed.good] if placed.refused else batch


@dataclass(frozen=True, slots=True)
class _Run:
    """Rows in the order of the run: columns of one length; row i stands in `blocks[block[i]]`."""

    key: IntArray
    time: TimeArray
    value: FloatArray
    line: IntArray
    block: IntArray
    blocks: Sequence[Block]

    def __len__(self) -> int:
        return len(self.key)

    def rows(self, start: int, end: int) -> _Run:
        """Those rows."""
        part = slice(start, end)
        return _Run(self.key[part], self.time[part], self.value[part], self.line[part], self.block[part], self.blocks)


class _Waiting:
    """A file of a merge with the rows of it that wait."""

    def __init__(self, file: CsvFile) -> None:
        self._blocks = file.blocks()
        self._newest = np.iinfo(np.int64).min
        self.block: Block | None = None
        self.running: TimeArray = np.zeros(0, np.int64)
        self.taken = 0

    def refill(self) -> bool:
        """Have rows waiting; False at the end of the file."""
        if self.taken == len(self.running):
            self.block, self.taken = next(self._blocks, None), 0
            times = self.block.time if self.block is not None else self.running[:0]
            self.running = np.maximum(np.maximum.accumulate(times), self._newest)
            self._newest = int(self.running[-1]) if len(times) else self._newest
        return self.block is not None

    def take(self, until: int, side: Literal["left", "right"]) -> slice:
        """The rows whose running time lies before `until`, or at it if `side` is right."""
        rows = slice(self.taken, int(np.searchsorted(self.running, until, side)))
        self.taken = rows.stop
        return rows


def _merged(files: Sequence[CsvFile]) -> Iterator[_Run]:
    """The rows of all files in the order of the run."""
    if len(files) == 1:
        for block in files[0].blocks():
            yield _Run(block.key, block.time, block.value, block.line, np.zeros(len(block), np.int32), [block])
        return
    waiting = [_Waiting(file) for file in files]
    while waiting := [one for one in waiting if one.refill()]:
        ends = [int(one.running[-1]) for one in waiting]
        until, last = min((end, number) for number, end in enumerate(ends))
        taken = [(one, one.take(until, "right" if n <= last else "left")) for n, one in enumerate(waiting)]
        yield _interleaved(
            [(one.block, one.running, rows) for one, rows in taken if one.block and rows.start < rows.stop]
        )


def _interleaved(parts: Sequence[tuple[Block, TimeArray, slice]]) -> _Run:
    order = np.argsort(np.concatenate([running[rows] for _, running, rows in parts]), kind="stable")
    sizes = [rows.stop - rows.start for _, _, rows in parts]
    return _Run(
        np.concatenate([block.key[rows] for block, _, rows in parts])[order],
        np.concatenate([block.time[rows] for block, _, rows in parts])[order],
        np.concatenate([block.value[rows] for block, _, rows in parts])[order],
        np.concatenate([block.line[rows] for block, _, rows in parts])[order],
        np.repeat(np.arange(len(parts), dtype=np.int32), sizes)[order],
        [block for block, _, _ in parts],
    )
