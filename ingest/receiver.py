"""From messages to what the spool keeps: decoded, in canonical units, by name, and without repetitions.

messages ─▶ Decoder ─▶ Intake (series, units) ─▶ Sequences ─▶ Received: readings │ rejects │ answers
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ingest.adapters.adapter import DeviceStatus, Problem, Publish
from ingest.decode import Decoded, Decoder
from ingest.errors import named
from ingest.keyed import KeyedBatch, SeriesNames
from ingest.logentry import Arrived
from ingest.measure import Intake
from ingest.message import Message
from ingest.reading import BoolArray, Quality, ReadingBatch
from ingest.registration import register
from ingest.registry import Registry
from ingest.rejects import Reject, RejectSource
from ingest.sequence import Sequences

REASONS_TOLD = 5
"""Reasons of one message that are written out; the others are counted."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One value or object of a telemetry request that was not taken."""

    index: int
    """Place of the object in the request."""
    metric: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class TelemetryResult:
    """What became of the readings of a telemetry request."""

    accepted: int
    rejected: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True)
class Received:
    """What a batch of messages brought."""

    batch: KeyedBatch
    """Readings by name, in canonical units, in order of arrival."""
    readings: ReadingBatch
    """The same rows by series number."""
    rejects: tuple[Reject, ...]
    results: dict[int, TelemetryResult]
    """By place of the message: answers to those that came as objects."""
    statuses: tuple[DeviceStatus, ...]
    wishes: tuple[Publish, ...]
    repeated: int
    """Readings left out as parts of repeated messages."""
    rejected: int
    """Values and objects that were not taken."""
    clock_off: int
    """Readings whose stamp is more than 5 minutes away from their arrival."""


class Receiver:
    """Reads messages for one stream. Not thread-safe."""

    def __init__(self, registry: Registry, decoder: Decoder, sequences: Sequences) -> None:
        self._registry, self._decoder, self._sequences = registry, decoder, sequences
        self._intake, self._names = Intake(registry), SeriesNames(registry)

    def receive(self, messages: Sequence[Message]) -> Received:
        """Everything that can be taken, and why the rest cannot."""
        decoded = self._decoder.decode(messages)
        register(self._registry, decoded.registrations)
        placed = self._intake.place(decoded.keys, decoded.key, decoded.value)
        problems = [*decoded.problems, *(_refused(decoded, row, why) for row, why in placed.refused.items())]
        readings = ReadingBatch(placed.series, decoded.time, placed.value, placed.quality | decoded.quality)
        received_at, seq, begins = decoded.received_at, decoded.seq, decoded.objects.first
        if placed.refused:
            good = placed.good
            readings, received_at, seq = readings[good], received_at[good], seq[good]
            begins = np.concatenate([[0], np.cumsum(good)])[begins]
        batch = KeyedBatch.of(readings, self._names, received_at, seq)
        repeated = self._sequences.repeated(batch, begins)
        n_repeated = int(repeated.sum())
        if n_repeated:
            batch, readings = batch[~repeated], readings[~repeated]
        if decoded.entries:
            batch = replace(batch, log=_log(messages, decoded, placed.good, repeated))
        return Received(
            batch,
            readings,
            _rejects(messages, problems),
            _results(messages, decoded, problems, placed.refused),
            decoded.statuses,
            decoded.wishes,
            n_repeated,
            len(problems),
            int(np.count_nonzero(readings.quality & np.uint8(Quality.CLOCK_OFF))),
        )

    def failed(self, message: Message, error: Exception) -> Received:
        """A message whose reading failed for a reason of our own: it is kept among the rejects."""
        problem = Problem(0, 0, None, f"reading it failed: {named(error)}"[:200])
        empty = ReadingBatch.empty()
        batch = KeyedBatch.of(empty, self._names, 0)
        result = TelemetryResult(0, (Rejection(0, None, problem.reason),))
        results = {} if message.objects is None else {0: result}
        rejects = _rejects([message], [problem]) if message.objects is None or message.objects else ()
        return Received(batch, empty, rejects, results, (), (), 0, 1, 0)


def _log(messages: Sequence[Message], decoded: Decoded, good: BoolArray, repeated: BoolArray) -> tuple[Arrived, ...]:
    """The log entries, each before the same reading as when it came, now that readings are left out."""
    kept = good.copy()
    kept[good] = ~repeated
    before = np.concatenate([[0], np.cumsum(kept)]).tolist()
    return tuple(Arrived(before[row], messages[message].received_at, entry) for row, message, entry in decoded.entries)


def _refused(decoded: Decoded, row: int, reason: str) -> Problem:
    message, item = decoded.origin(row)
    return Problem(message, item, decoded.keys[decoded.key[row]][2], reason)


def _rejects(messages: Sequence[Message], problems: Sequence[Problem]) -> tuple[Reject, ...]:
    """A reject for each message with a problem, holding it as it came; of a request each object by itself."""
    grouped: dict[tuple[int, int], list[Problem]] = {}
    for problem in problems:
        item = problem.item if messages[problem.message].objects is not None else -1
        grouped.setdefault((problem.message, item), []).append(problem)
    return tuple(_reject(messages[number], item, found) for (number, item), found in sorted(grouped.items()))


def told(problems: Sequence[Problem]) -> str:
    """The reasons of one message in a line."""
    said = [f"{problem.metric}: {problem.reason}" if problem.metric else problem.reason for problem in problems]
    more = f"; and {len(said) - REASONS_TOLD} more" if len(said) > REASONS_TOLD else ""
    return "; ".join(said[:REASONS_TOLD]) + more


def _reject(message: Message, item: int, problems: Sequence[Problem]) -> Reject:
    reason = told(problems)
    if message.objects is None:
        return Reject(message.received_at, RejectSource.MQTT, message.topic, reason, message.payload)
    payload = json.dumps(message.objects[item], ensure_ascii=True, default=str).encode()
    return Reject(message.received_at, RejectSource.HTTP, message.topic, reason, payload)


def _results(
    messages: Sequence[Message], decoded: Decoded, problems: Sequence[Problem], refused: dict[int, str]
) -> dict[int, TelemetryResult]:
    asked = [number for number, message in enumerate(messages) if message.objects is not None]
    if not asked:
        return {}
    accepted = dict.fromkeys(asked, 0)
    for _, message, _ in decoded.entries:
        if message in accepted:
            accepted[message] += 1
    firsts = decoded.objects.first.tolist()
    for first, end, message in zip(firsts, [*firsts[1:], len(decoded)], decoded.objects.message.tolist(), strict=True):
        if message in accepted:
            accepted[message] += end - first - sum(first <= row < end for row in refused)
    rejections: dict[int, list[Rejection]] = {number: [] for number in asked}
    for problem in problems:
        if problem.message in rejections:
            rejections[problem.message].append(Rejection(problem.item, problem.metric, problem.reason))
    return {number: TelemetryResult(accepted[number], tuple(rejections[number])) for number in asked}
