"""A live run over a real broker and a backtest of the same readings raise the same alerts and orders."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from forewarn.backtest import run_backtest
from forewarn.configured import engine_config, registry
from forewarn.settings import FileSettings, MqttSettings, Settings
from simulators.publish import MAX
from simulators.replay import replay
from tests.flows.trouble import ALERT, from_file, live_alerts, write_limits, write_site
from tests.live import live, make_settings
from tests.servers.mosquitto import Mosquitto
from tests.servers.plugin import server_folder
from tests.waiting import wait_until

RECORDED = os.environ.get("FOREWARN_TEST_RECORDED", "")
"""Folders or files with readings, separated by colons; each of them is run as well."""
RECORDED_LIMITS = os.environ.get("FOREWARN_TEST_LIMITS", "")
"""A limits file for them; without it the limits above hold."""


@pytest.fixture
def settings(tmp_path: Path, mosquitto: Mosquitto, unique_name: str) -> Settings:
    mqtt = MqttSettings(url=mosquitto.url, client_id=unique_name)
    return make_settings(tmp_path, limits=FileSettings(file=write_limits(tmp_path)), mqtt=mqtt)


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
    write_site(tmp_path / "site.csv")
    alerts = compare(tmp_path / "site.csv", tmp_path / "out", settings, mosquitto)
    assert {kind for _, _, _, kind, *_ in alerts.values()} == {"limit", "baseline", "silence"}


def recorded_files() -> list[Path]:
    named = [Path(name) for name in RECORDED.split(":") if name]
    found = [sorted(path.glob("*.csv*")) if path.is_dir() else [path] for path in named]
    return [path for paths in found for path in paths if ".truth." not in path.name]


@pytest.fixture(scope="session")
def quick_broker() -> Iterator[Mosquitto]:
    """Saving its queues at every change it would take a hundred messages a second: nothing is killed here."""
    with server_folder() as folder, Mosquitto(folder, saving=False) as broker:
        yield broker


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("file", recorded_files(), ids=lambda path: path.stem)
def test_recorded_readings_raise_the_same(
    file: Path, tmp_path: Path, quick_broker: Mosquitto, unique_name: str
) -> None:
    limits = FileSettings(file=Path(RECORDED_LIMITS) if RECORDED_LIMITS else write_limits(tmp_path))
    mqtt = MqttSettings(url=quick_broker.url, client_id=unique_name)
    alerts = compare(file, tmp_path / "out", make_settings(tmp_path, limits=limits, mqtt=mqtt), quick_broker)
    kinds = Counter(kind for _, _, _, kind, *_ in alerts.values())
    print(f"{file.name}: {len(alerts)} alerts, the same live and in the backtest: {dict(kinds)}")  # noqa: T201
