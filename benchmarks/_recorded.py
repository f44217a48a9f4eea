"""Recorded faults: how each set is judged, and what the engine said about every device of its files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from alerts.alert import Alert
from forewarn.engine import EngineConfig
from forewarn.history.backtest import Run, replay
from forewarn.history.scorelog import Rows, ScoreLog
from ingest.csvfile import read_batches
from ingest.errors import InputError
from ingest.reading import NS_PER_SECOND, BoolArray, FloatArray, IntArray, ReadingBatch, TimeArray
from ingest.registry import Registry
from ingest.truth import Label, read_truth

HOUR = 3_600 * NS_PER_SECOND
DAY = 24 * HOUR
TRUTH = ".truth.csv"


class Family(StrEnum):
    """What the labels of a set are, and so what is asked of the alerts."""

    INTERVALS = "intervals"
    """Faults from a start to an end: find them, soon and with nothing false before."""
    FAILURES = "failures"
    """Machines that fail now and then: warn a day ahead, and rarely without a failure."""
    LIVES = "lives"
    """Machines that are run until they fail: warn late enough to use them, early enough to act."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How a set is judged."""

    family: Family = Family.INTERVALS
    warm_up_ns: int = 0
    """From the first reading of a device on; nothing counts before."""
    slope_rows: int = 30
    """The widest slope of VUS-PR; 0: scores are not ranked."""
    nab: bool = False
    """Also by the rule of NAB, with its probation in place of the warm-up."""


RULES = {
    "nab": Rule(slope_rows=100, nab=True),
    "skab": Rule(warm_up_ns=400 * NS_PER_SECOND),
    "wsn": Rule(warm_up_ns=2_500 * NS_PER_SECOND),
    "pdm": Rule(Family.FAILURES, 7 * DAY, 24),
    "pronostia": Rule(Family.LIVES, 1_000 * NS_PER_SECOND, 0),
    "ims": Rule(Family.LIVES, 36 * HOUR, 0),
}
"""Public sets by their usual names; a folder `NAME-anything` is judged like NAME, any other one as intervals."""
WARM_SHARE = 0.3
"""The warm-up of a life is no longer than this share of it."""


def rule_of(folder: str) -> Rule:
    """How the set in a folder of that name is judged."""
    return RULES.get(folder.partition("-")[0], Rule())


@dataclass(frozen=True, slots=True)
class Raised:
    """One alert of a device, times in ns UTC; `metric` None is the device as a whole."""

    at: int
    until: int
    metric: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """One device of one file: when it was heard, what was wrong, and what was said."""

    time: TimeArray
    """Distinct times of its readings, ascending, ns UTC."""
    labels: tuple[Label, ...]
    """By their start."""
    alerts: tuple[Raised, ...]
    """By time of raising."""
    warm: int
    """Time from which on something counts."""
    p_value: FloatArray
    """For each time the least p-value, of the device as a whole where there is such; 1 where nothing was judged."""
    score: FloatArray
    """The score beside it."""
    row_time: TimeArray
    """Of every row of scores.csv."""
    row_p: FloatArray

    @property
    def start(self) -> int:
        """Its first reading."""
        return int(self.time[0])

    @property
    def end(self) -> int:
        """Its last reading."""
        return int(self.time[-1])

    @property
    def labelled(self) -> BoolArray:
        """For each time whether something was wrong."""
        inside = np.zeros(len(self.time), np.bool_)
        for label in self.labels:
            inside |= (self.time >= label.start) & (self.time <= label.end)
        return inside

    def saying(self, alerts: Sequence[Raised] = (), p_value: FloatArray | None = None) -> Machine:
        """The same device with other things said about it: a floor to compare with."""
        p = np.ones(len(self.time)) if p_value is None else p_value
        return replace(self, alerts=tuple(alerts), p_value=p, score=-np.log10(p))


def sets_in(folder: Path) -> dict[str, list[Path]]:
    """The truth files of each set below a folder. Raises InputError where there are none, or readings are missing."""
    found: dict[str, list[Path]] = {}
    for truth in sorted(folder.rglob(f"*{TRUTH}")):
        readings_of(truth)
        found.setdefault(str(truth.parent.relative_to(folder)), []).append(truth)
    if not found:
        raise InputError(f"{folder}: holds no *{TRUTH}")
    return found


def readings_of(truth: Path) -> Path:
    """The readings beside a truth file."""
    stem = truth.name.removesuffix(TRUTH)
    for path in (truth.with_name(f"{stem}.csv"), truth.with_name(f"{stem}.csv.gz")):
        if path.exists():
            return path
    raise InputError(f"{truth}: no {stem}.csv or {stem}.csv.gz beside it")


@dataclass(frozen=True, slots=True)
class Job:
    """One file to run through the engine."""

    truth: Path
    rule: Rule
    config: EngineConfig
    ignored: frozenset[str] = frozenset()
    """Kinds of alerts that do not count."""


def run_all(jobs: Sequence[Job], processes: int) -> Iterator[list[Machine]]:
    """The devices of each file, in order of the jobs."""
    if processes == 1:
        yield from map(run, jobs)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run, jobs)


def run(job: Job) -> list[Machine]:
    """Run the engine over one file, with nothing but its readings."""
    registry, heard = Registry(), list[tuple[IntArray, TimeArray]]()

    def noted(batches: Iterator[ReadingBatch]) -> Iterator[ReadingBatch]:
        for batch in batches:
            heard.append((batch.series, batch.time))
            yield batch

    with tempfile.TemporaryDirectory() as folder, ScoreLog(Path(folder)) as log:
        batches = read_batches([readings_of(job.truth)], registry, lambda *_row: None)
        done = replay(noted(batches), registry, job.config, log)
        rows = np.concatenate(list(log.blocks()))
    device = registry.series_device[np.concatenate([series for series, _ in heard])]
    time, labels = np.concatenate([times for _, times in heard]), read_truth(job.truth)
    for label in labels:
        if registry.find_device(label.site, label.device) is None:
            raise InputError(f"{job.truth}: device {label.device!r} of site {label.site!r} has no readings")
    return [_machine(number, np.unique(time[device == number]), rows, labels, done, registry, job)
            for number in range(registry.n_devices)]  # fmt: skip


def _machine(
    number: int, time: TimeArray, rows: Rows, labels: Sequence[Label], done: Run, registry: Registry, job: Job
) -> Machine:
    known = registry.device(number)
    mine = rows[(rows["key"] == -1 - number) | np.isin(rows["key"], registry.series_of(number))]
    whole = mine[mine["key"] < 0]
    p_value, score = judged(time, whole if len(whole) else mine)
    key = (known.site, known.name)
    own = sorted((label for label in labels if (label.site, label.device) == key), key=lambda label: label.start)
    alerts = sorted(done.book.alerts.values(), key=lambda alert: (alert.raised_at, alert.id))
    counted = (a for a in alerts if (a.site, a.device) == key and a.kind not in job.ignored)
    raised = tuple(_raised(alert, int(time[-1])) for alert in counted)
    warm = _warm(time, job.rule)
    return Machine(time, tuple(own), raised, warm, p_value, score, mine["time"], mine["p_value"])


def judged(time: TimeArray, rows: Rows) -> tuple[FloatArray, FloatArray]:
    """For each time the least p-value of the rows there, and the highest score beside it."""
    lowest = rows["score"].min() if len(rows) else 0.0
    p_value, score = np.ones(len(time)), np.full(len(time), lowest)
    place = np.searchsorted(time, rows["time"], "right") - 1
    order = np.lexsort((rows["score"], -rows["p_value"], place))  # the last one of each place is what is wanted
    p_value[place[order]], score[place[order]] = rows["p_value"][order], rows["score"][order]
    return p_value, score


def _raised(alert: Alert, end: int) -> Raised:
    until = end if alert.cleared_at is None else min(alert.cleared_at, end)
    return Raised(alert.raised_at, max(until, alert.raised_at), alert.metric)


def _warm(time: TimeArray, rule: Rule) -> int:
    from benchmarks._nab import probation

    start, end = int(time[0]), int(time[-1])
    if rule.nab:
        return int(time[min(probation(len(time)), len(time) - 1)])
    if rule.family is Family.LIVES:
        return start + min(rule.warm_up_ns, int(WARM_SHARE * (end - start)))
    return start + rule.warm_up_ns
