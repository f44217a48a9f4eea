"""What each part of the detectors is worth: the shipped ones beside others with one part switched off or changed.

    forewarn bench ablation FOLDER [--set NAME ...] [--only VARIANT ...] [--jobs N] [--json FILE]

FOLDER and the figures are those of `forewarn bench detection`; alerts about silence do not count. Every variant changes
constants of the modules in a process of its own (`benchmarks/_variants.py`), so it goes through the same engine.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks._figures import Figures, pooled, shown
from benchmarks._recorded import Family, sets_in
from benchmarks._variants import SHIPPED, VARIANTS
from benchmarks._worth import LEVELS
from benchmarks.detection import PLAIN_WIDTH, measure, wanted
from forewarn.engine import EngineConfig
from ingest.errors import InputError

IGNORED = frozenset({"silence"})
"""Files have gaps and nobody listening; silence is not what is changed here."""
ALERTS: Mapping[Family, Sequence[tuple[str, str]]] = {
    Family.INTERVALS: (("found", "found"), ("clean", "clean"), ("false a device-day", "false_per_device_day")),
    Family.FAILURES: (("warned 24 h", "warned_24h"), ("false a machine-month", "false_per_machine_month")),
    Family.LIVES: (("good", "good"), ("premature", "premature")),
}
NAB = (("alerts, standard", "alerts"), ("p_rest cross-half", "p_rest_cross_half"))
BySet = dict[str, Figures]


def main(arguments: Sequence[str]) -> int:
    """Measure the variants over every set of the folder and print a table for each set."""
    chosen = _parser().parse_args(arguments)
    if not chosen.folder.is_dir():
        raise InputError(f"bench ablation: {chosen.folder}: is no folder of recorded faults")
    sets = wanted(sets_in(chosen.folder), chosen.set)
    told = compare(sets, _names(chosen.only), chosen.jobs)
    console = Console()
    print_tables(console if console.is_terminal else Console(width=PLAIN_WIDTH), told)
    if chosen.json is not None:
        whole = {name: {"sets": one, "pooled": {"calibration": pooled(one)}} for name, one in told.items()}
        chosen.json.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forewarn bench ablation", description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--set", action="append", default=[], metavar="NAME", help="only these sets")
    parser.add_argument("--only", action="append", default=[], metavar="VARIANT", help="only these beside the shipped")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="variants at a time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    return parser


def _names(only: Sequence[str]) -> list[str]:
    unknown = sorted(set(only) - set(VARIANTS))
    if unknown:
        raise InputError(f"bench ablation: --only {unknown[0]}: there are {', '.join(VARIANTS)}")
    return [name for name in VARIANTS if not only or name in only or name == SHIPPED]


def compare(sets: Mapping[str, Sequence[Path]], names: Sequence[str], processes: int = 1) -> dict[str, BySet]:
    """The figures of each variant by set, without floors. A process judges with one variant and ends."""
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, max_tasks_per_child=1) as pool:
        found = pool.map(_measured, names, [dict(sets)] * len(names))
        return dict(zip(names, found, strict=True))


def _measured(name: str, sets: Mapping[str, Sequence[Path]]) -> BySet:
    VARIANTS[name].apply()
    return measure(sets, EngineConfig(), IGNORED, floors=False)


def print_tables(console: Console, told: Mapping[str, BySet]) -> None:
    """Print a table for each set, and one of the p-values of all."""
    for name, one in told[SHIPPED].items():
        heads, keys = _columns(one)
        _print(console, name, heads, {variant: _cells(sets[name], keys) for variant, sets in told.items()})
    heads = ["rows", *(f"p <= {level:g}" for level in LEVELS)]
    _print(console, "normal rows, all sets", heads, {name: _calibration(pooled(sets)) for name, sets in told.items()})


def _columns(one: Figures) -> tuple[list[str], list[tuple[str, str]]]:
    """Heads of a set's columns, and where the figures are."""
    columns = [(head, ("alerts", key)) for head, key in ALERTS[Family(one["family"])]]
    columns += [(head, ("nab", key)) for head, key in NAB if "nab" in one]
    columns += [("VUS-PR", ("scores", "vus_pr"))] if one.get("scores", {}).get("series") else []
    return [head for head, _ in columns], [key for _, key in columns]


def _cells(one: Figures, keys: Sequence[tuple[str, str]]) -> list[Any]:
    return [one[part][key] for part, key in keys]


def _calibration(found: Mapping[str, int]) -> list[Any]:
    rows = found["rows"]
    return [rows, *(found[f"{level:g}"] / rows if rows else None for level in LEVELS)]


def _print(console: Console, title: str, heads: Sequence[str], rows: Mapping[str, Sequence[Any]]) -> None:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("variant", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right")
    table.add_column("what is different")
    for name, cells in rows.items():
        table.add_row(name, *map(shown, cells), VARIANTS[name].what)
    console.print(table)
