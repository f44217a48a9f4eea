"""What a comparison came to as files for programs: `comparison.json` and `differences.csv`."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from alerts.alert import Alert, Verdict
from forewarn.atomicfile import UNPRINTABLE
from forewarn.history.measures import measure
from forewarn.history.pairing import Pairing, Recorded, Result, against_budget, raised_again
from forewarn.history.results import ALERT_COLUMNS, alert_row, write_json
from forewarn.history.variants import Differing
from ingest.reading import NS_PER_SECOND
from ingest.times import format_time
from ingest.truth import Label


def write_comparison(
    path: Path,
    results: Sequence[Result],
    pairings: Sequence[Pairing],
    span: tuple[int, int],
    differing: Sequence[Differing],
    labels: Sequence[Label] | None,
    recorded: Sequence[Recorded],
) -> None:
    """comparison.json: the figures of each configuration, and of the first beside each other. `span` in ns UTC."""
    start, end = span
    configurations = [_figures(result, labels, recorded, end) for result in results]
    pairs = [_pair(result.name, pairing) for result, pairing in zip(results[1:], pairings, strict=True)]
    told = {
        "span": {"start": format_time(start), "end": format_time(end)},
        "configurations": configurations,
        "settings": [{"key": one.key, "values": list(one.values)} for one in differing],
        "against": pairs,
    }
    write_json(path, told)


def _figures(result: Result, labels: Sequence[Label] | None, recorded: Sequence[Recorded], end: int) -> dict[str, Any]:
    budget = against_budget(result, result.budget.period)
    told: dict[str, Any] = {
        "name": result.name,
        "alerts": len(result.alerts),
        "alerts_by_kind": dict(sorted(Counter(str(alert.kind) for alert in result.alerts).items())),
        "alerts_by_severity": dict(sorted(Counter(str(alert.severity) for alert in result.alerts).items())),
        "work_orders": len(result.orders),
        "device_days": result.device_days,
        "budget": {"period": budget.period, "accepted": budget.accepted, "measured": budget.measured},
    }
    if labels is not None:
        told["truth"] = measure(list(result.alerts), labels, result.device_days)
    if recorded:
        told["feedback"] = {str(verdict): _again(verdict, recorded, result, end) for verdict in Verdict}
    return told


def _again(verdict: Verdict, recorded: Sequence[Recorded], result: Result, end: int) -> dict[str, int]:
    """How many live alerts have that verdict, and how many of them are raised again."""
    said = [one.alert for one in recorded if one.verdict is verdict]
    return {"alerts": len(said), "raised": sum(raised_again(alert, result.alerts, end) is not None for alert in said)}


def _pair(name: str, pairing: Pairing) -> dict[str, Any]:
    later = [shared.later_ns / NS_PER_SECOND for shared in pairing.shared]
    return {
        "name": name,
        "same": sum(shared.same for shared in pairing.shared),
        "otherwise": sum(not shared.same for shared in pairing.shared),
        "only_first": len(pairing.only_base),
        "only_this": len(pairing.only_other),
        "later_s": [seconds for seconds in later if seconds],
    }


def write_differences(path: Path, results: Sequence[Result], pairings: Sequence[Pairing]) -> None:
    """differences.csv: the alerts that only one of two configurations raised, by pair and time of raising."""
    with path.open("w", encoding="utf-8", errors=UNPRINTABLE, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("against", "only_raised_by", *ALERT_COLUMNS))
        for result, pairing in zip(results[1:], pairings, strict=True):
            for raised_by, alert in _alone(results[0], result, pairing):
                writer.writerow((result.name, raised_by, *alert_row(alert)))


def _alone(base: Result, other: Result, pairing: Pairing) -> Iterator[tuple[str, Alert]]:
    pairs = [(base.name, alert) for alert in pairing.only_base] + [(other.name, alert) for alert in pairing.only_other]
    yield from sorted(pairs, key=lambda pair: (pair[1].raised_at, pair[1].id))
