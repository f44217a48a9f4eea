"""A live run over a real broker and a backtest of the same readings raise the same alerts and orders."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forewarn.config.configured import engine_config, registry
from forewarn.config.settings import FileSettings, MqttSettings, Settings
from forewarn.history.backtest import run_backtest
from ingest.reading import NS_PER_SECOND
from ingest.times import parse_time
from simulators.csvfile import simulate_to_csv
from simulators.publish import MAX, simulate_to_mqtt
from simulators.replay import replay
from simulators.scenario import load_scenario
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


def compare(file: Path, out: Path, settings: Settings, send: Callable[[], int]) -> dict[str, tuple[str, ...]]:
    """Run both, compare all they raised, and return it; `send` publishes the readings and tells how many."""
    summary = run_backtest([file], out, registry(settings), engine_config(settings))
    with live(settings) as running:
        wait_until(running.ready, "ready")
        sent = send()
        wait_until(lambda: running.metric("readings_received_total") >= sent and running.idle(), "all judged", 300, 0.1)
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
    file = tmp_path / "site.csv"
    alerts = compare(file, tmp_path / "out", settings, lambda: replay([file], mosquitto.url, speed=MAX).rows)
    assert {kind for _, _, _, kind, *_ in alerts.values()} == {"limit", "baseline", "silence"}


START = parse_time("2026-03-01T00:00:00Z")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("speed", "until", "kinds"),
    [
        pytest.param(MAX, None, {"baseline"}, id="as fast as possible"),
        pytest.param(3600.0, START + 3600 * NS_PER_SECOND, set(), id="its history, and an hour in step"),
    ],
)
def test_a_simulated_site_raises_what_its_file_raises(
    tmp_path: Path, own_mosquitto: Mosquitto, speed: float, until: int | None, kinds: set[str]
) -> None:
    """Nobody falls silent because another device's readings overtook its own."""
    site, file = load_scenario("cold-chain"), tmp_path / "site.csv"
    simulate_to_csv(site, file, start=START, until=until)
    settings = make_settings(tmp_path, mqtt=MqttSettings(url=own_mosquitto.url))
    alerts = compare(
        file,
        tmp_path / "out",
        settings,
        lambda: simulate_to_mqtt(site, own_mosquitto.url, start=START, until=until, speed=speed).readings,
    )
    assert {kind for _, _, _, kind, *_ in alerts.values()} == kinds


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
    settings = make_settings(tmp_path, limits=limits, mqtt=mqtt)
    alerts = compare(file, tmp_path / "out", settings, lambda: replay([file], quick_broker.url, speed=MAX).rows)
    kinds = Counter(kind for _, _, _, kind, *_ in alerts.values())
    print(f"{file.name}: {len(alerts)} alerts, the same live and in the backtest: {dict(kinds)}")  # noqa: T201
