"""What a model looks at: a row of numbers for each instant at which a device is judged.

The columns are the same for all kinds of machines. Which metrics, codes and kinds of work there are, and which drift
goes with which code, are data that a model learned (`Vocabulary`); what it never met counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.reading import FloatArray
from models.supervised.eventlog import View
from models.supervised.telemetry import SPANS, Instants

WINDOWS = (24, 72, 168)
"""Slots over which entries are counted."""
LONG_AGO = 720.0
"""Slots after which the last code is as good as none."""
LONG_AGO_SERVICE = 4320.0
MATCHED_OVER = (1, 2)
"""Places of the spans over which a drift is held against what went with a code."""

Rows32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a model knows by name, and what training said about it."""

    metrics: tuple[str, ...]
    codes: tuple[str, ...]
    """Keys of errors and marks, see `eventlog.Logged.key`."""
    services: tuple[str, ...]
    """Keys of maintenance."""
    signature: FloatArray
    """The direction in which the metrics drift when a code is followed by a failure, of length 1 or 0 where nothing is
    known, shape (n_codes, n_metrics)."""
    precision: FloatArray
    """The share of a code's entries that were followed by a failure, drawn to that of all codes, shape (n_codes,)."""
    recent: int
    """Slots for which a code counts as recent: the horizon."""

    def with_signatures(self, signature: FloatArray, precision: FloatArray) -> Vocabulary:
        """The same words with other lessons."""
        return Vocabulary(self.metrics, self.codes, self.services, signature, precision, self.recent)


def column_names(words: Vocabulary) -> tuple[str, ...]:
    """The names of the columns, in order."""
    names = []
    for span in SPANS:
        names += [f"largest deviation/{span}", f"second deviation/{span}"]
        names += [f"deviation of {metric}/{span}" for metric in words.metrics]
    names.append("since any code")
    for window in WINDOWS:
        names += [f"codes/{window}", f"distinct codes/{window}"]
    for code in words.codes:
        names += [f"since {code}", *(f"{code}/{window}" for window in WINDOWS)]
    names += [f"drift as with a code/{SPANS[place]}" for place in MATCHED_OVER]
    names += ["precision of recent codes", "recent code with a known drift", "since any maintenance"]
    return (*names, *(f"since {service}" for service in words.services))


@dataclass(frozen=True, slots=True)
class LogFacts:
    """Of every instant: slots since the last entry of each key, and entries within each window."""

    since: FloatArray
    """Shape (n, n_codes)."""
    counts: FloatArray
    """Shape (n, n_codes, n_windows)."""
    since_service: FloatArray
    """Shape (n, n_services)."""

    @classmethod
    def nothing(cls, n: int, words: Vocabulary) -> LogFacts:
        """Nothing was ever logged."""
        return cls(
            np.full((n, len(words.codes)), LONG_AGO),
            np.zeros((n, len(words.codes), len(WINDOWS))),
            np.full((n, len(words.services)), LONG_AGO_SERVICE),
        )

    def without(self, code: int) -> LogFacts:
        """As if that code had not been logged lately."""
        since, counts = self.since.copy(), self.counts.copy()
        since[:, code], counts[:, code] = LONG_AGO, 0.0
        return LogFacts(since, counts, self.since_service)

    def take(self, places: NDArray[np.intp]) -> LogFacts:
        """Those of some instants."""
        return LogFacts(self.since[places], self.counts[places], self.since_service[places])

    @classmethod
    def concat(cls, parts: Sequence[LogFacts], order: NDArray[np.intp]) -> LogFacts:
        """All of them in that order; a column at a time, for there may be half a GB of them."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts])[order] for name in cls.__slots__))


ViewOf = Callable[[int, NDArray[np.intp], NDArray[np.int64]], View | None]


def log_facts(instants: Instants, view_of: ViewOf, words: Vocabulary, slot_ns: int) -> LogFacts:
    """What the log says at each instant; `view_of` gives a device's entries (`EventLog.view`)."""
    facts = LogFacts.nothing(len(instants), words)
    for device in np.unique(instants.device).tolist():
        mine = np.flatnonzero(instants.device == device)
        view = view_of(device, instants.row[mine], instants.time[mine])
        if view is not None:
            age = (instants.time[mine][:, None] - view.time[None, :]) / slot_ns
            _fill(facts, mine, view, np.where(view.known, age, np.inf), words)
    return facts


def _fill(facts: LogFacts, mine: NDArray[np.intp], view: View, age: FloatArray, words: Vocabulary) -> None:
    entries: dict[str, list[int]] = {}
    for place, key in enumerate(view.key):
        entries.setdefault(key, []).append(place)
    columns: Mapping[str, int]
    for columns, since in ((_places(words.codes), facts.since), (_places(words.services), facts.since_service)):
        for key in columns.keys() & entries.keys():
            theirs = age[:, entries[key]]
            since[mine, columns[key]] = np.minimum(theirs.min(axis=1), since[mine, columns[key]])
            if since is facts.since:
                within = theirs[:, :, None] < np.array(WINDOWS)
                facts.counts[mine, columns[key]] = within.sum(axis=1)


def _places(words: tuple[str, ...]) -> dict[str, int]:
    return {word: place for place, word in enumerate(words)}


def matrix(deviation: FloatArray, log: LogFacts, words: Vocabulary) -> Rows32:
    """The features, shape (n, n_columns), as `column_names` names them.

    `deviation` has shape (n, n_metrics, n_spans).
    """
    n = len(deviation)
    off = np.sort(np.abs(deviation), axis=1)
    largest = off[:, -1] if off.shape[1] else np.zeros((n, len(SPANS)))
    second = off[:, -2] if off.shape[1] > 1 else np.zeros((n, len(SPANS)))
    columns: list[FloatArray] = []
    for span in range(len(SPANS)):
        columns += [largest[:, span], second[:, span], *deviation[:, :, span].T]
    columns.append(np.min(log.since, axis=1, initial=LONG_AGO))
    for window in range(len(WINDOWS)):
        columns += [log.counts[:, :, window].sum(axis=1), (log.counts[:, :, window] > 0).sum(axis=1)]
    for code in range(len(words.codes)):
        columns += [log.since[:, code], *log.counts[:, code].T]
    columns += _matches(deviation, log, words)
    columns.append(np.min(log.since_service, axis=1, initial=LONG_AGO_SERVICE))
    columns += [*log.since_service.T]
    return np.column_stack(columns).astype(np.float32)


def _matches(deviation: FloatArray, log: LogFacts, words: Vocabulary) -> list[FloatArray]:
    """How far the metrics have drifted in the way that went with a recent code, and what such codes are worth."""
    recent = log.since < words.recent
    taught = recent & (np.abs(words.signature).sum(axis=1) > 0)
    columns = []
    for span in MATCHED_OVER:
        along = deviation[:, :, span] @ words.signature.T
        columns.append(np.max(np.where(taught, along, 0.0), axis=1, initial=0.0))
    columns.append(np.max(np.where(recent, words.precision, 0.0), axis=1, initial=0.0))
    columns.append(taught.any(axis=1).astype(np.float64))
    return columns
