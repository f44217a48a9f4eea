"""Machines with hourly telemetry, a log of errors and known failures: each judged by a model of the others.

    forewarn bench pdm machines.csv.gz --events events.csv --truth machines.truth.csv [--config FILE] [--ablation]

A fold a device: a model is trained on all others (as `forewarn train --exclude DEVICE` does), the live engine runs
over everything with it, and only the alerts of the device that was left out count. Beside it, in the same run,
telemetry alone: the same engine without log and model. `--ablation`: the model without each of its parts, and with
what was not kept.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alerts.alert import Alert
from alerts.riskwatch import Models
from benchmarks._warnings import Watched, Worth, worth
from forewarn.config.configured import engine_config
from forewarn.config.settings_file import load
from forewarn.engine import EngineConfig
from forewarn.history.backtest import replay
from forewarn.history.examples import Sources
from forewarn.history.scorelog import ScoreLog
from forewarn.history.training import train
from ingest.csvfile import read_batches
from ingest.errors import InputError
from ingest.logbook import read_logbook
from ingest.logentry import LogEntry
from ingest.registry import DeviceKey, Registry
from ingest.truth import read_truth
from models.supervised.artefact import decode, encode


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the engine: the alerts that people would have been told of, and the span of each device."""

    alerts: dict[DeviceKey, list[Alert]]
    spans: dict[DeviceKey, tuple[int, int]]


def run(files: Sequence[Path], config: EngineConfig, entries: Sequence[LogEntry] = ()) -> Ran:
    """The live engine over the files."""
    registry = Registry()
    with tempfile.TemporaryDirectory() as folder, ScoreLog(Path(folder)) as log:
        done = replay(read_batches(files, registry, _ignore), registry, config, log, entries=entries)
    alerts: dict[DeviceKey, list[Alert]] = {}
    for alert in done.told:
        alerts.setdefault((alert.site, alert.device), []).append(alert)
    owner, tally = registry.series_device[: len(done.tally.readings_of)], done.tally
    spans = {}
    for number, device in registry.devices():
        mine = (owner == number) & (tally.readings_of > 0)
        if mine.any():
            spans[device.site, device.name] = (int(tally.first_of[mine].min()), int(tally.last_of[mine].max()))
    return Ran(alerts, spans)


def _ignore(_path: Path, _line: int, _reason: str, _row: str) -> None:
    """A bad row: it does not take part."""


def watched(ran: Ran, device: DeviceKey, failures: Sequence[int]) -> Watched:
    """A device of a run."""
    return Watched(*ran.spans[device], tuple(sorted(failures)))


def line(name: str, found: Worth) -> str:
    """A row of the table."""
    return (
        f"{name:<28} {found.warned:>3}/{found.failures:<3} {100 * found.share:6.1f} % {100 * found.by_chance:8.1f} % "
        f"{found.false:>6} {found.false_per_month:10.3f}"
    )


HEAD = f"{'':<28} {'warned':>7} {'share':>8} {'by chance':>10} {'false':>6} {'per month':>10}"


def main(arguments: Sequence[str]) -> int:
    """Run the folds and print the table."""
    parser = argparse.ArgumentParser(prog="forewarn bench pdm", description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.csv")
    parser.add_argument("--events", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=None)
    parser.add_argument("--ablation", action="store_true", help="the model without each of its parts")
    asked = parser.parse_args(list(arguments))
    sources = Sources(asked.files, read_logbook(asked.events), read_truth(asked.truth))
    config = engine_config(load(asked.config, os.environ))
    if asked.ablation:
        from benchmarks._ablation import tell

        tell(sources)
        return 0
    failures: dict[DeviceKey, list[int]] = {}
    for label in sources.labels:
        if label.kind == "failure":
            failures.setdefault((label.site, label.device), []).append(label.end)
    alone = run(asked.files, config)
    if not failures.keys() & alone.spans.keys():
        raise InputError(f"{asked.truth}: names no failure of a device with readings")
    print(HEAD)
    telemetry, with_log = Worth(), Worth()
    for device in sorted(alone.spans):
        known = watched(alone, device, failures.get(device, ()))
        before = worth(known, alone.alerts.get(device, ()))
        after = worth(known, _left_out(sources, config, device).alerts.get(device, ()))
        telemetry, with_log = telemetry + before, with_log + after
        print(line("/".join(device), after), flush=True)
    print(line("telemetry alone", telemetry))
    print(line("with log and model", with_log))
    fewer = with_log.false_per_month / telemetry.false_per_month if telemetry.false else np.nan
    print(f"{len(alone.spans)} folds; {fewer:.2f} times the false alarms of telemetry alone")
    return 0


def _left_out(sources: Sources, config: EngineConfig, device: DeviceKey) -> Ran:
    """The run with a model that has not seen a device, as it is read back from a file."""
    model = train(replace(sources, exclude=frozenset({"/".join(device)}))).model
    with_model = replace(config, models=Models(active=decode(encode(model)), speaks=config.models.speaks))
    return run(sources.files, with_model, sources.entries)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
