"""How fast the detectors judge a fleet and how much they keep of it, beside references in the same run.

    forewarn bench models [--series N] [--readings N] [FILE.csv ...]

Readings per CPU second of one core, three metrics a device: as a live fleet sends them (one reading of every series a
batch), and as history is read (16 of each, in batches as large as those of files). `detectors` is the whole bank of
them, calibration included; `engine` is what the service runs: with it arrivals, silence, limits and the decisions about
alerts. References: an EWMA z-score in NumPy over the same readings, and River's half-space trees, a model a series,
where `pip install river` was done. Also the state that is kept, whether it comes back to the bit, and how long a
command takes to start. With FILEs also `forewarn backtest` of each, from opening it to closing the outputs, beside
reading it with the csv module and writing as many rows.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks._forest import HOW_TO_GET_IT, half_space_trees
from benchmarks._startup import start_seconds
from forewarn.engine import Engine, EngineConfig, Outcome
from forewarn.history.backtest import run_backtest
from ingest.errors import InputError
from ingest.reading import ROWS_AT_ONCE, FloatArray, ReadingBatch
from ingest.registry import Registry
from models.bank import Bank

METRICS = 3
START, MINUTE = 1_767_225_600 * 10**9, 60 * 10**9
SPAN = 30.0
"""Readings over which the reference smooths."""
WARMING = 64
"""Readings of every series a batch while the series get warm: the quickest way there."""
MOST_TO_WARM = 4_096
"""Readings after which a series that still has no p-value is a fault."""
RUNS = 3
"""A backtest is timed so often, the reference as well."""


def normal(n_series: int, at_once: int, first: int = 0) -> Iterator[ReadingBatch]:
    """Normal readings of a fleet from minute `first` on, `at_once` of every series a batch, without end."""
    rng = np.random.default_rng(first)
    series = np.tile(np.arange(n_series, dtype=np.int32), at_once)
    while True:
        times = START + np.repeat(np.arange(first, first + at_once), n_series) * MINUTE
        yield ReadingBatch.of(series, times, rng.normal(20.0, 1.0, len(series)))
        first += at_once


def fleet(n_series: int) -> Registry:
    """A registry of devices with three metrics each."""
    registry = Registry(max_series=n_series)
    for number in range(n_series):
        registry.series("plant", f"device-{number // METRICS}", f"metric-{number % METRICS}")
    return registry


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process that `work` takes."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def rate(
    judge: Callable[[ReadingBatch], object], warm: Callable[[], bool], n_series: int, per_series: int, at_once: int
) -> float:
    """Readings per CPU second once everything is warm."""
    fed = 0
    for batch in normal(n_series, WARMING):
        if fed and warm():
            break
        if fed >= MOST_TO_WARM:
            raise RuntimeError(f"some series are not warm after {fed} readings")
        judge(batch)
        fed += WARMING
    batches = normal(n_series, at_once, fed)
    timed = [next(batches) for _ in range(0, per_series, at_once)]
    parts = [batch[at : at + ROWS_AT_ONCE] for batch in timed for at in range(0, len(batch), ROWS_AT_ONCE)]
    spent = sum(cpu_seconds(partial(judge, part)) for part in parts)
    return sum(map(len, timed)) / spent


def of_detectors(n_series: int, per_series: int, at_once: int) -> tuple[float, Bank]:
    """Readings per CPU second of all detectors with their calibration, and the bank of them."""
    bank, device_of = Bank(), np.arange(n_series) // METRICS
    n_devices = int(device_of[-1]) + 1

    def judge(batch: ReadingBatch) -> None:
        bank.judge(batch, device_of, n_devices)

    return rate(judge, lambda: bool(bank.warm(n_series).all()), n_series, per_series, at_once), bank


def of_engine(n_series: int, per_series: int, at_once: int) -> tuple[float, Engine]:
    """Readings per CPU second of the engine as the service runs it, and the engine."""
    engine = Engine(fleet(n_series))
    return rate(engine.process, lambda: bool(engine.warm.all()), n_series, per_series, at_once), engine


def z_scores(n_series: int, per_series: int, at_once: int) -> float:
    """Readings per CPU second of a plain EWMA z-score over the same batches."""
    mean, square = np.full(n_series, 20.0), np.ones(n_series)
    gain = 2.0 / (SPAN + 1.0)

    def score(values: FloatArray) -> None:
        for row in values:
            off = row - mean
            _ = np.abs(off) / np.sqrt(square)
            mean[:] += gain * off
            square[:] += gain * (off * off - square)

    batches = normal(n_series, at_once)
    timed = [next(batches).value.reshape(-1, n_series) for _ in range(0, per_series, at_once)]
    return n_series * per_series / sum(cpu_seconds(partial(score, values)) for values in timed)


def same_after_restore(engine: Engine, n_series: int) -> bool:
    """Whether an engine that was saved and restored judges on to the same bits, trouble included."""
    again = Engine(fleet(n_series))
    again.restore(engine.save())
    later, steady = 10 * MOST_TO_WARM, np.arange(n_series) % 2 == 0
    for number, batch in zip(range(64), normal(n_series, 1, later), strict=False):
        values = np.where(steady | (number < 16), batch.value, batch.value + 15.0)
        moved = ReadingBatch(batch.series, batch.time, values, batch.quality)
        if _bits(engine.process(moved)) != _bits(again.process(moved)):
            return False
    return engine.save() == again.save()


def _bits(outcome: Outcome) -> tuple[object, ...]:
    scores, devices = outcome.scores, outcome.devices
    columns = (scores.score, scores.p_value, scores.expected, devices.score, devices.p_value)
    return outcome.events, *(column.tobytes() for column in columns)


def parse_and_write(file: Path, out: Path) -> None:
    """What any backtest has to do at least: read every row, write as many."""
    opener: Any = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", newline="") as source, out.open("w", newline="") as sink:
        rows, writer = csv.DictReader(source), csv.writer(sink)
        for row in rows:
            writer.writerow((row["time"], "default", row["device"], row["metric"], float(row["value"]), 1.0))


def backtests(files: Sequence[Path], table: Table) -> None:
    """A row for each file: the least of three, taken in turn."""
    for file in files:
        with tempfile.TemporaryDirectory() as folder:
            rows, out = Path(folder) / "rows.csv", Path(folder) / "out"
            pairs = [
                (
                    cpu_seconds(partial(parse_and_write, file, rows)),
                    cpu_seconds(lambda file=file, out=out: run_backtest([file], out, Registry(), EngineConfig())),  # type: ignore[misc]
                )
                for _ in range(RUNS)
            ]
        plain, ours = min(one for one, _ in pairs), min(other for _, other in pairs)
        table.add_row(f"backtest of {file.name}", f"{ours:.2f} s", f"{ours / plain:.1f} x csv module ({plain:.2f} s)")


def speeds(n_series: int, per_series: int, table: Table) -> tuple[Bank, Engine]:
    """Rows of readings per CPU second; what judged them."""
    forest = half_space_trees()
    for name, at_once in (("one reading of every series a batch", 1), ("16 readings of every series a batch", 16)):
        plain = z_scores(n_series, per_series, at_once)
        detectors, bank = of_detectors(n_series, per_series, at_once)
        whole, engine = of_engine(n_series, per_series, at_once)
        for what, ours in (("detectors", detectors), ("engine", whole)):
            beside = f"{ours / plain:.3f} x EWMA z-score ({plain:,.0f})"
            if forest is not None:
                trees = f"{ours / forest.per_second:,.0f} x half-space trees of River {forest.version}"
                beside += f"\n{trees} ({forest.per_second:,.0f})"
            table.add_row(f"{what}, {name}", f"{ours:,.0f} a CPU second", beside)
    if forest is None:
        table.add_row("half-space trees", "-", HOW_TO_GET_IT)
    return bank, engine


def main(arguments: Sequence[str]) -> int:
    """Run it; the exit status: 1 if a saved state does not come back as it was."""
    parser = argparse.ArgumentParser(prog="forewarn bench models", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--series", type=int, default=9_999)
    parser.add_argument("--readings", type=int, default=160, help="of each series, after warm-up")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    chosen = parser.parse_args(arguments)
    for file in chosen.files:
        if not file.is_file():
            raise InputError(f"{file}: no such file")
    table = Table("what", "measured", "beside the references", show_lines=True)
    bank, engine = speeds(chosen.series, chosen.readings, table)
    kept = sum(array.nbytes for array in bank.save().values()) / chosen.series
    table.add_row("state of a series, detectors", f"{kept:,.0f} bytes", "at most 8,192")
    table.add_row("state of a series, engine", f"{len(engine.save()) / chosen.series:,.0f} bytes", "as a checkpoint")
    same = same_after_restore(engine, chosen.series)
    table.add_row("saved and restored", "same bits" if same else "DIFFERS", "64 batches later, with trouble in them")
    for arguments_ in (("version",), ("backtest", "--help")):
        ours, bare = start_seconds(*arguments_)
        table.add_row(
            f"forewarn {' '.join(arguments_)}", f"{ours:.2f} s", f"{ours / bare:.0f} x bare Python ({bare:.2f} s)"
        )
    backtests(chosen.files, table)
    Console().print(table)
    return 0 if same else 1
