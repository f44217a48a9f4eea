"""Killed at any moment, the service loses nothing, doubles nothing, and raises what it would have raised.

With the embedded store here, with InfluxDB and kills at fault points by `forewarn bench kills`, of which the suite runs
a short form and the soak the long one.
"""

import threading
from pathlib import Path
from random import Random

import pytest

from benchmarks import kills
from benchmarks._killtrail import COMMITTED, CONFIRMED, READ, BrokerKill, Seen, Trail, lost_by_broker, trail_of
from forewarn.config.configured import engine_config, registry
from forewarn.config.settings import FileSettings, Settings
from forewarn.history.backtest import run_backtest
from ingest.times import format_time
from simulators.publish import MAX
from simulators.recorded import Row, read_rows
from simulators.replay import replay
from tests.flows.trouble import ALERT, from_file, live_alerts, write_limits, write_site
from tests.live import Command
from tests.servers.mosquitto import Mosquitto
from tests.waiting import wait_until

KILLS = 4
Reading = tuple[str, str, str, str]


@pytest.mark.timeout(300)
def test_a_killed_service_goes_on_as_if_nothing_had_been(
    tmp_path: Path, mosquitto: Mosquitto, unique_name: str
) -> None:
    file, out = tmp_path / "site.csv", tmp_path / "out"
    write_site(file)
    limits = FileSettings(file=write_limits(tmp_path))
    summary = run_backtest([file], out, registry(Settings()), engine_config(Settings(limits=limits)))
    service = Command(
        tmp_path,
        FOREWARN_MQTT__URL=mosquitto.url,
        FOREWARN_MQTT__CLIENT_ID=unique_name,
        FOREWARN_LIMITS__FILE=str(limits.file),
    )
    service.start()
    sender = threading.Thread(target=replay, args=([file], mosquitto.url), kwargs={"speed": MAX})
    sender.start()
    rng = Random(7)
    for _ in range(KILLS):
        sender.join(rng.uniform(0.2, 2.0))
        service.kill()
        service.start()
    sender.join(120)
    sent = {
        (row.site, row.device, row.metric, format_time(row.time)): row.value
        for row in read_rows(file)
        if isinstance(row, Row)
    }
    try:
        wait_until(lambda: stored(service, sent) == sent, "every reading stored, and once", 60, 0.5)
        assert live_alerts(service) == from_file(out, "alerts.csv", "alert_id", *ALERT)
        orders = {item["number"]: " ".join(item["alerts"]) for item in service.items("work-orders")}
        wanted = from_file(out, "work_orders.csv", "number", "alert_ids")
        assert orders == {number: ids for number, (ids,) in wanted.items()}
    finally:
        service.stop()
    assert summary["judged"] == len(sent)


SHORT = "--kills 5 --broker-kills 1 --both-kills 1 --influx-kills 1 --away 5 --full 3"


@pytest.mark.integration
@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", [SHORT, pytest.param("", marks=[pytest.mark.soak, pytest.mark.timeout(3_600)])])
def test_kills_of_service_broker_and_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert kills.main(form.split()) == 0


PUMP = ("pump-1", 10**9)
AWAY = BrokerKill(20.0, 21.0, False, 23.0, b"...others...")
HOLDING = BrokerKill(20.0, 21.0, False, 23.0, b"...payload...")
LISTENING = BrokerKill(20.0, 21.0, True, 23.0, b"...others...")


@pytest.mark.parametrize(
    ("acknowledged", "seen", "kill", "excused"),
    [
        pytest.param(19.9, [], AWAY, True, id="not saved when the broker was killed"),
        pytest.param(20.4, [], AWAY, True, id="its acknowledgement was read after the kill"),
        pytest.param(19.9, [READ], AWAY, True, id="read by a service that was killed before the commit"),
        pytest.param(19.9, [], HOLDING, False, id="saved by the broker"),
        pytest.param(19.9, [READ, COMMITTED], AWAY, False, id="committed by the service"),
        pytest.param(19.9, [READ, COMMITTED, CONFIRMED], AWAY, False, id="confirmed by the store"),
        pytest.param(21.1, [], AWAY, False, id="acknowledged after the last kill"),
        pytest.param(None, [], AWAY, False, id="never acknowledged"),
        pytest.param(19.9, ["ended 0"], LISTENING, True, id="all that had arrived was read"),
        pytest.param(19.9, ["ended 40"], LISTENING, False, id="something that had arrived was not read"),
        pytest.param(19.9, [], LISTENING, False, id="nothing is known of the connection"),
        pytest.param(19.9, [READ, "ended 0"], LISTENING, False, id="read by a service that listened"),
    ],
)
def test_what_counts_as_lost_by_the_broker(
    tmp_path: Path, acknowledged: float | None, seen: list[str], kill: BrokerKill, excused: bool
) -> None:
    publisher, service = Trail(str(tmp_path / "publisher")), Trail(str(tmp_path / "service"))
    publisher.note(1.0, ["3"])
    publisher.note(acknowledged or 0.0, [] if acknowledged is None else ["4"])
    stages = [word for word in seen if " " not in word]
    service.note(20.5, [word if " " in word else f"{word} {PUMP[0]} {PUMP[1]}" for word in seen])
    found = Seen.of(tmp_path / "publisher", tmp_path / "service")
    assert found.acknowledged_at(2) == 1.0
    assert (lost_by_broker(3, PUMP, b"payload", found, [kill]) is not None) == excused
    told = trail_of(3, PUMP, b"payload", found, [kill])
    assert told.startswith("pump-1 1970-01-01T00:00:01Z: ")
    assert all(f"{stage} at 20.5" in told for stage in stages)


def stored(service: Command, sent: dict[Reading, float]) -> dict[Reading, float]:
    """What the store holds of the series that were sent."""
    series = sorted({(site, device, metric) for site, device, metric, _ in sent})
    return {(*names, time): value for names in series for time, value in service.values(*names)}
