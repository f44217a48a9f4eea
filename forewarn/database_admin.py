"""Brings the SQL database to the revision that this release needs, and says whether it is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from ingest.database import NOT_CURRENT, is_sqlite, make_engine, translated
from ingest.errors import IngestError, InputError, RejectedError

LOCK = 0x666F7265
"""Key of the advisory lock that keeps two upgrades of one PostgreSQL database apart ("fore")."""
_SCRIPTS = Path(__file__).parent / "migrations"


def upgrade(engine: sa.Engine) -> str:
    """Bring the database to the newest revision, all or nothing; its id.

    Raises InputError if it is at a revision that this release does not know, RejectedError if it is damaged or does not
    allow it, RetryableError when it is away.
    """
    if is_sqlite(engine):
        _create_private(Path(str(engine.url.database)))
    try:
        with _migrating(engine) as config:
            command.upgrade(config, "head")
    except CommandError as error:
        raise InputError(f"the database is from a newer release of Forewarn than this one: {error}") from error
    except RejectedError as error:
        raise RejectedError(f"{engine.url.render_as_string()}: {error}") from error
    return newest()


def is_current(engine: sa.Engine) -> bool:
    """Whether the database is at the newest revision. Raises RetryableError when it is away."""
    with translated(), engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest()


def newest() -> str:
    """The id of the newest revision."""
    head = ScriptDirectory(str(_SCRIPTS)).get_current_head()
    assert head is not None
    return head


def open_database(url: str) -> sa.Engine:
    """An engine for `url` whose database is ready for use: our own SQLite is upgraded, PostgreSQL must be already.

    Raises InputError if it is not or `url` is of no use, RetryableError when the database is away.
    """
    engine = make_engine(url)
    try:
        if is_sqlite(engine):
            upgrade(engine)
        elif not is_current(engine):
            raise InputError(NOT_CURRENT)
    except IngestError:
        engine.dispose()
        raise
    return engine


@contextmanager
def _migrating(engine: sa.Engine) -> Iterator[Config]:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    with translated(), engine.execution_options(writes=True).begin() as connection:
        if not is_sqlite(engine):
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql("SET LOCAL lock_timeout = '60s'")
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        config.attributes["connection"] = connection
        yield config


def _create_private(path: Path) -> None:
    """A SQLite file holds password hashes: only its owner reads it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: the database cannot be made: {error.strerror}") from error
