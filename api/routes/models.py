"""`/models`: trained models, the shadow beside what is told, and which one is to look. Changes are for admins."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from alerts.model_store import KeptModel, ModelAction, ModelActionKind, ModelState
from api.deps import Deps, Parts, Who
from api.items import ItemPage, Text, Time, moment
from api.routes.alerts import NoteBody
from ingest.times import format_time
from workorders.promotion import Reason, Tally
from workorders.review import Review

router = APIRouter(prefix="/models", tags=["models"])
ModelId = Annotated[
    str,
    Path(pattern=r"^[0-9a-f]{6,64}$", description="The id, or the beginning of the SHA-256, that only one model has"),
]


class PromoteBody(NoteBody):
    """Why, and whether against what is recorded."""

    force: bool = Field(False, description="Against the evidence, or to bring back a retired model; it is on record")


class DataItem(BaseModel):
    """What a model learned from."""

    start: Time
    end: Time
    devices: int
    readings: int
    entries: int
    failures: int

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Self | None:
        """From the facts of a model, None where they do not say."""
        said = facts.get("trained_on")
        try:
            return cls(**(said | {"devices": len(said["devices"])})) if isinstance(said, dict) else None
        except (KeyError, TypeError, ValueError):
            return None


class MeasuresItem(BaseModel):
    """What a model came to on devices that were left out of its training."""

    failures: int
    warned: int
    false: int
    device_months: float

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Self | None:
        """From the facts of a model, None where they do not say."""
        said = facts.get("measures")
        try:
            return cls(**said) if isinstance(said, dict) else None
        except (TypeError, ValueError):
            return None


class TallyItem(BaseModel):
    """What became of the alerts of one voice."""

    raised: int
    warned: int = Field(description="Faults on record that it warned of")
    missed: int = Field(description="Faults on record that it did not")
    false: int = Field(description="Alerts of which people said that nothing was wrong")
    nothing_came: int = Field(description="Alerts of which nobody said anything, and no fault followed")
    pending: int = Field(description="Alerts after which a fault may still follow")

    @classmethod
    def of(cls, tally: Tally) -> Self:
        """From a tally."""
        return cls(**{name: getattr(tally, name) for name in Tally.__dataclass_fields__})


class ReviewItem(BaseModel):
    """The shadow beside the active model, or the baseline where none is active, on the span since it judges."""

    since: Time | None = Field(description="Event time; null before it judged anything")
    against: Literal["model", "baseline"]
    shadow: TallyItem
    other: TallyItem
    may_promote: bool
    reason: Reason
    explanation: Text

    @classmethod
    def of(cls, review: Review) -> Self:
        """From a review."""
        return cls(
            since=moment(review.since),
            against="model" if review.against_model else "baseline",
            shadow=TallyItem.of(review.shadow),
            other=TallyItem.of(review.other),
            may_promote=review.decision.may,
            reason=review.decision.reason,
            explanation=Text.of(review.decision.explanation),
        )


class ModelItem(BaseModel):
    """One model."""

    id: str
    sha256: str = Field(description="Of its artefact")
    name: str = Field(description="Of the file that it came from")
    state: ModelState
    looks: bool = Field(description="Whether the running engine judges by it, in that state, at this moment")
    added_at: Time
    added_by: str
    trained_on: DataItem | None
    measures: MeasuresItem | None
    review: ReviewItem | None = Field(description="Of the shadow")

    @classmethod
    def of(cls, model: KeptModel, deps: Deps) -> Self:
        """From a model as it is kept."""
        return cls(**_fields(model, deps))


class ModelActionItem(BaseModel):
    """One thing that was done with a model."""

    action: ModelActionKind
    at: Time
    by: str
    note: str
    forced: bool = Field(description="Whether against the evidence")
    reason: Text | None = Field(description="What was recorded about it then")

    @classmethod
    def of(cls, action: ModelAction) -> Self:
        """From an action as it is kept."""
        reason = Text.of(action.reason) if action.reason.en else None
        said = {name: getattr(action, name) for name in ("action", "by", "note", "forced")}
        return cls(at=format_time(action.at), reason=reason, **said)


class ModelDetail(ModelItem):
    """One model with its history."""

    actions: list[ModelActionItem]

    @classmethod
    def with_history(cls, model: KeptModel, deps: Deps) -> Self:
        """From a model as it is kept, and what the registry says was done with it."""
        history = deps.models.models.history(model.digest)
        return cls(**_fields(model, deps), actions=[ModelActionItem.of(one) for one in history])


def _fields(model: KeptModel, deps: Deps) -> dict[str, Any]:
    shadow = model.state is ModelState.SHADOW
    return {
        "id": model.id,
        "sha256": model.digest,
        "name": model.name,
        "state": model.state,
        "looks": (model.state, model.digest)
        in zip((ModelState.ACTIVE, ModelState.SHADOW), deps.looking(), strict=True),
        "added_at": format_time(model.added_at),
        "added_by": model.added_by,
        "trained_on": DataItem.of(model.facts),
        "measures": MeasuresItem.of(model.facts),
        "review": ReviewItem.of(deps.models.review(model, deps.clock())) if shadow else None,
    }


@router.get("")
def list_models(deps: Parts) -> ItemPage[ModelItem]:
    """All models: the active one, the shadow and what is on record about it, retired and deleted ones, newest first."""
    return ItemPage(items=[ModelItem.of(model, deps) for model in deps.models.models.list()])


@router.get("/{id}")
def get_model(deps: Parts, id: ModelId) -> ModelDetail:  # noqa: A002
    """One model, with what was done with it."""
    return ModelDetail.with_history(deps.models.models.get(id), deps)


@router.post("/{id}/promote")
def promote(deps: Parts, who: Who, id: ModelId, body: PromoteBody | None = None) -> ModelDetail:  # noqa: A002
    """Make the shadow the active model. 409 with the reason unless what is recorded speaks for it, or it is forced."""
    body = body or PromoteBody()
    action = ModelAction(ModelActionKind.PROMOTE, deps.clock(), who.name, body.note, body.force)
    return ModelDetail.with_history(deps.models.promote(id, action), deps)


@router.post("/{id}/retire")
def retire(deps: Parts, who: Who, id: ModelId, body: NoteBody | None = None) -> ModelDetail:  # noqa: A002
    """Let a model look no more. 409 if it does not."""
    action = ModelAction(ModelActionKind.RETIRE, deps.clock(), who.name, body.note if body else "")
    return ModelDetail.with_history(deps.models.models.retire(id, action), deps)
