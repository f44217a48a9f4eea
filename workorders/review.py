"""Reviews models on what is recorded: the shadow beside what was told meanwhile, and whether it may take over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from alerts.alert import Alert, Kind, State, WrongStateError
from alerts.model_store import KeptModel, ModelAction, ModelState, ModelStore
from alerts.shadow_store import ShadowStore
from ingest.errors import InputError
from ingest.log_store import LogStore
from ingest.reading import NS_PER_SECOND
from workorders.findings import FindingStore
from workorders.promotion import DAMAGED, NO_SHADOW, NOT_LOOKED, Decision, Tally, decide, record, tally

USUAL_REACH_S = 72 * 3600.0
"""How long before a fault a warning counts, where the model does not say."""
NONE = Tally()


@dataclass(frozen=True, slots=True)
class Review:
    """A shadow beside the active model, or the baseline where none is active."""

    decision: Decision
    against_model: bool
    since: int | None = None
    """Event time in ns UTC; None before the shadow looked."""
    shadow: Tally = NONE
    other: Tally = NONE


class ModelReviews:
    """Reviews and promotes models of the database behind `engine`. Raises RetryableError while it is away."""

    def __init__(self, engine: sa.Engine) -> None:
        self.models = ModelStore(engine)
        self._shadow, self._log = ShadowStore(engine), LogStore(engine)
        self._findings = FindingStore(engine)

    def review(self, model: KeptModel, now: int) -> Review:
        """What is recorded about a model by `now` (clock time, ns UTC)."""
        against_model = ModelState.ACTIVE in self.models.in_use()
        if model.state is not ModelState.SHADOW:
            return Review(NO_SHADOW, against_model)
        if self._damaged(model):
            return Review(DAMAGED, against_model)
        if model.looks_since is None:
            return Review(NOT_LOOKED, against_model)
        since = model.looks_since
        told, findings = self._findings.since(since)
        known = record(findings, self._log.failures(since), _reach_ns(model), since)
        shadow = tally(self._shadow.of(model.digest, since), known, now)
        other = tally(_voice(told, against_model), known, now)
        return Review(decide(shadow, other, against_model), against_model, since, shadow, other)

    def _damaged(self, model: KeptModel) -> bool:
        try:
            self.models.model(model.digest)
        except InputError:
            return True
        return False

    def noted(self, model: KeptModel, limit: int) -> list[Alert]:
        """The last that a model would have raised as a shadow, newest first."""
        return self._shadow.newest(model.digest, limit)

    def promote(self, wanted: str, action: ModelAction) -> KeptModel:
        """Make a model the active one if what is recorded speaks for it, or if `action` is forced.

        Why goes into its history. Raises NotFoundError, or WrongStateError with the reason if it may not be.
        """
        model = self.models.get(wanted)
        decision = self.review(model, action.at).decision
        if not decision.may and not action.forced and model.state is not ModelState.ACTIVE:
            raise WrongStateError(f"model {model.id} is not promoted: {decision.explanation.en}")
        against_evidence = action.forced and not decision.may
        return self.models.promote(model.digest, replace(action, forced=against_evidence, reason=decision.explanation))


def _voice(told: Sequence[Alert], against_model: bool) -> list[Alert]:
    """What the shadow would take the place of."""
    kind = Kind.FAILURE_RISK if against_model else Kind.BASELINE
    return [alert for alert in told if alert.kind is kind and alert.state is not State.SUPPRESSED]


def _reach_ns(model: KeptModel) -> int:
    said = model.facts.get("warned_within_s")
    return round((said if isinstance(said, int | float) and said > 0 else USUAL_REACH_S) * NS_PER_SECOND)
