"""The SQL databases as fixtures: every test that asks for `engine` runs on SQLite and on real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from forewarn.database_admin import upgrade
from ingest.database import make_engine
from ingest.registry import Registry
from ingest.registry_store import RegistryStore

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)]


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'forewarn.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """A database with all tables."""
    engine = make_engine(database_url)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """A SQLite database with all tables, for what does not depend on the database."""
    engine = make_engine(f"sqlite:///{tmp_path / 'forewarn.db'}")
    upgrade(engine)
    yield engine
    engine.dispose()


def load_registry(engine: sa.Engine) -> Registry:
    """A registry of everything that is kept."""
    registry = Registry()
    RegistryStore(engine).load(registry)
    return registry
