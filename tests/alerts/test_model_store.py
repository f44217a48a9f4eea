"""The registry of models: one active, one shadow, everything on record, and whole whenever the process is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.alert import Explanation, WrongStateError
from alerts.model_store import KeptModel, ModelAction, ModelActionKind, ModelRow, ModelState, ModelStore
from forewarn.database_admin import upgrade
from ingest.database import make_engine, writing
from ingest.errors import InputError, NotFoundError
from models.supervised.artefact import encode
from tests.small_model import small_model

ROOT = Path(__file__).parents[2]
ADD, PROMOTE, RETIRE, DELETE = ModelActionKind
FACTS: dict[str, Any] = {"trained_on": {"start": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z"}}
FIRST, SECOND, THIRD = (small_model(drift=drift, **FACTS) for drift in (1.0, 0.9, 0.8))


def add(store: ModelStore, model: object = FIRST, at: int = 1) -> KeptModel:
    return store.add(model, encode(model), "fleet.model", ModelAction(ADD, at, "ann", "try it"))  # type: ignore[arg-type]


def states(store: ModelStore) -> list[tuple[str, ModelState]]:
    return [(one.digest, one.state) for one in store.list()]


def test_a_model_begins_as_the_shadow(engine: sa.Engine) -> None:
    store = ModelStore(engine)
    kept = add(store)
    assert (kept.id, kept.state, kept.looks_since) == (FIRST.digest[:12], ModelState.SHADOW, None)
    assert (kept.name, kept.added_at, kept.added_by) == ("fleet.model", 1, "ann")
    assert kept.facts["trained_on"] == FACTS["trained_on"]
    assert "curve" not in kept.facts
    assert store.list() == [store.get(kept.id)] == [kept]
    assert store.model(kept.digest).facts == FIRST.facts
    assert store.history(kept.digest) == (ModelAction(ADD, 1, "ann", "try it"),)


def test_the_shadow_before_it_is_retired(engine: sa.Engine) -> None:
    store = ModelStore(engine)
    add(store)
    add(store, SECOND, at=2)
    assert states(store) == [(SECOND.digest, ModelState.SHADOW), (FIRST.digest, ModelState.RETIRED)]
    assert [one.action for one in store.history(FIRST.digest)] == [ADD, RETIRE]


def test_a_promoted_shadow_takes_the_place_of_the_active_one(engine: sa.Engine) -> None:
    store = ModelStore(engine)
    add(store)
    store.promote(FIRST.digest, ModelAction(PROMOTE, 2, "ann"))
    add(store, SECOND, at=3)
    assert states(store) == [(FIRST.digest, ModelState.ACTIVE), (SECOND.digest, ModelState.SHADOW)]
    why = Explanation("better", "更好")
    store.promote(SECOND.digest, ModelAction(PROMOTE, 4, "bob", "month is over", forced=True, reason=why))
    assert states(store) == [(SECOND.digest, ModelState.ACTIVE), (FIRST.digest, ModelState.RETIRED)]
    assert store.history(SECOND.digest)[-1] == ModelAction(PROMOTE, 4, "bob", "month is over", True, why)
    assert {state: one.digest for state, one in store.in_use().items()} == {ModelState.ACTIVE: SECOND.digest}


def test_a_retired_model_comes_back_as_a_shadow_or_by_force(engine: sa.Engine) -> None:
    store = ModelStore(engine)
    add(store)
    store.begin(FIRST.digest, 5)
    store.retire(FIRST.digest, ModelAction(RETIRE, 2, "ann"))
    assert add(store, at=3).looks_since is None
    store.retire(FIRST.digest, ModelAction(RETIRE, 4, "ann"))
    with pytest.raises(WrongStateError, match="is retired"):
        store.promote(FIRST.digest, ModelAction(PROMOTE, 5, "ann"))
    assert store.promote(FIRST.digest, ModelAction(PROMOTE, 5, "ann", forced=True)).state is ModelState.ACTIVE


def test_what_a_state_does_not_allow(engine: sa.Engine) -> None:
    store = ModelStore(engine)
    add(store)
    with pytest.raises(WrongStateError, match="is there already: it is the shadow"):
        add(store)
    store.promote(FIRST.digest, ModelAction(PROMOTE, 2, ""))
    with pytest.raises(WrongStateError, match="is there already: it is the active one"):
        add(store)
    with pytest.raises(WrongStateError, match="is the active one already"):
        store.promote(FIRST.digest, ModelAction(PROMOTE, 3, "", forced=True))
    store.retire(FIRST.digest, ModelAction(RETIRE, 4, ""))
    with pytest.raises(WrongStateError, match="is retired already"):
        store.retire(FIRST.digest, ModelAction(RETIRE, 5, ""))


def test_a_retired_model_is_deleted_and_its_history_stays(engine: sa.Engine) -> None:
    store = ModelStore(engine)
    for at, model in enumerate((FIRST, SECOND, THIRD)):
        add(store, model, at)
    for model in (FIRST, SECOND):
        store.delete(model.digest, ModelAction(DELETE, 4, "ann", "superseded"))
    retired = ModelState.SHADOW, ModelState.DELETED, ModelState.DELETED
    assert states(store) == list(zip((THIRD.digest, SECOND.digest, FIRST.digest), retired, strict=True))
    assert store.get(FIRST.digest).facts["trained_on"] == FACTS["trained_on"]
    assert [one.action for one in store.history(FIRST.digest)] == [ADD, RETIRE, DELETE]
    assert store.history(FIRST.digest)[-1].note == "superseded"
    with pytest.raises(NotFoundError, match="there is no model"):
        store.model(FIRST.digest)
    assert {state: one.digest for state, one in store.in_use().items()} == {ModelState.SHADOW: THIRD.digest}


def test_a_deleted_model_comes_back_with_its_file(engine: sa.Engine) -> None:
    store = ModelStore(engine)
    add(store)
    store.retire(FIRST.digest, ModelAction(RETIRE, 2, "ann"))
    store.delete(FIRST.digest, ModelAction(DELETE, 3, "ann"))
    with pytest.raises(WrongStateError, match="is deleted: to bring it back, add its file"):
        store.promote(FIRST.digest, ModelAction(PROMOTE, 4, "ann", forced=True))
    for again, said in ((store.retire, "is deleted already"), (store.delete, "is deleted already")):
        with pytest.raises(WrongStateError, match=said):
            again(FIRST.digest, ModelAction(RETIRE, 4, "ann"))
    assert add(store, at=5).state is ModelState.SHADOW
    assert store.model(FIRST.digest).digest == FIRST.digest


@pytest.mark.parametrize("state", ["shadow", "active one"])
def test_what_looks_is_not_deleted(sqlite_engine: sa.Engine, state: str) -> None:
    store = ModelStore(sqlite_engine)
    add(store)
    if state != "shadow":
        store.promote(FIRST.digest, ModelAction(PROMOTE, 2, ""))
    with pytest.raises(WrongStateError, match=f"is the {state}: to delete it, retire it first"):
        store.delete(FIRST.digest, ModelAction(DELETE, 3, ""))
    assert store.model(FIRST.digest).digest == FIRST.digest


@pytest.mark.parametrize("wanted", ["", "abc", "no-such-model", "%%%%%%"])
def test_a_model_is_known_by_the_beginning_of_its_digest(sqlite_engine: sa.Engine, wanted: str) -> None:
    store = ModelStore(sqlite_engine)
    add(store)
    assert store.get(FIRST.digest[:6]).digest == FIRST.digest
    with pytest.raises(NotFoundError, match="there is no model"):
        store.get(wanted)


def test_the_first_look_of_a_shadow_is_noted_once(engine: sa.Engine) -> None:
    store = ModelStore(engine)
    add(store)
    store.begin(FIRST.digest, 7)
    store.begin(FIRST.digest, 9)
    assert store.get(FIRST.digest).looks_since == 7


def test_two_shadows_cannot_be(engine: sa.Engine) -> None:
    store = ModelStore(engine)
    add(store)
    add(store, SECOND)
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.execute(sa.update(ModelRow).values(state=ModelState.SHADOW))
    assert [state for _, state in states(store)] == [ModelState.SHADOW, ModelState.RETIRED]


def test_a_damaged_artefact_is_not_used_and_can_be_written_anew(engine: sa.Engine) -> None:
    store = ModelStore(engine)
    add(store)
    for blob in (b"nothing", encode(SECOND)):
        with writing(engine) as session:
            session.execute(sa.update(ModelRow).values(artefact=blob))
        with pytest.raises(InputError):
            store.model(FIRST.digest)
    assert add(store).state is ModelState.SHADOW
    assert store.model(FIRST.digest).digest == FIRST.digest
    with pytest.raises(WrongStateError):
        add(store)


# -- killed between any two steps ------------------------------------------------------------------------------------

KILLED = """
import os, shutil, sys
import sqlalchemy as sa
from alerts.model_store import ModelAction, ModelActionKind, ModelStore
from ingest.database import make_engine
from models.supervised.artefact import encode
from tests.alerts.test_model_store import PROMOTE, SECOND, THIRD, add

def change(path, what, left):
    engine = make_engine(f"sqlite:///{path}")
    def count(*_):
        if left[0] == 0:
            os._exit(9)
        left[0] -= 1
    sa.event.listen(engine, "before_cursor_execute", count)
    sa.event.listen(engine, "commit", count)
    store = ModelStore(engine)
    store.promote(SECOND.digest, ModelAction(PROMOTE, 9, "")) if what == "promote" else add(store, THIRD, at=9)
    os._exit(0)

for step in range(99):
    path = f"{sys.argv[1]}.{step}"
    shutil.copy(sys.argv[1], path)
    child = os.fork()
    if child == 0:
        change(path, sys.argv[2], [step])
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    store = ModelStore(make_engine(f"sqlite:///{path}"))
    actions = sum(len(store.history(one.digest)) for one in store.list())
    print(status, actions, *(f"{one.digest[:6]}:{one.state}" for one in store.list()))
    if status == 0:
        break
"""


@pytest.mark.parametrize("what", ["promote", "add"])
def test_killed_at_any_instant_it_is_before_or_after(tmp_path: Path, what: str) -> None:
    """An active model and a shadow; the process ends at every statement in turn, and at last at none."""
    path = tmp_path / "forewarn.db"
    made = make_engine(f"sqlite:///{path}")
    upgrade(made)
    store = ModelStore(made)
    add(store)
    store.promote(FIRST.digest, ModelAction(PROMOTE, 2, ""))
    add(store, SECOND, at=3)
    made.dispose()
    command = [sys.executable, "-c", KILLED, str(path), what]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    first, second, third = (one.digest[:6] for one in (FIRST, SECOND, THIRD))
    before = f"3 {first}:active {second}:shadow"
    after = {
        "promote": f"5 {second}:active {first}:retired",
        "add": f"5 {first}:active {third}:shadow {second}:retired",
    }[what]
    *killed, last = told.stdout.splitlines()
    assert len(killed) > 5, told.stderr
    assert set(killed) == {f"9 {before}"}
    assert last == f"0 {after}"
