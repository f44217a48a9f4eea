"""How well the shipped configuration detects what is labelled in a folder of recorded faults.

    forewarn bench detection FOLDER

FOLDER holds sets, SET/STEM.csv(.gz) with readings and SET/STEM.truth.csv with what was wrong and when, in the forms of
`forewarn backtest`. Every file is one run of the engine with the same configuration. Beside each set stands a floor: as
many alerts, evenly spaced over each file, which look at no reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from alerts.alert import Alert
from forewarn.backtest import replay
from forewarn.engine import EngineConfig
from forewarn.measures import hit
from forewarn.scorelog import ScoreLog
from ingest.csvfile import read_batches
from ingest.errors import InputError
from ingest.reading import NS_PER_SECOND
from ingest.registry import Registry
from ingest.truth import Label, read_truth

FLOOR_PHASES = 10
"""The evenly spaced alerts are tried at this many offsets; the mean is shown."""


@dataclass(slots=True)
class Score:
    """What one set of files came to."""

    labels: int = 0
    found: float = 0.0
    alerts: int = 0
    useful: float = 0.0
    device_days: float = 0.0
    readings: int = 0

    def row(self, name: str, delays: Sequence[float]) -> tuple[str, ...]:
        """The cells of a table row."""
        false = (self.alerts - self.useful) / self.device_days if self.device_days else float("nan")
        return (
            name,
            str(self.labels),
            f"{self.found:.1f}".removesuffix(".0"),
            str(self.alerts),
            f"{self.useful:.1f}".removesuffix(".0"),
            f"{false:.3g}",
            f"{median(delays):.0f}" if delays else "-",
        )


def main(arguments: Sequence[str]) -> int:
    """Measure every set of the folder and print a table."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        raise InputError("bench detection: needs one folder of recorded faults: SET/STEM.csv.gz and SET/STEM.truth.csv")
    folder = Path(arguments[0])
    sets = sorted({path.parent for path in folder.rglob("*.truth.csv")})
    if not sets:
        raise InputError(f"{folder}: holds no *.truth.csv")
    table = Table("set", "labels", "found", "alerts", "useful", "false per device-day", "delay s (median)")
    for path in sets:
        measured, floor, delays = _measure(path)
        table.add_row(*measured.row(str(path.relative_to(folder)), delays))
        table.add_row(*floor.row("  evenly spaced", []), style="dim")
    Console().print(table)
    return 0


def _measure(folder: Path) -> tuple[Score, Score, list[float]]:
    total, floor, delays = Score(), Score(), list[float]()
    for truth in sorted(folder.glob("*.truth.csv")):
        stem = truth.name.removesuffix(".truth.csv")
        files = [path for path in (folder / f"{stem}.csv", folder / f"{stem}.csv.gz") if path.exists()]
        if not files:
            raise InputError(f"{truth}: no {stem}.csv or {stem}.csv.gz beside it")
        labels, registry = read_truth(truth), Registry()
        batches = read_batches(files, registry, lambda *_row: None)
        with ScoreLog(folder) as log:
            run = replay(batches, registry, EngineConfig(), log)
        alerts, days = list(run.book.alerts.values()), run.tally.device_days(registry)
        _add(total, alerts, labels, days, 1.0)
        delays += _delays(alerts, labels)
        assert run.tally.first is not None
        assert run.tally.last is not None
        for phase in range(FLOOR_PHASES):
            spaced = _evenly(alerts, run.tally.first, run.tally.last, (phase + 0.5) / FLOOR_PHASES)
            _add(floor, spaced, labels, days / FLOOR_PHASES, 1.0 / FLOOR_PHASES)
        floor.labels, floor.alerts = total.labels, total.alerts
    return total, floor, delays


def _add(score: Score, alerts: Sequence[Alert], labels: Sequence[Label], days: float, weight: float) -> None:
    score.labels += len(labels)
    score.found += weight * sum(any(hit(alert, label) for alert in alerts) for label in labels)
    score.alerts += len(alerts)
    score.useful += weight * sum(any(hit(alert, label) for label in labels) for alert in alerts)
    score.device_days += days


def _evenly(alerts: Sequence[Alert], first: int, last: int, phase: float) -> list[Alert]:
    """The same alerts, about the same devices, moved to evenly spaced times."""
    step = (last - first) / max(len(alerts), 1)
    return [replace(alert, raised_at=int(first + (k + phase) * step)) for k, alert in enumerate(alerts)]


def _delays(alerts: Sequence[Alert], labels: Sequence[Label]) -> list[float]:
    """Seconds from the start of each found label to its first alert."""
    firsts = (min((a.raised_at for a in alerts if hit(a, label)), default=None) for label in labels)
    pairs = zip(labels, firsts, strict=True)
    return [(at - label.start) / NS_PER_SECOND for label, at in pairs if at is not None and label.start < label.end]
