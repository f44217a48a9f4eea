"""`/reports`: how the alarm system does, for who answers for it."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from alerts.alert import Kind, Severity
from alerts.health import DAY_NS, AlarmHealth, BudgetKept, Frequent, Keeping, alarm_health
from api.deps import RECALLED, Deps, Parts
from api.devices import all_devices
from api.items import Time
from ingest.times import format_time

router = APIRouter(prefix="/reports", tags=["reports"])
DAYS = 30
"""What the guides ask of an alarm system is asked over so many days, or more."""
Days = Annotated[int, Query(ge=1, le=366, description="How far back to look")]


class FigureItem(BaseModel):
    """One figure and what is asked of it."""

    name: str
    value: float
    most: float = Field(description="What is asked for: no more than this")
    met: bool | None = Field(description="null: too few alerts for it to say anything")


class FrequentItem(BaseModel):
    """One of the alarms that were raised most often."""

    site: str
    device: str
    metric: str | None
    kind: Kind
    raised: int
    false: int = Field(description="How often people said that it was wrong")

    @classmethod
    def of(cls, found: Frequent) -> Self:
        """As the report says it."""
        return cls(**found.subject._asdict(), raised=found.raised, false=found.false)


class BudgetItem(BaseModel):
    """False alarms beside `alarms.budget`; silence and configured limits are not in it."""

    accepted: float = Field(description="False alarms accepted per device-month")
    device_months: float
    raised: int
    right: int
    false: int
    unanswered: int
    least: float = Field(description="False alarms per device-month if all that nobody answered were right")
    most: float = Field(description="The same if none of them was")
    keeping: Keeping

    @classmethod
    def of(cls, found: BudgetKept) -> Self:
        """As the report says it."""
        return cls(**{name: getattr(found, name) for name in cls.model_fields})


class AlarmHealthItem(BaseModel):
    """The alarm system over some time, as one operator position."""

    start: Time
    end: Time
    devices: int
    raised: int
    by_severity: dict[Severity, int]
    by_kind: dict[Kind, int]
    figures: list[FigureItem]
    frequent: list[FrequentItem]
    budget: BudgetItem

    @classmethod
    def of(cls, found: AlarmHealth) -> Self:
        """As the report says it."""
        return cls(
            start=format_time(found.start),
            end=format_time(found.end),
            devices=found.devices,
            raised=found.raised,
            by_severity=found.by_severity,
            by_kind=found.by_kind,
            figures=[FigureItem(name=one.name, value=one.value, most=one.most, met=one.met) for one in found.figures],
            frequent=[FrequentItem.of(one) for one in found.frequent],
            budget=BudgetItem.of(found.budget),
        )


@router.get("/alarm-health", dependencies=[RECALLED])
def get_alarm_health(deps: Parts, days: Days = DAYS) -> AlarmHealthItem:
    """How many alerts there are, how many were wrong, which are a nuisance, and whether the budget is kept."""
    return AlarmHealthItem.of(found_health(deps, days))


def found_health(deps: Deps, days: int) -> AlarmHealth:
    """The alarm system over the last `days`, but no further back than its first alert."""
    end = deps.clock()
    start = max(end - days * DAY_NS, min(deps.alerts.first_raised() or end, end - DAY_NS))
    heard = sum(bool(one.newest) and not one.device.retired for one in all_devices(deps.registry, deps.board))
    return alarm_health(deps.findings.lived(start, end), start, end, heard, deps.budget)
