"""`/reports`: how the alarm system and the service do, for who answers for them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from alerts.alert import Kind, Severity
from alerts.health import AlarmHealth, BudgetKept, Frequent, Keeping, alarm_health
from api.deps import RECALLED, Deps, Parts
from api.devices import all_devices
from api.items import Time
from ingest.reading import NS_PER_DAY, NS_PER_SECOND
from ingest.times import format_time
from workorders.closure import ClosureCode
from workorders.order import Priority
from workorders.promises import shipped
from workorders.service_report import REPEATED_WITHIN_NS, Kept, Satisfaction, ServiceReport, service_report

router = APIRouter(prefix="/reports", tags=["reports"])
DAYS = 30
"""What the guides ask of an alarm system is asked over so many days, or more."""
MONTH = r"^(19[7-9]\d|2[01]\d\d)-(0[1-9]|1[0-2])$"
MonthText = Annotated[
    str | None, Query(pattern=MONTH, description="YYYY-MM in site.timezone; without it the month that it is")
]
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
    start = max(end - days * NS_PER_DAY, min(deps.alerts.first_raised() or end, end - NS_PER_DAY))
    heard = sum(bool(one.newest) and not one.device.retired for one in all_devices(deps.registry, deps.board))
    return alarm_health(deps.findings.lived(start, end), start, end, heard, deps.budget)


class KeptItem(BaseModel):
    """How a promise was kept."""

    counted: int = Field(description="Orders of which it can be said: done, or due by now")
    kept: int
    share: float | None
    asked: float
    met: bool | None = Field(description="null: nothing can be said yet")
    median_s: float | None = Field(description="Seconds from the opening, of those that are done")
    slowest_s: float | None = Field(description="What nine of ten needed at most")

    @classmethod
    def of(cls, found: Kept) -> Self:
        """As the report says it."""
        return cls(**{name: getattr(found, name) for name in cls.model_fields})


class SatisfactionItem(BaseModel):
    """How satisfied customers are (CSAT)."""

    solved: int = Field(description="Orders that could be rated")
    rated: int
    response_rate: float | None
    mean: float | None = Field(description="Of the ratings, 1 to 5")
    asked: float
    met: bool | None = Field(description="null: nobody rated")

    @classmethod
    def of(cls, found: Satisfaction) -> Self:
        """As the report says it."""
        return cls(**{name: getattr(found, name) for name in cls.model_fields})


class RecurringItem(BaseModel):
    """A problem that opened several orders."""

    site: str
    device: str
    asset: str | None
    metric: str | None
    kind: Kind
    orders: int


class MonthItem(BaseModel):
    """The orders of one month."""

    month: str
    start: Time
    end: Time
    opened: int
    closed: int
    reopened: int = Field(description="Orders that were reopened, be it several times; they count as they stand now")
    by_priority: dict[Priority, int]
    response: KeptItem
    solution: KeptItem
    satisfaction: SatisfactionItem
    complaints: KeptItem = Field(description="All complaints, and those closed; seconds from the complaint")
    found: dict[ClosureCode, int]
    repeated: int = Field(description="Orders about a fault that was found on the same machine in the 90 days before")
    recurring: list[RecurringItem]

    @classmethod
    def of(cls, month: str, found: ServiceReport) -> Self:
        """As the report says it."""
        return cls(
            month=month,
            start=format_time(found.start),
            end=format_time(found.end),
            opened=found.opened,
            closed=found.closed,
            reopened=found.reopened,
            by_priority=found.by_priority,
            response=KeptItem.of(found.response),
            solution=KeptItem.of(found.solution),
            satisfaction=SatisfactionItem.of(found.satisfaction),
            complaints=KeptItem.of(found.complaints),
            found=found.found,
            repeated=found.repeated,
            recurring=[RecurringItem(**problem._asdict(), orders=n) for problem, n in found.recurring],
        )


class ServiceItem(MonthItem):
    """The orders of a month, and of the month before."""

    before: MonthItem


@router.get("/service")
def get_service(deps: Parts, month: MonthText = None) -> ServiceItem:
    """How the promises of a month's work orders were kept, what was found, and what came back."""
    ours = month or this_month(deps)
    found, before = found_service(deps, ours)
    told = MonthItem.of(ours, found).model_dump()
    return ServiceItem(**told, before=MonthItem.of(month_before(ours), before))


def found_service(deps: Deps, month: str) -> tuple[ServiceReport, ServiceReport]:
    """The orders of a month, `YYYY-MM` in `site.timezone`, and of the month before."""
    earlier, start, end = (_begin(deps, one) for one in (month_before(month), month, month_after(month)))
    orders, now, asked = deps.orders.opened(earlier - REPEATED_WITHIN_NS, end), deps.clock(), shipped().asked
    return service_report(orders, start, end, now, asked), service_report(orders, earlier, start, now, asked)


def this_month(deps: Deps) -> str:
    """The month that it is."""
    return datetime.fromtimestamp(deps.clock() // NS_PER_SECOND, deps.zone).strftime("%Y-%m")


def month_after(month: str, months: int = 1) -> str:
    """The month so many later.

    >>> month_after("2026-12"), month_before("2026-01")
    ('2027-01', '2025-12')
    """
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + months
    return f"{number // 12:04}-{number % 12 + 1:02}"


def month_before(month: str) -> str:
    """The month before."""
    return month_after(month, -1)


def _begin(deps: Deps, month: str) -> int:
    first = datetime(int(month[:4]), int(month[5:]), 1, tzinfo=deps.zone)
    return round(first.timestamp()) * NS_PER_SECOND
