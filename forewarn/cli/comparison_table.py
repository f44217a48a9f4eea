"""A comparison on the terminal: the figures side by side, and what only one configuration raised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alerts.alert import Alert, Severity, Verdict
from alerts.wording import duration
from forewarn.history.measures import measure
from forewarn.history.pairing import Pairing, Recorded, Result, against_budget, raised_again
from ingest.times import format_time
from ingest.truth import Label

MOST_LISTED = 10
"""Alerts listed for each side; all of them are in differences.csv."""
NOTHING = "-"


def print_comparison(
    console: Console,
    results: Sequence[Result],
    pairings: Sequence[Pairing],
    labels: Sequence[Label] | None,
    recorded: Sequence[Recorded],
    end: int,
) -> None:
    """Print it. `end` is that of the history, ns UTC."""
    table = Table("", *(escape(result.name) for result in results), box=box.SIMPLE_HEAD)
    for name, values in _rows(results, labels, recorded, end):
        table.add_row(name, *values)
    console.print(table)
    for result, pairing in zip(results[1:], pairings, strict=True):
        console.print(_in_words(result, pairing), markup=False)
        for raised_by, alerts in ((results[0], pairing.only_base), (result, pairing.only_other)):
            if alerts:
                console.print(_listed(raised_by, alerts))


def _rows(
    results: Sequence[Result], labels: Sequence[Label] | None, recorded: Sequence[Recorded], end: int
) -> list[tuple[str, list[str]]]:
    made = [("alerts", [str(len(result.alerts)) for result in results])]
    for what, names in (("severity", list(reversed(Severity))), ("kind", _kinds(results))):
        for name in names:
            counts = [Counter(str(getattr(a, what)) for a in r.alerts)[str(name)] for r in results]
            made += [(f"  {name}", [str(count) for count in counts])] if any(counts) else []
    made.append(("work orders", [str(len(result.orders)) for result in results]))
    period = results[0].budget.period
    made.append((f"alerts per device-{period}, limits and silence apart", [_budget(r, period) for r in results]))
    made += _measured(results, labels) if labels is not None else []
    return made + _judged(results, recorded, end)


def _kinds(results: Sequence[Result]) -> list[str]:
    return sorted({str(alert.kind) for result in results for alert in result.alerts})


def _budget(result: Result, period: str) -> str:
    found = against_budget(result, period)
    return f"{_short(found.measured)}, accepted {found.accepted:.3g}"


def _measured(results: Sequence[Result], labels: Sequence[Label]) -> list[tuple[str, list[str]]]:
    found = [measure(list(result.alerts), labels, result.device_days) for result in results]
    rows = [
        ("troubles found", [f"{one['found']} of {one['labels']}" for one in found]),
        ("precision", [_percent(one["precision"]) for one in found]),
        ("false alarms per device-day", [_short(one["false_alarms_per_device_day"]) for one in found]),
        ("delay, median", [_span(one["delay_s_median"]) for one in found]),
        ("lead before failures, median", [_span(one["lead_s_median"]) for one in found]),
    ]
    return [(name, cells) for name, cells in rows if any(cell != NOTHING for cell in cells)]


def _judged(results: Sequence[Result], recorded: Sequence[Recorded], end: int) -> list[tuple[str, list[str]]]:
    rows = []
    for verdict, name in (
        (Verdict.ANOMALY, "raises what people confirmed"),
        (Verdict.NOT_ANOMALY, "what they refuted"),
    ):
        said = [one.alert for one in recorded if one.verdict is verdict]
        again = [sum(raised_again(alert, r.alerts, end) is not None for alert in said) for r in results]
        rows += [(name, [f"{count} of {len(said)}" for count in again])] if said else []
    return rows


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.0f} %"


def _short(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3g}"


def _span(seconds: float | None) -> str:
    return NOTHING if seconds is None else duration(seconds)


def _in_words(result: Result, pairing: Pairing) -> str:
    same = sum(shared.same for shared in pairing.shared)
    parts = [f"{same} alerts the same", f"{len(pairing.shared) - same} at another time or severity"]
    parts += [f"{len(pairing.only_base)} not raised any more", f"{len(pairing.only_other)} new"]
    return f"With {result.name}: {', '.join(parts)}."


def _listed(raised_by: Result, alerts: Sequence[Alert]) -> Table:
    table = Table(title=f"Only {raised_by.name} raised", title_justify="left", box=box.SIMPLE_HEAD, expand=True)
    for name in ("raised", "device", "metric", "kind", "severity"):
        table.add_column(name, no_wrap=True)
    table.add_column("why", no_wrap=True, overflow="ellipsis", ratio=1)
    ranked = sorted(alerts, key=lambda alert: (-alert.severity.rank, alert.raised_at))
    for alert in ranked[:MOST_LISTED]:
        cells = (alert.device, alert.metric or "*", alert.kind, alert.severity, alert.explanation.en)
        table.add_row(format_time(alert.raised_at)[:16].replace("T", " "), *map(escape, cells))
    if len(alerts) > MOST_LISTED:
        table.caption = f"{len(alerts) - MOST_LISTED} more in differences.csv"
    return table
