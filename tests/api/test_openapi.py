"""The description of the API is complete, and the API does what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import CheckFunction, GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from api.access.principal import Role
from api.app import create_app
from tests.api.conftest import hot_site, serving

METHODS = {"get", "put", "post", "patch", "delete"}
CONTRACT = {
    "/healthz": {"get"},
    "/readyz": {"get"},
    "/metrics": {"get"},
    "/api/v1/devices": {"get"},
    "/api/v1/devices/{site}/{device}": {"get", "put", "patch", "delete"},
    "/api/v1/devices/{site}/{device}/retire": {"post"},
    "/api/v1/devices/{site}/{device}/unretire": {"post"},
    "/api/v1/readings": {"get"},
    "/api/v1/scores": {"get"},
    "/api/v1/telemetry": {"post"},
    "/api/v1/events": {"get", "post"},
    "/api/v1/alerts": {"get"},
    "/api/v1/reports/alarm-health": {"get"},
    "/api/v1/reports/service": {"get"},
    "/api/v1/alerts/{id}": {"get"},
    "/api/v1/alerts/{id}/acknowledge": {"post"},
    "/api/v1/alerts/{id}/close": {"post"},
    "/api/v1/alerts/{id}/feedback": {"post"},
    "/api/v1/alerts/{id}/shelve": {"post"},
    "/api/v1/alerts/{id}/unshelve": {"post"},
    "/api/v1/work-orders": {"get"},
    "/api/v1/work-orders/{number}": {"get"},
    "/api/v1/work-orders/{number}/assign": {"post"},
    "/api/v1/work-orders/{number}/advance": {"post"},
    "/api/v1/work-orders/{number}/note": {"post"},
    "/api/v1/work-orders/{number}/pause": {"post"},
    "/api/v1/work-orders/{number}/resume": {"post"},
    "/api/v1/work-orders/{number}/close": {"post"},
    "/api/v1/work-orders/{number}/reopen": {"post"},
    "/api/v1/work-orders/{number}/ratings": {"post"},
    "/api/v1/work-orders/{number}/complaints": {"post"},
    "/api/v1/work-orders/{number}/customer-link": {"post"},
    "/api/v1/work-orders/{number}/customer-link/revoke": {"post"},
    "/api/v1/work-orders/{number}/complaints/{id}/close": {"post"},
    "/api/v1/models": {"get"},
    "/api/v1/models/{id}": {"get"},
    "/api/v1/models/{id}/promote": {"post"},
    "/api/v1/models/{id}/retire": {"post"},
    "/api/v1/rejects": {"get"},
    "/api/v1/rejects/try": {"post"},
    "/api/v1/rejects/replay": {"post"},
    "/api/v1/rejects/{id}": {"get"},
    "/api/v1/rejects/{id}/try": {"post"},
    "/api/v1/rejects/{id}/replay": {"post"},
    "/api/v1/stream": {"get"},
    "/api/v1/session": {"get", "post", "delete"},
    "/api/v1/users": {"get", "post"},
    "/api/v1/users/{name}": {"delete"},
    "/api/v1/tokens": {"get", "post"},
    "/api/v1/tokens/{id}": {"delete"},
}
"""What this release serves; the contract's other resources come with their releases."""
EXAMPLES = 10


@pytest.fixture(scope="module")
def document(looking: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = looking.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_resource_of_this_release_and_no_other(document: dict[str, Any]) -> None:
    assert {path: methods.keys() & METHODS for path, methods in document["paths"].items()} == CONTRACT


def test_every_operation_says_what_it_answers(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        responses = operation["responses"]
        assert "500" in responses, where
        good = [status for status in responses if status < "300"]
        assert good, where
        for status in good:
            if status != "204" and path not in ("/metrics", "/api/v1/stream"):
                assert "$ref" in str(responses[status]["content"]["application/json"]["schema"]), where
        if path.startswith("/api/v1"):
            assert {"401", "403"} <= responses.keys(), where


def test_every_error_is_problem_details(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400" and path != "/readyz":
                assert list(response["content"]) == ["application/problem+json"], f"{method} {path} {status}"
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    schemas = document["components"]["schemas"]
    found = set(references(document))
    assert found
    assert {name for ref in found if (name := ref.removeprefix("#/components/schemas/")) not in schemas} == set()


def test_no_page_loads_its_looks_from_elsewhere(looking: TestClient) -> None:
    for path in ("/docs", "/redoc"):
        assert looking.get(path).status_code == 404


# -- generated requests ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    """The description of a served site with users, and a token to come in with."""
    with hot_site(tmp_path_factory.mktemp("described")) as made:
        access = made.deps().access
        access.add_user("ada", Role.ADMIN, "correct horse", made.now)
        token = access.add_token("ada", None, made.now)
        app: FastAPI = create_app(made.deps())
        with serving(app) as base:
            schema = schemathesis.openapi.from_dict(app.openapi())
            schema.config.update(base_url=base, headers={"Authorization": f"Bearer {token}"})
            yield schema


OPERATIONS = [(path, method) for path in CONTRACT for method in CONTRACT[path] if path != "/api/v1/stream"]


@pytest.mark.parametrize(("path", "method"), sorted(OPERATIONS))
def test_generated_requests(described: schemathesis.BaseSchema, path: str, method: str) -> None:
    """Valid and invalid requests alike are answered as the description says, and never by a server error."""
    operation = described[path][method.upper()]

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(data=st.data())
    def answered_as_described(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        excluded: list[CheckFunction] = [positive_data_acceptance]
        if path in {"/api/v1/telemetry", "/api/v1/events"}:  # each takes the good part of what it is given
            excluded.append(negative_data_rejection)
        case.call_and_validate(timeout=20, excluded_checks=excluded)

    answered_as_described()
