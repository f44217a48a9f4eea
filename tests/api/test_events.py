"""`/events`: what was logged about devices, in and out."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.api.harness import Site

TS = 1_764_000_000_000
ERROR = {"site": "plant", "device": "pump-1", "ts": TS, "event": "error", "code": "E17"}
DONE = {"site": "plant", "device": "pump-1", "ts": TS + 60_000, "event": "maintenance", "code": "bearing"}


def test_entries_are_taken_and_listed_newest_first(client: TestClient) -> None:
    answer = client.post("/api/v1/events", json=[ERROR, DONE, ERROR])
    assert (answer.status_code, answer.json()) == (202, {"accepted": 3, "rejected": []})
    listed = client.get("/api/v1/events").json()
    assert [(item["time"], item["event"], item["code"]) for item in listed["items"]] == [
        ("2025-11-24T16:01:00Z", "maintenance", "bearing"),
        ("2025-11-24T16:00:00Z", "error", "E17"),
    ]
    assert listed["next"] is None
    assert {item["device"] for item in listed["items"]} == {"pump-1"}


def test_one_entry_may_stand_alone(client: TestClient) -> None:
    assert client.post("/api/v1/events", json=DONE).status_code == 202


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("", ["bearing", "E17"]),
        ("?event=error", ["E17"]),
        ("?device=pump-2", []),
        ("?site=plant&start=2025-11-24T16:00:30Z", ["bearing"]),
        ("?end=2025-11-24T16:01:00Z", ["E17"]),
        ("?limit=1", ["bearing"]),
    ],
)
def test_entries_are_filtered(client: TestClient, query: str, codes: list[str]) -> None:
    client.post("/api/v1/events", json=[ERROR, DONE])
    assert [item["code"] for item in client.get(f"/api/v1/events{query}").json()["items"]] == codes


def test_the_good_part_is_taken_and_the_bad_part_told(client: TestClient) -> None:
    answer = client.post("/api/v1/events", json=[ERROR, {"device": "pump-1", "event": "party"}, 5])
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert [one["index"] for one in answer.json()["rejected"]] == [1, 2]


@pytest.mark.parametrize("body", [[{"event": "error"}], {"device": "d"}, [], 7, "words"])
def test_nothing_usable_is_a_problem(client: TestClient, body: object) -> None:
    answer = client.post("/api/v1/events", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_no_room_is_told(client: TestClient, made: Site) -> None:
    made.full = True
    answer = client.post("/api/v1/events", json=ERROR)
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)


@pytest.mark.parametrize("query", ["?event=party", "?start=soon", "?limit=0", "?cursor=none"])
def test_a_question_that_makes_no_sense_is_a_problem(client: TestClient, query: str) -> None:
    assert client.get(f"/api/v1/events{query}").status_code == 422
