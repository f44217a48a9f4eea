"""Simulated readings and their truth as the contract's CSV files, the same bytes for the same seed."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import IO

import numpy as np

from simulators.blocks import Block
from simulators.errors import SimulatorError
from simulators.simulation import Simulation
from simulators.truth import EXPECTED_COLUMNS, TRUTH_COLUMNS, expected_rows, truth_rows

Progress = Callable[[float], None]
READINGS_HEADER = "time,site,device,metric,value,unit\n"


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


@contextmanager
def writing(path: Path) -> Iterator[IO[str]]:
    """A text file to write, packed if its name ends so. Raises SimulatorError if that cannot be done."""
    try:
        if path.name.endswith(".gz"):
            with (
                path.open("wb") as raw,
                gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
                io.TextIOWrapper(packed, encoding="utf-8", newline="") as text,
            ):
                yield text
        else:
            with path.open("w", encoding="utf-8", newline="") as text:
                yield text
    except OSError as error:
        raise SimulatorError(f"{path}: cannot be written: {error.strerror}") from error
