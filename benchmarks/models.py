"""How fast the detectors judge a fleet and how much they keep of it, beside references in the same run.

    forewarn bench models [--series N] [--readings N] [FILE.csv ...]

Readings per CPU second of one core, three metrics a device: as a live fleet sends them (one reading of every series a
batch), and as history is read (16 of each). References: an EWMA z-score in NumPy over the same batches, and River's
half-space trees reading by reading where `pip install river` was done. With FILEs also `forewarn backtest` of each,
from opening it to closing the outputs, beside reading it with the csv module and writing as many rows.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from forewarn.backtest import run_backtest
from forewarn.engine import EngineConfig
from ingest.reading import FloatArray, ReadingBatch
from ingest.registry import Registry
from models.bank import Bank
from models.calibration import MIN_SCORES
from models.detectors.shift import WARM_UP

METRICS = 3
START, MINUTE = 1_767_225_600 * 10**9, 60 * 10**9
SPAN = 30.0
"""Readings over which the reference smooths."""
TREE_READINGS = 3_000
"""Readings given to River, one by one."""


def batches(n_series: int, per_series: int, at_once: int) -> Iterator[ReadingBatch]:
    """Normal readings of a fleet, `at_once` of every series a batch."""
    rng = np.random.default_rng(0)
    for first in range(0, per_series, at_once):
        size = min(at_once, per_series - first)
        series = np.tile(np.arange(n_series, dtype=np.int32), size)
        times = START + np.repeat(np.arange(first, first + size), n_series) * MINUTE
        yield ReadingBatch.of(series, times, rng.normal(20.0, 1.0, len(series)))


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process that `work` takes."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def judging(n_series: int, per_series: int, at_once: int) -> tuple[float, Bank]:
    """Readings per CPU second once everything is warm, and the bank that judged them."""
    bank, device_of = Bank(), np.arange(n_series) // METRICS
    warm = WARM_UP + MIN_SCORES + 32
    spent, judged = 0.0, 0
    for number, batch in enumerate(batches(n_series, warm + per_series, at_once)):
        taken = cpu_seconds(lambda batch=batch: bank.judge(batch, device_of, n_series // METRICS + 1))  # type: ignore[misc]
        if number * at_once >= warm:
            spent, judged = spent + taken, judged + len(batch)
    return judged / spent, bank


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

    spent = sum(
        cpu_seconds(lambda batch=batch: score(batch.value.reshape(-1, n_series)))  # type: ignore[misc]
        for batch in batches(n_series, per_series, at_once)
    )
    return n_series * per_series / spent


def half_space_trees() -> float | None:
    """Readings per CPU second of River's half-space trees; None where River is not installed."""
    try:
        anomaly: Any = import_module("river.anomaly")  # none of our dependencies, only this figure wants it
    except ImportError:
        return None
    model = anomaly.HalfSpaceTrees(seed=0)
    values = np.random.default_rng(0).uniform(0.0, 1.0, TREE_READINGS).tolist()

    def score() -> None:
        for value in values:
            model.score_one({"value": value})
            model.learn_one({"value": value})

    return TREE_READINGS / cpu_seconds(score)


def same_after_restore(bank: Bank, n_series: int) -> bool:
    """Whether a bank that was saved and restored judges on to the same bits."""
    again, device_of = Bank(), np.arange(n_series) // METRICS
    numbers, devices = np.arange(n_series, dtype=np.int32), np.arange(n_series // METRICS + 1, dtype=np.int32)
    again.restore(bank.save(), numbers, devices)
    late = ReadingBatch.of(numbers, np.full(n_series, START + 10**6 * MINUTE), np.full(n_series, 23.0))
    one, other = (each.judge(late, device_of, len(devices)).scores for each in (bank, again))
    return one.score.tobytes() == other.score.tobytes() and one.p_value.tobytes() == other.p_value.tobytes()


def parse_and_write(file: Path, out: Path) -> None:
    """What any backtest has to do at least: read every row, write as many."""
    opener: Any = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", newline="") as source, out.open("w", newline="") as sink:
        rows, writer = csv.DictReader(source), csv.writer(sink)
        for row in rows:
            writer.writerow((row["time"], "default", row["device"], row["metric"], float(row["value"]), 1.0))


def backtests(files: Sequence[Path], table: Table) -> None:
    """A row for each file."""
    for file in files:
        with tempfile.TemporaryDirectory() as folder:
            plain = cpu_seconds(lambda file=file, folder=folder: parse_and_write(file, Path(folder) / "rows.csv"))  # type: ignore[misc]
            ours = cpu_seconds(
                lambda file=file, folder=folder: run_backtest(  # type: ignore[misc]
                    [file], Path(folder) / "out", Registry(), EngineConfig()
                )
            )
        table.add_row(f"backtest of {file.name}", f"{ours:.2f} s", f"{ours / plain:.1f} x csv module ({plain:.2f} s)")


def main(arguments: Sequence[str]) -> int:
    """Run it; the exit status."""
    parser = argparse.ArgumentParser(prog="forewarn bench models", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--series", type=int, default=9_999)
    parser.add_argument("--readings", type=int, default=160, help="of each series, after warm-up")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    chosen = parser.parse_args(arguments)
    table = Table("what", "readings per CPU second", "beside the references")
    trees = half_space_trees()
    for name, at_once in (("one reading of every series a batch", 1), ("16 readings of every series a batch", 16)):
        ours, bank = judging(chosen.series, chosen.readings, at_once)
        plain = z_scores(chosen.series, chosen.readings, at_once)
        beside = f"{ours / plain:.3f} x EWMA z-score ({plain:,.0f})"
        beside += "" if trees is None else f", {ours / trees:.0f} x half-space trees ({trees:,.0f})"
        table.add_row(name, f"{ours:,.0f}", beside)
    kept = sum(array.nbytes for array in bank.save().values()) / chosen.series
    table.add_row("state of a series", f"{kept:,.0f} bytes", "at most 8,192")
    table.add_row("saved and restored", "same bits" if same_after_restore(bank, chosen.series) else "DIFFERS", "")
    backtests(chosen.files, table)
    Console().print(table)
    return 0
