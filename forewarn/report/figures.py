"""The figures of a report: what each configuration came to, side by side, and a comparison in short."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from markupsafe import Markup

from alerts.alert import Severity, Verdict
from alerts.wording import number
from api.web.format import percent
from forewarn.history.measures import measure
from forewarn.history.pairing import Pairing, Recorded, Result, against_budget, raised_again
from forewarn.report.words import both, console, length, say, told
from ingest.reading import NS_PER_SECOND
from ingest.truth import Label

NOTHING = "–"
KEPT = 2.0
"""A budget is kept within this factor; right alerts count here too, so only more than that stands out."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure; `share` is the length of its bar."""

    text: str | Markup
    share: float | None = None
    limit: float | None = None
    """Where a line stands across the bar, a budget say."""
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of all configurations."""

    label: Markup
    cells: tuple[Cell, ...]
    indented: bool = False
    tone: str = ""


def rows(
    results: Sequence[Result], labels: Sequence[Label] | None, recorded: Sequence[Recorded], end: int
) -> list[Row]:
    """The table side by side."""
    made = [_counted(say("alerts"), [len(r.alerts) for r in results])]
    made += _tallied(results, "severity", [str(s) for s in reversed(Severity)])
    made += _tallied(results, "kind", sorted({str(a.kind) for r in results for a in r.alerts}))
    made += [_counted(say("orders"), [len(r.orders) for r in results]), _budget_row(results)]
    if labels is not None:
        made += _measured(results, labels)
    return made + _judged(results, recorded, end)


def _counted(label: Markup, numbers: Sequence[int], indented: bool = False, tone: str = "") -> Row:
    most = max(numbers, default=0) or 1
    return Row(label, tuple(Cell(str(n), n / most) for n in numbers), indented, tone)


def _tallied(results: Sequence[Result], what: str, names: Sequence[str]) -> list[Row]:
    counts = [Counter(str(getattr(alert, what)) for alert in result.alerts) for result in results]
    most = max((len(result.alerts) for result in results), default=0) or 1
    made = []
    for name in names:
        numbers = [count[name] for count in counts]
        if any(numbers):
            cells = tuple(Cell(str(n), n / most) for n in numbers)
            made.append(Row(both(console(f"{what}.{name}")), cells, True, f"tone-{name}" if what == "severity" else ""))
    return made


def _budget_row(results: Sequence[Result]) -> Row:
    found = [against_budget(result, results[0].budget.period) for result in results]
    most = max([1.0, *(one.share for one in found if one.share is not None)])
    cells = []
    for one in found:
        shown = NOTHING if one.measured is None else number(float(f"{one.measured:.3g}"))
        accepted = say("budget", n=number(float(f"{one.accepted:.3g}")))
        text = Markup('{} <span class="muted small">{}</span>').format(shown, accepted)
        share = None if one.share is None else one.share / most
        cells.append(Cell(text, share, 1.0 / most, bad=one.share is not None and one.share > KEPT))
    return Row(say("per_device", period=told(f"period_{found[0].period}")), tuple(cells))


def _measured(results: Sequence[Result], labels: Sequence[Label]) -> list[Row]:
    found = [measure(list(result.alerts), labels, result.device_days) for result in results]

    def row(label: Markup, make: Callable[[dict[str, object]], Cell]) -> Row:
        return Row(label, tuple(make(one) for one in found))

    made = [
        row(say("found", n=len(labels)), lambda one: Cell(str(one["found"]), _number(one["recall"]))),
        row(say("precision"), lambda one: Cell(percent(_number(one["precision"])), _number(one["precision"]))),
        row(say("false_per_day"), lambda one: Cell(_short(one["false_alarms_per_device_day"]))),
    ]
    for key, name in (("delay", "delay_s_median"), ("lead", "lead_s_median")):
        if any(one[name] is not None for one in found):
            made.append(row(say(key), lambda one, name=name: Cell(_length(one[name]))))  # type: ignore[misc]
    return made


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _short(value: object) -> str:
    known = _number(value)
    return NOTHING if known is None else number(float(f"{known:.3g}"))


def _length(value: object) -> str | Markup:
    known = _number(value)
    return NOTHING if known is None else both(length(known))


def _judged(results: Sequence[Result], recorded: Sequence[Recorded], end: int) -> list[Row]:
    made = []
    for verdict, key in ((Verdict.ANOMALY, "confirmed"), (Verdict.NOT_ANOMALY, "refuted")):
        said = [one.alert for one in recorded if one.verdict is verdict]
        if said:
            again = [sum(raised_again(alert, r.alerts, end) is not None for alert in said) for r in results]
            cells = tuple(Cell(str(n), n / len(said)) for n in again)
            made.append(Row(say(key, n=len(said)), cells))
    return made


@dataclass(frozen=True, slots=True)
class Short:
    """What changes with another configuration, in a few words: (word, tone) each."""

    other: int
    facts: tuple[tuple[Markup, str], ...]


def in_short(results: Sequence[Result], other: int, pairing: Pairing) -> Short:
    """The difference that one other configuration makes."""
    base, rival = results[0], results[other]
    facts = [
        (say("alerts_change", was=len(base.alerts), **{"is": len(rival.alerts)}), "plain"),
        (say("orders_change", was=len(base.orders), **{"is": len(rival.orders)}), "plain"),
    ]
    later = [s.later_ns / NS_PER_SECOND for s in pairing.shared if s.later_ns > 0]
    sooner = [-s.later_ns / NS_PER_SECOND for s in pairing.shared if s.later_ns < 0]
    graver = sum(s.base.severity is not s.other.severity for s in pairing.shared)
    same = sum(s.same for s in pairing.shared)
    if not (pairing.only_base or pairing.only_other or later or sooner or graver):
        return Short(other, ((say("no_difference"), "ok"),))
    facts += [(say("gone", n=len(pairing.only_base)), "medium")] if pairing.only_base else []
    facts += [(say("new", n=len(pairing.only_other)), "high")] if pairing.only_other else []
    facts += [(say("sooner", n=len(sooner), span=length(median(sooner))), "ok")] if sooner else []
    facts += [(say("later", n=len(later), span=length(median(later))), "medium")] if later else []
    facts += [(say("graver", n=graver), "low")] if graver else []
    facts += [(say("same", n=same), "plain")] if same else []
    return Short(other, tuple(facts))
