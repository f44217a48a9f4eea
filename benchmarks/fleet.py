"""A month of a simulated fleet through the engine: what is found, how soon, and what is raised for nothing.

    forewarn bench fleet [--scenario NAME] [--devices N] [--days N] [--seed N] [--budget TEXT ...]

In process and on virtual time, one run for all budgets: scores do not depend on the budget. Alerts are held against the
truth of the scenario. The status is 1 if the false alarms of a budget exceed twice what it accepts, chance allowed for.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.table import Table

from alerts.budget import Budget
from benchmarks._fleetcount import WITHIN, Count, count
from benchmarks._fleetrun import FleetRun, run_fleet
from benchmarks._fleetsize import DAY_NS, sized
from forewarn.progress import sharing
from ingest.errors import InputError
from simulators.scenario import load_scenario
from simulators.simulation import Simulation

BUDGETS = ("0.3 per device-month", "1 per device-month", "3 per device-month")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what came of it; 1 if a budget was not kept."""
    options = _options(arguments)
    budgets = list(dict.fromkeys(_budget(text) for text in options.budget or BUDGETS))
    scenario = sized(load_scenario(options.scenario), options.devices, options.days)
    sim = Simulation(scenario, options.seed)
    with sharing("judging") as progress:
        run = run_fleet(sim, budgets, progress)
    counts = [count(sim, budget, run.alerts[budget], len(run.orders[budget])) for budget in budgets]
    console = Console(width=None if Console().is_terminal else 160)
    console.print(_head(sim, run), highlight=False)
    console.print(_summary(counts), _kinds(counts), _classes(counts))
    for one in counts:
        if not one.kept:
            console.print(
                f"budget {one.budget}: more than {WITHIN:g} times the false alarms it accepts", highlight=False
            )
    return int(not all(one.kept for one in counts))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="forewarn bench fleet")
    parser.add_argument("--scenario", default="soak", help="a built-in scenario or a file (default: soak)")
    parser.add_argument("--devices", type=_positive(int), help="so many devices instead of the scenario's")
    parser.add_argument("--days", type=_positive(float), help="so many days instead of the scenario's")
    parser.add_argument("--seed", type=int, default=0, help="another site of the same kind")
    parser.add_argument("--budget", action="append", help=f"alarms.budget; may be given again ({', '.join(BUDGETS)})")
    return parser.parse_args(arguments)


def _positive(kind: type[int | float]) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if not 0 < value < 1e6:
            raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
        return value

    return number


def _budget(text: str) -> Budget:
    try:
        return Budget.parse(text)
    except ValueError as error:
        raise InputError(f"bench fleet: --budget: {error}") from error


def _head(sim: Simulation, run: FleetRun) -> str:
    days = (sim.end - sim.history_start) / DAY_NS
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    made, judged = run.readings / run.simulating_s, run.readings / run.judging_s
    return (
        f"{sim.scenario.name}, seed {sim.seed}: {len(sim.devices):,} devices, {days:g} days, {run.readings:,} "
        f"readings; per CPU second {made:,.0f} made and {judged:,.0f} judged; {memory:,.0f} MB at most"
    )


def _summary(counts: Sequence[Count]) -> Table:
    table = _table("Alerts by budget", counts)
    for name, cells in _rows(counts):
        table.add_row(name, *cells)
    return table


def _rows(counts: Sequence[Count]) -> Iterator[tuple[str, list[str]]]:
    yield "alerts / orders", [f"{one.alerts:,} / {one.orders:,}" for one in counts]
    yield "found of what was wrong", [f"{_total(one)} ({one.recall:.0%})" for one in counts]
    yield "right of right and false", [f"{one.right:,} ({one.precision:.0%})" for one in counts]
    yield "breakdowns warned of a day ahead", [f"{one.warned} of {one.breakdowns}" for one in counts]
    yield (
        "lead, median",
        [_length(sorted(one.leads_s)[len(one.leads_s) // 2] if one.leads_s else None) for one in counts],
    )
    yield "false alarms", [f"{one.false:,}" for one in counts]
    yield "  per device-month", [f"{one.false_per_month:.3g}" for one in counts]
    yield "  times the budget", [f"{one.false / one.accepted:.2f}" if one.accepted else "-" for one in counts]
    yield "  by week", [" ".join(map(str, one.false_in)) for one in counts]
    yield "raised within a day after", [f"{one.after:,}" for one in counts]
    yield "false silence", [f"{one.silent:,}" for one in counts]


def _kinds(counts: Sequence[Count]) -> Table:
    """What was found of each kind, and the median delay."""
    table = _table("Found by kind of trouble, median delay", counts)
    for kind in counts[0].found:
        cells = (f"{one.found[kind][0]} of {one.found[kind][1]}, {_length(one.delays_s.get(kind))}" for one in counts)
        table.add_row(kind, *cells)
    return table


def _classes(counts: Sequence[Count]) -> Table:
    """False alarms of each class of devices per device-month, and which share of all they are."""
    table = _table("False alarms per device-month by class of devices, share", counts)
    for name in counts[0].false_of:
        cells = []
        for one in counts:
            number, months = one.false_of[name]
            cells.append(f"{number / months if months else 0:.3g}, {number / max(one.false, 1):.0%}")
        table.add_row(name, *cells)
    return table


def _table(title: str, counts: Sequence[Count]) -> Table:
    return Table("", *(str(one.budget) for one in counts), title=title, title_justify="left")


def _total(one: Count) -> str:
    found, all_ = (sum(column) for column in zip(*one.found.values(), strict=True)) if one.found else (0, 0)
    return f"{found} of {all_}"


def _length(seconds: float | None) -> str:
    """A length of time as people say it."""
    if seconds is None:
        return "-"
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
