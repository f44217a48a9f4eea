"""What `forewarn model` says of models, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alerts.model_store import KeptModel, ModelAction, ModelState
from ingest.times import format_time
from workorders.promotion import Tally
from workorders.review import Review

UNKNOWN = "not said"


def span(facts: Mapping[str, Any]) -> str:
    """The span of the data that a model was trained on."""
    learned = facts.get("trained_on") or {}
    return f"{learned['start']}/{learned['end']}" if {"start", "end"} <= set(learned) else UNKNOWN


def measures(facts: Mapping[str, Any]) -> str:
    """What it came to on devices that were left out of training."""
    found = facts.get("measures") or {}
    if not {"warned", "failures", "false", "device_months"} <= set(found):
        return UNKNOWN
    return (
        f"{found['warned']} of {found['failures']} failures warned of, "
        f"{found['false']} false alarms in {found['device_months']:.1f} device-months"
    )


def lines(model: KeptModel, review: Review, history: Sequence[ModelAction]) -> Iterator[str]:
    """All that is known of a model."""
    learned = model.facts.get("trained_on") or {}
    yield f"id: {model.id}"
    yield f"sha256: {model.digest}"
    yield f"state: {model.state}"
    yield f"file: {model.name}"
    yield f"data: {span(model.facts)}"
    yield f"devices: {len(learned.get('devices', ()))}, failures: {learned.get('failures', UNKNOWN)}"
    yield f"on devices left out: {measures(model.facts)}"
    if review.since is not None:
        yield f"looks on since: {format_time(review.since)}"
        yield f"would have raised: {_tally(review.shadow)}"
        yield f"{'the active model' if review.against_model else 'the baseline'} raised: {_tally(review.other)}"
    if model.state is ModelState.SHADOW:
        yield f"may be promoted: {'yes' if review.decision.may else 'no'}: {review.decision.explanation.en}"
    for one in history:
        said = [format_time(one.at), str(one.action), one.by or "somebody"]
        said += ["forced"] if one.forced else []
        said += [text for text in (one.reason.en, one.note) if text]
        yield "\t".join(said)


def _tally(found: Tally) -> str:
    return (
        f"{found.raised} alerts; faults warned of {found.warned}, missed {found.missed}; "
        f"false {found.false}, nothing came of {found.nothing_came}, pending {found.pending}"
    )
