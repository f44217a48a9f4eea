"""What docs/api.md and docs/console.md say is so."""

import re
from pathlib import Path

import orjson
import pytest
from fastapi.testclient import TestClient

from api.access.principal import Role
from api.hub import MOST_CLIENTS, REMEMBERED, Topic
from api.publish import MOST_READINGS
from api.routes.intake import MOST_TOLD
from api.web.chart import MOST_POINTS, STANDS_OUT
from ingest.paging import DEFAULT_LIMIT, MAX_LIMIT

DOCS = Path(__file__).parents[2] / "docs"
API = (DOCS / "api.md").read_text(encoding="utf-8")
CONSOLE = (DOCS / "console.md").read_text(encoding="utf-8")


def test_every_resource_is_named(looking: TestClient) -> None:
    for path in looking.get("/openapi.json").json()["paths"]:
        start = path.removeprefix("/api/v1").split("/{")[0]
        assert start in API, path
        for action in re.findall(r"/([a-z]+)$", path):
            assert action in API, path


def test_every_path_that_is_named_is_there(looking: TestClient) -> None:
    described = looking.get("/openapi.json").json()["paths"].keys() | {"/openapi.json"}
    named = re.findall(r"`(?:GET|POST|PUT|PATCH|DELETE) (/[a-z0-9/{}._-]+)", API)
    assert len(named) > 12
    assert [path for path in named if path not in described] == []


def test_the_numbers_are_right() -> None:
    flat = API.replace("\n", " ")
    for number in (DEFAULT_LIMIT, MAX_LIMIT, MOST_TOLD):
        assert f"{number:,}".replace(",", " ") in flat
    assert f"up to {REMEMBERED} of" in flat
    assert f"{MOST_CLIENTS} streams" in flat
    assert f"of {MOST_READINGS} series" in flat
    assert f"{MOST_POINTS:,}".replace(",", " ") in CONSOLE
    assert f"p ≤ {STANDS_OUT:.4f}" in CONSOLE


def test_roles_and_events_are_told() -> None:
    for role in Role:
        assert f"| `{role}` |" in API
    for topic in Topic:
        assert f"| `{topic}` |" in API


@pytest.mark.parametrize("example", re.findall(r"```json\n(.*?)```", API, flags=re.DOTALL))
def test_the_examples_are_taken(looking: TestClient, example: str) -> None:
    answer = looking.post("/api/v1/telemetry", json=orjson.loads(example))
    assert answer.json() == {"accepted": 2, "rejected": []}


def test_every_page_is_told(looking: TestClient) -> None:
    for path in ("/", "/devices/plant/pump-1", "/alerts", "/work-orders"):
        assert looking.get(path).status_code == 200
    assert all(f"`{path}`" in CONSOLE for path in ("/", "/devices/{site}/{device}", "/alerts", "/work-orders"))
