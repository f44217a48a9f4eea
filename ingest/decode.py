"""Messages become columns: topic → adapter → rows, in one pass over a whole batch of messages.

Message ─▶ route of its topic ─▶ Rows ─▶ Decoded: keys, times, values │ problems │ device states
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import numpy as np

from ingest.adapters import make_adapters
from ingest.adapters.adapter import (
    MAX_PROBLEMS,
    NO_TIME,
    Arrival,
    DeviceStatus,
    Keys,
    Problem,
    Publish,
    Registration,
    Rows,
)
from ingest.adapters.canonical import take_objects
from ingest.adapters.chain import Adapters
from ingest.adapters.logentries import take_log_objects
from ingest.compiled import compiled
from ingest.errors import named
from ingest.logentry import LogEntry
from ingest.measure import Key
from ingest.message import LOG, Message
from ingest.payload import PayloadError
from ingest.reading import NS_PER_SECOND, FlagArray, FloatArray, IntArray, Quality, TimeArray

CLOCK_TOLERANCE_NS = 300 * NS_PER_SECOND
"""A stamp further than this from its arrival comes from a clock that is off (contract, section 3)."""
NO_STAMP = NO_TIME
STAMPED_ON_ARRIVAL, RECORDED, CLOCK_OFF = map(int, (Quality.STAMPED_ON_ARRIVAL, Quality.RECORDED, Quality.CLOCK_OFF))


class Objects(NamedTuple):
    """Where the objects of a batch of messages are, as columns of one length."""

    first: TimeArray
    """First row, ascending."""
    message: TimeArray
    item: TimeArray
    """Place in the message."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a batch of messages says: columns of one length, rows in order of arrival.

    `keys` is the decoder's table of (site, device, metric, unit as sent), `key` the row's place in it; the same object
    as of the batch before, unless all places are new ones. `time` is event time in ns UTC, `value` as sent, `quality`
    bits of `Quality`, `seq` the sequence number or -1, `received_at` arrival in ns UTC.
    """

    keys: Sequence[Key]
    key: IntArray
    time: TimeArray
    value: FloatArray
    quality: FlagArray
    seq: TimeArray
    received_at: TimeArray
    problems: tuple[Problem, ...]
    statuses: tuple[DeviceStatus, ...]
    objects: Objects
    wishes: tuple[Publish, ...] = ()
    """What formats want to be published in answer."""
    registrations: tuple[Registration, ...] = ()
    """What devices told about themselves."""
    entries: tuple[tuple[int, int, LogEntry], ...] = ()
    """(first row after it, message, entry) of every log entry, in order of arrival."""

    def __len__(self) -> int:
        """Number of readings."""
        return len(self.key)

    def origin(self, row: int) -> tuple[int, int]:
        """(message, item) that a row came from."""
        number = int(np.searchsorted(self.objects.first, row, "right")) - 1
        return int(self.objects.message[number]), int(self.objects.item[number])


class Decoder:
    """Reads messages of every known format."""

    def __init__(
        self,
        future: timedelta,
        live_within: timedelta,
        max_payload: int,
        adapters: Adapters | None = None,
    ) -> None:
        self._future_ns = round(future.total_seconds() * NS_PER_SECOND)
        self._live_ns = round(live_within.total_seconds() * NS_PER_SECOND)
        self._max_payload = max_payload
        self._adapters = adapters or make_adapters()
        self._keys = Keys()

    def decode(self, messages: Sequence[Message]) -> Decoded:
        """Everything that the messages say; what cannot be read is among the problems, whatever it is."""
        self._keys.trim()
        rows = Rows(self._keys)
        sizes: list[int] = []
        for number, message in enumerate(messages):
            rows.message, before = number, len(rows.key)
            try:
                self._read(message, rows)
            except PayloadError as error:
                rows.item = 0
                rows.refuse(str(error))
            except Exception as error:  # noqa: BLE001  whatever a format's reader stumbles over, the stream goes on
                rows.refuse(f"the adapter failed: {named(error)}"[:200])
            sizes.append(len(rows.key) - before)
        arrivals = np.array([message.received_at for message in messages], np.int64)
        received_at = np.repeat(arrivals, sizes) if sizes else arrivals
        return self._columns(rows, received_at)

    def _read(self, message: Message, rows: Rows) -> None:
        arrival = Arrival(message.received_at, message.received_at + self._future_ns, message.client)
        rows.most_problems = MAX_PROBLEMS if message.objects is None else len(message.objects) * MAX_PROBLEMS
        if message.objects is not None:
            take = take_log_objects if message.topic == LOG else take_objects
            take(message.objects, arrival, rows)
        elif len(message.payload) > self._max_payload:
            raise PayloadError(f"payload has {len(message.payload)} bytes, allowed are {self._max_payload}")
        else:
            self._adapters.route(message.topic)(message.payload, arrival, rows)

    def _columns(self, rows: Rows, received_at: TimeArray) -> Decoded:
        count = len(received_at)
        time, seq, quality = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.uint8)
        run, stamp, number = (np.array(column, np.int64) for column in (rows.run, rows.time, rows.seq))
        _spread(run, stamp, number, received_at, self._live_ns, time, seq, quality)
        if rows.historical:
            quality[rows.historical] &= ~np.uint8(Quality.CLOCK_OFF)
            quality[rows.historical] |= np.uint8(Quality.HISTORICAL)
        return Decoded(
            self._keys.table,
            np.array(rows.key, np.int32),
            time,
            np.array(rows.value, np.float64),
            quality,
            seq,
            received_at,
            tuple(rows.problems),
            tuple(rows.statuses),
            Objects._make(np.array(column, np.int64) for column in (rows.begins, rows.messages, rows.items)),
            tuple(rows.wishes),
            tuple(rows.registrations),
            tuple(rows.entries),
        )


@compiled
def _spread(
    run: TimeArray,
    stamp: TimeArray,
    number: TimeArray,
    received_at: TimeArray,
    live_ns: int,
    time: TimeArray,
    seq: TimeArray,
    quality: FlagArray,
) -> None:
    """Give every row what its run has in common: stamp and sequence number; and judge the stamp by the arrival."""
    row = 0
    for one in range(len(run)):
        for _ in range(run[one]):
            stamped = stamp[one] != NO_STAMP
            time[row] = stamp[one] if stamped else received_at[row]
            seq[row] = number[one]
            age = received_at[row] - time[row]
            flags = 0 if stamped else STAMPED_ON_ARRIVAL
            if age > live_ns:
                flags |= RECORDED
            elif abs(age) > CLOCK_TOLERANCE_NS:
                flags |= CLOCK_OFF
            quality[row] = flags
            row += 1
