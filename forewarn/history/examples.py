"""Recorded readings, a log and known failures as rows to learn from, by the same code that looks at live ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forewarn.history.logfeed import Homes, LogFeed
from forewarn.history.without_readings import warning, without_readings
from ingest.arrivals import Arrival, Arrivals
from ingest.csvblocks import OnBadRow
from ingest.csvfile import read_batches
from ingest.errors import InputError
from ingest.logentry import Event, LogEntry
from ingest.reading import FloatArray, IntArray, ReadingBatch, TimeArray
from ingest.registry import DeviceKey, Registry
from ingest.truth import FAILURE, FAULT, Label
from models.supervised.eventlog import EventLog, Logged, View, is_service, moved
from models.supervised.features import LogFacts, Vocabulary, log_facts
from models.supervised.fit import Occurrences
from models.supervised.slots import Due
from models.supervised.telemetry import SPANS, WARM_AFTER, Instants, Telemetry

COMMON = 0.5
"""A metric is learned that this share of the devices reports; a device is judged by at least this share of them."""
MAX_METRICS, MAX_CODES = 64, 256
LEAST_ENTRIES = 3
"""Entries of a code, at least, for it to be learned."""
SETTLED_AFTER = 24
"""Slots after a failure that are neither normal nor a sign of the next one."""

BoolArray = NDArray[np.bool_]
Progress = Callable[[int], None]
Batches = Callable[[Registry], Iterator[ReadingBatch]]
"""Gives readings, their devices and metrics as numbers of a registry."""


def _ignore(_path: Path, _line: int, _reason: str, _row: str) -> None:
    """A bad row: it is not learned from."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What is learned from."""

    files: Sequence[Path]
    entries: Sequence[LogEntry] = ()
    labels: Sequence[Label] = ()
    exclude: frozenset[str] = frozenset()
    """Names of devices, or SITE/DEVICE, that are left out altogether."""
    stored: Batches | None = None
    """Gives the readings in place of the files."""

    def batches(self, registry: Registry, on_bad_row: OnBadRow = _ignore) -> Iterator[ReadingBatch]:
        """The readings, in order of arrival; the same each time."""
        return read_batches(self.files, registry, on_bad_row) if self.stored is None else self.stored(registry)

    def takes(self, device: DeviceKey) -> bool:
        """Whether a device is learned from."""
        return device[1] not in self.exclude and "/".join(device) not in self.exclude


@dataclass(frozen=True, slots=True)
class Examples:
    """All instants of the devices that are learned from, with what the log said and what came after."""

    words: Vocabulary
    slot_ns: int
    instants: Instants
    log: LogFacts
    names: dict[int, DeviceKey]
    failures: dict[int, tuple[int, ...]]
    """Times of failure by device, ns UTC, ascending."""
    ends: dict[int, int]
    """Newest reading by device, ns UTC."""
    entries: tuple[LogEntry, ...]
    """Of these devices."""
    readings: int
    span: tuple[int, int]
    warnings: tuple[str, ...] = ()
    """What was passed over, in a line each."""

    @property
    def able(self) -> BoolArray:
        """Instants at which enough is known for a judgement."""
        return _able(self.instants.seen)

    def of(self, device: int) -> slice:
        """The instants of a device: they stand together, in order of time."""
        first, end = np.searchsorted(self.instants.device, [device, device + 1]).tolist()
        return slice(first, end)

    def able_of(self, device: int) -> NDArray[np.intp]:
        """The instants of a device at which enough is known for a judgement."""
        mine = self.of(device)
        return np.asarray(mine.start + np.flatnonzero(_able(self.instants.seen[mine])))

    def until_failure(self) -> FloatArray:
        """Slots until the device's next failure, infinite where none is known."""
        return self._slots(after=True)

    def since_failure(self) -> FloatArray:
        """Slots since the device's last failure."""
        return self._slots(after=False)

    def until_end(self) -> FloatArray:
        """Slots until the device's last reading."""
        end = np.zeros(len(self.instants), np.int64)
        for device, newest in self.ends.items():
            end[self.of(device)] = newest
        return np.asarray((end - self.instants.time) / self.slot_ns)

    def _slots(self, after: bool) -> FloatArray:
        found = np.full(len(self.instants), np.inf)
        for device, times in self.failures.items():
            mine = self.of(device)
            at, known = self.instants.time[mine], np.array(times, np.int64)
            place = np.searchsorted(known, at, side="right") - (0 if after else 1)
            good = (place >= 0) & (place < len(known))
            found[mine][good] = np.abs(known[place[good]] - at[good]) / self.slot_ns
        return found

    def occurrences(self, horizon: int) -> Occurrences:
        """The entries of codes with the drift at their time; `horizon` in slots."""
        until, since, able = self.until_failure(), self.since_failure(), self.able
        device_of = {name: device for device, name in self.names.items()}
        codes = {key: place for place, key in enumerate(self.words.codes)}
        places = {device: self.of(device) for device in self.names}
        found: list[tuple[int, int, int]] = []
        for entry in self.entries:
            code, device = codes.get(f"{entry.event}:{entry.code}"), device_of[entry.site or "", entry.device]
            mine = places[device]
            at = mine.start + int(np.searchsorted(self.instants.time[mine], entry.time))
            if code is not None and at < mine.stop and able[at] and since[at] >= SETTLED_AFTER:
                found.append((code, device, at))
        columns = np.array(found, np.intp).reshape(-1, 3).T
        drift = self.instants.deviation[columns[2]][:, :, SPANS.index(24)]
        return Occurrences(columns[0], columns[1], drift, until[columns[2]] <= horizon)


def _able(seen: IntArray) -> BoolArray:
    return np.asarray((seen >= WARM_AFTER).mean(axis=1) >= COMMON)


def collect(sources: Sources, slot_ns: int, recent: int, progress: Progress | None = None) -> Examples:
    """Read everything twice: what there is, then what it came to. Raises InputError where there is nothing to learn."""
    registry = Registry()
    rows = np.zeros(0, np.int64)
    first, last, read = np.iinfo(np.int64).max, np.iinfo(np.int64).min, 0
    bad = _BadRows()
    for batch in sources.batches(registry, bad):
        rows = np.r_[rows, np.zeros(registry.n_series - len(rows), np.int64)]
        rows += np.bincount(batch.series, minlength=len(rows))
        first, last = min(first, int(batch.time.min())), max(last, int(batch.time.max()))
        read += len(batch)
        if progress is not None:
            progress(read // 2)
    heard = set(registry.series_device[np.flatnonzero(rows)].tolist())
    named = {n: (d.site, d.name) for n, d in registry.devices() if n in heard}
    names = {number: name for number, name in named.items() if sources.takes(name)}
    _check_excluded(sources.exclude, set(named.values()))
    if not names:
        raise InputError("no device is left to learn from: all are excluded")
    entries = _placed(sources.entries, registry, set(names.values()))
    words = _vocabulary(registry, names, entries, recent)
    if not words.metrics:
        raise InputError(f"none of the {len(names)} devices' metrics is of at least half of them: they share nothing")
    instants, log, ends = _Reader(registry, names, words, slot_ns).read(sources, entries, progress, read)
    failures = _failures(sources, entries, names, slot_ns)
    readings, span = _of(rows, registry, names), (first, last)
    nowhere = without_readings(set(named.values()), sources.entries, sources.labels)
    warnings = (*bad.told(), *([warning(nowhere)] if nowhere else []))
    return Examples(words, slot_ns, instants, log, names, failures, ends, entries, readings, span, warnings)


@dataclass(slots=True)
class _BadRows:
    """Counts them, and remembers the first one for people."""

    count: int = 0
    first: str = ""

    def __call__(self, path: Path, line: int, reason: str, _row: str) -> None:
        self.count += 1
        self.first = self.first or f"{path}: line {line}: {reason}"

    def told(self) -> list[str]:
        return [f"{self.count} bad rows were left out; the first: {self.first}"] if self.count else []


def _check_excluded(exclude: Iterable[str], heard: Iterable[DeviceKey]) -> None:
    known = {name for device in heard for name in (device[1], "/".join(device))}
    for name in sorted(exclude):
        if name not in known:
            raise InputError(f"--exclude {name}: there is no reading of a device of that name")


def _of(rows: NDArray[np.int64], registry: Registry, names: dict[int, DeviceKey]) -> int:
    """How many readings are of the devices that are learned from."""
    return int(rows[np.isin(registry.series_device, list(names))].sum())


def _placed(entries: Iterable[LogEntry], registry: Registry, known: set[DeviceKey]) -> tuple[LogEntry, ...]:
    """Those of the devices that are learned from, with their site."""
    homes = Homes(registry)
    at = [replace(entry, site=homes.site_of(entry)) for entry in entries]
    return tuple(entry for entry in at if entry.site is not None and (entry.site, entry.device) in known)


def _vocabulary(
    registry: Registry, names: dict[int, DeviceKey], entries: Sequence[LogEntry], recent: int
) -> Vocabulary:
    """The words that are common enough, in the order of the alphabet."""
    owners = registry.series_device
    metrics = Counter(registry.metric(n).name for n in range(registry.n_series) if int(owners[n]) in names)
    common = [name for name, count in metrics.most_common(MAX_METRICS) if count >= COMMON * len(names)]
    keys = Counter(f"{e.event}:{e.code}" for e in entries if e.event is not Event.FAILURE)
    often = sorted(key for key, count in keys.most_common(MAX_CODES) if count >= LEAST_ENTRIES)
    codes = tuple(key for key in often if not is_service(key))
    services = tuple(key for key in often if is_service(key))
    nothing = np.zeros((len(codes), len(common)))
    return Vocabulary(tuple(sorted(common)), codes, services, nothing, np.zeros(len(codes)), recent)


class _Reader:
    """The second reading: the instants of the devices in `names`."""

    def __init__(self, registry: Registry, names: dict[int, DeviceKey], words: Vocabulary, slot_ns: int) -> None:
        self._registry, self._names, self._words, self._slot_ns = registry, names, words, slot_ns
        column = {metric: place for place, metric in enumerate(words.metrics)}
        self._metric_of = np.array(
            [
                column.get(registry.metric(n).name, -1) if int(registry.series_device[n]) in names else -1
                for n in range(registry.n_series)
            ],
            np.intp,
        )
        self._telemetry, self._log = Telemetry(slot_ns, len(words.metrics)), EventLog()

    def read(
        self, sources: Sources, entries: Sequence[LogEntry], progress: Progress | None, total: int
    ) -> tuple[Instants, LogFacts, dict[int, int]]:
        """Instants by device in order of time, what the log says at each, and each device's newest reading."""
        arrivals, feed, read = Arrivals(), LogFeed(entries, self._registry), 0
        newest: TimeArray = np.full(self._registry.n_devices, np.iinfo(np.int64).min)
        parts, logs = [Instants.empty(len(self._words.metrics))], [LogFacts.nothing(0, self._words)]
        for batch in sources.batches(self._registry):
            come = feed.before(batch)
            rows = np.flatnonzero(arrivals.classify(batch) == Arrival.NEW)
            fresh = batch[rows]
            instants, log = self._step(fresh, moved(come, rows))
            parts.append(instants)
            logs.append(log)
            np.maximum.at(newest, self._registry.series_device[fresh.series], fresh.time)
            read += len(batch)
            if progress is not None:
                progress((total + read) // 2)
        at = np.concatenate([part.time for part in parts])
        order = np.lexsort((at, np.concatenate([part.device for part in parts])))
        newest_of = {device: int(newest[device]) for device in self._names}
        return Instants.concat(parts, order), LogFacts.concat(logs, order), newest_of

    def _step(self, batch: ReadingBatch, come: Sequence[Logged]) -> tuple[Instants, LogFacts]:
        """What `RiskScorer.judge` does, without a model."""
        new = self._log.note(come)
        found = [(self._registry.find_device(entry.site, entry.device), entry) for entry in new]
        due = [Due(device, entry.row, entry.time) for device, entry in found if device is not None]
        instants = self._telemetry.advance(batch, self._metric_of, self._registry.series_device, due)
        facts = log_facts(instants, self._view, self._words, self._slot_ns)
        self._log.settle()
        return instants, facts

    def _view(self, device: int, row: NDArray[np.intp], time: TimeArray) -> View | None:
        return self._log.view(self._names[device], row, time)


def _failures(
    sources: Sources, entries: Sequence[LogEntry], names: dict[int, DeviceKey], slot_ns: int
) -> dict[int, tuple[int, ...]]:
    """The times of failure of each device: of the truth, and of the log; the same one told twice counts once."""
    known: dict[DeviceKey, list[int]] = {}
    for label in sources.labels:
        if label.kind in (FAILURE, FAULT):
            known.setdefault((label.site, label.device), []).append(label.end)
    for entry in entries:
        if entry.event is Event.FAILURE:
            known.setdefault((entry.site or "", entry.device), []).append(entry.time)
    return {device: _distinct(known.get(name, ()), slot_ns) for device, name in names.items()}


def _distinct(times: Iterable[int], slot_ns: int) -> tuple[int, ...]:
    kept: list[int] = []
    for time in sorted(times):
        if not kept or time - kept[-1] >= slot_ns:
            kept.append(time)
    return tuple(kept)
