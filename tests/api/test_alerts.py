"""`/alerts`."""

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from alerts.alert import State
from alerts.store import insert_alerts
from ingest.database import writing
from ingest.reading import NS_PER_SECOND
from tests.api.harness import Site

FIELDS = {
    "id",
    "site",
    "device",
    "metric",
    "kind",
    "severity",
    "state",
    "onset_at",
    "raised_at",
    "cleared_at",
    "acknowledged_at",
    "work_order",
    "explanation",
}


@pytest.fixture
def alert_id(client: TestClient) -> str:
    (alert,) = client.get("/api/v1/alerts").json()["items"]
    return str(alert["id"])


def test_list_and_get(client: TestClient, alert_id: str) -> None:
    page = client.get("/api/v1/alerts").json()
    assert page["next"] is None
    alert = client.get(f"/api/v1/alerts/{alert_id}").json()
    assert page["items"][0].keys() >= FIELDS
    assert alert["explanation"]["en"] == "temperature 65 °C is above the limit of 60 °C"
    assert "温度" in alert["explanation"]["zh"]
    assert (alert["state"], alert["severity"], alert["kind"]) == ("active", "high", "limit")
    assert alert["raised_at"] == alert["evidence"]["at"] == "2026-05-28T20:25:40Z"
    assert alert["work_order"].startswith("WO-")
    assert alert["actions"] == []
    assert alert["first_steps"][0]["en"].startswith("Bring the value back inside its limit")
    assert "限值" in alert["first_steps"][0]["zh"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=active", 1),
        ("state=closed", 0),
        ("state=closed&state=active", 1),
        ("device=pump-1", 1),
        ("device=pump-2", 0),
        ("site=plant&metric=temperature&kind=limit&severity=high", 1),
        ("severity=low", 0),
        ("since=2026-05-28T20:25:40Z", 1),
        ("since=2026-05-28T20:25:41Z", 0),
        ("work_order=WO-NONE", 0),
    ],
)
def test_filters(looking: TestClient, query: str, found: int) -> None:
    assert len(looking.get(f"/api/v1/alerts?{query}").json()["items"]) == found


@pytest.mark.parametrize("query", ["state=broken", "since=yesterday", "limit=0", "limit=10001", "cursor=xyz"])
def test_bad_queries(looking: TestClient, query: str) -> None:
    answer = looking.get(f"/api/v1/alerts?{query}")
    assert answer.status_code == 422
    assert answer.json()["status"] == 422


def test_acknowledge_once(client: TestClient, alert_id: str) -> None:
    answer = client.post(f"/api/v1/alerts/{alert_id}/acknowledge", json={"note": "on my way"})
    assert answer.status_code == 200
    alert = answer.json()
    assert (alert["state"], alert["acknowledged_by"], alert["acknowledged_at"]) == (
        "acknowledged",
        "local",
        "2026-05-28T20:26:40Z",
    )
    assert alert["actions"][0] | {"at": ""} == {
        "action": "acknowledge",
        "at": "",
        "by": "local",
        "note": "on my way",
        "verdict": None,
        "until": None,
    }
    again = client.post(f"/api/v1/alerts/{alert_id}/acknowledge", json={"note": ""})
    assert again.status_code == 409
    assert "only an active or returned one" in again.json()["detail"]


def test_close_without_a_body_and_again(client: TestClient, alert_id: str) -> None:
    assert client.post(f"/api/v1/alerts/{alert_id}/close").json()["state"] == State.CLOSED
    assert client.post(f"/api/v1/alerts/{alert_id}/close").status_code == 409


def test_shelve_for_a_shift_and_end_it(client: TestClient, alert_id: str) -> None:
    alert = client.post(f"/api/v1/alerts/{alert_id}/shelve", json={"note": "waits for a part"}).json()
    assert (alert["state"], alert["shelved_until"]) == ("shelved", "2026-05-29T04:26:40Z")
    assert alert["actions"][0]["until"] == alert["shelved_until"]
    assert [one["id"] for one in client.get("/api/v1/alerts?state=shelved").json()["items"]] == [alert_id]
    longer = client.post(f"/api/v1/alerts/{alert_id}/shelve", json={"hours": 24.5}).json()
    assert longer["shelved_until"] == "2026-05-29T20:56:40Z"
    ended = client.post(f"/api/v1/alerts/{alert_id}/unshelve").json()
    assert (ended["state"], ended["shelved_until"]) == ("active", None)
    assert [one["action"] for one in ended["actions"]] == ["shelve", "shelve", "unshelve"]
    assert client.post(f"/api/v1/alerts/{alert_id}/unshelve").status_code == 409


@pytest.mark.parametrize("hours", [0, -1, 168.1, "long"])
def test_no_shelf_without_an_end(client: TestClient, alert_id: str, hours: object) -> None:
    assert client.post(f"/api/v1/alerts/{alert_id}/shelve", json={"hours": hours}).status_code == 422


def test_what_is_closed_cannot_be_shelved(client: TestClient, alert_id: str) -> None:
    client.post(f"/api/v1/alerts/{alert_id}/close")
    answer = client.post(f"/api/v1/alerts/{alert_id}/shelve")
    assert answer.status_code == 409
    assert "only an open one can be shelved" in answer.json()["detail"]


def test_feedback_is_kept(client: TestClient, alert_id: str) -> None:
    body = {"verdict": "not_anomaly", "note": "cleaning"}
    alert = client.post(f"/api/v1/alerts/{alert_id}/feedback", json=body).json()
    assert (alert["state"], alert["actions"][-1]["verdict"]) == ("active", "not_anomaly")
    assert client.post(f"/api/v1/alerts/{alert_id}/feedback", json={"note": "a word"}).status_code == 200
    assert client.post(f"/api/v1/alerts/{alert_id}/feedback", json={"verdict": "maybe"}).status_code == 422


@pytest.mark.parametrize("action", ["", "/acknowledge", "/close", "/feedback", "/shelve", "/unshelve"])
def test_unknown_alert(looking: TestClient, action: str) -> None:
    answer = looking.request("POST" if action else "GET", f"/api/v1/alerts/a-none{action}", json={"note": "x"})
    assert answer.status_code == 404
    assert answer.json()["detail"] == "there is no alert 'a-none'"


def test_pages(plant_client: TestClient, plant: Site) -> None:
    everything = plant_client.get("/api/v1/alerts").json()["items"]
    assert len(everything) > 3
    found, cursor = [], ""
    while cursor is not None:
        page = plant_client.get(f"/api/v1/alerts?limit=2{cursor and '&cursor=' + cursor}").json()
        assert len(page["items"]) <= 2
        found += page["items"]
        cursor = page["next"]
    assert found == everything
    assert [a["raised_at"] for a in found] == sorted((a["raised_at"] for a in found), reverse=True)


def test_earlier_alerts_like_it_tell_what_became_of_them(client: TestClient, made: Site, alert_id: str) -> None:
    assert client.get(f"/api/v1/alerts/{alert_id}").json()["similar"] == []
    earlier = replace(made.deps().alerts.get(alert_id), id="a-earlier", work_order=None)
    with writing(made.database) as session:
        insert_alerts(session, [replace(earlier, raised_at=earlier.raised_at - 10 * 86_400 * NS_PER_SECOND)])
    client.post("/api/v1/alerts/a-earlier/feedback", json={"verdict": "not_anomaly", "note": "cleaning"})
    alert = client.get(f"/api/v1/alerts/{alert_id}").json()
    (one,) = alert["similar"]
    assert (one["id"], one["near"], one["raised_at"]) == ("a-earlier", "device", "2026-05-18T20:25:40Z")
    assert (one["outcome"]["en"], one["verdict"], one["note"]) == ("False alarm", "not_anomaly", "cleaning")
    assert (one["work_order"], one["closure_code"], one["solve_s"]) == (None, None, None)
    assert alert["similar_summary"]["en"] == "1 similar on this device in 90 days: 1 × false alarm"
    assert alert["similar_summary"]["zh"] == "本设备近 90 天有 1 次类似报警：误报 1 次"
    order = client.get(f"/api/v1/work-orders/{alert['work_order']}").json()
    assert (order["similar"], order["similar_summary"]) == (alert["similar"], alert["similar_summary"])
    assert client.post(f"/api/v1/alerts/{alert_id}/acknowledge").json()["similar"] == alert["similar"]
    assert client.get("/api/v1/alerts/a-earlier").json()["similar"] == []
