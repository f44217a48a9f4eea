"""`GET /stream` over the real web server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import httpx2 as httpx
import orjson
import pytest

from api.access.principal import Role
from api.app import create_app
from api.hub import Topic
from api.routes import stream as stream_route
from ingest.errors import RetryableError
from ingest.reading import ReadingBatch
from tests.api.conftest import Serve
from tests.api.harness import MINUTE, Site
from tests.waiting import wait_until


@contextmanager
def listening(made: Site, url: str, **headers: str) -> Iterator[Iterator[tuple[str, dict[str, object], str | None]]]:
    """(event, data, id) of a stream, from the moment the hub knows the client."""
    before = made.hub.clients
    with httpx.Client(timeout=20) as client, client.stream("GET", url, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        wait_until(lambda: made.hub.clients > before, "the hub knows the client")
        yield events(answer.iter_lines())
    wait_until(lambda: made.hub.clients <= before, "the hub forgot the client")


def events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, object], str | None]]:
    """Server-sent events, by the specification."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield fields["event"], orjson.loads(fields["data"]), fields.get("id")
            fields = {}


def cool_down(made: Site, minutes: int = 0) -> None:
    made.feed(ReadingBatch.of([0], [made.now + minutes * MINUTE], [45.0]))


def test_what_the_engine_sees_and_what_people_do(made: Site, serve: Serve) -> None:
    base = serve(create_app(made.deps()))
    with listening(made, f"{base}/api/v1/stream") as stream:
        cool_down(made)
        seen = [next(stream), next(stream)]
        assert [(event, data["device"]) for event, data, _ in seen] == [("alert", "pump-1"), ("reading", "pump-1")]
        alert = seen[0][1]
        assert (alert["state"], alert["change"]) == ("returned", "updated")
        assert alert["explanation"] == {
            "en": "temperature 65 °C is above the limit of 60 °C",
            "zh": "温度 65 °C 高于限值 60 °C",
        }
        assert seen[1][1]["value"] == 45.0
        httpx.post(f"{base}/api/v1/alerts/{alert['id']}/acknowledge", json={"note": ""}).raise_for_status()
        event, data, _ = next(stream)
        assert (event, data["state"], data["change"]) == ("alert", "cleared", "acknowledged")
        httpx.post(f"{base}/api/v1/work-orders/{alert['work_order']}/advance").raise_for_status()
        event, data, _ = next(stream)
        assert (event, data["stage"], data["change"]) == ("work_order", "assignment", "advanced")


def test_a_choice_of_topics_and_devices(made: Site, serve: Serve) -> None:
    base = serve(create_app(made.deps()))
    with (
        listening(made, f"{base}/api/v1/stream?topic=reading&site=plant&device=pump-1") as of_pump,
        listening(made, f"{base}/api/v1/stream?topic=reading&device=fan-1") as of_fan,
    ):
        number = made.registry.series("plant", "fan-1", "speed")
        cool_down(made)
        made.feed(ReadingBatch.of([number], [made.now], [900.0]))
        assert [data["device"] for _, data, _ in (next(of_pump), next(of_fan))] == ["pump-1", "fan-1"]


def test_coming_back(made: Site, serve: Serve) -> None:
    base = serve(create_app(made.deps()))
    url = f"{base}/api/v1/stream?topic=alert"
    with listening(made, url) as stream:
        cool_down(made)
        _, _, last = next(stream)
        assert last
    (alert,) = httpx.get(f"{base}/api/v1/alerts").json()["items"]
    httpx.post(f"{base}/api/v1/alerts/{alert['id']}/close").raise_for_status()
    with listening(made, url, **{"Last-Event-ID": last}) as stream:
        event, data, _ = next(stream)
        assert (event, data["state"]) == ("alert", "closed")
    with listening(made, url, **{"Last-Event-ID": "of another life"}) as stream:
        assert next(stream)[0] == Topic.RESYNC


def test_the_end_of_the_service_ends_the_streams(made: Site, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_route, "CHECK_EVERY_S", 60.0)
    base = serve(create_app(made.deps()))
    with listening(made, f"{base}/api/v1/stream") as stream:
        timer = threading.Timer(0.2, made.hub.close)
        timer.start()
        begun = monotonic()
        assert list(stream) == []
        assert monotonic() - begun < stream_route.CHECK_EVERY_S, (
            "not only when it is asked again whether the listener may listen"
        )
        timer.join()


def test_a_client_that_left_is_forgotten(made: Site, serve: Serve) -> None:
    base = serve(create_app(made.deps()))
    with listening(made, f"{base}/api/v1/stream"):
        assert made.hub.clients == 1
    assert made.hub.clients == 0


def test_a_token_that_is_revoked_ends_its_stream(made: Site, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_route, "CHECK_EVERY_S", 0.1)
    access = made.deps().access
    access.add_user("ada", Role.ADMIN, "correct horse", made.now)
    token = access.add_token("ada", None, made.now)
    base = serve(create_app(made.deps()))
    assert httpx.get(f"{base}/api/v1/stream").status_code == 401
    with listening(made, f"{base}/api/v1/stream", Authorization=f"Bearer {token}") as stream:
        cool_down(made)
        assert next(stream)[0] == "alert"
        access.remove_user("ada")
        access.add_user("bob", Role.ADMIN, "correct horse", made.now)
        assert [event for event, _, _ in stream] in (["reading"], [])


def test_a_database_that_is_away_ends_no_stream(made: Site, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_route, "CHECK_EVERY_S", 0.05)
    asked = []

    def away(_store: object) -> bool:
        asked.append("whether there is a user")
        raise RetryableError("database: away")

    base = serve(create_app(made.deps()))
    with listening(made, f"{base}/api/v1/stream?topic=alert") as stream:
        monkeypatch.setattr("api.access.store.AccessStore.any_user", away)
        wait_until(lambda: len(asked) > 1, "it was asked again whether the listener may listen")
        cool_down(made)
        assert next(stream)[0] == "alert"


def test_too_many(made: Site, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.hub.MOST_CLIENTS", 0)
    answer = httpx.get(f"{serve(create_app(made.deps()))}/api/v1/stream")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert answer.headers["content-type"] == "application/problem+json"
