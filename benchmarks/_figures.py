"""The figures of a set of recorded faults, and the tables they are printed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import _worth as worth
from benchmarks._episodes import measured
from benchmarks._recorded import Family, Machine, Rule

Figures = dict[str, Any]
FLOOR = "  evenly spaced"
"""The floor of alerts: as many of the same mean length, which look at no reading."""

ALERTS: Mapping[Family, Sequence[tuple[str, str]]] = {
    Family.INTERVALS: (
        ("labels", "labels"), ("found", "found"), ("clean", "clean"), ("delay s", "delay_s_median"),
        ("p90", "delay_s_p90"), ("false", "false_episodes"), ("a device-day", "false_per_device_day"),
        ("of time", "false_time_share"),
    ),
    Family.FAILURES: (
        ("failures", "labels"), ("warned 24 h", "warned_24h"), ("share", "warned_24h_share"),
        ("random instant", "random_instant_share"), ("lead h", "lead_h_median"),
        ("false a machine-month", "false_per_machine_month"), ("of time", "false_time_share"),
    ),
    Family.LIVES: (
        ("lives", "labels"), ("good", "good"), ("premature", "premature"), ("late", "late_or_missed"),
        ("lead of life", "lead_share_median"), ("neighbours a week", "neighbour_false_per_week"),
    ),
}  # fmt: skip
SCORES = ("series", "VUS-PR", "random", "AP", "random", "AP by score")
NAB = ("alerts as raised", "low FP", "low FN", "p_rest cross-half", "p_rest best")
TITLES = {
    Family.INTERVALS: "Alerts against labelled faults",
    Family.FAILURES: "Alerts before failures",
    Family.LIVES: "Alerts of machines run to failure",
}


def figures(machines: Sequence[Machine], rule: Rule, floors: bool = True) -> Figures:
    """Everything that is said of a set, with its floors unless they are not wanted."""
    told: Figures = {
        "family": str(rule.family),
        "devices": len(machines),
        "alerts": measured(machines, rule),
        "calibration": worth.calibration(machines, rule),
    }
    if rule.slope_rows:
        told["scores"] = worth.ranked(machines, rule)
    if rule.nab:
        told["nab"] = worth.by_nab(machines)
    return told | ({"floor": _floors(machines, rule)} if floors else {})


def _floors(machines: Sequence[Machine], rule: Rule) -> Figures:
    floor = {"evenly_spaced": worth.evenly_spaced(machines, rule), "random": worth.at_random(machines, rule)}
    return floor | ({"blind_alarms": worth.blind_alarms(machines)} if rule.nab else {})


def pooled(told: Mapping[str, Figures]) -> Figures:
    """Normal rows, and those with a p-value at or below each level, of all sets together."""
    return {key: sum(one["calibration"][key] for one in told.values()) for key in ("rows", *map(_level, worth.LEVELS))}


def _level(level: float) -> str:
    return f"{level:g}"


def print_figures(console: Console, told: Mapping[str, Figures]) -> None:
    """Print every table that has a row."""
    for family, columns in ALERTS.items():
        those = {name: one for name, one in told.items() if one["family"] == family}
        _print(console, TITLES[family], [head for head, _ in columns], those, _alert_rows(columns))
    ranked = {name: one for name, one in told.items() if one.get("scores", {}).get("series")}
    _print(console, "Scores, mean of the series", SCORES, ranked, _score_rows)
    by_nab = {name: one for name, one in told.items() if "nab" in one}
    _print(console, "NAB score, normalised over these series", NAB, by_nab, _nab_rows)
    heads = ("rows", *(f"p <= {_level(level)}" for level in worth.LEVELS))
    rows = {**told, "all sets": {"calibration": pooled(told)}} if len(told) > 1 else told
    _print(console, "Normal rows with a p-value at or below a level, as a share", heads, rows, _calibration_rows)


Rows = Callable[[str, Figures], list[tuple[str, Sequence[object]]]]


def _print(console: Console, title: str, heads: Sequence[str], told: Mapping[str, Figures], rows: Rows) -> None:
    if not told:
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("set", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right")
    for name, one in told.items():
        for label, cells in rows(name, one):
            table.add_row(label, *map(shown, cells), style="dim" if label.startswith(" ") else None)
    console.print(table)


def _alert_rows(columns: Sequence[tuple[str, str]]) -> Rows:
    def rows(name: str, one: Figures) -> list[tuple[str, Sequence[object]]]:
        ours, floor = one["alerts"], one["floor"]["evenly_spaced"]
        made = [(name, [ours[key] for _, key in columns])]
        return made + ([(FLOOR, [floor[key] for _, key in columns])] if floor else [])

    return rows


def _score_rows(name: str, one: Figures) -> list[tuple[str, Sequence[object]]]:
    ours, floor = one["scores"], one["floor"]["random"]
    cells = (ours["series"], ours["vus_pr"], floor["vus_pr"], ours["ap"], floor["ap"], ours["ap_by_score"])
    return [(name, cells)]


def _nab_rows(name: str, one: Figures) -> list[tuple[str, Sequence[object]]]:
    ours, floor = one["nab"], one["floor"]
    return [
        (name, tuple(ours.values())),
        ("  random", ("", "", "", floor["random"]["p_rest_cross_half"], floor["random"]["p_rest_best"])),
        ("  every so often", (floor["blind_alarms"], "", "", "", "")),
    ]


def _calibration_rows(name: str, one: Figures) -> list[tuple[str, Sequence[object]]]:
    found = one["calibration"]
    rows = found["rows"]
    shares = [found[_level(level)] / rows if rows else None for level in worth.LEVELS]
    return [(name, (rows, *shares))]


def shown(value: object) -> str:
    """A cell of a table."""
    match value:
        case None:
            return "-"
        case float():
            return f"{value:.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
        case _:
            return str(value)
