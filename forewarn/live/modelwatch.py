"""Which trained models look in a running service: as the registry says, read outside the engine, one look every 2 s.

    model add, promote, retire ─▶ registry (database) ─▶ ModelWatch ─▶ Judging exchanges them between two batches

A model whose artefact is damaged or missing does not look: the service says so, and judges without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import structlog

from alerts.model_store import SHORT, ModelState, ModelStore
from alerts.riskwatch import Models
from forewarn.engine import Engine, EngineConfig, saved_models
from forewarn.live.health import Health
from ingest.errors import InputError, NotFoundError
from ingest.registry import Registry
from models.supervised.model import RiskModel

PART = "models"
"""The part of the service that is degraded while a model is wanted and cannot be read."""
Digests: TypeAlias = tuple[str | None, str | None]
"""Of the active model and the shadow."""

log = structlog.get_logger(__name__)


class ModelLoader:
    """Reads models from the registry; those last asked for stay in memory."""

    def __init__(self, store: ModelStore, speaks: bool) -> None:
        self._store, self._speaks = store, speaks
        self._read: dict[str, RiskModel] = {}

    def models(self, digests: Digests) -> tuple[Models, list[str]]:
        """These models, without those that cannot be read, and a sentence for each of those.

        Raises RetryableError while the database is away.
        """
        found: list[RiskModel | None] = []
        problems: list[str] = []
        for digest in digests:
            try:
                found.append(None if digest is None else self._read.get(digest) or self._store.model(digest))
            except (InputError, NotFoundError) as error:
                found.append(None)
                problems.append(not_used(str(digest), error))
        self._read = {model.digest: model for model in found if model is not None}
        active, shadow = found
        return Models(active, shadow, self._speaks), problems

    def wanted(self) -> tuple[Models, list[str], bool]:
        """As `models`, those that the registry wants, and whether it is known since when the shadow judges."""
        in_use = self._store.in_use()
        active, shadow = in_use.get(ModelState.ACTIVE), in_use.get(ModelState.SHADOW)
        digests = (active.digest if active else None, shadow.digest if shadow else None)
        return *self.models(digests), shadow is None or shadow.looks_since is not None


def as_saved(blob: bytes, registry: Registry, config: EngineConfig, loader: ModelLoader) -> tuple[Engine, list[str]]:
    """The engine of a saved state, with the models that it had: they judge again what they had judged.

    And a sentence for each model that cannot be read. Raises StateError if the state cannot.
    """
    models, problems = loader.models(saved_models(blob))
    engine = Engine(registry, replace(config, models=models))
    engine.restore(blob)
    return engine, problems


def not_used(digest: str, error: InputError | NotFoundError) -> str:
    """Why a model does not look."""
    said = "is missing" if isinstance(error, NotFoundError) else str(error)
    return f"model {digest[:SHORT]} does not look: its artefact {said}"


class ModelWatch:
    """Looks at the registry, and tells `want` which models are to look."""

    def __init__(self, loader: ModelLoader, want: Callable[[Models, bool], None], health: Health) -> None:
        self._loader, self._want, self._health = loader, want, health
        self._said: list[str] = []

    def look(self) -> None:
        """Look once. Raises RetryableError while the database is away."""
        models, problems, begun = self._loader.wanted()
        self._want(models, begun)
        if problems != self._said:
            self._said = problems
            self._health.degrade(PART, "; ".join(problems) or None)
            for problem in problems:
                log.error("a model cannot be used", problem=problem)
