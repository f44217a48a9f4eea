"""`/alerts`: what is wrong, and what people do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from alerts.alert import Alert, Kind, Severity, State, Verdict
from alerts.store import AlertFilter
from api.deps import Deps, Parts, Who
from api.devices import searched
from api.items import AlertDetail, AlertItem, ItemPage
from api.params import LIMIT, Cursor, DeviceName, Limit, MetricName, SearchText, SiteName, TimeText, time_ns
from api.publish import publish_alert
from ingest.reading import NS_PER_SECOND

router = APIRouter(prefix="/alerts", tags=["alerts"])
AlertId = Annotated[str, Path(max_length=64)]
SHELVE_H = 8.0
"""Hours for which an alert is shelved where nobody says: a shift."""
MOST_SHELVE_H = 168.0
"""At most a week: what is to be quiet for longer needs another limit, or a device out of service."""


class NoteBody(BaseModel):
    """What somebody says about what they do."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field("", max_length=4_000)


class ShelveBody(NoteBody):
    """For how long an alert is set aside."""

    hours: float = Field(SHELVE_H, gt=0, le=MOST_SHELVE_H)


class FeedbackBody(NoteBody):
    """Whether the alert was right, or just a word about it."""

    verdict: Verdict | None = None


@router.get("")
def list_alerts(
    deps: Parts,
    state: Annotated[list[State], Query(description="Only these; several are allowed")] = [],  # noqa: B006
    site: SiteName = None,
    device: DeviceName = None,
    metric: MetricName = None,
    kind: Annotated[list[Kind], Query()] = [],  # noqa: B006
    severity: Annotated[list[Severity], Query()] = [],  # noqa: B006
    since: TimeText = None,
    work_order: Annotated[str | None, Query(max_length=64)] = None,
    q: SearchText = None,
    limit: Limit = LIMIT,
    cursor: Cursor = None,
) -> ItemPage[AlertItem]:
    """Alerts, newest first."""
    search = searched(deps.registry, q)
    wanted = AlertFilter(state, site, device, metric, kind, severity, time_ns(since), work_order, *search)
    page = deps.alerts.list(wanted, limit, cursor)
    return ItemPage(
        items=[AlertItem.of(alert, deps.registry.known(alert.site, alert.device)) for alert in page.items],
        next=page.next,
    )


@router.get("/{id}")
def get_alert(deps: Parts, id: AlertId) -> AlertDetail:  # noqa: A002  the contract's name
    """One alert, with what people did with it."""
    return detail(deps, deps.alerts.get(id))


@router.post("/{id}/acknowledge")
def acknowledge(deps: Parts, who: Who, id: AlertId, body: NoteBody | None = None) -> AlertDetail:  # noqa: A002
    """Take note of an alert. 409 where there is nothing to acknowledge."""
    note = body.note if body else ""
    return act(deps, "acknowledged", lambda: deps.alerts.acknowledge(id, who.name, deps.clock(), note))


@router.post("/{id}/close")
def close(deps: Parts, who: Who, id: AlertId, body: NoteBody | None = None) -> AlertDetail:  # noqa: A002
    """End an alert for good. 409 if it is closed already."""
    note = body.note if body else ""
    return act(deps, "closed", lambda: deps.alerts.close(id, who.name, deps.clock(), note))


@router.post("/{id}/shelve")
def shelve(deps: Parts, who: Who, id: AlertId, body: ShelveBody | None = None) -> AlertDetail:  # noqa: A002
    """Set an open alert aside for a while, and new ones about the same. 409 where nothing is open."""
    body = body or ShelveBody()
    return act(deps, "shelved", lambda: set_aside(deps, id, who.name, body.hours, body.note))


@router.post("/{id}/unshelve")
def unshelve(deps: Parts, who: Who, id: AlertId, body: NoteBody | None = None) -> AlertDetail:  # noqa: A002
    """End a shelf at once. 409 if the alert is not shelved."""
    deps.unshelve(id, who.name, deps.clock(), body.note if body else "")
    return detail(deps, deps.alerts.get(id))


@router.post("/{id}/feedback")
def feedback(deps: Parts, who: Who, id: AlertId, body: FeedbackBody) -> AlertDetail:  # noqa: A002
    """Say whether the alert was right, in any state; the last verdict counts."""
    return act(deps, "feedback", lambda: deps.alerts.feedback(id, who.name, deps.clock(), body.verdict, body.note))


def set_aside(deps: Deps, alert_id: str, by: str, hours: float, note: str) -> Alert:
    """Shelve an alert from now on."""
    now = deps.clock()
    return deps.alerts.shelve(alert_id, by, now, now + round(hours * 3_600) * NS_PER_SECOND, note)


def act(deps: Deps, change: str, action: Callable[[], Alert]) -> AlertDetail:
    """Do it, tell the event stream, and give the alert as it is then."""
    alert = action()
    publish_alert(deps.hub, deps.registry, alert, change)
    return detail(deps, alert)


def detail(deps: Deps, alert: Alert) -> AlertDetail:
    """An alert with all that belongs to it."""
    device = deps.registry.known(alert.site, alert.device)
    return AlertDetail.with_history(alert, device, deps.alerts.history(alert.id), deps.past.similar(alert))
