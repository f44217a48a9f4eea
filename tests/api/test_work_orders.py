"""`/work-orders`."""

import pytest
from fastapi.testclient import TestClient

FIELDS = {
    "number",
    "alerts",
    "site",
    "device",
    "title",
    "priority",
    "stage",
    "assignee",
    "opened_at",
    "response_due_at",
    "solve_due_at",
    "responded_at",
    "solved_at",
    "closed_at",
}
STAGES = ["assignment", "plan", "confirmation", "preparation", "on_site", "acceptance", "follow_up", "archive"]


@pytest.fixture
def number(client: TestClient) -> str:
    (order,) = client.get("/api/v1/work-orders").json()["items"]
    return str(order["number"])


def test_list_and_get(client: TestClient, number: str) -> None:
    (listed,) = client.get("/api/v1/work-orders").json()["items"]
    order = client.get(f"/api/v1/work-orders/{number}").json()
    assert listed.keys() >= FIELDS
    assert order["title"] == "Feed pump: temperature above its limit"
    assert "温度" in order["title_zh"]
    assert (order["stage"], order["priority"], order["assignee"]) == ("intake", "P1", None)
    assert order["opened_at"] == "2026-05-28T20:25:40Z"
    assert order["response_due_at"] == "2026-05-28T22:25:40Z"
    assert order["solve_due_at"] == "2026-05-30T20:25:40Z"
    assert order["evidence"]["facts"]["limit"] == 60.0
    assert "no longer cools" in order["first_steps"][1]["en"]
    assert "24 hours a day" in order["promise"]["en"]
    assert [event["event"] for event in order["events"]] == ["opened"]
    (alert,) = client.get(f"/api/v1/alerts?work_order={number}").json()["items"]
    assert order["alerts"] == [alert["id"]]
    assert (order["similar"], order["similar_summary"]) == ([], None)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("open=true", 1),
        ("open=false", 0),
        ("device=pump-1&site=plant", 1),
        ("stage=intake&stage=plan", 1),
        ("priority=P4", 0),
        ("assignee=li", 0),
        ("since=2026-05-29T00:00:00Z", 0),
        ("q=feed+pump", 1),
        ("q=wo-", 1),
        ("q=+", 1),
        ("q=_", 0),
    ],
)
def test_filters(looking: TestClient, query: str, found: int) -> None:
    assert len(looking.get(f"/api/v1/work-orders?{query}").json()["items"]) == found


def test_from_intake_to_archive(client: TestClient, number: str) -> None:
    url = f"/api/v1/work-orders/{number}"
    order = client.post(f"{url}/assign", json={"assignee": " li.wei ", "note": "please"}).json()
    assert (order["assignee"], order["responded_at"]) == ("li.wei", "2026-05-28T20:26:40Z")
    for stage in STAGES:
        order = client.post(f"{url}/advance", json={"note": f"to {stage}"}).json()
        assert order["stage"] == stage
        assert (order["solved_at"] is not None) == (STAGES.index(stage) >= STAGES.index("acceptance"))
    stuck = client.post(f"{url}/advance")
    assert stuck.status_code == 409
    order = client.post(f"{url}/close", json={"code": "bearing", "note": "replaced"}).json()
    assert (order["closure_code"], order["closed_by"], order["closure_note"]) == ("bearing", "local", "replaced")
    for action in ("assign", "advance", "close"):
        assert client.post(f"{url}/{action}", json={}).status_code == 409


def test_a_note_alone_is_enough(client: TestClient, number: str) -> None:
    assigned = client.post(f"/api/v1/work-orders/{number}/assign", json={"note": "mine"}).json()
    assert assigned["assignee"] == "local"
    assert client.post(f"/api/v1/work-orders/{number}/close").json()["closure_code"] == "unspecified"


def test_what_is_written_down_stays_and_changes_nothing_else(client: TestClient, number: str) -> None:
    url = f"/api/v1/work-orders/{number}"
    before = client.get(url).json()
    noted = client.post(f"{url}/note", json={"note": "spare part ordered"}).json()
    assert [(event["event"], event["by"], event["note"]) for event in noted["events"]][1:] == [
        ("noted", "local", "spare part ordered")
    ]
    assert {**noted, "events": []} == {**before, "events": []}
    client.post(f"{url}/close", json={"code": "bearing"})
    assert client.post(f"{url}/note", json={"note": "invoice sent"}).json()["events"][-1]["note"] == "invoice sent"


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("assign", {"assignee": "  "}),
        ("assign", {"assignee": "x" * 129}),
        ("assign", {"to": "li.wei"}),
        ("close", {"code": "magic"}),
        ("advance", {"note": 3}),
        ("note", {"note": " "}),
        ("note", {}),
        ("advance", {"note": "x" * 4_001}),
    ],
)
def test_bad_bodies(client: TestClient, number: str, action: str, body: dict[str, object]) -> None:
    answer = client.post(f"/api/v1/work-orders/{number}/{action}", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"].startswith("body.")


def test_unknown_order(looking: TestClient) -> None:
    for action in ("assign", "advance", "close"):
        assert looking.post(f"/api/v1/work-orders/WO-NONE/{action}").status_code == 404
    assert looking.get("/api/v1/work-orders/WO-NONE").status_code == 404


@pytest.mark.parametrize("action", ["pause", "resume", "reopen"])
def test_later_releases_bring_more(client: TestClient, number: str, action: str) -> None:
    assert client.post(f"/api/v1/work-orders/{number}/{action}").status_code == 404
