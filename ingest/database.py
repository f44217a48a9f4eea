"""The SQL database of registry, alerts, orders and users: tables' base, engines and transactions, SQLite or PostgreSQL.

Every stage keeps its own tables; all are described on `Base.metadata` and made by `forewarn.migrations`. What leaves
this file are our exceptions, never the library's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Session
from sqlalchemy.pool import ConnectionPoolEntry

from ingest.errors import InputError, RejectedError, RetryableError

BUSY_TIMEOUT_S = 10
"""How long a writer waits for another one before the database counts as busy."""
STATEMENT_TIMEOUT_MS = 30_000
WAL_IS_SOUND = sqlite3.sqlite_version_info >= (3, 51, 3)
"""SQLite before 3.51.3 can corrupt a database when a write-ahead log is reset (https://sqlite.org/wal.html)."""

NOT_CURRENT = "the database is not at the revision of this release: run `forewarn db upgrade`"
_OF_ANOTHER_RELEASE = frozenset({"42P01", "42703"})
"""What PostgreSQL says of a table and of a column that is not there."""
_POSTGRESQL_SETTINGS = {
    "lock_timeout": f"{BUSY_TIMEOUT_S}s",
    "statement_timeout": f"{STATEMENT_TIMEOUT_MS}ms",
    "idle_in_transaction_session_timeout": "60s",
}
_POOL = {"pool_size": 10, "max_overflow": 30, "pool_timeout": BUSY_TIMEOUT_S}
"""As many connections as FastAPI has threads (40): a request never waits for another one's."""


class Text(sa.TypeDecorator[str]):
    """Text that every database takes: NUL characters and lone surrogates become U+FFFD."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        """Replace what PostgreSQL refuses."""
        if value is None:
            return None
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Base(DeclarativeBase):
    """The base of all tables. Times are 64-bit integers, ns UTC."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {int: sa.BigInteger(), str: Text(), dict[str, Any]: sa.JSON()}  # noqa: RUF012


def make_engine(url: str) -> sa.Engine:
    """An engine for that SQLAlchemy URL; connects to nothing yet. Raises InputError if the URL is of no use."""
    address = _parse(url)
    if address.get_backend_name() == "sqlite":
        return _sqlite(address)
    options = " ".join(f"-c {name}={value}" for name, value in _POSTGRESQL_SETTINGS.items())
    arguments = {"options": options, "connect_timeout": 5, "keepalives_idle": 30, "tcp_user_timeout": 30_000}
    arguments = {name: value for name, value in arguments.items() if name not in address.query}
    return sa.create_engine(address, connect_args=arguments, pool_pre_ping=True, **_JSON, **_POOL)


def is_sqlite(engine: sa.Engine) -> bool:
    """Whether the database is a SQLite file of our own."""
    return engine.dialect.name == "sqlite"


@contextmanager
def reading(engine: sa.Engine) -> Iterator[Session]:
    """A transaction that only reads. Raises RetryableError when the database is away."""
    with translated(), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def writing(engine: sa.Engine) -> Iterator[Session]:
    """A transaction that writes, committed at the end of the block; on SQLite its first statement takes the write lock.

    Raises RetryableError when the database is away or busy, or another writer was first.
    """
    writer = engine.execution_options(writes=True)
    with translated(), Session(writer, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def translated() -> Iterator[None]:
    """Turn the library's exceptions into RetryableError and RejectedError, each with the database's own words.

    Tables that are not there yet are worth another try: somebody will upgrade the database.
    """
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.IntegrityError, sa.exc.TimeoutError) as error:
        raise RetryableError(f"database: {_words(error)}") from error
    except sa.exc.DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in _OF_ANOTHER_RELEASE:
            raise RetryableError(NOT_CURRENT) from error
        kind = RetryableError if error.connection_invalidated else RejectedError
        raise kind(f"database: {_words(error)}") from error


def upsert(session: Session, table: type[Base], rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows, or replace those that are there, by primary key; each row has every column."""
    if not rows:
        return
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(table)
    columns = statement.excluded
    keys = sa.inspect(table).primary_key
    update = {column.name: column for column in columns if column.name not in {key.name for key in keys}}
    session.connection().execute(statement.on_conflict_do_update(index_elements=keys, set_=update), rows)


def holds(
    text: str,
    columns: Iterable[InstrumentedAttribute[Any]],
    key: Sequence[InstrumentedAttribute[Any]],
    called: Sequence[tuple[str, ...]],
) -> sa.ColumnElement[bool]:
    """Whether a column holds that text, whatever the case of its Latin letters, or `key` is one of those `called`."""
    held = (column.icontains(text, autoescape=True) for column in columns)
    return sa.or_(*held, sa.tuple_(*key).in_(list(called)))


def _words(error: sa.exc.SQLAlchemyError) -> str:
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]


def _dumps(value: object) -> str:
    """JSON without NaN and infinity, which PostgreSQL refuses: they become null."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()


_JSON: dict[str, Any] = {"json_serializer": _dumps, "json_deserializer": orjson.loads}


def _parse(url: str) -> URL:
    try:
        address = make_url(url)
        dialect = address.get_dialect()
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ValueError) as error:
        raise InputError(f"database.url: not a SQLAlchemy URL such as {_EXAMPLES}") from error
    if (dialect.name, dialect.driver) not in {("sqlite", "pysqlite"), ("postgresql", "psycopg")}:
        raise InputError(f"database.url: {address.drivername!r} is not supported, only {_EXAMPLES}")
    if dialect.name == "sqlite" and address.database in {None, "", ":memory:"}:
        raise InputError("database.url: a SQLite database needs a file: sqlite:////path/to/forewarn.db")
    return address


_EXAMPLES = "'sqlite:////path/forewarn.db' or 'postgresql+psycopg://user:password@host/forewarn'"


def _sqlite(address: URL) -> sa.Engine:
    engine = sa.create_engine(address, connect_args={"timeout": BUSY_TIMEOUT_S}, **_JSON, **_POOL)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver begins no transaction of its own; `_begin_sqlite` does
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA journal_mode = {'WAL' if WAL_IS_SOUND else 'DELETE'}")
    connection.execute("PRAGMA synchronous = FULL")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later cannot wait for the lock: SQLite refuses it at once as busy.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
