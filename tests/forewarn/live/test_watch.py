"""What looks after the parts: whose word counts."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from structlog.testing import capture_logs

from forewarn.live.health import Health
from forewarn.live.watch import Watch
from ingest.registry import Registry
from ingest.registry_store import RegistryStore
from ingest.stores.influxdb import InfluxStore
from ingest.stores.sqlite import SqliteStore
from tests.servers.ports import free_port


def test_a_store_that_is_written_to_is_not_said_to_be_away(sqlite_engine: sa.Engine) -> None:
    health, idle = Health(), [True]
    away = InfluxStore(f"http://127.0.0.1:{free_port()}", "nobody", timeout_s=1)
    records = RegistryStore(sqlite_engine)
    nothing, none = (lambda: None), (lambda: (0, 0))
    watch = Watch(Registry(), records, sqlite_engine, away, lambda: idle[0], health, nothing, nothing, nothing, none)
    with capture_logs() as said:
        watch.ask_servers()
        watch.ask_servers()
        assert list(health.not_ready()) == ["store"]
        idle[0] = False
        watch.ask_servers()
    assert health.not_ready() == {}, "whoever writes to it says so where it is away"
    assert [(line["part"], line["event"]) for line in said] == [
        ("store", "does not answer"),
        ("store", "answers again"),
    ]
    away.close()


def test_what_others_told_of_is_not_told_again(sqlite_engine: sa.Engine) -> None:
    health, nothing, none = Health(), (lambda: None), (lambda: (0, 0))
    away = InfluxStore(f"http://127.0.0.1:{free_port()}", "nobody", timeout_s=1)
    records = RegistryStore(sqlite_engine)
    watch = Watch(Registry(), records, sqlite_engine, away, lambda: True, health, nothing, nothing, nothing, none)
    health.note("store", "is away", "somebody who writes to it")
    with capture_logs() as said:
        watch.ask_servers()
    assert said == []
    away.close()


def test_people_who_cannot_be_told_are_not_kept_quiet(sqlite_engine: sa.Engine, tmp_path: Path) -> None:
    health, troubled, nothing = Health(), [(2, 1), (0, 1), (0, 0)], (lambda: None)
    store = SqliteStore(tmp_path / "telemetry.db")
    watch = Watch(
        Registry(),
        RegistryStore(sqlite_engine),
        sqlite_engine,
        store,
        lambda: True,
        health,
        nothing,
        nothing,
        nothing,
        lambda: troubled.pop(0),
    )
    said = []
    for _ in range(3):
        watch.look_at_notices()
        said.append(dict(health.degraded()))
    assert said == [
        {"notices": "2 wait to be tried again; 1 given up in 24 h"},
        {"notices": "1 given up in 24 h"},
        {},
    ]
    assert health.not_ready() == {}, "readings are judged as ever"
    store.close()
