import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ingest import database
from ingest.database import Base, make_engine, reading, upsert, writing
from ingest.errors import InputError, RejectedError, RetryableError
from tests.servers.ports import free_port
from tests.servers.postgresql import PostgreSQL


class Box(Base):
    """A table of this test alone."""

    __tablename__ = "test_box"
    __table_args__ = {"info": {"test": True}}  # noqa: RUF012

    name: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[str | None]
    size: Mapped[int]


# The tables of a test are no part of the database that migrations make.
Base.metadata.remove(Box.__table__)  # type: ignore[arg-type]


@pytest.fixture
def boxes(database_url: str) -> Iterator[sa.Engine]:
    engine = make_engine(database_url)
    with engine.execution_options(writes=True).begin() as connection:
        Box.__table__.create(connection)  # type: ignore[attr-defined]
    yield engine
    engine.dispose()


def sizes(engine: sa.Engine) -> dict[str, int]:
    with reading(engine) as session:
        return {box.name: box.size for box in session.scalars(sa.select(Box))}


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        pytest.param("nonsense", "not a SQLAlchemy URL", id="no URL"),
        pytest.param("", "not a SQLAlchemy URL", id="empty"),
        pytest.param("postgresql://host:port/db", "not a SQLAlchemy URL", id="a port that is none"),
        pytest.param("mongodb://host/db", "not a SQLAlchemy URL", id="no SQL database"),
        pytest.param("mysql://host/db", "'mysql' is not supported", id="another database"),
        pytest.param("postgresql+psycopg2://host/db", "'postgresql\\+psycopg2' is not supported", id="another driver"),
        pytest.param("sqlite://", "needs a file", id="SQLite in memory"),
        pytest.param("sqlite:///:memory:", "needs a file", id="SQLite in memory, spelt out"),
    ],
)
def test_urls_of_no_use(url: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as error:
        make_engine(url)
    assert str(error.value).startswith("database.url: ")
    assert "\n" not in str(error.value)


def test_a_bad_url_does_not_give_away_its_password() -> None:
    with pytest.raises(InputError) as error:
        make_engine("mysql://user:hunter2@host/db")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("url", ["postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d?connect_timeout=1"])
def test_postgresql_goes_through_psycopg(url: str) -> None:
    assert make_engine(url).dialect.driver == "psycopg"


def test_what_is_written_is_there_and_what_fails_is_not(boxes: sa.Engine) -> None:
    with writing(boxes) as session:
        session.add(Box(name="a", content=None, size=2**62))

    def fail() -> None:
        with writing(boxes) as session:
            session.add(Box(name="b", content="", size=1))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert sizes(boxes) == {"a": 2**62}


def test_upsert_inserts_and_replaces(boxes: sa.Engine) -> None:
    rows = [{"name": f"box-{n}", "content": None, "size": n} for n in range(2_000)]
    with writing(boxes) as session:
        upsert(session, Box, rows)
        upsert(session, Box, [{"name": "box-7", "content": "new", "size": 70}, {"name": "x", "content": "", "size": 0}])
        upsert(session, Box, [])
    found = sizes(boxes)
    assert len(found) == 2_001
    assert (found["box-7"], found["box-8"], found["x"]) == (70, 8, 0)


def test_texts_that_postgresql_refuses_are_made_fit(boxes: sa.Engine) -> None:
    with writing(boxes) as session:
        session.add(Box(name="振动", content="a\0b\ud800c \U0001f600", size=0))
    with reading(boxes) as session:
        assert session.get_one(Box, "振动").content == "a\ufffdb\ufffdc \U0001f600"


def test_breaking_a_rule_of_the_table_is_retryable_for_another_writer_was_first(boxes: sa.Engine) -> None:
    with writing(boxes) as session:
        session.add(Box(name="a", content=None, size=1))
    with pytest.raises(RetryableError, match="database: "), writing(boxes) as session:
        session.add(Box(name="a", content=None, size=2))


def test_what_the_server_does_not_take_is_rejected(postgres_url: str) -> None:
    engine = make_engine(postgres_url)
    with pytest.raises(RejectedError, match="database: division by zero"), writing(engine) as session:
        session.execute(sa.text("SELECT 1 / 0"))
    engine.dispose()


@pytest.mark.parametrize("statement", ["SELECT * FROM test_box", "SELECT no_such_column FROM pg_class"])
def test_what_is_not_there_yet_names_the_command_that_makes_it(postgres_url: str, statement: str) -> None:
    engine = make_engine(postgres_url)
    with pytest.raises(RetryableError, match="run `forewarn db upgrade`"), reading(engine) as session:
        session.execute(sa.text(statement))
    engine.dispose()


def test_two_writers_that_read_first_both_succeed(boxes: sa.Engine) -> None:
    with writing(boxes) as session:
        session.add(Box(name="counter", content=None, size=0))
    barrier, errors = threading.Barrier(4, timeout=60), []

    def count() -> None:
        barrier.wait()
        for _ in range(10):
            try:
                with writing(boxes) as session:
                    session.get_one(Box, "counter", with_for_update=True).size += 1
            except Exception as error:  # noqa: BLE001  the assertion below shows it
                errors.append(error)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert sizes(boxes) == {"counter": 40}


def test_sqlite_takes_a_write_ahead_log_only_where_it_is_sound(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    engine.dispose()
    sound = sqlite3.sqlite_version_info >= (3, 51, 3)
    assert settings == {
        "journal_mode": "wal" if sound else "delete",
        "foreign_keys": 1,
        "synchronous": 2,
        "busy_timeout": 10_000,
    }


def test_a_database_that_somebody_else_keeps_locked_is_retryable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.2)
    path = tmp_path / "x.db"
    engine = make_engine(f"sqlite:///{path}")
    with engine.connect():
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(RetryableError, match="database is locked"), writing(engine) as session:
            session.execute(sa.select(1))
    engine.dispose()


def test_a_server_that_is_not_there_is_retryable_and_its_password_stays_secret() -> None:
    engine = make_engine(f"postgresql+psycopg://user:hunter2@127.0.0.1:{free_port()}/db")
    with pytest.raises(RetryableError, match="database: ") as error, reading(engine) as session:
        session.execute(sa.select(1))
    assert "hunter2" not in str(error.value)


def test_a_server_that_restarts_is_found_again(own_postgresql: PostgreSQL) -> None:
    engine = make_engine(own_postgresql.url())
    with reading(engine) as session:
        assert session.scalar(sa.select(1)) == 1
    own_postgresql.kill()
    with pytest.raises(RetryableError), reading(engine) as session:
        session.scalar(sa.select(1))
    own_postgresql.start()
    with reading(engine) as session:
        assert session.scalar(sa.select(1)) == 1
    engine.dispose()


def test_a_lock_that_is_never_given_up_is_retryable(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(database._POSTGRESQL_SETTINGS, "lock_timeout", "200ms")
    engine = make_engine(postgres_url)
    with engine.begin() as connection:
        Box.__table__.create(connection)  # type: ignore[attr-defined]
        connection.execute(sa.insert(Box).values(name="a", content=None, size=1))
    began = time.monotonic()
    with writing(engine) as holder:
        holder.get_one(Box, "a", with_for_update=True)
        with pytest.raises(RetryableError, match="lock timeout"), writing(engine) as session:
            session.get_one(Box, "a", with_for_update=True)
    assert time.monotonic() - began < 10
    engine.dispose()
