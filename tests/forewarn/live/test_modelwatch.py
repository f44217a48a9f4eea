"""Models of the registry in a pipeline: exchanged between batches, with a checkpoint, done without if damaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from alerts.model_store import ModelAction, ModelActionKind, ModelRow, ModelStore
from alerts.riskwatch import Models
from forewarn.database_admin import open_database
from forewarn.engine import Engine, EngineConfig, StateError, saved_models
from forewarn.live.checkpoint import Checkpoint
from forewarn.live.health import Health
from forewarn.live.modelwatch import PART, ModelLoader, ModelWatch
from ingest.database import writing
from ingest.errors import NoSpaceError
from ingest.registry import Registry
from models.supervised.artefact import encode
from models.supervised.model import RiskModel
from tests.forewarn.live.test_pipeline import Site, running
from tests.live import WITHIN_S, Live, live, make_settings
from tests.small_model import small_model
from tests.waiting import wait_until

FIRST, SECOND = small_model(), small_model(drift=0.9)
ADD, PROMOTE, RETIRE, DELETE = (ModelAction(kind, 1, "ann") for kind in ModelActionKind)


def add(engine: sa.Engine, model: RiskModel) -> ModelStore:
    store = ModelStore(engine)
    store.add(model, encode(model), "a.model", ADD)
    return store


class Watched:
    """A watch over a registry, and what it wanted last."""

    def __init__(self, engine: sa.Engine) -> None:
        self.health = Health()
        self.wanted: list[tuple[Models, bool]] = []
        loader = ModelLoader(ModelStore(engine), speaks=False)
        self.watch = ModelWatch(loader, lambda *wanted: self.wanted.append(wanted), self.health)

    def look(self) -> tuple[Models, bool]:
        self.watch.look()
        return self.wanted[-1]


def test_what_the_registry_says_is_wanted(sqlite_engine: sa.Engine) -> None:
    watched = Watched(sqlite_engine)
    assert watched.look() == (Models(speaks=False), True)
    store = add(sqlite_engine, FIRST)
    models, begun = watched.look()
    assert (models.digests, begun) == ((None, FIRST.digest), False)
    store.begin(FIRST.digest, 7)
    store.promote(FIRST.digest, PROMOTE)
    add(sqlite_engine, SECOND)
    models, begun = watched.look()
    assert (models.digests, begun) == ((FIRST.digest, SECOND.digest), False)
    assert models.shadow is watched.look()[0].shadow, "an artefact is read once"
    assert watched.health.degraded() == {}


@pytest.mark.parametrize(
    ("artefact", "said"),
    [
        pytest.param(b"", "is no model, or damaged: it cannot be unpacked", id="empty"),
        pytest.param(encode(FIRST)[:-200], "is no model, or damaged: it cannot be unpacked", id="cut off"),
        pytest.param(encode(SECOND), "is damaged: it has another digest than it was kept under", id="another one"),
    ],
)
def test_a_damaged_model_does_not_look_and_the_service_says_so(
    sqlite_engine: sa.Engine, artefact: bytes, said: str
) -> None:
    store = add(sqlite_engine, FIRST)
    with writing(sqlite_engine) as session:
        session.execute(sa.update(ModelRow).values(artefact=artefact))
    watched = Watched(sqlite_engine)
    assert watched.look()[0].digests == (None, None)
    assert watched.health.not_ready() == {}
    assert watched.health.degraded() == {PART: f"model {FIRST.digest[:12]} does not look: its artefact {said}"}
    store.retire(FIRST.digest, RETIRE)
    watched.look()
    assert watched.health.degraded() == {}


def test_a_model_that_a_checkpoint_names_and_nobody_has(sqlite_engine: sa.Engine) -> None:
    loader = ModelLoader(ModelStore(sqlite_engine), speaks=True)
    models, problems = loader.models((FIRST.digest, None))
    assert models == Models()
    assert problems == [f"model {FIRST.digest[:12]} does not look: its artefact is missing"]


def test_a_deleted_model_that_a_checkpoint_names_is_missing(sqlite_engine: sa.Engine) -> None:
    store = add(sqlite_engine, FIRST)
    store.retire(FIRST.digest, RETIRE)
    store.delete(FIRST.digest, DELETE)
    models, problems = ModelLoader(store, speaks=True).models((FIRST.digest, None))
    assert models == Models()
    assert problems == [f"model {FIRST.digest[:12]} does not look: its artefact is missing"]


def test_a_saved_state_names_its_models() -> None:
    assert saved_models(Engine(Registry()).save()) == (None, None)
    engine = Engine(Registry(), EngineConfig(models=Models(FIRST, SECOND)))
    assert saved_models(engine.save()) == (FIRST.digest, SECOND.digest)
    with pytest.raises(StateError):
        saved_models(b"damaged")


# -- in a pipeline ---------------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path, sqlite_engine: sa.Engine) -> Iterator[Site]:
    with running(tmp_path, sqlite_engine) as made:
        yield made


def in_checkpoint(site: Site) -> tuple[int, tuple[str | None, str | None]]:
    """Position of the checkpoint, and the models that it names."""
    saved = site.spool.load_checkpoint()
    return (0, (None, None)) if saved is None else (saved[0], saved_models(Checkpoint.decode(saved[1]).engine))


def test_models_are_exchanged_with_a_checkpoint(site: Site) -> None:
    site.say(1.0, 2.0)
    site.settle()
    assert in_checkpoint(site) == (0, (None, None))
    site.pipeline.judging.want(Models(FIRST, SECOND), begun=False)
    wait_until(lambda: site.pipeline.judging.models.active is FIRST, "exchanged")
    wait_until(lambda: in_checkpoint(site)[1] == (FIRST.digest, SECOND.digest), "saved")
    assert in_checkpoint(site)[0] == site.spool.last


def test_a_checkpoint_that_cannot_be_made_is_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def full(position: int, *state: bytes) -> None:
        tried.append(position)
        raise NoSpaceError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(site.spool, "save_checkpoint", full)
        site.pipeline.judging.want(Models(FIRST), begun=True)
        wait_until(lambda: len(tried) > 1, "tried again")
        site.say(1.0)
        wait_until(lambda: site.source.acknowledged == [0], "acknowledged")
        assert not site.pipeline.judging.idle, "nothing is judged by models that no checkpoint names"
    site.settle()
    assert in_checkpoint(site)[1] == (FIRST.digest, None)


def test_after_a_start_what_may_have_been_judged_is_judged_by_the_models_of_the_checkpoint(
    tmp_path: Path, sqlite_engine: sa.Engine
) -> None:
    """The last run was killed with entries behind its checkpoint; others were promoted while it was down."""
    add(sqlite_engine, FIRST)
    with running(tmp_path, sqlite_engine) as site:
        site.pipeline.judging.want(Models(shadow=FIRST), begun=True)
        wait_until(lambda: in_checkpoint(site)[1] == (None, FIRST.digest), "saved")
        before = site.spool.load_checkpoint()
        assert before is not None
        site.say(*map(float, range(20)))
        site.settle()
        kept = site.spool.read(before[0], 1_000)
    site = Site(tmp_path, sqlite_engine)
    for _, batch in kept:  # as if no checkpoint had been made at the end
        site.spool.append(batch)
    last = site.spool.last
    seen: list[tuple[str | None, int]] = []
    try:
        site.pipeline.recover()
        engine_used = site.pipeline.judging.models
        process = Engine.process

        def watched(engine: Engine, *given: object) -> object:
            seen.append((engine.models.digests[0], site.pipeline.judging.done))
            return process(engine, *given)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Engine, "process", watched)
            site.pipeline.judging.want(Models(FIRST), begun=True)
            site.pipeline.start()
            site.settle()
            wait_until(lambda: site.pipeline.judging.models.active is not None, "exchanged")
            site.say(99.0, first=30)
            site.settle()
    finally:
        site.stop()
    assert engine_used.digests == (None, FIRST.digest)
    assert {digest for digest, done in seen if done < last} == {None}
    assert {digest for digest, done in seen if done >= last} == {FIRST.digest}


# -- in a service ----------------------------------------------------------------------------------------------------


def looks(service: Live, model: RiskModel) -> bool:
    found: bool = service.http.get(f"/api/v1/models/{model.digest}").json()["looks"]
    return found


def test_a_service_starts_with_a_damaged_model_and_says_so(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    database = open_database(settings.database_url)
    store = add(database, FIRST)
    store.promote(FIRST.digest, replace(PROMOTE, forced=True))
    add(database, SECOND)
    with writing(database) as session:
        session.execute(sa.update(ModelRow).where(ModelRow.digest == FIRST.digest).values(artefact=b"damaged"))
    with live(settings) as service:
        wait_until(service.ready, "it is ready without the model", WITHIN_S)
        problem = service.degraded()[PART]
        assert problem.startswith(f"model {FIRST.digest[:12]} does not look: its artefact is no model")
        looking = {item["id"]: item["looks"] for item in service.http.get("/api/v1/models").json()["items"]}
        assert looking[FIRST.digest[:12]] is False
        wait_until(lambda: looks(service, SECOND), "the other one looks", WITHIN_S)
        assert problem in service.http.get("/models").text
        wait_until(lambda: service.metric("degraded_parts") == 1, "so do the metrics", WITHIN_S)
        said = {"device": "pump-1", "values": {"t": 1.0}}
        assert service.http.post("/api/v1/telemetry", json=said).status_code == 202
        service.settle()
        add(database, FIRST)
        wait_until(lambda: not service.degraded(), "repaired by adding the file again", WITHIN_S)
        wait_until(lambda: looks(service, FIRST), "it looks", WITHIN_S)
    database.dispose()
