"""What looks after the parts: whose word counts."""

from __future__ import annotations

import sqlalchemy as sa

from forewarn.health import Health
from forewarn.watch import Watch
from ingest.registry import Registry
from ingest.registry_store import RegistryStore
from ingest.stores.influxdb import InfluxStore
from tests.servers.ports import free_port


def test_a_store_that_is_written_to_is_not_said_to_be_away(sqlite_engine: sa.Engine) -> None:
    health, idle = Health(), [True]
    away = InfluxStore(f"http://127.0.0.1:{free_port()}", "nobody", timeout_s=1)
    records = RegistryStore(sqlite_engine)
    watch = Watch(Registry(), records, sqlite_engine, away, lambda: idle[0], health, lambda: None, lambda: None)
    watch.ask_servers()
    assert list(health.not_ready()) == ["store"]
    idle[0] = False
    watch.ask_servers()
    assert health.not_ready() == {}, "whoever writes to it says so where it is away"
    away.close()
