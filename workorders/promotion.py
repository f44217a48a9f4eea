"""Whether a shadow model may take over: what it would have raised against what was told, on the same span and faults.

    findings, failures of the log ─▶ faults, times when nothing was wrong
    alerts of the shadow ─▶ Tally ┐
    alerts that were told ─▶ Tally ┴─▶ decide ─▶ yes or no, and why, in both languages

Pure. A fault warned of is worth `WORTH` false alarms, as when thresholds are chosen in training. Nobody looks at what a
shadow raises, so alerts of which nothing came count against it where it has more of them than the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from alerts.alert import Alert, Explanation
from alerts.operating import WORTH
from alerts.wording import number
from ingest.registry import DeviceKey
from workorders.findings import Finding

LEAST_FAULTS = 3
"""Faults that must be on record: as many as training asks for."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was wrong with a device, from `begin` to `end` (ns UTC)."""

    device: DeviceKey
    begin: int
    end: int
    failed_at: int | None = None
    """When it broke down, if the log says so."""

    @property
    def due(self) -> int:
        """What comes after that is no warning any more."""
        return self.end if self.failed_at is None else self.failed_at


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a span: faults, and times when somebody looked and nothing was wrong."""

    faults: tuple[Fault, ...]
    nothing: tuple[Fault, ...]
    reach: int
    """A warning is one that comes at most so long (ns) before its fault."""
    since: int = 0
    """Start of the span, ns UTC. A fault counts from `reach` after it on: before, a warning may have come earlier."""

    @property
    def counted(self) -> tuple[Fault, ...]:
        """The faults that count."""
        return tuple(fault for fault in self.faults if fault.begin >= self.since + self.reach)


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the alerts of one voice."""

    raised: int = 0
    warned: int = 0
    """Faults that it warned of."""
    missed: int = 0
    """Faults that it did not."""
    false: int = 0
    """Alerts of which people said that nothing was wrong."""
    nothing_came: int = 0
    """Alerts of which nobody said anything, and no fault followed."""
    pending: int = 0
    """Alerts after which a fault may still follow."""


class Reason(StrEnum):
    """Why a model may be promoted, or not."""

    BETTER = "better"
    NO_BETTER = "no_better"
    WORSE = "worse"
    TOO_LITTLE = "too_little"
    NOT_LOOKED = "not_looked"
    NO_SHADOW = "no_shadow"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a model may be promoted, and why."""

    reason: Reason
    explanation: Explanation

    @property
    def may(self) -> bool:
        """Whether it may."""
        return self.reason is Reason.BETTER


def record(
    findings: Iterable[Finding], failures: Iterable[tuple[DeviceKey, int]], reach: int, since: int = 0
) -> Record:
    """Put together what people found and the failures (device, ns UTC) of the log; one fault told twice counts once."""
    told: list[Fault] = []
    nothing: list[Fault] = []
    for one in findings:
        span = Fault((one.alert.site, one.alert.device), one.alert.onset_at, one.end)
        (told if one.wrong else nothing).append(span)
    told += [Fault(device, at, at, at) for device, at in failures]
    return Record(tuple(_merged(told, reach)), tuple(nothing), reach, since)


def _merged(faults: Sequence[Fault], reach: int) -> list[Fault]:
    """What is told of a device less than `reach` apart is one fault; but two breakdowns are two."""
    merged: list[Fault] = []
    for one in sorted(faults, key=lambda fault: (fault.device, fault.begin, fault.end)):
        last = merged[-1] if merged else None
        near = last is not None and last.device == one.device and one.begin - last.end < reach
        if last is None or not near or None not in (last.failed_at, one.failed_at):
            merged.append(one)
        else:
            failed_at = one.failed_at if last.failed_at is None else last.failed_at
            merged[-1] = Fault(one.device, last.begin, max(last.end, one.end), failed_at)
    return merged


def tally(alerts: Sequence[Alert], known: Record, now: int) -> Tally:
    """What became of these alerts by `now` (ns UTC)."""
    faults, nothing = _by_device(known.faults), _by_device(known.nothing)
    counted, warned = set(known.counted), set[Fault]()
    false = nothing_came = pending = 0
    for alert in alerts:
        device, at = (alert.site, alert.device), alert.raised_at
        of = [fault for fault in faults.get(device, ()) if fault.begin - known.reach <= at <= fault.end]
        if of:
            warned.update(fault for fault in of if at <= fault.due)
        elif any(span.begin <= at <= span.end for span in nothing.get(device, ())):
            false += 1
        elif at + known.reach <= now:
            nothing_came += 1
        else:
            pending += 1
    number = len(warned & counted)
    return Tally(len(alerts), number, len(counted) - number, false, nothing_came, pending)


def _by_device(faults: Iterable[Fault]) -> dict[DeviceKey, list[Fault]]:
    found: dict[DeviceKey, list[Fault]] = {}
    for fault in faults:
        found.setdefault(fault.device, []).append(fault)
    return found


def decide(shadow: Tally, other: Tally, against_model: bool) -> Decision:
    """Whether the shadow did better than `other`: the active model, or the baseline where there is none."""
    faults = shadow.warned + shadow.missed
    if faults < LEAST_FAULTS:
        return Decision(Reason.TOO_LITTLE, _too_little(faults))
    excess = max(0, shadow.nothing_came - other.nothing_came)
    ahead = (shadow.warned - (shadow.false + excess) / WORTH) - (other.warned - other.false / WORTH)
    reason = Reason.BETTER if ahead > 0 else Reason.NO_BETTER if ahead == 0 else Reason.WORSE
    return Decision(reason, _compared(shadow, other, faults, against_model, reason))


NOT_LOOKED = Decision(
    Reason.NOT_LOOKED,
    Explanation(
        "it has not judged a reading yet: a device is judged once most of the metrics are known for 48 slots",
        "它尚未判断任何读数：设备的多数测点积累满 48 个时段后才会判断",
    ),
)
NO_SHADOW = Decision(
    Reason.NO_SHADOW,
    Explanation("it is no shadow: nothing is recorded that speaks for it", "它不是影子模型，没有可以比较的记录"),
)

DAMAGED = Decision(
    Reason.DAMAGED,
    Explanation(
        "its artefact is damaged, so it cannot judge: `forewarn model add` of its file repairs it",
        "模型文件已损坏，无法判断：用 forewarn model add 重新添加该文件即可修复",
    ),
)


def _too_little(faults: int) -> Explanation:
    return Explanation(
        f"not enough is known yet: {faults} of at least {LEAST_FAULTS} faults are on record since it looks on; "
        "closure codes, feedback and failures in the log tell of them",
        f"反馈还不够：自其旁观以来只记录了 {faults} 次故障，至少需要 {LEAST_FAULTS} 次；"
        "结单代码、反馈和日志中的故障都会计入",
    )


def _compared(shadow: Tally, other: Tally, faults: int, against_model: bool, reason: Reason) -> Explanation:
    than, than_zh = ("the active model", "当前模型") if against_model else ("the baseline", "基线报警")
    said = {Reason.BETTER: ("better than", "优于"), Reason.WORSE: ("worse than", "不如")}
    verdict, verdict_zh = said.get(reason, ("no better than", "并不优于"))
    en = f"{verdict} {than}: it would have warned of {shadow.warned} of {faults} faults ({than}: {other.warned})"
    zh = f"{verdict_zh}{than_zh}：{faults} 次故障中本可预警 {shadow.warned} 次（{than_zh} {other.warned} 次）"
    en += f", false alarms {shadow.false} ({other.false})"
    zh += f"，误报 {shadow.false} 次（{other.false} 次）"
    en += f", alerts of which nothing came {shadow.nothing_came} ({other.nothing_came})"
    zh += f"，另有 {shadow.nothing_came} 次报警未见后续（{other.nothing_came} 次）"
    return Explanation(
        f"{en}; a fault warned of counts as {number(WORTH)} false alarms",
        f"{zh}；每预警一次故障抵 {number(WORTH)} 次误报",
    )
