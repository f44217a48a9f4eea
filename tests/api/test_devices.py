"""`/devices`: the registry and what was last heard."""

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from api.board import Board, SeriesState
from api.devices import all_devices, look_up, searched
from ingest.adapters.adapter import DeviceStatus
from ingest.machine import UNKNOWN, Bearing
from ingest.reading import Quality, ReadingBatch
from ingest.registry import Device, Registry
from tests.api.conftest import client_of
from tests.api.harness import MINUTE, Site
from tests.databases import load_registry

PUMP = "/api/v1/devices/plant/pump-1"


def test_list_and_get(looking: TestClient) -> None:
    page = looking.get("/api/v1/devices").json()
    device = looking.get(PUMP).json()
    assert page == {"items": [device], "next": None}
    assert (device["title"], device["class"], device["criticality"]) == ("Feed pump", "pump", "high")
    assert device["last_seen"] == "2026-05-28T20:25:40Z"
    assert device["states"] == ["not enough data"]
    temperature = device["metrics"][0]
    assert (temperature["metric"], temperature["unit"], temperature["value"]) == ("temperature", "°C", 65.0)


def test_what_a_device_says_of_itself(made: Site) -> None:
    deps = made.deps()
    with client_of(deps) as client:
        assert client.get(PUMP).json()["online"] is None
        deps.board.note_statuses([DeviceStatus("plant", "pump-1", False, 0)])
        assert client.get(PUMP).json()["online"] is False
        assert [d["online"] for d in client.get("/api/v1/devices").json()["items"]] == [False]


def test_states(plant_client: TestClient) -> None:
    states = {d["device"]: d["states"] for d in plant_client.get("/api/v1/devices").json()["items"]}
    assert states == {
        "ahu-1": [],
        "coldroom-1": [],
        "coldroom-2": [],
        "compressor-old": ["not enough data", "never heard", "retired"],
        "logger 7": ["no unit", "not enough data", "clock off"],
        "pump-1": [],
        "pump-2": [],
        "水泵-3": [],
    }
    only = plant_client.get("/api/v1/devices?state=clock off").json()["items"]
    assert [d["device"] for d in only] == ["logger 7"]


def test_a_metric_that_is_learned_says_when_there_is_enough_data(client: TestClient, made: Site) -> None:
    number = made.registry.series("plant", "fan-1", "temperature")
    told = []
    for first, end in ((0, 10), (10, 11), (11, 200), (200, 256)):
        time = [made.now + k * MINUTE for k in range(first, end)]
        made.feed(ReadingBatch.of([number] * len(time), time, [20.0 + k % 3 for k in range(first, end)]))
        (metric,) = client.get("/api/v1/devices/plant/fan-1").json()["metrics"]
        told.append((metric["enough_data_at"], metric["states"]))
    learning = ["no unit", "not enough data"]
    at = "2026-05-29T00:41:40Z"
    assert told == [(None, learning), (at, learning), (at, learning), (None, ["no unit"])], "the 256th minute from now"


def test_pages(plant_client: TestClient) -> None:
    found, cursor = [], ""
    while cursor is not None:
        page = plant_client.get(f"/api/v1/devices?limit=3{cursor and '&cursor=' + cursor}").json()
        found += [(d["site"], d["device"]) for d in page["items"]]
        cursor = page["next"]
    assert found == sorted(found)
    assert len(found) == 8
    assert plant_client.get("/api/v1/devices?site=north&limit=10").json()["next"] is None
    assert plant_client.get("/api/v1/devices?cursor=nonsense").status_code == 422


def test_names_that_need_escaping(plant_client: TestClient) -> None:
    assert plant_client.get("/api/v1/devices/north/logger%207").json()["device"] == "logger 7"
    assert plant_client.get("/api/v1/devices/north/%E6%B0%B4%E6%B3%B5-3").json()["title"] == "三号水泵"


def test_change_survives_a_restart(client: TestClient, made: Site) -> None:
    body = {
        "title": "Main feed pump",
        "class": "centrifugal pump",
        "asset": "feed pump 1",
        "criticality": "low",
        "customer": "Northwind",
        "team": "rotating",
        "owner": "li.wei",
        "metrics": {"temperature": {"interval_s": 30}, "pressure": {"unit": "bar"}},
    }
    answer = client.patch(PUMP, json=body)
    assert answer.status_code == 200
    device = answer.json()
    assert {name: device[name] for name in body if name != "metrics"} == {
        k: v for k, v in body.items() if k != "metrics"
    }
    metrics = {m["metric"]: m for m in device["metrics"]}
    assert metrics["temperature"]["interval_s"] == 30
    assert (metrics["pressure"]["unit"], metrics["pressure"]["unit_state"]) == ("bar", "known")
    registry = load_registry(made.database)
    number = registry.find_device("plant", "pump-1")
    assert number is not None
    assert registry.device(number).title == "Main feed pump"


def test_what_is_left_out_stays_and_null_forgets(client: TestClient) -> None:
    device = client.patch(PUMP, json={"team": "HVAC"}).json()
    assert (device["title"], device["team"]) == ("Feed pump", "HVAC")
    assert client.patch(PUMP, json={"title": None}).json()["title"] is None


def test_what_is_known_of_its_machine(client: TestClient, made: Site) -> None:
    machine = {"power_kw": 30.0, "speed_rpm": 1480.0, "foundation": "rigid"}
    bearing = {"balls": 9, "ball_mm": 7.94, "pitch_mm": 39.04, "contact_deg": 0.0}
    assert client.get(PUMP).json()["machine"] == dict.fromkeys([*machine, "bearing"])
    said = client.patch(PUMP, json={"machine": machine | {"bearing": bearing}}).json()
    assert said["machine"] == machine | {"bearing": bearing}
    assert load_registry(made.database).machine("plant", "pump-1").bearing == Bearing(9, 7.94, 39.04)
    assert client.patch(PUMP, json={"team": "HVAC"}).json()["machine"] == said["machine"]
    page = client.get("/devices/plant/pump-1?lang=zh").text
    assert "9 个滚动体，直径 7.94 mm，节径 39.04 mm，接触角 0°" in page
    assert "刚性" in page
    assert client.patch(PUMP, json={"machine": None}).json()["machine"]["power_kw"] is None
    assert made.registry.machine("plant", "pump-1") == UNKNOWN


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"criticality": "very"}, "body.criticality"),
        ({"machine": {"power_kw": 0}}, None),
        ({"machine": {"bearing": {"balls": 1, "ball_mm": 5, "pitch_mm": 9}}}, None),
        ({"machine": {"colour": "red"}}, "body.machine.colour"),
        ({"site": "other"}, "body.site"),
        ({"asset_class": "pump"}, "body.asset_class"),
        ({"metrics": {"temperature": {"interval_s": -1}}}, "body.metrics.temperature.interval_s"),
        ({"metrics": {"temperature": {"unit": "bar"}}}, None),
        ({"metrics": {"level": {"unit": "furlongs per moon"}}}, None),
        ({"metrics": {"a/b": {"unit": "bar"}}}, None),
    ],
)
def test_bad_changes(client: TestClient, made: Site, body: dict[str, object], where: str | None) -> None:
    before = client.get(PUMP).json()
    answer = client.patch(PUMP, json=body)
    assert answer.status_code == 422
    if where:
        assert answer.json()["errors"][0]["where"] == where
    assert client.get(PUMP).json() == before


def test_add_before_it_reports(client: TestClient) -> None:
    url = "/api/v1/devices/plant/fan-1"
    answer = client.put(url, json={"class": "fan"})
    assert answer.status_code == 201
    assert answer.json()["states"] == ["not enough data", "never heard"]
    assert client.put(url, json={"class": "fan", "team": "HVAC"}).status_code == 200
    assert client.put("/api/v1/devices/plant/a+b", json={}).status_code == 422


def test_retire_and_back(client: TestClient, made: Site) -> None:
    assert "retired" in client.post(f"{PUMP}/retire", json={"note": ""}).json()["states"]
    assert made.registry.device(0).retired
    assert client.post(f"{PUMP}/unretire").json()["retired"] is False


def test_delete(client: TestClient, made: Site) -> None:
    assert client.delete(PUMP).status_code == 204
    assert client.get(PUMP).status_code == 404
    assert client.get("/api/v1/devices").json()["items"] == []
    (alert,) = client.get("/api/v1/alerts").json()["items"]
    assert (alert["state"], alert["closed_by"]) == ("closed", "local")
    assert client.get("/api/v1/readings?device=pump-1").json()["items"], "its readings stay"
    with client_of(replace(made.deps(), registry=load_registry(made.database), board=type(made.board)())) as later:
        assert later.get("/api/v1/devices").json()["items"] == [], "also after a restart"
    made.feed(ReadingBatch.of([0], [made.now + MINUTE], [40.0], int(Quality.RECORDED)))
    assert client.get(PUMP).json()["retired"] is True, "it reports again"


def test_unknown_device(looking: TestClient) -> None:
    for method, end in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/retire"), ("POST", "/unretire")):
        answer = looking.request(method, f"/api/v1/devices/plant/nothing{end}", json={})
        assert answer.status_code == 404, method
        assert answer.json()["detail"] == "there is no device 'nothing' at site 'plant'"


class CountedBoard(Board):
    """A board that counts how often it is looked at."""

    looks = 0

    def of(self, series: int) -> SeriesState:
        self.looks += 1
        return super().of(series)

    def every(self, n_series: int) -> list[SeriesState]:
        self.looks += 1
        return super().every(n_series)


def test_a_large_fleet_is_listed_from_one_look_at_the_board() -> None:
    registry, board, metrics = Registry(), CountedBoard(), ("humidity", "temperature", "vibration")
    numbers = [registry.series("plant", f"pump-{n:04}", metric) for n in range(5_000) for metric in metrics]
    board.note(ReadingBatch.of(numbers, numbers, [float(n) for n in numbers]), received_at=1)
    found = list(all_devices(registry, board))
    assert board.looks == 1
    assert [heard.device.name for heard in found] == [f"pump-{n:04}" for n in range(5_000)]
    assert [state.value for _, state in found[4_321].series] == [12_963.0, 12_964.0, 12_965.0]
    assert found[7] == look_up(registry, board, "plant", "pump-0007")


def test_a_large_fleet_over_http(client: TestClient, made: Site) -> None:
    for n in range(5_000):
        made.registry.put_device(Device("fleet", f"pump-{n:04}"))
    page = client.get("/api/v1/devices?site=fleet&limit=10000").json()
    assert [item["device"] for item in page["items"]] == [f"pump-{n:04}" for n in range(5_000)]
    assert page["next"] is None


@pytest.mark.parametrize("text", [None, "", "  "])
def test_nobody_goes_through_all_devices_where_nothing_is_searched_for(
    text: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registry, "devices", None)
    assert searched(Registry(), text) == (None, ())
