"""The live engine over recorded history: files in, scores, alerts, work orders and measures out.

Nothing here knows more than the live service would have known at the time; the files' own times are the only clock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from alerts.alert import Alert, AlertEvent
from forewarn.engine import Engine, EngineConfig, Outcome
from forewarn.measures import measure
from forewarn.results import prepare_folder, write_alerts, write_orders, write_rejects, write_scores
from ingest.csvfile import read_batches
from ingest.errors import InputError
from ingest.logbook import read_logbook
from ingest.reading import IntArray, ReadingBatch, TimeArray
from ingest.registry import Registry
from ingest.times import format_time
from ingest.truth import read_truth
from models.score import DeviceScores, Scores
from workorders.opening import fold
from workorders.order import WorkOrder

NS_PER_DAY = 86_400 * 1_000_000_000


@dataclass(slots=True)
class History:
    """Everything one run of the engine over history brought forth."""

    scores: list[Scores] = field(default_factory=list)
    device_scores: list[DeviceScores] = field(default_factory=list)
    events: list[AlertEvent] = field(default_factory=list)
    judged: int = 0
    late: int = 0
    duplicate: int = 0
    conflict: int = 0
    first: int | None = None
    last: int | None = None

    def add(self, batch: ReadingBatch, outcome: Outcome) -> None:
        """Take in what one batch brought."""
        counts = outcome.counts
        self.scores.append(outcome.scores)
        self.device_scores.append(outcome.devices)
        self.events.extend(outcome.events)
        self.judged += counts.judged
        self.late += counts.late
        self.duplicate += counts.duplicate
        self.conflict += counts.conflict
        if len(batch):
            low, high = int(batch.time.min()), int(batch.time.max())
            self.first = low if self.first is None else min(self.first, low)
            self.last = high if self.last is None else max(self.last, high)

    @property
    def readings(self) -> int:
        """Usable readings, duplicates included."""
        return self.judged + self.late + self.duplicate + self.conflict


def replay_history(
    batches: Iterator[ReadingBatch],
    registry: Registry,
    config: EngineConfig,
    progress: Callable[[int], None] | None = None,
) -> History:
    """Run the engine over `batches`; `progress` is told the number of readings after each."""
    engine, history = Engine(registry, config), History()
    for batch in batches:
        outcome = engine.process(batch)
        history.add(batch, outcome)
        if progress is not None:
            progress(history.readings)
    return history


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
    prepare_folder(out)
    rejects: list[tuple[Path, int, str, str]] = []
    began = perf_counter()
    batches = read_batches(files, registry, lambda *row: rejects.append(row))
    history = replay_history(batches, registry, config, progress)
    if not history.readings:
        raise InputError(f"{', '.join(map(str, files))}: no usable row")
    alerts, orders = fold(history.events, registry)
    write_scores(out / "scores.csv", history.scores, history.device_scores, registry)
    write_alerts(out, alerts.values())
    write_orders(out / "work_orders.csv", orders.values())
    if rejects:
        write_rejects(out / "rejects.csv", rejects, several=len(files) > 1)
    seconds = perf_counter() - began
    summary = summarise(history, list(alerts.values()), list(orders.values()), len(rejects), registry)
    if events is not None:
        summary["events"] = len(entries)
    if labels is not None:
        summary["truth"] = measure(list(alerts.values()), labels, device_days(history, registry))
    summary["speed"] = {"seconds": round(seconds, 3), "readings_per_second": round(history.readings / seconds)}
    text = json.dumps(summary, indent=2, ensure_ascii=False, sort_keys=False)
    (out / "summary.json").write_text(text + "\n", encoding="utf-8")
    return summary


def summarise(
    history: History, alerts: Sequence[Alert], orders: Sequence[WorkOrder], rejects: int, registry: Registry
) -> dict[str, Any]:
    """What happened, in numbers."""
    assert history.first is not None
    assert history.last is not None
    return {
        "readings": history.readings,
        "judged": history.judged,
        "late": history.late,
        "duplicates": history.duplicate,
        "conflicts": history.conflict,
        "devices": len(_seen_devices(history, registry)),
        "span": {"start": format_time(history.first), "end": format_time(history.last)},
        "alerts": len(alerts),
        "alerts_by_kind": _tally(alert.kind for alert in alerts),
        "alerts_by_severity": _tally(alert.severity for alert in alerts),
        "work_orders": len(orders),
        "rejects": rejects,
    }


def device_days(history: History, registry: Registry) -> float:
    """Days of history, summed over the devices, each from its first to its last reading."""
    series, time = _columns(history)
    device = registry.series_device[series]
    first = np.full(registry.n_devices, np.iinfo(np.int64).max)
    last = np.full(registry.n_devices, np.iinfo(np.int64).min)
    np.minimum.at(first, device, time)
    np.maximum.at(last, device, time)
    seen = last >= first
    return float((last[seen] - first[seen]).sum() / NS_PER_DAY)


def _seen_devices(history: History, registry: Registry) -> set[int]:
    series, _ = _columns(history)
    return set(np.unique(registry.series_device[np.unique(series)]).tolist())


def _columns(history: History) -> tuple[IntArray, TimeArray]:
    return np.concatenate([s.series for s in history.scores]), np.concatenate([s.time for s in history.scores])


def _tally(words: Iterator[Any] | Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        counts[str(word)] = counts.get(str(word), 0) + 1
    return dict(sorted(counts.items()))
