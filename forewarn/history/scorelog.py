"""Scores of a run in event order, in bounded memory: what is too much for it waits on disk, in sorted runs.

    outcome ─▶ rows in memory ─▶ (too many) sorted ─▶ a run in a temporary file ─┐
                     └───────────────────────────────────────────────────────────┴─▶ merged by time ─▶ blocks of rows

Rows of one time: those of series before those of devices as wholes, each in order of arrival.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.score import DeviceScores, Scores

Rows: TypeAlias = NDArray[np.void]
"""Records of `ROW` or, where the bands are kept as well, of `BAND_ROW`."""

ROW = np.dtype([("time", "<i8"), ("key", "<i4"), ("score", "<f8"), ("p_value", "<f8")])
"""`time` in ns UTC; `key` is a series number, or -1 - device number for a device as a whole."""
BAND_ROW = np.dtype([*ROW.descr, ("value", "<f8"), ("expected", "<f8"), ("low", "<f8"), ("high", "<f8")])
"""With the reading's value and the band in which it was expected, NaN where there is none."""

ROWS_IN_MEMORY = 1 << 20
"""Some 60 MB with bands."""
ROWS_AT_ONCE = 1 << 16
"""Rows in a block that is handed out, and read at a time from a run on disk."""
_ENDLESS = np.iinfo(np.int64).max


class ScoreLog:
    """Takes scores batch by batch and gives them back in event order, as often as wanted."""

    def __init__(self, folder: Path, *, bands: bool = False, rows_in_memory: int = ROWS_IN_MEMORY) -> None:
        """Keep what does not fit in a nameless file of `folder`, which is gone when the process is."""
        self._folder, self._dtype, self._most = folder, BAND_ROW if bands else ROW, rows_in_memory
        self._waiting: list[Rows] = []
        self._n_waiting = 0
        self._file: IO[bytes] | None = None
        self._runs: list[tuple[int, int, int]] = []

    def __enter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let go of memory and disk."""
        self._waiting.clear()
        if self._file is not None:
            self._file.close()

    def add(self, scores: Scores, devices: DeviceScores) -> None:
        """Take in the scores of one batch."""
        rows = np.empty(len(scores) + len(devices), self._dtype)
        of_series, of_devices = rows[: len(scores)], rows[len(scores) :]
        of_series["key"], of_devices["key"] = scores.series, -1 - devices.device
        for name in ("time", "score", "p_value"):
            of_series[name], of_devices[name] = getattr(scores, name), getattr(devices, name)
        for name in self._dtype.names[4:] if self._dtype.names else ():
            of_series[name], of_devices[name] = getattr(scores, name), np.nan
        self._waiting.append(rows)
        self._n_waiting += len(rows)
        if self._n_waiting > self._most:
            self._spill()

    def _spill(self) -> None:
        """Move what waits in memory to disk, as one more sorted run."""
        rows = self._drained()
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  closed at exit
        self._runs.append((self._file.seek(0, 2), len(rows), int(rows["time"][0])))
        self._file.write(rows.tobytes())

    def _drained(self) -> Rows:
        rows = _sorted(self._waiting, self._dtype)
        self._waiting, self._n_waiting = [], 0
        return rows

    def blocks(self) -> Iterator[Rows]:
        """All rows in event order, some ten thousand at a time."""
        if self._file is None:
            rows = self._drained()
            self._waiting, self._n_waiting = [rows], len(rows)
            yield from (rows[at : at + ROWS_AT_ONCE] for at in range(0, len(rows), ROWS_AT_ONCE))
            return
        if self._n_waiting:
            self._spill()
        yield from _merged([_Run(self._file, self._dtype, *run) for run in self._runs], self._dtype)


class _Run:
    """One sorted run on disk, with the rows of it that are in memory."""

    def __init__(self, file: IO[bytes], dtype: np.dtype[Any], offset: int, rows: int, first: int) -> None:
        self._file, self._dtype, self._offset, self._left = file, dtype, offset, rows
        self.held = np.empty(0, dtype)
        self._until = first

    @property
    def until(self) -> int:
        """All of its rows before this time are in memory."""
        return self._until if self._left else _ENDLESS

    def load(self) -> None:
        """Read on."""
        count = min(self._left, ROWS_AT_ONCE)
        self._file.seek(self._offset)
        data = self._file.read(count * self._dtype.itemsize)
        rows = np.frombuffer(data, self._dtype)
        self._offset, self._left = self._offset + len(data), self._left - count
        self.held = np.concatenate([self.held, rows])
        self._until = int(rows["time"][-1])

    def take(self, until: int) -> Rows:
        """The rows in memory from before `until`; all of them at the end."""
        n = len(self.held) if until == _ENDLESS else int(np.searchsorted(self.held["time"], until))
        taken, self.held = self.held[:n], self.held[n:]
        return taken


def _merged(runs: list[_Run], dtype: np.dtype[Any]) -> Iterator[Rows]:
    while runs:
        until = min(run.until for run in runs)
        rows = _sorted([run.take(until) for run in runs], dtype)
        if len(rows):
            yield rows
        if until == _ENDLESS:
            return
        for run in runs:
            if run.until == until:
                run.load()
        runs = [run for run in runs if run.until != _ENDLESS or len(run.held)]


def _sorted(parts: list[Rows], dtype: np.dtype[Any]) -> Rows:
    rows = np.concatenate([np.empty(0, dtype), *parts])
    return rows[np.lexsort((rows["key"] < 0, rows["time"]))]
