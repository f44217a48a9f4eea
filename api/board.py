"""What was last heard of every series: written by the pipeline's thread, read by the API."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ingest.adapters.adapter import DeviceStatus
from ingest.columns import pack, unpack
from ingest.compiled import compiled
from ingest.errors import RejectedError
from ingest.reading import BoolArray, FlagArray, FloatArray, IntArray, Quality, ReadingBatch, TimeArray
from ingest.registry import Registry
from ingest.rows import StateTable

NEVER = np.iinfo(np.int64).min
MOST_STATUSES = 1 << 17
"""Devices whose own word is remembered; beyond, the one that spoke longest ago is forgotten."""
_MAGIC = b"FWB1"
_SAVED = {"time": np.int64, "value": np.float64, "received_at": np.int64, "quality": np.uint8, "warm": np.bool_}


@dataclass(frozen=True, slots=True)
class SeriesState:
    """The newest reading of one series and what is known about the series. Times in ns UTC."""

    time: int | None = None
    """Event time of the newest reading; None if there was none yet."""
    value: float | None = None
    received_at: int | None = None
    clock_off: bool = False
    """The stamp of the newest reading is more than 5 minutes away from its arrival."""
    warm: bool = False
    """Whether there is enough data to judge its readings."""
    enough_at: int | None = None
    """When there will be if it goes on as it does, in event time; None if there is, or while that is not known."""


UNKNOWN = SeriesState()


class _Series(Protocol):
    """A record of the table."""

    time: int
    value: float
    received_at: int
    quality: int


class Board:
    """The newest reading of every series, by series number."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._online: dict[tuple[str, str], bool] = {}
        self._table = StateTable(
            {
                "time": (np.int64, (), NEVER),
                "value": (np.float64, (), np.nan),
                "received_at": (np.int64, (), NEVER),
                "quality": (np.uint8, (), 0),
                "warm": (np.bool_, (), False),
                "enough_at": (np.int64, (), NEVER),
            }
        )

    def note(self, batch: ReadingBatch, received_at: int) -> None:
        """Take in readings that arrived at `received_at`, ns UTC."""
        if not len(batch):
            return
        with self._lock:
            self._table.resize(int(batch.series.max()) + 1)
            _note(self._table.records, batch.series, batch.time, batch.value, batch.quality, received_at)

    def note_statuses(self, statuses: Sequence[DeviceStatus]) -> None:
        """Take in what devices, or their wills for them, said about being online."""
        with self._lock:
            for said in statuses:
                self._online.pop((said.site, said.device), None)
                self._online[said.site, said.device] = said.online
                if len(self._online) > MOST_STATUSES:
                    del self._online[next(iter(self._online))]

    def online(self, site: str, device: str) -> bool | None:
        """Whether the device said last that it is online; None if it said nothing since the start."""
        return self._online.get((site, device))

    def note_warm(self, warm: BoolArray, enough_at: TimeArray) -> None:
        """Take in which series have enough data, and when the others will (ns UTC or NEVER); shape (n_series,)."""
        with self._lock:
            self._table.resize(len(warm))
            self._table["warm"][: len(warm)] = warm
            self._table["enough_at"][: len(warm)] = enough_at

    def forget(self, series: Sequence[int]) -> None:
        """Nothing was ever heard of these."""
        with self._lock:
            known = [number for number in series if number < self._table.n]
            for name in ("time", "received_at"):
                self._table[name][known] = NEVER

    def of(self, series: int) -> SeriesState:
        """What is known about the series with that number."""
        with self._lock:
            found = self._states(slice(series, min(series + 1, self._table.n)))
        return found[0] if found else UNKNOWN

    def every(self, n_series: int) -> list[SeriesState]:
        """What is known about each of the first `n_series` series."""
        with self._lock:
            found = self._states(slice(0, self._table.n))
        return found[:n_series] + [UNKNOWN] * (n_series - len(found))

    def _states(self, rows: slice) -> list[SeriesState]:
        table = self._table
        clock_off = (table["quality"][rows] & np.uint8(Quality.CLOCK_OFF)) != 0
        columns = (table["time"], table["value"], table["received_at"], table["warm"], table["enough_at"])
        lists = [column[rows].tolist() for column in columns]
        return [
            SeriesState(warm=warm)
            if time == NEVER
            else SeriesState(time, value, received_at, off, warm, None if enough_at == NEVER else enough_at)
            for time, value, received_at, warm, enough_at, off in zip(*lists, clock_off.tolist(), strict=True)
        ]

    def save(self, registry: Registry) -> bytes:
        """All of it by the names of `registry`, for `restore` after the next start; forecasts are made anew then."""
        with self._lock:
            saved = self._table.save()
        rows = np.flatnonzero((saved["time"] != NEVER) | saved["warm"])
        names = [registry.key(number) for number in rows.tolist()]
        return pack(_MAGIC, len(rows), {"names": names}, [saved[name][rows] for name in _SAVED])

    def restore(self, blob: bytes, registry: Registry) -> None:
        """Take back what `save` gave, as far as `registry` knows the series. What cannot be read is left out."""
        try:
            _, meta, take = unpack(_MAGIC, blob)
            columns = {name: take(kind) for name, kind in _SAVED.items()}
        except RejectedError:
            return
        found = [registry.find(*name) for name in meta["names"]]
        rows = np.array([row for row, number in enumerate(found) if number is not None], np.int64)
        known = {name: column[rows] for name, column in columns.items()}
        known["enough_at"] = np.full(len(rows), NEVER)
        with self._lock:
            self._table.restore(known, np.array([number for number in found if number is not None], np.int32))


@compiled
def _note(
    records: Sequence[_Series],
    series: IntArray,
    time: TimeArray,
    value: FloatArray,
    quality: FlagArray,
    received_at: int,
) -> None:
    """Take in readings in order of arrival: of two with one time the later one counts."""
    for row in range(len(series)):
        newest = records[series[row]]
        if time[row] >= newest.time:
            newest.time, newest.value = time[row], value[row]
            newest.quality, newest.received_at = quality[row], received_at
