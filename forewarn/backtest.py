"""The live engine over recorded history: files in, scores, alerts, work orders and measures out.

Nothing here knows more than the live service would have known at the time; the files' own times are the only clock.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Any

from forewarn.engine import Engine, EngineConfig
from forewarn.measures import measure
from forewarn.results import check_folder, prepare_folder, write_alerts, write_orders, write_rejects, write_scores
from forewarn.scorelog import ScoreLog
from forewarn.tally import Tally
from ingest.csvfile import read_batches
from ingest.logbook import read_logbook
from ingest.reading import ReadingBatch
from ingest.registry import Registry
from ingest.times import format_time
from ingest.truth import read_truth
from workorders.opening import Book, criticality_in

Batches = Iterable[ReadingBatch]
Progress = Callable[[int], None]


@dataclass(slots=True)
class Run:
    """What one run of the engine over history brought forth, scores apart."""

    tally: Tally
    book: Book
    """Alerts and orders as they stand at the end."""


def replay(
    batches: Batches, registry: Registry, config: EngineConfig, log: ScoreLog, progress: Progress | None = None
) -> Run:
    """Run the engine over `batches`; the scores go to `log`. `progress` is told the number of readings after each."""
    engine, run = Engine(registry, config), Run(Tally(), Book(criticality_in(registry)))
    for batch in batches:
        outcome = engine.process(batch)
        run.tally.add(batch, outcome.scores, outcome.counts)
        log.add(outcome.scores, outcome.devices)
        for event in outcome.events:
            run.book.take(event)
        if progress is not None:
            progress(run.tally.readings)
    return run


def run_backtest(
    files: Sequence[Path],
    out: Path,
    registry: Registry,
    config: EngineConfig,
    truth: Path | None = None,
    events: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Write scores, alerts, work orders, rejects and a summary to `out`; returns the summary.

    `registry` holds what is configured about devices and learns the rest from the files. The entries of `events` are
    checked and counted; no detector of this release uses them. Raises InputError naming the
    file and what is wrong, if a file cannot be read, holds no usable row, or `out` is neither empty nor an earlier
    result.
    """
    labels = read_truth(truth) if truth is not None else None
    entries = read_logbook(events) if events is not None else []
    check_folder(out)
    rejects: list[tuple[Path, int, str, str]] = []
    began = perf_counter()
    batches = read_batches(files, registry, lambda *row: rejects.append(row))
    first = next(batches)  # an earlier result stays until there is something to take its place
    prepare_folder(out)
    with ScoreLog(out) as log:
        run = replay(chain((first,), batches), registry, config, log, progress)
        write_scores(out / "scores.csv", log.blocks(), registry)
    alerts, orders = list(run.book.alerts.values()), list(run.book.orders.values())
    write_alerts(out, alerts)
    write_orders(out / "work_orders.csv", orders)
    if rejects:
        rejects.sort(key=lambda row: (files.index(row[0]), row[1]))
        write_rejects(out / "rejects.csv", rejects, several=len(files) > 1)
    seconds = perf_counter() - began
    summary = summarise(run, len(rejects), registry)
    if events is not None:
        summary["events"] = len(entries)
    if labels is not None:
        summary["truth"] = measure(alerts, labels, run.tally.device_days(registry))
    summary["speed"] = {"seconds": round(seconds, 3), "readings_per_second": round(run.tally.readings / seconds)}
    text = json.dumps(summary, indent=2, ensure_ascii=False, sort_keys=False)
    (out / "summary.json").write_text(text + "\n", encoding="utf-8")
    return summary


def summarise(run: Run, rejects: int, registry: Registry) -> dict[str, Any]:
    """What happened, in numbers."""
    tally, alerts = run.tally, list(run.book.alerts.values())
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
        "alerts": len(alerts),
        "alerts_by_kind": _tally(alert.kind for alert in alerts),
        "alerts_by_severity": _tally(alert.severity for alert in alerts),
        "work_orders": len(run.book.orders),
        "rejects": rejects,
    }


def _tally(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(map(str, words)).items()))
