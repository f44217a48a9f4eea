"""docs/api.md speaks of every resource that there is."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"


def test_every_route_is_documented(looking: TestClient) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    paths = looking.get("/openapi.json").json()["paths"]
    words = {path: path.removeprefix("/api/v1") for path in paths}
    assert [
        path for path, word in words.items() if word not in text and f"`/{word.rsplit('/', 1)[1]}`" not in text
    ] == []
