"""Which earlier alerts are like one, in what order, and what became of them: what fixed it the last times.

Alike are alerts of the same kind that are mostly about the same metric: of the same device first, then of devices of
its class at the site, then of that class anywhere; the newest first. Several alerts of one work order are one trouble
and count once; those of the order of the alert itself are the same trouble.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from alerts.alert import Alert, Explanation, Verdict
from ingest.reading import NS_PER_DAY, NS_PER_SECOND
from workorders.closure import LABELS, ClosureCode
from workorders.order import WorkOrder

MOST_SHOWN = 5
DAYS = 90
"""Days back over which the summary counts."""


class Nearness(StrEnum):
    """Where an earlier alert was, the nearest first."""

    DEVICE = "device"
    SITE = "site"
    """Another device of the class at the site."""
    CLASS = "class"
    """A device of the class at another site."""

    @property
    def rank(self) -> int:
        """0 for the same device … 2."""
        return list(Nearness).index(self)


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier alert and what people made of it."""

    alert: Alert
    asset_class: str | None = None
    """Of its device."""
    order: WorkOrder | None = None
    """The order that it opened or joined."""
    verdict: Verdict | None = None
    """What somebody said of it last."""
    said: str = ""
    """The last words that somebody wrote about the alert itself."""

    @property
    def code(self) -> ClosureCode | None:
        """What it turned out to be; None while nobody said."""
        code = self.order.closure_code if self.order else None
        if code is not None and code.machine_fault is not None:
            return code
        return ClosureCode.FALSE_ALARM if self.verdict is Verdict.NOT_ANOMALY else None

    @property
    def finding(self) -> Explanation | None:
        """The same in words."""
        return LABELS[self.code] if self.code else None

    @property
    def note(self) -> str:
        """How it was resolved, in the words of who did it."""
        return (self.order.closure_note if self.order else None) or self.said

    @property
    def solve_s(self) -> float | None:
        """Seconds from the opening of its order until the work was done."""
        if self.order is None or self.order.solved_at is None:
            return None
        return max(self.order.solved_at - self.order.opened_at, 0) / NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Like:
    """An earlier alert that is like one, and how near it was."""

    past: Past
    near: Nearness


@dataclass(frozen=True, slots=True)
class Similar:
    """Earlier alerts like one, the nearest first, and all of them in a line."""

    items: tuple[Like, ...] = ()
    summary: Explanation | None = None


def similar(alert: Alert, asset_class: str | None, pasts: Iterable[Past], cut: Collection[Nearness] = ()) -> Similar:
    """Those of `pasts` that are like `alert`, whose device is of that class; there may be more of those in `cut`."""
    alike = [Like(past, near) for past in pasts if (near := nearness(alert, asset_class, past)) is not None]
    alike.sort(key=lambda one: (one.near.rank, -one.past.alert.raised_at, one.past.alert.id))
    troubles: dict[str, Like] = {}
    for one in alike:
        troubles.setdefault(one.past.alert.work_order or one.past.alert.id, one)
    found = tuple(troubles.values())
    return Similar(found[:MOST_SHOWN], summary(alert.raised_at, asset_class, found, cut))


def nearness(alert: Alert, asset_class: str | None, past: Past) -> Nearness | None:
    """How near an earlier alert was; None if it is not like `alert`."""
    other = past.alert
    same_trouble = alert.work_order is not None and other.work_order == alert.work_order
    if (other.kind, other.lead) != (alert.kind, alert.lead) or other.raised_at >= alert.raised_at or same_trouble:
        return None
    if (other.site, other.device) == (alert.site, alert.device):
        return Nearness.DEVICE
    if asset_class is None or past.asset_class != asset_class:
        return None
    return Nearness.SITE if other.site == alert.site else Nearness.CLASS


def summary(
    raised_at: int, asset_class: str | None, found: Sequence[Like], cut: Collection[Nearness]
) -> Explanation | None:
    """What became of the nearest ones of the last days, or of the last one before; None where there are none."""
    recent = [one for one in found if raised_at - one.past.alert.raised_at <= DAYS * NS_PER_DAY]
    if recent:
        near = recent[0].near
        return _counted([one for one in recent if one.near is near], near, asset_class, near in cut)
    return _last(found[0], asset_class) if found else None


def _counted(found: Sequence[Like], near: Nearness, asset_class: str | None, cut: bool) -> Explanation:
    codes = Counter(one.past.code for one in found)
    known = sorted(((n, code) for code, n in codes.items() if code is not None), key=lambda pair: (-pair[0], pair[1]))
    en = [f"{n} × {LABELS[code].en.lower()}" for n, code in known]
    zh = [f"{LABELS[code].zh} {n} 次" for n, code in known]
    if codes[None]:
        en, zh = [*en, f"{codes[None]} without a finding"], [*zh, f"无结论 {codes[None]} 次"]
    where, wo = _where(near, asset_class)
    least, zuishao = ("at least ", "至少") if cut else ("", "")
    return Explanation(
        f"{least}{len(found)} similar {where} in {DAYS} days: {', '.join(en)}",
        f"{wo}近 {DAYS} 天有{zuishao} {len(found)} 次类似报警：{'，'.join(zh)}",
    )


def _last(one: Like, asset_class: str | None) -> Explanation:
    where, wo = _where(one.near, asset_class)
    day = datetime.fromtimestamp(one.past.alert.raised_at // NS_PER_SECOND, UTC).date().isoformat()
    said = one.past.finding or Explanation("no finding", "无结论")
    return Explanation(f"last similar {where} on {day}: {said.en.lower()}", f"{wo}上一次类似报警在 {day}：{said.zh}")


def _where(near: Nearness, asset_class: str | None) -> tuple[str, str]:
    return {
        Nearness.DEVICE: ("on this device", "本设备"),
        Nearness.SITE: (f"on other devices of class {asset_class} at the site", f"本站点其他 {asset_class} 类设备"),
        Nearness.CLASS: (f"on devices of class {asset_class} at other sites", f"其他站点 {asset_class} 类设备"),
    }[near]
