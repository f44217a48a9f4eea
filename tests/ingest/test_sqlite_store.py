from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from ingest.errors import InputError, NoSpaceError, RejectedError, RetryableError
from ingest.sqlitefile import Snapshot
from ingest.stores import sqlite as sqlite_module
from ingest.stores.sqlite import SqliteStore
from tests.ingest import store_child
from tests.ingest.store_battery import OTHER, StoreBattery, T, V, everything
from tests.ingest.telemetry import START, Row, S, readings_of, scores_of

HOUR = 3600 * S
ROOT = Path(__file__).parents[2]


class TestSqliteStore(StoreBattery):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqliteStore]:
        store = SqliteStore(tmp_path / "telemetry.db")
        store.prepare()
        yield store
        store.close()


def opened(path: Path, retention: timedelta | None = None, max_bytes: int | None = None) -> SqliteStore:
    store = SqliteStore(path, retention=retention, max_bytes=max_bytes)
    store.prepare()
    return store


def hourly(hours: int, per_hour: int = 1) -> list[Row]:
    step = HOUR // per_hour
    return [(series, n * step, float(n)) for n in range(hours * per_hour) for series in (T, V, OTHER)]


def test_what_is_too_old_goes_by_whole_parts(tmp_path: Path) -> None:
    store = opened(tmp_path / "t.db", retention=timedelta(hours=10))
    store.write(readings_of(hourly(30)))
    store.write_scores(scores_of(hourly(30)))
    store.maintain(START + 30 * HOUR)
    kept = everything(store, T)
    assert kept[-1] == (29 * HOUR, 29.0)
    assert 20 * HOUR - sqlite_module.PART_NS < kept[0][0] <= 20 * HOUR
    assert len(store.scores(*V, 0, 2**62, 100)) == len(kept)
    store.write(readings_of([(T, 0, 9.0)]))
    assert everything(store, T)[0] == (0, 9.0)
    store.maintain(START + 30 * HOUR)
    assert everything(store, T) == kept
    store.close()


def test_without_a_bound_nothing_goes(tmp_path: Path) -> None:
    store = opened(tmp_path / "t.db")
    store.write(readings_of(hourly(30)))
    store.maintain(START + 10**6 * HOUR)
    assert len(everything(store, T)) == 30
    store.close()


def test_what_is_too_much_goes_the_oldest_first(tmp_path: Path) -> None:
    store = opened(tmp_path / "t.db", max_bytes=200_000)
    for day in range(10):
        rows: list[Row] = [(T, day * 24 * HOUR + n * 80 * S, float(n)) for n in range(1000)]
        store.write(readings_of(rows))
        store.maintain(START)
        kept = everything(store, T)
        assert kept[-1][0] == day * 24 * HOUR + 999 * 80 * S
    assert store._file.used_bytes() <= 200_000
    first = kept[0][0]
    assert first > 0
    assert len(everything(store, T)) > 3000, "it keeps about as much as the bound allows"
    store.close()
    assert (tmp_path / "t.db").stat().st_size <= 200_000, "with the room that it keeps for what comes"


def test_too_much_within_one_part_goes_by_time(tmp_path: Path) -> None:
    store = opened(tmp_path / "t.db", max_bytes=200_000)
    rows: list[Row] = [(series, n * S, float(n)) for n in range(5000) for series in (T, V, OTHER)]
    store.write(readings_of(rows))
    store.maintain(START)
    first = {everything(store, series)[0] for series in (T, V, OTHER)}
    assert len(first) == 1
    assert 0 < first.pop()[0] < 4999 * S
    assert all(everything(store, series)[-1] == (4999 * S, 4999.0) for series in (T, V, OTHER))
    assert store._file.used_bytes() <= 200_000
    store.close()


def test_upkeep_goes_in_small_steps_between_which_others_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "STEP_ROWS", 10)
    monkeypatch.setattr(sqlite_module, "UPKEEP_S", 0.0)
    store = opened(tmp_path / "t.db", retention=timedelta(hours=1))
    store.write(readings_of(hourly(6, per_hour=10)))
    before = sum(len(everything(store, series)) for series in (T, V, OTHER))
    store.maintain(START + 100 * HOUR)
    assert sum(len(everything(store, series)) for series in (T, V, OTHER)) == before, "no time was left"
    monkeypatch.setattr(sqlite_module, "UPKEEP_S", 60.0)
    store.maintain(START + 100 * HOUR)
    assert [everything(store, series) for series in (T, V, OTHER)] == [[], [], []]
    store.close()


def test_the_disk_gets_back_what_was_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "SPARE_BYTES", 100_000)
    store = opened(tmp_path / "t.db", retention=timedelta(hours=1))
    rows: list[Row] = [(T, n * S, float(n)) for n in range(20_000)]
    store.write(readings_of(rows))
    store.maintain(START + 100 * HOUR)
    store.close()
    assert (tmp_path / "t.db").stat().st_size < 300_000


def test_a_full_disk_is_told_and_nothing_of_the_batch_is_kept(tmp_path: Path) -> None:
    store = opened(tmp_path / "t.db")
    store.write(readings_of([(T, 0, 1.0)]))
    with store._file.change() as db:
        db.pragma("max_page_count", db.pragma("page_count") + 2)
    with pytest.raises(NoSpaceError, match=r"t\.db: the disk is full"):
        store.write(readings_of([(V, n * S, 1.0) for n in range(5000)]))
    assert everything(store, V) == []
    store.write(readings_of([(OTHER, 0, 2.0), (V, 0, 3.0)]))
    assert (everything(store, OTHER), everything(store, V)) == ([(0, 2.0)], [(0, 3.0)])
    store.close()


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.db").write_bytes(b"nonsense" * 1000)
    with pytest.raises(RejectedError, match=r"t\.db: is damaged or no database"):
        opened(tmp_path / "t.db")


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = opened(tmp_path / "t.db")
    store.close()
    with pytest.raises(RetryableError, match="is closed"):
        store.ping()


def test_a_store_is_read_beside_the_service_that_writes_it(tmp_path: Path) -> None:
    store = opened(tmp_path / "t.db")
    store.write(readings_of([(T, 0, 1.0)]))
    beside = SqliteStore(tmp_path / "t.db")
    beside.prepare_to_read()
    store.write(readings_of([(T, S, 2.0)]))
    assert everything(beside, T) == [(0, 1.0), (S, 2.0)]
    with pytest.raises(RetryableError, match="is closed"):
        beside.write(readings_of([(T, 2 * S, 3.0)]))
    beside.close()
    with pytest.raises(RetryableError, match="is closed"):
        beside.readings(*T, 0, 2**62, 10)
    store.close()


def test_a_store_that_is_not_there_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"t\.db: no such file"):
        SqliteStore(tmp_path / "t.db").prepare_to_read()
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_a_newer_release_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(sqlite_module, "VERSION", sqlite_module.VERSION + 1)
        opened(tmp_path / "t.db").close()
    with pytest.raises(InputError, match="written by a newer release"):
        SqliteStore(tmp_path / "t.db").prepare_to_read()


def test_a_backup_holds_one_moment(tmp_path: Path) -> None:
    store = opened(tmp_path / "t.db")
    store.write(readings_of(hourly(50)))
    snapshot = Snapshot(tmp_path / "t.db")
    store.write(readings_of([(T, 0, 99.0)]))
    snapshot.copy(tmp_path / "copy.db")
    snapshot.close()
    copy = opened(tmp_path / "copy.db")
    assert everything(copy, T) == [(n * HOUR, float(n)) for n in range(50)]
    copy.close()
    store.close()


def test_values_are_kept_to_the_last_bit(tmp_path: Path) -> None:
    store = opened(tmp_path / "t.db")
    values = np.random.default_rng(0).normal(size=1000) * 10.0 ** np.arange(-100, 100, 0.2)
    store.write(readings_of([(T, n, value) for n, value in enumerate(values.tolist())]))
    assert [value for _, value in everything(store, T)] == values.tolist()
    store.close()


def test_what_was_confirmed_survives_a_kill(tmp_path: Path) -> None:
    path, first = tmp_path / "t.db", 0
    for kill_after in (3, 17, 8):
        command = [sys.executable, "-m", "tests.ingest.store_child", str(path), str(first)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for number, line in enumerate(child.stdout):
                first = int(line) + 1
                if number == kill_after:
                    child.kill()
            assert child.wait(60) == -9
        store = opened(path)
        expected = [row for number in range(first) for row in store_child.rows(number)]
        for series in {name for name, _, _ in expected}:
            confirmed = [(after, value) for name, after, value in expected if name == series]
            assert everything(store, series)[: len(confirmed)] == confirmed
            assert len(store.scores(*series, START, 2**62, 10**6)) >= len(confirmed)
        store.close()
