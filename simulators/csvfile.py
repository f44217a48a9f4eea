"""Simulated readings and their truth as the contract's CSV files, the same bytes for the same seed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from simulators.blocks import Block
from simulators.outfile import writing
from simulators.registry import write_registry
from simulators.scenario import Scenario
from simulators.simulation import DEFAULT_START, Simulation
from simulators.truth import EXPECTED_COLUMNS, TRUTH_COLUMNS, expected_rows, truth_rows

Progress = Callable[[float], None]
READINGS_HEADER = "time,site,device,metric,value,unit\n"


def simulate_to_csv(
    scenario: Scenario,
    out: Path,
    *,
    seed: int = 0,
    start: int | None = None,
    until: int | None = None,
    truth: Path | None = None,
    expected: Path | None = None,
    registry: Path | None = None,
    processes: int = 1,
    progress: Progress | None = None,
) -> int:
    """Write a scenario's readings (history included) and, if asked for, its registry, truth and what is to be raised.

    Returns the number of readings.
    """
    sim = Simulation(scenario, seed, DEFAULT_START if start is None else start)
    if registry is not None:
        write_registry(sim, registry)
    count = write_csv(sim, out, until, processes=processes, progress=progress)
    write_answers(sim, truth, expected, until)
    return count


def write_csv(
    sim: Simulation,
    path: Path,
    until: int | None = None,
    *,
    begin: int | None = None,
    processes: int = 1,
    batch: int | None = None,
    progress: Progress | None = None,
) -> int:
    """Write all readings sent from the beginning (of the history) to `until`; returns how many.

    `.gz` in the name compresses. Raises SimulatorError if the file cannot be written.
    """
    windows = sim.windows(sim.history_start if begin is None else begin, sim.end if until is None else until, batch)
    count = 0
    with writing(path) as file:
        file.write(READINGS_HEADER)
        for done, (text, rows) in enumerate(_texts(sim, windows, processes), 1):
            file.write(text)
            count += rows
            if progress:
                progress(done / len(windows))
    return count


def write_answers(sim: Simulation, truth: Path | None, expected: Path | None, until: int | None) -> None:
    """Write the truth CSV, and what must and must not be raised, each if it is asked for."""
    if truth is not None:
        write_truth(sim, truth, until)
    if expected is not None:
        write_expected(sim, expected)


def write_truth(sim: Simulation, path: Path, until: int | None = None) -> None:
    """Write the truth CSV. Raises SimulatorError if the file cannot be written."""
    with writing(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(TRUTH_COLUMNS)
        writer.writerows(truth_rows(sim, until))


def write_expected(sim: Simulation, path: Path) -> None:
    """Write what must and must not be raised. Raises SimulatorError if the file cannot be written."""
    with writing(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(EXPECTED_COLUMNS)
        writer.writerows(expected_rows(sim))


def csv_text(sim: Simulation, block: Block) -> str:
    """A block as CSV rows, without header."""
    if not len(block):
        return ""
    owner = [f",{_field(placed.site)},{_field(placed.device.name)}," for placed in sim.devices]
    metric = [f"{_field(name)}," for name in sim.metrics]
    unit = [f",{_field(name)}\n" for name in sim.units]
    columns: tuple[Iterable[str], ...] = (
        [f"{text}Z" for text in np.datetime_as_string(block.time.view("M8[ns]"), unit="ms").tolist()],
        map(owner.__getitem__, block.device.tolist()),
        map(metric.__getitem__, block.metric.tolist()),
        map(repr, block.value.tolist()),
        map(unit.__getitem__, block.unit.tolist()),
    )
    return "".join(map("".join, zip(*columns, strict=True)))


def _field(text: str) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([text])
    return out.getvalue()


def _texts(sim: Simulation, windows: list[tuple[int, int]], processes: int) -> Iterator[tuple[str, int]]:
    if processes == 1:
        yield from (_text(sim, window) for window in windows)
        return
    with get_context("spawn").Pool(processes, _start_worker, (sim,)) as pool:
        yield from pool.imap(_work, windows)


def _text(sim: Simulation, window: tuple[int, int]) -> tuple[str, int]:
    block = sim.block(*window)
    return csv_text(sim, block), len(block)


_worker: list[Simulation] = []


def _start_worker(sim: Simulation) -> None:
    _worker[:] = [sim]


def _work(window: tuple[int, int]) -> tuple[str, int]:
    return _text(_worker[0], window)
