"""`/work-orders`."""

import pytest
from fastapi.testclient import TestClient

from alerts.alert import Opened
from tests.alerts.samples import HOUR, make_alert
from tests.api.harness import Site

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
        ("pause", {"reason": "holiday"}),
        ("pause", {"note": " "}),
        ("pause", {"reason": "other"}),
        ("reopen", {"note": " "}),
        ("reopen", {}),
    ],
)
def test_bad_bodies(client: TestClient, number: str, action: str, body: dict[str, object]) -> None:
    answer = client.post(f"/api/v1/work-orders/{number}/{action}", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"].startswith("body")


def test_unknown_order(looking: TestClient) -> None:
    for action in ("assign", "advance", "close", "resume"):
        assert looking.post(f"/api/v1/work-orders/WO-NONE/{action}").status_code == 404
    assert looking.get("/api/v1/work-orders/WO-NONE").status_code == 404


def test_paused_and_resumed(made: Site, client: TestClient, number: str) -> None:
    url = f"/api/v1/work-orders/{number}"
    unanswered = client.post(f"{url}/pause", json={"reason": "parts"})
    assert (unanswered.status_code, "not answered yet" in unanswered.json()["detail"]) == (409, True)
    client.post(f"{url}/assign", json={"assignee": "wang"})
    order = client.post(f"{url}/pause", json={"reason": "parts", "note": "bearing 6308"}).json()
    assert (order["paused_at"], order["paused_by"]) == ("2026-05-28T20:26:40Z", "local")
    assert (order["pause_reason"], order["pause_note"]) == ("parts", "bearing 6308")
    assert client.post(f"{url}/pause", json={"reason": "parts"}).status_code == 409
    assert client.post(f"{url}/advance").status_code == 409
    assert len(client.get("/api/v1/work-orders?paused=true").json()["items"]) == 1

    made.now += 10 * HOUR
    clock = client.get(url).json()["solve_clock"]
    assert (clock["running"], clock["promised_s"], clock["counted_s"]) == (False, 48 * 3600, 60)
    order = client.post(f"{url}/resume", json={"note": "it came"}).json()
    assert (order["paused_at"], order["solve_due_at"]) == (None, "2026-05-31T06:25:40Z")
    assert order["solve_clock"] == {
        "running": False,
        "promised_s": 172_800.0,
        "counted_s": 60.0,
        "left_s": 172_740.0,
        "left_out": 0,
        "intervals": [
            {
                "start": "2026-05-28T20:25:40Z",
                "end": "2026-05-28T20:26:40Z",
                "counted": True,
                "why": "open",
                "reason": None,
            },
            {
                "start": "2026-05-28T20:26:40Z",
                "end": "2026-05-29T06:26:40Z",
                "counted": False,
                "why": "paused",
                "reason": "parts",
            },
        ],
    }
    assert [(event["event"], event["pause_reason"], event["solve_due_at"]) for event in order["events"]][2:] == [
        ("paused", "parts", None),
        ("resumed", None, "2026-05-31T06:25:40Z"),
    ]
    assert client.post(f"{url}/resume").status_code == 409
    assert client.post(f"{url}/pause", json={"note": "the crane is away"}).json()["pause_reason"] == "other"
    closed = client.post(f"{url}/close", json={"code": "bearing"}).json()
    assert [event["event"] for event in closed["events"]][-2:] == ["resumed", "closed"]


def test_reopened(made: Site, client: TestClient, number: str) -> None:
    url = f"/api/v1/work-orders/{number}"
    assert client.post(f"{url}/reopen", json={"note": "why?"}).status_code == 409
    client.post(f"{url}/close", json={"code": "bearing", "note": "replaced"})
    made.now += 5 * HOUR
    order = client.post(f"{url}/reopen", json={"note": "it hums again"}).json()
    assert (order["solved_at"], order["closed_at"], order["closure_code"], order["closure_note"]) == (None,) * 4
    assert (order["stage"], order["reopened"], order["solve_due_at"]) == ("intake", 1, "2026-05-31T01:25:40Z")
    assert [(event["event"], event["closure_code"], event["note"]) for event in order["events"]][1:] == [
        ("closed", "bearing", "replaced"),
        ("reopened", None, "it hums again"),
    ]
    assert client.post(f"{url}/advance").json()["stage"] == "assignment"


def test_a_reopened_order_gives_no_label_until_it_is_closed_again(made: Site, client: TestClient, number: str) -> None:
    deps, url = made.deps(), f"/api/v1/work-orders/{number}"
    (alert,) = deps.orders.get(number).alerts
    assert client.post(f"{url}/close", json={"code": "bearing"}).status_code == 200
    assert [found.alert.id for found in deps.findings.since(0)[1]] == [alert]
    client.post(f"{url}/reopen", json={"note": "it hums again"})
    assert deps.findings.since(0)[1] == []
    report = client.get("/api/v1/reports/service?month=2026-05").json()
    assert (report["opened"], report["closed"], report["reopened"], report["found"]) == (1, 0, 1, {})


def test_an_order_is_not_reopened_beside_another_one_of_its_device(made: Site, client: TestClient, number: str) -> None:
    client.post(f"/api/v1/work-orders/{number}/close", json={"code": "bearing"})
    made.desk.record([Opened(make_alert("pump-1", raised_at=made.now))], made.now)
    (other,) = client.get("/api/v1/work-orders?open=true").json()["items"]
    refused = client.post(f"/api/v1/work-orders/{number}/reopen", json={"note": "it hums again"})
    assert (refused.status_code, other["number"] in refused.json()["detail"]) == (409, True)
