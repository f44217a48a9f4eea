from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from forewarn.config.configured import make_store
from forewarn.config.settings import DataSettings, Settings, StoreSettings
from ingest.stores.influxdb import InfluxStore
from ingest.stores.sqlite import SqliteStore


def test_the_embedded_store_lies_in_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(
        data=DataSettings(dir=tmp_path), store=StoreSettings(retention=timedelta(days=3), max_size=10**8)
    )
    store = make_store(settings)
    assert isinstance(store, SqliteStore)
    store.prepare()
    assert "telemetry.db" in {path.name for path in tmp_path.iterdir()}
    store.close()


def test_a_url_means_influxdb() -> None:
    store = make_store(Settings(store=StoreSettings(url="https://influx:8086", bucket="b", org="o", token="t")))
    assert isinstance(store, InfluxStore)
