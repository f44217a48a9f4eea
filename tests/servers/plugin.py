"""The fixtures of real servers, each started on first use.

A plain name (`mosquitto`, `influxdb`, `victoria`, `postgresql`) is one server for the whole run of a worker: take fresh
topics and databases there. An `own_` name is a server for one test, which may kill and restart it.

`page` is a page of Chromium, `browser` the Chromium of one test file (`browser.SCREENSHOTS` is where pictures go).
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from playwright.sync_api import Browser, Page

from tests.servers.browser import launched, watched_page
from tests.servers.influxdb import Database, InfluxDB
from tests.servers.mosquitto import Mosquitto
from tests.servers.postgresql import PostgreSQL
from tests.servers.process import Server
from tests.servers.victoria import VictoriaMetrics

S = TypeVar("S", bound=Server)

SERVERS = {"mosquitto", "influxdb", "victoria", "postgresql"}
BROWSERS = {"browser", "page"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for a server or a browser, so that nobody forgets to."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & (SERVERS | {f"own_{name}" for name in SERVERS}):
            item.add_marker(pytest.mark.integration)
        if fixtures & BROWSERS:
            item.add_marker(pytest.mark.browser)


@contextmanager
def server_folder() -> Iterator[Path]:
    """A short path that other users may enter (pytest's own folders are private and long)."""
    folder = Path(tempfile.mkdtemp(prefix="forewarn-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def running(kind: type[S]) -> Iterator[S]:
    with server_folder() as folder, kind(folder) as server:
        yield server


@pytest.fixture
def unique_name() -> str:
    """A name that no other test uses: for a site, a topic, a client id, a database."""
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def mosquitto() -> Iterator[Mosquitto]:
    with running(Mosquitto) as server:
        yield server


@pytest.fixture
def own_mosquitto() -> Iterator[Mosquitto]:
    with running(Mosquitto) as server:
        yield server


@pytest.fixture(scope="session")
def influxdb() -> Iterator[InfluxDB]:
    with running(InfluxDB) as server:
        yield server


@pytest.fixture
def own_influxdb() -> Iterator[InfluxDB]:
    with running(InfluxDB) as server:
        yield server


@pytest.fixture
def influx_database(influxdb: InfluxDB, unique_name: str) -> Iterator[Database]:
    """A fresh, empty database of the 1.x server."""
    with influxdb.database(unique_name) as database:
        yield database


@pytest.fixture(params=["debian", "named"] if "FOREWARN_TEST_INFLUX_URL" in os.environ else ["debian"])
def influx_target(request: pytest.FixtureRequest, unique_name: str) -> Iterator[Database]:
    """Where the store's tests write: Debian's server, and another one where the environment names it.

    That is FOREWARN_TEST_INFLUX_URL, with FOREWARN_TEST_INFLUX_ORG and FOREWARN_TEST_INFLUX_TOKEN. Debian's database
    exists and is fresh; on the named server the name is fresh and the store makes the bucket.
    """
    if request.param == "debian":
        server: InfluxDB = request.getfixturevalue("influxdb")
        with server.database(unique_name) as database:
            yield database
        return
    url, org, token = (os.environ.get(f"FOREWARN_TEST_INFLUX_{name}", "") for name in ("URL", "ORG", "TOKEN"))
    yield Database(url, unique_name, org, token)


@pytest.fixture(scope="session")
def victoria() -> Iterator[VictoriaMetrics]:
    with running(VictoriaMetrics) as server:
        yield server


@pytest.fixture
def own_victoria() -> Iterator[VictoriaMetrics]:
    with running(VictoriaMetrics) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with running(PostgreSQL) as server:
        yield server


@pytest.fixture
def own_postgresql() -> Iterator[PostgreSQL]:
    with running(PostgreSQL) as server:
        yield server


@pytest.fixture
def postgres_url(postgresql: PostgreSQL) -> Iterator[str]:
    """The SQLAlchemy URL of a fresh, empty database."""
    with postgresql.database() as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with watched_page(browser) as found:
        yield found
