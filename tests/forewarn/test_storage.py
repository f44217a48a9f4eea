from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from forewarn.settings import DataSettings, Settings, StoreSettings
from forewarn.storage import held, inbox_file, telemetry_store
from ingest.errors import InputError
from ingest.stores.influxdb import InfluxStore
from ingest.stores.sqlite import SqliteStore


def test_a_data_folder_is_held_by_one_process(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    with held(folder):
        code = f"from pathlib import Path; from forewarn.storage import held; held(Path({str(folder)!r})).__enter__()"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert f"data.dir {folder} is in use by process {os.getpid()}: end it first" in other.stderr
    with held(folder), pytest.raises(InputError, match="is in use"), held(folder):
        pass
    with held(folder):
        pass


def test_a_process_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import os; from pathlib import Path; from forewarn.storage import held;"
        f"held(Path({str(tmp_path)!r})).__enter__(); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    with held(tmp_path):
        pass


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match=r"data\.dir .*file/data cannot be used: Not a directory"),
        held(tmp_path / "file" / "data"),
    ):
        pass


def test_the_embedded_store_lies_in_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(
        data=DataSettings(dir=tmp_path), store=StoreSettings(retention=timedelta(days=3), max_size=10**8)
    )
    store = telemetry_store(settings)
    assert isinstance(store, SqliteStore)
    store.prepare()
    inbox = inbox_file(settings)
    inbox.open()
    assert {"telemetry.db", "spool.db"} <= {path.name for path in tmp_path.iterdir()}
    store.close()
    inbox.close()


def test_a_url_means_influxdb(tmp_path: Path) -> None:
    store = telemetry_store(Settings(store=StoreSettings(url="https://influx:8086", bucket="b", org="o", token="t")))
    assert isinstance(store, InfluxStore)
