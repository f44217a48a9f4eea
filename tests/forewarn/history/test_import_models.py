"""Import and backup with models: history warms a shadow, no note is taken of it, and a copy has the registry."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from alerts.model_store import ModelAction, ModelActionKind, ModelRow, ModelStore
from alerts.shadow_store import ShadowStore
from forewarn.backup import run_backup
from forewarn.config.settings import DataSettings, Settings
from forewarn.database_admin import open_database
from forewarn.engine import saved_models
from forewarn.history.importing import run_import
from forewarn.live.checkpoint import Checkpoint
from ingest.database import writing
from ingest.inbox import FILE_NAME, inbox_file
from ingest.spool import Spool
from models.supervised.artefact import encode
from tests.failing_fleet import HOUR, START, fleet
from tests.small_model import small_model

MODEL = small_model()
ADD, PROMOTE, *_ = (ModelAction(kind, 1, "ann") for kind in ModelActionKind)
NOW = START + 400 * HOUR
SITE = fleet(n_devices=2, days=10)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a service with a model that was added before any reading came."""
    made = Settings(data=DataSettings(dir=tmp_path / "data"))
    database = open_database(made.database_url)
    ModelStore(database).add(MODEL, encode(MODEL), "a.model", ADD)
    database.dispose()
    return made


def models_of(settings: Settings) -> tuple[str | None, str | None]:
    """Those that the checkpoint names."""
    local = inbox_file(settings.data.dir / FILE_NAME)
    local.open()
    spool = Spool(local)
    spool.open()
    saved = spool.load_checkpoint()
    local.close()
    assert saved is not None
    return saved_models(Checkpoint.decode(saved[1]).engine)


def test_history_warms_the_models_and_nothing_is_noted(settings: Settings, tmp_path: Path) -> None:
    readings, events, _ = SITE.write(tmp_path)
    told = run_import([readings], settings, clock=lambda: NOW, log=events)
    assert told.problems == []
    assert models_of(settings) == (None, MODEL.digest)
    database = open_database(settings.database_url)
    store = ModelStore(database)
    assert store.get(MODEL.digest).looks_since is None
    assert ShadowStore(database).of(MODEL.digest) == []
    store.promote(MODEL.digest, PROMOTE)
    database.dispose()
    run_import([readings], settings, clock=lambda: NOW)
    assert models_of(settings) == (MODEL.digest, None)


def test_a_damaged_model_does_not_stop_an_import(settings: Settings, tmp_path: Path) -> None:
    database = open_database(settings.database_url)
    with writing(database) as session:
        session.execute(sa.update(ModelRow).values(artefact=b"damaged"))
    database.dispose()
    told = run_import([SITE.write(tmp_path)[0]], settings, clock=lambda: NOW)
    assert told.judged == 2 * 2 * 240
    assert [problem.split(":")[0] for problem in told.problems] == [f"model {MODEL.digest[:12]} does not look"]
    assert models_of(settings) == (None, None)


def test_a_backup_has_the_registry(settings: Settings, tmp_path: Path) -> None:
    run_import([SITE.write(tmp_path)[0]], settings, clock=lambda: NOW)
    run_backup(tmp_path / "backup", settings, NOW)
    shutil.rmtree(settings.data.dir)
    shutil.copytree(tmp_path / "backup", settings.data.dir)
    database = open_database(settings.database_url)
    store = ModelStore(database)
    assert [one.digest for one in store.list()] == [MODEL.digest]
    assert encode(store.model(MODEL.digest)) == encode(MODEL)
    assert store.history(MODEL.digest) == (ADD,)
    database.dispose()
