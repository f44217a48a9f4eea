"""Reads rejects once more, by other mappings say: what they would give, and what is still wrong with them.

Reject ─▶ Decoder, as of its arrival ─▶ Intake (series, units) ─▶ Reread: readings │ problems

A reading without a stamp of its own gets the reject's arrival, so that reading it twice gives the same reading. All
of them are history: stored, never judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ingest.adapters.adapter import Problem
from ingest.adapters.mapping import Mapping
from ingest.decode import Decoded, Decoder
from ingest.keyed import NO_SEQ, KeyedBatch, SeriesNames
from ingest.measure import Intake, Key
from ingest.message import LOG, Message
from ingest.payload import PayloadError, parse_json
from ingest.reading import IntArray, Quality, ReadingBatch, TimeArray
from ingest.receiver import told
from ingest.registration import register
from ingest.registry import Registry
from ingest.rejects import Reject, RejectSource
from ingest.times import parse_time

LOG_STAYS = "log entries are not replayed: send them once more"
EXACT_TIME = "time"
"""In the payload of a refused point: its time to the ns, which `ts` in ms may not hold."""


@dataclass(frozen=True, slots=True)
class Reread:
    """What some rejects say; the columns have a row per reading, `problems` an entry per reject."""

    batch: KeyedBatch
    """Readings by name, in canonical units."""
    readings: ReadingBatch
    """The same rows by series number."""
    origin: IntArray
    """Place of the reject that a row comes from."""
    problems: tuple[str | None, ...]
    """What cannot be taken of each reject; None: it can be taken as a whole."""


@dataclass(frozen=True, slots=True)
class Row:
    """A reading that a reject would give, in the canonical unit."""

    site: str
    device: str
    metric: str
    time: int
    value: float
    unit: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a reject would give."""

    number: int
    rows: tuple[Row, ...]
    """The first of them."""
    n_rows: int
    problem: str | None
    """What could not be taken."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a reject: it is gone if there was no problem."""

    number: int
    accepted: int
    """Readings that are durable now."""
    problem: str | None


def reread(
    rejects: Sequence[Reject],
    decoder: Decoder,
    registry: Registry,
    mappings: Sequence[Mapping] = (),
    *,
    now: int,
    dry: bool = False,
) -> Reread:
    """Read rejects. `decoder` knows `mappings`; they tell which requests are to be read by them. `dry`: as if only."""
    messages = [_message(reject, mappings) for reject in rejects]
    decoded = decoder.decode(messages)
    home = _copy(registry, decoded.keys) if dry else registry
    register(home, decoded.registrations)
    placed = Intake(home).place(decoded.keys, decoded.key, decoded.value)
    origin = _origins(decoded)
    problems = [*decoded.problems]
    problems += [Problem(message, 0, None, LOG_STAYS) for _, message, _ in decoded.entries]
    for row, reason in placed.refused.items():
        problems.append(Problem(int(origin[row]), 0, decoded.keys[decoded.key[row]][2], reason))
    quality = (placed.quality | decoded.quality | np.uint8(Quality.HISTORICAL)) & ~np.uint8(Quality.CLOCK_OFF)
    readings = ReadingBatch(placed.series, _times(decoded, origin, rejects), placed.value, quality)
    whole = np.array([reject.size <= len(reject.payload) for reject in rejects], bool)[origin]
    good = placed.good & whole if len(rejects) else placed.good
    readings, origin = readings[good], origin[good]
    batch = KeyedBatch.of(readings, SeriesNames(home), np.full(len(readings), now, np.int64))
    counts = np.bincount(origin, minlength=len(rejects))
    by_reject: list[list[Problem]] = [[] for _ in rejects]
    for problem in problems:
        by_reject[problem.message].append(problem)
    said = tuple(_problem(*three) for three in zip(rejects, by_reject, counts.tolist(), strict=True))
    return Reread(replace(batch, seq=np.full(len(batch), NO_SEQ, np.int64)), readings, origin, said)


def attempts(rejects: Sequence[Reject], found: Reread, most_rows: int) -> list[Attempt]:
    """What was read, reject by reject, at most `most_rows` rows of each."""
    told = []
    for place, (reject, problem) in enumerate(zip(rejects, found.problems, strict=True)):
        rows = np.flatnonzero(found.origin == place)
        shown = tuple(_row(found.batch, row) for row in rows[:most_rows].tolist())
        told.append(Attempt(reject.id, shown, len(rows), problem))
    return told


def _row(batch: KeyedBatch, row: int) -> Row:
    key = int(batch.key[row])
    return Row(*batch.names[key], int(batch.time[row]), float(batch.value[row]), batch.units[key][0])


def _message(reject: Reject, mappings: Sequence[Mapping]) -> Message:
    """The message that a reject was, as of its arrival."""
    if reject.source is not RejectSource.MQTT and not any(one.match(reject.topic) is not None for one in mappings):
        try:
            topic = LOG if reject.topic == LOG else ""
            return Message(topic, b"", reject.received_at, objects=[parse_json(reject.payload)])
        except PayloadError:  # its reader will say the same
            pass
    return Message(reject.topic, reject.payload, reject.received_at)


def _copy(registry: Registry, keys: Sequence[Key]) -> Registry:
    """A registry that knows what `registry` knows about those series."""
    made = Registry()
    for site, device, metric, _ in keys:
        number = registry.find(site, device, metric)
        if number is not None:
            made.put_metric(site, device, registry.metric(number))
    return made


def _origins(decoded: Decoded) -> IntArray:
    sizes = np.diff(decoded.objects.first, append=len(decoded))
    return np.repeat(decoded.objects.message.astype(np.int32), sizes)


def _times(decoded: Decoded, origin: IntArray, rejects: Sequence[Reject]) -> TimeArray:
    """The times of the rows; of points that the store refused to the ns."""
    exact = {number: _exact_time(one) for number, one in enumerate(rejects) if one.source is RejectSource.STORE}
    time = decoded.time.copy()
    for number, found in exact.items():
        if found is not None:
            time[origin == number] = found
    return time


def _exact_time(reject: Reject) -> int | None:
    try:
        said = parse_json(reject.payload)
        return parse_time(str(said[EXACT_TIME])) if isinstance(said, dict) and EXACT_TIME in said else None
    except (PayloadError, ValueError):
        return None


def _problem(reject: Reject, problems: Sequence[Problem], rows: int) -> str | None:
    if reject.size > len(reject.payload):
        return f"only the first {len(reject.payload)} of {reject.size} bytes were kept: it cannot be read again"
    if problems:
        return told(problems)
    return None if rows else "it is readable, but holds no reading"
