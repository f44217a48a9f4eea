from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import Any

import apsw
import pytest

from forewarn import backup
from forewarn.backup import run_backup
from forewarn.config.settings import DatabaseSettings, DataSettings, Settings, StoreSettings
from forewarn.database_admin import open_database
from forewarn.history.importing import run_import
from ingest.errors import InputError, NoSpaceError, RejectedError
from ingest.inbox import FILE_NAME, inbox_file
from ingest.registry import Registry
from ingest.registry_store import RegistryStore
from ingest.spool import Consumer, Spool
from ingest.sqlitefile import Snapshot
from ingest.stores.sqlite import SqliteStore
from tests.forewarn.history.test_importing import NOW, START, engine_of, values, write
from tests.ingest.spool_child import batch
from tests.waiting import wait_until


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a service with some history."""
    made = Settings(data=DataSettings(dir=tmp_path / "data"))
    run_import([write(tmp_path / "a.csv", values())], made, clock=lambda: NOW)
    return made


def test_a_backup_brings_everything_back(settings: Settings, tmp_path: Path) -> None:
    told = run_backup(tmp_path / "backup", settings, NOW)
    assert set(told.files) == {"spool.db", "spool.checkpoint", "forewarn.db", "telemetry.db"}
    assert told.left_out == ()
    before = engine_of(settings)[0].save()
    shutil.rmtree(settings.data.dir)
    shutil.copytree(tmp_path / "backup", settings.data.dir)
    assert engine_of(settings)[0].save() == before
    store = SqliteStore(settings.data.dir / "telemetry.db")
    store.prepare()
    assert store.readings("plant", "pump", "t", START, NOW, 10_000).value.tolist() == values()
    store.close()
    database = open_database(settings.database_url)
    registry = Registry()
    RegistryStore(database).load(registry)
    assert registry.key(0) == ("plant", "pump", "t")
    database.dispose()


def test_it_says_what_it_holds_and_keeps_it_private(settings: Settings, tmp_path: Path) -> None:
    run_backup(tmp_path / "deep" / "backup", settings, START)
    folder = tmp_path / "deep" / "backup"
    facts = json.loads((folder / "backup.json").read_text())
    assert facts["made_at"] == "2026-01-01T00:00:00Z"
    assert facts["data_dir"] == str(settings.data.dir)
    assert {name: (folder / name).stat().st_size for name in facts["files"]} == facts["files"]
    assert {path.name for path in folder.iterdir()} == {"backup.json", *facts["files"]}
    assert all((folder / name).stat().st_mode & 0o077 == 0 for name in facts["files"])
    assert folder.stat().st_mode & 0o077 == 0


def test_it_is_taken_while_everything_is_written(settings: Settings, tmp_path: Path) -> None:
    local = inbox_file(settings.data.dir / FILE_NAME)
    local.open()
    spool = Spool(local)
    spool.open()
    store = SqliteStore(settings.data.dir / "telemetry.db")
    store.prepare()
    done = threading.Event()

    def serve() -> None:
        """Append, store, mark and checkpoint, as the service does."""
        while not done.is_set():
            number = spool.last + 1
            entry = batch(number)
            spool.append(entry)
            store.write(entry)
            spool.mark(Consumer.STORE, number)
            if number % 7 == 0:
                spool.save_checkpoint(number, str(number).encode())

    server = threading.Thread(target=serve)
    server.start()
    wait_until(lambda: spool.last > 20, "some entries")
    run_backup(tmp_path / "backup", settings, NOW)
    done.set()
    server.join(60)
    store.close()
    local.close()
    copy = inbox_file(tmp_path / "backup" / FILE_NAME)
    copy.open()
    kept = Spool(copy)
    kept.open()
    saved = kept.load_checkpoint()
    assert saved is not None
    assert saved[1] == str(saved[0]).encode()
    assert [position for position, _ in kept.read(saved[0], 10**9)] == list(range(saved[0] + 1, kept.last + 1))
    stored = SqliteStore(tmp_path / "backup" / "telemetry.db")
    stored.prepare()
    newest = stored.readings("s", "d", "t", 0, 10**6, 10).value.tolist()
    assert newest[0] >= kept.marks()["store"], "what the spool calls stored is stored"
    stored.close()
    copy.close()


def test_a_checkpoint_that_takes_its_place_meanwhile_is_taken(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first moment is one between two checkpoints: the spool has deleted what the one that is held needs."""
    local = inbox_file(settings.data.dir / FILE_NAME)
    local.open()
    spool = Spool(local)
    spool.open()
    for _ in range(3):
        spool.append(batch(spool.last + 1))
    spool.mark(Consumer.STORE, spool.last)
    moments: list[int] = []

    def between(source: Path) -> Snapshot:
        if source == local.path:
            moments.append(len(moments))
            if len(moments) == 1:
                spool.save_checkpoint(3, b"newer")
        return Snapshot(source)

    monkeypatch.setattr(backup, "Snapshot", between)
    run_backup(tmp_path / "backup", settings, NOW)
    local.close()
    copy = inbox_file(tmp_path / "backup" / FILE_NAME)
    copy.open()
    kept = Spool(copy)
    kept.open()
    assert (moments, kept.load_checkpoint(), kept.marks()["engine"]) == ([0, 1], (3, b"newer"), 3)
    copy.close()


def test_what_servers_keep_is_left_to_their_own_tools(settings: Settings, tmp_path: Path) -> None:
    elsewhere = settings.model_copy(
        update={
            "store": StoreSettings(url="http://influx:8086"),
            "database": DatabaseSettings(url="postgresql+psycopg://db/forewarn"),
        }
    )
    told = run_backup(tmp_path / "backup", elsewhere, NOW)
    assert told.files == ("spool.db", "spool.checkpoint")
    assert ["database.url" in told.left_out[0], "store.url" in told.left_out[1]] == [True, True]


@pytest.mark.parametrize("what", ["a file", "something in it", "below a file"])
def test_a_folder_of_no_use(settings: Settings, tmp_path: Path, what: str) -> None:
    folder = tmp_path / "backup"
    if what == "something in it":
        folder.mkdir()
        (folder / "x").touch()
    else:
        folder.touch()
        folder = folder / "sub" if what == "below a file" else folder
    with pytest.raises(InputError, match=r"is not empty|cannot be used"):
        run_backup(folder, settings, NOW)


def test_where_no_service_was(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no service's data"):
        run_backup(tmp_path / "backup", Settings(data=DataSettings(dir=tmp_path / "none")), NOW)
    assert not (tmp_path / "backup").exists()


@pytest.mark.parametrize("name", ["spool.db", "forewarn.db"])
def test_the_disk_that_is_full_is_that_of_the_copy(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What is made on a small disk may be one page long, as SQLite counts it."""

    def small(path: Path, **options: Any) -> sqlite3.Connection:
        made = sqlite3.Connection(path, **options)
        made.execute("PRAGMA max_page_count = 1")
        return made

    if name == "spool.db":
        monkeypatch.setattr(apsw, "connection_hooks", [lambda made: made.pragma("max_page_count", 1)])
    else:
        monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(NoSpaceError, match=f"{tmp_path / 'backup' / name}: the disk is full"):
        run_backup(tmp_path / "backup", settings, NOW)


@pytest.mark.parametrize("name", ["spool.db", "telemetry.db", "forewarn.db"])
def test_a_damaged_file_is_no_backup(settings: Settings, tmp_path: Path, name: str) -> None:
    path = settings.data.dir / name
    with sqlite3.connect(path) as connection:
        if name == "forewarn.db":
            connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    content = bytearray(path.read_bytes())
    content[100:3000] = b"\xff" * 2900
    path.write_bytes(content)
    with pytest.raises(RejectedError, match=f"{path}: "):
        run_backup(tmp_path / "backup", settings, NOW)
    assert not (tmp_path / "backup" / "backup.json").exists()
