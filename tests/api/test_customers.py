"""Ratings and complaints over the API."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from workorders.customer import LONGEST_SAID


@pytest.fixture
def url(client: TestClient) -> str:
    (order,) = client.get("/api/v1/work-orders").json()["items"]
    return f"/api/v1/work-orders/{order['number']}"


def solve(client: TestClient, url: str) -> None:
    for _ in range(6):
        client.post(f"{url}/advance")
    assert client.get(url).json()["stage"] == "acceptance"


def test_a_rating_by_telephone(client: TestClient, url: str) -> None:
    early = client.post(f"{url}/ratings", json={"score": 5})
    assert (early.status_code, early.headers["content-type"]) == (409, "application/problem+json")
    solve(client, url)
    order = client.post(f"{url}/ratings", json={"score": 4, "comment": "很快", "customer": "Ms Li"}).json()
    rating = {"score": 4, "comment": "很快", "customer": "Ms Li", "by": "local", "at": "2026-05-28T20:26:40Z"}
    assert order["rating"] == rating
    event = order["events"][-1]
    assert (event["event"], event["score"], event["customer"], event["note"]) == ("rated", 4, "Ms Li", "很快")
    (listed,) = client.get("/api/v1/work-orders").json()["items"]
    assert listed["rating"] == rating


def test_a_complaint_outlives_its_order(client: TestClient, url: str) -> None:
    order = client.post(f"{url}/complaints", json={"text": "It is too loud."}).json()
    assert order["complaints"][0]["closed_at"] is None
    client.post(f"{url}/close", json={"code": "bearing"})
    assert len(client.get("/api/v1/work-orders?complaint=true").json()["items"]) == 1
    order = client.post(f"{url}/complaints/1/close", json={"note": "Fitted a silencer."}).json()
    assert order["complaints"][0] == {
        "id": 1,
        "text": "It is too loud.",
        "customer": "",
        "by": "local",
        "at": "2026-05-28T20:26:40Z",
        "closed_at": "2026-05-28T20:26:40Z",
        "closed_by": "local",
        "closed_note": "Fitted a silencer.",
    }
    assert client.get("/api/v1/work-orders?complaint=true").json()["items"] == []
    assert client.post(f"{url}/complaints/1/close", json={"note": "again"}).status_code == 409
    assert client.post(f"{url}/complaints/2/close", json={"note": "which?"}).status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("ratings", {"score": 0}, id="too few points"),
        pytest.param("ratings", {"score": 6}, id="too many points"),
        pytest.param("ratings", {"score": 4.5}, id="half a point"),
        pytest.param("ratings", {"score": True}, id="no number"),
        pytest.param("ratings", {"comment": "good"}, id="no points"),
        pytest.param("ratings", {"score": 5, "comment": "x" * (LONGEST_SAID + 1)}, id="a long comment"),
        pytest.param("complaints", {"text": " \n"}, id="a complaint of nothing"),
        pytest.param("complaints", {"text": "x" * (LONGEST_SAID + 1)}, id="a long complaint"),
        pytest.param("complaints/1/close", {"note": " "}, id="nothing was done"),
        pytest.param("complaints/1/close", {}, id="nothing is said to have been done"),
    ],
)
def test_what_makes_no_sense_is_refused(looking: TestClient, path: str, body: dict[str, Any]) -> None:
    (order,) = looking.get("/api/v1/work-orders").json()["items"]
    assert looking.post(f"/api/v1/work-orders/{order['number']}/{path}", json=body).status_code == 422


def test_an_order_that_is_not_there(looking: TestClient) -> None:
    assert looking.post("/api/v1/work-orders/WO-NONE/ratings", json={"score": 5}).status_code == 404
    assert looking.post("/api/v1/work-orders/WO-NONE/complaints", json={"text": "?"}).status_code == 404
