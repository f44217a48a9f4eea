"""`/rejects`: listed, inspected, tried and replayed."""

from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient

from api.access.principal import Role
from ingest.reading import NS_PER_SECOND
from ingest.rejects import Reject, RejectSource
from tests.api.conftest import client_of
from tests.api.harness import MINUTE, Site

REJECTS = "/api/v1/rejects"
MAPPING = """
[[mapping]]
topic = "factory/{machine}"
site = "hall"
device = "{machine}"

[[mapping.value]]
metric = "temperature"
value = "$.t"
unit = "°C"
"""


def put(made: Site, *payloads: object, topic: str = "factory/press") -> list[int]:
    """Rejects a minute apart; their numbers, oldest first."""
    found = [orjson.dumps(payload) for payload in payloads]
    reason = "no adapter reads this topic"
    at = [made.now - (len(found) - place) * MINUTE for place in range(len(found))]
    rejects = [Reject(when, RejectSource.MQTT, topic, reason, raw) for when, raw in zip(at, found, strict=True)]
    made.rejects.add(rejects)
    return [one.id for one in made.rejects.list(len(payloads)).items][::-1]


def stored(made: Site, device: str = "press") -> list[tuple[int, float]]:
    """(minutes before now, value) of what the store holds."""
    points = made.telemetry.readings("hall", device, "temperature", 0, 2**62, 100)
    return [((made.now - time) // MINUTE, value) for time, value in zip(points.time, points.value, strict=True)]


def post(client: TestClient, path: str, **body: Any) -> Any:
    answer = client.post(f"{REJECTS}/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_one_is_shown_whole(client: TestClient, made: Site) -> None:
    (number,) = put(made, {"text": "x" * 10_000})
    item = client.get(f"{REJECTS}/{number}").json()
    assert (item["topic"], item["reason"], item["size"]) == ("factory/press", "no adapter reads this topic", 10_011)
    assert orjson.loads(item["payload"]) == {"text": "x" * 10_000}
    assert len(client.get(REJECTS).json()["items"][0]["payload"]) == 4_096
    assert client.get(f"{REJECTS}/99").status_code == 404


def test_the_list_is_narrowed_down(client: TestClient, made: Site) -> None:
    put(made, {}, {})
    put(made, {}, topic="factory/mill/state")
    made.rejects.add([Reject(made.now, RejectSource.STORE, "", "type conflict", b"{}")])
    for query, count in (("", 4), ("?topic=factory/%2B", 2), ("?topic=factory/%23", 3), ("?source=store", 1)):
        assert len(client.get(REJECTS + query).json()["items"]) == count, query
    page = client.get(f"{REJECTS}?topic=factory/%23&limit=2").json()
    rest = client.get(f"{REJECTS}?topic=factory/%23&limit=2&cursor={page['next']}").json()
    assert (len(rest["items"]), rest["next"]) == (1, None)


def test_trying_a_mapping_changes_nothing(client: TestClient, made: Site) -> None:
    (number,) = put(made, {"t": 21.5})
    assert post(client, f"{number}/try")["problem"] == "no adapter reads this topic"
    tried = post(client, f"{number}/try", mapping=MAPPING)
    reading = {"site": "hall", "device": "press", "metric": "temperature", "value": 21.5, "unit": "°C"}
    assert tried == {
        "id": number,
        "count": 1,
        "readings": [reading | {"time": "2026-05-28T20:25:40Z"}],
        "problem": None,
    }
    assert stored(made) == []
    assert made.registry.find_device("hall", "press") is None
    assert made.rejects.count().kept == 1


def test_a_replayed_reject_is_gone_and_its_reading_there(client: TestClient, made: Site) -> None:
    (number,) = put(made, {"t": 21.5})
    assert post(client, f"{number}/replay", mapping=MAPPING) == {"id": number, "accepted": 1, "problem": None}
    assert stored(made) == [(1, 21.5)]
    again = client.post(f"{REJECTS}/{number}/replay", json={"mapping": MAPPING})
    assert (again.status_code, made.rejects.count().kept) == (404, 0)


def test_what_is_taken_in_part_stays_with_what_is_left(client: TestClient, made: Site) -> None:
    topic = "forewarn/v1/hall/press/telemetry"
    (number,) = put(made, {"values": {"temperature": 4.5, "mode": "auto"}}, topic=topic)
    left = "mode: value should be a finite number, not a text"
    for _ in range(2):
        assert post(client, f"{number}/replay") == {"id": number, "accepted": 1, "problem": left}
        assert stored(made) == [(1, 4.5)], "the second time it is the same reading"
    assert client.get(f"{REJECTS}/{number}").json()["reason"] == left


def test_what_gives_nothing_stays_as_it_was(client: TestClient, made: Site) -> None:
    (number,) = put(made, {"other": 1})
    told = post(client, f"{number}/replay", mapping=MAPPING)
    assert (told["accepted"], told["problem"]) == (0, "none of the mapped values is there")
    assert client.get(f"{REJECTS}/{number}").json()["reason"] == "no adapter reads this topic"


def test_many_at_once_the_oldest_first(client: TestClient, made: Site) -> None:
    numbers = put(made, *({"t": float(n)} for n in range(5)))
    put(made, {"t": 9.0}, topic="elsewhere")
    asked = {"mapping": MAPPING, "topic": "factory/#"}
    tried = post(client, "try", **asked)
    assert [(one["id"], one["count"]) for one in tried["items"]] == [(number, 1) for number in numbers]
    first = post(client, "replay", limit=3, **asked)
    assert [one["id"] for one in first["items"]] == numbers[:3]
    rest = post(client, "replay", limit=3, cursor=first["next"], **asked)
    assert ([one["id"] for one in rest["items"]], rest["next"]) == (numbers[3:], None)
    assert stored(made) == [(5 - n, float(n)) for n in range(5)]
    assert made.rejects.count().kept == 1


def test_large_payloads_are_read_a_few_at_a_time(client: TestClient, made: Site) -> None:
    numbers = put(made, *({"t": float(n), "more": "x" * 900_000} for n in range(20)))
    tried = post(client, "try", mapping=MAPPING)
    assert [(one["id"], one["readings"][0]["value"]) for one in tried["items"]] == list(
        zip(numbers, map(float, range(20)), strict=True)
    )
    assert len(post(client, "replay", mapping=MAPPING)["items"]) == 20
    assert stored(made) == [(20 - n, float(n)) for n in range(20)]


def test_without_room_nothing_is_changed(client: TestClient, made: Site) -> None:
    (number,) = put(made, {"t": 1.0})
    made.full = True
    answer = client.post(f"{REJECTS}/{number}/replay", json={"mapping": MAPPING})
    assert (answer.status_code, answer.json()["detail"]) == (503, "the spool is full")
    assert client.get(f"{REJECTS}/{number}").status_code == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"mapping": "[[mapping"}, "mapping: is not TOML"),
        ({"mapping": "[[mapping]]\ntopic = 'a'"}, "mapping: mapping 1: device is missing"),
        ({"mapping": 3}, "body.mapping"),
        ({"mappings": ""}, "body.mappings"),
    ],
)
@pytest.mark.parametrize("action", ["try", "replay"])
def test_a_bad_mapping(client: TestClient, made: Site, action: str, body: dict[str, Any], said: str) -> None:
    (number,) = put(made, {"t": 1.0})
    for path in (f"{number}/{action}", action):
        answer = client.post(f"{REJECTS}/{path}", json=body)
        assert answer.status_code == 422
        assert said in answer.text


def test_operators_may_viewers_may_not(made: Site) -> None:
    (number,) = put(made, {"t": 1.0})
    with client_of(made.deps()) as client:
        for role in (Role.VIEWER, Role.OPERATOR):
            made.deps().access.add_user(role, role, "correct horse", made.now)
        for name, status in (("viewer", 403), ("operator", 200)):
            client.post("/api/v1/session", json={"name": name, "password": "correct horse"}).raise_for_status()
            assert client.get(f"{REJECTS}/{number}").status_code == 200
            for path in (f"{number}/try", "try"):
                assert client.post(f"{REJECTS}/{path}", json={}).status_code == status


def test_a_stamp_is_checked_as_of_the_arrival(client: TestClient, made: Site) -> None:
    ahead = made.now // 1_000_000 + 30 * 3_600_000
    (number,) = put(made, {"ts": ahead, "values": {"t": 1.0}}, topic="forewarn/v1/hall/press/telemetry")
    made.now += 10 * 86_400 * NS_PER_SECOND
    assert "in the future" in post(client, f"{number}/replay")["problem"]
