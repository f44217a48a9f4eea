"""From a message that nobody could read to its reading in the store, by a mapping that came later."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forewarn.cli import main
from forewarn.config.settings import FileSettings, MqttSettings, Settings
from ingest.errors import RetryableError
from ingest.rejects import Rejects
from tests.live import Command, Live, live, make_settings, publisher
from tests.servers.ports import free_port
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(240)
TOPICS = ("forewarn/v1/#", "factory/#")
MAPPING = """
[[mapping]]
topic = "factory/{machine}"
site = "hall"
device = "{machine}"
time = "$.ts"

[[mapping.value]]
metric = "temperature"
value = "$.t"
unit = "°C"
"""
LIMITS = '[[limit]]\nmetric = "temperature"\nhigh = 60\nseverity = "high"\n'


def settings_of(folder: Path, **sections: Any) -> Settings:
    return make_settings(folder, mqtt=MqttSettings(port=free_port(), topics=TOPICS), **sections)


def rejected(api: Live | Command, count: int) -> list[dict[str, Any]]:
    wait_until(lambda: len(api.items("rejects")) == count, f"{count} rejects", 60)
    return api.items("rejects")


def replay(api: Live | Command, **body: Any) -> list[dict[str, Any]]:
    answer = api.http.post("/api/v1/rejects/replay", json={"topic": "factory/#", "mapping": MAPPING} | body)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def stored(api: Live | Command) -> list[float]:
    return [value for _, value in api.values("hall", "press", "temperature")]


def test_replayed_readings_are_stored_once_and_page_nobody(tmp_path: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text(LIMITS, "utf-8")
    settings = settings_of(tmp_path, limits=FileSettings(file=limits))
    with live(settings) as running, publisher(settings.mqtt.port) as publish:
        wait_until(running.ready, "ready", 60)
        now_ms = running.service._clock() // 1_000_000
        for number in range(5):
            publish("factory/press", {"ts": now_ms - 1_000 * number, "t": 95.0 + number})
        assert {item["reason"] for item in rejected(running, 5)} == {"no adapter reads this topic"}
        publish("forewarn/v1/hall/press/telemetry", {"ts": now_ms - 5_000, "values": {"temperature": 20.0}})
        running.settle()
        told = replay(running)
        assert [one["accepted"] for one in told] == [1] * 5
        assert replay(running) == []
        running.settle()
        wait_until(lambda: stored(running) == [20.0, 99.0, 98.0, 97.0, 96.0, 95.0], "stored", 60)
        assert rejected(running, 0) == []
        assert running.items("alerts") == [], "what is read again is history"
        publish("forewarn/v1/hall/press/telemetry", {"ts": now_ms - 2_500, "values": {"temperature": 96.0}})
        wait_until(lambda: running.items("alerts"), "what comes live is judged as ever", 60)


def test_what_does_not_become_durable_leaves_the_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(tmp_path)
    remove = Rejects.remove

    def remove_and_fail(rejects: Rejects, number: int) -> bool:
        remove(rejects, number)
        raise RetryableError("the disk is away")

    with live(settings) as running, publisher(settings.mqtt.port) as publish:
        wait_until(running.ready, "ready", 60)
        publish("factory/press", {"ts": 1_764_000_000_000, "t": 21.0})
        rejected(running, 1)
        with monkeypatch.context() as patch:
            patch.setattr(Rejects, "remove", remove_and_fail)
            body = {"topic": "factory/#", "mapping": MAPPING}
            assert running.http.post("/api/v1/rejects/replay", json=body).status_code == 503
        rejected(running, 1)
        assert (stored(running), running.metric("readings_received_total")) == ([], 0)
        assert [one["accepted"] for one in replay(running)] == [1]
        wait_until(lambda: stored(running) == [21.0], "stored", 60)


def test_a_replay_survives_the_end_of_the_service(tmp_path: Path) -> None:
    command = Command(tmp_path, FOREWARN_MQTT__TOPICS="forewarn/v1/#,factory/#")
    command.start()
    try:
        with publisher(command.mqtt_port) as publish:
            for number in range(50):
                publish("factory/press", {"ts": 1_764_000_000_000 + number, "t": float(number)})
            rejected(command, 50)
        assert [one["accepted"] for one in replay(command)] == [1] * 50
        command.kill()
        command.start()
        assert rejected(command, 0) == []
        wait_until(lambda: stored(command) == list(map(float, range(50))), "stored", 60)
    finally:
        command.stop()


def test_by_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = settings_of(tmp_path)
    mapping = tmp_path / "press.toml"
    mapping.write_text(MAPPING, "utf-8")
    by_mapping = ("--mapping", str(mapping))

    def forewarn(*arguments: str, status: int = 0) -> tuple[str, str]:
        with pytest.raises(SystemExit) as left:
            main(["rejects", *arguments, "--url", f"http://127.0.0.1:{settings.http.port}"])
        said = capsys.readouterr()
        assert left.value.code == status, said.err
        return said.out, said.err

    with live(settings) as running, publisher(settings.mqtt.port) as publish:
        wait_until(running.ready, "ready", 60)
        publish("factory/press", {"ts": 1_764_000_000_000, "t": 21.0})
        publish("factory/mill", {"ts": 1_764_000_000_000, "t": "hot"})
        numbers = {item["topic"]: str(item["id"]) for item in rejected(running, 2)}
        press, mill = numbers["factory/press"], numbers["factory/mill"]
        capsys.readouterr()
        assert "factory/press\tno adapter reads this topic" in forewarn("list", "--topic", "factory/+")[0]
        assert forewarn("list", "--topic", "elsewhere/#") == ("", "")
        assert forewarn("show", press)[0] == '{"ts":1764000000000,"t":21.0}\n'
        row = f"{press}\t2025-11-24T16:00:00Z\thall\tpress\ttemperature\t21.0\t°C\n"
        assert forewarn("replay", *by_mapping, "--try")[0] == row
        assert "1 rejects gave 1 readings; 0 hold" in forewarn("replay", press, *by_mapping)[1]
        told = forewarn("replay", "--topic", "factory/#", *by_mapping)[1]
        assert f"{mill}: temperature: value should be a finite number, not 'hot'" in told
        wait_until(lambda: stored(running) == [21.0], "stored", 60)
        assert [item["topic"] for item in rejected(running, 1)] == ["factory/mill"]
        assert f"there is no reject {press}" in forewarn("show", press, status=2)[1]
        assert "cannot be read" in forewarn("replay", "--mapping", str(tmp_path / "none.toml"), status=2)[1]
        assert "exclude each other" in forewarn("replay", mill, "--topic", "a", status=2)[1]
    assert "no service answers at" in forewarn("list", status=1)[1]


def test_replays_go_on_beside_what_comes_in(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with live(settings) as running, publisher(settings.mqtt.port) as publish:
        wait_until(running.ready, "ready", 60)
        for number in range(150):
            publish("factory/press", {"ts": 1_764_000_000_000 + number, "t": float(number)})
        rejected(running, 150)
        beside: Callable[[int], object] = lambda number: publish(  # noqa: E731
            "forewarn/v1/hall/fan/telemetry", {"ts": 1_764_000_000_000 + number, "values": {"speed": float(number)}}
        )
        for number in range(300):
            beside(number)
            if number % 100 == 50:
                replay(running, limit=50)
        wait_until(lambda: len(running.values("hall", "fan", "speed")) == 300, "what came in is stored", 60)
        wait_until(lambda: stored(running) == list(map(float, range(150))), "what was replayed is stored", 60)
