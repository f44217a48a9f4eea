"""Names in the spool: each once, by number, as long as an entry needs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ingest import spoolnames
from ingest.columns import SeriesName
from ingest.errors import RejectedError
from ingest.inbox import inbox_file
from ingest.keyed import KeyedBatch, SeriesNames
from ingest.reading import ReadingBatch
from ingest.registry import Metric, Registry, UnitState
from ingest.spool import Consumer, Spool
from ingest.sqlitefile import SqliteFile

A, B, C = ("s", "a", "t"), ("s", "b", "湿度"), ("s", "c", 'a b,c="')


@pytest.fixture
def local(tmp_path: Path) -> Iterator[SqliteFile]:
    local = inbox_file(tmp_path / "spool.db")
    local.open()
    yield local
    local.close()


def opened(local: SqliteFile) -> Spool:
    spool = Spool(local)
    spool.open()
    return spool


def batch(*names: SeriesName, unit: str | None = None) -> KeyedBatch:
    """A reading of each, whose value tells its place."""
    n = len(names)
    key, zeros = np.arange(n, dtype=np.int32), np.zeros(n, np.int64)
    return KeyedBatch(
        names,
        ((unit, "known", unit),) * n,
        key,
        zeros,
        np.arange(n, dtype=np.float64),
        zeros.astype(np.uint8),
        zeros,
        zeros - 1,
    )


def told(spool: Spool) -> list[list[tuple[SeriesName, str | None, float]]]:
    """Names, units and values of every entry, row by row."""
    found = [entry for _, entry in spool.read(0, 10**9)]
    return [
        [(e.names[key], e.units[key][0], value) for key, value in zip(e.key.tolist(), e.value.tolist(), strict=True)]
        for e in found
    ]


def held(local: SqliteFile) -> int:
    with local.look() as db:
        return int(db.execute("SELECT count(*) FROM name").get)


def test_a_name_is_written_once_and_found_by_whoever_reads(local: SqliteFile) -> None:
    spool = opened(local)
    spool.append(batch(A, B))
    spool.append(batch(B, A))
    spool.append(batch(A, C, unit="K"))
    wanted = [[(A, None, 0), (B, None, 1)], [(B, None, 0), (A, None, 1)], [(A, "K", 0), (C, "K", 1)]]
    assert told(spool) == told(opened(local)) == wanted
    assert held(local) == 4, "a name with another unit is another"
    again = opened(local)
    again.append(batch(C, A, unit="K"))
    assert (told(again)[-1], held(local)) == ([(C, "K", 0), (A, "K", 1)], 4), "numbers hold beyond a restart"


def test_series_by_number_are_told_as_they_were_known_then(local: SqliteFile) -> None:
    registry, spool = Registry(), opened(local)
    names = SeriesNames(registry)
    for unit in [None, "K", "K", "°C"]:
        if unit:
            registry.put_metric("s", "a", Metric("t", unit, UnitState.KNOWN, unit))
        registry.series(*(A if unit is None else B))
        readings = ReadingBatch.of([registry.n_series - 1, 0], [1, 2], [3.0, 4.0])
        spool.append(KeyedBatch.of(readings, names, 5))
    assert [rows[1][:2] for rows in told(spool)] == [(A, None), (A, "K"), (A, "K"), (A, "°C")]
    assert [rows[0][0] for rows in told(spool)] == [A, B, B, B]


def test_a_name_whose_entry_was_not_kept_is_written_with_the_next(local: SqliteFile) -> None:
    spool = opened(local)

    def fail() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        spool.append(batch(A), fail)
    assert held(local) == 0
    spool.append(batch(A))
    assert told(opened(local)) == [[(A, None, 0)]]


def test_names_beyond_a_bound_go_when_no_entry_needs_them(local: SqliteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spoolnames, "MAX_NAMES", 10)
    spool = opened(local)
    invented: list[SeriesName] = [("s", f"device-{number}", "t") for number in range(200)]
    for number, name in enumerate(invented, 1):
        spool.append(batch(name, A))
        if number % 7 == 0:
            spool.mark(Consumer.STORE, number)
            spool.save_checkpoint(number, b"")
        waiting = [[(name, None, 0), (A, None, 1)] for name in invented[number - number % 7 : number]]
        assert told(spool) == waiting
        if number % 50 == 0:
            assert told(opened(local)) == waiting
        assert held(local) < 30


def test_an_entry_whose_name_is_gone_is_damaged(local: SqliteFile) -> None:
    opened(local).append(batch(A))
    with local.change() as db:
        db.execute("DELETE FROM name")
    with pytest.raises(RejectedError, match="cannot be read: name 1 is missing"):
        opened(local).read(0, 10)
    with pytest.raises(RejectedError, match="its names are elsewhere"):
        KeyedBatch.decode(batch(A).encode(np.array([1])))


def test_entries_of_an_earlier_release_hold_their_names(local: SqliteFile) -> None:
    spool = opened(local)
    blob = batch(A, B).encode()
    with local.change() as db:
        db.execute("INSERT INTO entry VALUES (1, 2, ?, 0, ?)", (len(blob), blob))
    assert told(spool) == [[(A, None, 0), (B, None, 1)]]
