import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from alerts.model_store import ModelRow
from forewarn import database_admin
from forewarn.database_admin import is_current, newest, open_database, upgrade
from forewarn.migrations.tables import METADATA, TABLES
from ingest.database import is_sqlite, make_engine
from ingest.errors import InputError, RejectedError, RetryableError
from tests.servers.ports import free_port


@pytest.fixture
def empty(database_url: str) -> Iterator[sa.Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def tables(engine: sa.Engine) -> set[str]:
    return set(sa.inspect(engine).get_table_names())


def test_the_revisions_make_exactly_the_tables_that_the_code_describes(empty: sa.Engine) -> None:
    upgrade(empty)
    with empty.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []
    assert tables(empty) == {table.__tablename__ for table in TABLES} | {"alembic_version"}
    assert set(METADATA.tables) == {table.__tablename__ for table in TABLES}


def test_the_partial_unique_index_is_the_one_that_the_code_describes(empty: sa.Engine) -> None:
    # Alembic does not compare the condition of a partial index.
    upgrade(empty)
    [index] = [i for i in sa.inspect(empty).get_indexes("work_order") if i["name"] == "uq_work_order_open_device"]
    assert index["unique"]
    assert index["column_names"] == ["site", "device"]
    condition = index["dialect_options"][f"{empty.dialect.name}_where"]
    assert str(condition).strip("()") == "closed_at IS NULL"


def test_taken_back_to_before_models_were_deleted_they_are_retired(empty: sa.Engine) -> None:
    upgrade(empty)
    deleted = {"name": "", "state": "deleted", "facts": {}, "artefact": b"", "added_at": 0, "added_by": ""}
    with empty.execution_options(writes=True).begin() as connection:
        connection.execute(sa.insert(ModelRow), [deleted | {"digest": digest} for digest in "ab"])
    with database_admin._migrating(empty) as config:
        command.downgrade(config, "0005")
    with empty.connect() as connection:
        assert list(connection.exec_driver_sql("SELECT state FROM model").scalars()) == ["retired", "retired"]


def test_upgrading_again_changes_nothing(empty: sa.Engine) -> None:
    assert upgrade(empty) == upgrade(empty) == newest()


def test_every_revision_can_be_taken_back(empty: sa.Engine) -> None:
    revisions = list(ScriptDirectory(str(database_admin._SCRIPTS)).walk_revisions())
    upgrade(empty)
    for revision in revisions:
        with database_admin._migrating(empty) as config:
            command.downgrade(config, str(revision.down_revision or "base"))
        upgrade(empty)
    with database_admin._migrating(empty) as config:
        command.downgrade(config, "base")
    assert tables(empty) == {"alembic_version"}
    upgrade(empty)
    assert is_current(empty)


def test_current_or_not(empty: sa.Engine) -> None:
    assert not is_current(empty)
    upgrade(empty)
    assert is_current(empty)


def test_a_database_from_a_newer_release_is_not_current(empty: sa.Engine) -> None:
    upgrade(empty)
    with empty.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'from-the-future'")
    assert not is_current(empty)
    with pytest.raises(InputError, match="newer release"):
        upgrade(empty)


def test_several_processes_that_upgrade_at_once(empty: sa.Engine, database_url: str) -> None:
    barrier, errors = threading.Barrier(3, timeout=60), []

    def run() -> None:
        engine = make_engine(database_url)
        barrier.wait()
        try:
            upgrade(engine)
        except Exception as error:  # noqa: BLE001  the assertion below shows it
            errors.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert is_current(empty)


def test_an_upgrade_that_fails_leaves_nothing_behind(empty: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:

        def crash(*_: object, **__: object) -> None:
            raise sa.exc.OperationalError("CREATE INDEX", {}, Exception("disk full"))

        patched.setattr("alembic.operations.Operations.create_index", crash)
        with pytest.raises(RetryableError, match="disk full"):
            upgrade(empty)
    assert tables(empty) == set()
    upgrade(empty)


def test_opening_upgrades_our_own_sqlite_and_leaves_postgresql_to_its_owner(
    empty: sa.Engine, database_url: str
) -> None:
    if is_sqlite(empty):
        engine = open_database(database_url)
    else:
        with pytest.raises(InputError, match="forewarn db upgrade"):
            open_database(database_url)
        upgrade(empty)
        engine = open_database(database_url)
    assert is_current(engine)
    engine.dispose()


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "forewarn.db"
    open_database(f"sqlite:///{path}").dispose()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["100%.db", "with space.db", "振动.db"])
def test_odd_file_names(tmp_path: Path, name: str) -> None:
    url = sa.URL.create("sqlite", database=str(tmp_path / name)).render_as_string()
    open_database(url).dispose()
    assert (tmp_path / name).stat().st_size > 0


def test_a_database_that_is_away(tmp_path: Path) -> None:
    with pytest.raises(RetryableError):
        open_database(f"postgresql+psycopg://u:p@127.0.0.1:{free_port()}/d")
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match="file"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'x.db'}")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_text("this is a letter to my aunt, not a database" * 100)
    with pytest.raises(RejectedError, match=rf"{path}: database: .*not a database"):
        open_database(f"sqlite:///{path}")
