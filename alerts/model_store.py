"""Keeps trained models in the SQL database: artefacts, which of them look at the readings, and who decided so when.

                 add                    promote
    (a file) ──────────▶ shadow ────────────────────▶ active
                  ▲         │ retire, or another one is added    │ retire, or another one is promoted
                  ├──── retired ◀────────────────────────────────┘
                  │         │ delete
                  └──── deleted

At most one model is active and one is a shadow. Every change is one transaction, so a process that is killed leaves
what was before or what comes after. The artefact of a retired model stays until it is deleted: the model can come back.
Its history and what is known of it stay for good, as alerts name the model that raised them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from alerts.alert import Explanation, WrongStateError
from alerts.policies.risk import read_bytes
from ingest.database import Base, reading, writing
from ingest.errors import InputError, NotFoundError
from models.supervised.model import RiskModel

SHORT, LEAST_PREFIX = 12, 6
"""Letters of a digest that name a model, and the fewest that may."""
NOT_KEPT = frozenset({"curve"})
"""Facts that are read from the artefact alone."""
_IN_USE = sa.text("state IN ('active', 'shadow')")


class ModelRow(Base):
    """One model."""

    __tablename__ = "model"
    __table_args__ = (
        sa.Index("uq_model_in_use", "state", unique=True, sqlite_where=_IN_USE, postgresql_where=_IN_USE),
    )

    digest: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 of the artefact."""
    name: Mapped[str]
    state: Mapped[str]
    facts: Mapped[dict[str, Any]]
    artefact: Mapped[bytes] = mapped_column(sa.LargeBinary(), deferred=True)
    added_at: Mapped[int]
    added_by: Mapped[str]
    looks_since: Mapped[int | None]


class ModelActionRow(Base):
    """One thing that was done with a model."""

    __tablename__ = "model_action"
    __table_args__ = (sa.Index(None, "digest", "id"),)

    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True)
    digest: Mapped[str] = mapped_column(sa.ForeignKey("model.digest"))
    action: Mapped[str]
    at: Mapped[int]
    by: Mapped[str]
    note: Mapped[str]
    forced: Mapped[bool]
    reason: Mapped[dict[str, Any]]


class ModelState(StrEnum):
    """What a model may do."""

    ACTIVE = "active"
    """It raises alerts, and speaks for devices if it is proven."""
    SHADOW = "shadow"
    """It judges beside the active one; what it would raise is noted, nobody is told."""
    RETIRED = "retired"
    """It does not look."""
    DELETED = "deleted"
    """Nor can it, as its artefact is gone."""


IN_USE = frozenset({ModelState.ACTIVE, ModelState.SHADOW})


class ModelActionKind(StrEnum):
    """What is done with a model."""

    ADD = "add"
    PROMOTE = "promote"
    RETIRE = "retire"
    DELETE = "delete"


UNSAID = Explanation("", "")


@dataclass(frozen=True, slots=True)
class KeptModel:
    """A model as it is kept, without its artefact."""

    digest: str
    name: str
    """Of the file that it came from."""
    state: ModelState
    facts: dict[str, Any]
    """Span of the data, devices, measures, versions, as in the artefact."""
    added_at: int
    """Clock time, ns UTC; `added_by` is empty where nobody knows."""
    added_by: str
    looks_since: int | None = None
    """Event time (ns UTC) of what it judged first as a shadow, the last time that it was one."""

    @property
    def id(self) -> str:
        """What people call it."""
        return self.digest[:SHORT]


@dataclass(frozen=True, slots=True)
class ModelAction:
    """One line of a model's history: who did what when (clock time, ns UTC), and for which reason."""

    action: ModelActionKind
    at: int
    by: str
    note: str = ""
    forced: bool = False
    """Whether it was done against the evidence."""
    reason: Explanation = UNSAID


class ModelStore:
    """The models in the database behind `engine`. Every method raises RetryableError while it is away."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # -- looking -----------------------------------------------------------------------------------------------------
    def list(self) -> list[KeptModel]:
        """All models: the active one, the shadow, the retired and then the deleted ones, the newest first."""
        with reading(self._engine) as session:
            found = [_kept(row) for row in session.scalars(sa.select(ModelRow))]
        return sorted(found, key=lambda one: (list(ModelState).index(one.state), -one.added_at, one.digest))

    def get(self, wanted: str) -> KeptModel:
        """The model of that digest, or the only one whose digest begins so. Raises NotFoundError."""
        with reading(self._engine) as session:
            return _kept(_found(session, wanted))

    def history(self, digest: str) -> tuple[ModelAction, ...]:
        """What was done with a model, oldest first."""
        query = sa.select(ModelActionRow).where(ModelActionRow.digest == digest).order_by(ModelActionRow.id)
        with reading(self._engine) as session:
            return tuple(_action(row) for row in session.scalars(query))

    def in_use(self) -> dict[ModelState, KeptModel]:
        """The active model and the shadow, as far as there are any."""
        with reading(self._engine) as session:
            rows = session.scalars(sa.select(ModelRow).where(ModelRow.state.in_(IN_USE)))
            return {ModelState(row.state): _kept(row) for row in rows}

    def model(self, digest: str) -> RiskModel:
        """A model, read with every check. Raises NotFoundError, and InputError if its artefact is damaged."""
        with reading(self._engine) as session:
            there = sa.select(ModelRow.artefact).where(ModelRow.digest == digest, ModelRow.state != ModelState.DELETED)
            blob = session.scalar(there)
        if blob is None:
            raise NotFoundError(f"there is no model {digest[:SHORT]!r}")
        model = read_bytes(bytes(blob))
        if model.digest != digest:
            raise InputError("is damaged: it has another digest than it was kept under")
        return model

    # -- what people decide ------------------------------------------------------------------------------------------
    def add(self, model: RiskModel, blob: bytes, name: str, action: ModelAction) -> KeptModel:
        """Keep a model, which looks on as the shadow from now on; the shadow before it is retired.

        The artefact of a model that is there already is written anew, and a model in use stays what it is. Raises
        WrongStateError if a model in use has that artefact.
        """
        facts = {key: value for key, value in model.facts.items() if key not in NOT_KEPT}
        told = replace(action, action=ModelActionKind.ADD)
        with writing(self._engine) as session:
            _lock(session)
            row = session.get(ModelRow, model.digest)
            if row is None:
                row = ModelRow(digest=model.digest, name=name, state=ModelState.RETIRED, facts=facts, artefact=blob)
                row.added_at, row.added_by = action.at, action.by
                session.add(row)
                session.flush()
            before, whole = ModelState(row.state), bytes(row.artefact) == blob
            row.artefact = blob
            if before not in IN_USE:
                _vacate(session, ModelState.SHADOW, told)
                row.state, row.looks_since = ModelState.SHADOW, None
                _write(session, row.digest, told)
            kept = _kept(row)
        if before in IN_USE and whole:
            raise WrongStateError(f"model {kept.id} is there already: it is the {_WORDS[before]}")
        return kept

    def promote(self, wanted: str, action: ModelAction) -> KeptModel:
        """Make a model the active one; the one before it is retired. Whether it should be is for who calls.

        Raises NotFoundError, or WrongStateError if it is active already, deleted, or no shadow and it is not forced.
        """
        with writing(self._engine) as session:
            _lock(session)
            row = _found(session, wanted)
            if row.state == ModelState.ACTIVE:
                raise WrongStateError(f"model {row.digest[:SHORT]} is the active one already")
            if row.state == ModelState.DELETED:
                raise WrongStateError(f"model {row.digest[:SHORT]} is deleted: to bring it back, add its file")
            if row.state != ModelState.SHADOW and not action.forced:
                raise WrongStateError(f"model {row.digest[:SHORT]} is retired: to bring it back has to be forced")
            told = replace(action, action=ModelActionKind.PROMOTE)
            _vacate(session, ModelState.ACTIVE, told)
            row.state = ModelState.ACTIVE
            _write(session, row.digest, told)
            return _kept(row)

    def retire(self, wanted: str, action: ModelAction) -> KeptModel:
        """Let a model look no more. Raises NotFoundError, or WrongStateError if it does not."""
        with writing(self._engine) as session:
            _lock(session)
            row = _found(session, wanted)
            if row.state not in IN_USE:
                raise WrongStateError(f"model {row.digest[:SHORT]} is {row.state} already")
            row.state = ModelState.RETIRED
            _write(session, row.digest, replace(action, action=ModelActionKind.RETIRE))
            return _kept(row)

    def delete(self, wanted: str, action: ModelAction) -> KeptModel:
        """Delete the artefact of a retired model. Raises NotFoundError, or WrongStateError if it is not retired."""
        with writing(self._engine) as session:
            _lock(session)
            row = _found(session, wanted)
            if row.state == ModelState.DELETED:
                raise WrongStateError(f"model {row.digest[:SHORT]} is deleted already")
            if row.state != ModelState.RETIRED:
                word = _WORDS[ModelState(row.state)]
                raise WrongStateError(f"model {row.digest[:SHORT]} is the {word}: to delete it, retire it first")
            row.state, row.artefact = ModelState.DELETED, b""
            _write(session, row.digest, replace(action, action=ModelActionKind.DELETE))
            return _kept(row)

    # -- what the service notes --------------------------------------------------------------------------------------
    def begin(self, digest: str, at: int) -> None:
        """Note that a shadow judged its first reading at event time `at` (ns UTC); only the first note counts."""
        mine = (ModelRow.digest == digest, ModelRow.state == ModelState.SHADOW, ModelRow.looks_since.is_(None))
        with writing(self._engine) as session:
            session.execute(sa.update(ModelRow).where(*mine).values(looks_since=at))


_WORDS = {ModelState.ACTIVE: "active one", ModelState.SHADOW: "shadow"}


def _lock(session: Session) -> None:
    """One change after the other; SQLite has its write lock by now."""
    session.execute(sa.select(ModelRow.digest).order_by(ModelRow.digest).with_for_update())


def _found(session: Session, wanted: str) -> ModelRow:
    query = sa.select(ModelRow).where(ModelRow.digest.startswith(wanted, autoescape=True)).limit(2)
    found = list(session.scalars(query)) if len(wanted) >= LEAST_PREFIX else []
    if len(found) != 1:
        raise NotFoundError(f"there is no model {wanted!r}" if not found else f"{wanted!r} names several models")
    return found[0]


def _vacate(session: Session, state: ModelState, action: ModelAction) -> None:
    """Retire who is in that state, for what `action` does with another one."""
    row = session.scalar(sa.select(ModelRow).where(ModelRow.state == state))
    if row is not None:
        row.state = ModelState.RETIRED
        session.flush()
        _write(session, row.digest, ModelAction(ModelActionKind.RETIRE, action.at, action.by, action.note))


def _write(session: Session, digest: str, action: ModelAction) -> None:
    session.add(
        ModelActionRow(
            digest=digest,
            action=action.action,
            at=action.at,
            by=action.by,
            note=action.note,
            forced=action.forced,
            reason={"en": action.reason.en, "zh": action.reason.zh},
        )
    )


def _action(row: ModelActionRow) -> ModelAction:
    reason = Explanation(row.reason["en"], row.reason["zh"])
    return ModelAction(ModelActionKind(row.action), row.at, row.by, row.note, row.forced, reason)


def _kept(row: ModelRow) -> KeptModel:
    return KeptModel(
        row.digest, row.name, ModelState(row.state), row.facts, row.added_at, row.added_by, row.looks_since
    )
