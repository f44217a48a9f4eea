"""Models over HTTP and in the console: figures side by side, promotion for admins, a reason every time."""

from __future__ import annotations

from html import escape

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from alerts.alert import Opened
from alerts.model_store import ModelAction, ModelActionKind, ModelStore
from alerts.shadow_store import ShadowStore
from api.access.principal import Role
from ingest.times import format_time
from models.supervised.artefact import encode
from tests.alerts.samples import START
from tests.api.conftest import client_of, replace_deps
from tests.api.harness import Site
from tests.api.test_pages import parse
from tests.small_model import small_model
from tests.workorders.test_review import history, risk

MODEL = small_model(
    trained_on={
        "devices": ["plant/a", "plant/b"],
        "excluded": [],
        "readings": 1000,
        "entries": 20,
        "failures": 9,
        "start": "2025-01-01T00:00:00Z",
        "end": "2025-12-01T00:00:00Z",
    },
    measures={"threshold": 0.5, "warned": 9, "failures": 10, "false": 1, "device_months": 20.0, "folds": 5},
    warned_within_s=72 * 3600.0,
)
ID = MODEL.digest[:12]


def add(database: sa.Engine, begun: bool = True) -> ModelStore:
    store = ModelStore(database)
    store.add(MODEL, encode(MODEL), "fleet.model", ModelAction(ModelActionKind.ADD, START, "ann", "a try"))
    if begun:
        store.begin(MODEL.digest, START)
    return store


def better(database: sa.Engine) -> ModelStore:
    """A shadow that warned of all that people found."""
    store = add(database)
    history(database)
    noted = [Opened(risk(*one)) for one in (("a", 60), ("b", 190), ("c", 302))]
    ShadowStore(database).record(MODEL.digest, noted)
    return store


def test_no_model(client: TestClient) -> None:
    assert client.get("/api/v1/models").json() == {"items": [], "next": None}
    assert client.get("/api/v1/models/abcdef").status_code == 404


def test_a_shadow_beside_the_baseline(made: Site, client: TestClient) -> None:
    better(made.database)
    (item,) = client.get("/api/v1/models").json()["items"]
    assert (item["id"], item["sha256"], item["name"], item["state"]) == (ID, MODEL.digest, "fleet.model", "shadow")
    assert (item["looks"], item["added_at"], item["added_by"]) == (False, format_time(START), "ann")
    assert item["trained_on"] == {
        "start": "2025-01-01T00:00:00Z",
        "end": "2025-12-01T00:00:00Z",
        "devices": 2,
        "readings": 1000,
        "entries": 20,
        "failures": 9,
    }
    assert item["measures"] == {"failures": 10, "warned": 9, "false": 1, "device_months": 20.0}
    review = item["review"]
    assert (review["since"], review["against"]) == (format_time(START), "baseline")
    assert (review["may_promote"], review["reason"]) == (True, "better")
    assert review["shadow"] == {
        "raised": 3,
        "warned": 3,
        "missed": 0,
        "false": 0,
        "nothing_came": 0,
        "pending": 0,
    }
    assert review["other"]["warned"] == 2
    assert review["explanation"]["en"].startswith("better than the baseline")
    assert review["explanation"]["zh"].startswith("优于基线报警")


def test_it_is_promoted_and_retired(made: Site, client: TestClient) -> None:
    better(made.database)
    answer = client.post(f"/api/v1/models/{ID}/promote", json={"note": "it is time"})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["state"], told["review"]) == ("active", None)
    added, promoted = told["actions"]
    assert (added["action"], added["by"], added["note"], added["reason"]) == ("add", "ann", "a try", None)
    assert (promoted["action"], promoted["by"], promoted["note"]) == ("promote", "local", "it is time")
    assert (promoted["forced"], promoted["at"]) == (False, format_time(made.now))
    assert promoted["reason"]["en"].startswith("better than the baseline")
    assert client.post(f"/api/v1/models/{ID}/promote").status_code == 409
    assert client.post(f"/api/v1/models/{ID}/retire").json()["state"] == "retired"
    assert client.post(f"/api/v1/models/{ID}/retire").status_code == 409


def test_it_is_not_promoted_without_evidence_unless_it_is_forced(made: Site, client: TestClient) -> None:
    add(made.database)
    answer = client.post(f"/api/v1/models/{ID}/promote")
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith(f"model {ID} is not promoted: not enough is known yet: 0 of at least 3")
    told = client.post(f"/api/v1/models/{ID}/promote", json={"force": True}).json()
    assert (told["state"], told["actions"][-1]["forced"]) == ("active", True)


def test_a_model_looks_when_the_engine_judges_by_it_in_its_state(made: Site) -> None:
    add(made.database)
    with client_of(replace_deps(made, looking=lambda: (None, MODEL.digest))) as client:
        assert client.get(f"/api/v1/models/{ID}").json()["looks"]
        promoted = client.post(f"/api/v1/models/{ID}/promote", json={"force": True}).json()
        assert (promoted["state"], promoted["looks"]) == ("active", False), "the engine takes it for the shadow still"
    with client_of(replace_deps(made, looking=lambda: (MODEL.digest, None))) as client:
        assert client.get(f"/api/v1/models/{ID}").json()["looks"]


def test_facts_that_are_missing_are_null(made: Site, client: TestClient) -> None:
    model = small_model()
    ModelStore(made.database).add(model, encode(model), "plain", ModelAction(ModelActionKind.ADD, START, ""))
    item = client.get(f"/api/v1/models/{model.digest}").json()
    assert (item["trained_on"], item["measures"], item["added_by"]) == (None, None, "")
    assert client.get(f"/models/{model.digest[:12]}").status_code == 200


@pytest.mark.parametrize("role", Role)
def test_who_may_change_what_looks(made: Site, role: Role) -> None:
    better(made.database)
    access = made.deps().access
    access.add_user("ada", Role.ADMIN, "correct horse", made.now)
    token = access.add_token("bob", role, made.now)
    with client_of(made.deps()) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        assert client.get("/api/v1/models").status_code == 200
        for path in ("/api/v1/models", "/models"):
            for action in ("promote", "retire"):
                answer = client.post(f"{path}/{ID}/{action}", follow_redirects=False)
                assert (answer.status_code == 403) is (role is not Role.ADMIN), f"{path} {action}"


# -- the console -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_shows_both_sides(made: Site, client: TestClient, language: str) -> None:
    assert client.get("/models", params={"lang": language}).status_code == 200
    better(made.database)
    for path in ("/models", f"/models/{ID}"):
        text = client.get(path, params={"lang": language}).text
        parse(text)
        item = client.get("/api/v1/models").json()["items"][0]
        assert escape(item["review"]["explanation"][language]) in text
        assert f'action="/models/{ID}/promote"' in text
        assert escape(risk("c", 302).explanation.en if language == "en" else risk("c", 302).explanation.zh) in text


def test_the_button_promotes(made: Site, client: TestClient) -> None:
    store = better(made.database)
    answer = client.post(f"/models/{ID}/promote", data={"note": "good"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/models")
    assert store.get(ID).state == "active"
    assert store.history(MODEL.digest)[-1].note == "good"
    text = client.get("/models").text
    assert f'action="/models/{ID}/promote"' not in text
    assert client.post(f"/models/{ID}/retire", follow_redirects=False).status_code == 303
    assert client.post(f"/models/{ID}/retire", follow_redirects=False).status_code == 409


def test_a_page_that_is_out_of_date_tells_the_reason(made: Site, client: TestClient) -> None:
    add(made.database)
    assert f'action="/models/{ID}/promote"' not in client.get("/models").text
    answer = client.post(f"/models/{ID}/promote", params={"lang": "zh"}, follow_redirects=False)
    assert answer.status_code == 409
    assert "未能启用：反馈还不够" in answer.text


def test_a_model_that_cannot_be_read_is_told(made: Site, client: TestClient) -> None:
    add(made.database)
    made.degraded["models"] = "model x does not look: its artefact is damaged"
    text = client.get("/models").text
    assert made.degraded["models"] in text
    assert "It does not look at this moment" in text
