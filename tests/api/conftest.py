"""Fixtures of the API tests: a site of its own for every test, and a plant that is only looked at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.deps import Deps
from ingest.reading import ReadingBatch
from ingest.registry import Criticality, Device, Metric, UnitState
from models.detectors.limits import LimitRule
from tests.api.harness import MINUTE, Site, site
from tests.api.people import act
from tests.api.plant import LIMITS, fill
from tests.servers.ports import free_port
from tests.waiting import wait_until

BASE = "http://127.0.0.1:8000"
HOT = (LimitRule("temperature", "high", high=60.0, hysteresis=2.0), LimitRule("humidity", "medium", high=90.0))


def client_of(deps: Deps, base: str = BASE, peer: str = "127.0.0.1") -> TestClient:
    """A client of the API over these parts, with its Host and its address."""
    return TestClient(create_app(deps), base_url=base, client=(peer, 50_000), raise_server_exceptions=False)


def replace_deps(made: Site, **parts: Any) -> Deps:
    """The parts of a site, some of them others."""
    return replace(made.deps(), **parts)


@contextmanager
def hot_site(folder: Path) -> Iterator[Site]:
    """A site with one device whose temperature has just gone over its limit: an alert, and a work order."""
    with site(folder, limits=HOT) as one:
        one.registry.put_device(Device("plant", "pump-1", "pump", Criticality.HIGH, title="Feed pump"))
        for metric, unit in (("temperature", "°C"), ("humidity", "%")):
            one.registry.put_metric("plant", "pump-1", Metric(metric, unit, UnitState.KNOWN, unit))
        for minute, value in enumerate((41.0, 42.0, 65.0)):
            one.feed(ReadingBatch.of([0, 1], [one.now - (3 - minute) * MINUTE] * 2, [value, 50.0]))
        yield one


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Site]:
    """A hot site of the test's own."""
    with hot_site(tmp_path) as one:
        yield one


@pytest.fixture
def client(made: Site) -> Iterator[TestClient]:
    """A client of that site, on this machine, while there is no user."""
    with client_of(made.deps()) as one:
        yield one


@pytest.fixture(scope="session")
def looking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of a hot site that is shared: for tests that change nothing."""
    with hot_site(tmp_path_factory.mktemp("hot")) as one, client_of(one.deps()) as client:
        yield client


@pytest.fixture(scope="session")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The plant with its troubles; nobody may change it."""
    with site(tmp_path_factory.mktemp("plant"), limits=LIMITS) as one:
        fill(one)
        act(one)
        yield one


@pytest.fixture(scope="session")
def plant_client(plant: Site) -> Iterator[TestClient]:
    """A client of the plant."""
    with client_of(plant.deps()) as one:
        yield one


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve an app on a loopback port with the real web server; gives the base address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=3))
    thread = threading.Thread(target=server.run, name="web server")
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive(), "the web server has started", 30)
        assert server.started, f"nothing is served on port {port}"
        yield f"http://127.0.0.1:{port}"
    finally:
        app.state.deps.hub.close()
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive(), "the web server did not end"


Serve = Callable[[FastAPI], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves apps as long as the test runs."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(serving(app))
