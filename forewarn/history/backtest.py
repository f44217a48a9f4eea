"""The live engine over recorded history: files in, scores, alerts, work orders and measures out.

Nothing here knows more than the live service would have known at the time; the files' own times are the only clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from alerts.alert import Alert, AlertEvent, Opened, Released, State
from forewarn.engine import Engine, EngineConfig
from forewarn.history.logfeed import LogFeed
from forewarn.history.measures import measure
from forewarn.history.modelfile import read_model
from forewarn.history.rejectlog import RejectLog
from forewarn.history.results import (
    new_result,
    write_alerts,
    write_json,
    write_orders,
    write_scores,
)
from forewarn.history.scorelog import ScoreLog
from forewarn.history.tally import Tally
from forewarn.history.without_readings import without_readings
from ingest.csvfile import read_batches
from ingest.logbook import read_logbook
from ingest.logentry import LogEntry
from ingest.reading import ReadingBatch
from ingest.registry import Registry
from ingest.times import format_time
from ingest.truth import NORMAL, Label, read_truth
from models.supervised.model import RiskModel
from workorders.opening import Book

Batches = Iterable[ReadingBatch]
Progress = Callable[[int], None]


@dataclass(slots=True)
class Run:
    """What one run of the engine over history brought forth, scores apart."""

    tally: Tally
    book: Book
    """Alerts and orders as they stand at the end."""
    held_back: set[str] = field(default_factory=set)
    """Ids of the alerts that were suppressed by design and never released."""

    @property
    def told(self) -> list[Alert]:
        """The alerts that people would have been told of, in order of opening."""
        return [alert for alert in self.book.alerts.values() if alert.id not in self.held_back]

    @property
    def suppressed(self) -> list[Alert]:
        """The others."""
        return [alert for alert in self.book.alerts.values() if alert.id in self.held_back]

    def take(self, event: AlertEvent) -> None:
        """Take in what happened to an alert."""
        self.book.take(event)
        if isinstance(event, Opened) and event.alert.state is State.SUPPRESSED:
            self.held_back.add(event.alert.id)
        elif isinstance(event, Released):
            self.held_back.discard(event.alert_id)


def replay(
    batches: Batches,
    registry: Registry,
    config: EngineConfig,
    log: ScoreLog,
    progress: Progress | None = None,
    count_from: int | None = None,
    entries: Sequence[LogEntry] = (),
) -> Run:
    """Run the engine over `batches`; the scores go to `log`. `progress` is told the number of readings after each.

    `entries` of a log of errors and maintenance come in where their time comes in the rows.

    What comes before the first reading at or after `count_from` (ns UTC) teaches the engine and is not told.
    """
    engine, run, read = Engine(registry, config), Run(Tally(), Book(registry.known)), 0
    feed = LogFeed(entries, registry)
    for batch, counts in _split(batches, count_from):
        if counts and not run.tally.readings:
            engine.forget_alerts()  # those that readings opened which were to teach only
        outcome = engine.process(batch, feed.before(batch))
        if counts:
            run.tally.add(batch, outcome.scores, outcome.counts)
            log.add(outcome.scores, outcome.devices)
            for event in outcome.events:
                run.take(event)
        read += len(batch)
        if progress is not None:
            progress(read)
    return run


def _split(batches: Batches, count_from: int | None) -> Iterator[tuple[ReadingBatch, bool]]:
    """The batches, with whether they count, cut in two where counting begins."""
    counts = count_from is None
    for batch in batches:
        if counts or count_from is None:
            yield batch, True
            continue
        late = np.flatnonzero(batch.time >= count_from)
        cut = int(late[0]) if len(late) else len(batch)
        if cut:
            yield batch[:cut], False
        if cut < len(batch):
            counts = True
            yield batch[cut:], True


@dataclass(frozen=True, slots=True)
class Inputs:
    """What stands in files beside the readings."""

    labels: Sequence[Label] | None = None
    """Of the truth file; None without one."""
    entries: Sequence[LogEntry] | None = None
    """Of the log of errors and maintenance; None without one."""
    model: RiskModel | None = None
    """A trained model that looks on, in place of any other."""

    def config(self, config: EngineConfig) -> EngineConfig:
        """The configuration with that model."""
        return config if self.model is None else replace(config, models=replace(config.models, active=self.model))


def read_inputs(truth: Path | None, events: Path | None, model: Path | None = None) -> Inputs:
    """Read what there is. Raises InputError naming file, line and what is wrong."""
    return Inputs(
        [label for label in read_truth(truth) if label.kind != NORMAL] if truth is not None else None,
        read_logbook(events) if events is not None else None,
        read_model(model) if model is not None else None,
    )


def run_backtest(
    files: Sequence[Path],
    out: Path,
    registry: Registry,
    config: EngineConfig,
    truth: Path | None = None,
    events: Path | None = None,
    progress: Progress | None = None,
    model: Path | None = None,
) -> dict[str, Any]:
    """Write scores, alerts, work orders, rejects and a summary to `out`; returns the summary.

    `registry` holds what is configured about devices and learns the rest from the files. Raises InputError naming the
    file and what is wrong, if a file cannot be read, holds no usable row, or `out` is neither empty nor an earlier
    result.
    """
    inputs = read_inputs(truth, events, model)
    began = perf_counter()
    with new_result(out) as folder, RejectLog(files) as rejects, ScoreLog(folder) as log:
        batches = read_batches(files, registry, rejects.add)
        run = replay(batches, registry, inputs.config(config), log, progress, entries=inputs.entries or ())
        write_scores(folder / "scores.csv", log.blocks(), registry)
        return write_run(folder, run, registry, rejects, inputs, perf_counter() - began)


def write_run(
    out: Path,
    run: Run,
    registry: Registry,
    rejects: RejectLog,
    inputs: Inputs,
    seconds: float,
) -> dict[str, Any]:
    """Write alerts, work orders, rejects in the order of the files, and the summary to `out`; returns the summary."""
    write_alerts(out, run.told, run.suppressed)
    write_orders(out / "work_orders.csv", run.book.orders.values())
    if rejects:
        rejects.write(out / "rejects.csv")
    summary = summarise(run, len(rejects), registry)
    if inputs.entries is not None:
        summary["events"] = len(inputs.entries)
    devices = (registry.device(number) for number in run.tally.devices(registry))
    heard = {(device.site, device.name) for device in devices}
    if nowhere := without_readings(heard, inputs.entries or (), inputs.labels or ()):
        summary["without_readings"] = nowhere
    if inputs.labels is not None:
        summary["truth"] = measure(run.told, inputs.labels, run.tally.device_days(registry))
    summary["speed"] = {"seconds": round(seconds, 3), "readings_per_second": round(run.tally.readings / seconds)}
    write_json(out / "summary.json", summary)
    return summary


def summarise(run: Run, rejects: int, registry: Registry) -> dict[str, Any]:
    """What happened, in numbers."""
    tally, told, held = run.tally, run.told, run.suppressed
    assert tally.first is not None
    assert tally.last is not None
    return {
        "readings": tally.readings,
        "judged": tally.judged,
        "late": tally.late,
        "duplicates": tally.duplicate,
        "conflicts": tally.conflict,
        "devices": len(tally.devices(registry)),
        "span": {"start": format_time(tally.first), "end": format_time(tally.last)},
        "alerts": len(told),
        "alerts_by_kind": _tally(alert.kind for alert in told),
        "alerts_by_severity": _tally(alert.severity for alert in told),
        **({"suppressed": len(held)} if held else {}),
        "work_orders": len(run.book.orders),
        "rejects": rejects,
    }


def _tally(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(map(str, words)).items()))
