"""Rows that cannot be used: written file by file, in bounded memory."""

import csv
import tracemalloc
from pathlib import Path

import pytest

from forewarn.history import rejectlog
from forewarn.history.rejectlog import RejectLog

A, B = Path("there/a,b.csv"), Path("here/b.csv")


def written(log: RejectLog, path: Path) -> list[list[str]]:
    log.write(path)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("memory", [1, rejectlog.MEMORY_BYTES], ids=["on disk", "in memory"])
def test_file_by_file_in_the_order_given(memory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejectlog, "MEMORY_BYTES", memory)
    with RejectLog([B, A]) as log:
        log.add(A, 2, "no, not this", 'x,"y')
        log.add(B, 3, "空", "ü")
        log.add(A, 5, "why", "z")
        assert len(log) == 3
        assert written(log, tmp_path / "rejects.csv") == [
            ["line", "reason", "row"],
            ["b.csv:3", "空", "ü"],
            ["a,b.csv:2", "no, not this", 'x,"y'],
            ["a,b.csv:5", "why", "z"],
        ]


def test_the_line_alone_where_there_is_one_file(tmp_path: Path) -> None:
    with RejectLog([A]) as log:
        log.add(A, 2, "why", "row")
        assert written(log, tmp_path / "rejects.csv")[1:] == [["2", "why", "row"]]


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejectlog, "MEMORY_BYTES", 100_000)
    with RejectLog([A]) as log:
        tracemalloc.start()
        for line in range(20_000):
            log.add(A, line, "time has no zone", "2026-01-01T00:00:00,plant,pump-1,temperature,20.5,°C" * 4)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(log) == 20_000
        assert peak < 1_000_000
        assert len(written(log, tmp_path / "rejects.csv")) == 20_001
