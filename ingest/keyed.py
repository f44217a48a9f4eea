"""Readings that carry names instead of series numbers: what leaves the process, to disk or to a store.

Series numbers live as long as the process. A keyed batch holds each name once and an index per row, so that it stays
as quick to handle as columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ingest.bynumber import ByNumber
from ingest.columns import SeriesName, common_names, joined, pack, unpack
from ingest.compiled import compiled
from ingest.errors import RejectedError
from ingest.logentry import Arrived, Event, LogEntry
from ingest.reading import BoolArray, FlagArray, FloatArray, IntArray, Quality, ReadingBatch, TimeArray
from ingest.registry import Metric, Registry, UnitState
from ingest.units import Conversion, conversion

NO_SEQ = -1
"""Stands for "the device sent no `seq`"."""

UnitNote = tuple[str | None, str, str | None]
"""(canonical unit, `UnitState`, unit as sent last) of a series when its readings were taken."""

LookUp: TypeAlias = Callable[[IntArray], tuple[Sequence[SeriesName], Sequence[UnitNote]]]

SPARE_PLACES = 4096
"""Places of `SeriesNames` for units that change, beyond one for each series, before it begins anew."""

_MAGIC = b"FWR1"
_AS_IT_IS = Conversion("")


@dataclass(frozen=True, slots=True)
class KeyedBatch:
    """Readings as columns of one length, rows in order of arrival; row i belongs to `names[key[i]]`.

    `time` is event time and `received_at` the time of arrival, both ns UTC; `value` is in the canonical unit of
    `units[key[i]]`; `seq` is the device's own count or `NO_SEQ`.
    """

    names: Sequence[SeriesName]
    units: Sequence[UnitNote]
    key: IntArray
    time: TimeArray
    value: FloatArray
    quality: FlagArray
    received_at: TimeArray
    seq: TimeArray
    log: tuple[Arrived, ...] = ()
    """Log entries that came with them, in order of their rows."""

    def __len__(self) -> int:
        """Number of readings."""
        return len(self.key)

    def __getitem__(self, rows: slice | BoolArray | NDArray[np.intp]) -> KeyedBatch:
        """Those rows without log entries; the names stay as they are."""
        return replace(
            self,
            key=self.key[rows],
            time=self.time[rows],
            value=self.value[rows],
            quality=self.quality[rows],
            received_at=self.received_at[rows],
            seq=self.seq[rows],
            log=(),
        )

    @property
    def weight(self) -> int:
        """Readings and log entries."""
        return len(self.key) + len(self.log)

    @property
    def first_arrival(self) -> int:
        """When the earliest of them came in, ns UTC; there must be one."""
        return min(self._arrivals())

    @property
    def last_arrival(self) -> int:
        """When the latest of them came in, ns UTC; there must be one."""
        return max(self._arrivals())

    def _arrivals(self) -> list[int]:
        rows = [int(self.received_at.min()), int(self.received_at.max())] if len(self) else []
        return rows + [one.received_at for one in self.log]

    def part(self, start: int, end: int) -> KeyedBatch:
        """The rows from `start` up to `end` with the log entries before them; those behind the last go with it."""
        last = end >= len(self) and (start < len(self) or not len(self))
        log = [one for one in self.log if start <= one.row < end or (last and one.row >= len(self))]
        return replace(self[start:end], log=tuple(replace(one, row=one.row - start) for one in log))

    @classmethod
    def of(
        cls, batch: ReadingBatch, names: SeriesNames, received_at: int | TimeArray, seq: TimeArray | None = None
    ) -> KeyedBatch:
        """The same readings by name; one `received_at` may stand for all rows."""
        numbers, key = names.keys(batch.series)
        return cls(
            *names.noted(numbers),
            key,
            batch.time,
            batch.value,
            batch.quality,
            np.full(len(batch), received_at, np.int64) if isinstance(received_at, int) else received_at,
            np.full(len(batch), NO_SEQ, np.int64) if seq is None else seq,
        )

    @classmethod
    def concat(cls, batches: Sequence[KeyedBatch]) -> KeyedBatch:
        """The rows of all `batches`, one after the other."""
        if len(batches) == 1:
            return batches[0]
        names, key = common_names([(batch.names, batch.key) for batch in batches])
        starts = np.cumsum([0, *(len(batch) for batch in batches)]).tolist()
        log = [
            replace(one, row=one.row + start)
            for batch, start in zip(batches, starts, strict=False)
            for one in batch.log
        ]
        notes = {name: note for batch in batches for name, note in zip(batch.names, batch.units, strict=True)}
        return cls(
            names,
            tuple(notes[name] for name in names),
            key,
            joined([batch.time for batch in batches], np.int64),
            joined([batch.value for batch in batches], np.float64),
            joined([batch.quality for batch in batches], np.uint8),
            joined([batch.received_at for batch in batches], np.int64),
            joined([batch.seq for batch in batches], np.int64),
            tuple(log),
        )

    def readings(self, registry: Registry) -> ReadingBatch:
        """The same readings by the series numbers of `registry`, which learns the units that it does not know.

        Where the registry has another unit by now the values are converted; where that is impossible they stay as
        they are, marked `Quality.NO_UNIT`.
        """
        placed = [_placed(registry, name, note) for name, note in zip(self.names, self.units, strict=True)]
        series = np.array([number for number, _ in placed], np.int32)
        scale = np.array([found.scale if found else 1.0 for _, found in placed])
        offset = np.array([found.offset if found else 0.0 for _, found in placed])
        odd = np.array([0 if found else Quality.NO_UNIT for _, found in placed], np.uint8)
        value = self.value * scale[self.key] + offset[self.key]
        return ReadingBatch(series[self.key], self.time, value, self.quality | odd[self.key])

    def encode(self, numbers: TimeArray | None = None) -> bytes:
        """The batch as bytes for `decode`: little-endian columns behind the names as JSON.

        With `numbers`, by which the names can be looked up elsewhere, the rows hold these instead.
        """
        one_moment = bool((self.received_at == self.received_at[0]).all()) if len(self) else False
        with_seq = bool((self.seq != NO_SEQ).any())
        meta: dict[str, object] = {"moment": one_moment, "seq": with_seq}
        if numbers is None:
            notes = {note: number for number, note in enumerate(dict.fromkeys(self.units))}
            units = [notes[note] for note in self.units]
            meta |= {"names": tuple(self.names), "notes": tuple(notes), "units": units}
        if self.log:
            meta["log"] = [_as_row(one) for one in self.log]
        key = self.key if numbers is None else numbers.astype(np.int32)[self.key]
        columns: list[NDArray[Any]] = [key, self.time, self.value, self.quality]
        columns.append(self.received_at[:1] if one_moment else self.received_at)
        return pack(_MAGIC, len(self), meta, columns + [self.seq] * with_seq)

    @classmethod
    def decode(cls, blob: bytes, look_up: LookUp | None = None) -> KeyedBatch:
        """Undo `encode`; `look_up` finds names by their numbers. Raises RejectedError if these are no such bytes."""
        rows, meta, take = unpack(_MAGIC, blob)
        key, time, value, quality = take(np.int32), take(np.int64), take(np.float64), take(np.uint8)
        received_at = np.repeat(take(np.int64, 1), rows) if meta["moment"] else take(np.int64)
        seq = take(np.int64) if meta["seq"] else np.full(rows, NO_SEQ, np.int64)
        log = tuple(map(_of_row, meta.get("log", ())))
        if "names" in meta:
            notes = list(map(tuple, meta["notes"]))
            names, units = tuple(map(tuple, meta["names"])), tuple(notes[number] for number in meta["units"])
            return cls(names, units, key, time, value, quality, received_at, seq, log)
        if look_up is None:
            raise RejectedError("a spooled entry cannot be read: its names are elsewhere")
        numbers, places = np.unique(key, return_inverse=True)
        return cls(*look_up(numbers), places.astype(np.int32), time, value, quality, received_at, seq, log)


def _as_row(one: Arrived) -> tuple[object, ...]:
    entry = one.entry
    return one.row, one.received_at, entry.time, entry.site, entry.device, entry.event, entry.code


def _of_row(said: Sequence[Any]) -> Arrived:
    row, received_at, time, site, device, event, code = said
    return Arrived(row, received_at, LogEntry(time, site, device, Event(event), code))


def _placed(registry: Registry, name: SeriesName, note: UnitNote) -> tuple[int, Conversion | None]:
    """The series' number and how its values become those of the registry's unit."""
    unit, state, sent = note
    number = registry.series(*name)
    known = registry.metric(number)
    if unit == known.unit and sent == known.sent_unit and state == known.unit_state:
        return number, _AS_IT_IS
    if known.unit is None and (unit is not None or known.sent_unit is None):
        learned = replace(known, unit=unit, unit_state=UnitState(state), sent_unit=sent)
        if learned != known:
            registry.put_metric(name[0], name[1], learned)
    elif unit is not None and unit != known.unit:
        return number, conversion(unit, known.unit)
    return number, _AS_IT_IS


class SeriesNames:
    """The names and units of series numbers, remembered so that a batch finds them without asking the registry.

    Not thread-safe.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._version = -1
        self._records: list[Metric] = []
        self._place = np.zeros(0, np.int64)
        """Of each series its place in the two tables; what is known anew of its unit gets a place of its own."""
        self._names: list[SeriesName] = []
        self._notes: list[UnitNote] = []
        self._key = np.zeros(0, np.int32)
        """Room for the key of each series while those of a batch are given."""

    def keys(self, series: IntArray) -> tuple[IntArray, IntArray]:
        """The different ones among `series` in order of their first row, and of every row which of them it is."""
        numbers, key = np.empty(len(series), np.int32), np.empty(len(series), np.int32)
        if len(self._key) < self._registry.n_series:
            self._key = np.zeros(2 * self._registry.n_series, np.int32)
        return numbers[: _give_keys(series, self._key, numbers, key)], key

    def names(self, numbers: IntArray) -> ByNumber[SeriesName]:
        """(site, device, metric) of each number."""
        return self.noted(numbers)[0]

    def noted(self, numbers: IntArray) -> tuple[ByNumber[SeriesName], ByNumber[UnitNote]]:
        """(site, device, metric) of each number, and what is known about its unit now; both have the same numbers."""
        if self._registry.version != self._version:
            self._refresh()
        places = self._place[numbers]
        return ByNumber(self._names, places), ByNumber(self._notes, places)

    def _refresh(self) -> None:
        version, records = self._registry.version, list(map(self._registry.metric, range(self._registry.n_series)))
        known = len(self._records)
        changed = [number for number, before in enumerate(self._records) if records[number] is not before]
        if len(self._names) + len(changed) > 2 * len(records) + SPARE_PLACES:
            self._names, self._notes, known, changed = [], [], 0, []
        place = np.concatenate([self._place[:known], np.zeros(len(records) - known, np.int64)])
        for number in [*changed, *range(known, len(records))]:
            place[number] = len(self._names)
            self._names.append(self._registry.key(number))
            self._notes.append(_note(records[number]))
        self._place, self._records, self._version = place, records, version


@compiled
def _give_keys(series: IntArray, given: IntArray, numbers: IntArray, key: IntArray) -> int:
    """Fill `numbers` and `key`; how many numbers there are. `given` is zero before and after."""
    count = 0
    for row in range(len(series)):
        number = series[row]
        if given[number] == 0:
            numbers[count] = number
            count += 1
            given[number] = count
        key[row] = given[number] - 1
    for place in range(count):
        given[numbers[place]] = 0
    return count


def _note(metric: Metric) -> UnitNote:
    return metric.unit, str(metric.unit_state), metric.sent_unit
