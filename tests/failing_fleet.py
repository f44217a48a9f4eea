"""A fleet that breaks down: hourly readings with drifts, a log with codes that mean something and codes that do not.

Made here, from a seed, for the tests of trained models. A wear of kind k drifts metric k for two days and is logged
with code `E<k>` a day before the failure; drifts without a failure, and codes without a drift, happen as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from ingest.logentry import Event, LogEntry
from ingest.reading import NS_PER_SECOND, Quality, ReadingBatch
from ingest.registry import Registry
from ingest.times import format_time
from ingest.truth import Label

HOUR = 3600 * NS_PER_SECOND
START = 1_767_225_600 * NS_PER_SECOND
"""2026-01-01T00:00:00Z."""
METRICS = ("flow", "heat")
LEVEL, NOISE, DRIFT = np.array([100.0, 60.0]), np.array([4.0, 2.0]), np.array([-8.0, 4.0])


@dataclass(slots=True)
class Fleet:
    """Readings as an array (n_devices, n_metrics, n_hours), and what happened."""

    values: np.ndarray
    entries: list[LogEntry] = field(default_factory=list)
    failures: list[tuple[str, int]] = field(default_factory=list)
    """(device, ns UTC)."""

    @property
    def devices(self) -> list[str]:
        """Their names."""
        return [f"m{number}" for number in range(len(self.values))]

    def labels(self) -> list[Label]:
        """The failures as truth."""
        return [Label("plant", device, None, at - 72 * HOUR, at, "failure") for device, at in self.failures]

    def batch(self, registry: Registry, until: int | None = None) -> ReadingBatch:
        """All readings in order of time, as recorded ones."""
        n_devices, n_metrics, n_hours = self.values.shape
        numbers = [registry.series("plant", device, metric) for device in self.devices for metric in METRICS]
        hours = n_hours if until is None else until
        series = np.tile(np.array(numbers, np.int32), hours)
        time = np.repeat(START + np.arange(hours) * HOUR, n_devices * n_metrics)
        value = self.values[:, :, :hours].transpose(2, 0, 1).reshape(-1)
        return ReadingBatch.of(series, time, value, int(Quality.RECORDED))

    def write(self, folder: Path) -> tuple[Path, Path, Path]:
        """readings.csv, events.csv and truth.csv."""
        rows = ["time,site,device,metric,value"]
        for hour in range(self.values.shape[2]):
            at = format_time(START + hour * HOUR)
            for number, device in enumerate(self.devices):
                now = zip(METRICS, self.values[number, :, hour], strict=True)
                rows += [f"{at},plant,{device},{metric},{value:.6g}" for metric, value in now]
        log = ["time,device,event,code"]
        log += [f"{format_time(e.time)},{e.device},{e.event},{e.code}" for e in self.entries]
        truth = ["site,device,metric,start,end,kind"]
        truth += [
            f"plant,{device},,{format_time(at - 72 * HOUR)},{format_time(at)},failure" for device, at in self.failures
        ]
        paths = folder / "readings.csv", folder / "events.csv", folder / "truth.csv"
        for path, lines in zip(paths, (rows, log, truth), strict=True):
            path.write_text("\n".join(lines) + "\n")
        return paths


def fleet(n_devices: int = 6, days: int = 40, seed: int = 1) -> Fleet:
    """A fleet in which every device fails every ten days or so."""
    rng = np.random.default_rng(seed)
    hours = 24 * days
    values = LEVEL[:, None] + NOISE[:, None] * rng.normal(size=(n_devices, len(METRICS), hours))
    made = Fleet(values)
    for device in range(n_devices):
        for at in range(24 * int(rng.integers(6, 10)), hours - 24, 24 * 11):
            kind = int(rng.integers(2))
            _drift(made, device, kind, at - 48)
            _log(made, device, at - 24, Event.ERROR, f"E{kind}")
            _log(made, device, at, Event.MAINTENANCE, f"part-{kind}")
            made.failures.append((f"m{device}", START + at * HOUR))
            _drift(made, device, int(rng.integers(2)), at + 24 * 5)
            _log(made, device, at + 24 * 8, Event.ERROR, f"E{rng.integers(2)}")
        for at in rng.integers(hours, size=days // 8):
            _log(made, device, int(at), Event.ERROR, "E9")
    made.entries.sort(key=lambda entry: (entry.time, entry.device, entry.code))
    return made


def _drift(made: Fleet, device: int, kind: int, at: int) -> None:
    made.values[device, kind, max(at, 0) : at + 48] += DRIFT[kind]


def _log(made: Fleet, device: int, at: int, event: Event, code: str) -> None:
    if 0 <= at < made.values.shape[2]:
        made.entries.append(LogEntry(START + at * HOUR, None, f"m{device}", event, code))


def cut(batch: ReadingBatch, places: Sequence[int]) -> list[ReadingBatch]:
    """The batch in pieces."""
    ends = [0, *sorted(places), len(batch)]
    return [batch[a:b] for a, b in pairwise(ends) if b > a]
