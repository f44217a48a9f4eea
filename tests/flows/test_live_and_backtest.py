"""A live run over a real broker and a backtest of the same readings raise the same alerts and orders."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from forewarn.backtest import run_backtest
from forewarn.configured import engine_config, registry
from forewarn.settings import FileSettings, MqttSettings, Settings
from ingest.times import format_time, parse_time
from simulators.publish import MAX
from simulators.replay import replay
from tests.live import Live, live, make_settings
from tests.servers.mosquitto import Mosquitto
from tests.waiting import wait_until

LIMITS = """
[[limit]]
metric = "temperature"
high = 60.0
severity = "high"
"""
RECORDED = os.environ.get("FOREWARN_TEST_RECORDED", "")
"""Folders or files with readings, separated by colons; each of them is run as well."""
START = parse_time("2026-01-01T00:00:00Z")
MINUTE = 60 * 10**9


def site(path: Path) -> None:
    """A day and a half of three devices: one drifts off, one gets too hot, one falls silent for three hours."""
    rng = np.random.default_rng(1)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("time", "site", "device", "metric", "value", "unit"))
        for n in range(1_500):
            at = START + n * MINUTE
            noise = rng.normal(0.0, 0.05, 4)
            drift = max(0, n - 1_200) * 0.02
            hot = 40.0 if 1_300 <= n < 1_340 else 0.0
            rows = [("drifter", "vibration", 2.0 + drift + noise[0], "mm/s")]
            rows += [("oven", "temperature", 35.0 + hot + noise[1], "°C"), ("oven", "humidity", 40.0 + noise[2], "%")]
            if not 1_000 <= n < 1_180:
                rows.append(("sleeper", "temperature", 20.0 + noise[3], "°C"))
            if n % 97 == 0:
                rows.append(rows[0])  # delivered twice
            for device, metric, value, unit in rows:
                writer.writerow((format_time(at), "plant-1", device, metric, f"{value:.4f}", unit))


def from_file(out: Path, name: str, *columns: str) -> dict[str, tuple[str, ...]]:
    with (out / name).open(encoding="utf-8", newline="") as file:
        return {row[columns[0]]: tuple(row[column] for column in columns[1:]) for row in csv.DictReader(file)}


ALERT = ("site", "device", "metric", "kind", "severity", "onset_at", "raised_at", "cleared_at", "explanation")


def live_alerts(running: Live) -> dict[str, tuple[str, ...]]:
    found = {}
    for item in running.items("alerts", limit="1000"):
        said = item | {"metric": item["metric"] or "*", "explanation": item["explanation"]["en"]}
        found[item["id"]] = tuple(said[column] or "" for column in ALERT)
    return found


@pytest.fixture
def settings(tmp_path: Path, mosquitto: Mosquitto, unique_name: str) -> Settings:
    limits = tmp_path / "limits.toml"
    limits.write_text(LIMITS, "utf-8")
    mqtt = MqttSettings(url=mosquitto.url, client_id=unique_name)
    return make_settings(tmp_path, limits=FileSettings(file=limits), mqtt=mqtt)


def compare(file: Path, out: Path, settings: Settings, broker: Mosquitto) -> dict[str, tuple[str, ...]]:
    """Run both, compare all they raised, and return it."""
    summary = run_backtest([file], out, registry(settings), engine_config(settings))
    with live(settings) as running:
        wait_until(running.ready, "ready")
        sent = replay([file], broker.url, speed=MAX)
        wait_until(
            lambda: running.metric("readings_received_total") >= sent.rows and running.idle(), "all judged", 300, 0.1
        )
        assert running.metric("readings_judged_total") == summary["judged"]
        alerts = live_alerts(running)
        orders = {item["number"]: " ".join(item["alerts"]) for item in running.items("work-orders", limit="1000")}
    assert alerts == from_file(out, "alerts.csv", "alert_id", *ALERT)
    assert orders == {
        number: ids for number, (ids,) in from_file(out, "work_orders.csv", "number", "alert_ids").items()
    }
    return alerts


@pytest.mark.timeout(300)
def test_the_same_readings_raise_the_same(tmp_path: Path, settings: Settings, mosquitto: Mosquitto) -> None:
    site(tmp_path / "site.csv")
    alerts = compare(tmp_path / "site.csv", tmp_path / "out", settings, mosquitto)
    assert {kind for _, _, _, kind, *_ in alerts.values()} == {"limit", "baseline", "silence"}


def recorded_files() -> list[Path]:
    named = [Path(name) for name in RECORDED.split(":") if name]
    found = [sorted(path.glob("*.csv*")) if path.is_dir() else [path] for path in named]
    return [path for paths in found for path in paths if ".truth." not in path.name]


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("file", recorded_files(), ids=lambda path: path.stem)
def test_recorded_readings_raise_the_same(file: Path, tmp_path: Path, settings: Settings, mosquitto: Mosquitto) -> None:
    compare(file, tmp_path / "out", settings, mosquitto)
